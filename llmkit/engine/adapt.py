"""A request made to fit the model it goes to, before it is sent: what the catalogue says a model does not
take is left out or put otherwise, and every such change is a note on the reply.

What only the provider's own "no" tells is in ``refusals.py``; how options are written is ``wire/``'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmkit.core.request import Options, Request
from llmkit.engine import attachments, structured_fit
from llmkit.engine.refusals import Refusals
from llmkit.models import efforts
from llmkit.models.catalogue import ModelFacts, facts
from llmkit.providers.base import Provider
from llmkit.wire import dialects

#: What is known of a provider's model: a session knows more than the shipped catalogue.
Know = Callable[[str, str], ModelFacts]
#: Options for which a wire has no word.
_WORDLESS: Mapping[str, tuple[str, ...]] = {
    "anthropic.messages": ("seed",),
    "openai.responses": ("stop", "seed"),
}
#: The hottest that a provider takes, where that is less than 2.
_HOTTEST: Mapping[str, float] = {"anthropic": 1.0, "cohere": 1.0, "mistral": 1.5}
_SAMPLING = ("temperature", "top_p")
_EMPTY = Options()
#: Where bodies hold a word of effort.
_EFFORTS = (
    ("reasoning_effort",),
    ("reasoning", "effort"),
    ("generationConfig", "thinkingConfig", "thinkingLevel"),
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request as it is sent, its body, and what was changed, in words."""

    request: Request
    body: dict[str, Any]
    notes: tuple[str, ...] = ()


def prepare(request: Request, provider: Provider, refusals: Refusals, know: Know = facts) -> Fitted:
    """The body of a request, fitted to its model; raises what ``provider.prepare`` raises, and for pictures and
    files that would be refused."""
    known = knowledge(provider, request.model, know)
    fitted, notes = fit(request, provider, known)
    fitted, renamed = attachments.check(fitted, provider, known)
    fitted, told = structured_fit.fit(
        fitted,
        provider.wire,
        provider.dialect,
        known.name,
        in_words=refusals.of_schemas(provider.name, request.model),
    )
    body = provider.prepare(fitted)
    body, more = _worded(body, fitted, known)
    body, again = refusals.apply(provider.name, request.model, body)
    return Fitted(fitted, body, (*notes, *renamed, *told, *more, *again))


def knowledge(provider: Provider, model: str, know: Know = facts) -> ModelFacts:
    """What is known of a model, whatever the user calls its provider: by the provider's name, by whose ways
    it speaks, or by the maker that its own name begins with (``openrouter`` and its like)."""
    maker, slash, name = model.partition("/")
    tries = [(provider.name, model), (provider.dialect, model), *([(maker, name)] if slash else [])]
    found = (know(*pair) for pair in tries)
    return next((known for known in found if known.known), ModelFacts(provider=provider.name, model=model))


def fit(request: Request, provider: Provider, known: ModelFacts) -> tuple[Request, tuple[str, ...]]:
    """The same request with the options that this model takes, and what was changed."""
    if request.options == _EMPTY:
        return request, ()
    fitting = _Fitting(request.options, f"{provider.name}/{request.model}")
    fitting.leave_out(_WORDLESS.get(provider.wire, ()), "this API has no word for it")
    if known.sampling is False:
        fitting.leave_out(_SAMPLING, f"{fitting.model} takes none")
    if provider.wire == "openai.chat" and dialects.get(provider.dialect).think == "none":
        fitting.leave_out(("think",), f"{provider.name} can't be told how hard to think")
    fitting.think(known)
    if provider.wire == "anthropic.messages" and fitting.options.think not in (None, "off", 0):
        fitting.leave_out(_SAMPLING, "a model that thinks sets it itself")
    fitting.cool(_HOTTEST.get(provider.dialect))
    fitting.shorten(known.max_output)
    if remark := dialect_remark(fitting.options.think, provider.dialect, provider.wire):
        fitting.notes.append(remark)
    return replace(request, options=fitting.options), tuple(fitting.notes)


