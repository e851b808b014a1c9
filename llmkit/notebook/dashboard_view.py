"""What a dashboard of usage says: tiles, groups and calls, worked out of the rows that a :class:`View` is about.

Pure: accounts and a view in, values out. How they look is said in ``dashboard_markup.py``, controls and clicks live in
``dashboard_panel.py`` and ``dashboard.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest
from llmkit.ledger import reports, sums
from llmkit.ledger.gallery import PLOTS
from llmkit.ledger.query import Filter, Names, unix_time
from llmkit.ledger.words import money
from llmkit.notebook.static import seconds

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.ledger.accounts import Accounts

#: The stretches of time on offer; "session" stands for that of the accounts, "own" for ``since`` and ``until``.
STRETCHES: Final[Mapping[str, str | None]] = {
    "this session": "session",
    "today": "today",
    "24 hours": "24h",
    "7 days": "7d",
    "30 days": "30d",
    "90 days": "90d",
    "all": None,
    "own dates": "own",
}
OWN: Final = "own dates"
GROUPS: Final = ("model", "provider", "tag", "notebook", "cell", "status", "session", "day", "week", "month")
FILTERS: Final = ("model", "provider", "tag", "status", "notebook")
#: What is read for tiles, groups, the list of calls and the plots of the same rows.
READS: Final = tuple(
    dict.fromkeys(
        (
            *("started", "call", "attempt", "session", "notebook", "cell", "tag", "provider", "model", "status"),
            *("ttft", "duration"),
            *sums.NEEDED,
            *reports.CACHE_NEEDS,
        )
    )
)  # fmt: skip
NAMELESS: Final = "(none)"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is looked at: a stretch of time, filters (a name or several), how it is grouped, which plot.

    >>> View(since="7d").stretch
    'own dates'
    >>> View(model="luna").filters(None)
    {'simulated': False, 'model': ('luna',), 'since': '30d'}
    >>> View(tag=["a", "b"]).sentence()
    '30 days · tag a or b · real calls only'
    """

    stretch: str = "30 days"
    since: Any = None
    until: Any = None
    by: str = "model"
    plot: str = "cost"
    model: Names = ()
    provider: Names = ()
    tag: Names = ()
    status: Names = ()
    notebook: Names = ()
    simulated: bool = False

    def __post_init__(self) -> None:
        if self.since is not None or self.until is not None:
            object.__setattr__(self, "stretch", OWN)
        for name in FILTERS:
            object.__setattr__(self, name, _several(getattr(self, name)))
        for name, known in (("stretch", STRETCHES), ("by", GROUPS), ("plot", PLOTS)):
            if (value := getattr(self, name)) not in known:
                raise BadRequest(f"A dashboard has no {name}={value!r}.", hint=f"It has: {', '.join(known)}.")
        Filter().narrowed(status=self.status)  # what these two refuse is refused before it is looked at
        _ = [unix_time(moment) for moment in (self.since, self.until) if moment is not None]

    @classmethod
    def of(cls, **asked: Any) -> View:
        """One from what a user wrote; a mistyped name is refused.

        >>> View.of(since="7d").since
        '7d'
        """
        names = [one.name for one in fields(cls)]
        if unknown := [name for name in asked if name not in names]:
            raise BadRequest(f"A dashboard has no {unknown[0]!r}.", hint=f"It takes: {', '.join(names)}.")
        return cls(**asked)

    def wide(self) -> View:
        """The same without its filters."""
        return replace(self, model=(), provider=(), tag=(), status=(), notebook=())

    def chosen(self, name: str) -> tuple[str, ...]:
        """What a filter lets through; nothing where it lets all through."""
        return _several(getattr(self, name))

    def filters(self, session: str | None) -> dict[str, Any]:
        """The filters of ``usage()`` that it stands for."""
        found: dict[str, Any] = {"simulated": self.simulated}
        found |= {name: names for name in FILTERS if (names := self.chosen(name))}
        match STRETCHES[self.stretch]:
            case None:
                return found
            case "session":
                return found | {"session": session or ""}
            case "own":
                return found | {"since": self.since, "until": self.until}
            case since:
                return found | {"since": since}

    def sentence(self) -> str:
        """The same in words."""
        own = f"{_day(self.since) or 'the beginning'} to {_day(self.until) or 'now'}"
        told = [own if self.stretch == OWN else self.stretch]
        told += [f"{name} {' or '.join(names)}" for name in FILTERS if (names := self.chosen(name))]
        return " · ".join([*told, "simulated calls too" if self.simulated else "real calls only"])


