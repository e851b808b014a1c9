"""Bytes in, events out: a reader and a request-body writer for each wire. No SDK, no network, no clock.

>>> from llmkit import wire
>>> wire.read("openai.chat", [b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}']).text
'Hi'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import LLMKitError
from llmkit.core.events import Done, Failed

# Imported before `reader` below is defined: importing the module of that name later would hide it.
from llmkit.wire.reader import Reader

if TYPE_CHECKING:
    from llmkit.core.reply import Reply
    from llmkit.core.request import Request
    from llmkit.wire.dialects import Dialect

#: Wire names, and the module that reads and writes each.
WIRES: Mapping[str, str] = {
    "anthropic.messages": "llmkit.wire.anthropic",
    "openai.chat": "llmkit.wire.openai_chat",
    "openai.responses": "llmkit.wire.openai_responses",
    "gemini.generate": "llmkit.wire.gemini",
}

_BYTES = bytes | bytearray | memoryview


def reader(
    wire: str,
    *,
    dialect: Dialect | str | None = None,
    stream: bool = True,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Reader:
    """A reader for one response on this wire. ``dialect`` names whose server it is."""
    _check_dialect(dialect)
    made: Reader = _module(wire).reader(dialect=dialect, stream=stream, status=status, headers=headers)
    return made


def write(wire: str, request: Request, *, dialect: Dialect | str | None = None) -> dict[str, Any]:
    """The body of this request on this wire."""
    _check_dialect(dialect)
    body: dict[str, Any] = _module(wire).body(request, dialect=dialect)
    return body


def read(
    wire: str,
    chunks: Iterable[bytes] | bytes | bytearray | memoryview,
    *,
    dialect: Dialect | str | None = None,
    stream: bool = True,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Read a whole response: the reply, or an llmkit error that carries ``.partial``.

    Chunks that break off with an :class:`OSError` are an answer that was cut off.
    """
    reading = reader(wire, dialect=dialect, stream=stream, status=status, headers=headers)
    cause: OSError | None = None
    try:
        for chunk in (chunks,) if isinstance(chunks, _BYTES | str) else chunks:
            events = reading.feed(_as_bytes(chunk))
            if reading.ended:
                break
        else:
            events = reading.end()
    except OSError as broken:
        cause = broken
        events = reading.cut(f"Reading it failed: {str(broken) or type(broken).__name__}")
    match events[-1] if events else None:
        case Done(reply):
            return reply
        case Failed(error, _):
            raise error from cause
    raise LLMKitError("The reader ended without a terminal event.")


def _as_bytes(chunk: object) -> bytes:
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, _BYTES):
        return bytes(chunk)
    advice = "; encode the text first: text.encode()" if isinstance(chunk, str) else ""
    raise TypeError(f"A response is read from bytes, not from {type(chunk).__name__}{advice}.")


def _check_dialect(dialect: object) -> None:
    """A name that nobody knows is a server like the others; what is no name at all is a mistake."""
    if dialect is None or isinstance(dialect, str):
        return
    from llmkit.wire import dialects

    if not isinstance(dialect, dialects.Dialect):
        known = ", ".join(sorted(dialects.DIALECTS))
        raise TypeError(
            f"A dialect is given by its name, not as {type(dialect).__name__}; known are {known}."
        )


def _module(wire: str) -> Any:
    try:
        return import_module(WIRES[wire])
    except KeyError:
        known = ", ".join(WIRES)
        raise ValueError(f"Unknown wire {wire!r}; the wires are {known}.") from None
