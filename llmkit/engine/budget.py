"""Money that may be spent: checked against the worst case before a byte is sent, at every attempt.

A budget reserves what an attempt could cost at most and settles what it did cost, so that calls under way
count too. Where money was spent is the ledger's business; here it is only kept from being spent.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from llmkit.core.errors import BadRequest, BudgetExceeded

Unknown = Literal["warn", "refuse"]
_log = logging.getLogger("llmkit.budget")
THRESHOLDS = (Decimal("0.5"), Decimal("0.8"), Decimal(1))


@dataclass(frozen=True, slots=True)
class Alert:
    """A share of a budget is used up."""

    budget: Budget
    share: Decimal

    def __str__(self) -> str:
        return f"{self.share:.0%} of the budget{self.budget.of} is spent: ${self.budget.spent:.4f} of ${self.budget.limit}."


class Budget:
    """So many dollars. ``unknown`` says what happens where a price is not known: warn once, or refuse.

    >>> budget = Budget("0.50")
    >>> held = budget.reserve(Decimal("0.20")); budget.settle(held, Decimal("0.05")); budget.left
    Decimal('0.45')
    """

    def __init__(
        self,
        usd: float | str | Decimal,
        *,
        name: str = "",
        unknown: Unknown = "warn",
        simulated: bool = False,
        on_alert: Callable[[Alert], object] | None = None,
        spent: Decimal = Decimal(0),
    ) -> None:
        limit = Decimal(str(usd))
        if not limit > 0:
            raise BadRequest(
                f"A budget must be more than nothing, not {usd!r}.", hint="Write it in US dollars."
            )
        self.limit = limit
        self.name = name
        self.unknown: Unknown = unknown
        self.simulated = simulated
        self.warned = False
        self._on_alert = on_alert
        self._spent = spent
        self._reserved = Decimal(0)
        self._told: set[Decimal] = set()
        self._lock = threading.Lock()

    @property
    def of(self) -> str:
        """`` of <name>`` for messages, or nothing."""
        return f" of {self.name}" if self.name else ""

    @property
    def spent(self) -> Decimal:
        """What was spent so far."""
        return self._spent

    @property
    def left(self) -> Decimal:
        """What may still be spent, calls under way counted at their worst."""
        return self.limit - self._spent - self._reserved

    def reserve(self, worst: Decimal | None) -> Decimal:
        """Hold the worst case of an attempt; :class:`BudgetExceeded` if it does not fit."""
        with self._lock:
            if worst is None:
                self._check_unknown()
                return Decimal(0)
            if worst > self.left:
                raise BudgetExceeded(
                    f"This call could cost up to ${worst:.4f}, and the budget{self.of} has ${max(self.left, 0):.4f} left.",
                    why=f"${self._spent:.4f} of ${self.limit} is spent"
                    + (f", ${self._reserved:.4f} is held by calls under way." if self._reserved else "."),
                    hint="Nothing was sent. Set a lower max_tokens, a cheaper model or a larger budget.",
                )
            self._reserved += worst
            return worst

    def settle(self, held: Decimal, cost: Decimal | None) -> None:
        """Give back what was held and count what it cost; an unknown cost counts as the worst case."""
        with self._lock:
            self._reserved -= held
            self._spent += held if cost is None else cost
            due = [s for s in THRESHOLDS if self._spent >= self.limit * s and s not in self._told]
            self._told.update(due)
        if due:
            alert = Alert(self, due[-1])
            _log.warning("llmkit: %s", alert)
            if self._on_alert is not None:
                self._on_alert(alert)

    def _check_unknown(self) -> None:
        if self.unknown == "refuse":
            raise BudgetExceeded(
                f"The price of this model is not known, and the budget{self.of} refuses such calls.",
                hint='Nothing was sent. Give the price in the configuration, or use unknown="warn".',
            )
        if not self.warned:
            self.warned = True
            _log.warning("llmkit: a model's price is not known; the budget%s can't count it.", self.of)

    def __repr__(self) -> str:
        return f"<Budget{self.of}: ${self.spent:.4f} of ${self.limit}>"


_active: ContextVar[tuple[Budget, ...]] = ContextVar("llmkit_budgets", default=())


def active() -> tuple[Budget, ...]:
    """The budgets of the ``with`` blocks around the caller."""
    return _active.get()


@contextmanager
def budget(usd: float | str | Decimal, **more: object) -> Iterator[Budget]:
    """A budget for everything called inside the block.

    >>> with budget(usd=0.50) as held:
    ...     held.left
    Decimal('0.5')
    """
    made = Budget(usd, **more)  # type: ignore[arg-type]  # the keywords of Budget
    token = _active.set((*_active.get(), made))
    try:
        yield made
    finally:
        _active.reset(token)
