"""What every attempt passes: the limiter of its provider, the breaker of its model, the retry budget.

They live on the I/O thread, so none of them needs a lock; a new thread (after a fork) gets new ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from llmkit.engine.breaker import Breaker
from llmkit.engine.limits import Limiter, Limits
from llmkit.engine.loop import IOThread
from llmkit.engine.retry import RetryBudget, RetryPolicy
from llmkit.engine.watch import Patience


class ThreadGates:
    """The gates of one session on one I/O thread, made when first passed."""

    def __init__(self, limits: Mapping[str, Limits]) -> None:
        self._limits = limits
        self._limiters: dict[str, Limiter] = {}
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._budgets: dict[str, RetryBudget] = {}

    def limiter(self, provider: str) -> Limiter:
        """How fast and how many at once, for a provider's key."""
        if provider not in self._limiters:
            self._limiters[provider] = Limiter(self._limits.get(provider))
        return self._limiters[provider]

    def breaker(self, provider: str, model: str) -> Breaker:
        """Whether a provider's model is worth asking just now."""
        return self._breakers.setdefault((provider, model), Breaker())

    def budget(self, provider: str) -> RetryBudget:
        """Whether retries are sensible just now."""
        return self._budgets.setdefault(provider, RetryBudget())


class Gates:
    """A session's policies, and their state on the running I/O thread."""

    def __init__(
        self,
        *,
        policy: RetryPolicy | None = None,
        patience: Patience | None = None,
        limits: Mapping[str, Limits] | None = None,
    ) -> None:
        self.policy = policy or RetryPolicy()
        self.patience = patience or Patience()
        self._limits = dict(limits or {})
        self._threads: WeakKeyDictionary[IOThread, ThreadGates] = WeakKeyDictionary()

    def on(self, thread: IOThread) -> ThreadGates:
        """The state on this thread. Called from that thread alone."""
        if thread not in self._threads:
            self._threads[thread] = ThreadGates(self._limits)
        return self._threads[thread]
