"""Showing a recorded call again: the same events, nobody called, a row that says so and costs nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

from llmkit.core.events import Done, Event, Failed
from llmkit.core.reply import Reply
from llmkit.core.request import Request
from llmkit.core.usage import Cost
from llmkit.engine.loop import IOThread
from llmkit.engine.recording import Recording, key_of
from llmkit.engine.stopping import stopped
from llmkit.engine.stream import Channel, Stream
from llmkit.ledger.store import Ledger

if TYPE_CHECKING:
    from llmkit.engine.call import Labels


@dataclass
class Playback:
    """A recorded call on its way. ``timing``: at its original pace, or at once."""

    recording: Recording
    request: Request
    ledger: Ledger
    labels: Labels
    timing: bool = False
    source: str = "tape"
    channel: Channel = field(default_factory=Channel)
    settled: threading.Event = field(default_factory=threading.Event)
    shown: int = 0

    def launch(self) -> Stream:
        """Hand it to the I/O thread."""
        thread = IOThread.current()
        thread.start(self.run(thread))
        return Stream(self.request.signal, self.channel, self.settled, self.partial)

    def partial(self) -> Reply:
        """What has been shown so far is not tracked part by part: the recorded reply, marked as not whole."""
        return self.recording.reply.with_(complete=False)

    async def run(self, thread: IOThread) -> None:
        """Show the events, then the reply; never raises."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A playback runs as a task of the I/O thread.")
        began = time.monotonic()
        row = self.begin()
        forget = self.request.signal.on_abort(lambda _: thread.call(task.cancel))
        last: Event
        try:
            await self.play(began)
            reply = self.recording.reply
            last = Done(
                reply.with_(notes=(*reply.notes, f"Replayed from the {self.source}: nobody was called."))
            )
        except asyncio.CancelledError:
            last = Failed(stopped(self.request.signal), self.partial())
            last.error.partial = last.partial
        finally:
            forget()
        done = last.reply if isinstance(last, Done) else last.partial
        free = Cost(Decimal(0), source="not-billed", note=f"replayed from the {self.source}")
        self.ledger.settle(
            row,
            status="cached" if isinstance(last, Done) else "cancelled",
            reply=done.with_(timing=replace(done.timing, duration=time.monotonic() - began)),
            error=last.error if isinstance(last, Failed) else None,
            cost=free,
        )
        self.settled.set()
        self.channel.put([last])

    async def play(self, began: float) -> None:
        """The events at their times, or all in one batch."""
        beats = self.recording.beats
        if not self.timing:
            if beats:
                self.channel.put([event for _, event in beats])
            return
        for when, event in beats:
            await asyncio.sleep(max(0.0, began + when - time.monotonic()))
            self.channel.put([event])

    def begin(self) -> str:
        """The row of a call that calls nobody."""
        reply = self.recording.reply
        return self.ledger.begin(
            call=uuid4().hex,
            attempt=1,
            session=self.labels.session,
            notebook=self.labels.notebook,
            cell=self.labels.cell,
            tag=self.labels.tag,
            provider=reply.provider or "tape",
            model=reply.model or self.request.model,
            prompt_hash=key_of(self.recording.asked),
            simulated=reply.simulated,
        )
