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


def reader(
    wire: str,
    *,
    dialect: Dialect | str | None = None,
    stream: bool = True,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Reader:
    """A reader for one response on this wire. ``dialect`` names whose server it is."""
    made: Reader = _module(wire).reader(dialect=dialect, stream=stream, status=status, headers=headers)
    return made


def write(wire: str, request: Request, *, dialect: Dialect | str | None = None) -> dict[str, Any]:
    """The body of this request on this wire."""
    body: dict[str, Any] = _module(wire).body(request, dialect=dialect)
    return body


def read(
    wire: str,
    chunks: Iterable[bytes] | bytes,
    *,
    dialect: Dialect | str | None = None,
    stream: bool = True,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Read a whole response: the reply, or an llmkit error that carries ``.partial``."""
    reading = reader(wire, dialect=dialect, stream=stream, status=status, headers=headers)
    for chunk in (chunks,) if isinstance(chunks, bytes) else chunks:
        events = reading.feed(chunk)
        if reading.ended:
            break
    else:
        events = reading.end()
    match events[-1] if events else None:
        case Done(reply):
            return reply
        case Failed(error, _):
            raise error
    raise LLMKitError("The reader ended without a terminal event.")


def _module(wire: str) -> Any:
    try:
        return import_module(WIRES[wire])
    except KeyError:
        known = ", ".join(WIRES)
        raise ValueError(f"Unknown wire {wire!r}; the wires are {known}.") from None
