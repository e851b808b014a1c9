"""The ledger as numbers: a DataFrame with one row for each attempt, and sums that admit what is unknown.

Filters run in SQL (``query.py``). Pictures of the frame, and prices over time, live elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest, MissingPackage
from llmkit.ledger.query import Filter, Moment, Names
from llmkit.ledger.schema import STATUSES
from llmkit.ledger.store import Ledger

if TYPE_CHECKING:
    import pandas as pd

_CATEGORIES = (
    "session",
    "notebook",
    "cell",
    "tag",
    "provider",
    "model",
    "model_served",
    "status",
    "stop_reason",
    "cost_source",
    "usage_source",
    "service_tier",
    "route",
    "endpoint",
    "error_kind",
    "currency",
)
_COUNTS = (
    "attempt",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "input_audio",
    "output_audio",
    "input_image",
    "output_image",
    "web_searches",
    "bytes_in",
    "bytes_out",
)
_SECONDS = ("ttft", "duration")
_BOOLEANS = ("estimated", "simulated")
#: The columns of the frame, in the order people read them.
COLUMNS = (
    "started",
    "session",
    "notebook",
    "cell",
    "tag",
    "provider",
    "model",
    "status",
    "attempt",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "cost",
    "cost_source",
    "usage_source",
    "ttft",
    "duration",
    "simulated",
    "estimated",
    "stop_reason",
    "model_served",
    "service_tier",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "output_audio",
    "input_image",
    "output_image",
    "web_searches",
    "currency",
    "cost_note",
    "price_date",
    "route",
    "endpoint",
    "error_kind",
    "error",
    "call",
    "id",
    "request_id",
    "response_id",
    "bytes_in",
    "bytes_out",
    "prompt_hash",
)
_SUMMED = ("input", "output", "cache_read", "cache_write", "reasoning")


def usage(
    store: Ledger,
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    session: Names | None = None,
    notebook: Names | None = None,
    cell: Names | None = None,
    tag: Names | None = None,
    provider: Names | None = None,
    model: Names | None = None,
    status: Names | None = None,
    simulated: bool = False,
    exact: bool = False,
) -> pd.DataFrame:
    """One row for each attempt, in the order they began.

    Times are UTC, token counts nullable integers, ``cost`` a float with NaN where it is unknown;
    ``exact=True`` adds ``cost_exact`` with Decimals. Simulated attempts only with ``simulated=True``.

    >>> frame = usage(Ledger.open(":memory:"))
    >>> len(frame), str(frame["input"].dtype)
    (0, 'Int64')
    """
    wanted = Filter(
        since=since,
        until=until,
        session=session,
        notebook=notebook,
        cell=cell,
        tag=tag,
        provider=provider,
        model=model,
        status=status,
        simulated=simulated,
    )
    return _frame(store.columns(wanted), exact=exact)


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
        counted = f"{self.attempts} attempt{'' if self.attempts == 1 else 's'}"
        unknown = f", the cost of {self.unpriced} unknown" if self.unpriced and self.cost is not None else ""
        return f"{money} for {counted}{unknown}"


def total(frame: pd.DataFrame) -> Total:
    """The sum over a frame of :func:`usage`; exact in money.

    >>> total(usage(Ledger.open(":memory:"))).attempts
    0
    """
    currencies = sorted(set(frame["currency"].dropna()))
    if len(currencies) > 1:
        raise BadRequest(
            f"The costs are in different currencies: {', '.join(currencies)}.",
            why="They can't be added.",
            hint="Group by currency: by(frame, 'currency').",
        )
    costs = _decimals(frame)
    known = [cost for cost in costs if cost is not None]
    return Total(
        attempts=len(frame),
        **{name: _sum(frame[name]) for name in _SUMMED},
        cost=sum(known, Decimal(0)) if known or not costs else None,
        unpriced=len(costs) - len(known),
        estimated=int((frame["estimated"] | (frame["usage_source"] == "estimated")).sum()),
        unmetered=int((frame["input"].isna() | frame["output"].isna()).sum()),
        currency=currencies[0] if currencies else "USD",
    )


def by(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Sums by the values of some columns, the dearest first; attempts without such a value have a row too.

    ``cost`` is NaN where no cost is known, and ``unpriced`` says how many are not in it.

    >>> list(by(usage(Ledger.open(":memory:")), "model").columns)[:2]
    ['model', 'attempts']
    """
    pd = _pandas()
    unknown = [name for name in columns if name not in frame.columns]
    if unknown or not columns:
        raise BadRequest(
            f"Can't group by {', '.join(unknown) or 'nothing'}.",
            why="The frame has no such column." if unknown else "No column was named.",
            hint="Name columns of the frame, for example by(frame, 'model') or by(frame, 'tag', 'status').",
        )
    figures = ("attempts", *_SUMMED, "cost", "unpriced", "estimated", "unmetered", "currency")
    records = []
    for values, part in _groups(frame, columns):
        sums = total(part)
        record = dict(zip(columns, values, strict=True))
        record |= {name: getattr(sums, name) for name in figures if name not in columns}
        records.append(record)
    names = [*columns, *(name for name in figures if name not in columns)]
    out = pd.DataFrame.from_records(records, columns=names)
    for name in ("attempts", *_SUMMED, "unpriced", "estimated", "unmetered"):
        if name not in columns:
            out[name] = out[name].astype("Int64")
    if "cost" not in columns:
        out["cost"] = out["cost"].map(_float).astype("float64")
        out = out.sort_values("cost", ascending=False, na_position="last", kind="stable")
    return out.reset_index(drop=True)


