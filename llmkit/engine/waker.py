"""Waking an event loop from another thread: one wake-up for all that became ready in the meantime.

Each wake-up is a system call that lets the interpreter's lock go, and with a hundred streams most of them
would come at the same moment. What is handed over is the business of ``stream.py``.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar, Final

LOOK_UP_SECONDS: Final = 0.05


class Waker:
    """Settles futures of one loop from the I/O thread."""

    _known: ClassVar[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Waker]] = (
        weakref.WeakKeyDictionary()
    )
    _making: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._due: deque[asyncio.Future[None]] = deque()
        self._rung = False
        self._waiting = 0
        self._ticking = False

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> Waker:
        """The loop's one waker."""
        known = cls._known.get(loop)
        if known is None:
            with cls._making:
                known = cls._known.setdefault(loop, cls(loop))
        return known

    def wake(self, waiting: asyncio.Future[None]) -> None:
        """Settle this future of the loop, from another thread. On the I/O thread, whatever else becomes
        ready in the same turn of its loop is settled with it."""
        self._due.append(waiting)
        if self._rung:
            return
        self._rung = True
        try:
            mine = asyncio.get_running_loop()
        except RuntimeError:
            self._ring()
        else:
            mine.call_soon(self._ring)

    @contextmanager
    def looking_up(self) -> Iterator[None]:
        """While somebody waits, the loop itself looks up now and then, so that an interrupt gets through; once for
        all, as a clock for each of a hundred streams would keep the loop busy."""
        self._waiting += 1
        if not self._ticking:
            self._beat()
        try:
            yield
        finally:
            self._waiting -= 1

    def _beat(self) -> None:
        loop = self._loop()
        self._ticking = self._waiting > 0 and loop is not None
        if self._ticking and loop is not None:
            loop.call_later(LOOK_UP_SECONDS, self._beat)

    def _ring(self) -> None:
        loop = self._loop()
        if loop is not None:
            with suppress(RuntimeError):  # it is closed: nobody waits any more
                loop.call_soon_threadsafe(self._settle)
                return
        self._rung = False
        self._due.clear()

    def _settle(self) -> None:
        self._rung = False  # from here on a new one rings again; what came before is in the queue
        while self._due:
            settle(self._due.popleft())


def settle(waiting: asyncio.Future[None]) -> None:
    """End a wait, unless it has ended."""
    if not waiting.done():
        waiting.set_result(None)
