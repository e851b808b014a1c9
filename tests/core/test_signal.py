"""Signals: how a call is told to stop. Deadlines, token limits, merging, threads, and nothing left behind."""

from __future__ import annotations

import asyncio
import copy
import gc
import math
import threading
import time
import weakref

import pytest

from llmkit.core.signal import Controller, Signal, SignalUtils

LONG = 3600.0


def listeners(signal):
    return len(signal._callbacks)


#: Timers of whoever ran before in this process: they are nobody's business here.
others = weakref.WeakSet()


def timers():
    running = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    return [timer for timer in running if timer not in others]


def settle_timers():
    """A cancelled timer's thread ends as soon as it wakes up; give each the chance to."""
    for thread in timers():
        thread.join(timeout=60)


@pytest.fixture(autouse=True)
def no_timer_is_left_behind():
    others.update(timers())
    yield
    settle_timers()
    assert timers() == []


def past():
    """A signal whose time was up before it began."""
    return Signal.timeout(0)


class TestStopping:
    def test_a_new_signal_has_not_stopped(self):
        signal = Signal.never()
        assert not signal.aborted
        assert signal.reason is None
        assert signal.remaining is None
        assert signal.deadline is None
        assert not signal.timed_out

    def test_abort_stops_it_and_says_why(self):
        signal = Signal.never()
        signal.abort("enough")
        assert signal.aborted
        assert signal.reason == "enough"
        assert not signal.timed_out

    def test_the_first_abort_wins(self):
        signal = Signal.never()
        signal.abort("first")
        signal.abort("second")
        assert signal.reason == "first"

    def test_everyone_is_told_once_with_the_reason(self):
        signal, told = Signal.never(), []
        signal.on_abort(lambda why: told.append(("a", why)))
        signal.on_abort(lambda why: told.append(("b", why)))
        signal.abort("enough")
        signal.abort("again")
        assert told == [("a", "enough"), ("b", "enough")]

    def test_who_asks_late_is_told_at_once(self):
        signal, told = Signal.never(), []
        signal.abort("enough")
        signal.on_abort(told.append)
        assert told == ["enough"]
        assert listeners(signal) == 0

    def test_the_wish_to_be_told_can_be_taken_back_even_twice(self):
        signal, told = Signal.never(), []
        forget = signal.on_abort(told.append)
        forget()
        forget()
        signal.abort()
        assert told == []

    def test_a_listener_that_fails_does_not_keep_the_others_waiting(self):
        signal, told = Signal.never(), []
        merged = signal | Signal.never()

        def fail(why):
            raise RuntimeError("I fail.")

        signal.on_abort(fail)
        signal.on_abort(told.append)
        with pytest.raises(RuntimeError, match="I fail"):
            signal.abort("enough")
        assert told == ["enough"]
        assert merged.reason == "enough"

    def test_a_listener_may_ask_and_abort_again(self):
        signal, told = Signal.never(), []

        def tell(why):
            signal.abort("once more")
            signal.on_abort(told.append)
            told.append(signal.reason)

        signal.on_abort(tell)
        signal.abort("enough")
        assert told == ["enough", "enough"]


