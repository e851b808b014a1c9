"""A hundred routed calls at once: each is answered or stopped, turns are fair, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.routing import Orchestrator
from llmkit.sim import Simulator

FAST, SLOW = "bench:tokens=3,rate=0,ttft=0", "bench:tokens=2000,rate=50,ttft=0"


@pytest.fixture(scope="module")
def sim():
    with Simulator() as running:
        yield running


def two(sim, **more):
    kind = {"type": "openai", "api": "chat", "base_url": f"{sim.url}/v1", "api_key": "k" * 20}
    providers = {"east": dict(kind), "west": {**kind, **more}}
    prices = {"*/bench*": {"input": 1, "output": 2}}
    return llmkit.Session({"providers": providers, "prices": prices, "retry": {"base": 0}})


def named(model):
    return [f"east/{model}", f"west/{model}"]


def test_turns_are_fair_over_a_hundred_calls_of_threads_and_of_a_loop(sim):
    session = two(sim)
    here = Orchestrator(session)

    def ask(_):
        return here.execute("chat", "round-robin", "Hi.", models=named(FAST)).reply().provider

    async def all_at_once():
        streams = [here.execute("chat", "round-robin", "Hi.", models=named(FAST)) for _ in range(50)]
        return [reply.provider for reply in await asyncio.gather(*streams)]

    with ThreadPoolExecutor(20) as pool:
        answered = [*pool.map(ask, range(50)), *asyncio.run(all_at_once())]
    assert Counter(answered) == {"east": 50, "west": 50}


def test_while_one_endpoint_is_down_all_are_answered_by_the_other(sim):
    session = two(sim, headers={"x-sim-fault": "status=503"})
    here = Orchestrator(session)

    async def all_at_once():
        streams = [here.execute("chat", "round-robin", "Hi.", models=named(FAST)) for _ in range(100)]
        return [reply.provider for reply in await asyncio.gather(*streams)]

    assert set(asyncio.run(all_at_once())) == {"east"}
    sent = Counter(row["provider"] for row in session.ledger.rows(session=session.id, simulated=True))
    assert sent["east"] == 100
    assert 0 < sent["west"] <= 50, "those that went there at once, and nobody after the breaker opened"


def test_stopped_calls_free_what_they_held_and_say_so(sim):
    session = two(sim)
    here = Orchestrator(session)
    purse = llmkit.Budget(50, simulated=True)
    signal = llmkit.Signal.never()

    async def stop_half():
        kept = [
            here.execute("chat", "sticky", f"Hi {n}.", models=named(FAST), budget=purse, max_tokens=9)
            for n in range(50)
        ]
        stopped = [
            here.execute(
                "chat",
                "sticky",
                f"Ho {n}.",
                models=named(SLOW),
                budget=purse,
                max_tokens=3_000,
                signal=signal,
            )
            for n in range(20)
        ]
        answers = await asyncio.gather(*kept)
        signal.abort("enough")
        return answers, await asyncio.gather(*stopped, return_exceptions=True)

    answers, failures = asyncio.run(stop_half())
    assert all(reply.complete for reply in answers)
    assert all(isinstance(each, e.Aborted) for each in failures)
    assert purse.held == 0
    states = Counter(row["status"] for row in session.ledger.rows(session=session.id, simulated=True))
    assert set(states) <= {"ok", "cancelled"}
    assert states["ok"] == 50
    assert len(here._last) <= 50, "who did not answer is not remembered as the one to stay with"
