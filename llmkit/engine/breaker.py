"""The circuit breaker: stop asking a provider's model that fails again and again, then ask once, carefully.

Only faults of the provider count: never a user's interrupt, never a bad request. The clock is monotonic and
no lock is held while anybody waits (it lives on the I/O thread alone).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from llmkit.core import errors as e

_FAULTS = (e.TransportError, e.ServerError, e.Overloaded, e.StreamError)


class State(Enum):
    """What the breaker lets through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """One for each provider and model.

    >>> breaker = Breaker(threshold=1)
    >>> breaker.failed(e.ServerError("500")); breaker.state
    <State.OPEN: 'open'>
    """

    def __init__(
        self, *, threshold: int = 5, cooldown: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._threshold = threshold
        self._cooldown = cooldown
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    @property
    def state(self) -> State:
        """Closed: all pass. Open: none. Half-open: one probe."""
        if self._opened is None:
            return State.CLOSED
        if self._probing or self._clock() - self._opened >= self._cooldown:
            return State.HALF_OPEN
        return State.OPEN

    @property
    def failures(self) -> int:
        """Faults in a row, up to now."""
        return self._failures

    @property
    def retry_in(self) -> float:
        """Seconds until the next probe may go."""
        if self._opened is None:
            return 0.0
        return max(0.0, self._opened + self._cooldown - self._clock())

    @property
    def open(self) -> bool:
        """Would an attempt be turned away now?"""
        return self.state is State.OPEN or (self.state is State.HALF_OPEN and self._probing)

    def admit(self) -> bool:
        """May an attempt go now? In the half-open state only one is let through."""
        match self.state:
            case State.CLOSED:
                return True
            case State.OPEN:
                return False
            case State.HALF_OPEN:
                if self._probing:
                    return False
                self._probing = True
                return True

    def succeeded(self) -> None:
        """An attempt went well: closed again."""
        self._failures = 0
        self._opened = None
        self._probing = False

    def failed(self, error: e.LLMKitError) -> None:
        """An attempt failed; only a provider's fault counts."""
        if not isinstance(error, _FAULTS):
            self.withdrawn()
            return
        self._failures += 1
        if self._probing or self._failures >= self._threshold:
            self._opened = self._clock()
        self._probing = False

    def withdrawn(self) -> None:
        """An attempt ended without telling anything about the provider (it was stopped)."""
        self._probing = False
