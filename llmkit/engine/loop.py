"""The I/O thread: one event loop that owns every client, started on first use, safe to fork.

SDK clients break when two loops share them; here there is one loop, and callers in any thread, any loop
or none hand their work over. What the work is lives in ``call.py``; how results come back in ``stream.py``.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, ClassVar, TypeVar

from llmkit.engine.pace import STARTS_A_TURN, new_loop
from llmkit.providers.clients import Clients

#: Leaving is over at once, mostly. Calls may take so long to settle their rows and close their sockets; the process waits
#: a little longer for the thread, but not for one that some code holds up, and that so does not turn any more.
_SETTLE_SECONDS, _GOODBYE_SECONDS, _HELD_UP_SECONDS = 4.0, 5.0, 1.0
_BEAT_SECONDS = 0.1
_NAME = "llmkit-io"
T = TypeVar("T")


class IOThread:
    """A daemon thread that runs an event loop. Use :meth:`current`; there is one for the process."""

    _current: ClassVar[IOThread | None] = None
    _starting: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self.loop = new_loop()
        self.clients = Clients()
        self._pid = os.getpid()
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked: deque[tuple[Coroutine[Any, Any, None], contextvars.Context]] = deque()
        self._rung = False
        self._beats = 0
        self._thread = threading.Thread(target=self._run, name=_NAME, daemon=True)
        self._thread.llmkit_io = self  # type: ignore[attr-defined]  # see `_running_thread`
        self._thread.start()

    @classmethod
    def current(cls) -> IOThread:
        """The process's I/O thread; started if need be."""
        running = cls._current
        if running is not None and running.alive:
            return running
        with cls._starting:
            if cls._current is None or not cls._current.alive:
                cls._current = _running_thread() or cls()
            return cls._current

    @classmethod
    def running(cls) -> IOThread | None:
        """The process's I/O thread, if it was started."""
        running = cls._current
        return running if running is not None and running.alive else None

    @property
    def alive(self) -> bool:
        """Does it run, in this process?"""
        return self._pid == os.getpid() and self._thread.is_alive()

    @property
    def calls(self) -> int:
        """How many run just now."""
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run this on the loop. The caller's context variables go with it."""
        self._asked.append((work, contextvars.copy_context()))
        if not self._rung:  # else what was asked before wakes the loop for this one too
            try:
                self._rung = True
                self.loop.call_soon_threadsafe(self._begin)
            except BaseException:  # an interrupt just here must not leave the bell unrung for good
                self._rung = False
                raise

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run this on the loop; its result comes to whoever waits for the future."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call a plain function on the loop; nothing happens once the loop has ended."""
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            if not self.loop.is_closed():
                raise

    @classmethod
    def tell(cls, function: Callable[..., object], *args: object) -> None:
        """Call a plain function on the loop of the running thread, if there is one. Starts nothing and takes
        no lock, so that finalizers may use it."""
        running = cls._current
        if running is not None and running.alive:
            running.call(function, *args)

    def stop(self) -> None:
        """Cancel what runs, let it settle, close the clients, end the thread."""
        if not self.alive:
            return
        self.call(self._finish)
        until, heard = time.monotonic() + _GOODBYE_SECONDS, -1
        while self._thread.is_alive() and self._beats != heard and time.monotonic() < until:
            heard = self._beats
            self._thread.join(_HELD_UP_SECONDS)

    def _begin(self) -> None:
        self._rung = False  # before the queue is emptied: whoever asks from here on wakes the loop anew
        for _ in range(min(len(self._asked), STARTS_A_TURN)):
            work, context = self._asked.popleft()
            task = self.loop.create_task(work, context=context)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._asked and not self._rung:
            self._rung = True
            self.loop.call_soon(self._begin)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def _finish(self) -> None:
        self._beat()
        self.loop.create_task(self._leave())

    def _beat(self) -> None:
        self._beats += 1
        self.loop.call_later(_BEAT_SECONDS, self._beat)

    async def _leave(self) -> None:
        while self._asked:
            self._begin()
        await asyncio.sleep(0)  # whoever has just begun gets as far as its own way of ending
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_SETTLE_SECONDS)
        try:
            await self.clients.close()
        finally:
            self.loop.stop()


def _running_thread() -> IOThread | None:
    """The I/O thread that this process has, where this module was loaded anew (by %autoreload, say) and
    has forgotten it: the thread itself remembers."""
    for thread in threading.enumerate():
        found: IOThread | None = getattr(thread, "llmkit_io", None)
        if found is not None and found.alive:
            return found
    return None


#: The I/O threads of parent processes: kept, as letting go of a loop closes what the parent still uses.
_INHERITED: list[IOThread | None] = []


def _forget() -> None:
    """In a forked child: the thread did not come along, so the next use starts a new one."""
    _INHERITED.append(IOThread._current)
    IOThread._current = None
    IOThread._starting = threading.Lock()


@atexit.register
def _stop() -> None:
    if IOThread._current is not None:
        IOThread._current.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