class _Fitting:
    """Options on their way to a model, and what was said of them."""

    def __init__(self, options: Options, model: str) -> None:
        self.options = options
        self.model = model
        self.notes: list[str] = []

    def leave_out(self, names: tuple[str, ...], why: str) -> None:
        for name in names:
            if getattr(self.options, name) not in (None, ()):
                self.options = replace(self.options, **{name: getattr(_EMPTY, name)})
                self.notes.append(f"`{name}` was left out: {why}.")

    def cool(self, hottest: float | None) -> None:
        hot = self.options.temperature
        if hottest is not None and hot is not None and hot > hottest:
            self.options = replace(self.options, temperature=hottest)
            self.notes.append(f"`temperature` {hot:g} became {hottest:g}, the most that {self.model} takes.")

    def shorten(self, longest: int | None) -> None:
        wanted = self.options.max_tokens
        if longest is not None and wanted is not None and wanted > longest:
            self.options = replace(self.options, max_tokens=longest)
            self.notes.append(
                f"`max_tokens` {wanted:,} became {longest:,}, the most that {self.model} writes."
            )

    def think(self, known: ModelFacts) -> None:
        if self.options.think == 0:  # no tokens at all: not every wire has a word for that
            self.options = replace(self.options, think="off")
        think, ways = self.options.think, known.thinking
        if think is None or ways is None:
            return
        off = think in ("off", 0)
        if not ways:
            self.options = replace(self.options, think=None)
            if not off:
                self.notes.append(f"`think` was left out: {self.model} does not think.")
        elif off and "always" in ways:
            self.options = replace(self.options, think="low")
            self.notes.append(f"{self.model} always thinks; it is told to think little.")
        elif isinstance(think, int) and "budget" not in ways:
            level: Any = efforts.level(think)
            self.options = replace(self.options, think=level)
            if not off:
                self.notes.append(
                    f"`think` of {think:,} tokens became {level!r}: {self.model} takes levels, no budget."
                )


def _worded(body: dict[str, Any], request: Request, known: ModelFacts) -> tuple[dict[str, Any], list[str]]:
    """The body with a word of effort that this model takes."""
    think = request.options.think
    words = efforts.words(known.name)
    if think is None:
        return body, []
    if words is None:
        return body, _of_budget(think, body, known.name)
    if "max" in (known.efforts or ()):  # newer than the rules by name
        words = tuple(dict.fromkeys((*words, "max")))
    for path in _EFFORTS:
        *way, last = path
        inner: Any = body
        for step in way:
            inner = inner.get(step) if isinstance(inner, Mapping) else None
        if not isinstance(inner, dict) or not isinstance(asked := inner.get(last), str):
            continue
        word = words[-1] if think == "max" else efforts.nearest(asked.lower(), words)
        if word != asked.lower():
            inner[last] = word.upper() if asked.isupper() else word
        return body, _remarks(think, word, f"{known.name}")
    return body, []


def _of_budget(think: str | int, body: Mapping[str, Any], model: str) -> list[str]:
    """What to know where thinking can't be turned off, only told to be short (Gemini 2.5 Pro)."""
    config = body.get("generationConfig")
    thinking = config.get("thinkingConfig") if isinstance(config, Mapping) else None
    budget = thinking.get("thinkingBudget") if isinstance(thinking, Mapping) else None
    if think != "off" or not budget:
        return []
    return [f"{model} always thinks; it is told to think little ({budget} tokens)."]


def _remarks(think: str | int, word: str, model: str) -> list[str]:
    """What a user should know of the word that was taken."""
    if think in ("off", 0):
        return [] if word == "none" else [f"{model} always thinks; it is told to think little ({word})."]
    if isinstance(think, int) or think == "max" or word == think:
        return []
    return [f"`think` {think!r} became {word!r}: {model} knows no other that is nearer."]


def dialect_remark(think: str | int | None, dialect: str, wire: str) -> str:
    """What a server makes of a level for which it has no word of its own; "" where it has one."""
    if not isinstance(think, str) or think in ("off", "max") or not wire.startswith("openai"):
        return ""
    word = dialects.get(dialect).efforts.get(think)
    return "" if word in (None, think) else f"`think` {think!r} became {word!r}: {dialect} knows no other."
