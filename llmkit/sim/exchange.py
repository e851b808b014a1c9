"""What was asked and what is answered, whatever the wire: the values that the simulator works on.

How a wire spells them lives in that wire's file; what to answer, in answers.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from llmkit.sim.dialects import OPENAI, Dialect
from llmkit.sim.models import SimModel
from llmkit.sim.tokens import count

Wire = Literal["anthropic.messages", "openai.chat", "openai.responses", "gemini.generate"]
Role = Literal["system", "user", "assistant", "tool"]
Stop = Literal["stop", "length", "stop_sequence", "tool_calls", "refusal", "content_filter"]


class Reject(Exception):
    """The request is refused, as the real provider would: a status and what to say."""

    def __init__(
        self, status: int, message: str, *, kind: str = "", code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param


@dataclass(frozen=True, slots=True)
class Media:
    """An image or a file that came with the prompt."""

    type: str
    size: int = 0
    width: int = 0
    height: int = 0
    url: str = ""

    @property
    def tokens(self) -> int:
        """What it counts for: by area for images, by length for files."""
        if self.width and self.height:
            return max(64, self.width * self.height // 750)
        return max(64, self.size // 40)


@dataclass(frozen=True, slots=True)
class Work:
    """A call that the provider made and answered itself."""

    name: str
    asked: Mapping[str, Any]
    found: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; the arguments are the JSON text as it goes over the wire."""

    name: str
    arguments: str
    id: str = ""

    @property
    def parsed(self) -> dict[str, Any]:
        """The arguments as an object; empty where they aren't one (a cut or garbled call)."""
        try:
            value = json.loads(self.arguments)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that is on offer."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of thinking that a client sent back."""

    text: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the conversation."""

    role: Role
    text: str = ""
    media: tuple[Media, ...] = ()
    calls: tuple[Call, ...] = ()
    results: tuple[tuple[str, str], ...] = ()  # (call id or name, text)
    thoughts: tuple[Thought, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, in the simulator's own terms. Script callables get it."""

    wire: Wire
    name: str  # the model, as the client wrote it
    model: SimModel
    turns: tuple[Turn, ...]
    system: str = ""
    dialect: Dialect = OPENAI
    stream: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"  # auto | none | any | the name of a tool
    parallel: bool = True
    schema: Mapping[str, Any] | None = None
    json_mode: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int = 0
    temperature: float | None = None
    think: bool = False
    show_thinking: bool = True
    effort: str = "medium"
    include_usage: bool = False
    cached_prefix: str | None = None  # what the client marked for the cache; None: the server decides
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        """The text of the last user turn."""
        return next((t.text for t in reversed(self.turns) if t.role == "user" and t.text), "")

    @property
    def results(self) -> tuple[tuple[str, str], ...]:
        """The tool results that came since the user last said something."""
        found: list[tuple[str, str]] = []
        for turn in reversed(self.turns):
            if turn.role == "user" and turn.text and not turn.results:
                break
            found[:0] = turn.results
        return tuple(found)

    @property
    def media(self) -> tuple[Media, ...]:
        """What is attached to the last user turn."""
        return next((t.media for t in reversed(self.turns) if t.role == "user"), ())

    @property
    def context(self) -> str:
        """Everything the model reads, in the order in which prompt caches see it."""
        tools = "".join(f"{t.name}: {t.description} {json.dumps(t.schema)}\n" for t in self.tools)
        return tools + self.system + "".join(map(_spoken, self.turns))

    @property
    def input_tokens(self) -> int:
        """The tokens of the prompt, attachments and the frame around each turn included."""
        media = sum(m.tokens for t in self.turns for m in t.media)
        return count(self.context) + 3 * len(self.turns) + 4 + media


def _spoken(turn: Turn) -> str:
    calls = "".join(f"{c.name}({c.arguments})" for c in turn.calls)
    results = "".join(text for _, text in turn.results)
    return f"\n{turn.role}: {turn.text}{calls}{results}"


@dataclass(frozen=True, slots=True)
class Count:
    """The bill. ``input`` is the whole prompt; cache figures are parts of it; ``output`` includes
    ``reasoning``."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says, finished: cut to length, stopped where a stop sequence says."""

    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    stop: Stop = "stop"
    stop_sequence: str | None = None
    count: Count = Count()
    #: An answer fault that the wires must spell: odd values in usage, or no usage at all.
    usage_fault: str = ""
    #: What the provider's own tools did before it spoke.
    work: tuple[Work, ...] = ()
