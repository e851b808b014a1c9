"""A hundred calls at once: what each leaves behind, and that the last asked is heard too."""

from __future__ import annotations

import asyncio
import gc
import selectors
import socket
from contextlib import ExitStack

import pytest

import llmkit
from llmkit.engine.loop import IOThread
from llmkit.engine.pace import READS_A_TURN, STARTS_A_TURN, FewAtATime
from llmkit.sim import Simulator


def session_on(simulator: Simulator) -> llmkit.Session:
    provider = {"type": "openai", "api": "chat", "base_url": f"{simulator.url}/v1", "api_key": "none"}
    return llmkit.Session({"providers": {"here": provider}})


def circles_left(session: llmkit.Session) -> set[str]:
    """What of ours only the garbage collector finds after three calls."""
    for _ in range(3):
        gc.collect()  # what a finalizer lets go is found by the next collection
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(3):
            session.ask("and now", model="here/bench:tokens=3,rate=0")
        gc.collect()
        return {type(left).__qualname__ for left in gc.garbage if "llmkit" in type(left).__module__}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_a_finished_call_leaves_nothing_for_the_garbage_collector() -> None:
    with Simulator() as simulator, session_on(simulator) as session:
        session.ask("warm up", model="here/bench:tokens=3,rate=0")
        # What earlier tests left on other threads may fall into one round; what a call leaves is in each.
        assert set.intersection(*(circles_left(session) for _ in range(3))) == set()


def test_calls_asked_in_one_go_all_end_though_few_begin_in_a_turn() -> None:
    with Simulator() as simulator, session_on(simulator) as session:
        streams = [
            session.stream(str(number), model="here/bench:tokens=3,rate=0")
            for number in range(STARTS_A_TURN * 10 + 1)
        ]
        assert {stream.reply().complete for stream in streams} == {True}


def test_calls_that_had_not_begun_when_the_thread_stops_are_ended_too() -> None:
    with Simulator() as simulator, session_on(simulator) as session:
        model = "here/bench:tokens=3,rate=0,ttft=60000"
        streams = [session.stream(str(number), model=model) for number in range(STARTS_A_TURN * 10 + 1)]
        IOThread.current().stop()
        ends = [list(stream)[-1] for stream in streams]
    assert {type(end) for end in ends} == {llmkit.Failed}


def test_an_answer_that_is_stopped_when_it_is_over_has_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = llmkit.Signal.never()

    async def rest(_chunks: object) -> None:
        stop.abort("too late")
        await asyncio.sleep(30)

    monkeypatch.setattr("llmkit.engine.attempt.rest", rest)
    with Simulator() as simulator, session_on(simulator) as session:
        simulator.script(['{"name": "Ada", "age": 36}'])
        reply = session.ask("Who?", model="here/sage", schema="name, age int", signal=stop)
    assert reply.data == {"name": "Ada", "age": 36}


def test_of_many_ready_sockets_a_few_are_told_of_at_a_time_and_soon_each() -> None:
    many = READS_A_TURN * 6 + 1
    with ExitStack() as open_, FewAtATime() as selector:
        for number in range(many):
            here, there = (open_.enter_context(end) for end in socket.socketpair())
            selector.register(here, selectors.EVENT_READ, number)
            there.send(b"x")
        turns = [[key.data for key, _ in selector.select(0)] for _ in range(-(-many // READS_A_TURN))]
    assert {len(turn) for turn in turns} == {READS_A_TURN}
    assert {number for turn in turns for number in turn} == set(range(many))  # none read, none passed over


def test_a_socket_that_is_always_ready_holds_nobody_up() -> None:
    with ExitStack() as open_, FewAtATime() as selector:
        busy = [open_.enter_context(end) for _ in range(READS_A_TURN * 3) for end in socket.socketpair()]
        for number, end in enumerate(busy):
            selector.register(end, selectors.EVENT_WRITE, number)
        quiet, other = (open_.enter_context(end) for end in socket.socketpair())
        selector.register(quiet, selectors.EVENT_READ, "quiet")
        other.send(b"x")
        told = [key.data for _ in range(len(busy)) for key, _ in selector.select(0)]
    assert "quiet" in told
