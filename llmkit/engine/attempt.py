"""One HTTP request and its row in the ledger: written before a byte leaves, settled whatever happens.

The token path is the one loop in ``pump``: read, feed the reader, hand a batch over. What follows a failed
attempt is decided in ``call.py``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmkit import wire as wires
from llmkit.core import errors as e
from llmkit.core.events import Done, Event, Failed, Text, Thinking
from llmkit.core.reply import Reply, Timing
from llmkit.engine.budget import Hold
from llmkit.engine.estimate import guess
from llmkit.engine.gates import ThreadGates
from llmkit.engine.hooks import Happening, Hooks
from llmkit.engine.limits import Limiter
from llmkit.engine.loop import IOThread
from llmkit.engine.settle import advise, price, status_of, unlock
from llmkit.engine.stream import Channel
from llmkit.engine.watch import Watch
from llmkit.engine.worst import least_of, worst_of
from llmkit.models.tokens import estimate_tokens
from llmkit.providers.base import Exchange
from llmkit.wire.reader import Reader

if TYPE_CHECKING:
    from llmkit.engine.call import Call
    from llmkit.engine.rows import RowWriter
    from llmkit.ledger.entry import Row


#: What the simulator marks its answers with.
SIMULATED_HEADER = "x-llmkit-simulated"

#: How long the end of a body may take after the end of the answer.
FAREWELL_SECONDS = 0.1

#: How many events may wait for a slow reader before the socket is left alone, and how often it is looked after.
MOST_WAITING = 10_000
CATCH_UP_SECONDS = 0.02


class Attempt:
    """The attempt of that number. ``run`` gives its last batch, which ends in a terminal event."""

    def __init__(self, call: Call, number: int) -> None:
        self.call = call
        self.number = number
        self.reader: Reader | None = None
        self.row: str | None = None
        self.rows: RowWriter | None = None
        self.settled = False
        self.told = False
        self.sent = False
        self.over: Event | None = None  # how the answer ended, as soon as that is known
        self.done: Done | Failed | None = None  # the same, complete
        self.received = 0
        self.hold = Hold(call.tell)
        self.news: Happening | None = None
        self.first: float | None = None
        self.started = datetime.now(UTC)
        self._clock = time.monotonic()

    def partial(self) -> Reply:
        """The reply as far as it has come."""
        return self.reader.reply(complete=False) if self.reader is not None else Reply(complete=False)

    @property
    def simulated(self) -> bool:
        """Did a simulator answer, whatever it is configured as?"""
        return self.reader is not None and SIMULATED_HEADER in self.reader.headers

    async def run(self, thread: IOThread, gates: ThreadGates) -> list[Event]:
        """Through the gates, out and back."""
        call = self.call
        breaker = gates.breaker(call.provider.name, call.request.model)
        limiter = gates.limiter(call.provider.name)
        if breaker.open:
            return [self.settle(self.fail(_open_circuit(call, breaker.retry_in)))]
        left = call.request.signal.remaining
        if left is not None and limiter.paused > left:
            return [self.settle(self.fail(_told_to_wait(call, limiter.paused)))]
        await thread.clients.load(call.provider.package)
        async with limiter.slot(self.weight() if limiter.counts_tokens else 0.0):
            if not breaker.admit():  # it opened while this one waited
                return [self.settle(self.fail(_open_circuit(call, breaker.retry_in)))]
            try:
                await self.begin(gates)
                last = await self.exchange(thread)
            except BaseException:
                breaker.withdrawn()
                raise
        match last[-1]:
            case Done(reply):
                breaker.succeeded()
                heed(limiter, reply)
            case Failed(error, partial):
                breaker.failed(error)
                heed(limiter, partial)
                if isinstance(error, e.RateLimited) and error.retry_after is not None:
                    limiter.pause(error.retry_after)
        if call.hooks is not None and call.hooks.events:
            call.ring(last[:-1])
        last[-1] = await self.settle_with_others(last[-1], gates)
        return last

    async def exchange(self, thread: IOThread) -> list[Event]:
        """Send, read, close. Failures come back as a terminal event; only cancellation passes through."""
        call = self.call
        watch = Watch(call.gates.patience_for(call.provider.name))
        try:
            self.reserve()
            async with watch:
                self.sent = True
                exchange = await call.provider.open(call.request, call.body, thread.clients)
                try:
                    watch.answered()
                    self.reader = self.read(exchange)
                    async with aclosing(exchange.chunks()) as chunks:
                        last = await self.pump(chunks, self.reader, watch)
                finally:
                    await exchange.close()
        except e.LLMKitError as error:
            if self.reader is None or not self.reader.complete:
                return [self.fail(error)]
            return self.reader.end()  # it broke, but after the answer was whole
        if watch.drained and self.reader is not None:
            return self.reader.end()
        return last

    async def pump(self, chunks: AsyncGenerator[bytes], reader: Reader, watch: Watch) -> list[Event]:
        """The token path."""
        show, signal, channel = self.call.show, self.call.request.signal, self.call.channel
        counted = signal.counts_tokens
        async for chunk in chunks:
            self.received += len(chunk)
            events = reader.feed(chunk)
            if reader.complete and not reader.ended:
                watch.drain()
            if not events:
                continue
            if self.first is None:
                self.first = time.monotonic() - self._clock
            if reader.ended:
                self.over = events[-1]
                if len(events) > 1:  # the last words need not wait for the row to be settled
                    show(events[:-1])
                await rest(chunks)
                return events[-1:]
            watch.heard()
            show(events)
            if counted:
                signal.add_tokens(count_tokens(events))
            if channel.waiting > MOST_WAITING and not reader.complete:
                await room(channel, watch)
        return reader.end()

    def read(self, exchange: Exchange) -> Reader:
        """The reader for this answer."""
        provider = self.call.provider
        return wires.reader(
            provider.wire,
            dialect=provider.dialect,
            stream=self.call.request.stream,
            status=exchange.status,
            headers=exchange.headers,
        )

    def fail(self, error: e.LLMKitError) -> Event:
        """The terminal event for an error that the reader did not see."""
        if self.reader is not None and not self.reader.ended:
            out: list[Event] = []
            self.reader.fail(error, out)
            return out[-1]
        return Failed(error, self.partial())

    # -- the row ------------------------------------------------------------------------------

    def reserve(self) -> None:
        """Hold the worst case of every budget that applies; raises if one refuses."""
        call = self.call
        if call.budgets:
            worst = worst_of(call.request, call.body, call.provider, overrides=call.prices)
            least = least_of(call.request, call.provider, overrides=call.prices) if worst is None else worst
            self.hold.take(
                [b for b in call.budgets if b.simulated or not call.provider.simulated], worst, least
            )

    async def begin(self, gates: ThreadGates) -> None:
        """The row exists before a byte is sent."""
        self.rows = gates.rows(self.call.ledger)
        await self.rows.write(self.draft())
        if self.call.hooks is not None:
            self.announce(self.call.hooks)

    def announce(self, hooks: Hooks) -> Happening:
        """Ring for the attempt, if nobody did yet."""
        if self.news is None:
            self.news = self.call.news(self.number)
            hooks.requests.ring(self.news)
        return self.news

    def draft(self) -> Row:
        """The row of an attempt about to be made."""
        call, labels = self.call, self.call.labels
        self.started = datetime.now(UTC)
        self._clock = time.monotonic()
        row = call.ledger.draft(
            call=call.id,
            attempt=call.before + self.number,
            route=call.route,
            session=labels.session,
            notebook=labels.notebook,
            cell=labels.cell,
            tag=labels.tag,
            provider=call.provider.name,
            model=call.request.model,
            endpoint=call.provider.base_url,
            prompt_hash=fingerprint(call.body),
            simulated=call.provider.simulated,
        )
        self.row = str(row["id"])
        return row

    def settle(self, terminal: Event) -> Done | Failed:
        """Complete the terminal event with what only the engine knows (time, provider, money), and close
        the row with it."""
        rows = [] if self.row is not None or self.settled else [self.draft()]
        done = self.done if self.done is not None and terminal is self.over else self.completed(terminal)
        rows += self.closing(done)
        if self.rows is not None:
            self.rows.flush(*rows)
        elif rows:
            self.call.ledger.write(rows)
        self.tell(done)
        return done

    async def settle_with_others(self, terminal: Event, gates: ThreadGates) -> Done | Failed:
        """The same for an attempt that ended by itself: its row is written with those that end just now."""
        self.over, self.done = terminal, self.completed(terminal)
        rows = self.closing(self.done)
        for row in rows:
            await gates.rows(self.call.ledger).write(row)
        self.tell(self.done)
        return self.done

    def closing(self, done: Done | Failed) -> list[Row]:
        """The row as it ends, if it has not ended before; what was held of a budget is given back."""
        if self.settled:
            return []
        self.settled = True
        reply = done.reply if isinstance(done, Done) else done.partial
        row = self.call.ledger.close_row(
            str(self.row),
            status=status_of(done, sent=self.sent),
            reply=reply,
            error=done.error if isinstance(done, Failed) else None,
            cost=reply.cost,
            bytes_in=self.received,
            estimated_input=None if isinstance(done, Failed) else guess(self.call.request),
        )
        cost = reply.cost.amount if reply.cost.currency == "USD" else None
        self.hold.settle(cost, simulated=reply.simulated)
        return [] if row is None else [row]

    def tell(self, done: Done | Failed) -> None:
        """Ring the hooks, once, and after the row is written."""
        if self.told or self.call.hooks is None:
            return
        self.told = True
        news = self.announce(self.call.hooks)
        match done:
            case Done(reply):
                self.call.hooks.replies.ring(news, reply)
            case Failed(error, _):
                self.call.hooks.errors.ring(news, error)

    def completed(self, terminal: Event) -> Done | Failed:
        """The terminal event with time, provider, usage and cost."""
        request, provider = self.call.request, self.call.provider
        more: dict[str, Any] = {
            "timing": Timing(self.first, time.monotonic() - self._clock),
            "provider": provider.name,
            "simulated": provider.simulated or self.simulated,
            "attempts": self.number,
        }
        notes = self.call.notes
        match terminal:
            case Done(reply):
                reply = price(
                    reply.with_(**more, notes=(*notes, *reply.notes)),
                    request,
                    provider,
                    self.started,
                    overrides=self.call.prices,
                )
                return Done(reply)
            case Failed(error, partial):
                partial = partial.with_(
                    **more, model=partial.model or request.model, notes=(*notes, *partial.notes)
                )
                partial = price(
                    partial,
                    request,
                    provider,
                    self.started,
                    error=error,
                    sent=self.sent,
                    overrides=self.call.prices,
                )
                error.provider = error.provider or provider.name
                error.model = error.model or request.model
                advise(error, request, provider)
                return Failed(error, unlock(error, partial))
        raise RuntimeError(f"Not a terminal event: {terminal!r}.")

    def weight(self) -> float:
        """Tokens this attempt will use, roughly, for the limiter."""
        request = self.call.request
        words = "".join((request.system or "", *(m.text for m in request.messages)))
        return estimate_tokens(words).value + (request.options.max_tokens or 0)


def heed(limiter: Limiter, reply: Reply) -> None:
    """Tell the limiter what the response's headers said of its limits."""
    if rates := reply.raw.get("rate_limits"):
        limiter.learn(rates)


