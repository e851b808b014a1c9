"""Whether to try again, and after how long. Plain objects: no I/O, no clock of their own.

The rules: only what may succeed the second time; as often as its class allows; never after the caller has
seen a token; never longer than asked, than a minute, or than the deadline; and not at all while most calls
fail anyway (the retry budget), so that an outage is not answered with a storm.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from llmkit.core import errors as e

#: How often each kind of failure is tried again at most. What may have been billed already is tried once;
#: what never reached a model, or was turned away before work began, twice.
_TIMES: Mapping[type[e.LLMKitError], int] = {
    e.ConnectError: 2,
    e.ConnectTimeout: 1,
    e.FirstByteTimeout: 0,
    e.IdleTimeout: 1,
    e.TransportError: 1,
    e.RateLimited: 2,
    e.ConflictError: 2,
    e.Overloaded: 2,
    e.ServerError: 2,
    e.TruncatedStream: 1,
    e.MalformedStream: 1,
}
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Full jitter: a random wait up to ``base × 2ⁿ``, at most ``cap``.

    >>> RetryPolicy(attempts=1).wait(1, e.Overloaded("busy")) is None
    True
    """

    attempts: int = 3
    base: float = 0.5
    cap: float = 8.0
    rng: random.Random = field(default_factory=random.Random, repr=False, compare=False)

    def wait(self, attempt: int, error: e.LLMKitError) -> float | None:
        """Seconds to wait before the next attempt; ``None`` for no further attempt.

        ``attempt`` is the number of the one that just failed, counted from 1.
        """
        if attempt >= self.attempts or not error.retryable or error.should_retry is False:
            return None
        if attempt > times(error):
            return None
        base = self.base * (2.0 if isinstance(error, e.Overloaded) else 1.0)
        backoff = self.rng.uniform(0, min(self.cap, base * 2 ** (attempt - 1)))
        if error.retry_after is None:
            return backoff
        if error.retry_after > _LONGEST_WAIT:
            return None
        return max(backoff, error.retry_after)


def times(error: e.LLMKitError) -> int:
    """How often this kind of failure may be tried again."""
    return next((n for kind in type(error).__mro__ if (n := _TIMES.get(kind)) is not None), 0)


class RetryBudget:
    """A bucket that failures empty and successes fill slowly; retries need it half full.

    >>> budget = RetryBudget()
    >>> for _ in range(5): budget.failed()
    >>> budget.allows()
    False
    """

    __slots__ = ("_level", "most")

    def __init__(self, most: float = 10.0) -> None:
        self.most = most
        self._level = most

    def allows(self) -> bool:
        """May a call be tried again just now?"""
        return self._level > self.most / 2

    def failed(self) -> None:
        """An attempt failed in a way that could have been retried."""
        self._level = max(0.0, self._level - 1.0)

    def succeeded(self) -> None:
        """An attempt went well."""
        self._level = min(self.most, self._level + 0.1)
