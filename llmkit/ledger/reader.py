"""Many rows, quickly: chosen columns of the ledger, in pieces, as plain lists.

SQLite packs a column into one JSON text and hands it over whole, which costs a third of fetching it row by
row. Where that way is shut (a ledger in memory, an old SQLite, a broken file) the ledger itself is asked.
What the values become lives in ``frame.py``.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Container, Iterator, Sequence
from typing import Any

from llmkit.ledger.file import connect
from llmkit.ledger.query import Filter
from llmkit.ledger.schema import COLUMNS
from llmkit.ledger.store import Ledger

#: How many rows are in the air at once: enough to be quick, few enough to be small.
PIECE = 100_000

Piece = dict[str, Any]


def read(
    ledger: Ledger, wanted: Filter, names: Sequence[str], *, numbers: Container[str] = ()
) -> Iterator[Piece]:
    """The columns of these names, piece by piece, in the order of the file (mostly that of ``started``).

    ``started`` comes as whole microseconds since 1970. Columns named in ``numbers`` hold nothing else (and nothing
    below 0): they may come as arrays, unknown being NaN. At least one piece comes, also of nothing.

    >>> [list(piece) for piece in read(Ledger.open(":memory:"), Filter(), ["model", "cost"])]
    [['model', 'cost']]
    """
    chosen = [name for name in names if name in COLUMNS]
    if ledger.flush() and ledger.healthy and not ledger.in_memory:
        try:
            pieces = list(_packed(ledger.path, wanted, chosen, numbers))
        except sqlite3.Error:
            pieces = []  # the ledger knows what to do about a broken file, and says so
        if pieces:
            yield from pieces
            return
    found = ledger.columns(wanted)
    piece = {name: found[name] for name in chosen}
    if "started" in piece:
        piece["started"] = [round(moment * 1e6) for moment in piece["started"]]
    yield piece


def _packed(path: str, wanted: Filter, names: Sequence[str], numbers: Container[str]) -> Iterator[Piece]:
    where, values = wanted.where()
    packed = ", ".join(
        f"group_concat(coalesce({_expression(name)}, -1))" if name in numbers else f"json_group_array({name})"
        for name in names
    )
    with contextlib.closing(connect(path)) as db:
        db.execute("BEGIN")  # one moment for all pieces
        count, low, high = db.execute(
            f"SELECT count(*), min(rowid), max(rowid) FROM attempts WHERE {where}",  # noqa: S608 - our own words
            values,
        ).fetchone()
        for after, upto in _ranges(count, low, high):
            row = db.execute(
                f"SELECT {packed} FROM attempts WHERE {where}"  # noqa: S608 - our own words
                + ("" if upto is None else " AND rowid > ? AND rowid <= ?"),
                [*values, *(() if upto is None else (after, upto))],
            ).fetchone()
            yield {
                name: _numbers(text) if name in numbers else _values(text)
                for name, text in zip(names, row, strict=True)
            }


def _ranges(count: int, low: int | None, high: int | None) -> Iterator[tuple[int, int | None]]:
    if low is None or high is None or count <= PIECE:
        yield 0, None
        return
    # A filter may leave little of a long stretch, so the stretch of a piece is as long as its rows are rare.
    step = max(1, (high - low + 1) * PIECE // count)
    for start in range(low - 1, high, step):
        yield start, start + step


def _values(text: str) -> list[Any]:
    import jiter

    found: list[Any] = jiter.from_json(text.encode(), cache_mode="all")
    return found


def _numbers(text: str | None) -> Any:
    import numpy as np

    found = np.fromstring(text or "", dtype="float64", sep=",")
    found[found < 0] = np.nan
    return found


def _expression(name: str) -> str:
    return "CAST(round(started * 1e6) AS INTEGER)" if name == "started" else name
