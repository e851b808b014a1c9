"""What a block of code cost: its calls and no others, whoever asked."""

from __future__ import annotations

import asyncio

import pytest

import llmkit
from llmkit import Session, track
from llmkit.sim import Say, Simulator


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMKIT_LEDGER", str(tmp_path / "ledger.db"))
    return Session()


def ask(session, prompt="hi", **more):
    return session.ask(prompt, model="sim/swift:rate=5000", max_tokens=8, **more)


def test_a_block_knows_its_calls_and_no_others(session):
    ask(session)
    with track("mine") as tracked:
        ask(session)
        ask(session, tag="own")
    ask(session)
    assert tracked.calls == len(tracked.df) == 2
    assert tracked.df["tag"].tolist() == ["mine", "own"]
    assert tracked.total(simulated=True).cost > 0


def test_simulated_calls_are_no_money(session):
    with track() as tracked:
        ask(session)
    assert tracked.total().attempts == 0
    assert str(tracked).endswith("simulated")
    assert str(tracked).startswith("1 call · ")


def test_blocks_within_blocks_count_for_both(session):
    with track("outer") as outer:
        ask(session)
        with track("inner") as inner:
            ask(session)
    assert (outer.calls, inner.calls) == (2, 1)
    assert outer.df["tag"].tolist() == ["outer", "inner"]


async def test_tasks_begun_inside_belong_to_the_block(session):
    async def one():
        return await session.stream("hi", model="sim/swift:rate=5000", max_tokens=8)

    with track() as tracked:
        await asyncio.gather(one(), one(), one())
    await one()
    assert tracked.calls == 3


def test_a_block_that_fails_keeps_its_figures(session):
    tracks = []

    def block():
        with track() as tracked:
            tracks.append(tracked)
            ask(session)
            raise KeyError

    with pytest.raises(KeyError):
        block()
    assert tracks[0].calls == 1


def test_a_block_without_calls_says_so():
    with llmkit.track("idle") as tracked:
        pass
    assert tracked.df is None
    assert str(tracked).startswith("idle: no calls")


def test_thousands_of_calls_fit_into_one_question(session):
    with track() as tracked:
        ask(session)
    tracked._calls += [f"other{n}" for n in range(40_000)]
    assert len(tracked.df) == 1


def test_a_map_inside_a_block_is_in_it(session):
    with track("reviews") as tracked:
        session.map(["good", "bad", "so so"], "Sentiment of: {text}", model="sim/swift:rate=5000")
    assert tracked.calls == 3


def test_the_rounds_of_a_call_with_tools_are_one_call():
    def weather(city: str) -> str:
        """The weather there."""
        return f"{city}: sun"

    with Simulator(pace="instant") as sim:
        sim.script([Say(tools=[("weather", {"city": "Oslo"})]), "Sun."])
        one = {"type": "openai", "api": "chat", "base_url": f"{sim.url}/v1", "api_key": "k" * 20}
        with Session({"providers": {"p": one}}) as session, track() as tracked:
            session.ask("hi", model="p/sage", tools=[weather])
        assert tracked.calls == 1
        assert len(tracked.df) == 2


def test_replays_stand_with_their_model(session):
    for _ in range(2):
        session.ask("hi", model="sim/sage:rate=5000", max_tokens=5, cache=True)
    table = session.usage.by("model", simulated=True)
    assert table[["model", "attempts"]].values.tolist() == [["sage:rate=5000", 2]]
