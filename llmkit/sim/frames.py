"""Frames of a stream before they are sent: bytes that know how many tokens they carry.

Which frames a wire sends lives in that wire's file; spoiling them in mischief.py, sending in player.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

#: open: before the text; token: text, thinking or arguments; close: stop reason and usage; end: terminal.
Kind = Literal["open", "token", "close", "end", "other"]

_HOLE = "\ue000hole\ue000"


class Frame(NamedTuple):
    """One event of a stream."""

    data: bytes
    tokens: int = 0
    kind: Kind = "open"


@dataclass(slots=True)
class Rendering:
    """A whole streamed answer, with what faults need to spoil it in the manner of its wire."""

    frames: list[Frame]
    text: Callable[[str, int], Frame]  # one more piece of text
    error: Callable[[int, str], bytes]  # an error frame
    unknown: bytes = b'event: sim_unknown\ndata: {"type":"sim_unknown","note":"ignore me"}\n\n'
    ping: bytes = b": keep-alive\n\n"
    tokens: int = field(default=0)


def dumps(value: Any) -> str:
    """Compact JSON, as providers write it; non-ASCII stays as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sse(event: str | None, value: Any) -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {value if isinstance(value, str) else dumps(value)}\n\n".encode()


def holed(event: str | None, build: Callable[[str], Any]) -> tuple[str, str]:
    """What comes before and after the one string that differs from frame to frame: twenty thousand
    frames are then twenty thousand joins, not twenty thousand dumps.

    >>> holed(None, lambda text: {"t": text})
    ('data: {"t":', '}\\n\\n')
    """
    whole = sse(event, build(_HOLE)).decode()
    before, _, after = whole.partition(dumps(_HOLE))
    return before, after
