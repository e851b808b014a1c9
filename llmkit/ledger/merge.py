"""Rows of one ledger's file into another's: each attempt once, however often it is done.

Reading and writing the rows of calls lives in ``store.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.ledger.file import connect, open_file
from llmkit.ledger.place import is_address, on_server, shown
from llmkit.ledger.schema import COLUMNS, ForeignDatabase, NewerSchema, check
from llmkit.ledger.words import attempts

Place = str | os.PathLike[str]
#: Rows on their way to a server at once.
_MANY = 2_000


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: rows that are new, rows that were open here and are settled now, rows known before."""

    added: int = 0
    completed: int = 0
    known: int = 0

    def __add__(self, other: Merged) -> Merged:
        return Merged(self.added + other.added, self.completed + other.completed, self.known + other.known)

    def __str__(self) -> str:
        return f"{attempts(self.added)} added, {self.completed:,} completed, {self.known:,} known before"


def merge(into: Place, *sources: Place) -> Merged:
    """Copy the rows of other ledgers' files into this one, which is made if there is none. The others are only read.
    ``into`` may be the address of a PostgreSQL database as well.

    An attempt has the same id wherever it is, so nothing counts twice, and doing it again changes nothing. Where
    one file has an attempt still open that another has settled, the settled one is kept. Either all rows of a
    source come, or none.

    >>> merge("team.db", "anna.db", "ben.db")  # doctest: +SKIP
    Merged(added=1204, completed=0, known=0)
    """
    for source in sources:
        if not Path(source).is_file():
            raise BadRequest(
                f"There is no ledger {shown(os.fspath(source))}.", hint="Name the files of ledgers."
            )
    if on_server(os.fspath(into)):
        return _merge_into_server(os.fspath(into), [Path(source) for source in sources])
    if is_address(os.fspath(into)):
        raise BadRequest(
            f"{shown(os.fspath(into))} is neither a file nor an address that is known here.",
            hint="Name a file, or a database as postgresql://USER:PASSWORD@HOST/NAME.",
        )
    target = Path(into)
    for source in sources:
        if target.exists() and Path(source).samefile(target):
            raise BadRequest(
                f"{os.fspath(source)} can't be merged into itself.",
                hint="Name another ledger to take rows from.",
            )
    opened = open_file(str(target))
    try:
        if opened.stand_in or not opened.writable:
            raise BadRequest(
                f"Nothing can be written to {target}.",
                why=opened.notice,
                hint="Name a file in a folder that you may write to.",
            )
    finally:
        opened.db.close()
    done = Merged()
    with contextlib.closing(connect(str(target))) as db:
        for source in sources:
            with _told(source, target):
                done += _take(db, Path(source))
    return done


def sync(one: Place, other: Place) -> tuple[Merged, Merged]:
    """Bring two ledgers to the same rows; what came into the one, and what into the other.

    A row that was purged from one of them comes back from the other.
    """
    if on_server(os.fspath(one)) or on_server(os.fspath(other)):
        raise BadRequest(
            "A database is not copied into a file.",
            hint="Use merge(database, file): all its rows are there then.",
        )
    return merge(one, other), merge(other, one)


def _take(db: sqlite3.Connection, source: Path) -> Merged:
    with _attached(db, source) as columns:
        names = ", ".join(columns)
        db.execute("BEGIN IMMEDIATE")
        try:
            total = db.execute("SELECT count(*) FROM source.attempts").fetchone()[0]
            added = db.execute(
                f"INSERT OR IGNORE INTO main.attempts ({names}) SELECT {names} FROM source.attempts ORDER BY rowid"  # noqa: S608 - our own words
            ).rowcount
            completed = db.execute(
                f"REPLACE INTO main.attempts ({names}) SELECT {names} FROM source.attempts AS theirs "  # noqa: S608 - our own words
                "WHERE theirs.settled IS NOT NULL AND EXISTS (SELECT 1 FROM main.attempts AS ours "
                "WHERE ours.id = theirs.id AND ours.settled IS NULL)"
            ).rowcount
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    return Merged(added, completed, total - added - completed)


def _merge_into_server(address: str, sources: list[Path]) -> Merged:
    from llmkit.ledger.postgres import open_server

    done = Merged()
    try:
        opened = open_server(address)
    except sqlite3.Error as error:
        raise BadRequest(
            f"{shown(address)} can't be reached.", why=str(error), hint="Is the server up, the address right?"
        ) from None
    with contextlib.closing(opened.db) as db:
        if not opened.writable:
            raise BadRequest(
                f"Nothing can be written to {shown(address)}.",
                why=opened.notice,
                hint="May that user create and fill tables there?",
            )
        for source in sources:
            with _told(source, shown(address)), _whole(db):
                done += _send(db, source)
    return done


def _send(db: Any, source: Path) -> Merged:
    """All rows of a source to a server, some thousands at a time."""
    from llmkit.ledger.store import put

    done = Merged()
    with contextlib.closing(connect(":memory:")) as near, _attached(near, source) as columns:
        found = near.execute(f"SELECT {', '.join(columns)} FROM source.attempts ORDER BY rowid")  # noqa: S608
        while rows := [dict(zip(columns, row, strict=True)) for row in found.fetchmany(_MANY)]:
            ids = json.dumps([row["id"] for row in rows])
            there = dict(
                db.execute(
                    "SELECT id, settled FROM attempts WHERE id IN (SELECT value FROM json_each(?))",
                    [ids],
                ).fetchall()
            )
            new = [row for row in rows if row["id"] not in there]
            settled = [
                row
                for row in rows
                if row["settled"] is not None and there.get(row["id"], row["settled"]) is None
            ]
            if new or settled:
                put(db, [{**dict.fromkeys(COLUMNS), **row} for row in (*new, *settled)])
            done += Merged(len(new), len(settled), len(rows) - len(new) - len(settled))
    return done


@contextlib.contextmanager
def _whole(db: Any) -> Iterator[None]:
    """All that is written meanwhile, or nothing."""
    db.execute("BEGIN")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # where the server is gone, so is what was begun there
            db.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _told(source: Place, target: Place) -> Iterator[None]:
    """A database that fails in the middle is told of in words."""
    try:
        yield
    except sqlite3.Error as error:
        raise BadRequest(
            f"{os.fspath(source)} could not be merged into {os.fspath(target)}.",
            why=str(error),
            hint="Nothing of it was taken. `sqlite3 FILE .recover` mends a broken file.",
        ) from None


@contextlib.contextmanager
def _attached(db: sqlite3.Connection, source: Path) -> Iterator[list[str]]:
    """The source beside the target; the columns that both have."""
    try:
        with contextlib.closing(connect(str(source))) as probe:
            probe.execute("PRAGMA query_only = ON")
            if not check(probe):
                raise ForeignDatabase
        db.execute("ATTACH DATABASE ? AS source", [str(source)])
    except ForeignDatabase:
        raise BadRequest(f"{source} is no ledger of llmkit's.", hint="Nothing of it was taken.") from None
    except NewerSchema:
        raise BadRequest(
            f"{source} was written by a newer llmkit.",
            why="Some of its columns are unknown here.",
            hint="Upgrade llmkit.",
        ) from None
    except sqlite3.Error as error:
        raise BadRequest(
            f"{source} can't be read.", why=str(error), hint="Nothing of it was taken."
        ) from None
    try:
        theirs = {row[1] for row in db.execute("PRAGMA source.table_info(attempts)")}
        yield [name for name in COLUMNS if name in theirs]
    finally:
        db.execute("DETACH DATABASE source")
