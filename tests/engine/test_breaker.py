"""The circuit breaker counts the provider's faults and nothing else."""

from __future__ import annotations

import pytest

from llmkit.core import errors as e
from llmkit.engine.breaker import Breaker, State


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(threshold=5, cooldown=30, clock=clock)
    for _ in range(5):
        assert breaker.admit()
        breaker.failed(e.ServerError("500"))
    return breaker


def test_it_opens_after_five_faults_in_a_row_and_lets_nothing_through() -> None:
    breaker = opened(Clock())
    assert breaker.state is State.OPEN
    assert not any(breaker.admit() for _ in range(50))
    assert breaker.retry_in == 30


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = Breaker(threshold=2)
    breaker.failed(e.Overloaded("529"))
    breaker.succeeded()
    breaker.failed(e.Overloaded("529"))
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize(
    "error",
    [
        e.Aborted("stop"),
        e.BadRequestError("400"),
        e.AuthError("401"),
        e.RateLimited("429"),
        e.DeadlineExceeded("late"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_not_the_providers_fault_never_opens_it(error: e.LLMKitError) -> None:
    breaker = Breaker(threshold=1)
    for _ in range(100):
        assert breaker.admit()
        breaker.failed(error)
    assert breaker.state is State.CLOSED


def test_after_the_cooldown_exactly_one_of_fifty_is_let_through() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 30
    assert breaker.state is State.HALF_OPEN
    assert sum(breaker.admit() for _ in range(50)) == 1


def test_a_good_probe_closes_it_and_a_bad_one_opens_it_for_another_cooldown() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 30
    assert breaker.admit()
    breaker.failed(e.ServerError("500"))
    assert breaker.state is State.OPEN
    clock.now += 30
    assert breaker.admit()
    breaker.succeeded()
    assert breaker.state is State.CLOSED


def test_a_probe_that_is_stopped_makes_room_for_the_next() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 30
    assert breaker.admit()
    breaker.withdrawn()
    assert breaker.admit()
