"""A call within a call: a round of tools, or a model that is asked before another. Its events go through to the caller,
all but the last one, which is for whoever asked.

Which call is next is the business of ``tool_loop.py`` and ``routed.py``.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from llmkit.core import errors as e
from llmkit.core.events import Done, Event, Failed
from llmkit.core.reply import Reply
from llmkit.core.request import Request
from llmkit.core.signal import Signal
from llmkit.engine.call import unforeseen
from llmkit.engine.loop import IOThread
from llmkit.engine.recording import Keep, Recorder, keep_all
from llmkit.engine.stopping import stopped
from llmkit.engine.stream import Channel, Stream
from llmkit.engine.structured import Shape
from llmkit.engine.tool_runs import Workplace

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


@dataclass(kw_only=True)
class Whole(ABC):
    """A call of several legs, with one stream, one signal and one terminal event. It lives on the I/O thread; the
    caller holds the stream."""

    request: Request
    keep: Sequence[Keep] = ()
    shape: Shape | None = None
    tell: Callable[[str], object] = _log.warning
    #: Where its tools run, if there are any.
    place: Workplace | None = None
    channel: Channel = field(default_factory=Channel)
    settled: threading.Event = field(default_factory=threading.Event)
    recorder: Recorder | None = None
    began: float = field(default_factory=time.monotonic)

    @abstractmethod
    async def legs(self, thread: IOThread) -> Done | Failed:
        """One leg after the other, to the end."""

    @abstractmethod
    def partial(self) -> Reply:
        """The reply as far as it has come, asked for from any thread."""

    @abstractmethod
    def failed(self, error: e.LLMKitError) -> Failed:
        """The end, with all that came before it."""

    def launch(self) -> Stream:
        """Hand it to the I/O thread; the stream is the caller's end of it."""
        self.recorder = Recorder() if self.keep else None
        thread = IOThread.current()
        thread.start(self.run(thread))
        return Stream(
            self.request.signal, self.channel, self.settled, self.partial, shape=self.shape, place=self.place
        )

    async def run(self, thread: IOThread) -> None:
        """All of it. Never raises: everything, a fault of ours as well, ends in one terminal event."""
        last = await self._ended(thread)
        try:
            if isinstance(last, Done):
                await keep_all(self.keep, self.recorder, last.reply, self.tell)
        finally:
            self.settled.set()
            self.channel.put([last])

    async def _ended(self, thread: IOThread) -> Done | Failed:
        signal = self.request.signal
        try:
            return await self.legs(thread)
        except asyncio.CancelledError:
            signal.abort(_SHUTTING_DOWN)
            return self.failed(stopped(signal))
        except e.LLMKitError as error:
            return self.failed(error)
        except Exception as error:  # noqa: BLE001 - a fault of ours still ends in a terminal event
            _log.exception("llmkit: a call of several models or rounds failed in an unforeseen way")
            return self.failed(unforeseen(error))

    def show(self, events: list[Event]) -> None:
        """Hand some events to the caller."""
        if self.recorder is not None:
            self.recorder.hear(time.monotonic() - self.began, events)
        self.channel.put(events)
