"""What came back: a reply, why it stopped, and how long it took. Values only.

How a reply looks in a notebook is the business of ``notebook/``; a reply only asks for it lazily.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from llmkit.core.errors import NotJson
from llmkit.core.messages import (
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    message_from_json,
    message_to_json,
    part_from_json,
    part_to_json,
)
from llmkit.core.route import Route
from llmkit.core.usage import Cost, Usage

#: The classes of stop reasons, the same for every provider.
STOPS = (
    "stop",
    "max_tokens",
    "tool_use",
    "refusal",
    "content_filter",
    "stop_sequence",
    "pause",
    "error",
    "other",
    "unknown",
)


class StopReason(str):
    """Why the model stopped, in one vocabulary (:data:`STOPS`), with the provider's own word kept.

    It is the class as text, and it also compares equal to the provider's own word, so that code
    written against a provider's manual goes on working. It hashes as the class.

    >>> stop = StopReason("max_tokens", "length")
    >>> stop == "max_tokens", stop == "length", str(stop), stop.provider
    (True, True, 'max_tokens', 'length')
    """

    __slots__ = ("provider",)
    provider: str | None

    def __new__(cls, value: str, provider: str | None = None) -> StopReason:
        """Make one from its class and the provider's word."""
        if value not in STOPS:
            raise ValueError(f"Not a class of stop reasons: {value!r}.")
        reason = super().__new__(cls, value)
        reason.provider = provider
        return reason

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True or other == self.provider

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return f"StopReason({str(self)!r}, {self.provider!r})"

    def __getnewargs__(self) -> tuple[str, str | None]:  # type: ignore[override]
        return (str(self), self.provider)


