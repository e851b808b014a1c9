"""A reply while it is being read: the one mutable thing in this room.

Readers add to it; ``build`` makes the frozen reply. It knows no wire.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmkit.core.messages import (
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from llmkit.core.reply import UNKNOWN_STOP, Reply, StopReason
from llmkit.core.usage import Usage


class TextDraft:
    """Words as they come."""

    __slots__ = ("citations", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.citations: list[Mapping[str, Any]] = []

    def part(self) -> Part | None:
        """The finished part; nothing for an empty one."""
        text = "".join(self.pieces)
        return TextPart(text, tuple(self.citations)) if text or self.citations else None


class ThinkingDraft:
    """Thinking as it comes."""

    __slots__ = ("encrypted", "id", "pieces", "signature")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.signature: str | None = None
        self.encrypted: str | None = None
        self.id: str | None = None

    def part(self) -> Part | None:
        """The finished part; nothing for an empty one."""
        text = "".join(self.pieces)
        if not (text or self.signature or self.encrypted or self.id):
            return None
        return ThinkingPart(text, self.signature, self.encrypted, self.id)


class ToolDraft:
    """A tool call as it comes, in fragments. ``index`` is its place among the reply's tool calls."""

    __slots__ = ("arguments", "closed", "id", "index", "name", "pieces", "signature", "text_only")

    def __init__(self, index: int, id: str | None, name: str) -> None:
        self.index = index
        self.id = id
        self.name = name
        self.pieces: list[str] = []
        self.arguments: Mapping[str, Any] | str | None = None  # given whole, not in fragments
        self.signature: str | None = None
        self.text_only = False  # a free-text tool: its input is no JSON and is not read as such
        self.closed = False

    def part(self) -> ToolCallPart:
        """The call as far as it came."""
        arguments = self.arguments
        if arguments is None:
            text = "".join(self.pieces)
            arguments = text if self.text_only else read_arguments(text)
        return ToolCallPart(self.id, self.name, arguments, self.signature, self.text_only)


class Fixed:
    """A part that came whole."""

    __slots__ = ("value",)

    def __init__(self, value: Part) -> None:
        self.value = value

    def part(self) -> Part:
        """The part."""
        return self.value


class Draft:
    """Everything a reader has learned so far."""

    def __init__(self) -> None:
        self.parts: list[TextDraft | ThinkingDraft | ToolDraft | Fixed] = []
        self.tools: list[ToolDraft] = []
        self.id: str | None = None
        self.model: str | None = None
        self.stop: StopReason | None = None
        self.refusal: list[str] = []
        self.usage = Usage()
        self.cost: Any = None  # the provider's own figure, as it came
        self.notes: list[str] = []
        self.raw: dict[str, Any] = {}

    def text(self) -> TextDraft:
        """The text part to go on with: the last part if it is text, else a new one."""
        if self.parts and type(last := self.parts[-1]) is TextDraft:
            return last
        return self.new_text()

    def new_text(self) -> TextDraft:
        """A new text part."""
        part = TextDraft()
        self.parts.append(part)
        return part

    def thinking(self) -> ThinkingDraft:
        """The thinking part to go on with: the last part if it is thinking, else a new one."""
        if self.parts and type(last := self.parts[-1]) is ThinkingDraft:
            return last
        return self.new_thinking()

    def new_thinking(self) -> ThinkingDraft:
        """A new thinking part."""
        part = ThinkingDraft()
        self.parts.append(part)
        return part

    def new_tool(self, id: str | None, name: str) -> ToolDraft:
        """A new tool call."""
        tool = ToolDraft(len(self.tools), id, name)
        self.tools.append(tool)
        self.parts.append(tool)
        return tool

    def add(self, part: Part) -> None:
        """A part that came whole."""
        self.parts.append(Fixed(part))

    def opaque(self, wire: str, kind: str, raw: Mapping[str, Any]) -> None:
        """A block of the provider's that must be kept as it is."""
        self.add(OpaquePart(wire, kind, raw))

    def note(self, text: str) -> None:
        """Say once that something was odd."""
        if text not in self.notes:
            self.notes.append(text)

    def doubt(self, counts: Mapping[str, Any], *names: str) -> None:
        """Say which of these counts of a usage object are no counts at all."""
        given = {name: counts[name] for name in names if counts.get(name) is not None}
        if odd := {name: value for name, value in given.items() if count(value) is None}:
            self.note(f"The provider's usage is not to be believed, so it counts as unknown: {odd}")

    @property
    def started(self) -> bool:
        """Has anything visible come?"""
        return any(
            bool(part.pieces) if isinstance(part, TextDraft | ThinkingDraft) else True for part in self.parts
        )

    def build(self, **more: Any) -> Reply:
        """The reply as it stands."""
        parts = tuple(part for draft in self.parts if (part := draft.part()) is not None)
        raw = dict(self.raw)
        if self.cost is not None:
            raw["provider_cost"] = self.cost
        return Reply(
            message=Message("assistant", parts),
            stop_reason=self.stop or UNKNOWN_STOP,
            usage=self.usage,
            model=self.model,
            id=self.id,
            refusal="".join(self.refusal) or None,
            notes=tuple(self.notes),
            raw=raw,
            **more,
        )


def read_arguments(text: str) -> Mapping[str, Any] | str:
    """A tool call's arguments: an object, or the raw text where they are none.

    >>> read_arguments(''), read_arguments('{"a": 1}'), read_arguments('{"a": ')
    ({}, {'a': 1}, '{"a": ')
    """
    if not text.strip():
        return {}
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) else text


#: More tokens than any call can have.
_ABSURD = 10**12


def count(value: Any) -> int | None:
    """A token count as it should be: a whole number, not negative. Anything else is unknown.

    >>> count(3), count(4.0), count(-1), count(float("nan")), count(True), count("5")
    (3, 4, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value < _ABSURD or value != int(value):
        return None
    return int(value)
