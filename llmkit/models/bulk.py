"""The prices of many calls at once: the same figures as ``prices.cost_of`` gives one by one, by arithmetic on arrays.

Calls of one model, tier and step of its price share their rates (``rates.py``); the rest is multiplication, in
whole units of 10⁻¹² dollars, so that nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from llmkit.models.pricelist import steps
from llmkit.models.prices import Overrides
from llmkit.models.rates import CLASSES, rates_or_reason

if TYPE_CHECKING:
    import pandas as pd

_FINE: Final = 10**6  # a dollar for a million tokens is so many units of 10⁻¹² dollars for one
_MOST: Final = 10**9  # more tokens than any call has; beyond it whole units might overflow
#: A part can't be more than its whole, whatever a server says.
_WHOLES: Final = {name: whole for name, whole in CLASSES.items() if whole is not None}
_PROMPT: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
_NAMES: Final = ("provider", "model", "asked", "endpoint", "service_tier")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Priced:
    """The costs of many calls: dollars, NaN where unknown; and why, by the name of the model.

    ``estimated`` marks costs that are good guesses (a list price at an unknown address, say).
    """

    cost: Any
    estimated: Any
    reasons: Mapping[str, int]


def price_many(
    frame: pd.DataFrame,
    *,
    provider: str | None = None,
    model: str | None = None,
    at: datetime | None = None,
    overrides: Overrides | None = None,
    by_endpoint: bool = True,
) -> Priced:
    """Price the rows of a usage table, each as of the moment of its call.

    ``provider`` and ``model`` price all of them as if that model had answered; ``at`` as if now were then.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"input": [1000, None], "output": [500, 1]})
    >>> now = datetime(2026, 11, 20, tzinfo=UTC)
    >>> price_many(rows, provider="anthropic", model="claude-sonnet-5-5", at=now).cost.tolist()
    [0.007, nan]
    """
    import numpy as np

    size = len(frame)
    counts, known = _counts(frame)
    prompt = sum(counts[name] for name in _PROMPT)
    units = np.zeros(size, dtype="int64")
    estimated = np.zeros(size, dtype="bool")
    reasons: dict[str, int] = {}
    odd: dict[int, float] = {}  # what doesn't fit the units, one by one
    longest = np.maximum.reduce(list(counts.values()))
    if missing := int((~known).sum()):
        reasons["The number of input or output tokens is unknown."] = missing
    when = (
        None
        if at is not None
        else frame["started"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    )
    for names, alike in _kinds(frame, provider, model, by_endpoint=by_endpoint):
        rows = alike[known[alike]]
        served, asked = names["model"] or names["asked"] or "", names["asked"]
        edges = [
            steps(names["provider"] or "", name, names["endpoint"]) for name in {served, asked or served}
        ]
        limits = np.array(sorted({n for edge in edges for n in edge.tokens}), dtype="int64")
        for moment, part in _moments(rows, when, at, edges):
            length = np.searchsorted(limits, prompt[part], side="left")
            for tier in np.unique(length):
                chosen = part[length == tier]
                rates, why = rates_or_reason(
                    names["provider"] or "",
                    served,
                    at=moment,
                    asked=asked,
                    base_url=names["endpoint"],
                    service_tier=names["service_tier"],
                    overrides=overrides,
                    prompt=int(limits[tier - 1]) if tier else 0,
                )
                if rates is None:
                    known[chosen] = False
                    reasons[why] = reasons.get(why, 0) + len(chosen)
                    continue
                estimated[chosen] = rates.estimated
                small = chosen if all(rate * _FINE % 1 == 0 for rate in rates.values()) else chosen[:0]
                small = small[longest[small] <= _MOST]
                for name, rate in rates.items():
                    if rate:
                        units[small] += counts[name][small] * int(rate * _FINE)
                for row in np.setdiff1d(chosen, small, assume_unique=True):
                    exact = sum(rate * int(counts[name][row]) for name, rate in rates.items())
                    odd[int(row)] = float(exact / 10**6)
    cost = np.where(known, units / 10**12, np.nan)
    cost[list(odd)] = list(odd.values())
    return Priced(cost, estimated & known, reasons)


def _counts(frame: pd.DataFrame) -> tuple[dict[str, Any], Any]:
    import numpy as np

    known = np.ones(len(frame), dtype="bool")
    counts: dict[str, Any] = {}
    for name in CLASSES:
        if name not in frame.columns:
            counts[name] = np.zeros(len(frame), dtype="int64")
            continue
        column = frame[name]
        if name in ("input", "output"):
            known &= column.notna().to_numpy()
        counts[name] = column.fillna(0).to_numpy(dtype="int64")
    for part, whole in _WHOLES.items():
        counts[part] = np.minimum(counts[part], counts[whole])
    return counts, known


def _kinds(
    frame: pd.DataFrame, provider: str | None, model: str | None, *, by_endpoint: bool
) -> Sequence[tuple[dict[str, str | None], Any]]:
    """Rows whose price is worked out alike, but for the moment and the length."""
    import numpy as np
    import pandas as pd

    # In the ledger `model` is the name asked for; the name that served the call comes first.
    sources = {"provider": "provider", "model": "model_served", "asked": "model", "endpoint": "endpoint"}
    fixed: dict[str, str | None] = {}
    if model is not None:
        fixed = {"provider": provider, "model": model, "asked": None, "endpoint": None}
    if not by_endpoint:
        fixed.setdefault("endpoint", None)
    mixed = np.zeros(len(frame), dtype="int64")
    levels: dict[str, Any] = {}
    for name in _NAMES:
        column = sources.get(name, name)
        if name in fixed or column not in frame.columns:
            continue
        codes, values = pd.factorize(frame[column])
        levels[name] = (codes, [*values, None])
        mixed = mixed * (len(values) + 1) + codes + 1
    kinds = []
    order = np.argsort(mixed, kind="stable")
    starts = np.flatnonzero(np.diff(mixed[order], prepend=-1))
    for rows in np.split(order, starts[1:]) if len(order) else ():
        first = rows[0]
        names = {name: values[codes[first]] for name, (codes, values) in levels.items()}
        kinds.append(({**dict.fromkeys(_NAMES), **names, **fixed}, rows))
    return kinds


def _moments(
    rows: Any, when: Any, at: datetime | None, edges: Sequence[Any]
) -> Sequence[tuple[datetime, Any]]:
    """The rows by the stretch of time in which their price stays the same, and a moment in it."""
    import numpy as np

    if at is not None or when is None:
        return [(at if at is not None else datetime.now(UTC), rows)] if len(rows) else []
    days = np.array(sorted({day for edge in edges for day in edge.days}), dtype="datetime64[D]")
    times = np.array(
        sorted({(t.hour * 3600 + t.minute * 60 + t.second) * 10**6 for edge in edges for t in edge.times}),
        dtype="int64",
    )
    moments = when[rows]
    date = moments.astype("datetime64[D]")
    clock = (moments - date).astype("int64")
    stretch = np.searchsorted(days, date, side="right") * (len(times) + 1) + np.searchsorted(
        times, clock, side="right"
    )
    found = []
    for number in np.unique(stretch):
        part = rows[stretch == number]
        micros = int(when[part[0]].astype("int64"))
        found.append((_EPOCH + timedelta(microseconds=micros), part))
    return found
