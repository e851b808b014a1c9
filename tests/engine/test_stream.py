"""The stream from every side: loops, awaits, threads, running loops, early leaving, stopping."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import llmkit
from llmkit import errors
from llmkit.core.events import Done, Failed, Text
from llmkit.sim import Simulator

SLOW = "here/bench:tokens=4000,rate=200,ttft=0"


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    made = llmkit.Session(
        {
            "providers": {
                "here": {
                    "type": "openai",
                    "api": "chat",
                    "base_url": simulator.url + "/v1",
                    "api_key": "k" * 9,
                }
            }
        }
    )
    made.ask("hello", model="here/swift")  # the SDK is loaded: what is timed below is the call
    simulator.settled()
    simulator.reset()
    return made


def wait_for_a_token(simulator: Simulator) -> None:
    deadline = time.monotonic() + 30
    while not simulator.requests or simulator.requests[-1].tokens_sent < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_text(*streams: llmkit.Stream) -> None:
    """Until each has some words, whether anybody reads them or not."""
    deadline = time.monotonic() + 30
    while not all(stream.text for stream in streams):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(simulator: Simulator) -> bool:
    """Did the server see the last client close its socket?"""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if simulator.requests and simulator.requests[-1].outcome == "client_closed":
            return True
        time.sleep(0.01)
    return False


def test_iterating_gives_events_and_exactly_one_terminal_at_the_end(session: llmkit.Session) -> None:
    events = list(session.stream("Why is the sky blue?", model="here/swift"))
    assert isinstance(events[-1], Done)
    assert not any(isinstance(event, Done | Failed) for event in events[:-1])
    assert "".join(event.text for event in events if isinstance(event, Text)) == events[-1].reply.text


def test_the_reply_knows_tokens_time_and_cost_or_says_that_it_does_not(session: llmkit.Session) -> None:
    reply = session.ask("Why is the sky blue?", model="here/swift")
    assert reply.usage.source == "provider"
    assert reply.usage.total_input is not None
    assert reply.usage.output is not None
    assert reply.timing.ttft is not None
    assert reply.timing.duration is not None
    assert reply.timing.duration >= reply.timing.ttft
    assert reply.simulated
    assert reply.cost.source == "simulated"
    assert reply.cost.amount is not None
    assert reply.cost.amount > 0


def test_awaiting_works_inside_a_running_loop(session: llmkit.Session) -> None:
    async def main() -> str:
        reply = await session.stream("hello", model="here/swift")
        return reply.text

    assert asyncio.run(main())


def test_async_iteration_gives_the_same_events(session: llmkit.Session) -> None:
    async def main() -> list[llmkit.Event]:
        return [event async for event in session.stream("hello", model="here/swift", seed=3)]

    there = asyncio.run(main())
    here = list(session.stream("hello", model="here/swift", seed=3))
    assert [e.text for e in there if isinstance(e, Text)]
    assert "".join(e.text for e in there if isinstance(e, Text)) == "".join(
        e.text for e in here if isinstance(e, Text)
    )


def test_the_loop_goes_on_while_an_answer_is_awaited(session: llmkit.Session) -> None:
    async def main() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        await session.stream("hello", model="here/bench:tokens=40,rate=200,ttft=0")
        ticking.cancel()
        return ticks

    assert asyncio.run(main()) > 5


def test_asking_inside_a_running_loop_works_too(session: llmkit.Session) -> None:
    async def main() -> str:
        return session.ask("hello", model="here/swift").text

    assert asyncio.run(main())


def test_three_event_loops_one_after_the_other_share_the_clients(session: llmkit.Session) -> None:
    async def main() -> str:
        return (await session.stream("hello", model="here/swift")).text

    assert all(asyncio.run(main()) for _ in range(3))


def test_fifty_threads_stream_at_once_over_one_io_thread(session: llmkit.Session) -> None:
    with ThreadPoolExecutor(50) as pool:
        texts = list(pool.map(lambda n: session.ask(f"hello {n}", model="here/swift").text, range(50)))
    assert all(texts)
    assert [thread.name for thread in threading.enumerate()].count("llmkit-io") == 1


def test_leaving_a_loop_early_closes_the_socket_at_once(
    session: llmkit.Session, simulator: Simulator
) -> None:
    for event in session.stream("hello", model=SLOW):
        if isinstance(event, Text):
            break
    assert gone(simulator)


def test_leaving_an_async_loop_early_closes_the_socket(session: llmkit.Session, simulator: Simulator) -> None:
    async def main() -> None:
        async for event in session.stream("hello", model=SLOW):
            if isinstance(event, Text):
                break
        await asyncio.sleep(0.1)

    asyncio.run(main())
    assert gone(simulator)


def test_cancelling_a_task_that_awaits_closes_the_socket(
    session: llmkit.Session, simulator: Simulator
) -> None:
    async def main() -> None:
        task = asyncio.create_task(session.stream("hello", model=SLOW)._wait())
        await asyncio.to_thread(wait_for_a_token, simulator)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert gone(simulator)


def test_stop_ends_the_stream_with_what_came_so_far(session: llmkit.Session, simulator: Simulator) -> None:
    stream = session.stream("hello", model=SLOW)
    events = []
    for event in stream:
        events.append(event)
        if len(events) == 3:
            stream.stop("enough")
    last = events[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, errors.Aborted)
    assert "enough" in str(last.error)
    assert last.partial.text
    assert last.partial.text == stream.text
    assert not last.partial.complete
    assert gone(simulator)


def test_a_stopped_reply_raises_and_carries_the_partial(session: llmkit.Session) -> None:
    stream = session.stream("hello", model=SLOW)
    with ThreadPoolExecutor(1) as other:
        reading = other.submit(stream.reply)
        wait_for_text(stream)
        stream.stop()
        with pytest.raises(errors.Aborted) as caught:
            reading.result()
    assert caught.value.partial is not None
    assert caught.value.partial.text
    assert caught.value.partial.usage.source == "estimated"


def test_a_timeout_ends_it_with_its_own_error(session: llmkit.Session) -> None:
    for timeout in (0.3, 3, 12):  # on a busy machine nothing may have come so soon
        with pytest.raises(errors.DeadlineExceeded) as caught:
            session.ask("hello", model=SLOW, timeout=timeout)
        assert caught.value.partial is not None
        if caught.value.partial.text:
            break
    assert caught.value.partial.text


def test_a_token_limit_stops_the_stream(session: llmkit.Session) -> None:
    with pytest.raises(errors.Aborted, match="token limit"):
        session.ask("hello", model=SLOW, signal=llmkit.Signal.token_limit(5))


def test_one_signal_stops_many_streams(session: llmkit.Session) -> None:
    stop = llmkit.Signal.never()
    streams = [session.stream("hello", model=SLOW, signal=stop) for _ in range(5)]
    threading.Timer(0.2, stop.abort).start()
    for stream in streams:
        with pytest.raises(errors.Aborted):
            stream.reply()


def test_stopping_one_stream_leaves_its_siblings_alone(session: llmkit.Session) -> None:
    stop = llmkit.Signal.never()
    one = session.stream("hello", model=SLOW, signal=stop)
    other = session.stream("hello", model="here/swift", signal=stop)
    one.stop()
    assert other.reply().text
    assert not stop.aborted


def test_a_signal_that_is_aborted_before_the_call_sends_nothing(
    session: llmkit.Session, simulator: Simulator
) -> None:
    stop = llmkit.Signal.never()
    stop.abort("no")
    before = len(simulator.requests)
    with pytest.raises(errors.Aborted):
        session.ask("hello", model="here/swift", signal=stop)
    assert len(simulator.requests) == before


def test_batches_look_up_while_nothing_comes(session: llmkit.Session) -> None:
    stream = session.stream("hello", model="here/bench:tokens=3,rate=0,ttft=300")
    batches = list(stream.batches(wait=0.02))
    assert [] in batches
    assert isinstance(batches[-1][-1], Done)


def test_an_ended_stream_can_be_read_again_for_its_reply(session: llmkit.Session) -> None:
    stream = session.stream("hello", model="here/swift")
    first = stream.reply()
    assert stream.reply() is first
    assert stream.text == first.text
    assert list(stream) == []


def test_the_same_stream_gives_the_same_answer_streamed_or_not(session: llmkit.Session) -> None:
    streamed = session.ask("Why is the sky blue?", model="here/swift", seed=1)
    whole = session.ask("Why is the sky blue?", model="here/swift", seed=1, stream=False)
    assert streamed.text == whole.text
    assert streamed.usage == whole.usage


# -- awaited in company ---------------------------------------------------------------------------


def test_streams_are_awaitables_for_gather_wait_for_and_ensure_future(session: llmkit.Session) -> None:
    async def main() -> list[str]:
        one, two, three, four = (session.stream(f"hello {n}", model="here/swift") for n in range(4))
        replies = list(await asyncio.gather(one, two))
        replies.append(await asyncio.wait_for(three, 30))
        replies.append(await asyncio.ensure_future(four))
        return [reply.text for reply in replies]

    assert all(asyncio.run(main()))


def test_a_stream_is_no_coroutine_and_create_task_says_so(session: llmkit.Session) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="coroutine"):
            await asyncio.create_task(session.stream("hello", model="here/swift"))  # type: ignore[arg-type]

    asyncio.run(main())


def test_waiting_for_some_time_only_stops_the_call(session: llmkit.Session, simulator: Simulator) -> None:
    async def main(seconds: float) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.stream("hello", model=SLOW), seconds)

    for seconds in (0.5, 3, 12):  # on a busy machine nothing may have been sent so soon
        asyncio.run(main(seconds))
        simulator.settled()
        if simulator.attempts:
            break
    assert gone(simulator)


# -- dropped --------------------------------------------------------------------------------------


def test_a_stream_that_nobody_holds_is_stopped(session: llmkit.Session, simulator: Simulator) -> None:
    stream = session.stream("hello", model=SLOW, tag="dropped")
    settled, signal = stream._settled, stream.signal
    wait_for_text(stream)
    del stream
    assert settled.wait(30)
    assert gone(simulator)
    assert "dropped" in (signal.reason or "")
    (row,) = session.ledger.rows(tag="dropped", simulated=True)
    assert (row["status"], row["usage_source"], row["estimated"]) == ("cancelled", "estimated", 1)


def test_a_stream_in_a_cycle_is_stopped_when_it_is_collected(
    session: llmkit.Session, simulator: Simulator
) -> None:
    stream = session.stream("hello", model=SLOW)
    settled = stream._settled
    stream.myself = stream  # type: ignore[attr-defined]
    wait_for_a_token(simulator)
    del stream
    gc.collect()
    assert settled.wait(30)
    assert gone(simulator)


def test_whoever_reads_a_stream_holds_it(session: llmkit.Session) -> None:
    events = iter(session.stream("hello", model="here/swift"))
    batches = session.stream("hello", model="here/swift").batches()
    gc.collect()
    assert isinstance(list(events)[-1], Done)
    assert isinstance([event for batch in batches for event in batch][-1], Done)


def test_dropping_one_stream_leaves_others_with_the_same_signal_alone(session: llmkit.Session) -> None:
    signal = llmkit.Signal.never()
    dropped = session.stream("hello", model=SLOW, signal=signal)
    settled = dropped._settled
    other = session.stream("hello", model="here/bench:tokens=60,rate=100,ttft=0", signal=signal)
    del dropped
    assert settled.wait(30)
    assert other.reply().complete
    assert not signal.aborted


def test_a_stream_that_is_over_is_dropped_without_a_word(session: llmkit.Session) -> None:
    stream = session.stream("hello", model="here/swift", tag="over")
    assert stream._settled.wait(30)
    signal = stream.signal
    del stream
    assert not signal.aborted
    (row,) = session.ledger.rows(tag="over", simulated=True)
    assert row["status"] == "ok"


@pytest.mark.parametrize("stream", [True, False])
def test_a_fault_of_ours_ends_the_stream_with_what_came_and_nobody_waits(stream):
    """Here it is the cost that can't be worked out, neither of the answer nor of what is kept of it."""
    with llmkit.Session() as session:
        session.prices = {"sim/swift": {"input": "much", "output": "more"}}
        with pytest.raises(errors.LLMKitError, match="in the middle of a call") as caught:
            session.ask("Why is the sky blue?", model="sim/swift", stream=stream, timeout=60)
        assert caught.value.partial.text
        assert "can't be used" in caught.value.why
