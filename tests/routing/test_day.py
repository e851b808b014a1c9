"""A day of ten thousand requests over four providers with bad hours: the promised figures, on a virtual clock."""

from __future__ import annotations

import pytest

from benchmarks.routing import Day
from benchmarks.routing_day import requests
from benchmarks.routing_plot import draw
from llmkit.engine.breaker import Breaker
from llmkit.engine.failover import Course


@pytest.fixture(scope="module")
def day():
    return Day(seed=7).run(requests(10_000, 7))


FIGURES = (
    "success where some provider is up",
    "p95 seconds that a failover adds to the first failure",
    "cost against the oracle's",
    "retries in a full outage, by request",
    "half-open probes at one time",
)


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_holds(day, figure):
    value, limit, good = day.figures()[figure]
    assert good, f"{figure}: {value} against {limit}"


def test_there_was_something_to_survive(day):
    assert set(day.figures()) == set(FIGURES)
    assert sum(one.added is not None for one in day.outcomes) > 200
    assert day.probes > 50
    assert any(one.answered_by is None for one in day.outcomes), "nobody answers while all are down"


def test_without_moving_on_the_success_would_be_missed(monkeypatch):
    monkeypatch.setattr(Course, "_another", lambda self, **_: None)
    monkeypatch.setattr(Course, "refuge", property(lambda self: True))
    day = Day().run(requests(2_000, 1))
    assert not day.figures()["success where some provider is up"][2]


def test_without_breakers_the_retries_would_be_a_storm(monkeypatch):
    monkeypatch.setattr(Breaker, "failed", lambda self, error: None)
    day = Day().run(requests(3_000, 1))
    assert not day.figures()["retries in a full outage, by request"][2]


def test_the_same_seed_is_the_same_day():
    one, two = (Day(seed=3).run(requests(300, 3)) for _ in range(2))
    assert [o.answered_by for o in one.outcomes] == [o.answered_by for o in two.outcomes]
    assert [o.cost for o in one.outcomes] == [o.cost for o in two.outcomes]


def test_the_picture_of_the_day_names_everybody(day, tmp_path):
    draw(day, str(tmp_path / "day.svg"))
    drawn = (tmp_path / "day.svg").read_text("utf-8")
    assert drawn.startswith("<svg ")
    assert all(name.partition("/")[0] in drawn for name in day.providers)
    assert "no answer" in drawn
