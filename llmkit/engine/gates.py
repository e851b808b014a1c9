"""What every attempt passes: the limiter of its provider, the breaker of its model, the retry budget, and the
door to the ledger.

They live on the I/O thread, so none of them needs a lock; a new thread (after a fork) gets new ones.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from llmkit.engine.breaker import Breaker
from llmkit.engine.failover import Health
from llmkit.engine.limits import Limiter, Limits
from llmkit.engine.loop import IOThread
from llmkit.engine.retry import RetryBudget, RetryPolicy
from llmkit.engine.rows import RowWriter
from llmkit.engine.watch import Patience
from llmkit.ledger.store import Ledger
from llmkit.providers.tuning import Tuning


class ThreadGates:
    """The gates of one session on one I/O thread, made when first passed."""

    def __init__(
        self, limits: Mapping[str, Limits], breaker: Mapping[str, Any], alone: Callable[[], bool]
    ) -> None:
        self._alone = alone
        self._limits = limits
        self._breaker = breaker
        self._limiters: dict[str, Limiter] = {}
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._budgets: dict[str, RetryBudget] = {}
        self._rows: RowWriter | None = None

    def rows(self, ledger: Ledger) -> RowWriter:
        """Where the rows of attempts go."""
        if self._rows is None or self._rows.ledger is not ledger:
            self._rows = RowWriter(ledger, alone=self._alone)
        return self._rows

    def limiter(self, provider: str) -> Limiter:
        """How fast and how many at once, for a provider's key."""
        if provider not in self._limiters:
            self._limiters[provider] = Limiter(self._limits.get(provider))
        return self._limiters[provider]

    def breaker(self, provider: str, model: str) -> Breaker:
        """Whether a provider's model is worth asking just now."""
        key = (provider, model)
        if key not in self._breakers:
            self._breakers[key] = Breaker(**self._breaker)
        return self._breakers[key]

    def health(self, provider: str, model: str) -> Health:
        """How that model is doing. Makes nothing, so that other threads may ask as well."""
        limiter = self._limiters.get(provider)
        paused = 0.0 if limiter is None else limiter.paused
        breaker = self._breakers.get((provider, model))
        return Health(paused=paused) if breaker is None else Health.of(breaker, paused=paused)

    def budget(self, provider: str) -> RetryBudget:
        """Whether retries are sensible just now."""
        if provider not in self._budgets:
            self._budgets[provider] = RetryBudget()
        return self._budgets[provider]


class Gates:
    """A session's policies, and their state on the running I/O thread."""

    def __init__(
        self,
        *,
        policy: RetryPolicy | None = None,
        patience: Patience | None = None,
        limits: Mapping[str, Limits] | None = None,
        patiences: Mapping[str, Patience] | None = None,
        breaker: Mapping[str, Any] | None = None,
        attempts: Mapping[str, int] | None = None,
    ) -> None:
        self.policy = policy or RetryPolicy()
        self.patience = patience or Patience()
        self._limits = dict(limits or {})
        self._patiences = dict(patiences or {})
        self._breaker = dict(breaker or {})
        self._attempts = dict(attempts or {})
        self._threads: WeakKeyDictionary[IOThread, ThreadGates] = WeakKeyDictionary()

    @classmethod
    def tuned(cls, tuning: Tuning) -> Gates:
        """The policies that a config asks for."""
        return cls(
            policy=RetryPolicy(**tuning.retry),
            patience=Patience(**tuning.timeouts),
            limits={name: Limits(**set_) for name, set_ in tuning.limits.items()},
            patiences={name: Patience(**set_) for name, set_ in tuning.timeouts_of.items()},
            breaker=tuning.breaker,
            attempts=tuning.attempts_of,
        )

    def policy_for(self, provider: str) -> RetryPolicy:
        """How often a call to this provider is tried."""
        attempts = self._attempts.get(provider)
        return self.policy if attempts is None else replace(self.policy, attempts=attempts)

    def patience_for(self, provider: str) -> Patience:
        """How long this provider may be silent."""
        return self._patiences.get(provider, self.patience)

    def health(self, provider: str, model: str) -> Health:
        """How that model is doing, by what was seen of it here. May be asked from any thread."""
        state = self._threads.get(thread) if (thread := IOThread.running()) is not None else None
        return Health() if state is None else state.health(provider, model)

    def on(self, thread: IOThread) -> ThreadGates:
        """The state on this thread. Called from that thread alone."""
        if thread not in self._threads:
            # The thread is known by a weak reference alone, or this mapping would keep it.
            known = weakref.ref(thread)
            self._threads[thread] = ThreadGates(
                self._limits, self._breaker, lambda: (thread := known()) is not None and thread.calls < 2
            )
        return self._threads[thread]