class TestDeadlines:
    def test_a_deadline_that_has_passed_stops_it(self):
        assert past().aborted
        assert past().reason == "timeout"
        assert past().timed_out
        assert past().remaining == 0.0

    def test_a_deadline_to_come_does_not(self):
        signal = Signal.timeout(LONG)
        assert not signal.aborted
        assert 0 < signal.remaining <= LONG
        assert signal.deadline > time.monotonic()

    def test_no_timer_runs_while_nobody_waits(self):
        Signal.timeout(LONG)
        assert timers() == []

    def test_the_clock_tells_who_waits(self):
        told = threading.Event()
        signal = Signal.timeout(0.01)
        signal.on_abort(lambda _: told.set())
        assert told.wait(timeout=30)
        assert signal.timed_out

    def test_one_timer_serves_all_listeners_and_goes_with_the_last(self):
        signal = Signal.timeout(LONG)
        forgets = [signal.on_abort(print) for _ in range(5)]
        assert len(timers()) == 1
        for forget in forgets:
            forget()
        settle_timers()
        assert timers() == []

    def test_abort_releases_the_timer(self):
        signal = Signal.timeout(LONG)
        signal.on_abort(lambda _: None)
        signal.abort()
        settle_timers()
        assert timers() == []

    def test_a_caller_that_minds_the_clock_itself_gets_no_timer(self):
        signal, told = Signal.timeout(LONG), []
        signal.on_abort(told.append, clock=False)
        assert timers() == []
        signal.abort("enough")
        assert told == ["enough"]

    def test_a_deadline_after_which_nobody_looks_still_tells_the_listener_on_asking(self):
        signal, told = Signal.timeout(0.001), []
        signal.on_abort(told.append, clock=False)
        while not signal.aborted:
            time.sleep(0.001)
        assert told == ["timeout"]

    def test_for_ever_is_no_deadline(self):
        assert Signal.timeout(math.inf).deadline is None

    def test_a_deadline_in_centuries_is_no_trouble(self):
        signal, told = Signal.timeout(1e300), []
        signal.on_abort(told.append)
        assert timers() == []
        signal.abort("enough")
        assert told == ["enough"]

    @pytest.mark.parametrize("seconds", [-1, -0.001, math.nan])
    def test_a_timeout_that_is_no_time_is_refused(self, seconds):
        with pytest.raises(ValueError, match="A timeout must be a number of seconds"):
            Signal.timeout(seconds)


class TestTokenLimits:
    def test_it_stops_when_the_tokens_are_used_up(self):
        signal = Signal.token_limit(3)
        signal.add_tokens(2)
        assert not signal.aborted
        signal.add_tokens(1)
        assert signal.reason == "token limit"

    def test_tokens_mean_nothing_without_a_limit(self):
        signal = Signal.never()
        signal.add_tokens(10**9)
        assert not signal.aborted

    def test_a_merged_signal_spends_from_all_it_was_merged_from(self):
        shared = Signal.token_limit(10)
        first, second = shared | Signal.timeout(LONG), shared | Signal.never()
        first.add_tokens(6)
        assert not second.aborted
        second.add_tokens(6)
        assert first.reason == second.reason == shared.reason == "token limit"

    def test_a_limit_merged_in_twice_counts_once(self):
        limit = Signal.token_limit(10)
        twice = limit | (limit | Signal.never()) | limit
        twice.add_tokens(9)
        assert not limit.aborted
        twice.add_tokens(1)
        assert twice.aborted

    @pytest.mark.parametrize("tokens", [0, -5])
    def test_a_limit_below_one_is_refused(self, tokens):
        with pytest.raises(ValueError, match="must be at least 1"):
            Signal.token_limit(tokens)


