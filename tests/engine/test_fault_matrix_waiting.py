"""The rows of the fault matrix about Retry-After: what is waited for, what is told at once, who is held back."""

from __future__ import annotations

import time

import pytest
from asking import MODEL, failure, rows, session

from llmkit.core import errors as e
from llmkit.core.events import Done, Retrying
from llmkit.sim import Simulator


@pytest.fixture
def sim(simulator: Simulator) -> Simulator:
    return simulator.reset()


TOO_LONG = ("3600", "61", "99999999999999999999", "1e300", "date:7200", "3600000ms")
NO_HEADER = ("nan", "-5", "junk", "past", "inf")


@pytest.mark.parametrize(
    ("value", "status", "kind"),
    [*((value, 429, e.RateLimited) for value in TOO_LONG), ("3600", 503, e.Overloaded), ("61", 500, e.ServerError)],
)  # fmt: skip
def test_f19_a_long_wait_is_told_at_once_instead_of_waited(
    sim: Simulator, value: str, status: int, kind: type[e.ProviderError]
) -> None:
    began = time.time()
    error = failure(sim, f"status={status}; retry-after={value}")
    assert isinstance(error, kind)
    assert error.hint.startswith("Ask again in ")
    assert sim.attempts == 1
    assert error.retry_at is not None
    assert error.retry_at > began + 55


@pytest.mark.parametrize("value", NO_HEADER)
def test_f19_a_wait_that_means_nothing_is_as_good_as_none(sim: Simulator, value: str) -> None:
    error = failure(sim, f"status=429; retry-after={value}")
    assert isinstance(error, e.RateLimited)
    assert sim.attempts == 3


@pytest.mark.parametrize("value", ["0.05", "50ms", "0", "0ms"])
def test_f18_a_short_wait_is_waited(sim: Simulator, value: str) -> None:
    here = session(sim.url, "chat", f"fails=429:1:{value}; retry-after={value}")
    events = list(here.stream("hello", model=MODEL, timeout=30))
    assert isinstance(events[-1], Done)
    (again,) = (event for event in events if isinstance(event, Retrying))
    assert again.delay == pytest.approx(0.05 if "5" in value else 0.0)
    assert sim.attempts == 2


@pytest.mark.parametrize("value", ["30", "30000ms", "date:30"])
def test_f18_a_wait_beyond_the_deadline_is_told_at_once(sim: Simulator, value: str) -> None:
    began = time.time()
    error = failure(sim, f"status=429; retry-after={value}", timeout=10)
    assert isinstance(error, e.RateLimited)  # and not DeadlineExceeded, ten seconds later
    assert sim.attempts == 1
    assert error.retry_at is not None
    assert began + 25 < error.retry_at < time.time() + 31


def test_f18_everybody_on_that_key_is_held_back(sim: Simulator) -> None:
    here = session(sim.url, "chat", "fails=429:1:all; retry-after=40")
    with pytest.raises(e.RateLimited):
        here.ask("hello", model=MODEL, timeout=10)
    with pytest.raises(e.RateLimited, match="left alone") as caught:
        here.ask("something else", model=MODEL, timeout=10)
    assert sim.attempts == 1
    assert caught.value.retry_at is not None
    (refused,) = (row for row in rows(here) if row["status"] == "refused")
    assert refused["cost_note"] == "nothing was sent"
