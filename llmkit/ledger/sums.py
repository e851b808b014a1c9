"""Sums over a frame of ``usage()``: exact in money, honest about what is unknown, the same however they are grouped.

A replay from the tape or the cache is an attempt, but it used no tokens and cost nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest
from llmkit.ledger.frame import KINDS, pandas
from llmkit.ledger.reader import FOREIGN, GUESSED, REPLAYED

if TYPE_CHECKING:
    import pandas as pd

SUMMED: Final = ("input", "output", "cache_read", "cache_write", "reasoning")
#: What a sum is made of; a reading that only sums reads no more than this.
NEEDED: Final = (*SUMMED, "cost", "currency", "usage_source", "estimated", "status")
#: The same for one currency in fewer columns, which is quicker; ``mixed`` tells where it is not enough.
QUICK: Final = (*SUMMED, "cost", "marks")
#: Stretches of time that rows can be grouped by, all in UTC.
TIMES: Final = ("hour", "day", "week", "month")

# Money is added as whole units of 10⁻¹² dollars, in two halves that floats hold without loss.
_FINE: Final = 10**12
_HALF: Final = 2**26
_FEW_CODES: Final = 2**20
_MOST_CODES: Final = 2**62  # beyond them an int64 begins anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """A sum over attempts. Every figure is the sum of what is known; what isn't is counted beside it.

    ``cost`` is ``None`` where not a single cost is known.
    """

    attempts: int
    input: int | None
    output: int | None
    cache_read: int | None
    cache_write: int | None
    reasoning: int | None
    cost: Decimal | None
    unpriced: int
    estimated: int
    unmetered: int
    currency: str = "USD"

    @property
    def complete(self) -> bool:
        """Is every attempt's cost known?"""
        return self.unpriced == 0

    def __str__(self) -> str:
        money = "unpriced" if self.cost is None else f"{self.cost.normalize():f} {self.currency}"
        if self.estimated and self.cost is not None:
            money = f"~{money}"
        counted = f"{self.attempts:,} attempt{'' if self.attempts == 1 else 's'}"
        unknown = (
            f", the cost of {self.unpriced:,} unknown" if self.unpriced and self.cost is not None else ""
        )
        return f"{money} for {counted}{unknown}"


def total(frame: pd.DataFrame) -> Total:
    """The sum over a frame of ``usage()``; exact in money.

    >>> from llmkit.ledger import Ledger
    >>> from llmkit.ledger.frame import usage
    >>> total(usage(Ledger.open(":memory:"))).attempts
    0
    """
    import numpy as np

    currency = _currency(frame)
    group = _Groups(np.zeros(len(frame), dtype="int64"), 1)
    sums = _sums(frame, group)
    figures: dict[str, Any] = {name: values[0] for name, values in sums.items()}
    if not len(frame):  # no attempts used and cost nothing, which is known
        figures |= dict.fromkeys(SUMMED, 0) | {"cost": Decimal(0)}
    return Total(**figures, currency=currency or "USD")