def _several(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(dict.fromkeys(str(name) for name in names or ()))


def _day(moment: Any) -> str:
    return (
        "" if moment is None else f"{moment:%Y-%m-%d %H:%M}" if isinstance(moment, datetime) else str(moment)
    )


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure: its name, what it is, and what there is to say about it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: what it is called, what it stands for, its figures."""

    name: str
    key: Any
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Lines under a head; the first column is the name that can be clicked. ``wide`` are columns of words."""

    head: tuple[str, ...]
    lines: tuple[Line, ...]
    wide: tuple[str, ...] = ()


# -- figures ---------------------------------------------------------------------------------------


def tiles(frame: pd.DataFrame, prices: Any = None) -> tuple[Tile, ...]:
    """Spend, calls, tokens, what caching saved, errors, speed."""
    if frame.empty:
        return tuple(
            Tile(name, "–") for name in ("spend", "calls", "tokens", "cache saved", "errors", "first token")
        )
    whole = sums.total(frame)
    about = "~" if whole.estimated else ""
    calls = frame["call"].nunique()
    settled = frame[frame["status"] != "pending"]
    failed = settled["status"].isin(reports.FAILED)
    saved = reports.cache(frame, prices)
    hits, replays = saved["saved"].dropna(), int(saved["replays"].sum())
    waits = frame.loc[frame["status"] == "ok", "ttft"].dropna()
    given = [n for n in (whole.input, whole.cache_read, whole.cache_write) if n is not None]
    return (
        Tile(
            "spend",
            "unpriced" if whole.cost is None else f"{about}{money(float(whole.cost))}",
            f"{whole.unpriced:,} unpriced" if whole.unpriced and whole.cost is not None else "",
        ),
        Tile("calls", f"{calls:,}", f"{len(frame):,} attempts" if len(frame) > calls else ""),
        Tile(
            "tokens",
            f"{count(sum(given) if given else None)} → {count(whole.output)}",
            f"{whole.unmetered:,} not metered" if whole.unmetered else "",
        ),
        Tile(
            "cache saved",
            money(float(hits.sum())) if len(hits) else "–",
            f"{replays:,} replays" if replays else "",
        ),
        Tile(
            "errors",
            f"{failed.mean():.1%}" if len(settled) else "–",
            f"{int(failed.sum()):,} of {len(settled):,}" if failed.any() else "",
        ),
        Tile(
            "first token",
            seconds(float(waits.median())) if len(waits) else "–",
            f"p95 {seconds(float(waits.quantile(0.95)))}" if len(waits) else "",
        ),
    )


def count(tokens: int | None) -> str:
    """A number of tokens, short.

    >>> count(950), count(12_340), count(637_500), count(4_200_000), count(None)
    ('950', '12k', '638k', '4.2M', '?')
    """
    if tokens is None:
        return "?"
    if tokens < 10_000:
        return f"{tokens:,}"
    number, unit = (tokens / 1e3, "k") if tokens < 999_500 else (tokens / 1e6, "M")
    return f"{number:.1f}{unit}" if number < 9.95 else f"{number:,.0f}{unit}"


def groups(frame: pd.DataFrame, by: str) -> Table:
    """A line for each group."""
    head = (by, "calls", "in", "out", "cost", "share", "errors", "first token")
    if frame.empty:
        return Table(head, ())
    table = sums.by(frame, by)
    keys = key_of(frame, by)
    grouped = frame.assign(_failed=frame["status"].isin(reports.FAILED)).groupby(keys, observed=True, dropna=False)  # fmt: skip
    failed, waits, calls = grouped["_failed"].mean(), grouped["ttft"].median(), grouped["call"].nunique()
    whole = table["cost"].sum()
    lines = []
    for row in table.to_dict("records"):
        key = row[by]
        at = NAMELESS if missing(key) else key
        share = row["cost"] / whole if whole and not missing(row["cost"]) else None
        given = [int(row[n]) for n in ("input", "cache_read", "cache_write") if not missing(row[n])]
        lines.append(
            Line(
                name_of(key),
                None if missing(key) else key,
                (
                    f"{calls[at]:,}",
                    count(sum(given) if given else None),
                    count(None if missing(row["output"]) else int(row["output"])),
                    _cost(row["cost"]),
                    "" if share is None else f"{share:.0%}",
                    f"{failed[at]:.1%}" if failed[at] else "",
                    "" if missing(waits[at]) else seconds(float(waits[at])),
                ),
            )
        )
    return Table(head, tuple(reversed(lines)) if by in sums.TIMES else tuple(lines))


def calls(frame: pd.DataFrame, start: int = 0, stop: int | None = None) -> Table:
    """A line for each attempt, the latest first; of all of them those from ``start`` to ``stop``."""
    head = ("started (UTC)", "model", "status", "in", "out", "cost", "first token", "whole")
    lines = []
    for row in frame.iloc[::-1].iloc[start:stop].to_dict("records"):
        given = [int(row[n]) for n in ("input", "cache_read", "cache_write") if not missing(row[n])]
        retry = f" ({row['attempt']})" if row["attempt"] > 1 else ""
        lines.append(
            Line(
                f"{row['started']:%d %b %H:%M:%S}",
                row["call"],
                (
                    str(row["model"]),
                    f"{row['status']}{retry}",
                    count(sum(given) if given else None),
                    count(None if missing(row["output"]) else int(row["output"])),
                    _cost(row["cost"]),
                    "" if missing(row["ttft"]) else seconds(float(row["ttft"])),
                    "" if missing(row["duration"]) else seconds(float(row["duration"])),
                ),
            )
        )
    return Table(head, tuple(lines), wide=("model", "status"))


def key_of(frame: pd.DataFrame, by: str) -> pd.Series[Any]:
    """What each row is grouped under; rows without a value are under one name."""
    if by in sums.TIMES:
        return sums.periods(frame["started"], by)
    column = frame[by].astype("object")
    return column.where(column.notna(), NAMELESS)


def name_of(key: Any) -> str:
    """A group in words.

    >>> name_of(None), name_of("luna"), name_of(datetime(2026, 11, 20))
    ('(none)', 'luna', '2026-11-20')
    """
    if missing(key):
        return NAMELESS
    return f"{key:%Y-%m-%d}" if isinstance(key, datetime) else str(key)


def missing(value: Any) -> bool:
    """Is it unknown?"""
    from llmkit.ledger.frame import pandas

    return bool(pandas().isna(value))


def _cost(value: Any) -> str:
    return "?" if missing(value) else money(float(value))


def read(book: Accounts, view: View) -> pd.DataFrame:
    """The rows that a view is about."""
    return book(columns=READS, **view.filters(book.session))
