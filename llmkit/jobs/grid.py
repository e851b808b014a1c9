"""What a comparison asks: prompts × models × systems × temperatures × repeats, as cells.

Everything that can be known to be wrong is found here, for every cell, before the first one is sent.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

from llmkit.core.errors import BadRequest
from llmkit.core.messages import Message
from llmkit.core.reply import Reply
from llmkit.core.request import Options
from llmkit.engine import adapt
from llmkit.engine.inputs import Prompt, as_prompt, as_request
from llmkit.engine.session import Session
from llmkit.jobs.pump import Errand, Status

T = TypeVar("T")

_NOTHING_SENT = "Nothing was sent."


@dataclass(frozen=True, slots=True)
class Question:
    """What one cell asks. ``repeat`` counts from 1, ``place`` (of the prompt among the prompts) from 0."""

    prompt: Prompt
    label: str
    model: str
    system: str | None = None
    temperature: float | None = None
    repeat: int = 1
    place: int = 0

    @property
    def row(self) -> tuple[int, str | None, float | None, int]:
        """What it shares with the questions that differ from it in their model alone."""
        return self.place, self.system, self.temperature, self.repeat


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One question of a grid and what has become of it."""

    number: int
    question: Question
    errand: Errand

    @property
    def model(self) -> str:
        """The model, as it was named."""
        return self.question.model

    @property
    def status(self) -> Status:
        """How it stands: "waiting", "running", "ok", "error", "cancelled", "unsent" or "refused"."""
        return self.errand.status

    @property
    def reply(self) -> Reply | None:
        """The answer, whole or as far as it came; ``None`` where nothing was sent."""
        if self.errand.reply is None and self.errand.stream is not None:
            return self.errand.stream.partial
        return self.errand.reply

    @property
    def text(self) -> str:
        """The words of the answer so far."""
        return "" if self.reply is None else self.reply.text

    @property
    def error(self) -> Exception | None:
        """What went wrong, if something did."""
        return self.errand.error

    def stop(self) -> None:
        """Stop this answer alone, or keep it from being asked. What came is kept. From any thread."""
        self.errand.stop()

    def __repr__(self) -> str:
        return f"<Cell {self.number}: {self.model}, {self.status}, {len(self.text)} characters>"


def questions(
    prompt: Prompt | Sequence[Prompt],
    models: str | Iterable[str] | None,
    *,
    system: str | None,
    systems: Iterable[str | None] | None,
    temperature: float | None,
    temperatures: Iterable[float | None] | None,
    repeats: int,
) -> list[Question]:
    """Every combination, in the order in which the axes are written."""
    if system is not None and systems is not None:
        raise BadRequest("Both system= and systems= are given.", hint=f"Give one of them. {_NOTHING_SENT}")
    if temperature is not None and temperatures is not None:
        raise BadRequest(
            "Both temperature= and temperatures= are given.", hint=f"Give one of them. {_NOTHING_SENT}"
        )
    if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 1:
        raise BadRequest(f"repeats must be a whole number from 1, not {repeats!r}.", hint=_NOTHING_SENT)
    axes = product(
        [(at, one, label_of(one)) for at, one in enumerate(as_prompts(prompt))],
        as_models(models),
        _axis("systems", systems, system),
        _axis("temperatures", temperatures, temperature),
        range(1, repeats + 1),
    )
    return [Question(p, label, model, s, t, n, at) for (at, p, label), model, s, t, n in axes]


def rows(cells: Iterable[Cell]) -> list[tuple[Cell, ...]]:
    """Cells that differ in their model alone, row by row."""
    found: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.question.row, []).append(cell)
    return [tuple(row) for row in found.values()]


def as_prompts(prompt: Prompt | Sequence[Prompt]) -> list[Prompt]:
    """One prompt or several: a list of messages is one conversation, any other list (or whatever gives prompts one by
    one) is several, and so is a column: that of a Series, or "prompt" of a DataFrame (or its only one)."""
    if hasattr(prompt, "columns") or hasattr(prompt, "to_frame"):
        return _column(prompt)
    if isinstance(prompt, Iterator) or hasattr(prompt, "tolist"):
        prompt = list(prompt)  # type: ignore[arg-type]  # an array is no type that we know
    if not isinstance(prompt, list | tuple):
        return [prompt]
    if prompt and all(isinstance(item, Message | Mapping) for item in prompt):
        return [prompt]
    if not prompt:
        raise BadRequest("There is no prompt.", hint=f"Write what you want to ask. {_NOTHING_SENT}")
    return list(prompt)


