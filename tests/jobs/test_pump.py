"""Many calls on one thread: limits, stopping, interrupts, and waiting for money that others still hold."""

from __future__ import annotations

import threading

import pytest

from llmkit.core.events import Done, Failed, Text
from llmkit.core.reply import Reply
from llmkit.core.signal import Signal
from llmkit.engine.stream import Channel, Stream
from llmkit.errors import Aborted, BudgetExceeded, ServerError
from llmkit.jobs.pump import Errand, Watcher, run


class Line:
    """A stream whose other end is in the test's hands."""

    def __init__(self):
        self.channel = Channel()
        self.opened = False

    def begin(self, stop):
        self.opened = True
        settled = threading.Event()
        settled.set()
        stop.on_abort(lambda reason: self.end(Failed(Aborted(reason), Reply(complete=False))))
        return Stream(stop | Signal.never(), self.channel, settled)

    def end(self, terminal=None):
        self.channel.put([Text("x"), terminal or Done(Reply())])


def lines(count):
    made = [Line() for _ in range(count)]
    return made, [Errand(line.begin) for line in made]


class EachLook(Watcher):
    """Does one thing a look, in order."""

    def __init__(self, *deeds):
        self.deeds = list(deeds)
        self.heard = []

    def hear(self, errand, batch):
        self.heard.append(errand)

    def look(self):
        if self.deeds:
            self.deeds.pop(0)()


def interrupt():
    raise KeyboardInterrupt


def go(errands, *deeds, at_once=9, stop=None):
    watcher = EachLook(*deeds)
    return run(errands, at_once=at_once, stop=stop or Signal.never(), watcher=watcher), watcher


def test_no_more_than_allowed_are_under_way_at_once():
    made, errands = lines(5)
    most = []

    def step():
        running = [line for line, errand in zip(made, errands, strict=True) if errand.status == "running"]
        most.append(len(running))
        if running:
            running[0].end()

    go(errands, *[step] * 20, at_once=2)
    assert max(most) == 2
    assert [errand.status for errand in errands] == ["ok"] * 5


def test_one_that_fails_is_nobody_elses_business():
    made, errands = lines(3)
    go(errands, lambda: made[1].end(Failed(ServerError("It broke."), Reply())), made[2].end, made[0].end)
    assert [errand.status for errand in errands] == ["ok", "error", "ok"]
    assert str(errands[1].error) == "It broke."


def test_one_that_can_not_begin_is_refused():
    def begin(stop):
        raise ServerError("Not even begun.")

    made, errands = lines(1)
    refused = Errand(begin)
    _, watcher = go([refused, *errands], made[0].end)
    assert refused.status == "refused"
    assert refused in watcher.heard
    assert errands[0].status == "ok"


def test_stopping_ends_what_is_under_way_and_sends_no_more():
    made, errands = lines(3)
    stop = Signal.never()
    interrupted, _ = go(errands, made[0].end, lambda: None, stop.abort, at_once=1, stop=stop)
    assert not interrupted
    assert [errand.status for errand in errands] == ["ok", "cancelled", "unsent"]
    assert not made[2].opened


def test_an_interrupt_keeps_what_is_done_and_hears_the_last_words_of_the_rest():
    made, errands = lines(4)
    interrupted, _ = go(errands, made[0].end, lambda: None, interrupt, at_once=2)
    assert interrupted
    assert [errand.status for errand in errands] == ["ok", "cancelled", "cancelled", "unsent"]
    assert isinstance(errands[1].error, Aborted)


def test_an_interrupt_while_a_batch_is_heard_loses_no_terminal():
    made, errands = lines(2)

    class Interrupting(EachLook):
        def hear(self, errand, batch):
            super().hear(errand, batch)
            if len(self.heard) == 1:
                raise KeyboardInterrupt

    assert run(errands, at_once=2, stop=Signal.never(), watcher=Interrupting(made[0].end))
    assert [errand.status for errand in errands] == ["ok", "cancelled"]


def test_an_interrupt_while_one_begins_leaves_none_that_waits_for_ever():
    def begin(stop):
        raise KeyboardInterrupt

    _, errands = lines(2)
    interrupted, _ = go([errands[0], Errand(begin), errands[1]])
    assert interrupted
    assert [errand.status for errand in errands] == ["cancelled", "unsent"]
    waiting = Errand(begin)
    assert go([waiting])[0]
    assert waiting.over


def test_a_second_interrupt_is_raised_at_once_and_leaves_none_that_runs_for_ever():
    _, errands = lines(3)

    class Impatient(EachLook):
        def hear(self, errand, batch):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(errands, at_once=2, stop=Signal.never(), watcher=Impatient(interrupt))
    assert [errand.status for errand in errands] == ["cancelled", "cancelled", "unsent"]


def test_a_display_that_fails_leaves_nothing_running():
    _, errands = lines(2)

    def broken():
        raise RuntimeError("the page is gone")

    with pytest.raises(RuntimeError, match="the page is gone"):
        go(errands, broken)
    assert [errand.status for errand in errands] == ["cancelled", "cancelled"]


class Purse:
    """Money for so many calls at once."""

    def __init__(self, room):
        self.room = room
        self.asked = 0

    def wrap(self, line):
        def begin(stop):
            self.asked += 1
            if self.room == 0:
                raise BudgetExceeded("No room.")
            self.room -= 1
            return line.begin(stop)

        return begin


def test_what_calls_under_way_leave_no_money_for_waits_for_them():
    made, errands = lines(3)
    purse = Purse(1)
    errands = [Errand(purse.wrap(line)) for line in made]

    def settle(line):
        def deed():
            line.end()
            purse.room += 1

        return deed

    go(errands, *[settle(line) for line in made])
    assert [errand.status for errand in errands] == ["ok"] * 3
    assert purse.asked <= 5, "it is not asked again until something has ended"


def test_what_there_is_no_money_for_at_all_is_refused():
    made, errands = lines(3)
    purse = Purse(1)
    errands = [Errand(purse.wrap(line)) for line in made]
    go(errands, made[0].end)
    assert [errand.status for errand in errands] == ["ok", "refused", "refused"]
    assert isinstance(errands[2].error, BudgetExceeded)
