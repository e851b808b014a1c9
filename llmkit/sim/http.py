"""HTTP/1.1 by hand: requests out of bytes, heads of responses into bytes. Sans-I/O.

Who may talk to the server is decided in guard.py; sockets live in connection.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate

REASONS = {
    200: "OK",
    302: "Found",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    411: "Length Required",
    413: "Payload Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    529: "Overloaded",
}
MAX_HEAD = 64 * 1024


@dataclass(slots=True)
class HTTPRequest:
    """One request, whole. Header names are lower-case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    keep_alive: bool = True

    @property
    def path(self) -> str:
        """The path without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self.target.partition("?")[2]


class TooLarge(Exception):
    """The body is larger than allowed; carries the request whose head was read."""

    def __init__(self, request: HTTPRequest) -> None:
        super().__init__("body too large")
        self.request = request


class BadHTTP(Exception):
    """Not HTTP, or not in a form that is spoken here."""


class RequestParser:
    """Feed it bytes, take requests."""

    __slots__ = ("_buffer", "_chunks", "_head", "_max_body", "_need", "_size", "wants_continue")

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._buffer = bytearray()
        self._head: HTTPRequest | None = None
        self._need = 0  # bytes of body still to come; -1: chunked
        self._chunks: list[bytes] = []
        self._size = 0
        self.wants_continue = False

    def feed(self, data: bytes) -> list[HTTPRequest]:
        """The requests that these bytes complete."""
        self._buffer += data
        done: list[HTTPRequest] = []
        while (request := self._next()) is not None:
            done.append(request)
        return done

    def _next(self) -> HTTPRequest | None:
        if self._head is None:
            self._head = self._read_head()
        request = self._head
        if request is None:
            return None
        if self._need >= 0:
            if len(self._buffer) < self._need:
                return None
            request.body = bytes(self._buffer[: self._need])
            del self._buffer[: self._need]
        elif not self._read_chunks(request):
            return None
        self._head = None
        self.wants_continue = False
        return request

    def _read_head(self) -> HTTPRequest | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise BadHTTP("head too long")
            return None
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        try:
            method, target, version = lines[0].split(" ")
        except ValueError:
            raise BadHTTP("no request line") from None
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise BadHTTP("a header without a colon")
            headers[name.strip().lower()] = value.strip()
        connection = headers.get("connection", "").lower()
        keep = connection != "close" if version == "HTTP/1.1" else connection == "keep-alive"
        request = HTTPRequest(method, target, headers, keep_alive=keep)
        self._chunks = []
        self._size = 0
        if "chunked" in headers.get("transfer-encoding", "").lower():
            self._need = -1
        else:
            length = headers.get("content-length", "0")
            if not length.isdigit():
                raise BadHTTP("a content-length that is no number")
            self._need = int(length)
            if self._need > self._max_body:
                raise TooLarge(request)
        self.wants_continue = headers.get("expect", "").lower() == "100-continue"
        return request

    def _read_chunks(self, request: HTTPRequest) -> bool:
        while True:
            line_end = self._buffer.find(b"\r\n")
            if line_end < 0:
                return False
            try:
                size = int(self._buffer[:line_end].split(b";")[0], 16)
            except ValueError:
                raise BadHTTP("a chunk without its size") from None
            if self._size + size > self._max_body:
                raise TooLarge(request)
            if len(self._buffer) < line_end + 2 + size + 2:
                return False
            self._chunks.append(bytes(self._buffer[line_end + 2 : line_end + 2 + size]))
            del self._buffer[: line_end + 2 + size + 2]
            self._size += size
            if size == 0:
                request.body = b"".join(self._chunks)
                return True


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """The head of a response."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", f"date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