def by(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Sums by the values of some columns, the dearest first; attempts without such a value have a row too.

    "hour", "day", "week" and "month" (UTC) group by time, and come in its order. ``cost`` is NaN where no cost is
    known, and ``unpriced`` says how many are not in it.

    >>> from llmkit.ledger import Ledger
    >>> from llmkit.ledger.frame import usage
    >>> list(by(usage(Ledger.open(":memory:")), "model", "day").columns)[:3]
    ['model', 'day', 'attempts']
    """
    pd = pandas()
    columns = tuple(dict.fromkeys(columns))
    unknown = [name for name in columns if name not in frame.columns and name not in TIMES]
    if unknown or not columns:
        near = difflib.get_close_matches(unknown[0], [*KINDS, *TIMES], n=1) if unknown else []
        missing = f"The usage table has no such column{f'; did you mean {near[0]!r}?' if near else '.'}"
        raise BadRequest(
            f"Can't group by {', '.join(map(repr, unknown)) or 'nothing'}.",
            why=missing if unknown else "No column was named.",
            hint="Name columns of usage(), or hour, day, week, month: for example by('model', 'day').",
        )
    if "currency" not in columns:
        currency = _currency(frame)
    group, keys = _grouped(frame, columns)
    out = pd.DataFrame(keys)
    for name, values in _sums(frame, group).items():
        if name in columns:
            continue
        if name == "cost":
            out[name] = pd.Series([float("nan") if v is None else float(v) for v in values], dtype="float64")
        else:
            out[name] = pd.array(values, dtype="Int64")
    if "currency" not in columns:
        out["currency"] = pd.Series(currency or "USD", index=out.index, dtype="object")
    times = [name for name in columns if name in TIMES]
    if "cost" not in columns:
        ascending = [*([True] * len(times)), False]
        out = out.sort_values([*times, "cost"], ascending=ascending, na_position="last", kind="stable")
    return out.reset_index(drop=True)


def mixed(frame: pd.DataFrame) -> bool:
    """Are there costs in a frame of ``QUICK`` columns that are not in dollars?"""
    return bool((frame["marks"].to_numpy().astype("int64") & FOREIGN).any())


def periods(started: pd.Series[Any], unit: str) -> pd.Series[Any]:
    """The beginning (UTC) of the hour, day, week (Monday) or month that each moment is in."""
    match unit:
        case "hour" | "day":
            return started.dt.floor("h" if unit == "hour" else "D")
        case "week":
            days = started.dt.floor("D")
            return days - pandas().to_timedelta(days.dt.day_of_week, unit="D")
        case "month":
            days = started.dt.floor("D")
            return days - pandas().to_timedelta(days.dt.day - 1, unit="D")
        case _:
            raise BadRequest(f"There is no stretch of time called {unit!r}.", hint=f"Use {', '.join(TIMES)}.")


def exact_sums(costs: Any, codes: Any, count: int) -> tuple[list[Decimal | None], Any]:
    """The exact sums of floats that were Decimals, and how many are known, by group.

    The shortest text of a float64 is the Decimal it was made from, up to 15 digits: no cost has more.
    """
    import numpy as np

    known = ~np.isnan(costs)
    units = np.where(known, np.rint(np.where(known, costs, 0) * _FINE), 0)
    whole = known & (np.abs(units) < 2**53) & (units / _FINE == np.where(known, costs, 0))
    units = np.where(whole, units, 0).astype("int64")
    high = np.bincount(codes, weights=units // _HALF, minlength=count)
    low = np.bincount(codes, weights=units % _HALF, minlength=count)
    counted = np.bincount(codes, weights=known, minlength=count).astype("int64")
    sums = [Decimal(int(more) * _HALF + int(less)) / _FINE for more, less in zip(high, low, strict=True)]
    for at in np.flatnonzero(known & ~whole):
        sums[codes[at]] += Decimal(repr(float(costs[at])))
    return [value if n else None for value, n in zip(sums, counted, strict=True)], counted


@dataclass(frozen=True, slots=True)
class _Groups:
    codes: Any
    count: int


def _grouped(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[_Groups, dict[str, Any]]:
    """Which group each row is in, and the values that each group stands for."""
    import numpy as np

    pd = pandas()
    parts: dict[str, tuple[Any, Any]] = {}
    mixed, most = np.zeros(len(frame), dtype="int64"), 1
    for name in columns:
        series = frame[name] if name in frame.columns else periods(frame["started"], name)
        codes, values = pd.factorize(series, sort=True, use_na_sentinel=True)
        codes = np.where(codes < 0, len(values), codes).astype("int64")
        parts[name] = codes, pd.Series(values)
        if most * (len(values) + 1) > _MOST_CODES:
            found, mixed = _renumbered(mixed, most)
            most = len(found)
        mixed, most = mixed * (len(values) + 1) + codes, most * (len(values) + 1)
    found, inverse = _renumbered(mixed, most)
    one_of = np.zeros(len(found), dtype="int64")
    one_of[inverse] = np.arange(len(frame))
    keys = {
        name: level.reindex(codes[one_of]).reset_index(drop=True)  # one past the end is the unknown one: NaN
        for name, (codes, level) in parts.items()
    }
    return _Groups(inverse, len(found)), keys


def _renumbered(codes: Any, most: int) -> tuple[Any, Any]:
    """The different codes, sorted, and for each code its place among them."""
    import numpy as np

    if most > _FEW_CODES:
        return np.unique(codes, return_inverse=True)
    there = np.bincount(codes, minlength=most) > 0  # without sorting all of them
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]


def _sums(frame: pd.DataFrame, group: _Groups) -> dict[str, list[Any]]:
    import numpy as np

    codes, count = group.codes, group.count
    replayed, guessed = _marked(frame)

    def counted(rows: Any) -> Any:
        return np.bincount(codes, weights=rows, minlength=count).astype("int64")

    attempts = np.bincount(codes, minlength=count)
    sums: dict[str, list[Any]] = {"attempts": attempts.tolist()}
    unmetered = np.zeros(len(frame), dtype="bool")
    for name in SUMMED:
        values = frame[name].to_numpy(dtype="float64", na_value=np.nan)
        unknown = np.isnan(values)
        if name in ("input", "output"):
            unmetered |= unknown
        if unknown.all():
            values, any_known = np.zeros(count), counted(replayed)
        else:
            values, any_known = counted(np.where(unknown | replayed, 0, values)), counted(~unknown | replayed)
        sums[name] = [int(v) if n else None for v, n in zip(values, any_known, strict=True)]
    if "cost_exact" in frame.columns:
        sums["cost"], priced = _sums_of_decimals(frame["cost_exact"], codes, count)
    else:
        sums["cost"], priced = exact_sums(frame["cost"].to_numpy(dtype="float64"), codes, count)
    sums["unpriced"] = (attempts - priced).tolist()
    sums["estimated"] = counted(guessed).tolist()
    sums["unmetered"] = counted(unmetered).tolist()
    return sums


def _marked(frame: pd.DataFrame) -> tuple[Any, Any]:
    """Which rows are replays, and which have estimated figures."""
    if "marks" in frame.columns:
        marks = frame["marks"].to_numpy().astype("int64")
        return marks & REPLAYED > 0, marks & GUESSED > 0
    replayed = (frame["status"] == "cached").to_numpy()
    return replayed, (frame["estimated"] | (frame["usage_source"] == "estimated")).to_numpy()


def _sums_of_decimals(costs: pd.Series[Any], codes: Any, count: int) -> tuple[list[Decimal | None], Any]:
    import numpy as np

    sums: list[Decimal | None] = [None] * count
    for code, cost in zip(codes.tolist(), costs, strict=True):
        if cost is not None:
            sums[code] = (sums[code] or Decimal(0)) + cost
    return sums, np.bincount(codes, weights=costs.notna().to_numpy(), minlength=count).astype("int64")


def _currency(frame: pd.DataFrame) -> str | None:
    if "currency" not in frame.columns:
        return None
    found = sorted(set(frame["currency"].dropna().unique()))
    if len(found) > 1:
        raise BadRequest(
            f"The costs are in different currencies: {', '.join(found)}.",
            why="They can't be added.",
            hint="Group by currency, by('currency', ...), or filter for one.",
        )
    return found[0] if found else None
