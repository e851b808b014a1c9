"""How many tokens a request is and what it will cost, before it is sent.

Counted by the provider where that is asked for; by OpenAI's own vocabulary where it is on this machine; else
guessed, and the guess learns from what the provider counted for earlier requests. No bill is made of it.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest, FirstByteTimeout, LLMKitError, MissingKey
from llmkit.core.messages import FilePart, ImagePart, Part, ToolResultPart
from llmkit.core.pictures import measure
from llmkit.core.request import Request
from llmkit.core.usage import Cost, Usage
from llmkit.engine import adapt
from llmkit.engine.loop import IOThread
from llmkit.engine.worst import longest, weigh
from llmkit.models import matrix, vision
from llmkit.models.catalogue import facts
from llmkit.models.encodings import encoding_of
from llmkit.models.prices import Overrides, cost_of, worst_case
from llmkit.models.tokens import estimate_tokens
from llmkit.providers import listing
from llmkit.providers.counting import counted
from llmkit.wire import faults

if TYPE_CHECKING:
    from llmkit.engine.session import Session
    from llmkit.providers.base import Provider

#: How far a guess may be off that nothing has been learnt for, and the least that is ever said.
_BLIND, _LEAST = 0.3, 0.02
#: How far off the words are, counted by the model's own vocabulary: what is put around them is not known.
_VOCABULARY = 0.05
_ENOUGH = 3
#: Tokens around the words of a message.
_FRAME = 4
#: Longer prompts are not guessed for learning: that would hold up other calls.
_LEARNT = 50_000
_PICTURE = 1_500


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many tokens go in, how that was found, how far off it may be, and what it will cost.

    ``error`` is the band as a fraction (0.3: ±30 %). The cost runs from ``least``, the question alone, to ``most``,
    with the longest answer, ``max_output``; ``assumption`` says where that comes from.

    >>> guess = llmkit.estimate("Why is the sky blue?", model="sonnet")  # doctest: +SKIP
    >>> guess.low <= guess.tokens <= guess.high  # doctest: +SKIP
    True
    """

    model: str
    tokens: int
    method: str
    exact: bool
    error: float
    least: Cost
    most: Cost
    max_output: int | None
    assumption: str
    notes: tuple[str, ...] = ()

    @property
    def low(self) -> int:
        """The fewest tokens that it may be."""
        return math.floor(self.tokens * (1 - self.error))

    @property
    def high(self) -> int:
        """The most tokens that it may be."""
        return math.ceil(self.tokens * (1 + self.error))

    def __str__(self) -> str:
        band = "" if self.exact else f" ±{self.error:.0%}"
        cost = "unpriced"
        if self.least.known and self.most.known:
            cost = f"at least {self.least} for the question, at most {self.most} with {self.assumption}"
        elif self.least.known:
            cost = f"at least {self.least} for the question; {self.assumption}"
        told = "; ".join(("", *self.notes)) if self.notes else ""
        return f"{self.model}: {self.tokens:,} tokens in{band} ({self.method}{told}); cost: {cost}"

    __repr__ = __str__


def of(session: Session, provider: Provider, request: Request, *, exact: bool = False) -> Estimate:
    """The estimate of a request to that provider, in that session."""
    wanted, know = session.registry.applied(provider, request), session.catalogue.facts
    try:
        fitted = adapt.prepare(wanted, provider, session.refusals, know)
        request, body, notes = fitted.request, fitted.body, fitted.notes
    except MissingKey as error:
        if exact:
            raise
        limit = wanted.options.max_tokens  # no key is needed to guess
        request, body, notes = wanted, {} if limit is None else {"max_tokens": limit}, (error.what,)
    if exact:
        thread = IOThread.current()
        patience = session.gates.patience_for(provider.name).first_byte
        tokens = thread.submit(ask(request, body, provider, thread, patience)).result()
        found = _with_cost(
            tokens, f"counted by {provider.name}", 0.0, request, body, provider, session.prices, (), know
        )
    else:
        earlier = session.ledger.guesses(provider.name, request.model)
        found = estimated(request, body, provider, earlier, session.prices, know)
    return replace(found, notes=(*found.notes, *notes))


