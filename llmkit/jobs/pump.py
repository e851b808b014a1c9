"""Many calls at once, moved along by one thread: the one that called, so that an interrupt always gets through.

Every round takes what has come for each call and never waits on any single one; a call that fails is that
call's business alone. What the calls ask, and how their coming is shown, live elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from llmkit.core.errors import Aborted, BudgetExceeded, ConfigError, LLMKitError
from llmkit.core.events import Done, Event, Failed
from llmkit.core.reply import Reply
from llmkit.core.signal import Signal
from llmkit.engine.stream import Stream

Status = Literal["waiting", "running", "ok", "error", "cancelled", "unsent", "refused"]

#: A round in which nothing came is followed by a short pause, and the next ones by longer ones.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02
#: How long calls that were interrupted may take to say their last word (what was used, what came).
_LAST_WORDS_SECONDS = 2.0


@dataclass(eq=False, slots=True)
class Errand:
    """One call of a job: how to begin it, and what has become of it.

    ``reply`` is whole where ``status`` is "ok", and as far as it came otherwise. "unsent" means stopped before
    it began, "refused" that it could not be asked at all.
    """

    begin: Callable[[Signal], Stream]
    status: Status = "waiting"
    reply: Reply | None = None
    error: LLMKitError | None = None
    stream: Stream | None = None
    unwanted: bool = False
    #: Was nothing else under way when it began?
    alone: bool = False

    @property
    def over(self) -> bool:
        """Has it ended, one way or another?"""
        return self.status not in ("waiting", "running")

    def again(self) -> None:
        """Forget what came of it, so that it can be run anew."""
        self.status, self.reply, self.error, self.stream = "waiting", None, None, None
        self.unwanted = False

    def stop(self) -> None:
        """Stop it, or keep it from being sent; what came is kept. May be called from any thread."""
        self.unwanted = True
        if self.stream is not None:
            self.stream.stop()

    def end(self, terminal: Done | Failed) -> None:
        """Keep the last word."""
        match terminal:
            case Done(reply):
                self.reply, self.status = reply, "ok"
            case Failed(error, partial):
                self.reply, self.error = partial, error
                match error:
                    case Aborted():
                        self.status = "cancelled"
                    case ConfigError():
                        self.status = "refused"
                    case _:
                        self.status = "error"


class Watcher:
    """Told how a job goes. Its methods are called by the thread that runs the job; this one does nothing."""

    def start(self) -> None:
        """Before anything is sent."""

    def hear(self, errand: Errand, batch: list[Event]) -> None:
        """Some events of one call."""

    def look(self) -> None:
        """After every round: a chance to show what has come since."""

    def end(self) -> None:
        """Everything is over, for now: more may be asked, and then it begins to hear again."""

    def changed(self) -> None:
        """What there is to see is no longer the same: other cells, another vote. Any thread may say so."""

    def leave(self) -> None:
        """Another watcher takes over."""

    @property
    def outlives_its_cell(self) -> bool:
        """Can it show what comes when the cell that began the job is over?"""
        return True


class Counting(Watcher):
    """Counts what ends, and passes everything on to the display."""

    def __init__(self, count: Callable[[Errand], object], display: Watcher) -> None:
        self._count = count
        self._display = display

    def start(self) -> None:
        """The display begins."""
        self._display.start()

    def look(self) -> None:
        """The display's chance."""
        self._display.look()

    def end(self) -> None:
        """The display ends."""
        self._display.end()

    def hear(self, errand: Errand, batch: list[Event]) -> None:
        """Count it where it is over; the display hears it too."""
        if errand.over:
            self._count(errand)
        self._display.hear(errand, batch)


def run(errands: Iterable[Errand], *, at_once: int, stop: Signal, watcher: Watcher) -> bool:
    """Run every waiting errand, at most so many at once, to the end of the last one; was it interrupted?

    ``stop`` stops those under way and keeps the rest from being sent, as an interrupt (Ctrl-C) does; a second
    interrupt is raised at once.
    """
    return Pump(errands, at_once, stop, watcher).run()