def _column(data: Any) -> list[Prompt]:
    if hasattr(data, "columns"):
        names = list(data.columns)
        name = "prompt" if "prompt" in names else names[0] if len(names) == 1 else None
        if name is None:
            raise BadRequest(
                f"Which column holds the prompts? There are {', '.join(map(str, names[:12])) or 'none'}.",
                hint=f"Name it 'prompt', or give the column alone: df['column']. {_NOTHING_SENT}",
            )
        data = data[name]
    return as_prompts(list(data))


def label_of(prompt: Prompt) -> str:
    """A prompt in words: the last thing that the user says."""
    messages = as_prompt(prompt)
    said = [message.text for message in messages if message.role == "user"]
    return said[-1] if said else messages[-1].text


def as_models(models: str | Iterable[str] | None) -> list[str]:
    """The models by name; at least one, none twice, none of them empty."""
    named = [models] if isinstance(models, str) else list(models or ())
    if not named:
        raise BadRequest(
            "No models are named.", hint=f'For example models=["sonnet", "luna"]. {_NOTHING_SENT}'
        )
    for name in named:
        if not isinstance(name, str) or not name.strip():
            raise BadRequest(
                f"{name!r} is no model's name.", hint=f"Write it as provider/model. {_NOTHING_SENT}"
            )
        if named.count(name) > 1:
            raise BadRequest(
                f"{name!r} is named twice.", hint=f"repeats=2 asks every model twice. {_NOTHING_SENT}"
            )
    return named


def _axis(name: str, several: Iterable[T | None] | None, one: T | None) -> list[T | None]:
    if several is None:
        return [one]
    values = [several] if isinstance(several, str) or not isinstance(several, Iterable) else list(several)
    if not values:
        raise BadRequest(f"{name}= is empty.", hint=f"Leave it out, or name at least one. {_NOTHING_SENT}")
    return values  # type: ignore[return-value]  # a lone string, or number, is a T


def at_once_from(max_concurrency: int) -> int:
    """How many calls at once, checked."""
    if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int) or max_concurrency < 1:
        raise BadRequest(
            f"max_concurrency must be a whole number from 1, not {max_concurrency!r}.", hint=_NOTHING_SENT
        )
    return max_concurrency


def spelt(more: Mapping[str, Any], job: Callable[..., Any]) -> None:
    """Raise where a further option is one of the job's own, misspelt: ``repeat=3``, ``model="luna"``."""
    own = [name for name in inspect.signature(job).parameters if name != "more"]
    further = {*inspect.signature(Session.stream).parameters, *Options.__dataclass_fields__} - {"model"}
    for name in more:
        near = difflib.get_close_matches(name, [*further, *own], n=1, cutoff=0.75)
        if name not in further and near and near[0] in own:
            raise BadRequest(
                f"There is no option {name!r}.", why=f"Did you mean {near[0]!r}?", hint=_NOTHING_SENT
            )


def check(session: Session, prompt: Prompt, *, model: str | None, more: Mapping[str, Any]) -> None:
    """Raise for what is known to be wrong with a call: no such model, no key, no such option, nothing asked."""
    parameters = inspect.signature(Session.stream).parameters.values()
    said = inspect.signature(as_request).parameters.keys() - {"prompt", "model", "options"}
    taken = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    options = {name: value for name, value in more.items() if name not in taken}
    given = {name: value for name, value in more.items() if name in said}
    request = as_request(prompt, model=model or "default", options=options, **given)
    if (
        session.tape is not None and session.tape.mode != "off"
    ):  # what was recorded replays where there is no key and no such provider
        return
    provider, name = session.resolve(model)
    adapt.prepare(request.with_(model=name), provider, session.refusals, session.catalogue.facts)
