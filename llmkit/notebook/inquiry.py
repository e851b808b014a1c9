"""What a cell is about to ask: everything of it in one value, to be looked at (``--dry-run``) or sent.

How its parts come about is the business of ``magics.py``, ``prompt.py`` and ``attach.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest
from llmkit.core.messages import FilePart, ImagePart, Message, ToolCallPart, ToolResultPart
from llmkit.core.request import Request
from llmkit.core.signal import Signal
from llmkit.engine import estimate
from llmkit.engine.budget import budget
from llmkit.engine.consent import Consent
from llmkit.engine.estimate import Estimate
from llmkit.engine.session import as_options, as_prompt
from llmkit.engine.tool_loop import DEFAULT_ROUNDS
from llmkit.engine.toolbox import Toolbox
from llmkit.models.catalogue import facts
from llmkit.models.tokens import TokenCount, estimate_tokens
from llmkit.notebook import routes
from llmkit.notebook.conversation import Conversation, check_room
from llmkit.notebook.rounds import called

if TYPE_CHECKING:
    from llmkit.engine.session import Session
    from llmkit.engine.stream import Stream
    from llmkit.providers.base import Provider


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One question and what goes with it. ``history`` is what was said before it."""

    asked: Message
    provider: Provider
    name: str
    #: The model as it was written: a tape finds its calls by that.
    written: str | None = None
    #: The models that are asked when that one fails.
    fallback: tuple[str, ...] = ()
    history: Conversation = field(default_factory=Conversation)
    system: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    tools: Toolbox = field(default_factory=Toolbox)
    max_rounds: int = DEFAULT_ROUNDS
    timeout: float | None = None
    budget: float | None = None
    tag: str | None = None
    #: What kind of work it is and how the model was chosen, where that is left to llmkit.
    task: str | None = None
    strategy: str | None = None
    #: The cell that asks, and which of its runs.
    cell: str | None = None
    run: int | None = None

    @property
    def model(self) -> str:
        """As provider/model."""
        return f"{self.provider.name}/{self.name}"

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was said before, and the question."""
        # Anthropic's API takes calls of earlier rounds only beside tools that are offered still.
        tools = bool(self.tools.specs) or self.provider.wire != "anthropic.messages"
        return (*self.history.messages(self.model, tools=tools), self.asked)

    @property
    def label(self) -> str:
        """The model, and why this one, in a word."""
        why = ", ".join(filter(None, (self.task, self.strategy)))
        return f"{self.model} ({why})" if why else self.model

    def tokens(self) -> TokenCount:
        """About how long the words of it are. Pictures and files are not counted."""
        schema = "" if self.schema is None else str(self.schema)
        tools = "".join(str(spec) for spec in self.tools.specs)
        return estimate_tokens(
            "\n".join((self.system or "", schema, tools, *(m.text for m in self.messages)))
        )

    def check(self) -> str:
        """Refuse what can't fit the model; the result is a warning, or ""."""
        known = facts(self.provider.name, self.name)
        pictures = [part for part in self.asked.parts if isinstance(part, ImagePart)]
        if pictures and known.vision is False:
            raise BadRequest(
                f"{self.model} does not see pictures, and {len(pictures)} would be sent.",
                why="The catalogue says so. Nothing was sent.",
                hint="Ask a model that sees, or leave the picture out.",
            )
        return check_room(known, self.tokens().value, self.options.get("max_tokens"), len(self.history.turns))

    def send(self, session: Session, consent: Consent | None = None) -> Stream:
        """Ask it. ``consent`` is asked before a tool runs."""
        purse: AbstractContextManager[Any] = nullcontext() if self.budget is None else budget(self.budget)
        routed = self.task is not None or self.strategy is not None
        alone = partial(session.stream, model=self.written, fallback=self.fallback)
        ask = partial(routes.execute, session, self) if routed else alone
        with purse:
            return ask(
                self.messages,
                system=self.system,
                schema=self.schema,
                tools=self.tools,
                max_rounds=self.max_rounds,
                consent=consent,
                signal=Signal.timeout(self.timeout) if self.timeout else None,
                tag=self.tag,
                cell=self.cell,
                **self.options,
            )

    def look(self, session: Session) -> str:
        """What would be sent, and what it would take. Nothing is sent; no key is needed."""
        request = Request(
            model=self.name,
            messages=as_prompt(self.messages),
            signal=Signal.never(),
            system=self.system,
            options=as_options(self.options),
            schema=self.schema,
            tools=self.tools.specs,
        )
        found = estimate.of(session, self.provider, request)
        return "\n".join([*self._written(), "", *self._figures(found), *found.notes])

    def _written(self) -> list[str]:
        out = [f"Dry run: nothing was sent. To {self.model}:"]
        if self.system:
            out += ["", "[system]", self.system]
        if self.tools.specs:
            names = (f"{spec.name}: {spec.description.partition(chr(10))[0]}" for spec in self.tools.specs)
            out += ["", "[tools]", *names]
        for message in self.messages:
            out += ["", f"[{message.role}]", *_parts(message)]
        return out

    def _figures(self, found: Estimate) -> list[str]:
        how = found.method if found.exact else f"{found.method}, ±{found.error:.0%}"
        cost = "cost: unpriced"
        if found.least.known:
            cost = f"cost: at least {found.least} for the question alone"
            cost += (
                f", at most {found.most} with {found.assumption}"
                if found.most.known
                else f"; {found.assumption}"
            )
        simulated = " (simulated: no money)" if self.provider.simulated else ""
        budgeted = "" if self.budget is None else f"; this cell's budget is ${self.budget:g}"
        return [f"tokens in: {found.tokens:,} ({how})", f"{cost}{simulated}{budgeted}"]


def _parts(message: Message) -> list[str]:
    told = []
    for part in message.parts:
        match part:
            case ImagePart() | FilePart():
                size = f"{len(part.data):,} bytes" if part.data is not None else part.url or "by id"
                told.append(f"[{part.media_type}, {size}]")
            case ToolCallPart(_, name, arguments):
                told.append(f"[calls {called(name, arguments)}]")
            case ToolResultPart():
                told.append(f"[{part.name} {'failed' if part.is_error else 'gave'}: {part.content}]")
            case _:
                told += [text] if (text := str(getattr(part, "text", ""))) else []
    return told