def guess(request: Request) -> int | None:
    """A plain guess at a request's input, to learn from; ``None`` where there is more in it than words, or
    more than can be looked at in passing."""
    parts = [part for message in request.messages for part in message.parts]
    if any(
        isinstance(part, ImagePart | FilePart) or (isinstance(part, ToolResultPart) and part.images)
        for part in parts
    ):
        return None
    text = _words(request)
    return estimate_tokens(text).value + _frame(request) if len(text) <= _LEARNT else None


def estimated(
    request: Request,
    body: dict[str, Any],
    provider: Provider,
    earlier: Sequence[tuple[int, int]],
    overrides: Overrides | None,
    know: adapt.Know = facts,
) -> Estimate:
    """The estimate of a request, with what earlier guesses and counts of its model teach."""
    text = _words(request)
    media, unmeasured = _attachments(request, provider)
    encoding = encoding_of(provider.name, request.model)
    rough = "an attachment is" if unmeasured == 1 else f"{unmeasured} attachments are"
    notes = [f"{rough} a rough guess"] if unmeasured else []
    if encoding is not None:
        words = len(encoding.encode(text, disallowed_special=())) + _frame(request)
        method, error = f"the words by tiktoken {encoding.name}", _VOCABULARY
    else:
        plain = estimate_tokens(text).value + _frame(request)
        words, error = corrected(plain, earlier)
        learnt = len(earlier) >= _ENOUGH
        method = f"a guess, corrected by {len(earlier)} earlier counts" if learnt else "a guess"
    if media:
        error = max(error, _BLIND)
    return _with_cost(words + media, method, error, request, body, provider, overrides, tuple(notes), know)


def corrected(plain: int, earlier: Sequence[tuple[int, int]]) -> tuple[int, float]:
    """A guess made better by pairs of guess and count, and how far it may still be off.

    >>> corrected(100, [(10, 12), (50, 60), (200, 240)])
    (120, 0.02)
    >>> corrected(100, [])
    (100, 0.3)
    """
    if len(earlier) < _ENOUGH:
        return plain, _BLIND
    each, more = _line(earlier)
    wrong = [abs(count - (each * was + more)) / count for was, count in earlier]
    spread = math.sqrt(sum(part * part for part in wrong) / len(wrong))
    sizes = [was for was, _ in earlier]
    strange = plain > 4 * max(sizes) or plain < min(sizes) / 4  # what it learnt from was nothing like it
    band = max(_LEAST, 2 * spread, 0.15 if strange else 0.0)
    return max(1, round(each * plain + more)), min(band, 1.0)


