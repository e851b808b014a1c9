"""Readings of a frame of ``usage()`` beyond sums: models in a line, errors, speed, what caching saved, odd calls.

Pure: a frame in, a frame out. The columns each needs are named beside it, so that no more is read.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest
from llmkit.ledger.frame import pandas
from llmkit.ledger.sums import NEEDED, by, exact_sums
from llmkit.models.bulk import price_many
from llmkit.models.prices import Overrides
from llmkit.models.rates import rates_of

if TYPE_CHECKING:
    import pandas as pd

SUMMARY_NEEDS: Final = ("provider", "model", "attempt", "ttft", "duration", *NEEDED)
ERRORS_NEED: Final = ("started", "provider", "model", "status", "error_kind", "error", "attempt")
LATENCY_NEEDS: Final = ("status", "ttft", "duration", "output")
CACHE_NEEDS: Final = (
    *("started", "provider", "model", "model_served", "endpoint", "status", "service_tier"),
    *("input", "cache_read", "cache_write_5m", "cache_write_1h", "cost", "currency"),
)
ANOMALIES_NEED: Final = (
    *("started", "provider", "model", "tag", "status", "input", "output", "cost", "notebook", "cell", "id"),
)
#: Statuses after which an attempt counts as failed; what the user stopped is not among them.
FAILED: Final = ("error", "truncated", "refused", "unknown_billed")
_QUANTILES: Final = (0.5, 0.95, 0.99)
_FEWEST = 8  # of a kind, before one of them can be called odd


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Each model in a line."""
    pd = pandas()
    lines = by(frame, "provider", "model")
    whole = lines["cost"].sum()
    lines["share"] = lines["cost"] / whole if whole else float("nan")
    keys = ["provider", "model"]
    grouped = frame.assign(
        failed=frame["status"].isin(FAILED), retried=frame["attempt"] > 1, pace=pace(frame)
    ).groupby(keys, observed=True, dropna=False)
    more = pd.DataFrame(
        {
            "error_rate": grouped["failed"].mean(),
            "retries": grouped["retried"].sum().astype("Int64"),
            "ttft_p50": grouped["ttft"].median(),
            "tokens_per_second": grouped["pace"].median(),
        }
    ).reset_index()
    for key in keys:
        more[key], lines[key] = more[key].astype("object"), lines[key].astype("object")
    return lines.merge(more, on=keys, how="left")


def errors(frame: pd.DataFrame) -> pd.DataFrame:
    """What went wrong: how often, when last, and the latest words of it."""
    wrong = frame[frame["status"].isin([*FAILED, "cancelled"])]
    columns = ["provider", "model", "status", "error_kind"]
    found = wrong.groupby(columns, observed=True, dropna=False).agg(
        count=("status", "size"),
        first=("started", "min"),
        last=("started", "max"),
        retries=("attempt", lambda n: int((n > 1).sum())),
        latest=("error", "last"),
    )
    return found.reset_index().sort_values("count", ascending=False, kind="stable").reset_index(drop=True)


