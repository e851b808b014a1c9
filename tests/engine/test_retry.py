"""Whether a failed attempt is followed by another, and after how long."""

from __future__ import annotations

import random

import pytest

from llmkit.core import errors as e
from llmkit.engine.retry import RetryBudget, RetryPolicy

POLICY = RetryPolicy(rng=random.Random(1))


@pytest.mark.parametrize(
    "error",
    [
        e.BadRequestError("400"),
        e.AuthError("401"),
        e.QuotaError("402"),
        e.ModelNotFound("404"),
        e.RequestTooLarge("413"),
        e.ContextLengthError("too long"),
        e.RedirectRefused("302"),
        e.TlsError("certificate"),
        e.Aborted("stopped"),
        e.DeadlineExceeded("late"),
        e.MidStreamError("broke off"),
        e.NotAStream("html"),
        e.FirstByteTimeout("may have been billed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_get_better_is_never_tried_again(error: e.LLMKitError) -> None:
    assert POLICY.wait(1, error) is None


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (e.ConnectError("refused"), 2),
        (e.ConnectTimeout("black hole"), 1),
        (e.RateLimited("429"), 2),
        (e.Overloaded("529"), 2),
        (e.ServerError("500"), 2),
        (e.ConflictError("409"), 2),
        (e.TruncatedStream("cut"), 1),
        (e.TransportError("reset"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_failure_is_tried_again_as_often_as_it_deserves(
    error: e.LLMKitError, times: int
) -> None:
    waits = [POLICY.wait(attempt, error) for attempt in (1, 2, 3)]
    assert [wait is not None for wait in waits] == [attempt <= times for attempt in (1, 2, 3)]


def test_the_wait_is_random_and_grows_up_to_the_cap() -> None:
    policy = RetryPolicy(attempts=20, base=1.0, cap=4.0, rng=random.Random(7))
    error = e.ServerError("500")
    first = [policy.wait(1, error) or 0.0 for _ in range(200)]
    second = [policy.wait(2, error) or 0.0 for _ in range(200)]
    assert len(set(first)) > 100
    assert max(first) <= 1.0 < max(second) <= 2.0


@pytest.mark.parametrize(
    ("asked", "expected"), [(5.0, 5.0), (60.0, 60.0), (60.1, None), (3600.0, None), (1e12, None)]
)
def test_retry_after_is_honoured_up_to_a_minute(asked: float, expected: float | None) -> None:
    assert POLICY.wait(1, e.RateLimited("429", retry_after=asked)) == expected


def test_a_short_retry_after_does_not_shorten_the_backoff_below_itself() -> None:
    waits = [POLICY.wait(1, e.RateLimited("429", retry_after=0.2)) or 0.0 for _ in range(50)]
    assert min(waits) >= 0.2


def test_the_servers_no_is_always_obeyed() -> None:
    assert POLICY.wait(1, e.ServerError("500", should_retry=False)) is None


def test_the_servers_yes_does_not_make_a_bad_request_good() -> None:
    assert POLICY.wait(1, e.BadRequestError("400", should_retry=True)) is None


def test_an_outage_empties_the_budget_and_successes_fill_it_slowly() -> None:
    budget = RetryBudget()
    for _ in range(4):
        budget.failed()
    assert budget.allows()
    budget.failed()
    assert not budget.allows()
    for _ in range(10):
        budget.succeeded()
    assert budget.allows()


def test_the_budget_never_leaves_its_bounds() -> None:
    budget = RetryBudget(most=2.0)
    for _ in range(50):
        budget.failed()
    for _ in range(11):
        budget.succeeded()
    assert budget.allows()
    for _ in range(1000):
        budget.succeeded()
    budget.failed()
    assert not budget.allows()
