"""The budgets of a session: which there are, which apply to a call, what the ledger knows was spent.

What a budget does lives in ``budget.py``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from llmkit.core.errors import LLMKitError
from llmkit.engine.budget import Alert, Budget, Unknown, active
from llmkit.ledger.allowance import Allowance
from llmkit.ledger.query import Filter
from llmkit.ledger.store import Ledger

#: How old the ledger's figure for today may be: other kernels spend from the same day.
_FRESH_SECONDS = 10.0


class Purse:
    """At most one budget for the session, one for the day and one for each tag."""

    def __init__(self, ledger: Callable[[], Ledger], clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._budgets: dict[str, Budget] = {}
        self._read: float | None = None
        self._lock = threading.Lock()

    @property
    def budgets(self) -> list[Budget]:
        """All of them, in the order in which they were set."""
        with self._lock:
            found = list(self._budgets.values())
        for budget in found:
            if budget.per == "day":
                self._refresh(budget)
        return found

    def set(
        self,
        usd: float | str | Decimal,
        *,
        per: str = "session",
        unknown: Unknown = "warn",
        simulated: bool = False,
        on_alert: Callable[[Alert], object] | None = None,
    ) -> Budget:
        """Set the budget for that, in place of the one before. What was spent before stays spent."""
        budget = Budget(usd, per=per, unknown=unknown, simulated=simulated, on_alert=on_alert)
        with self._lock:  # in one go: calls of other threads are never without one
            if (before := self._budgets.pop(budget.per, None)) is not None:
                budget.at_least(before.spent)
            self._read = None
            self._budgets[budget.per] = budget
        return budget

    def remove(self, per: str) -> None:
        """Take the budget for that away; nothing happens if there is none."""
        with self._lock:
            self._budgets.pop(per, None)

    def allowances(self, session: str) -> list[Allowance]:
        """The same as values: what the ledger's readings show. ``session`` is whose session it is."""
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        found = []
        for budget in self.budgets:
            daily, own = budget.per == "day", budget.per == "session"
            found.append(
                Allowance(
                    name=budget.per,
                    limit=budget.limit,
                    spent=budget.spent,
                    held=budget.held,
                    since=today if daily else None,
                    resets=today + timedelta(days=1) if daily else None,
                    session=session if own else None,
                    tag=None if daily or own else budget.per,
                    simulated=budget.simulated,
                )
            )
        return found

    def applying(self, tag: str | None) -> tuple[Budget, ...]:
        """Those that count a call with that tag: the session's, and those of the blocks around."""
        if not self._budgets:
            return active()
        return (*active(), *(budget for budget in self.budgets if budget.applies(tag)))

    def _refresh(self, budget: Budget) -> None:
        now = self._clock()
        with self._lock:
            if self._read is not None and now - self._read < _FRESH_SECONDS:
                return
            self._read = now
        ledger = self._ledger()
        if ledger.resting:
            return
        try:
            spent = spent_today(ledger, simulated=budget.simulated)
        except (
            LLMKitError
        ):  # the team's server is away, as the ledger's notice says; what is known here still counts
            return
        budget.at_least(spent)


def spent_today(ledger: Ledger, *, simulated: bool = False) -> Decimal:
    """Dollars that the ledger has for today (UTC), by all kernels that write to it."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    columns = ledger.columns(Filter(since=midnight, simulated=simulated), ("cost", "currency"))
    return sum(
        (
            Decimal(cost)
            for cost, currency in zip(columns["cost"], columns["currency"], strict=True)
            if cost is not None and currency == "USD"
        ),
        Decimal(0),
    )
