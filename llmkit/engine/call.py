"""The path of a call, on the I/O thread: attempts until one is good or trying again is pointless.

One attempt is ``attempt.py``; this file decides what follows a failed one. Whatever happens, the stream gets
exactly one terminal event, and only after the row of every attempt is settled.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmkit.core import errors as e
from llmkit.core.events import Done, Event, Failed, Retrying, Terminal
from llmkit.core.ids import fresh_id
from llmkit.core.messages import Message
from llmkit.core.reply import Reply
from llmkit.core.request import Request
from llmkit.engine import adapt
from llmkit.engine.attempt import Attempt
from llmkit.engine.budget import Budget
from llmkit.engine.gates import Gates
from llmkit.engine.hooks import Happening, Hooks
from llmkit.engine.loop import IOThread
from llmkit.engine.recording import Keep, Recorder, keep_all
from llmkit.engine.refusals import Refusals
from llmkit.engine.refusals import read as read_refusal
from llmkit.engine.stopping import stoppable, stopped
from llmkit.engine.stream import Channel, Stream
from llmkit.engine.structured import Shape, wish_for_repair
from llmkit.ledger.store import Ledger
from llmkit.ledger.words import stretch
from llmkit.models.catalogue import facts
from llmkit.models.prices import Overrides
from llmkit.providers.base import Provider
from llmkit.providers.keys import mask
from llmkit.wire.reader import Reader

_log = logging.getLogger("llmkit")


@dataclass(frozen=True, slots=True)
class Labels:
    """Whose call it is: what the ledger can be asked by."""

    session: str
    notebook: str | None = None
    cell: str | None = None
    tag: str | None = None


@dataclass
class Call:
    """One call on its way. It lives on the I/O thread; the caller holds the stream."""

    request: Request
    provider: Provider
    body: dict[str, Any]
    ledger: Ledger
    gates: Gates
    labels: Labels
    id: str = field(default_factory=fresh_id)
    #: Which round of a call with tools this is, and the attempts of the rounds before it.
    route: str | None = None
    before: int = 0
    channel: Channel = field(default_factory=Channel)
    settled: threading.Event = field(default_factory=threading.Event)
    attempt: Attempt | None = None
    #: What the last attempt read with, and who listens was told of it, once there is no attempt any more.
    reader: Reader | None = None
    latest: Happening | None = None
    committed: bool = False
    recorder: Recorder | None = None
    keep: Sequence[Keep] = ()
    budgets: Sequence[Budget] = ()
    prices: Overrides | None = None
    hooks: Hooks | None = None
    tell: Callable[[str], object] = _log.warning
    #: What was changed to fit the model, for the reply.
    notes: tuple[str, ...] = ()
    refusals: Refusals | None = None
    know: adapt.Know = facts
    #: The request as it was before it was fitted.
    asked: Request | None = None
    shape: Shape | None = None
    repair: bool = True
    #: How often it is tried at most, where somebody else can answer instead.
    tries: int | None = None
    began: float = field(default_factory=time.monotonic)

    def launch(self) -> Stream:
        """Hand the call to the I/O thread; the stream is the caller's end of it."""
        thread = IOThread.current()
        thread.start(self.run(thread))
        return Stream(self.request.signal, self.channel, self.settled, self.partial, shape=self.shape)

    def partial(self) -> Reply:
        """The reply as far as it has come, asked for from any thread."""
        attempt = self.attempt
        reader = self.reader if attempt is None else attempt.reader
        return Reply(complete=False) if reader is None else reader.reply(complete=False)

    def show(self, events: list[Event]) -> None:
        """Hand a batch to the caller: from here on nothing is tried again."""
        self.committed = True
        if self.recorder is not None:
            self.recorder.hear(time.monotonic() - self.began, events)
        if self.hooks is not None and self.hooks.events:
            self.ring(events)
        self.channel.put(events)

    def ring(self, events: Sequence[Event]) -> None:
        """Tell those who listen to events."""
        news = self.attempt.news if self.attempt is not None else self.latest
        if self.hooks is not None and news is not None:
            for event in events:
                self.hooks.events.ring(news, event)

    def news(self, attempt: int) -> Happening:
        """What listeners are told about that attempt."""
        return Happening(
            call=self.id,
            attempt=self.before + attempt,
            provider=self.provider.name,
            model=self.request.model,
            request=self.request,
            wire=self.provider.wire,
            endpoint=self.provider.base_url,
            session=self.labels.session,
            notebook=self.labels.notebook,
            cell=self.labels.cell,
            tag=self.labels.tag,
            simulated=self.provider.simulated,
        )

    async def run(self, thread: IOThread) -> None:
        """The whole call. Never raises: everything ends in one terminal event."""
        last: list[Event] = []
        try:
            with stoppable(self.request.signal, thread):
                last = [self.cancelled()] if self.request.signal.aborted else await self.attempts(thread)
        except asyncio.CancelledError:
            last = [self.cancelled()]
        except Exception as error:  # noqa: BLE001 - a fault of ours still ends in a terminal event
            _log.exception("llmkit: a call failed in an unforeseen way")
            last = [self.given_up(unforeseen(error))]
        finally:
            self.settled.set()
            self.channel.put(last)
            if self.attempt is not None:  # the two hold each other, a circle for the collector to find
                self.reader, self.latest, self.attempt = self.attempt.reader, self.attempt.news, None

    async def attempts(self, thread: IOThread) -> list[Event]:
        """Attempts, one after the other; the last batch of the stream, which ends in its terminal event."""
        gates = self.gates.on(thread)
        retries = gates.budget(self.provider.name)
        wait: float = 0.0
        number = 0
        while True:
            number += 1
            self.attempt = Attempt(self, number)
            if wait:
                await asyncio.sleep(wait)
            last = await self.attempt.run(thread, gates)
            match last[-1]:
                case Done(reply):
                    retries.succeeded()
                    end = self.shaped(reply)
                    if isinstance(end, Failed) and self.mends(end.error, reply):
                        wait = 0.0
                        self.tell_of_retry(number, wait, end.error, after=last[:-1])
                        continue
                    last = [*last[:-1], end]
                    if isinstance(end, Done):
                        await self.remember(last, end.reply)
                    return last
                case Failed(error, _) if self.relents(error):
                    wait = 0.0
                    self.tell_of_retry(number, wait, error)
                case Failed(error, _):
                    again = self.again(number, error)
                    if error.retryable and self.attempt.sent:
                        retries.failed()
                    if again is None or not retries.allows():
                        return last
                    wait = again
                    _log.info("llmkit: attempt %d failed (%s), next in %.1f s", number, error.kind, wait)
                    self.tell_of_retry(number, wait, error)
                case other:
                    raise RuntimeError(f"Not a terminal event: {other!r}.")

    def tell_of_retry(
        self, number: int, wait: float, error: e.LLMKitError, after: Sequence[Event] = ()
    ) -> None:
        """Another attempt follows. That is no part of an answer, so nothing is committed by it."""
        retry = Retrying(number, wait, error)
        self.ring([retry])
        self.channel.put([*after, retry])

    async def remember(self, last: list[Event], reply: Reply) -> None:
        """Give a whole reply to the tape and the cache."""
        if self.recorder is not None:
            self.recorder.hear(time.monotonic() - self.began, last)
        await keep_all(self.keep, self.recorder, reply, self.tell)

    def relents(self, error: e.LLMKitError) -> bool:
        """Was it only a parameter that the model does not take? Then it is left out from now on."""
        if self.committed or self.request.signal.aborted or self.refusals is None:
            return False
        refusal = read_refusal(error, self.body, self.request.options.extra)
        if refusal is None:
            return False
        self.refusals.learn(self.provider.name, self.request.model, refusal)
        self.fit(self.asked or self.request)
        return True

    def fit(self, request: Request) -> None:
        """From now on this is asked, as its model takes it."""
        fitted = adapt.prepare(request, self.provider, self.refusals or Refusals(), self.know)
        self.asked, self.request, self.body, self.notes = request, fitted.request, fitted.body, fitted.notes

    def shaped(self, reply: Reply) -> Done | Failed:
        """The end of an answer that was to follow a schema: with its value, or an error. One that asks for a
        tool first is no answer yet."""
        if self.shape is None or reply.tool_calls or reply.stop_reason == "pause":
            return Done(reply)
        try:
            return Done(reply.with_(data=self.shape.read(reply.text)))
        except e.SchemaError as error:
            if str(reply.stop_reason) == "max_tokens":
                error.why = f"It was cut off at the limit of tokens. {error.why}"
                error.hint = f"Raise max_tokens. {error.hint}"
            elif reply.refusal or str(reply.stop_reason) in ("refusal", "content_filter"):
                error.why = f"The model declined: {reply.refusal or reply.text or reply.stop_reason}"
                error.hint = f"Ask in another way. {error.hint}"
            error.partial = reply
            error.provider, error.model = reply.provider, reply.model
            return Failed(error, reply)

    def mends(self, error: e.LLMKitError, reply: Reply) -> bool:
        """Is the model asked once more, with what was wrong?"""
        whole = str(reply.stop_reason) in ("stop", "stop_sequence", "unknown", "other")
        if not (self.repair and whole and reply.text.strip()) or self.request.signal.aborted:
            return False
        self.repair = False
        asked = self.asked or self.request
        wish = Message.user(wish_for_repair(error.why))
        self.fit(asked.with_(messages=(*asked.messages, reply.message, wish)))
        self.notes = (
            *self.notes,
            f"The first answer did not follow the schema ({error.why[:200]}); it was asked for again.",
        )
        if self.recorder is not None:
            self.recorder = Recorder()
        return True

    def again(self, number: int, error: e.LLMKitError) -> float | None:
        """Seconds until the next attempt, or ``None`` if this was the last."""
        if self.committed or self.request.signal.aborted:
            return None
        if self.tries is not None and number >= self.tries:
            return None
        wait = self.gates.policy_for(self.provider.name).wait(number, error)
        left = self.request.signal.remaining
        if wait is not None and left is not None and wait >= left:
            wait = None
        if error.retry_after is not None and isinstance(error, e.ProviderError):
            error.retry_at = time.time() + error.retry_after
            if wait is None and error.status is not None:
                error.hint = (
                    f"Ask again in {stretch(error.retry_after)}, as the provider says, or ask another model."
                )
        return wait

    def cancelled(self) -> Terminal:
        """Stopped, at whatever point; an answer that was over by then stays what it was."""
        attempt = self.attempt
        if attempt is not None and attempt.over is not None:
            end = attempt.settle(attempt.over)
            return self.shaped(end.reply) if isinstance(end, Done) else end
        return self.failed(stopped(self.request.signal))

    def given_up(self, error: e.LLMKitError) -> Failed:
        """The terminal event where something of ours broke: it comes even if settling the attempt breaks, too, for
        somebody waits for it."""
        try:
            return self.failed(error)
        except Exception:  # noqa: BLE001 - whatever it is, the end must come
            _log.exception("llmkit: a call that failed could not be settled")
            error.partial = self.attempt.partial() if self.attempt is not None else Reply(complete=False)
            return Failed(error, error.partial)

    def failed(self, error: e.LLMKitError) -> Failed:
        """The terminal event of a call whose attempt could not end by itself."""
        attempt = self.attempt or Attempt(self, 1)
        self.attempt = attempt
        terminal = attempt.settle(Failed(error, attempt.partial()))
        assert isinstance(terminal, Failed)  # noqa: S101 - a failure settles as a failure
        return terminal


def unforeseen(error: Exception) -> e.LLMKitError:
    """A fault of ours, as an error of ours."""
    return e.LLMKitError(
        "llmkit failed in the middle of a call.",
        why=f"{type(error).__name__}: {mask(str(error))[:200]}",
        hint="This is a bug in llmkit: please report it.",
    )
