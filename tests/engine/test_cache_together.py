"""The same question asked by several at once: one request for all of them, and nobody waits in vain.

Requests are counted at the server, answers by what the ledger says of each call.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.engine.cache import Cache
from llmkit.engine.tape import Tape
from llmkit.sim import Say, Simulator

SLOW = "here/bench:tokens=5,rate=0,ttft=300"
ENDLESS = "here/bench:tokens=100000,rate=50,ttft=0"
#: A call ends within a second of its deadline; asserted with room for a busy machine.
ROOM = 25.0


@pytest.fixture
def sim(simulator: Simulator) -> Simulator:
    return simulator.reset()


def session(sim: Simulator, path: Path, fault: str = "", **more: Any) -> llmkit.Session:
    headers = {"x-sim-fault": fault} if fault else {}
    here = {
        "type": "openai",
        "api": "chat",
        "base_url": sim.url + "/v1",
        "api_key": "k" * 20,
        "headers": headers,
    }
    made = llmkit.Session({"providers": {"here": here}, "retry": {"attempts": 1}, **more})
    made.cache = Cache(path / "cache.db")
    return made


def statuses(of: llmkit.Session) -> Counter[str]:
    return Counter(row["status"] for row in of.ledger.rows(session=of.id, simulated=True))


def tried(stream: llmkit.Stream) -> str:
    try:
        return stream.reply().text
    except e.LLMKitError as error:
        return error.kind


def test_thirty_threads_with_one_question_send_one_request_and_get_one_answer(
    sim: Simulator, tmp_path: Path
) -> None:
    here = session(sim, tmp_path)
    with ThreadPoolExecutor(30) as pool:
        replies = list(pool.map(lambda _: here.ask("Why is the sky blue?", model=SLOW), range(30)))
    assert sim.attempts == 1
    assert len({reply.text for reply in replies}) == 1
    assert statuses(here) == {"ok": 1, "cached": 29}
    assert sum(bool(reply.cost.note and "cache" in reply.cost.note) for reply in replies) == 29
    assert here.cache is not None
    assert (here.cache.hits, here.cache.misses) == (29, 1)


def test_other_questions_do_not_wait(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, tmp_path)
    with here.stream("the first", model=ENDLESS) as first:
        running = first.batches()
        next(batch for batch in running if batch)
        assert here.ask("the second", model=SLOW).text
    assert sim.attempts == 2


def test_without_the_cache_everybody_asks(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, tmp_path)
    streams = [here.stream("Why?", model=SLOW, cache=False) for _ in range(5)]
    assert all(stream.reply().text for stream in streams)
    assert sim.attempts == 5


def test_if_the_one_who_asks_fails_the_next_one_asks(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, tmp_path, "fails=400:2:together; delay=0.1")
    streams = [here.stream("Why?", model=SLOW) for _ in range(8)]
    said = [tried(stream) for stream in streams]
    assert sim.attempts == 3
    assert said[:2] == ["bad_request", "bad_request"]
    assert len(set(said[2:])) == 1
    assert statuses(here) == {"error": 2, "ok": 1, "cached": 5}


def test_if_the_one_who_asks_is_stopped_the_next_one_asks(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, tmp_path)
    said = iter([Say("Because it is so.", fault="stall=1"), "For no reason."])
    sim.script(lambda _: next(said))
    first = here.stream("Why?", model="here/sage")
    running = first.batches()
    next(batch for batch in running if batch)
    others = [here.stream("Why?", model="here/sage") for _ in range(3)]
    first.close()
    assert {stream.reply().text for stream in others} == {"For no reason."}
    assert sim.attempts == 2
    assert statuses(here) == {"cancelled": 1, "ok": 1, "cached": 2}


def test_who_waits_may_be_stopped_and_nothing_of_it_was_sent(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, tmp_path)
    with here.stream("Why?", model=ENDLESS) as first:
        running = first.batches()
        next(batch for batch in running if batch)
        waiting = [here.stream("Why?", model=ENDLESS) for _ in range(3)]
        for stream in waiting:
            stream.stop()
        assert [tried(stream) for stream in waiting] == ["aborted"] * 3
        assert sim.attempts == 1
    told = [
        row
        for row in here.ledger.rows(session=here.id, simulated=True)
        if row["cost_note"] == "nothing was sent"
    ]
    assert [row["status"] for row in told] == ["cancelled"] * 3


def test_who_waits_keeps_to_its_own_deadline(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, tmp_path)
    with here.stream("Why?", model=ENDLESS) as first:
        running = first.batches()
        next(batch for batch in running if batch)
        began = time.monotonic()
        with pytest.raises(e.DeadlineExceeded):
            here.ask("Why?", model=ENDLESS, timeout=0.3)
        assert time.monotonic() - began < 0.3 + ROOM
    assert sim.attempts == 1


def test_an_answer_that_is_not_kept_makes_nobody_wait_for_the_next(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, tmp_path, "empty")  # empty answers are not kept
    streams = [here.stream("Why?", model=SLOW) for _ in range(6)]
    for stream in streams:
        stream.reply()
    assert sim.attempts == 6
    moments = [(seen.started, 1) for seen in sim.settled()] + [(seen.ended, -1) for seen in sim.settled()]
    open_now = most = 0
    for _, change in sorted(moments):
        open_now += change
        most = max(most, open_now)
    assert most > 1  # once it was seen that nothing is kept, the others went side by side


def test_the_turn_is_free_again_afterwards(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, tmp_path, "fails=400:1:later")
    with pytest.raises(e.BadRequestError):
        here.ask("Why?", model=SLOW)
    assert here.ask("Why?", model=SLOW).text
    assert here.ask("Why?", model=SLOW).cost.amount == 0
    assert sim.attempts == 2


def test_those_who_got_the_answer_of_another_put_it_on_their_own_tape(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, tmp_path)
    first = here.stream("Why?", model=SLOW)
    here.tape = Tape(tmp_path / "t.llm.jsonl", timing="instant")
    second = here.stream("Why?", model=SLOW)
    assert first.reply().text == second.reply().text
    assert sim.attempts == 1
    assert len(here.tape) == 1


def test_a_tape_that_cannot_be_written_costs_no_cached_answer(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, tmp_path)
    here.ask("Why?", model=SLOW)
    here.tape = Tape(tmp_path / "t.llm.jsonl")
    here.tape.path = tmp_path / "cache.db" / "below-a-file.jsonl"
    assert here.ask("Why?", model=SLOW).text
    assert any("could not be kept" in notice for notice in here.notices)
