"""What the next days will cost if they are like the last ones: days drawn from the past, many times over.

The method is stated with the answer, and so is how little it stands on where that is little.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest
from llmkit.ledger.sums import by
from llmkit.ledger.words import attempts

if TYPE_CHECKING:
    import pandas as pd

#: How far back the past is looked at: eight whole weeks.
LOOK_BACK: Final = 56
_DRAWS: Final = 4000
_FEW: Final = 7
_ENOUGH_FOR_WEEKDAYS: Final = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Dollars for the next ``days`` days, and for the calendar month (UTC). ``low`` to ``high`` is the interval in
    which four of five futures lie; all are ``None`` where nothing is known of the past."""

    days: int
    expected: float | None
    low: float | None
    high: float | None
    month_spent: float
    month_expected: float | None
    month_low: float | None
    month_high: float | None
    history: int
    unpriced: int
    method: str
    note: str = ""

    def __str__(self) -> str:
        if self.expected is None:
            return self.note
        lines = [
            f"The next {self.days} days: ${self.expected:.2f} (80 %: ${self.low:.2f} to ${self.high:.2f}).",
            f"This month: ${self.month_spent:.2f} so far, ${self.month_expected:.2f} by its end "
            f"(80 %: ${self.month_low:.2f} to ${self.month_high:.2f}).",
            self.method,
        ]
        return "\n".join([*lines, self.note] if self.note else lines)

    def __repr__(self) -> str:
        return str(self)


def forecast(frame: pd.DataFrame, *, days: int = 30, now: datetime | None = None) -> Forecast:
    """Forecast from a usage table. Today is not whole yet, so it is not drawn from; it counts as spent."""
    import numpy as np

    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 3650:
        raise BadRequest(
            f"A forecast for {days!r} days makes no sense.", hint="A whole number from 1 to 3,650: days=30."
        )
    moment = datetime.now(UTC) if now is None else now.astimezone(UTC)
    today = moment.date()
    spent = _by_day(frame)
    month_spent = sum(
        cost for day, cost in spent.items() if (day.year, day.month) == (today.year, today.month)
    )
    unpriced = int(frame["cost"].isna().sum())
    past = [day for day in spent if day < today]
    known: dict[str, Any] = {"days": days, "month_spent": month_spent, "unpriced": unpriced}
    nothing: dict[str, Any] = dict.fromkeys(
        ("expected", "low", "high", "month_expected", "month_low", "month_high")
    )
    if not past or unpriced == len(frame):
        note = (
            f"There is nothing to forecast from: the cost of all {attempts(unpriced)} is unknown."
            if unpriced and unpriced == len(frame)
            else "There is no whole day in the ledger to forecast from yet."
        )
        return Forecast(**known, **nothing, history=0, method="", note=note)
    first = max(min(past), today - timedelta(days=LOOK_BACK))
    span = [first + timedelta(days=n) for n in range((today - first).days)]
    costs = np.array([spent.get(day, 0.0) for day in span])
    month_end = today.replace(day=calendar.monthrange(today.year, today.month)[1])
    ahead = [today + timedelta(days=n) for n in range(1, days + 1)]
    weekdays = len(span) >= _ENOUGH_FOR_WEEKDAYS
    draws = _draw(costs, span, ahead, by_weekday=weekdays)
    rest = _draw(
        costs,
        span,
        [today + timedelta(days=n) for n in range(1, (month_end - today).days + 1)],
        by_weekday=weekdays,
    )
    low, high = np.quantile(draws, [0.1, 0.9])
    month_low, month_high = np.quantile(rest, [0.1, 0.9]) + month_spent
    each = "of the same weekday " if weekdays else ""
    notes = []
    if len(span) < _FEW:
        notes.append(
            f"Only {len(span)} whole day{'s' if len(span) > 1 else ''} of history: take it as a guess."
        )
    if unpriced:
        notes.append(f"The cost of {attempts(unpriced)} is unknown and not in it.")
    return Forecast(
        **known,
        expected=float(draws.mean()),
        low=float(low),
        high=float(high),
        month_expected=float(rest.mean() + month_spent),
        month_low=float(month_low),
        month_high=float(month_high),
        history=len(span),
        method=f"Method: {_DRAWS:,} futures, each day of them drawn from the days {each}of the last {len(span)} (UTC), "
        "days without calls among them; the interval leaves out a tenth on each side.",
        note=" ".join(notes),
    )


def _by_day(frame: pd.DataFrame) -> dict[date, float]:
    table = by(frame, "day")
    return {
        day.date(): 0.0 if cost != cost else float(cost)  # noqa: PLR0124 - a day of unknown costs adds nothing known
        for day, cost in zip(table["day"], table["cost"], strict=True)
    }


def _draw(costs: Any, span: list[date], ahead: list[date], *, by_weekday: bool) -> Any:
    """The sums of many futures. The dice are the same every time: the same past has the same forecast."""
    import numpy as np

    dice = np.random.default_rng(20261120)
    sums = np.zeros(_DRAWS)
    for day in ahead:
        like = (
            costs[[at for at, past in enumerate(span) if past.weekday() == day.weekday()]]
            if by_weekday
            else costs
        )
        sums += dice.choice(like, size=_DRAWS)
    return sums
