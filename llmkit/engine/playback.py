"""Showing a recorded call again: the same events, nobody called, a row that says so and costs nothing."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from llmkit.core.errors import LLMKitError, SchemaError
from llmkit.core.events import Done, Event, Failed
from llmkit.core.ids import fresh_id
from llmkit.core.reply import Reply, Timing
from llmkit.core.request import Request
from llmkit.core.usage import Cost
from llmkit.engine.call import Labels, unforeseen
from llmkit.engine.hooks import Happening, Hooks
from llmkit.engine.loop import IOThread
from llmkit.engine.recording import Recording, key_of, so_far
from llmkit.engine.stopping import stoppable, stopped
from llmkit.engine.stream import Channel, Stream
from llmkit.engine.structured import Shape
from llmkit.ledger.store import Ledger
from llmkit.models import aliases

_log = logging.getLogger("llmkit")


@dataclass
class Playback:
    """A recorded call on its way. ``timing``: at its original pace, or at once."""

    recording: Recording
    request: Request
    ledger: Ledger
    labels: Labels
    timing: bool = False
    source: Literal["tape", "cache"] = "tape"
    hooks: Hooks | None = None
    shape: Shape | None = None
    id: str = field(default_factory=fresh_id)
    route: str | None = None
    before: int = 0
    channel: Channel = field(default_factory=Channel)
    settled: threading.Event = field(default_factory=threading.Event)
    shown: list[Event] = field(default_factory=list)

    @property
    def model(self) -> str:
        """The model by the name that an attempt sent to it bears, so that in a table its replays stand with it. Who
        served it then is in the reply."""
        if self.source == "cache":
            return self.request.model
        place, name = aliases.split(self.request.model)  # a tape is asked before any name is looked up
        reply = self.recording.reply
        return name if place is not None and place == reply.provider else reply.model or self.request.model

    def launch(self) -> Stream:
        """Hand it to the I/O thread."""
        thread = IOThread.current()
        thread.start(self.run(thread))
        return Stream(self.request.signal, self.channel, self.settled, self.partial, shape=self.shape)

    def partial(self) -> Reply:
        """The reply as far as it has been shown."""
        return so_far(self.recording.reply, self.shown).with_(cost=self.free())

    async def run(self, thread: IOThread) -> None:
        """Show the events, then the reply; never raises."""
        began = time.monotonic()
        row = self.begin()
        signal = self.request.signal
        last: Done | Failed
        try:
            with stoppable(signal, thread):
                if signal.aborted:
                    raise asyncio.CancelledError
                await self.play(began)
            last = Done(self.whole(time.monotonic() - began))
        except SchemaError as unfit:  # what was kept followed another schema
            unfit.partial = self.recording.reply
            last = Failed(unfit, self.recording.reply)
        except asyncio.CancelledError:
            last = self.failed(stopped(signal))
        except Exception as error:  # noqa: BLE001 - a fault of ours still ends in a terminal event
            _log.exception("llmkit: a recorded call could not be shown")
            last = self.failed(unforeseen(error))
        self.settle(row, last, time.monotonic() - began)
        self.settled.set()
        self.channel.put([last])

    async def play(self, began: float) -> None:
        """The events at their times, or all in one batch."""
        beats = self.recording.beats
        if not self.timing:
            self.show([event for _, event in beats])
            return
        for when, event in beats:
            await asyncio.sleep(max(0.0, began + when - time.monotonic()))
            self.show([event])

    def show(self, events: list[Event]) -> None:
        """Hand some events to the caller."""
        if not events:
            return
        self.shown = [*self.shown, *events] if self.shown else events
        self.ring(events)
        self.channel.put(events)

    def ring(self, events: Sequence[Event]) -> None:
        """Tell those who listen to events."""
        if self.hooks is not None and self.hooks.events:
            for event in events:
                self.hooks.events.ring(self.news(), event)

    def whole(self, took: float) -> Reply:
        """The recorded reply: what it cost then is saved now. From a tape it keeps its times, so that a
        notebook run again shows the same; from the cache it has its own."""
        reply = self.recording.reply
        saved = f" That saved {reply.cost}." if reply.cost.amount else ""
        note = f"Replayed from the {self.source}: nobody was called.{saved}"
        timing = (
            Timing(took if reply.message.parts else None, took) if self.source == "cache" else reply.timing
        )
        data = None if self.shape is None or reply.tool_calls else self.shape.read(reply.text)
        return reply.with_(cost=self.free(), timing=timing, notes=(*reply.notes, note), data=data)

    def free(self) -> Cost:
        """Nothing, and why."""
        then = self.recording.reply.cost
        was = f"; it cost {then} when it was recorded" if then.amount else ""
        return Cost(Decimal(0), source="not-billed", note=f"replayed from the {self.source}{was}")

    def failed(self, error: LLMKitError) -> Failed:
        """The end, with what was shown before it."""
        error.partial = self.partial()
        return Failed(error, error.partial)

    # -- the row ------------------------------------------------------------------------------

    def begin(self) -> str:
        """The row of a call that calls nobody."""
        if self.hooks is not None and self.hooks.requests:
            self.hooks.requests.ring(self.news())
        reply = self.recording.reply
        return self.ledger.begin(
            call=self.id,
            attempt=self.before + 1,
            route=self.route,
            session=self.labels.session,
            notebook=self.labels.notebook,
            cell=self.labels.cell,
            tag=self.labels.tag,
            provider=reply.provider or self.source,
            model=self.model,
            prompt_hash=key_of(self.recording.asked),
            simulated=reply.simulated,
        )

    def settle(self, row: str, last: Done | Failed, took: float) -> None:
        """Close the row, and tell those who listen."""
        reply = last.reply if isinstance(last, Done) else last.partial
        self.ledger.settle(
            row,
            status="cached" if isinstance(last, Done) else "cancelled",
            reply=reply.with_(timing=replace(reply.timing, duration=took)),
            error=last.error if isinstance(last, Failed) else None,
            cost=self.free(),
        )
        if self.hooks is None:
            return
        match last:
            case Done(reply):
                if self.hooks.replies:
                    self.hooks.replies.ring(self.news(), reply)
            case Failed(error, _):
                if self.hooks.errors:
                    self.hooks.errors.ring(self.news(), error)

    def news(self) -> Happening:
        """What listeners are told."""
        reply = self.recording.reply
        return Happening(
            call=self.id,
            attempt=self.before + 1,
            provider=reply.provider or self.source,
            model=self.model,
            request=self.request,
            session=self.labels.session,
            notebook=self.labels.notebook,
            cell=self.labels.cell,
            tag=self.labels.tag,
            simulated=reply.simulated,
            source=self.source,
        )