def count_tokens(events: list[Event]) -> int:
    """Tokens in these events, roughly: most wires send one token an event, some send whole sentences."""
    letters = sum(len(event.text) for event in events if isinstance(event, Text | Thinking))
    return max(len(events), letters // 5)


async def room(channel: Channel, watch: Watch) -> None:
    """Wait until a slow reader has caught up. Nothing is read from the socket meanwhile, so that the server waits as
    well; that nothing comes is not the model's silence."""
    while channel.waiting > MOST_WAITING // 4:
        watch.heard()
        await asyncio.sleep(CATCH_UP_SECONDS)


async def rest(chunks: AsyncGenerator[bytes]) -> None:
    """Read to the end of a body whose answer is over, so that the connection can be used again; a server
    that keeps it open, or goes on talking, is hung up on."""
    with suppress(TimeoutError, e.LLMKitError):
        async with asyncio.timeout(FAREWELL_SECONDS):
            async for _ in chunks:
                continue


def fingerprint(body: Mapping[str, Any]) -> str:
    """A short hash of what is asked, to find equal calls by; the prompt can't be had back from it."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _open_circuit(call: Call, seconds: float) -> e.LLMKitError:
    return e.Overloaded(
        f"{call.provider.name}/{call.request.model} failed too often just now; it is left alone for a while.",
        why="Its last calls failed one after the other.",
        hint=f"Use another model, or try again in {seconds:.0f} s.",
        should_retry=False,
    )


def _told_to_wait(call: Call, seconds: float) -> e.LLMKitError:
    return e.RateLimited(
        f"{call.provider.name} asked to be left alone for {seconds:.0f} s more, longer than this call may take.",
        why="It answered an earlier call with 429, or its headers said that nothing is left.",
        hint="Nothing was sent. Try again later, or with a longer timeout.",
        retry_after=seconds,
        should_retry=False,
    )
