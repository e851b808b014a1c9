"""What the simulator has seen: one entry a request, for tests to compare with what the client believes.

In memory only, never logged. No key is kept, not even in part.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["open", "done", "client_closed", "cut"]


@dataclass(slots=True)
class Seen:
    """One request and how it ended. ``outcome`` is ``open`` while it is being answered."""

    method: str
    path: str
    wire: str = ""
    dialect: str = ""
    model: str = ""
    json: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    header_names: tuple[str, ...] = ()
    status: int = 0
    fault: str = ""
    outcome: Outcome = "open"
    bytes_sent: int = 0
    tokens_sent: int = 0
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    at: float = field(default_factory=time.time)


class Journal:
    """The last requests, and how many there ever were. Safe to read from any thread."""

    def __init__(self, keep: int) -> None:
        self._entries: deque[Seen] = deque(maxlen=keep)
        self._changed = threading.Condition()
        self._open = 0
        self.attempts = 0

    def begin(self, entry: Seen, *, attempt: bool) -> None:
        """A request has come; ``attempt`` where it asks for an answer of a model."""
        with self._changed:
            self._entries.append(entry)
            self._open += 1
            self.attempts += attempt

    def end(self, entry: Seen, outcome: Outcome) -> None:
        """It is over."""
        with self._changed:
            entry.outcome = outcome
            entry.ended = time.monotonic()
            self._open -= 1
            self._changed.notify_all()

    def entries(self) -> list[Seen]:
        """The entries so far, oldest first."""
        with self._changed:
            return list(self._entries)

    def settled(self, timeout: float) -> list[Seen]:
        """Wait until no request is open, then the entries; ``TimeoutError`` if that never comes."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._open == 0, timeout):
                raise TimeoutError(f"{self._open} requests are still open after {timeout} s")
            return list(self._entries)

    def clear(self) -> None:
        """Forget the entries and the count. Open requests stay counted as open."""
        with self._changed:
            self._entries.clear()
            self.attempts = 0
