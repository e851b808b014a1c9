"""Many rows, quickly: chosen columns of the ledger, in pieces, as plain lists and arrays.

SQLite packs a column into one JSON text and hands it over whole, which costs a third of fetching it row by
row; while one piece is unpacked, the next is read. Where that way is shut (a ledger in memory, an old SQLite, a
broken file) the ledger itself is asked. What the values become lives in ``frame.py``.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from llmkit.ledger.file import connect
from llmkit.ledger.query import Filter
from llmkit.ledger.schema import COLUMNS
from llmkit.ledger.store import Ledger

#: How many rows are in the air at once: enough to be quick, few enough to be small.
PIECE = 100_000

Piece = dict[str, Any]
Way = Callable[[], Iterator[Piece]]


def read(ledger: Ledger, wanted: Filter, names: Sequence[str]) -> list[Piece]:
    """The columns of these names, as plain lists, all at once: for few rows.

    >>> [list(piece) for piece in read(Ledger.open(":memory:"), Filter(), ["model", "cost"])]
    [['model', 'cost']]
    """
    for way in ways(ledger, wanted, names):
        with contextlib.suppress(sqlite3.Error):
            return list(way())
    return []


def ways(
    ledger: Ledger, wanted: Filter, names: Sequence[str], *, numbers: Container[str] = ()
) -> Iterator[Way]:
    """How to have the columns of these names, the quickest way first. One that raises ``sqlite3.Error`` is shut,
    however far it led; the last is always open.

    Each gives pieces, in the order of the file (mostly that of ``started``), and at least one, also of nothing.
    ``started`` comes as whole microseconds since 1970. Columns named in ``numbers`` hold nothing else: they may come
    as arrays, unknown being NaN.

    >>> [list(piece) for way in ways(Ledger.open(":memory:"), Filter(), ["model", "cost"]) for piece in way()]
    [['model', 'cost']]
    """
    chosen = [name for name in names if name in COLUMNS]
    if ledger.flush() and ledger.healthy and (file := ledger.file) is not None:
        yield lambda: _packed(file, wanted, chosen, numbers)
    yield lambda: _asked(ledger, wanted, chosen)  # it knows what to do about a broken file, and says so


def _asked(ledger: Ledger, wanted: Filter, names: Sequence[str]) -> Iterator[Piece]:
    found = ledger.columns(wanted)
    piece = {name: found[name] for name in names}
    if "started" in piece:
        piece["started"] = [round(moment * 1e6) for moment in piece["started"]]
    yield piece


def _packed(path: str, wanted: Filter, names: Sequence[str], numbers: Container[str]) -> Iterator[Piece]:
    where, values = wanted.where()
    packed = ", ".join(
        f"'[' || coalesce(group_concat(coalesce({_expression(name)}, 'NaN')), '') || ']'"
        if name in numbers
        else f"json_group_array({name})"
        for name in names
    )

    def fetch(low: int, high: int) -> Sequence[str]:
        found: Sequence[str] = db.execute(
            f"SELECT {packed} FROM attempts WHERE {where} AND rowid BETWEEN ? AND ?",  # noqa: S608 - our own words
            [*values, low, high],
        ).fetchone()
        return found

    def unpacked(row: Sequence[str]) -> Piece:
        return {
            name: (_numbers if name in numbers else _values)(text)
            for name, text in zip(names, row, strict=True)
        }

    with contextlib.closing(connect(path)) as db, ThreadPoolExecutor(1, "llmkit-reader") as other:
        db.execute("BEGIN")  # one moment for all pieces
        stretches = _stretches(db, wanted)
        if len(stretches) == 1:
            yield unpacked(fetch(*stretches[0]))
            return
        try:
            coming = other.submit(fetch, *stretches[0])
            for after in [*stretches[1:], None]:
                row = coming.result()
                if after is not None:
                    coming = other.submit(fetch, *after)
                yield unpacked(row)
        finally:
            db.interrupt()  # nobody waits for it any more


def _stretches(db: sqlite3.Connection, wanted: Filter) -> list[tuple[int, int]]:
    """The first and last row of each piece."""
    size = PIECE
    low, high = db.execute(
        "SELECT (SELECT min(rowid) FROM attempts), (SELECT max(rowid) FROM attempts)"
    ).fetchone()
    if wanted.since is not None or wanted.until is not None:  # an index tells
        where, values = wanted.where()
        count, low, high = db.execute(
            f"SELECT count(*), min(rowid), max(rowid) FROM attempts WHERE {where}",  # noqa: S608 - our own words
            values,
        ).fetchone()
        if count:  # it may leave little of a long stretch: the fewer, the longer is the stretch of a piece
            size = max(1, (high - low + 1) * PIECE // count)
    if low is None or high is None:
        return [(0, 0)]
    return [(start, min(start + size - 1, high)) for start in range(low, high + 1, size)]


def _values(text: str) -> list[Any]:
    import jiter

    found: list[Any] = jiter.from_json(text.encode(), cache_mode="all")
    return found


def _numbers(text: str) -> Any:
    import jiter
    import numpy as np

    return np.array(jiter.from_json(text.encode(), cache_mode="none"), dtype="float64")


def _expression(name: str) -> str:
    return "CAST(round(started * 1e6) AS INTEGER)" if name == "started" else name
