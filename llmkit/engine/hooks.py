"""Who wants to know what goes on: callbacks for attempts, their events, replies and errors.

Every attempt that begins is told once (``on_request``) and ends once (``on_reply`` or ``on_error``), as its
row in the ledger does. Callbacks run on the I/O thread, so they must be quick; one that fails harms
nobody. What is done with the news (log lines, spans) lives in ``logs.py`` and ``telemetry.py``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from llmkit.core.errors import LLMKitError
from llmkit.core.events import Event
from llmkit.core.reply import Reply
from llmkit.core.request import Request

_log = logging.getLogger("llmkit")

Source = Literal["provider", "tape", "cache"]
Unsubscribe = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Happening:
    """Which attempt the news is about. ``request`` holds the prompt, and stays out of the repr."""

    call: str
    attempt: int
    provider: str
    model: str
    request: Request = field(repr=False, hash=False, compare=False)
    wire: str | None = None
    endpoint: str | None = None
    session: str = ""
    notebook: str | None = None
    cell: str | None = None
    tag: str | None = None
    simulated: bool = False
    source: Source = "provider"


OnRequest = Callable[[Happening], object]
OnEvent = Callable[[Happening, Event], object]
OnReply = Callable[[Happening, Reply], object]
OnError = Callable[[Happening, LLMKitError], object]


class Bell:
    """The callbacks for one kind of news, in the order in which they came.

    >>> bell = Bell()
    >>> forget = bell.add(print)
    >>> bell.ring("hello"); forget(); bell.ring("anybody?")
    hello
    """

    __slots__ = ("_broken", "_callbacks", "_lock")

    def __init__(self) -> None:
        self._callbacks: tuple[Callable[..., object], ...] = ()
        self._broken: set[Callable[..., object]] = set()
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def add(self, callback: Callable[..., object]) -> Unsubscribe:
        """Call it from now on, until the returned function is called."""

        def once(*news: Any) -> None:  # one of its own, so that the same callback may come twice
            callback(*news)

        once.__name__ = getattr(callback, "__name__", type(callback).__name__)
        with self._lock:
            self._callbacks = (*self._callbacks, once)

        def forget() -> None:
            with self._lock:
                self._callbacks = tuple(c for c in self._callbacks if c is not once)

        return forget

    def ring(self, *news: Any) -> None:
        """Tell everybody. A callback's failure is logged the first time, without its words: these may
        hold a prompt."""
        for callback in self._callbacks:
            try:
                callback(*news)
            except Exception as error:  # noqa: BLE001 - somebody else's code, in the middle of a call
                if callback not in self._broken:
                    self._broken.add(callback)
                    _log.warning(
                        "llmkit: the hook %s failed with %s; the call goes on.",
                        callback.__name__,
                        type(error).__name__,
                    )


class Hooks:
    """The four bells of a session."""

    __slots__ = ("errors", "events", "replies", "requests")

    def __init__(self) -> None:
        self.requests = Bell()
        self.events = Bell()
        self.replies = Bell()
        self.errors = Bell()
