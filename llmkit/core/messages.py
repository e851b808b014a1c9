"""What is said: messages and their parts. Pure values that know no provider and no I/O.

How a part looks on a provider's wire lives in ``wire/``; reading files lives in the layers above.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    """A picture: its bytes, or a URL that the provider is to fetch (we never do)."""

    data: bytes | None = field(default=None, repr=False)
    media_type: str = "image/png"
    url: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """A document, sound or other file: its bytes, a URL, or the provider's own file id."""

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
    """

    id: str | None
    name: str
    arguments: Mapping[str, Any] | str = field(hash=False)
    signature: str | None = field(default=None, repr=False)

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

    @classmethod
    def user(cls, *content: str | Part) -> Message:
        """A user's turn, of text and other parts."""
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


def as_parts(content: Iterable[str | Part]) -> tuple[Part, ...]:
    """Strings become text parts; parts stay.

    >>> as_parts(["hi"])
    (TextPart(text='hi', citations=()),)
    """
    return tuple(TextPart(item) if isinstance(item, str) else item for item in content)


def as_messages(
    prompt: str | Message | Part | Iterable[Message | Mapping[str, Any]],
) -> tuple[Message, ...]:
    """Whatever a caller may pass as a prompt, as messages.

    >>> as_messages("hi")[0].role
    'user'
    >>> as_messages([{"role": "user", "content": "hi"}])[0].text
    'hi'
    """
    if isinstance(prompt, str):
        return (Message.user(prompt),)
    if isinstance(prompt, Message):
        return (prompt,)
    if isinstance(prompt, tuple(PARTS.values())):
        return (Message.user(prompt),)  # type: ignore[arg-type]
    messages: list[Message] = []
    for item in prompt:  # type: ignore[union-attr]
        if isinstance(item, Message):
            messages.append(item)
        elif isinstance(item, Mapping):
            messages.append(_from_plain(item))
        else:
            raise TypeError(
                f"A message must be a Message or a mapping with 'role' and 'content', "
                f"not {type(item).__name__}."
            )
    return tuple(messages)


def _from_plain(item: Mapping[str, Any]) -> Message:
    role = item.get("role")
    if role == "developer":
        role = "system"
    if role not in ROLES:
        raise ValueError(f"A message's role must be one of {', '.join(ROLES)}, not {role!r}.")
    if "parts" in item:
        return message_from_json(item)
    content = item.get("content", "")
    if isinstance(content, str):
        return Message(role, (TextPart(content),))
    return Message(role, tuple(_part_from_plain(part) for part in content))


def _part_from_plain(part: Any) -> Part:
    if isinstance(part, str):
        return TextPart(part)
    if isinstance(part, tuple(PARTS.values())):
        return part  # type: ignore[no-any-return]
    if isinstance(part, Mapping) and isinstance(part.get("text"), str):
        return TextPart(part["text"])
    raise ValueError(f"Content parts must be text or llmkit parts, not {part!r:.80}.")


# -- JSON ---------------------------------------------------------------------------------------


def part_to_json(part: Part) -> dict[str, Any]:
    """A part as plain JSON values; bytes become base64."""
    kind = next(name for name, cls in PARTS.items() if type(part) is cls)
    plain: dict[str, Any] = {"type": kind}
    for name in part.__slots__:
        value = getattr(part, name)
        if value is None or value == () or value == "" or value is False:
            continue
        plain[name] = _plain(value)
    return plain


def part_from_json(plain: Mapping[str, Any]) -> Part:
    """The inverse of :func:`part_to_json`."""
    fields = dict(plain)
    kind = fields.pop("type")
    cls = PARTS.get(kind)
    if cls is None:
        raise ValueError(f"Unknown kind of part: {kind!r}.")
    if isinstance(fields.get("data"), str):
        fields["data"] = base64.b64decode(fields["data"])
    if "images" in fields:
        fields["images"] = tuple(part_from_json(image) for image in fields["images"])
    if "citations" in fields:
        fields["citations"] = tuple(fields["citations"])
    defaults: dict[str, Any] = {
        "text": {"text": ""},
        "tool_call": {"id": None, "name": "", "arguments": ""},
        "tool_result": {"id": None, "content": ""},
    }.get(kind, {})
    part: Part = cls(**{**defaults, **fields})
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