UNKNOWN_STOP = StopReason("unknown")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, on a monotonic clock: ``ttft`` is the time to the first token.

    >>> Timing(ttft=0.5, duration=2.5).tokens_per_second(100)
    50.0
    """

    ttft: float | None = None
    duration: float | None = None

    def tokens_per_second(self, output: int | None) -> float | None:
        """The pace after the first token, where both ends of it are known."""
        if output is None or self.duration is None:
            return None
        span = self.duration - (self.ttft or 0.0)
        return output / span if span > 0 else None

    def to_json(self) -> dict[str, float | None]:
        """As plain JSON values."""
        return {"ttft": self.ttft, "duration": self.duration}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Timing:
        """The inverse of :meth:`to_json`."""
        return cls(plain.get("ttft"), plain.get("duration"))


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, whole or partial.

    ``message`` is the assistant's turn as it must be sent back; ``raw`` keeps what the reader could
    not map; ``notes`` says in words what llmkit changed or noticed on the way.

    Where tools were run, ``message`` (and so ``text``) is the last answer, ``steps`` holds every round, and
    ``usage``, ``cost`` and ``timing`` are those of all rounds together.

    >>> reply = Reply(Message.assistant("Hello."), model="m")
    >>> reply.text, str(reply)
    ('Hello.', 'Hello.')
    """

    message: Message = Message("assistant", ())
    stop_reason: StopReason = UNKNOWN_STOP
    usage: Usage = Usage()
    cost: Cost = Cost()
    timing: Timing = Timing()
    model: str | None = None
    provider: str | None = None
    id: str | None = None
    request_id: str | None = None
    refusal: str | None = None
    simulated: bool = False
    complete: bool = True
    attempts: int = 1
    notes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    #: Which models might have been asked, and were, where that was chosen here.
    route: Route | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    #: The value that the answer holds, where a schema was given.
    data: Any = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The words of the answer."""
        return self.message.text

    @property
    def thinking(self) -> str:
        """What the model thought, where it shows that."""
        return "".join(p.text for p in self.message.parts if isinstance(p, ThinkingPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tools the answer asks for."""
        return self.message.tool_calls

    @property
    def server_work(self) -> tuple[tuple[ToolCallPart, ToolResultPart | None], ...]:
        """What the provider's own tools (search, code, …) did for this answer: calls, and what came of each."""
        # How providers say it is the business of a room above this one; it is asked by name.
        from importlib import import_module

        found: tuple[tuple[ToolCallPart, ToolResultPart | None], ...]
        found = import_module("llmkit.wire.server_work").server_work(self)
        return found

    @property
    def turn(self) -> tuple[Message, ...]:
        """All that is to be sent back before the next question: the answer, or every round of it with what
        the tools said. Calls that nobody answered are left out: no provider would take them."""
        if not self.steps:
            return (self.message,)
        turn: list[Message] = []
        for step in self.steps:
            calls, answered = len(step.reply.tool_calls), len(step.results)
            if calls == answered and step.reply.message.parts:
                turn += [step.reply.message, *([Message.tool(*step.results)] if answered else [])]
        return tuple(turn)

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """Pictures in the answer."""
        return tuple(p for p in self.message.parts if isinstance(p, ImagePart))

    @property
    def citations(self) -> tuple[Mapping[str, Any], ...]:
        """The provider's citations, in the order of the text."""
        return tuple(c for p in self.message.parts if isinstance(p, TextPart) for c in p.citations)

    @property
    def json(self) -> Any:
        """The answer read as JSON (a fenced block is unwrapped).

        >>> Reply(Message.assistant('{"a": 1}')).json
        {'a': 1}

        What is none raises :class:`llmkit.errors.NotJson`, which is a ``ValueError`` too.
        """
        fenced = _FENCE.search(self.text)
        try:
            return json.loads(fenced.group(2) if fenced else self.text)
        except (ValueError, RecursionError) as error:
            raise NotJson(
                "The answer is not JSON.",
                why=self._why_no_json(error),
                hint="A schema (schema=…, in a cell --schema) makes a model write JSON. The words are in reply.text.",
                partial=self,
            ) from None

    def _why_no_json(self, error: Exception) -> str:
        if not self.text.strip():
            return "It has no words: it asks for tools." if self.tool_calls else "It has no words."
        if not self.complete:
            return "It is a part of an answer."
        if self.stop_reason == "max_tokens":
            return "It was cut at its token limit (max_tokens)."
        start = " ".join(self.text[:60].split())
        return f"{error}. It begins: {start}{'…' if len(self.text) > 60 else ''}"

    @property
    def df(self) -> Any:
        """The value that the answer holds as a DataFrame: a row for each item of a list."""
        # pandas is the business of a room above this one; it is asked by name, and only when it is wanted.
        from importlib import import_module

        return import_module("llmkit.engine.structured").frame(self)

    @property
    def code(self) -> str:
        """The fenced code of the answer, or the whole text where there is no fence."""
        blocks = [match.group(2) for match in _FENCE.finditer(self.text)]
        return "\n".join(blocks) if blocks else self.text

    def with_(self, **changes: Any) -> Reply:
        """The same reply with some fields replaced."""
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, without ``raw`` and ``data``."""
        more: dict[str, Any] = {"steps": [step.to_json() for step in self.steps]} if self.steps else {}
        more |= {"route": self.route.to_json()} if self.route is not None else {}
        return more | {
            "message": message_to_json(self.message),
            "stop_reason": [str(self.stop_reason), self.stop_reason.provider],
            "usage": self.usage.to_json(),
            "cost": self.cost.to_json(),
            "timing": self.timing.to_json(),
            "model": self.model,
            "provider": self.provider,
            "id": self.id,
            "request_id": self.request_id,
            "refusal": self.refusal,
            "simulated": self.simulated,
            "complete": self.complete,
            "attempts": self.attempts,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Reply:
        """The inverse of :meth:`to_json`."""
        return cls(
            **{
                **plain,
                "message": message_from_json(plain["message"]),
                "stop_reason": StopReason(*plain["stop_reason"]),
                "usage": Usage.from_json(plain["usage"]),
                "cost": Cost.from_json(plain["cost"]),
                "timing": Timing.from_json(plain["timing"]),
                "notes": tuple(plain["notes"]),
                "steps": tuple(Step.from_json(step) for step in plain.get("steps", ())),
                "route": None if plain.get("route") is None else Route.from_json(plain["route"]),
            }
        )

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        # The notebook's rooms are above this one; they are asked by name, at display time only.
        from importlib import import_module

        bundle: dict[str, Any] = import_module("llmkit.notebook.static").reply_bundle(self)
        return bundle


@dataclass(frozen=True, slots=True)
class Step:
    """One round of an answer that used tools: what the model said, and what the tools gave back.

    The last round has no results: there the model answered.

    >>> reply = llmkit.ask("What is the weather in Oslo?", tools=[weather])  # doctest: +SKIP
    >>> [len(step.results) for step in reply.steps]  # doctest: +SKIP
    [1, 0]
    """

    reply: Reply
    results: tuple[ToolResultPart, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"reply": self.reply.to_json(), "results": [part_to_json(part) for part in self.results]}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Step:
        """The inverse of :meth:`to_json`."""
        results = tuple(
            part for each in plain["results"] if isinstance(part := part_from_json(each), ToolResultPart)
        )
        return cls(Reply.from_json(plain["reply"]), results)


_FENCE = re.compile(r"^```[ \t]*([^\n`]*)\n(.*?)^```[ \t\r]*$", re.MULTILINE | re.DOTALL)
