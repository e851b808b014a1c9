"""``usage``: called, it is the table; with a dot, everything that can be asked of it.

This is the front desk. Each answer is worked out in a file of its own: sums, reports, plots, what-if, forecast,
reconcile, export.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from llmkit.core.errors import BadRequest
from llmkit.ledger import export as exporting
from llmkit.ledger import exposition, gallery, reports, sums, whatif
from llmkit.ledger import forecast as forecasts
from llmkit.ledger import reconcile as reconciling
from llmkit.ledger.allowance import Allowance
from llmkit.ledger.frame import KINDS, frame_of, usage
from llmkit.ledger.query import Filter, Moment
from llmkit.ledger.store import Ledger
from llmkit.models.prices import Overrides

if TYPE_CHECKING:
    import pandas as pd


class Accounts:
    """What was used and what it cost. Call it for a DataFrame with one row for each attempt.

    Every method takes the filters of the call: ``since``, ``until`` ("7d", a date, a datetime), ``session``,
    ``notebook``, ``cell``, ``tag``, ``provider``, ``model``, ``status``. Simulated attempts are left out unless
    ``simulated=True``.

    >>> llmkit.usage(since="7d", tag="reviews")                        # doctest: +SKIP
    >>> llmkit.usage.by("model", "day")                                # doctest: +SKIP
    >>> llmkit.usage.plot("cost", by="model", freq="D")                # doctest: +SKIP
    """

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        *,
        budgets: Callable[[], Sequence[Allowance]] = tuple,
        session: Callable[[], str | None] = lambda: None,
        prices: Callable[[], Overrides | None] = lambda: None,
        wanted: Filter | None = None,
    ) -> None:
        self._ledger = ledger
        self._budgets = budgets
        self._session = session
        self._prices = prices
        self._wanted = wanted if wanted is not None else Filter()

    def __call__(
        self, *, decimal: bool = False, columns: str | Sequence[str] | None = None, **filters: Any
    ) -> pd.DataFrame:
        """One row for each attempt, in the order they began.

        Times are UTC, token counts nullable integers, ``cost`` a float with NaN where it is unknown;
        ``decimal=True`` adds ``cost_exact`` with Decimals. ``columns`` reads only these, which is quicker.
        """
        return usage(self._ledger(), self._wanted, decimal=decimal, columns=columns, **filters)

    def where(self, **filters: Any) -> Accounts:
        """The same, for some of the attempts only.

        >>> llmkit.usage.where(tag="reviews", since="7d").total()  # doctest: +SKIP
        """
        return Accounts(
            self._ledger,
            budgets=self._budgets,
            session=self._session,
            prices=self._prices,
            wanted=self._wanted.narrowed(**filters),
        )

    @property
    def ledger(self) -> Ledger:
        """Where it is read from."""
        return self._ledger()

    @property
    def session(self) -> str | None:
        """The session whose accounts these are, if they are one's."""
        return self._session()

    @property
    def budgets(self) -> Sequence[Allowance]:
        """The budgets that hold just now."""
        return self._budgets()

    @property
    def prices(self) -> Overrides | None:
        """The user's own prices, if there are any."""
        return self._prices()

    # -- sums ---------------------------------------------------------------------------------

    def total(self, **filters: Any) -> sums.Total:
        """The sum; exact in money, and it says how much is unknown."""
        return sums.total(self._to_sum((), filters))

    def by(self, *columns: str | Sequence[str], **filters: Any) -> pd.DataFrame:
        """Sums by columns, or by "hour", "day", "week", "month" (UTC); the dearest first, or in order of time.

        >>> llmkit.usage.by("model", "day", since="7d")  # doctest: +SKIP
        """
        names = [name for given in columns for name in ([given] if isinstance(given, str) else given)]
        known = [name for name in names if name in KINDS]
        times = ["started"] if set(names) & set(sums.TIMES) else []
        return sums.by(self._to_sum([*times, *known], filters), *names)

    # -- reports ------------------------------------------------------------------------------

    def summary(self, **filters: Any) -> pd.DataFrame:
        """Each model in a line: calls, tokens, cost, its share of the spending, errors, speed."""
        return reports.summary(self(columns=reports.SUMMARY_NEEDS, **filters))

    def errors(self, **filters: Any) -> pd.DataFrame:
        """What went wrong, how often, and the latest words of it."""
        return reports.errors(self(columns=reports.ERRORS_NEED, **filters))

    def latency(self, *columns: str, **filters: Any) -> pd.DataFrame:
        """Percentiles of the time to the first token, the whole time and tokens per second, by model."""
        names = columns or ("model",)
        return reports.latency(self(columns=[*names, *reports.LATENCY_NEEDS], **filters), *names)

    def cache(self, **filters: Any) -> pd.DataFrame:
        """What caching saved, by model: the provider's prompt cache, and replays from our own cache and tape."""
        return reports.cache(self(columns=reports.CACHE_NEEDS, **filters), self._prices())

    def anomalies(self, *, times: float = 5.0, **filters: Any) -> pd.DataFrame:
        """Calls that cost far more than others of their kind (same model, same tag)."""
        return reports.anomalies(self(columns=reports.ANOMALIES_NEED, **filters), times=times)

    # -- money over time ----------------------------------------------------------------------

    def what_if(self, model: str, *, at: Literal["now", "then"] = "now", **filters: Any) -> whatif.WhatIf:
        """What the same tokens would have cost with another model, and which attempts that can't be told of.

        >>> llmkit.usage.what_if("luna", since="30d")  # doctest: +SKIP
        """
        return whatif.what_if(self(columns=whatif.NEEDS, **filters), model, at=at, prices=self._prices())

    def forecast(self, days: int = 30, *, now: datetime | None = None, **filters: Any) -> forecasts.Forecast:
        """What the next days, and this month, will cost if they are like the last eight weeks; ``now`` is the moment
        from which it looks ahead, where that is not this one."""
        since = (now or datetime.now(UTC)) - timedelta(days=forecasts.LOOK_BACK + 31)
        frame = self(columns=["started", *sums.NEEDED], **({"since": since} | filters))
        return forecasts.forecast(frame, days=days, now=now)

    def reconcile(self, bill: str | os.PathLike[str], **filters: Any) -> reconciling.Reconciliation:
        """Compare with the cost CSV that OpenAI's, Anthropic's or Google's console exports."""
        return reconciling.reconcile(self(columns=reconciling.NEEDS, **filters), bill)

    # -- seeing -------------------------------------------------------------------------------

    def plot(self, kind: str = "cost", **asked: Any) -> Any:
        """A plotly figure: "cost", "tokens", "latency", "frontier", "status", "budget", "hours", "tree" or
        "session". Options are ``by`` (a column), ``freq`` ("H", "D", "W", "M"), ``tz``, ``png`` (keep a picture
        too, where an engine is there); all else filters. The figure's numbers are in ``figure.table``.

        >>> llmkit.usage.plot("cost", by="model", freq="D", since="30d")  # doctest: +SKIP
        """
        return gallery.draw(self, kind, **asked)

    def dashboard(self, **asked: Any) -> Any:
        """Tiles, a plot, a table that opens down to one call, and budgets, with controls over them.

        ``stretch`` ("7 days", "today", "this session", …) or ``since`` and ``until``; ``by`` (what the table and the
        plot are grouped by), ``plot``, ``simulated``, and the filters ``model``, ``provider``, ``tag``, ``status``,
        ``notebook``. ``live=True`` looks for new calls by itself.

        >>> llmkit.usage.dashboard(since="7d", by="tag", live=True)  # doctest: +SKIP
        """
        # The notebook is a room above this one: it is asked by name, and only when it is wanted.
        asked.setdefault("simulated", self._wanted.simulated)
        return import_module("llmkit.notebook.dashboard").dashboard(self, **asked)

    # -- keeping ------------------------------------------------------------------------------

    def export(
        self, kind: str, path: str | os.PathLike[str] | None = None, *, decimal: bool = False, **filters: Any
    ) -> Path:
        """Write the table as "csv", "xlsx", "parquet" or "json" (a line a row); formulas in text are disarmed. Without a
        path, it is a new file here, whose name is the result; a name alone tells the kind by its ending.

        >>> llmkit.usage.export("csv", "november.csv", since="2026-11-01")  # doctest: +SKIP
        >>> llmkit.usage.export("november.xlsx", since="2026-11-01")  # doctest: +SKIP
        """
        kind, target = exporting.place(kind, path)  # before all is read
        return exporting.export(self(decimal=decimal, **filters), kind, target)

    def to_prometheus(self, **filters: Any) -> str:
        """Counters, speed and budgets as text for Prometheus (``llmkit usage --prometheus`` prints it).

        >>> print(llmkit.usage.to_prometheus())  # doctest: +SKIP
        """
        return exposition.text(self(columns=exposition.NEEDS, **filters), self._budgets())

    def purge(self, before: Moment | None = None, *, confirm: bool | None = None) -> Purge:
        """Delete settled attempts that began before that moment; all of them, without one, only if ``confirm=True``.

        With ``confirm=False`` nothing is deleted, and the result says what would be. It is for whole ledgers: where
        ``where(...)`` leaves something out, nothing is deleted either.

        >>> llmkit.usage.purge(before="2026-01-01")  # doctest: +SKIP
        1,204 attempts deleted from the ledger.
        """
        if self._wanted not in (Filter(), Filter(simulated=True)):
            raise BadRequest(
                "A part of the ledger can't be purged.",
                why="purge() deletes all that began before a moment, whatever where(...) chose. Nothing was deleted.",
                hint="Ask llmkit.usage.purge(before=...) itself.",
            )
        going = self._count(before)
        if not (before is not None if confirm is None else confirm):
            return Purge(going, done=False)
        return Purge(self._ledger().purge(before), done=True)

    # -- within -------------------------------------------------------------------------------

    def _to_sum(self, columns: Sequence[str], filters: Mapping[str, Any]) -> pd.DataFrame:
        """What a sum grouped by these columns is made of, by the quickest way."""
        wanted = self._wanted.narrowed(**filters)
        for needed in (sums.QUICK, sums.NEEDED):
            names = dict.fromkeys([*columns, *needed])
            frame = frame_of(self._ledger(), wanted, names, ordered=False)
            if needed is sums.NEEDED or not sums.mixed(frame):
                break
        return frame

    def _count(self, before: Moment | None) -> int:
        frame = frame_of(self._ledger(), Filter(until=before, simulated=True), ["status"])
        return int((frame["status"] != "pending").sum())

    def __repr__(self) -> str:
        path = str(self._ledger().path)
        place = "a ledger in memory" if path == ":memory:" else path
        if not self._ledger().healthy:
            return "\n".join([f"<usage of {place}, not healthy>", *self._ledger().notices])
        return f"<usage of {place}: call it for the table; .by .total .plot .summary ... ask more>"


class Purge:
    """How many attempts are gone, or would be."""

    def __init__(self, attempts: int, *, done: bool) -> None:
        self.attempts = attempts
        self.done = done

    def __repr__(self) -> str:
        rows = f"{self.attempts:,} attempt{'' if self.attempts == 1 else 's'}"
        if self.done:
            return f"{rows} deleted from the ledger."
        return f"{rows} would be deleted, and can't be had back. purge(..., confirm=True) does it."
