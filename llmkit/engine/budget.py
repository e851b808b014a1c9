"""Money that may be spent: checked against the worst case before a byte is sent, at every attempt.

A budget reserves what an attempt could cost at most and settles what it did cost, so that calls under way
count too. What an attempt may cost is found out in ``worst.py``; where money was spent is the ledger's
business; here it is only kept from being spent.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from llmkit.core.errors import BadRequest, BudgetExceeded

Unknown = Literal["warn", "refuse"]
_log = logging.getLogger("llmkit.budget")
THRESHOLDS = (Decimal("0.5"), Decimal("0.8"), Decimal(1))
#: Spans of time that nothing is counted for.
_UNCOUNTED = ("minute", "hour", "week", "month", "year")
_WRITTEN = re.compile(
    r"\$?\s*(?P<usd>[0-9]*\.?[0-9]+)\s*(?:usd|\$)?\s*(?:(?:/|per\s)\s*(?P<per>.+))?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Alert:
    """A share of a budget is used up. ``spent`` is what was spent when it was noticed."""

    budget: Budget
    share: Decimal
    spent: Decimal

    def __str__(self) -> str:
        return (
            f"{self.share:.0%} of the budget{self.budget.of} is spent: "
            f"{_usd(self.spent)} of {_usd(self.budget.limit)}."
        )


class Budget:
    """So many dollars. ``per`` is "session", "day" (UTC) or a tag; ``""`` for a block of code.

    ``unknown`` says what happens where a price is not known: "warn" once, or "refuse". Simulated calls
    don't count unless ``simulated=True``. ``on_alert`` is called at 50, 80 and 100 %, on the I/O thread.

    >>> budget = Budget("0.50")
    >>> held = budget.reserve(Decimal("0.20")); budget.settle(held, Decimal("0.05")); budget.left
    Decimal('0.45')
    """

    def __init__(
        self,
        usd: float | str | Decimal,
        *,
        per: str = "",
        unknown: Unknown = "warn",
        simulated: bool = False,
        on_alert: Callable[[Alert], object] | None = None,
        spent: Decimal = Decimal(0),
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self.limit = _dollars(usd)
        self.per = _span(per)
        if unknown not in ("warn", "refuse"):
            raise BadRequest(
                f"A budget can't treat unknown prices by {unknown!r}.", hint='Use unknown="warn" or "refuse".'
            )
        self.unknown: Unknown = unknown
        self.simulated = simulated
        self.warned = False
        self._idle_said = False
        self._on_alert = on_alert
        self._spent = spent
        self._reserved = Decimal(0)
        self._told: set[Decimal] = {share for share in THRESHOLDS if spent >= self.limit * share}
        self._today = today
        self._day = today()
        self._lock = threading.Lock()

    @classmethod
    def of_call(cls, given: float | str | Decimal | Budget | None) -> Budget | None:
        """What a caller gave as ``budget=``: dollars for that call or job alone, or a budget that others share."""
        return given if given is None or isinstance(given, Budget) else cls(given)

    @classmethod
    def parse(cls, written: str, *, per: str = "session") -> Budget:
        """A budget as people write it: ``0.50``, ``$2/day``, ``5 per session``, ``1/experiment-7``.

        >>> Budget.parse("2/day")
        <Budget a day: $0 of $2.00>
        """
        found = _WRITTEN.fullmatch(written.strip())
        if found is None:
            raise BadRequest(
                f"{written!r} is no budget.",
                hint="Write dollars, and for what: 0.50, 2/day, 5/session, 1/my-tag.",
            )
        return cls(found["usd"], per=found["per"] or per)

    @property
    def of(self) -> str:
        """What it is for, as it stands in a message: `` a day``, `` of this session``, or nothing."""
        match self.per:
            case "":
                return ""
            case "day":
                return " a day"
            case "session":
                return " of this session"
            case tag:
                return f" of tag {tag!r}"

    @property
    def spent(self) -> Decimal:
        """What was spent so far."""
        with self._lock:
            self._turn_the_page()
            return self._spent

    @property
    def held(self) -> Decimal:
        """What calls under way may cost at most."""
        return self._reserved

    @property
    def left(self) -> Decimal:
        """What may still be spent, calls under way counted at their worst."""
        with self._lock:
            self._turn_the_page()
            return self._left()

    def applies(self, tag: str | None) -> bool:
        """Does a call with that tag count?"""
        return self.per in ("", "session", "day") or self.per == tag

    def reserve(self, worst: Decimal | None, least: Decimal = Decimal(0)) -> Decimal:
        """Hold the worst case of an attempt; :class:`BudgetExceeded` if it does not fit. Where it is not known,
        ``least`` is what the attempt costs in any case: 0 without a price."""
        with self._lock:
            self._turn_the_page()
            if worst is None:
                self._check_left(least, f"costs {_usd(least)} or more")
                self._check_unknown(priced=least > 0)
                return Decimal(0)
            self._check_left(worst, f"could cost up to {_usd(worst)}")
            self._reserved += worst
            return worst

    def settle(self, held: Decimal, cost: Decimal | None) -> Alert | None:
        """Give back what was held and count what it cost; an unknown cost counts as the worst case.

        The alert is the result if a threshold was passed; ``on_alert`` was told then, and can't do harm.
        """
        with self._lock:
            self._turn_the_page()
            self._reserved -= held
            self._spent += held if cost is None else cost
            due = [s for s in THRESHOLDS if self._spent >= self.limit * s and s not in self._told]
            self._told.update(due)
            spent = self._spent
        if not due:
            return None
        alert = Alert(self, due[-1], spent)
        _log.warning("llmkit: %s", alert)
        if self._on_alert is not None:
            try:
                self._on_alert(alert)
            except Exception as error:  # noqa: BLE001 - somebody else's code, in the middle of a call
                _log.warning("llmkit: a budget's on_alert failed: %s", type(error).__name__)
        return alert

    def idle(self) -> bool:
        """A simulated call is about to go, which this budget neither holds nor counts. Is that still to be said?"""
        with self._lock:
            said, self._idle_said = self._idle_said, True
        return not (said or self.per or self.simulated)

    def at_least(self, spent: Decimal) -> None:
        """Somebody else (the ledger, read anew) knows of more spending than was seen here."""
        with self._lock:
            self._turn_the_page()
            self._spent = max(self._spent, spent)

    # -- within (all of it under the lock) ----------------------------------------------------

    def _left(self) -> Decimal:
        return self.limit - self._spent - self._reserved

    def _turn_the_page(self) -> None:
        if self.per == "day" and (today := self._today()) != self._day:
            self._day, self._spent = today, Decimal(0)
            self._told.clear()

    def _check_left(self, amount: Decimal, said: str) -> None:
        left = max(self._left(), Decimal(0))
        if amount > left:
            raise BudgetExceeded(
                f"This call {said}, and the budget{self.of} has {_usd(left)} left.",
                why=f"{_usd(self._spent)} of {_usd(self.limit)} is spent"
                + (f", {_usd(self._reserved)} is held by calls under way." if self._reserved else "."),
                hint="Nothing was sent. Set a lower max_tokens, a cheaper model or a larger budget.",
            )

    def _check_unknown(self, *, priced: bool) -> None:
        if self.unknown == "refuse":
            raise BudgetExceeded(
                f"The price of this call is not known, and the budget{self.of} refuses such calls.",
                why="The model has no price on the list, or the longest answer it may give is unknown.",
                hint='Nothing was sent. Set max_tokens, give a price of your own, or use unknown="warn".',
            )
        if not self.warned:
            self.warned = True
            _log.warning("llmkit: %s", self.unsure(priced=priced))

    def unsure(self, *, priced: bool) -> str:
        """What is said once where the worst case of a call is not known."""
        if priced:
            return (
                f"How long an answer may be is not known; the budget{self.of} counts it only when it is there. "
                "With max_tokens it is checked before."
            )
        return f"The price of a call is not known; the budget{self.of} can't count it."

    def __repr__(self) -> str:
        return f"<Budget{self.of}: {_usd(self.spent)} of {_usd(self.limit)}>"


def not_held(budgets: Iterable[Budget]) -> tuple[str, ...]:
    """What a simulated call's reply says of the budgets that were set for it alone, or for a block around it: once each.

    >>> tight = Budget("0.000001")
    >>> not_held([tight]), not_held([tight])
    (('The simulator costs nothing: the budget of $0.000001 holds back real calls only.',), ())
    """
    idle = [_usd(one.limit) for one in budgets if one.idle()]
    return (
        (f"The simulator costs nothing: the budget of {' and '.join(idle)} holds back real calls only.",)
        if idle
        else ()
    )


class Hold:
    """What one attempt holds of every budget that applies to it: of all or, if one refuses, of none."""

    __slots__ = ("_held", "_tell")

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._held: list[tuple[Budget, Decimal]] = []
        self._tell = tell

    def take(self, budgets: Iterable[Budget], worst: Decimal | None, least: Decimal = Decimal(0)) -> None:
        """Reserve; raises :class:`BudgetExceeded`, and then holds nothing."""
        try:
            for each in budgets:
                news = worst is None and not each.warned
                self._held.append((each, each.reserve(worst, least)))
                if news:
                    self._tell(each.unsure(priced=least > 0))
        except BudgetExceeded:
            for each, amount in self._held:
                each.settle(amount, Decimal(0))
            self._held.clear()
            raise

    def settle(self, cost: Decimal | None, *, simulated: bool) -> None:
        """Count what it did cost. Only the first time counts."""
        held, self._held = self._held, []
        for each, amount in held:
            alert = each.settle(amount, Decimal(0) if simulated and not each.simulated else cost)
            if alert is not None:
                self._tell(str(alert))


_active: ContextVar[tuple[Budget, ...]] = ContextVar("llmkit_budgets", default=())


def active() -> tuple[Budget, ...]:
    """The budgets of the ``with`` blocks around the caller."""
    return _active.get()


@contextmanager
def budget(
    usd: float | str | Decimal,
    *,
    unknown: Unknown = "warn",
    simulated: bool = False,
    on_alert: Callable[[Alert], object] | None = None,
) -> Iterator[Budget]:
    """A budget for everything called inside the block. A call that could cost more than is left is not sent.

    ``unknown="refuse"`` refuses calls whose price is not known, too; ``simulated=True`` counts simulated calls,
    which cost no money; ``on_alert`` is called at 50, 80 and 100 %.

    >>> with budget(usd=0.50) as held:
    ...     held.left
    Decimal('0.5')
    """
    made = Budget(usd, unknown=unknown, simulated=simulated, on_alert=on_alert)
    token = _active.set((*_active.get(), made))
    try:
        yield made
    finally:
        _active.reset(token)


def _span(per: str) -> str:
    """What a budget is for, if money is counted for that: as a tag's name, a week would never count anything."""
    per = per.strip()
    if per.lower().rstrip("s") in _UNCOUNTED:
        raise BadRequest(
            f"There is no budget per {per!r}.",
            why="Money is counted for a day (UTC), for a session, or for calls with a tag.",
            hint="Write 2/day, 5/session or 1/my-tag.",
        )
    return per.lower() if per.lower() in ("day", "session") else per


def _dollars(usd: float | str | Decimal) -> Decimal:
    try:
        limit = Decimal(str(usd))
    except InvalidOperation:
        limit = Decimal(0)
    if isinstance(usd, bool) or not limit.is_finite() or limit <= 0:
        raise BadRequest(f"A budget must be more than nothing, not {usd!r}.", hint="Write it in US dollars.")
    return limit


def _usd(amount: Decimal) -> str:
    """Enough digits to tell small sums apart.

    >>> _usd(Decimal("2")), _usd(Decimal("0.00012345"))
    ('$2.00', '$0.000123')
    """
    if amount == 0:
        return "$0"
    if abs(amount) >= 1:
        return f"${amount:.2f}"
    whole, _, digits = f"{amount:.{2 - amount.adjusted()}f}".partition(".")
    return f"${whole}.{digits.rstrip('0'):0<2}"
