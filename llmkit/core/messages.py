"""What is said: messages and their parts. Pure values that know no provider and no I/O.

How a part looks on a provider's wire lives in ``wire/``; reading files lives in the layers above.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, TypeAlias

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words. ``citations`` keeps the provider's own citation objects."""

    text: str
    citations: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture: its bytes, or a URL that the provider is to fetch (we never do).

    >>> ImagePart(url="https://example.org/chart.png").media_type
    'image/png'
    """

    data: bytes | None = field(default=None, repr=False)
    media_type: str = "image/png"
    url: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """A document, sound or other file: its bytes, a URL, or the provider's own file id.

    >>> FilePart(b"%PDF-1.7 ...", media_type="application/pdf", name="report.pdf").name
    'report.pdf'
    """

    data: bytes | None = field(default=None, repr=False)
    media_type: str = "application/octet-stream"
    name: str | None = None
    url: str | None = None
    file_id: str | None = None


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """What the model thought. ``signature`` and ``encrypted`` go back unchanged where a wire asks.

    ``encrypted`` holds thinking that only the provider can read (Anthropic's redacted blocks,
    OpenAI's encrypted reasoning items); ``id`` is the provider's name for the item.
    """

    text: str = ""
    signature: str | None = field(default=None, repr=False)
    encrypted: str | None = field(default=None, repr=False)
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """The model asks for a tool. ``arguments`` is text when the model's JSON was not valid.

    ``signature`` is a thought signature that some wires hang on a call; it must go back with it.
    ``free_text`` marks a call of a tool that takes any text: its arguments are no JSON, and it goes back as
    such a call.
    """

    id: str | None
    name: str
    arguments: Mapping[str, Any] | str = field(hash=False)
    signature: str | None = field(default=None, repr=False)
    free_text: bool = False

    @property
    def valid(self) -> bool:
        """Are the arguments a JSON object?"""
        return not isinstance(self.arguments, str)

    @property
    def arguments_json(self) -> str:
        """The arguments as JSON text (as the model wrote them, where they were not valid)."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool gave back, for the call of that id."""

    id: str | None
    content: str
    name: str = ""
    is_error: bool = False
    images: tuple[ImagePart, ...] = ()


@dataclass(frozen=True, slots=True)
class OpaquePart:
    """A provider's own block that llmkit does not read but must be able to send back."""

    wire: str
    kind: str
    raw: Mapping[str, Any] = field(hash=False, repr=False)


Part: TypeAlias = TextPart | ImagePart | FilePart | ThinkingPart | ToolCallPart | ToolResultPart | OpaquePart
PARTS: Mapping[str, type[Any]] = {
    "text": TextPart,
    "image": ImagePart,
    "file": FilePart,
    "thinking": ThinkingPart,
    "tool_call": ToolCallPart,
    "tool_result": ToolResultPart,
    "opaque": OpaquePart,
}


@dataclass(frozen=True, slots=True)
class Message:
    """One turn.

    >>> Message.user("Hello").text
    'Hello'
    """

    role: Role
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"A message's role must be one of {', '.join(ROLES)}, not {self.role!r}.")
        if not isinstance(self.parts, tuple):
            object.__setattr__(self, "parts", tuple(self.parts))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return message_to_json(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Message:
        """The inverse of :meth:`to_json`."""
        return message_from_json(plain)

    @classmethod
    def user(cls, *content: Any) -> Message:
        """A user's turn, of text and other parts. A path, bytes, a picture, a figure or a table becomes a part once it
        is asked."""
        return cls("user", as_parts(content))

    @classmethod
    def assistant(cls, *content: str | Part) -> Message:
        """A model's turn."""
        return cls("assistant", as_parts(content))

    @classmethod
    def system(cls, *content: str | Part) -> Message:
        """Instructions."""
        return cls("system", as_parts(content))

    @classmethod
    def tool(cls, *results: ToolResultPart) -> Message:
        """The results of tools."""
        return cls("tool", results)

    @property
    def text(self) -> str:
        """The words of this turn, without thinking."""
        return "".join(p.text for p in self.parts if isinstance(p, TextPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tools this turn asks for."""
        return tuple(p for p in self.parts if isinstance(p, ToolCallPart))


def as_parts(content: Iterable[Any]) -> tuple[Part, ...]:
    """Strings become text parts; all else stays.

    >>> as_parts(["hi"])
    (TextPart(text='hi', citations=()),)
    """
    return tuple(TextPart(item) if isinstance(item, str) else item for item in content)


def as_messages(
    prompt: str | Message | Part | Mapping[str, Any] | Iterable[Message | Mapping[str, Any]],
) -> tuple[Message, ...]:
    """Whatever a caller may pass as a prompt, as messages.

    >>> as_messages("hi")[0].role
    'user'
    >>> as_messages([{"role": "user", "content": "hi"}])[0].text
    'hi'
    """
    if isinstance(prompt, str):
        return (Message.user(prompt),)
    if isinstance(prompt, Message | Mapping):
        return (_as_message(prompt),)
    if isinstance(prompt, Part):
        return (Message.user(prompt),)
    if not isinstance(prompt, Iterable):
        raise TypeError(f"A prompt must be text, a message or several, not {type(prompt).__name__}.")
    return tuple(_as_message(item) for item in prompt)


def _as_message(item: Any) -> Message:
    if isinstance(item, Message):
        return item
    if isinstance(item, Mapping):
        return _from_plain(item)
    raise TypeError(
        f"A message must be a Message or a mapping with 'role' and 'content', not {type(item).__name__}."
    )


def _from_plain(item: Mapping[str, Any]) -> Message:
    role = item.get("role")
    if role == "developer":
        role = "system"
    if role not in ROLES:
        raise ValueError(f"A message's role must be one of {', '.join(ROLES)}, not {role!r}.")
    unread = [key for key, value in item.items() if key not in _PLAIN_KEYS and value]
    if unread:
        # Left out in silence, a tool call would be lost and the model would be asked something else.
        raise ValueError(
            f"A message given as a mapping has 'role' and 'content'; {', '.join(map(repr, unread))} "
            f"would be lost. Use llmkit's Message and its parts for those."
        )
    if "parts" in item:
        return Message(role, tuple(part_from_json(part) for part in item["parts"]))
    content = item.get("content")
    if content is None:
        return Message(role, ())
    if isinstance(content, str):
        return Message(role, (TextPart(content),))
    return Message(role, tuple(_part_from_plain(part) for part in content))


_PLAIN_KEYS = frozenset({"role", "content", "parts"})
_PLAIN_TEXT = frozenset({"text", "input_text", "output_text"})


def _part_from_plain(part: Part | Mapping[str, Any] | str) -> Part:
    if isinstance(part, str):
        return TextPart(part)
    if isinstance(part, Part):
        return part
    if isinstance(part, Mapping) and part.get("type", "text") in _PLAIN_TEXT:
        text = part.get("text")
        if isinstance(text, str):
            return TextPart(text)
    raise ValueError(f"Content parts must be text or llmkit parts, not {part!r:.80}.")


# -- JSON ---------------------------------------------------------------------------------------


def part_to_json(part: Part) -> dict[str, Any]:
    """A part as plain JSON values, without what is as it is by default; bytes become base64."""
    kind = next(name for name, cls in PARTS.items() if type(part) is cls)
    plain: dict[str, Any] = {"type": kind}
    for each in fields(part):
        value = getattr(part, each.name)
        if each.default is MISSING or value != each.default:
            plain[each.name] = _plain(value)
    return plain


def part_from_json(plain: Mapping[str, Any]) -> Part:
    """The inverse of :func:`part_to_json`."""
    values = dict(plain)
    kind = values.pop("type", None)
    cls = PARTS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ValueError(f"Unknown kind of part: {kind!r}; the kinds are {', '.join(PARTS)}.")
    if isinstance(values.get("data"), str):
        values["data"] = base64.b64decode(values["data"])
    if "images" in values:
        values["images"] = tuple(part_from_json(image) for image in values["images"])
    if "citations" in values:
        values["citations"] = tuple(values["citations"])
    part: Part = cls(**values)
    return part


def message_to_json(message: Message) -> dict[str, Any]:
    """A message as plain JSON values."""
    return {"role": message.role, "parts": [part_to_json(part) for part in message.parts]}


def message_from_json(plain: Mapping[str, Any]) -> Message:
    """The inverse of :func:`message_to_json`."""
    return Message(plain["role"], tuple(part_from_json(part) for part in plain["parts"]))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, ImagePart):
        return part_to_json(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value
