"""The ledger: one row for each attempt, on disk (or on the team's server) before the first byte leaves.

``begin`` and ``settle`` never raise: a call is worth more than its row. A row that can't be written
just now is held in memory, shows in every reading, and is written as soon as that works again.
What a row is made of lives in ``entry.py``, the table in ``schema.py``, DataFrames in ``frame.py``.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Final, TypeAlias, Unpack

from llmkit.core.errors import LLMKitError
from llmkit.ledger import entry
from llmkit.ledger.file import Opened, is_corrupt, open_file, open_memory, set_aside
from llmkit.ledger.place import MEMORY, is_address, ledger_path, on_server, shown
from llmkit.ledger.process import this_process
from llmkit.ledger.query import Filter, Moment, unix_time
from llmkit.ledger.schema import COLUMNS

# Built from our own column names only; whatever comes from outside is a bound parameter.
_UPSERT: Final = (
    f"INSERT INTO attempts ({', '.join(COLUMNS)}) VALUES ({', '.join(':' + c for c in COLUMNS)}) "  # noqa: S608
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in COLUMNS if c != 'id')} "
    "WHERE attempts.settled IS NULL"
)
_Cells: TypeAlias = tuple[Any, ...]
#: After a failed write, the file is left alone for so long (a locked file costs a wait each time).
_PAUSE: Final = 0.5
#: The same for a server: whoever tries to reach one that is away waits longer.
_SERVER_PAUSE: Final = 15.0


class Ledger:
    """The rows of all attempts, in one SQLite file that several kernels may share, or in PostgreSQL.

    >>> with Ledger.open(":memory:") as ledger:
    ...     id = ledger.begin(call="c1", attempt=1, session="s", provider="openai", model="gpt-6-luna")
    ...     ledger.settle(id, status="ok")
    ...     [row["status"] for row in ledger.rows()]
    ['ok']
    """

    def __init__(self, path: str, *, mask: entry.Mask = entry.mask_likely_keys) -> None:
        self._opened: Opened | None = None
        self._place = path
        #: Where it is, as it may be shown: the address of a database without its password.
        self.path = shown(path)
        self.notices: list[str] = []
        #: Settles that came twice, or for a row that nobody knows.
        self.ignored_settles = 0
        self._mask = mask
        self._lock = threading.RLock()
        self._writer = this_process()
        self._begun: dict[str, tuple[entry.Row, float]] = {}
        self._held: dict[str, entry.Row] = {}
        self._quiet_until = 0.0
        _LEDGERS.add(self)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None, *, mask: entry.Mask | None = None) -> Ledger:
        """Open the ledger (by default the user's own). Never raises; ``notices`` says what was wrong."""
        where = ledger_path() if path is None else os.fspath(path)
        ledger = cls(where, mask=entry.mask_likely_keys if mask is None else mask)
        with ledger._lock:
            try:
                ledger._database()
            except sqlite3.Error as error:  # a server that is away; its rows wait here
                ledger._complain(error)
        return ledger

    # -- writing ------------------------------------------------------------------------------

    def begin(self, **about: Unpack[entry.Opening]) -> str:
        """Write down that an attempt is about to be sent; its id is the result.

        >>> Ledger.open(":memory:").begin(call="c", attempt=1, session="s", provider="p", model="m") > ""
        True
        """
        row = self.draft(**about)
        self.write([row])
        return str(row["id"])

    def draft(self, **about: Unpack[entry.Opening]) -> entry.Row:
        """The row of an attempt about to be sent, still to be given to :meth:`write`."""
        name = entry.new_id()
        row = entry.opening(id=name, writer=self._writer, mask=self._mask, **about)
        with self._lock:
            self._begun[name] = (row, time.monotonic())
        return row

    def settle(self, id: str, **how: Unpack[entry.Ending]) -> None:
        """Write down how an attempt ended. Only the first settle of an attempt counts."""
        row = self.close_row(id, **how)
        if row is not None:
            self.write([row])

    def close_row(self, id: str, **how: Unpack[entry.Ending]) -> entry.Row | None:
        """The whole row of an attempt that ended, still to be given to :meth:`write`; ``None`` for one that
        is settled already, or unknown."""
        with self._lock:
            begun = self._begun.pop(id, None) or self._find_unsettled(id)
            if begun is None:
                self.ignored_settles += 1
                return None
            row, since = begun
            measured = None if since is None else time.monotonic() - since
        return row | entry.settlement(measured=measured, mask=self._mask, **how)

    def write(self, rows: list[entry.Row]) -> None:
        """Write rows in one transaction: all of them, or all are held until that works again."""
        with self._lock:
            waiting = bool(self._held)
            if not waiting and self._try_writing(rows):
                return
            self._held |= {str(row["id"]): row for row in rows}
            if waiting:
                self._write_held()

    def flush(self) -> bool:
        """Write the rows that are held in memory; True if none is left."""
        with self._lock:
            self._quiet_until = 0.0
            self._write_held()
            return not self._held

    def purge(self, before: Moment | None = None) -> int:
        """Delete the settled rows that began before that moment (all of them without one).

        The number of deleted rows is the result. Unlike ``begin`` and ``settle`` it may raise.
        """
        with self._lock:
            self.flush()
            db = self._database().db
            if before is None:
                done = db.execute("DELETE FROM attempts WHERE settled IS NOT NULL")
            else:
                done = db.execute(
                    "DELETE FROM attempts WHERE settled IS NOT NULL AND started < ?", (unix_time(before),)
                )
            return int(done.rowcount)

    # -- reading ------------------------------------------------------------------------------

    def rows(self, wanted: Filter | None = None, **filters: Any) -> Iterator[dict[str, Any]]:
        """The attempts asked for (see :class:`Filter`), in the order they began.

        >>> list(Ledger.open(":memory:").rows(tag="'; DROP TABLE attempts; --"))
        []
        """
        found = self._find(Filter(**filters) if wanted is None else wanted)
        return (dict(zip(COLUMNS, row, strict=True)) for row in found)

    def guesses(self, provider: str, model: str, most: int = 200) -> list[tuple[int, int]]:
        """The last inputs of a model, as they were guessed and as the provider counted them."""
        counted = (
            "input + coalesce(cache_read, 0) + coalesce(cache_write_5m, 0) + coalesce(cache_write_1h, 0)"
        )
        if self.resting:
            return []
        with self._lock, self._server_may_be_away():
            found = self._database().db.execute(
                f"SELECT estimated_input, {counted} FROM attempts "  # noqa: S608 - our own column names
                "WHERE provider = ? AND model = ? AND usage_source = 'provider' AND estimated_input > 0 "
                "AND input IS NOT NULL ORDER BY started DESC LIMIT ?",
                (provider, model, most),
            )
            return [(guess, count) for guess, count in found.fetchall() if count]
        return []

    def columns(self, wanted: Filter, names: Iterable[str] = COLUMNS) -> dict[str, list[Any]]:
        """The same rows column by column, which is quicker for many; only these columns (and ids and times).

        >>> Ledger.open(":memory:").columns(Filter(), ["cost"])["cost"]
        []
        """
        chosen = tuple(dict.fromkeys(("id", "started", *names)))
        found = self._find(wanted, chosen)
        return {name: [row[at] for row in found] for at, name in enumerate(chosen)}

    @property
    def healthy(self) -> bool:
        """Does every row reach the place it should?"""
        with self._lock:
            opened = self._opened
            return not self._held and (opened is None or (opened.writable and not opened.stand_in))

    @property
    def resting(self) -> bool:
        """Did its server fail just now, so that it isn't asked for a while?"""
        with self._lock:
            return on_server(self._place) and time.monotonic() < self._quiet_until

    @property
    def file(self) -> str | None:
        """The SQLite file that all rows are in just now, if they are."""
        with self._lock:
            return None if self._held or self.in_memory or on_server(self._place) else self._place

    @property
    def in_memory(self) -> bool:
        """Will the rows be gone when this process ends?"""
        with self._lock:
            return self.path == MEMORY or (self._opened is not None and self._opened.stand_in)

    # -- opening and closing ------------------------------------------------------------------

    def close(self) -> None:
        """Write what is held and let go of the file. A later call opens it again."""
        with self._lock:
            self.flush()
            if self._held:
                self._say(f"{len(self._held)} rows of the ledger could not be written to {self.path}.")
            if self._opened is not None and not self.in_memory:
                self._opened.db.close()
                self._opened = None

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._opened is not None:
            self._opened.db.close()

    def __repr__(self) -> str:
        return f"<Ledger {self.path}{'' if self.healthy else ', not healthy'}>"

    # -- within (all of it under the lock) ----------------------------------------------------

    def _database(self) -> Opened:
        if self._opened is None:
            self._opened = _open(self._place)
            if self._opened.notice:
                self._say(self._opened.notice)
        return self._opened

    @contextlib.contextmanager
    def _server_may_be_away(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if not on_server(self._place):
                raise
            self._complain(error)

    def _write_held(self) -> None:
        due = self._held and time.monotonic() >= self._quiet_until
        if due and self._try_writing(list(self._held.values())):
            self._held.clear()

    def _try_writing(self, rows: list[entry.Row]) -> bool:
        for _ in range(2):
            try:
                opened = self._database()
                if opened.moved_away():
                    self._reopen()
                    opened = self._database()
                if not opened.writable:
                    return False
                store(opened.db, rows)
                return True
            except (OSError, sqlite3.Error) as error:
                if not (is_corrupt(error) and self._replaced_corrupt()):
                    self._complain(error)
                    return False
        return False

    def _find(self, wanted: Filter, names: tuple[str, ...] = COLUMNS) -> list[_Cells]:
        where, values = wanted.where()
        with self._lock:
            held = {name: dict(row) for name, row in self._held.items()}
        try:
            found = self._read(where, values, names)
        except sqlite3.Error as error:
            if not on_server(self._place):
                raise
            with self._lock:
                self._complain(error)
            raise _unread(self.path, error) from None
        if held:
            name, started = names.index("id"), names.index("started")
            found = [row for row in found if row[name] not in held]
            with contextlib.closing(open_memory().db) as db:
                store(db, list(held.values()))
                found += _select(db, where, values, names)
            found.sort(key=lambda row: (row[started], row[name]))
        return found

    def _read(self, where: str, values: list[Any], names: tuple[str, ...] = COLUMNS) -> list[_Cells]:
        try:
            return self._select(where, values, names)
        except sqlite3.DatabaseError as error:
            with self._lock:
                if not (is_corrupt(error) and self._replaced_corrupt()):
                    raise
            return self._select(where, values, names)

    def _select(self, where: str, values: list[Any], names: tuple[str, ...]) -> list[_Cells]:
        with self._lock:
            opened = self._database()
            if opened.again is None:
                return _select(opened.db, where, values, names)
        # A long reading has its own connection, so that no call waits for it.
        with contextlib.closing(opened.again()) as db:
            return _select(db, where, values, names)

    def _find_unsettled(self, id: str) -> tuple[entry.Row, None] | None:
        """A row that another Ledger (before a fork, say) began; None if there is none to settle."""
        if id in self._held:
            return None
        try:
            found = self._read("id = ? AND settled IS NULL", [id])
        except sqlite3.Error as error:
            self._complain(error)
            return None
        return (dict(zip(COLUMNS, found[0], strict=True)), None) if found else None

    def _replaced_corrupt(self) -> bool:
        if self._opened is None or self._opened.path is None:
            return False
        path, inode = self._opened.path, self._opened.inode
        self._reopen()
        try:
            self._say(set_aside(path, inode))
        except OSError as error:
            self._say(f"The ledger {path} is broken and can't be renamed ({error}).")
            return False
        return True

    def _reopen(self) -> None:
        if self._opened is not None:
            self._opened.db.close()
            self._opened = None

    def _complain(self, error: Exception) -> None:
        if on_server(self._place):
            self._quiet_until = time.monotonic() + _SERVER_PAUSE
            self._reopen()
        else:
            self._quiet_until = time.monotonic() + _PAUSE
        self._say(
            f"The ledger {self.path} can't be written just now ({error}). "
            "Calls go on; their rows are kept in memory and written as soon as that works."
        )

    def _say(self, notice: str) -> None:
        if notice and notice not in self.notices:
            self.notices.append(notice)

    def _after_fork(self) -> None:
        # The parent's connection must be neither used nor closed here, nor its rows written twice.
        _INHERITED.append(self._opened)
        self._lock = threading.RLock()
        self._opened = None
        self._begun.clear()
        self._held.clear()
        self._writer = this_process()


def _open(place: str) -> Opened:
    if place == MEMORY:
        return open_memory()
    if on_server(place):
        from llmkit.ledger.postgres import open_server

        return open_server(place)
    if is_address(place):  # as a file's name it would make directories, one of them named after the password
        return open_memory(
            f"The ledger {shown(place)} is neither a file nor an address that is known here. This session's rows are "
            "kept in memory only. Name a file, or a database as postgresql://USER:PASSWORD@HOST/NAME.",
            stand_in=True,
        )
    return open_file(place)


def _unread(path: str, error: Exception) -> LLMKitError:
    return LLMKitError(
        f"The ledger {path} can't be read just now.",
        why=str(error),
        hint="Calls go on, and their rows are kept in memory until it is there again. Is the server up, the address right?",
    )


def store(db: Any, rows: list[entry.Row]) -> None:
    """Write rows, all or none; one that is settled already stays as it is."""
    if len(rows) == 1:
        db.execute(_UPSERT, rows[0])
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        put(db, rows)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def put(db: Any, rows: list[entry.Row]) -> None:
    """The same within a transaction that has begun."""
    db.executemany(_UPSERT, rows)


def _select(db: Any, where: str, values: list[Any], names: tuple[str, ...]) -> list[_Cells]:
    sql = f"SELECT {', '.join(names)} FROM attempts WHERE {where} ORDER BY started, id"  # noqa: S608 - our own words
    found: list[_Cells] = db.execute(sql, values).fetchall()
    return found


_LEDGERS: weakref.WeakSet[Ledger] = weakref.WeakSet()
_INHERITED: list[Opened | None] = []


def _after_fork() -> None:
    for ledger in list(_LEDGERS):
        ledger._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
