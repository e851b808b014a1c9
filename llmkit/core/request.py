"""What is asked: a request and its options. Values only; nothing is checked against a model here.

A request always carries a signal: there is no call without a way to stop it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from llmkit.core.messages import Message
from llmkit.core.signal import Signal

Think = Literal["off", "low", "medium", "high", "max"] | int


@dataclass(frozen=True, slots=True)
class Options:
    """How to answer. ``None`` means: as the provider likes.

    ``extra`` goes into the request body as it is, last, for what llmkit has no name for.

    >>> Options(max_tokens=200, stop="END").stop
    ('END',)
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    think: Think | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not isinstance(self.stop, tuple):
            object.__setattr__(self, "stop", (self.stop,) if isinstance(self.stop, str) else tuple(self.stop))

    def to_json(self) -> dict[str, Any]:
        """What is set, as plain JSON values."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        plain |= {"stop": list(self.stop), "extra": dict(self.extra)}
        return {name: value for name, value in plain.items() if value not in (None, [], {})}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Options:
        """The inverse of :meth:`to_json`."""
        return cls(**{**plain, "stop": tuple(plain.get("stop", ()))})


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it. What it does lives in the engine.

    >>> ToolSpec("weather", "The weather in a city.", {"type": "object", "properties": {"city": {"type": "string"}}}).name
    'weather'
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(
        default_factory=lambda: {"type": "object", "properties": {}}, hash=False
    )
    strict: bool = False

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ToolSpec:
        """The inverse of :meth:`to_json`."""
        return cls(**plain)


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
    #: Tools that the provider runs itself (search, code), as that provider writes them.
    server_tools: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    #: "auto", "any", "none", or the name of one tool.
    tool_choice: str | None = None
    #: A JSON schema that the answer must follow.
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    stream: bool = True
    tag: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.signal, Signal):
            raise TypeError(
                f"A request needs a Signal, not {type(self.signal).__name__}: "
                "Signal.timeout(seconds), or Signal.never()."
            )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, without the signal: that belongs to one running call."""
        plain: dict[str, Any] = {
            "model": self.model,
            "messages": [message.to_json() for message in self.messages],
            "system": self.system,
            "options": self.options.to_json(),
            "tools": [tool.to_json() for tool in self.tools],
            "server_tools": [dict(tool) for tool in self.server_tools],
            "tool_choice": self.tool_choice,
            "schema": self.schema,
            "stream": self.stream,
            "tag": self.tag,
        }
        return {name: value for name, value in plain.items() if value not in (None, [], {})}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any], *, signal: Signal) -> Request:
        """The inverse of :meth:`to_json`; the signal is the new call's."""
        values = {
            **plain,
            "messages": tuple(Message.from_json(message) for message in plain["messages"]),
            "options": Options.from_json(plain.get("options", {})),
            "tools": tuple(ToolSpec.from_json(tool) for tool in plain.get("tools", ())),
            "server_tools": tuple(plain.get("server_tools", ())),
        }
        return cls(**values, signal=signal)

    def with_(self, **changes: Any) -> Request:
        """The same request with some fields replaced."""
        return replace(self, **changes)
