"""Which rows are wanted: filters as bound parameters, never as text glued into SQL."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.ledger.schema import STATUSES

Moment = datetime | date | timedelta | str | int | float
Names = str | Iterable[str]
_MANY = 500
#: The filters that are names, but for ``model``, which is found in several columns.
_NAMED = ("session", "notebook", "cell", "tag", "provider", "status", "call")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What ``usage(...)`` and ``rows(...)`` are asked for. ``None`` means: whatever it is.

    ``since`` is included, ``until`` is not. Both take a datetime (naive: local time), a date, a
    timedelta (so long ago), "7d" ("90m", "12h", "2w": so long ago), ISO text, "today", "yesterday", "this week",
    "this month" (each its beginning, local time) or a UNIX time. ``model`` finds the name asked for, the name served
    and "provider/model". Simulated attempts are left out unless they are asked for.
    """

    since: Moment | None = None
    until: Moment | None = None
    session: Names | None = None
    notebook: Names | None = None
    cell: Names | None = None
    tag: Names | None = None
    provider: Names | None = None
    model: Names | None = None
    status: Names | None = None
    call: Names | None = None
    simulated: bool = False

    def __post_init__(self) -> None:
        for name in (*_NAMED, "model"):
            wanted = getattr(self, name)
            if wanted is None or isinstance(wanted, str):
                continue
            if not isinstance(wanted, Iterable):
                raise BadRequest(
                    f"{name}={wanted!r} is no name.", hint='Give text, or several in a list: tag=["a", "b"].'
                )
            # A list of one's own: an iterator could be read only once, and a filter is asked often.
            object.__setattr__(self, name, tuple(map(str, wanted)))

    def narrowed(self, **filters: Any) -> Filter:
        """The same with these filters in place of its own; a filter that there is not is refused.

        >>> Filter(tag="a").narrowed(model="luna").tag
        'a'
        """
        if unknown := [name for name in filters if name not in self.__dataclass_fields__]:
            raise BadRequest(
                f"Usage can't be filtered by {unknown[0]!r}.",
                hint=f"Filters: {', '.join(self.__dataclass_fields__)}.",
            )
        made = replace(self, **filters)
        for one in [] if made.status is None else _names(made.status):
            if one not in STATUSES:
                near = difflib.get_close_matches(one, STATUSES, n=1)
                raise BadRequest(
                    f"No attempt has the status {one!r}.",
                    why=f"Did you mean {near[0]!r}?" if near else "",
                    hint=f"There are: {', '.join(STATUSES)}.",
                )
        return made

    def where(self) -> tuple[str, list[Any]]:
        """The condition and its parameters.

        >>> Filter(tag="a", simulated=True).where()
        ('tag IN (?)', ['a'])
        """
        clauses: list[str] = []
        values: list[Any] = []
        if not self.simulated:
            clauses.append("simulated = 0")
        if self.since is not None:
            clauses.append("started >= ?")
            values.append(unix_time(self.since))
        if self.until is not None:
            clauses.append("started < ?")
            values.append(unix_time(self.until))
        for column in _NAMED:
            wanted = getattr(self, column)
            if wanted is not None:
                names = _names(wanted)
                if len(names) > _MANY:  # SQLite takes only so many parameters
                    clauses.append(f"{column} IN (SELECT value FROM json_each(?))")  # noqa: S608 - our own word
                    values.append(json.dumps(names))
                    continue
                clauses.append(f"{column} IN ({_marks(names)})")
                values.extend(names)
        if self.model is not None:
            names = _names(self.model)
            forms = ("model", "model_served", "provider || '/' || model")
            clauses.append("(" + " OR ".join(f"{form} IN ({_marks(names)})" for form in forms) + ")")
            values.extend(names * len(forms))
        return " AND ".join(clauses) or "1 = 1", values


def unix_time(moment: Moment) -> float:
    """A moment as a UNIX time.

    >>> unix_time("2026-11-20T12:00:00+00:00")
    1795176000.0
    """
    try:
        read = _read(moment) if isinstance(moment, str) else moment
        if isinstance(read, timedelta):
            return (datetime.now(UTC) - read).timestamp()
        if isinstance(read, datetime):
            return read.timestamp()
        if isinstance(read, date):
            return datetime.combine(read, time.min).astimezone().timestamp()
        return float(read)
    except (OverflowError, ValueError, TypeError):  # before the year 1, or of another kind
        raise _no_moment(moment) from None


_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _read(text: str) -> datetime | date | timedelta:
    written = text.strip().lower()
    if written in ("today", "yesterday", "this week", "this month"):
        today = datetime.now(UTC).astimezone().date()
        back = {"yesterday": 1, "this week": today.weekday(), "this month": today.day - 1}.get(written, 0)
        return today - timedelta(days=back)
    if (ago := _AGO.fullmatch(written)) is not None:
        return timedelta(**{_UNITS[ago[2]]: float(ago[1])})
    return datetime.fromisoformat(text.strip())


def _no_moment(given: object) -> BadRequest:
    return BadRequest(
        f"Not a moment: {given!r}.",
        hint="Write it like 2026-11-20, 2026-11-20T14:00, today, yesterday, this week, this month, or 7d "
        "(s, m, h, d, w: so long ago).",
    )


def _names(wanted: Names) -> list[str]:
    return [wanted] if isinstance(wanted, str) else list(wanted)


def _marks(names: list[str]) -> str:
    return ", ".join("?" * len(names)) or "NULL"  # of none: nothing is found