class TestMerging:
    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_it_stops_as_soon_as_any_does_with_the_same_reason(self, which):
        sources = [Signal.never(), Signal.timeout(LONG), Signal.token_limit(5)]
        merged = Signal.merge(*sources)
        assert not merged.aborted
        sources[which].abort("enough")
        assert merged.reason == "enough"
        assert [source.aborted for source in sources].count(True) == 1

    def test_a_bar_merges_two(self):
        a, b = Signal.never(), Signal.never()
        merged = a | b
        b.abort("enough")
        assert merged.reason == "enough"

    def test_stopping_the_merged_one_leaves_its_sources_running(self):
        source = Signal.never()
        (source | Signal.never()).abort()
        assert not source.aborted

    def test_it_has_the_nearest_deadline(self):
        near, far = Signal.timeout(LONG), Signal.timeout(2 * LONG)
        assert (far | near | Signal.never()).deadline == near.deadline

    def test_a_source_that_has_stopped_stops_it_at_once(self):
        stopped = Signal.never()
        stopped.abort("before")
        assert (Signal.never() | stopped).reason == "before"
        assert (Signal.never() | past()).timed_out

    def test_of_two_that_have_stopped_the_first_named_wins(self):
        a, b = Signal.never(), Signal.never()
        b.abort("b")
        a.abort("a")
        assert (a | b).reason == "a"

    def test_of_two_that_stop_later_the_first_in_time_wins(self):
        a, b = Signal.never(), Signal.never()
        merged = a | b
        b.abort("b")
        a.abort("a")
        assert merged.reason == "b"

    def test_nothing_merged_is_never(self):
        assert not Signal.merge().aborted

    def test_only_signals_can_be_merged(self):
        with pytest.raises(TypeError, match="Only signals can be merged, not int"):
            Signal.merge(Signal.never(), 30)
        with pytest.raises(TypeError, match="unsupported operand"):
            _ = Signal.never() | 30

    def test_it_works_through_many_generations(self):
        root, told = Signal.never(), []
        signal = root
        for _ in range(20):
            signal |= Signal.never()
        signal.on_abort(told.append)
        root.abort("enough")
        assert told == ["enough"]

    def test_a_merged_signal_that_nobody_keeps_is_gone(self):
        source = Signal.never()
        merged = weakref.ref(source | Signal.never())
        gc.collect()
        assert merged() is None
        assert len(source._children) == 0

    def test_a_merged_signal_that_somebody_listens_to_is_kept(self):
        source, told = Signal.never(), []
        (source | Signal.never() | Signal.never()).on_abort(told.append)
        gc.collect()
        source.abort("enough")
        assert told == ["enough"]

    def test_it_is_let_go_when_the_wish_is_taken_back(self):
        source = Signal.never()
        merged = source | Signal.never()
        forget = merged.on_abort(print)
        alive = weakref.ref(merged)
        forget()
        del merged, forget
        gc.collect()
        assert alive() is None

    def test_it_is_let_go_when_it_stops(self):
        source = Signal.never()
        merged = source | Signal.never()
        merged.on_abort(lambda _: None)
        alive = weakref.ref(merged)
        merged.abort()
        del merged
        gc.collect()
        assert alive() is None

    def test_a_signal_for_the_whole_day_does_not_collect_its_calls(self):
        day = Signal.never()
        for _ in range(100):
            call = day | Signal.timeout(LONG)
            call.on_abort(print, clock=False)()
        del call
        gc.collect()
        assert (len(day._children), len(day._held)) == (0, 0)


class TestWaiting:
    async def test_wait_ends_with_the_reason(self):
        signal = Signal.never()
        waiting = asyncio.create_task(signal.wait())
        await asyncio.sleep(0)
        signal.abort("enough")
        assert await waiting == "enough"

    async def test_wait_on_a_stopped_signal_ends_at_once(self):
        signal = Signal.never()
        signal.abort("enough")
        assert await signal.wait() == "enough"

    async def test_wait_ends_when_another_thread_aborts(self):
        signal = Signal.never()
        threading.Thread(target=signal.abort, args=("from afar",)).start()
        assert await signal.wait() == "from afar"

    async def test_wait_minds_the_clock_without_a_thread(self):
        signal = Signal.timeout(0.01)
        waiting = asyncio.create_task(signal.wait())
        await asyncio.sleep(0)
        assert timers() == []
        assert await waiting == "timeout"

    async def test_a_cancelled_wait_leaves_nothing_behind(self):
        signal = Signal.timeout(LONG)
        waiting = asyncio.create_task(signal.wait())
        await asyncio.sleep(0)
        assert listeners(signal) == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert listeners(signal) == 0

    async def test_many_may_wait(self):
        signal = Signal.never()
        waiting = [asyncio.create_task(signal.wait()) for _ in range(50)]
        await asyncio.sleep(0)
        signal.abort("enough")
        assert set(await asyncio.gather(*waiting)) == {"enough"}

    def test_aborting_after_the_waiters_loop_was_closed_is_harmless(self):
        signal = Signal.never()
        loop = asyncio.new_event_loop()
        waiting = loop.create_task(signal.wait())
        loop.run_until_complete(asyncio.sleep(0))
        waiting._log_destroy_pending = False  # it is left hanging on purpose
        loop.close()
        signal.abort("enough")
        assert signal.reason == "enough"
        waiting.get_coro().close()


