"""Bytes into frames: the incremental decoder of response bodies. Knows no provider and no network.

A body may be server-sent events, one JSON document, or a JSON array of documents that arrives bit by
bit; which one it is shows in its first visible byte, whatever the content type says. The split of the
bytes over reads never matters.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["unknown", "sse", "json", "array", "markup"]
Frame = tuple[str | None, bytes]

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_FEW = 64  # a stream has a handful of event names; they are decoded once
_FIELDS = (b"data", b"event", b"id", b"retry")


class FrameDecoder:
    """Feed it bytes, take ``(event name, data)`` frames.

    >>> FrameDecoder().feed(b'event: a\\ndata: 1\\n\\ndata: 2\\n\\n')
    [('a', b'1'), (None, b'2')]
    """

    __slots__ = ("_array", "_buffer", "_data", "_event", "_names", "_pieces", "comments", "kind", "stray")

    def __init__(self) -> None:
        self.kind: Kind = "unknown"
        self.comments = 0
        self.stray = b""  # the first line that is none of a stream of events
        self._buffer = b""
        self._data: bytes | bytearray | None = None
        self._event: str | None = None
        self._names: dict[bytes, str] = {}
        self._pieces: list[bytes] = []  # an unfinished line, or a JSON body, in the order it came
        self._array: ArraySplitter | None = None

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that this chunk completes."""
        if self.kind == "sse":
            return self._lines(chunk)
        if self.kind == "unknown":
            return self._begin(chunk)
        if self._array is not None:
            return [(None, element) for element in self._array.feed(chunk)]
        self._pieces.append(chunk)
        return []

    def end(self) -> list[Frame]:
        """What is left when the body is over: an event without its blank line, a line without its end.

        A frame from here may be cut anywhere; that it does not parse is a sign of truncation.
        """
        if self._array is not None:
            return [(None, rest)] if (rest := self._array.rest()) else []
        if self.kind != "sse":
            return []
        frames = self._lines(b"\n") if self._buffer or self._pieces else []
        if self._data is not None:
            frames.append((self._event, bytes(self._data)))
            self._data = self._event = None
        return frames

    @property
    def body(self) -> bytes:
        """The whole body, where it is not a stream of frames."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def _begin(self, chunk: bytes) -> list[Frame]:
        start = self._buffer + chunk
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._buffer = start
            return []
        visible = start.removeprefix(_BOM).lstrip(_BLANK)
        if not visible:
            self._buffer = b" "  # something came: a byte order mark from here on is none
            return []
        self._buffer = b""
        match visible[:1]:
            case b"{":
                self.kind = "json"
            case b"[":
                self.kind = "array"
                self._array = ArraySplitter()
                return self.feed(visible)
            case b"<":
                self.kind = "markup"
            case _:
                self.kind = "sse"
                return self._lines(visible)
        self._pieces.append(visible)
        return []

    def _lines(self, chunk: bytes) -> list[Frame]:
        # A line that grows over many reads is kept in pieces: joining it once keeps 5 MB lines linear.
        if self._pieces or self._buffer:
            if b"\n" not in chunk and b"\r" not in chunk and not self._buffer.endswith(b"\r"):
                self._pieces.append(chunk)
                return []
            chunk = b"".join((self._buffer, *self._pieces, chunk))
            self._pieces.clear()
            self._buffer = b""
        lines = chunk.split(b"\n")
        self._buffer = lines.pop()
        # A bare CR ends a line as well; one at the very end may be half of a CRLF and waits.
        if b"\r" in chunk:
            lines = self._carriage_returns(lines)
        frames: list[Frame] = []
        data, event = self._data, self._event
        for line in lines:
            if not line:
                if data is not None:
                    frames.append((event, data if type(data) is bytes else bytes(data)))
                    data = None
                event = None
            elif line.startswith(b"data:"):
                value = line[6:] if line[5:6] == b" " else line[5:]
                data = value if data is None else _joined(data, value)
            elif line.startswith(b"event:"):
                if (event := self._names.get(line)) is None:
                    event = line[6:].strip().decode("utf-8", "replace")
                    if len(self._names) < _FEW:
                        self._names[line] = event
            elif line.startswith(b":"):
                self.comments += 1
            elif line == b"data":
                data = b"" if data is None else _joined(data, b"")
            elif line.startswith((b"error:", b'{"error"', b'{"type":"error"')):
                # Servers that break in the middle of an answer forget to frame what they say.
                frames.append(("error", line.removeprefix(b"error:").strip()))
            elif not self.stray and not _field(line):
                self.stray = line[:2000]
        self._data, self._event = data, event
        return frames

    def _carriage_returns(self, lines: list[bytes]) -> list[bytes]:
        plain: list[bytes] = []
        for line in lines:
            body = line.removesuffix(b"\r")
            plain.extend(body.split(b"\r") if b"\r" in body else (body,))
        tail = self._buffer
        if b"\r" in tail[:-1]:
            *whole, tail = tail[:-1].split(b"\r") if tail.endswith(b"\r") else tail.split(b"\r")
            plain.extend(whole)
            if self._buffer.endswith(b"\r"):
                tail += b"\r"
            self._buffer = tail
        return plain


def _field(line: bytes) -> bool:
    """Is this a field of an event, or what a cut left of one?"""
    return line.startswith((b"id:", b"retry:")) or any(field.startswith(line) for field in _FIELDS)


def _joined(data: bytes | bytearray, value: bytes) -> bytearray:
    """The next line of an event's data. (A bytearray grows in place: many lines stay linear.)"""
    if isinstance(data, bytes):
        data = bytearray(data)
    data += b"\n"
    data += value
    return data


class ArraySplitter:
    """The elements of a JSON array as they arrive: it only counts brackets, outside of strings.

    >>> ArraySplitter().feed(b'[{"a": "]}"}, {"b": [1]}')
    [b'{"a": "]}"}', b'{"b": [1]}']
    """

    __slots__ = ("_depth", "_escaped", "_pieces", "_quoted", "closed")

    _plain = re.compile(rb'["{}\[\]]')
    _string = re.compile(rb'["\\]')

    def __init__(self) -> None:
        self.closed = False
        self._depth = 0
        self._quoted = self._escaped = False
        self._pieces: list[bytes] = []  # of the element that is on its way

    def feed(self, chunk: bytes) -> list[bytes]:
        """The elements (objects and arrays) that this chunk completes."""
        elements: list[bytes] = []
        begin = at = 0
        if self._escaped and chunk:
            self._escaped = False
            at = 1
        while not self.closed and (
            found := (self._string if self._quoted else self._plain).search(chunk, at)
        ):
            at = found.end()
            match found[0]:
                case b'"':
                    self._quoted = not self._quoted
                case b"\\":
                    self._escaped = at == len(chunk)
                    at += 1
                case b"{" | b"[":
                    self._depth += 1
                    if self._depth == 2:
                        begin = at - 1
                case _:
                    self._depth -= 1
                    if self._depth == 1:
                        self._pieces.append(chunk[begin:at])
                        elements.append(b"".join(self._pieces))
                        self._pieces.clear()
                    self.closed = self._depth <= 0
        if self._depth >= 2:
            self._pieces.append(chunk[begin:])
        return elements

    def rest(self) -> bytes:
        """The element that never ended."""
        return b"".join(self._pieces)
