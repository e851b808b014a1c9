"""Taking turns by name on the I/O thread: who asks the same as somebody else waits for what comes of that.

What is asked for, and what is done in a turn, is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary, WeakValueDictionary

from llmkit.engine.loop import IOThread


@dataclass(eq=False, slots=True, weakref_slot=True)
class Turn:
    """One name's queue. ``pointless``: whoever had the turn found out that waiting helps nobody."""

    pointless: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Turns:
    """One at a time for each name, first come, first served; who is cancelled leaves the queue.

    Nothing is left of a name once nobody waits for it. A new thread (after a fork) has queues of its own.
    """

    def __init__(self) -> None:
        self._threads: WeakKeyDictionary[IOThread, WeakValueDictionary[str, Turn]] = WeakKeyDictionary()

    @asynccontextmanager
    async def of(self, name: str, thread: IOThread) -> AsyncIterator[Turn]:
        """Wait for the turn, hold it, give it to the next."""
        queues = self._threads.setdefault(thread, WeakValueDictionary())
        turn = queues.setdefault(name, Turn())
        async with turn.lock:
            yield turn
