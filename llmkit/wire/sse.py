"""Bytes into frames: the incremental decoder of response bodies. Knows no provider and no network.

A body may be server-sent events, one JSON document, or a JSON array of documents that arrives bit by
bit; which one it is shows in its first visible byte, whatever the content type says. The split of the
bytes over reads never matters.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["unknown", "sse", "json", "markup"]
Frame = tuple[str | None, bytes]

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"


class FrameDecoder:
    """Feed it bytes, take ``(event name, data)`` frames.

    >>> FrameDecoder().feed(b'event: a\\ndata: 1\\n\\ndata: 2\\n\\n')
    [('a', b'1'), (None, b'2')]
    """

    __slots__ = ("_buffer", "_data", "_event", "_pieces", "comments", "kind")

    def __init__(self) -> None:
        self.kind: Kind = "unknown"
        self.comments = 0
        self._buffer = b""
        self._data: bytes | None = None
        self._event: str | None = None
        self._pieces: list[bytes] = []  # an unfinished line, or a JSON body, in the order it came

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that this chunk completes."""
        if self.kind == "sse":
            return self._lines(chunk)
        if self.kind == "unknown":
            return self._begin(chunk)
        self._pieces.append(chunk)
        return []

    def end(self) -> list[Frame]:
        """What is left when the body is over: an event without its blank line, a line without its end.

        A frame from here may be cut anywhere; that it does not parse is a sign of truncation.
        """
        if self.kind != "sse":
            return []
        frames = self._lines(b"\n") if self._buffer or self._pieces else []
        if self._data is not None:
            frames.append((self._event, self._data))
            self._data = self._event = None
        return frames

    @property
    def body(self) -> bytes:
        """The whole body, where it is not a stream of events."""
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
            self._buffer = start
            return []
        self._buffer = b""
        match visible[:1]:
            case b"{" | b"[":
                self.kind = "json"
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
                    frames.append((event, data))
                    data = None
                event = None
            elif line.startswith(b"data:"):
                value = line[6:] if line[5:6] == b" " else line[5:]
                data = value if data is None else data + b"\n" + value
            elif line.startswith(b"event:"):
                event = line[6:].strip().decode("utf-8", "replace")
            elif line.startswith(b":"):
                self.comments += 1
            elif line == b"data":
                data = b"" if data is None else data + b"\n"
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
