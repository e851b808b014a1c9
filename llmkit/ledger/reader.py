"""Many rows, quickly: chosen columns of the ledger, in pieces, as plain lists and arrays.

SQLite packs a column into one JSON text and hands it over whole, which costs a third of fetching it row by
row; while one piece is unpacked, the next ones are read, over two connections that see the same moment. Where that way
is shut (a ledger in memory, an old SQLite, a broken file) the ledger itself is asked. What the values become lives in
``frame.py``.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Final

from llmkit.ledger.file import connect
from llmkit.ledger.query import Filter
from llmkit.ledger.schema import COLUMNS
from llmkit.ledger.store import Ledger

#: The bits of "marks", which says in one number what a sum must know of a row besides its figures.
REPLAYED, GUESSED, FOREIGN = 1, 2, 4

#: How many rows are in the air at once: enough to be quick, few enough to be small.
PIECE = 100_000
#: So many connections read at once; a third would find no processor on most machines.
_READERS: Final = min(2, os.cpu_count() or 1)

#: What is made of several columns of a row, as SQL; where SQL is not asked, ``_made`` does the same.
_MADE: Final = {
    "cache_write": "CASE WHEN cache_write_5m IS NULL THEN cache_write_1h "
    "ELSE cache_write_5m + coalesce(cache_write_1h, 0) END",
    "marks": f"(status = 'cached') * {REPLAYED} + (estimated <> 0 OR usage_source = 'estimated') * {GUESSED} "
    f"+ coalesce(currency <> 'USD', 0) * {FOREIGN}",
}
#: The columns that they are made of.
_PARTS: Final = {
    "cache_write": ("cache_write_5m", "cache_write_1h"),
    "marks": ("status", "estimated", "usage_source", "currency"),
}

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
    as arrays, unknown being NaN. Beside the ledger's own there are "cache_write", of either kind, and "marks".

    >>> [list(piece) for way in ways(Ledger.open(":memory:"), Filter(), ["model", "cost"]) for piece in way()]
    [['model', 'cost']]
    """
    chosen = [name for name in names if name in COLUMNS or name in _MADE]
    if ledger.flush() and ledger.healthy and (file := ledger.file) is not None:
        yield lambda: _packed(file, wanted, chosen, numbers)
    yield lambda: _asked(ledger, wanted, chosen)  # it knows what to do about a broken file, and says so


def _asked(ledger: Ledger, wanted: Filter, names: Sequence[str]) -> Iterator[Piece]:
    found = ledger.columns(wanted, [part for name in names for part in _PARTS.get(name, (name,))])
    piece = {name: found[name] if name in found else _made(name, found) for name in names}
    if "started" in piece:
        piece["started"] = [round(moment * 1e6) for moment in piece["started"]]
    yield piece


def _made(name: str, found: Piece) -> list[Any]:
    if name == "cache_write":
        both = zip(*(found[column] for column in _PARTS[name]), strict=True)
        return [long if short is None else short + (long or 0) for short, long in both]
    columns = (found[column] for column in _PARTS["marks"])
    return [
        (status == "cached") * REPLAYED
        + (bool(estimated) or source == "estimated") * GUESSED
        + (currency not in (None, "USD")) * FOREIGN
        for status, estimated, source, currency in zip(*columns, strict=True)
    ]


def _packed(path: str, wanted: Filter, names: Sequence[str], numbers: Container[str]) -> Iterator[Piece]:
    where, values = wanted.where()
    packed = ", ".join(
        f"'[' || coalesce(group_concat(coalesce({_expression(name)}, 'NaN')), '') || ']'"
        if name in numbers
        else f"json_group_array({_expression(name)})"
        for name in names
    )

    def fetch(low: int, high: int) -> Sequence[str]:
        db = idle.get()
        try:
            found: Sequence[str] = db.execute(
                f"SELECT {packed} FROM attempts WHERE {where} AND rowid BETWEEN ? AND ?",  # noqa: S608 - our own words
                [*values, low, high],
            ).fetchone()
            return found
        finally:
            idle.put(db)

    def unpacked(row: Sequence[str]) -> Piece:
        return {
            name: (_numbers if name in numbers else _values)(text)
            for name, text in zip(names, row, strict=True)
        }

    with contextlib.ExitStack() as open_now:
        first = _beginning(path, open_now)
        stretches = _stretches(first, wanted)
        readers = [first]
        if len(stretches) > 1 and _READERS > 1 and (second := _at_the_same_moment(path, first, open_now)):
            readers.append(second)
        idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        for db in readers:
            idle.put(db)
        if len(stretches) == 1:
            yield unpacked(fetch(*stretches[0]))
            return
        others = open_now.enter_context(ThreadPoolExecutor(len(readers), "llmkit-reader"))
        ahead = iter(stretches)
        coming: deque[Future[Sequence[str]]] = deque()
        try:
            for low, high in ahead:
                coming.append(others.submit(fetch, low, high))
                if len(coming) > len(readers):  # one more than is being read waits to be unpacked
                    yield unpacked(coming.popleft().result())
            while coming:
                yield unpacked(coming.popleft().result())
        finally:
            for one in coming:
                one.cancel()
            for db in readers:
                db.interrupt()  # nobody waits for it any more


def _beginning(path: str, open_now: contextlib.ExitStack) -> sqlite3.Connection:
    """A connection that sees the ledger as it is at this moment, also later."""
    db = open_now.enter_context(contextlib.closing(connect(path)))
    db.execute("BEGIN")
    db.execute("SELECT max(rowid) FROM attempts").fetchone()
    return db


def _at_the_same_moment(
    path: str, first: sqlite3.Connection, open_now: contextlib.ExitStack
) -> sqlite3.Connection | None:
    """One more connection that sees what the first one sees; ``None`` where somebody is writing all the time."""
    db = open_now.enter_context(contextlib.closing(connect(path)))
    for _ in range(5):
        before = db.execute("PRAGMA data_version").fetchone()
        first.execute("COMMIT")
        for one in (first, db):
            one.execute("BEGIN")
            one.execute("SELECT max(rowid) FROM attempts").fetchone()
        if db.execute("PRAGMA data_version").fetchone() == before:
            return db
        db.execute("COMMIT")
    return None


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

    unknown = text.count("NaN")
    if unknown and 4 * unknown + 1 == len(text):  # all of them, which is usual: most calls write no cache
        return np.full(unknown, np.nan)
    return np.array(jiter.from_json(text.encode(), cache_mode="none"), dtype="float64")


def _expression(name: str) -> str:
    return "CAST(round(started * 1e6) AS INTEGER)" if name == "started" else _MADE.get(name, name)
