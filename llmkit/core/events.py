"""What a stream says: a closed union of events, of which exactly one is terminal.

Every stream ends in :class:`Done` or :class:`Failed`, whatever happens, also when it is stopped.
Who makes the events (the readers of ``wire/``, the engine) and who shows them live elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from llmkit.core.errors import LLMKitError
from llmkit.core.reply import Reply


@dataclass(frozen=True, slots=True)
class Text:
    """Some more of the answer.

    >>> "".join(event.text for event in llmkit.stream("Hello") if isinstance(event, Text))  # doctest: +SKIP
    """

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """Some more of the model's thinking.

    >>> for event in llmkit.stream("How many primes are below 100?", think="low"):  # doctest: +SKIP
    ...     if isinstance(event, Thinking):
    ...         print(event.text, end="")
    """

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of a tool call's arguments, for the call of that index in this reply.

    The first delta of a call carries its ``name`` (and mostly an empty fragment).

    >>> begins, goes_on = ToolCallDelta(0, "", name="weather"), ToolCallDelta(0, '{"city": "Oslo"}')
    >>> begins.name, goes_on.fragment
    ('weather', '{"city": "Oslo"}')
    """

    index: int
    fragment: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A whole tool call. ``arguments`` is text when the model's JSON was not valid.

    >>> call = ToolCall("call-1", "weather", {"city": "Oslo"})
    >>> call.arguments["city"]
    'Oslo'
    """

    id: str | None
    name: str
    arguments: Mapping[str, Any] | str = field(hash=False)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool was run, and this came back.

    >>> ToolResult("call-1", "weather", "12 °C and rain").is_error
    False
    """

    id: str | None
    name: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class ServerTool:
    """A tool that the provider runs itself (search, code, …): it is at work, or it is over and ``content`` is what came
    of it, as far as the provider says. Told again under the same ``id`` when more is known.

    >>> ServerTool("srv-1", "web_search", {"query": "weather in Oslo"}).state
    'running'
    """

    id: str | None
    name: str
    arguments: Mapping[str, Any] | str = field(hash=False)
    state: Literal["running", "done", "failed"] = "running"
    content: str = ""


@dataclass(frozen=True, slots=True)
class Retrying:
    """Attempt number ``attempt`` failed; the next one starts after ``delay`` seconds.

    >>> again = Retrying(1, 2.5, LLMKitError("The provider is overloaded."))
    >>> f"{again.error.what} Attempt {again.attempt + 1} in {again.delay} s."
    'The provider is overloaded. Attempt 2 in 2.5 s.'
    """

    attempt: int
    delay: float
    error: LLMKitError


@dataclass(frozen=True, slots=True)
class Rerouted:
    """The call moves from one model to another. ``anew``: the answer begins again, what was shown of it is void.

    >>> moved = Rerouted("anthropic/claude", "openai/gpt", "The provider is overloaded.")
    >>> f"{moved.origin} -> {moved.target}: {moved.why}"
    'anthropic/claude -> openai/gpt: The provider is overloaded.'
    """

    origin: str
    target: str
    why: str
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The end: the whole answer.

    >>> for event in llmkit.stream("Why is the sky blue?"):  # doctest: +SKIP
    ...     if isinstance(event, Done):
    ...         print(event.reply.usage, event.reply.cost)
    """

    reply: Reply


@dataclass(frozen=True, slots=True)
class Failed:
    """The end: what went wrong, and the answer as far as it came.

    >>> for event in llmkit.stream("Why is the sky blue?"):  # doctest: +SKIP
    ...     if isinstance(event, Failed):
    ...         print(event.error.what, event.partial.text)
    """

    error: LLMKitError
    partial: Reply


Event: TypeAlias = (
    Text | Thinking | ToolCallDelta | ToolCall | ToolResult | ServerTool | Retrying | Rerouted | Done | Failed
)
Terminal: TypeAlias = Done | Failed
#: What each is called where events are written down.
EVENTS: Mapping[str, type[Any]] = {
    "text": Text,
    "thinking": Thinking,
    "delta": ToolCallDelta,
    "call": ToolCall,
    "result": ToolResult,
    "server_tool": ServerTool,
    "retrying": Retrying,
    "rerouted": Rerouted,
    "done": Done,
    "failed": Failed,
}


def event_to_json(event: Event) -> dict[str, Any]:
    """An event as plain JSON values.

    >>> event_to_json(Text("Hi"))
    {'type': 'text', 'text': 'Hi'}
    """
    kind = next(name for name, cls in EVENTS.items() if type(event) is cls)
    plain: dict[str, Any] = {"type": kind}
    for each in fields(event):
        value = getattr(event, each.name)
        plain[each.name] = value.to_json() if isinstance(value, LLMKitError | Reply) else value
    return plain


def event_from_json(plain: Mapping[str, Any]) -> Event:
    """The inverse of :func:`event_to_json`."""
    values = dict(plain)
    kind = EVENTS.get(values.pop("type", ""))
    if kind is None:
        raise ValueError(f"Unknown kind of event: {plain.get('type')!r}; the kinds are {', '.join(EVENTS)}.")
    for name, cls in (("reply", Reply), ("partial", Reply), ("error", LLMKitError)):
        if name in values:
            values[name] = cls.from_json(values[name])
    event: Event = kind(**values)
    return event
