"""A call within a call: a round of tools, or a model that is asked before another. Its events go through to the caller,
all but the last one, which is for whoever asked.

Which call is next is the business of ``tool_loop.py`` and ``routed.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from llmkit.core import errors as e
from llmkit.core.events import Done, Event, Failed
from llmkit.core.reply import Reply
from llmkit.core.signal import Signal
from llmkit.engine.call import unforeseen
from llmkit.engine.loop import IOThread
from llmkit.engine.stopping import stopped
from llmkit.engine.stream import Channel

_log = logging.getLogger("llmkit")
_SHUTTING_DOWN = "llmkit is shutting down"


class Leg(Protocol):
    """One call on its way, or one that is played back."""

    channel: Channel

    def partial(self) -> Reply:
        """The reply as far as it has come."""

    def ring(self, events: Sequence[Event]) -> None:
        """Tell those who listen to events."""

    async def run(self, thread: IOThread) -> None:
        """All of it; never raises, and ends in one terminal event."""


class Relay(Channel):
    """Passes a leg's events on to a channel, all but the last."""

    __slots__ = ("_show", "_to", "terminal")

    def __init__(self, to: Channel, show: Callable[[list[Event]], object]) -> None:
        super().__init__()
        self._to = to
        self._show = show
        self.terminal: Done | Failed | None = None

    @property
    def waiting(self) -> int:
        """How many events the reader has not taken: for a slow one, every leg waits."""
        return self._to.waiting

    def put(self, batch: list[Event]) -> None:
        """Pass on a batch."""
        if batch and isinstance(last := batch[-1], Done | Failed):
            self.terminal = last
            batch = batch[:-1]
        if batch:
            self.passed(batch)

    def passed(self, batch: list[Event]) -> None:
        """Events that are not the last."""
        self._show(batch)

    async def carry(self, leg: Leg, signal: Signal, thread: IOThread) -> Done | Failed:
        """One leg, to its end. Cancelled, it stops the leg and waits until that has settled."""
        leg.channel = self
        call = thread.loop.create_task(leg.run(thread))
        try:
            await asyncio.wait({call})
        except asyncio.CancelledError:
            signal.abort(_SHUTTING_DOWN)
            await asyncio.wait({call})
            raise
        if self.terminal is None:
            raise RuntimeError("A call ended without a terminal event.")
        return self.terminal


async def to_the_end(
    whole: Awaitable[Done | Failed], signal: Signal, failed: Callable[[e.LLMKitError], Failed], called: str
) -> Done | Failed:
    """The terminal event of all legs together. Never raises: a fault of ours ends in one as well."""
    try:
        return await whole
    except asyncio.CancelledError:
        signal.abort(_SHUTTING_DOWN)
        return failed(stopped(signal))
    except e.LLMKitError as error:
        return failed(error)
    except Exception as error:  # noqa: BLE001 - a fault of ours still ends in a terminal event
        _log.exception("llmkit: %s failed in an unforeseen way", called)
        return failed(unforeseen(error))