def _line(pairs: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Counts as a line over guesses, by least squares; through nothing where the guesses are all alike."""
    ratio = sum(count for _, count in pairs) / sum(was for was, _ in pairs)
    n = len(pairs)
    mean, middle = sum(was for was, _ in pairs) / n, sum(count for _, count in pairs) / n
    spread = sum((was - mean) ** 2 for was, _ in pairs)
    if spread < (mean / 2) ** 2:
        return ratio, 0.0
    each = sum((was - mean) * (count - middle) for was, count in pairs) / spread
    more = middle - each * mean
    return (each, more) if 0.3 <= each <= 3 and more >= 0 else (ratio, 0.0)


async def ask(
    request: Request, body: dict[str, Any], provider: Provider, thread: IOThread, patience: float
) -> int:
    """How many tokens it is, by the provider's own count, which is waited for so many seconds."""
    count = getattr(provider, "count", None)
    why = matrix.why_not(provider.dialect, "count") if provider.wire == "openai.chat" else ""
    if count is None or why:
        raise cannot_count(provider.name, why)
    await thread.clients.load(provider.package)
    try:
        async with asyncio.timeout(patience):
            exchange = await count(request, body, thread.clients)
            answer = await listing.whole(exchange)
    except TimeoutError:
        raise FirstByteTimeout(
            f"{provider.name} did not count the tokens within {patience:g} s.",
            hint="Leave `exact` out for an estimate.",
        ) from None
    if exchange.status == 404 or exchange.status == 405:
        raise cannot_count(provider.name)
    if exchange.status >= 300:
        raise faults.from_response(exchange.status, exchange.headers, answer)
    try:
        found = counted(json.loads(answer))
    except ValueError:
        found = None
    if found is None:
        raise LLMKitError(
            f"{provider.name} did not say how many tokens it is.",
            why="Its answer holds no number.",
            hint="Leave `exact` out for an estimate.",
        )
    return found


def cannot_count(provider: str, why: str = "") -> BadRequest:
    """The error for a server with no counting endpoint."""
    return BadRequest(
        f"{provider} can't count tokens before they are sent.",
        why=why or "It has no endpoint for that.",
        hint="Leave `exact` out for an estimate.",
    )


def _with_cost(
    tokens: int,
    method: str,
    error: float,
    request: Request,
    body: dict[str, Any],
    provider: Provider,
    overrides: Overrides | None,
    notes: tuple[str, ...],
    know: adapt.Know,
) -> Estimate:
    where: dict[str, Any] = {"base_url": provider.base_url, "overrides": overrides}
    asked = longest(body)
    known = adapt.knowledge(provider, request.model, know).max_output
    most_output = asked if asked is not None else known
    assumption = (
        f"{asked:,} tokens of answer (the limit that is sent)"
        if asked is not None
        else f"its longest answer, {known:,} tokens"
        if known is not None
        else "how long its answer may be is unknown; set max_tokens"
    )
    usage = Usage(input=math.floor(tokens * (1 - error)), output=0, source="estimated")
    least = cost_of(usage, provider=provider.name, model=request.model, at=datetime.now(UTC), **where)
    high = math.ceil(tokens * (1 + error))
    most = worst_case(provider.name, request.model, high, most_output, **where)
    if request.options.think not in (None, "off", 0):
        notes = (*notes, "what it thinks is part of the answer")
    return Estimate(
        f"{provider.name}/{request.model}",
        tokens,
        method,
        error == 0.0,
        error,
        least,
        most,
        most_output,
        assumption,
        notes,
    )


def _words(request: Request) -> str:
    """All that is words in a request."""
    words = [request.system or ""]
    words += [weigh(part)[0] for message in request.messages for part in message.parts]
    for tool in request.tools:
        words += [tool.name, tool.description, json.dumps(tool.parameters, default=str)]
    if request.schema is not None:
        words.append(json.dumps(request.schema, default=str))
    return "\n".join(filter(None, words))


def _frame(request: Request) -> int:
    return _FRAME * (len(request.messages) + len(request.tools) + bool(request.system))


def _attachments(request: Request, provider: Provider) -> tuple[int, int]:
    """Tokens of pictures and files, and how many of them could not be measured."""
    maker = provider.name if provider.name in ("anthropic", "openai", "gemini", "azure") else provider.dialect
    tokens = unmeasured = 0
    for part in _media(request):
        count = _tokens_of(part, maker, request.model)
        unmeasured += count is None
        tokens += _PICTURE if count is None else count
    return tokens, unmeasured


def _media(request: Request) -> list[ImagePart | FilePart]:
    parts: list[ImagePart | FilePart] = []
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ImagePart | FilePart):
                parts.append(part)
            elif isinstance(part, ToolResultPart):
                parts += part.images
    return parts


def _tokens_of(part: Part, maker: str, model: str) -> int | None:
    match part:
        case ImagePart(data=bytes(data)):
            width, height, _ = measure(data)
            return vision.picture_tokens(maker, model, width, height, part.detail)
        case FilePart(data=bytes(data)) if part.media_type == "application/pdf":
            return vision.pages(data) * vision.page_tokens(maker)
        case FilePart(data=bytes(data)) if part.media_type.startswith("text/"):
            return estimate_tokens(data.decode("utf-8", "replace")).value
        case _:
            return None