class TestThreads:
    def test_of_fifty_threads_one_wins_and_everyone_is_told_once(self):
        signal, told = Signal.never(), []
        children = [signal | Signal.never() for _ in range(20)]
        for listened in [signal, *children]:
            listened.on_abort(told.append)
        ready = threading.Barrier(50)

        def stop(number):
            ready.wait()
            signal.abort(f"thread {number}")

        run_all(stop)
        assert len(told) == 21
        assert set(told) == {signal.reason}

    def test_listeners_that_come_and_go_while_it_stops_are_told_at_most_once(self):
        signal = Signal.timeout(LONG) | Signal.never()
        counts = [0] * 50
        ready = threading.Barrier(50)

        def listen(number):
            def tell(why):
                counts[number] += 1

            ready.wait()
            if number == 25:
                signal.abort("enough")
            elif number % 2:
                signal.on_abort(tell)
            else:
                signal.on_abort(tell)()

        run_all(listen)
        assert [counts[number] for number in range(1, 50, 2) if number != 25] == [1] * 24
        assert set(counts[0::2]) <= {0, 1}
        assert listeners(signal) == 0

    def test_no_token_is_lost_between_fifty_threads(self):
        signal = Signal.token_limit(50 * 100 + 1)
        ready = threading.Barrier(50)

        def spend(number):
            ready.wait()
            for _ in range(100):
                signal.add_tokens(1)

        run_all(spend)
        assert not signal.aborted
        signal.add_tokens(1)
        assert signal.aborted

    def test_merging_while_it_stops_never_misses_the_stop(self):
        for _ in range(20):
            source = Signal.never()
            ready = threading.Barrier(8)
            merged = []

            def merge(number, source=source, ready=ready, merged=merged):
                ready.wait()
                if number == 0:
                    source.abort("enough")
                else:
                    merged.append(source | Signal.never())

            run_all(merge, 8)
            assert [signal.reason for signal in merged] == ["enough"] * 7
            assert source._held == set()


class TestBeingAValue:
    def test_a_copy_is_the_same_signal(self):
        signal = Signal.never()
        assert copy.copy(signal) is signal
        assert copy.deepcopy([signal])[0] is signal

    def test_its_repr_says_how_it_stands(self):
        stopped = Signal.never()
        stopped.abort("enough")
        assert repr(Signal.never()) == "<Signal>"
        assert repr(stopped) == "<Signal aborted: enough>"
        assert repr(Signal.timeout(LONG)).endswith("s left>")


class TestOtherNames:
    def test_each_makes_the_same_signal(self):
        assert SignalUtils.timeout(LONG).deadline is not None
        assert SignalUtils.never_abort().deadline is None
        limited = SignalUtils.token_limit(1)
        limited.add_tokens(1)
        assert limited.aborted
        source = Signal.never()
        merged = SignalUtils.merge(source, Signal.never())
        source.abort("enough")
        assert merged.reason == "enough"

    def test_a_controller_stops_its_signal(self):
        signal, controller = SignalUtils.timeout_with_controller(LONG)
        assert isinstance(controller, Controller)
        assert controller.signal is signal
        controller.abort("enough")
        assert signal.reason == "enough"


def run_all(work, count=50):
    """Run ``work(number)`` in so many threads; whatever fails in one fails the test."""
    failures = []

    def run(number):
        try:
            work(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
