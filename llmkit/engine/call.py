"""The path of a call, on the I/O thread: open, pump, settle.

Gates act once an attempt, never once a token. The token path is one loop: read, feed the reader, put one
batch into the caller's queue. Whatever happens, the stream gets exactly one terminal event and the row of
every attempt is settled.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from llmkit import wire as wires
from llmkit.core import errors as e
from llmkit.core.events import Done, Event, Failed
from llmkit.core.reply import Reply, Timing
from llmkit.core.request import Request
from llmkit.engine.loop import IOThread
from llmkit.engine.settle import price, status_of
from llmkit.engine.stream import Channel, Stream
from llmkit.ledger.store import Ledger
from llmkit.providers.base import Exchange, Provider
from llmkit.providers.keys import mask
from llmkit.wire.reader import Reader


@dataclass(frozen=True)
class Labels:
    """Whose call it is: what the ledger can be asked by."""

    session: str
    notebook: str | None = None
    cell: str | None = None
    tag: str | None = None


@dataclass
class Call:
    """One call on its way. Lives on the I/O thread; the caller holds the stream."""

    request: Request
    provider: Provider
    body: Mapping[str, Any]
    ledger: Ledger
    labels: Labels
    id: str = field(default_factory=lambda: uuid4().hex)
    channel: Channel = field(default_factory=Channel)
    settled: threading.Event = field(default_factory=threading.Event)
    reader: Reader | None = None
    first: float | None = None
    began: float = 0.0

    def launch(self) -> Stream:
        """Hand the call to the I/O thread; the stream is the caller's end of it."""
        stream = Stream(self.request.signal, self.channel, self.settled)
        stream._partial = self.partial
        self.began = time.monotonic()
        thread = IOThread.current()
        thread.start(self.run(thread))
        return stream

    def partial(self) -> Reply:
        """The reply as far as it has come, asked for from any thread."""
        return self.reader.reply(complete=False) if self.reader is not None else Reply(complete=False)

    async def run(self, thread: IOThread) -> None:
        """The whole call: everything ends in one terminal event."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A call runs as a task of the I/O thread.")
        signal = self.request.signal
        forget = signal.on_abort(lambda _: thread.call(task.cancel), clock=False)
        left = signal.remaining
        alarm = None if left is None else thread.loop.call_later(left, signal.abort, "timeout")
        try:
            await self.attempt(thread, 1)
        finally:
            forget()
            if alarm is not None:
                alarm.cancel()
            self.settled.set()

    async def attempt(self, thread: IOThread, number: int) -> None:
        """One HTTP request and its row: written before a byte leaves, settled whatever happens."""
        row = self.ledger.begin(
            call=self.id,
            attempt=number,
            session=self.labels.session,
            notebook=self.labels.notebook,
            cell=self.labels.cell,
            tag=self.labels.tag,
            provider=self.provider.name,
            model=self.request.model,
            endpoint=self.provider.base_url,
            prompt_hash=fingerprint(self.body),
            simulated=self.provider.simulated,
        )
        started = datetime.now(UTC)
        self.reader = None
        last: list[Event] = []
        received = 0
        try:
            exchange = await self.provider.open(self.request, self.body, thread.clients)
            try:
                self.reader = self.read(exchange)
                async for chunk in exchange.chunks():
                    received += len(chunk)
                    if not (events := self.reader.feed(chunk)):
                        continue
                    if self.first is None:
                        self.first = time.monotonic() - self.began
                    if self.reader.ended:
                        last = events
                        break
                    self.channel.put(events)
                    self.request.signal.add_tokens(len(events))
                else:
                    last = self.reader.end()
            finally:
                await exchange.close()
        except asyncio.CancelledError:
            last = self.fail(self.stopped())
        except e.LLMKitError as error:
            last = self.fail(error)
        except Exception as error:
            last = self.fail(
                e.LLMKitError(
                    "llmkit failed while reading the answer.",
                    why=f"{type(error).__name__}: {mask(str(error))[:200]}",
                    hint="This is a bug in llmkit: please report it.",
                )
            )
        last[-1] = terminal = self.finish(last[-1], number, started)
        reply = terminal.reply if isinstance(terminal, Done) else terminal.partial
        self.ledger.settle(
            row,
            status=status_of(terminal),
            reply=reply,
            error=terminal.error if isinstance(terminal, Failed) else None,
            cost=reply.cost,
            bytes_in=received,
        )
        self.channel.put(last)

    def read(self, exchange: Exchange) -> Reader:
        """The reader for this answer."""
        return wires.reader(
            self.provider.wire,
            dialect=self.provider.dialect,
            stream=self.request.stream,
            status=exchange.status,
            headers=exchange.headers,
        )

    def fail(self, error: e.LLMKitError) -> list[Event]:
        """The terminal event for an error that the reader did not see."""
        out: list[Event] = []
        if self.reader is not None and not self.reader.ended:
            self.reader.fail(error, out)
        else:
            error.partial = self.partial()
            out.append(Failed(error, error.partial))
        return out

    def stopped(self) -> e.LLMKitError:
        """Why the call was cancelled: the clock, a limit, or somebody."""
        signal = self.request.signal
        kept = "What arrived is kept in `error.partial`."
        if signal.timed_out:
            return e.DeadlineExceeded("The call ran out of time.", why="Its timeout passed.", hint=kept)
        return e.Aborted(f"The call was stopped: {signal.reason or 'llmkit is shutting down'}.", hint=kept)

    def finish(self, terminal: Event, number: int, started: datetime) -> Done | Failed:
        """Complete the terminal event with what only the engine knows: time, provider, money."""
        timing = Timing(self.first, time.monotonic() - self.began)
        more = {
            "timing": timing,
            "provider": self.provider.name,
            "simulated": self.provider.simulated,
            "attempts": number,
        }
        match terminal:
            case Done(reply):
                return Done(price(reply.with_(**more), self.request, self.provider, started))
            case Failed(error, partial):
                partial = price(
                    partial.with_(**more, model=partial.model or self.request.model),
                    self.request,
                    self.provider,
                    started,
                )
                error.partial = partial
                error.provider = error.provider or self.provider.name
                error.model = error.model or self.request.model
                error.what, error.why, error.hint = mask(error.what), mask(error.why), mask(error.hint)
                return Failed(error, partial)
        raise RuntimeError(f"Not a terminal event: {terminal!r}.")


def fingerprint(body: Mapping[str, Any]) -> str:
    """A short hash of what is asked, to find equal calls by; the prompt can't be had back from it."""
    import json

    text = json.dumps(body, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
