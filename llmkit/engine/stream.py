"""A running call as its caller sees it: iterate it, async-iterate it, await it, stop it.

The I/O thread puts one batch for each network read into a queue; the caller's thread takes batches out and
never waits longer than 50 ms without looking up, so that an interrupt always gets through.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from llmkit.core.errors import DeadlineExceeded, LLMKitError
from llmkit.core.events import Done, Event, Failed
from llmkit.core.reply import Reply
from llmkit.core.route import Route
from llmkit.core.signal import Signal
from llmkit.engine.loop import IOThread
from llmkit.engine.shaping import Flow
from llmkit.engine.structured import Shape
from llmkit.engine.structured_partial import PartialJson
from llmkit.engine.waker import LOOK_UP_SECONDS, Waker, settle

if TYPE_CHECKING:
    from llmkit.engine.tool_runs import Workplace

#: A coroutine is woken by what comes; so often it looks whether its call is overdue.
_OVERDUE_SECONDS = 0.25
_CLOSE_SECONDS = 0.5
#: A call ends at its deadline by itself. Where it can't (somebody's code blocks the I/O thread), its caller stops
#: waiting so much later.
_GRACE_SECONDS = 0.7


class Channel:
    """Batches from one thread to another, in order. One writer, one reader at a time."""

    __slots__ = ("_batches", "_put", "_taken", "_wake")

    def __init__(self) -> None:
        self._batches: SimpleQueue[list[Event]] = SimpleQueue()
        self._wake: Callable[[], object] | None = None
        self._put = self._taken = 0  # events; each number has one thread that counts it up

    @property
    def waiting(self) -> int:
        """How many events nobody has taken out yet."""
        return self._put - self._taken

    def put(self, batch: list[Event]) -> None:
        """Hand over a batch."""
        self._put += len(batch)
        self._batches.put(batch)
        wake, self._wake = self._wake, None  # one call is enough to wake it
        if wake is not None:
            wake()

    def get(self, seconds: float) -> list[Event] | None:
        """The next batch, or ``None`` if none comes in time."""
        try:
            return self._out(self._batches.get(timeout=seconds) if seconds else self._batches.get_nowait())
        except Empty:
            return None

    def _out(self, batch: list[Event]) -> list[Event]:
        self._taken += len(batch)
        return batch

    async def aget(self, seconds: float) -> list[Event] | None:
        """The same for a coroutine, without holding up its loop."""
        if not self._batches.empty():
            return self._out(self._batches.get_nowait())
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()
        clock = loop.call_later(seconds, settle, arrived)
        waker = Waker.of(loop)
        self._wake = partial(waker.wake, arrived)
        try:
            if self._batches.empty():  # else it came in between
                with waker.looking_up():
                    await arrived
            return self._out(self._batches.get_nowait())
        except Empty:
            return None
        finally:
            self._wake = None
            clock.cancel()


class Interrupted(KeyboardInterrupt):
    """The user interrupted while an answer was waited for; what had come is in ``partial``."""

    def __init__(self, partial: Reply) -> None:
        super().__init__("interrupted")
        self.partial = partial

    def _render_traceback_(self) -> list[str]:
        """One line in a notebook, where IPython would show a wall."""
        came = f"after {len(self.partial.text)} characters" if self.partial.text else "before anything came"
        return [f"■ Interrupted {came}. The call is stopped and its connection closed."]


class Stream:
    """An answer on its way.

    >>> for event in llmkit.stream("Why is the sky blue?"):  # doctest: +SKIP
    ...     match event:
    ...         case llmkit.Text(text): print(text, end="")
    >>> reply = await llmkit.stream("Why?")  # doctest: +SKIP

    Iterating gives every event up to and with the one terminal event (``Done`` or ``Failed``) and never
    raises for a failed call; awaiting it, or ``reply()``, gives the reply or raises.
    Leaving a loop early closes the socket, and so does dropping a stream that nobody reads.

    It is an awaitable, not a coroutine: ``asyncio.gather(one, two)``, ``asyncio.wait_for(one, 30)`` and
    ``asyncio.ensure_future(one)`` take it; ``asyncio.create_task`` takes coroutines only.
    """

    def __init__(
        self,
        signal: Signal,
        channel: Channel,
        settled: threading.Event,
        partial: Callable[[], Reply] = Reply,
        *,
        shape: Shape | None = None,
        place: Workplace | None = None,
    ) -> None:
        self.signal = signal
        self._channel = channel
        self._settled = settled  # set once the socket is closed and the row is written
        self._terminal: Done | Failed | None = None
        self._partial = partial
        self._shape = shape
        self._draft = PartialJson()
        self._place = place  # where tools run, if there are any: it must know whose loop waits
        self._at_end: Callable[[Done | Failed], object] | None = None

    # -- reading ------------------------------------------------------------------------------

    def batches(self, wait: float = LOOK_UP_SECONDS) -> Iterator[list[Event]]:
        """Events as they come in from the network, some at a time; an empty batch whenever nothing came
        for ``wait`` seconds, so that a display can look up. Ends after the terminal event."""
        try:
            while self._terminal is None:
                batch = self._take(wait)
                if batch is None:
                    yield []
                    continue
                self._note(batch)
                yield batch
        finally:
            self.close()

    async def abatches(self, wait: float = LOOK_UP_SECONDS) -> AsyncIterator[list[Event]]:
        """The same for a coroutine."""
        if self._place is not None:
            self._place.awaited()
        try:
            while self._terminal is None:
                batch = await self._channel.aget(wait) or self._overdue()
                if batch is not None:
                    self._note(batch)
                yield batch or []
        finally:
            self.stop()

    def flow(self) -> Flow:
        """The answer by words, sentences, lines or JSON objects, throttled, changed, or for several readers.

        >>> for line in llmkit.stream("Count to three.").flow().lines(): print(line)  # doctest: +SKIP
        """
        return Flow(self)

    def __iter__(self) -> Iterator[Event]:
        try:
            while self._terminal is None:
                batch = self._take(LOOK_UP_SECONDS)
                if batch is not None:
                    self._note(batch)
                    yield from batch
        finally:
            self.close()

    async def __aiter__(self) -> AsyncIterator[Event]:
        if self._place is not None:
            self._place.awaited()
        try:
            while self._terminal is None:
                batch = await self._channel.aget(_OVERDUE_SECONDS) or self._overdue()
                if batch is not None:
                    self._note(batch)
                    for event in batch:
                        yield event
        finally:
            self.stop()

    def __await__(self) -> Generator[Any, None, Reply]:
        return self._wait().__await__()

    async def _wait(self) -> Reply:
        if self._place is not None:
            self._place.awaited()
        try:
            while self._terminal is None:
                batch = await self._channel.aget(_OVERDUE_SECONDS) or self._overdue()
                if batch is not None:
                    self._note(batch)
        finally:
            self.stop()
        return self._result()

    def reply(self) -> Reply:
        """Wait for the end and return the reply; raises the call's error, which carries ``partial``."""
        try:
            for _ in self.batches():
                pass
            return self._result()
        except Interrupted:
            raise
        except KeyboardInterrupt:  # it came between two looks at the queue
            self.close()
            raise Interrupted(self.partial) from None

    # -- looking ------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Has the terminal event been read?"""
        return self._terminal is not None

    @property
    def partial(self) -> Reply:
        """The reply as far as it has come; where a schema was given, ``partial.data`` is its value as far as it
        is written: what is in it stays, and more comes."""
        match self._terminal:
            case Done(reply):
                return reply
            case Failed(_, partial):
                return partial
            case None:
                reply = self._partial()
                if self._shape is None:
                    return reply
                return reply.with_(data=self._shape.part(self._draft, reply.text))

    def at_end(self, tell: Callable[[Done | Failed], object]) -> Stream:
        """Have somebody told of the terminal event when it is read; on the reader's own thread."""
        self._at_end = tell
        return self

    @property
    def route(self) -> Route | None:
        """Which models might have been asked, and were so far, where that was chosen here."""
        return self.partial.route

    @property
    def text(self) -> str:
        """The words so far."""
        return self.partial.text

    @property
    def error(self) -> LLMKitError | None:
        """What went wrong, once it has."""
        return self._terminal.error if isinstance(self._terminal, Failed) else None

    # -- stopping -----------------------------------------------------------------------------

    def stop(self, reason: str = "stopped") -> None:
        """Stop the call. Only sets the signal, so it may be called from any thread; the stream then ends
        with ``Failed(Aborted, partial)``. Nothing happens if it has ended."""
        if self._terminal is None:
            self.signal.abort(reason)

    def close(self) -> None:
        """Stop the call if it still runs, and wait a moment for its socket to close."""
        if self._terminal is None:
            self.stop("closed")
            self.settled(_CLOSE_SECONDS)

    def settled(self, seconds: float | None = None) -> bool:
        """Wait until the call's socket is closed and its row is written; ``False`` if that takes longer."""
        return self._settled.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        """Nobody will read the rest. The I/O thread does the stopping: here some lock may be held."""
        if self._terminal is None and not self._settled.is_set():
            IOThread.tell(self.signal.abort, "dropped, as nobody held its stream")

    def __repr__(self) -> str:
        state = "running" if self._terminal is None else type(self._terminal).__name__.lower()
        return f"<Stream {state}, {len(self.text)} characters>"

    # -- inside -------------------------------------------------------------------------------

    def _take(self, seconds: float) -> list[Event] | None:
        try:
            if self._place is not None and self._place.waited(seconds):
                seconds = 0.0
            return self._channel.get(seconds) or self._overdue()
        except KeyboardInterrupt:
            raise Interrupted(self.partial) from None

    def _overdue(self) -> list[Event] | None:
        """Nothing came: the end, if it should have come long ago."""
        deadline = self.signal.deadline
        if self._settled.is_set():
            return None  # the last word is on its way
        if deadline is None or time.monotonic() < deadline + _GRACE_SECONDS:
            return None
        error = DeadlineExceeded(
            "The call ran out of time, and nothing was heard of its end.",
            why="llmkit's I/O thread is held up: a hook or a route's `accept` takes long perhaps.",
            hint="What arrived is kept in `error.partial`. Hand longer work to another thread.",
        )
        error.partial = self._partial()
        return [Failed(error, error.partial)]

    def _note(self, batch: list[Event]) -> None:
        last = batch[-1]
        if isinstance(last, Done | Failed):
            self._terminal = last
            if self._at_end is not None:
                self._at_end(last)

    def _result(self) -> Reply:
        match self._terminal:
            case Done(reply):
                return reply
            case Failed(error, _):
                raise error
        raise LLMKitError("The stream was left before it ended.", hint="Start a new one.")