class Pump:
    """Moves errands along until none is left. More may be added, from any thread, as long as it moves."""

    def __init__(self, errands: Iterable[Errand], at_once: int, stop: Signal, watcher: Watcher) -> None:
        self.waiting = deque(errand for errand in errands if errand.status == "waiting")
        self.running: dict[Errand, Iterator[list[Event]]] = {}
        self.at_once = at_once
        self.stop = stop
        self.watcher = watcher
        self.too_many = at_once + 1  # so many calls under way left no money for one more
        self._place = {errand: place for place, errand in enumerate(self.waiting)}
        self._late: deque[Errand] = deque()
        self._closing = threading.Lock()
        self._closed = False

    def add(self, errands: Iterable[Errand]) -> bool:
        """Errands to be moved along with the others; ``False`` where it has stopped moving already."""
        with self._closing:
            if self._closed or self.stop.aborted:
                return False
            self._late.extend(errands)
            return True

    def run(self) -> bool:
        """Move all of them to their end; was it interrupted?"""
        try:
            self.go()
        except KeyboardInterrupt:
            self.stop.abort("interrupted")
            self.last_words()
            return True
        except BaseException:  # a display that fails must not leave calls running that nobody looks at
            self.stop.abort("failed")
            self.last_words()
            raise
        return False

    def go(self) -> None:
        """Round after round, until nothing is left."""
        pause = _SHORTEST_PAUSE
        while self.goes_on():
            self.start_some()
            moved = self.round()
            self.watcher.look()
            if moved:
                pause = _SHORTEST_PAUSE
            elif self.running:
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def goes_on(self) -> bool:
        """Take in what was added; is anything left to do? Where nothing is, nothing more is taken in."""
        with self._closing:
            while self._late:
                self.waiting.append(late := self._late.popleft())
                self._place[late] = len(self._place)
            self._closed = not (self.waiting or self.running)
            return not self._closed

    def start_some(self) -> None:
        """Begin as many as may be under way at once."""
        while self.waiting and len(self.running) < self.at_once:
            if self.stop.aborted:
                self.leave_the_rest()
                return
            if self.running and len(self.running) >= self.too_many:
                return
            errand = self.waiting[0]  # it waits until it is under way: an interrupt may come in between
            if errand.unwanted:
                self.waiting.popleft().status = "unsent"
                self.watcher.hear(errand, [])
                continue
            errand.alone = not self.running
            try:
                errand.stream = errand.begin(self.stop)
            except LLMKitError as error:
                self.waiting.popleft()
                self.settle(errand, Failed(error, error.partial or Reply(complete=False)))
                if not errand.over:
                    return
                if errand.status == "error":
                    errand.status = "refused"
                self.watcher.hear(errand, [])
                continue
            self.running[errand] = errand.stream.batches(0)
            self.waiting.popleft()
            errand.status = "running"
            if errand.unwanted:  # stopped while it began
                errand.stream.stop()

    def round(self) -> bool:
        """Take from every call what has come; did anything?"""
        moved = False
        for errand, batches in list(self.running.items()):
            batch = next(batches, None)
            if batch is None:  # an interrupt broke its iterator; the stream itself may still have a last word
                if errand.stream is None or errand.stream.ended:
                    del self.running[errand]
                else:
                    self.running[errand] = errand.stream.batches(0)
                continue
            if not batch:
                continue
            moved = True
            last = batch[-1]
            if isinstance(last, Done | Failed):
                self.settle(errand, last)
            self.watcher.hear(errand, batch)
        return moved

    def settle(self, errand: Errand, terminal: Done | Failed) -> None:
        """Keep an errand's last word; one that the calls under way left no money for waits for them."""
        if isinstance(terminal, Failed) and isinstance(terminal.error, BudgetExceeded) and not errand.alone:
            errand.again()
            place = self._place[errand]  # in the order in which they were asked for
            before = sum(self._place[other] < place for other in self.waiting)
            self.waiting.insert(before, errand)
            self.running.pop(errand, None)
            self.too_many = len(self.running)
            return
        errand.end(terminal)
        self.running.pop(errand, None)

    def leave_the_rest(self) -> None:
        """What has not begun is not sent."""
        with self._closing:
            self.waiting.extend(self._late)
            self._late.clear()
        while self.waiting:
            self.waiting.popleft().status = "unsent"

    def last_words(self) -> None:
        """After an interrupt: what the calls under way still have to say. Another one cuts them short."""
        until = time.monotonic() + _LAST_WORDS_SECONDS
        self.leave_the_rest()
        try:
            while self.running and time.monotonic() < until:
                if not self.round():
                    time.sleep(_LONGEST_PAUSE)
        finally:
            self.cut_short()

    def cut_short(self) -> None:
        """Whoever is still under way has said its last word; nothing more is taken in."""
        for errand in self.running:
            if not errand.over:
                partial = errand.stream.partial if errand.stream is not None else Reply()
                error = Aborted("The call was stopped: interrupted.", hint="What arrived is kept.")
                errand.end(Failed(error, partial.with_(complete=False)))
        self.running.clear()
        with self._closing:
            self._closed = True
        self.leave_the_rest()