def _groups(frame: pd.DataFrame, columns: Sequence[str]) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    grouped = frame.groupby(list(columns), observed=True, dropna=False, sort=True)
    return [(values, part) for values, part in grouped]


def _frame(found: dict[str, list[Any]], *, exact: bool) -> pd.DataFrame:
    pd = _pandas()
    short, long = found["cache_write_5m"], found["cache_write_1h"]
    written = [_known_sum(*pair) for pair in zip(short, long, strict=True)]
    costs = [None if text is None else Decimal(text) for text in found["cost"]]
    columns = {name: _column(name, values) for name, values in (found | {"cache_write": written}).items()}
    columns["cost"] = pd.Series([_float(cost) for cost in costs], dtype="float64")
    frame = pd.DataFrame({name: columns[name] for name in COLUMNS})
    if exact:
        frame["cost_exact"] = pd.Series(costs, dtype="object")
    return frame


def _column(name: str, values: list[Any]) -> pd.Series[Any]:
    pd = _pandas()
    if name == "started":
        return pd.Series(pd.to_datetime(values, unit="s", utc=True)).astype("datetime64[us, UTC]")
    if name == "status":
        return pd.Series(pd.Categorical(values, categories=list(STATUSES)))
    if name in _CATEGORIES:
        return pd.Series(pd.Categorical(values, categories=sorted({v for v in values if v is not None})))
    if name in _COUNTS:
        return pd.Series(values, dtype="Int64")
    if name in _SECONDS:
        return pd.Series(values, dtype="float64")
    if name in _BOOLEANS:
        return pd.Series([bool(value) for value in values], dtype="bool")
    return pd.Series(values, dtype="string")


def _decimals(frame: pd.DataFrame) -> list[Decimal | None]:
    if "cost_exact" in frame.columns:
        return list(frame["cost_exact"])
    # The shortest text of a float64 is the Decimal it was made from, up to 15 digits: no cost has more.
    return [None if math.isnan(value) else Decimal(repr(value)) for value in frame["cost"].tolist()]


def _sum(counts: pd.Series[Any]) -> int | None:
    known = counts.dropna()
    return int(known.sum()) if len(known) or not len(counts) else None


def _known_sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _float(value: Decimal | None) -> float:
    return float("nan") if value is None else float(value)


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise MissingPackage(
            "The usage table needs pandas.",
            why="It is not installed.",
            hint='Install it with: pip install "llmkit[data]"',
        ) from None
    return pd
