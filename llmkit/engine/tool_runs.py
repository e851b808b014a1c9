"""Where a tool's function (or a check) runs: never on the I/O thread, which must not wait for anybody's code.

A plain function gets a thread of its own; a coroutine runs on the loop of whoever awaits the stream, on the
kernel's loop (``llmkit.nested``), or else on a loop kept for tools. A thread can't be ended from outside: one that
is still at work when a call is stopped is left alone, and what it gives back is thrown away.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar

from llmkit import nested


class Workplace:
    """Where the tools of one call run. The stream says whose loop waits for it."""

    def __init__(self) -> None:
        self._home: asyncio.AbstractEventLoop | None = None
        self._busy: dict[object, str] = {}

    def awaited(self) -> None:
        """A coroutine waits for the stream: its loop is the one that its tools' objects belong to."""
        self._home = asyncio.get_running_loop()

    def waited(self, seconds: float) -> bool:
        """Plain code waits for the stream. Where that is on the kernel's own loop and it may be entered again,
        the loop is moved on meanwhile, and the result is true."""
        loop = nested.loop_here()
        self._home = loop
        if loop is None:
            return False
        nested.move_on(loop, seconds)
        return True

    @property
    def busy(self) -> tuple[str, ...]:
        """The tools that are at work in threads (what has no name is none)."""
        return tuple(name for name in self._busy.values() if name)

    async def run(self, name: str, function: Callable[[], Any], *, is_async: bool) -> Any:
        """Call it in its place, and wait. Awaited on the I/O thread; cancelling it cancels a coroutine."""
        value = await self._on_loop(_called(function)) if is_async else await self._in_thread(name, function)
        if inspect.isawaitable(value):  # a plain function that makes a coroutine
            value = await self._on_loop(_awaited(value))
        return value

    async def _on_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        home = self._home
        if home is None or home.is_closed() or not home.is_running():
            home = ToolThread.current().loop
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, home))

    async def _in_thread(self, name: str, function: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()
        key = object()

        def settle(value: Any, error: BaseException | None) -> None:
            self._busy.pop(key, None)
            if done.done():
                return
            if error is None:
                done.set_result(value)
            elif isinstance(error, Exception) and not isinstance(error, StopIteration):
                done.set_exception(error)
            else:  # sys.exit() in a tool ends the tool, not the kernel; and no future takes a StopIteration
                done.set_exception(RuntimeError(f"{type(error).__name__}: {error}".rstrip(": ")))

        def work() -> None:
            value, failed = None, None
            try:
                value = context.run(function)
            except BaseException as error:  # noqa: BLE001 - somebody else's code; its failure is a result
                failed = error
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(settle, value, failed)

        self._busy[key] = name
        threading.Thread(target=work, name=f"llmkit-tool-{name}", daemon=True).start()
        return await done


async def _called(function: Callable[[], Any]) -> Any:
    return await function()


async def _awaited(value: Any) -> Any:
    return await value


class ToolThread:
    """A daemon thread with an event loop for coroutines that belong to no other; started when first needed."""

    _current: ClassVar[ToolThread | None] = None
    _starting: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="llmkit-tools", daemon=True)
        self._thread.start()

    @classmethod
    def current(cls) -> ToolThread:
        """The process's thread for tools."""
        with cls._starting:
            if cls._current is None or not cls._current.alive:
                cls._current = cls()
            return cls._current

    @property
    def alive(self) -> bool:
        """Does it run, in this process?"""
        return self._pid == os.getpid() and self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