def latency(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Percentiles of ttft and duration (seconds) and of tokens per second, over the answers that came whole."""
    pd = pandas()
    if unknown := [name for name in columns if name not in frame.columns]:
        raise BadRequest(
            f"Can't group by {unknown[0]!r}.",
            why="The usage table has no such column.",
            hint=f"It has {', '.join(frame.columns)}.",
        )
    whole = frame[frame["status"] == "ok"].assign(tokens_per_second=pace)
    grouped = whole.groupby(list(columns), observed=True, dropna=False)
    parts: dict[str, Any] = {"calls": grouped.size().astype("Int64")}
    for name in ("ttft", "duration", "tokens_per_second"):
        for share in _QUANTILES:
            parts[f"{name}_p{share * 100:.0f}"] = grouped[name].quantile(share)
    table = pd.DataFrame(parts).reset_index()
    return table.sort_values("calls", ascending=False, kind="stable").reset_index(drop=True)


def pace(frame: pd.DataFrame) -> pd.Series[Any]:
    """Tokens per second from the first token on; NaN where that can't be told."""
    output = frame["output"].astype("float64")
    writing = frame["duration"] - frame["ttft"].fillna(0)
    return (output / writing).where((writing > 0.01) & (output > 1))


_PROMPT: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h")


def cache(frame: pd.DataFrame, prices: Overrides | None = None) -> pd.DataFrame:
    """What caching saved, by model.

    ``hit_rate`` is the share of the prompt's tokens that came from the provider's cache. ``saved`` is what they
    would have cost as plain input, less what reading and writing the cache cost, call by call at the prices of that
    day and of prompts so long; NaN where no price is known. ``replays`` are answers from our own cache and tape: these
    cost nothing.
    """
    pd = pandas()
    records = []
    now = datetime.now(UTC)
    frame = frame.assign(saved=_saved(frame, prices))
    for (provider, model), rows in frame.groupby(["provider", "model"], observed=True, dropna=False):
        real = rows[rows["status"] != "cached"]
        counts = {name: int(real[name].fillna(0).sum()) for name in _PROMPT}
        read, whole = counts["cache_read"], sum(counts.values())
        saved = real["saved"].sum(min_count=1)
        written = counts["cache_write_5m"] + counts["cache_write_1h"]
        if not (read or written) and rates_of(str(provider), str(model), at=now, overrides=prices):
            saved = 0.0
        records.append(
            {
                "provider": provider,
                "model": model,
                "calls": len(real),
                "input": counts["input"],
                "cache_read": read,
                "cache_write": written,
                "hit_rate": read / whole if whole else float("nan"),
                "saved": float(saved),
                "replays": len(rows) - len(real),
            }
        )
    columns = [
        "provider",
        "model",
        "calls",
        "input",
        "cache_read",
        "cache_write",
        "hit_rate",
        "saved",
        "replays",
    ]
    table = pd.DataFrame.from_records(records, columns=columns)
    for name in ("calls", "input", "cache_read", "cache_write", "replays"):
        table[name] = table[name].astype("Int64")
    return table.sort_values("saved", ascending=False, na_position="last", kind="stable").reset_index(
        drop=True
    )


def _saved(frame: pd.DataFrame, prices: Overrides | None) -> pd.Series[Any]:
    """What the provider's cache saved at each attempt; NaN where it had no part in it, or no price is known."""
    pd = pandas()
    cached = frame[list(_PROMPT[1:])].fillna(0).sum(axis=1).to_numpy() > 0
    used = frame[cached & (frame["status"] != "cached").to_numpy()].assign(output=0)
    as_it_was = used.assign(input=used["input"].fillna(0))
    plain = as_it_was.assign(
        input=as_it_was[list(_PROMPT)].fillna(0).sum(axis=1), **dict.fromkeys(_PROMPT[1:], 0)
    )
    saved = price_many(plain, overrides=prices).cost - price_many(as_it_was, overrides=prices).cost
    return pd.Series(saved, index=used.index).reindex(frame.index)


def anomalies(frame: pd.DataFrame, *, times: float = 5.0) -> pd.DataFrame:
    """Calls that cost more than ``times`` the median of their kind and lie far outside its spread.

    A kind is one model with one tag, and needs eight priced calls. "Far outside" is six median absolute
    deviations above the median of the logarithm of the cost.
    """
    import numpy as np

    if isinstance(times, bool) or not isinstance(times, int | float) or not times > 0:
        raise BadRequest(f"times={times!r} is no number above 0.", hint="For example times=5.")
    priced = frame[frame["cost"] > 0].copy()
    priced["kind"] = priced.groupby(["provider", "model", "tag"], observed=True, dropna=False).ngroup()
    grouped = priced.groupby("kind")
    log = np.log(priced["cost"])
    middle = log.groupby(priced["kind"]).transform("median")
    spread = (log - middle).abs().groupby(priced["kind"]).transform("median")
    priced["usual"] = grouped["cost"].transform("median")
    priced["times"] = priced["cost"] / priced["usual"]
    odd = (
        (grouped["cost"].transform("size") >= _FEWEST)
        & (priced["times"] >= times)
        & (log > middle + 6 * 1.4826 * spread)
    )
    found = priced[odd].drop(columns="kind").sort_values("times", ascending=False, kind="stable")
    return found.reset_index(drop=True)


def spent(frame: pd.DataFrame) -> Any:
    """The exact sum of the known costs of a frame, as a Decimal; 0 if there are none."""
    import numpy as np

    sums, _ = exact_sums(frame["cost"].to_numpy(dtype="float64"), np.zeros(len(frame), dtype="int64"), 1)
    return sums[0] or 0
