"""Benchmarks: in turns, one at a time, warmed up, never from a cache, and honest about how little few calls tell."""

from __future__ import annotations

from itertools import pairwise

import pytest

import llmkit
from llmkit.errors import BadRequest, UnknownProvider
from llmkit.jobs.benchmark import name_at
from llmkit.models.catalogue import ModelFacts

QUICK = "bench:tokens=6,rate=0,ttft=0"
SLOW = "bench:tokens=6,rate=0,ttft=60"


@pytest.fixture
def session(simulator):
    """Two providers, "here" and "there", which are one simulator."""
    simulator.reset()
    place = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    return llmkit.Session({"providers": {"here": place, "there": place}})


def test_rounds_are_taken_in_turns_one_call_at_a_time_after_a_warm_up(session, simulator):
    bench = llmkit.benchmark(
        "x", via={"here": QUICK, "there": SLOW}, repeats=4, warmup=1, session=session, progress=False
    )
    seen = simulator.settled()
    assert len(seen) == (4 + 1) * 2
    assert all(before.ended <= after.started for before, after in pairwise(seen))
    asked = [entry.json["model"] for entry in seen]
    rounds = [asked[at : at + 2] for at in range(0, len(asked), 2)]
    assert all(set(one) == {QUICK, SLOW} for one in rounds)
    assert {one[0] for one in rounds} == {QUICK, SLOW}
    assert len(bench) == 8
    assert len(bench.warmups) == 2


def test_it_measures_what_differs_and_says_whether_that_is_chance(session):
    much_slower = "bench:tokens=6,rate=0,ttft=600"  # than a busy machine makes the other
    bench = llmkit.benchmark(
        "x", via={"here": much_slower, "there": QUICK}, repeats=6, session=session, progress=False
    )
    slow, quick = bench.summary().itertuples()
    assert slow.ttft_p50 >= 0.6 > quick.ttft_p50
    assert slow.ttft_low <= slow.ttft_p50 <= slow.ttft_high
    assert (slow.n, slow.ok, slow.error_rate) == (6, 6, 0.0)
    assert slow.error_high > 0.3
    assert bench.best(by="ttft") == f"there/{QUICK}"
    assert f"there/{QUICK} is ahead of here/{much_slower} by time to first token (6 wins, 0 losses" in str(
        bench
    )


def test_few_rounds_bound_nothing_and_it_says_so(session):
    bench = session.benchmark([f"here/{QUICK}", f"there/{SLOW}"], repeats=2, progress=False)
    assert bench.summary()[["ttft_low", "ttft_high"]].isna().all(axis=None)
    assert "is not significant" in str(bench)
    assert bench.plot("latency").table["calls"].tolist()


def test_what_fails_is_counted_with_its_interval_and_harms_no_other(session):
    bench = llmkit.benchmark(
        "x", via={"here": f"{QUICK}@status=401", "there": QUICK}, repeats=3, session=session, progress=False
    )
    bad, good = bench.summary().itertuples()
    assert (bad.ok, bad.error_rate, good.ok) == (0, 1.0, 3)
    assert 0 < bad.error_low < bad.error_high == 1.0


def test_nothing_is_answered_from_a_cache(session, simulator):
    session.cache = llmkit.Cache()
    for _ in range(2):
        llmkit.benchmark(f"here/{QUICK}", repeats=2, warmup=0, session=session, progress=False)
    assert simulator.attempts == 4


class TestNames:
    def known(self, session, *names):
        session.catalogue.learn([ModelFacts(provider="here", model=name) for name in names])
        return name_at(session, "llama-3.3-70b", "here")

    def test_a_provider_is_asked_for_its_list_where_the_name_is_not_known(self, session, simulator):
        bench = llmkit.benchmark(
            "sage", via=["here", "there"], repeats=1, warmup=0, session=session, progress=False
        )
        assert bench.models == ["here/sim/sage", "there/sim/sage"]
        assert any(entry.path.endswith("/models") for entry in simulator.settled())

    def test_the_one_name_that_has_all_parts_is_taken(self, session):
        assert self.known(session, "Llama-3.3-70B-Versatile", "llama-3.1-70b") == "Llama-3.3-70B-Versatile"

    def test_of_a_model_and_its_variants_the_model_is_taken(self, session):
        name = "meta-llama/llama-3.3-70b-instruct"
        assert self.known(session, f"{name}:free", name) == name

    def test_of_several_the_one_that_is_served_as_usual_is_taken(self, session):
        names = ["llama-3.3-70b-specdec", "llama-3.3-70b-versatile", "llama-3.3-70b-vision-instruct"]
        assert self.known(session, *names) == "llama-3.3-70b-versatile"

    def test_one_name_is_enough_for_groq_openrouter_and_together(self, simulator):
        lists = {
            "groq": ["llama-3.1-8b-instant", "llama-3.3-70b-specdec", "llama-3.3-70b-versatile"],
            "openrouter": ["meta-llama/llama-3.3-70b-instruct", "meta-llama/llama-3.3-70b-instruct:free"],
            "together": [f"meta-llama/Llama-3.3-70B-Instruct-Turbo{more}" for more in ("", "-Free")],
        }
        place = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
        session = llmkit.Session({"providers": dict.fromkeys(lists, place)})
        for provider, names in lists.items():
            session.catalogue.learn([ModelFacts(provider=provider, model=name) for name in names])
        bench = session.benchmark(
            "llama-3.3-70b", via=["groq", "openrouter", "together"], repeats=1, warmup=0, progress=False
        )
        assert bench.models == [
            "groq/llama-3.3-70b-versatile",
            "openrouter/meta-llama/llama-3.3-70b-instruct",
            "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
        ]

    def test_where_several_are_like_it_they_are_named(self, session):
        with pytest.raises(BadRequest, match="2 models like") as caught:
            self.known(session, "llama-3.3-70b-instruct-turbo", "llama-3.3-70b-versatile")
        assert 'via={"here": "llama-3.3-70b' in caught.value.hint

    def test_a_part_of_a_number_is_no_part(self, session):
        assert self.known(session, "llama-3.3-705b") == "llama-3.3-70b"

    def test_an_unknown_provider_is_refused(self, session, simulator):
        with pytest.raises(UnknownProvider):
            llmkit.benchmark("sage", via=["nowhere"], session=session)
        assert simulator.attempts == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"repeats": 0}, "repeats"),
        ({"warmup": -1}, "warmup"),
        ({"model": ["a", "b"], "via": ["here"]}, "one model"),
        ({"model": "here/sage", "temprature": 1}, "temperature"),
    ],
)
def test_what_is_not_clear_is_refused_before_anything_is_sent(session, simulator, given, said):
    with pytest.raises(BadRequest, match=said):
        llmkit.benchmark(**{"model": "here/sage", "session": session, "progress": False, **given})
    assert simulator.attempts == 0
