"""What is asked: a request and its options. Values only; nothing is checked against a model here.

A request always carries a signal: there is no call without a way to stop it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from llmkit.core.messages import Message
from llmkit.core.signal import Signal

Think = Literal["off", "low", "medium", "high", "max"] | int


@dataclass(frozen=True, slots=True)
class Options:
    """How to answer. ``None`` means: as the provider likes.

    ``extra`` goes into the request body as it is, last, for what llmkit has no name for.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    think: Think | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it. What it does lives in the engine."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(
        default_factory=lambda: {"type": "object", "properties": {}}, hash=False
    )
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call to one model.

    >>> Request(model="m", messages=(Message.user("hi"),), signal=Signal.never()).model
    'm'
    """

    model: str
    messages: tuple[Message, ...]
    signal: Signal
    system: str | None = None
    options: Options = Options()
    tools: tuple[ToolSpec, ...] = ()
    #: "auto", "any", "none", or the name of one tool.
    tool_choice: str | None = None
    #: A JSON schema that the answer must follow.
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    stream: bool = True
    tag: str | None = None

    def with_(self, **changes: Any) -> Request:
        """The same request with some fields replaced."""
        return replace(self, **changes)
