"""A ledger that a team shares: the same table in a PostgreSQL database, spoken to as SQLite is.

The table's columns and migrations are those of ``schema.py``; they live in a schema of their own, ``llmkit``, so that
nobody's tables are touched. What a ledger promises is kept by ``store.py``: this file only connects and translates.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from llmkit.core.errors import MissingPackage
from llmkit.ledger.file import Opened, give_up_the_dead
from llmkit.ledger.place import shown
from llmkit.ledger.schema import MIGRATIONS

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]

_SCHEMA: Final = "llmkit"
_CONNECT_SECONDS: Final = 3
#: Nobody waits longer than this for a lock, or for a row to be written.
_LOCK_MS, _WRITE_MS = 2_000, 10_000
_BUILDING: Final = 0x6C6C6D6B  # two that make the tables at once wait for each other by this lock
_NAMED: Final = re.compile(r":(\w+)")


class Unreachable(sqlite3.OperationalError):
    """The server can't be reached, or refuses. A database error like SQLite's own, so that what holds for a
    file that can't be written holds here too: calls go on, their rows wait."""


class Connection:
    """A connection that takes SQL as SQLite has it."""

    def __init__(self, url: str, *, reading: bool = False) -> None:
        psycopg = _package()
        self._raw: Any
        given = _conninfo(url)
        defaults = {
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "llmkit",
            "tcp_user_timeout": 5_000,
        }
        try:
            self._raw = psycopg.connect(**{**defaults, **given}, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise Unreachable(_said(error)) from None
        self._broken: type[Exception] = psycopg.Error
        try:
            self.execute(f"SET search_path = {_SCHEMA}")
            if not reading:
                self.execute(f"SET lock_timeout = {_LOCK_MS}")
                self.execute(f"SET statement_timeout = {_WRITE_MS}")
        except BaseException:
            self.close()
            raise

    def execute(self, sql: str, values: Values = ()) -> Any:
        """One statement."""
        try:
            return self._raw.execute(translated(sql).encode(), _clean(values) or None)
        except self._broken as error:
            raise Unreachable(_said(error)) from None

    def executemany(self, sql: str, rows: Iterable[Values]) -> None:
        """One statement for many rows."""
        try:
            with self._raw.cursor() as cursor:
                cursor.executemany(translated(sql).encode(), [_clean(row) for row in rows])
        except self._broken as error:
            raise Unreachable(_said(error)) from None

    @property
    def in_transaction(self) -> bool:
        """Has a transaction begun?"""
        from psycopg.pq import TransactionStatus

        return self._raw.info.transaction_status is not TransactionStatus.IDLE

    def close(self) -> None:
        """Hang up."""
        self._raw.close()


def open_server(url: str) -> Opened:
    """The ledger on that server; its table is made if there is none. Raises :class:`Unreachable`."""
    db = Connection(url)
    try:
        version = _version(db)
        if version < len(MIGRATIONS):
            version = _migrate(db)
        opened = Opened(db, again=lambda: Connection(url, reading=True))
        if version > len(MIGRATIONS):
            opened.writable = False
            opened.notice = (
                f"The ledger {shown(url)} was written by a newer llmkit. It is read and not written; "
                "this session's rows are kept in memory only. Upgrade llmkit to go on with it."
            )
            return opened
        give_up_the_dead(db)
        return opened
    except BaseException:
        db.close()
        raise


def _version(db: Connection) -> int:
    """How many migrations the tables have seen."""
    there = db.execute("SELECT to_regclass(?)", [f"{_SCHEMA}.version"]).fetchone()
    if there is None or there[0] is None:
        return 0
    found = db.execute("SELECT max(number) FROM version").fetchone()
    return int(found[0] or 0) if found is not None else 0


def _migrate(db: Connection) -> int:
    db.execute("BEGIN")
    try:
        db.execute("SELECT pg_advisory_xact_lock(?)", [_BUILDING])
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}")
        db.execute("CREATE TABLE IF NOT EXISTS version (number BIGINT PRIMARY KEY)")
        for number in range(_version(db), len(MIGRATIONS)):  # somebody may have been quicker
            for statement in MIGRATIONS[number].split(";"):
                if statement.strip():
                    db.execute(_as_here(statement))
            db.execute("INSERT INTO version VALUES (?)", [number + 1])
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return _version(db)


def _as_here(statement: str) -> str:
    """A statement of a migration with this database's types. Ids are compared by their letters, as in SQLite."""
    types = {
        "INTEGER": "BIGINT",
        "REAL": "DOUBLE PRECISION",
        "id TEXT PRIMARY": 'id TEXT COLLATE "C" PRIMARY',
    }
    for here, there in types.items():
        statement = statement.replace(here, there)
    return statement


@functools.cache
def translated(sql: str) -> str:
    """The same statement for this database.

    >>> translated("SELECT 1 WHERE id = ? AND tag IN (SELECT value FROM json_each(?))")
    'SELECT 1 WHERE id = %s AND tag IN (SELECT value FROM json_array_elements_text(%s::json))'
    >>> translated("INSERT INTO attempts (id) VALUES (:id)")
    'INSERT INTO attempts (id) VALUES (%(id)s)'
    """
    sql = _NAMED.sub(r"%(\1)s", sql.replace("BEGIN IMMEDIATE", "BEGIN"))
    return sql.replace("json_each(?)", "json_array_elements_text(?::json)").replace("?", "%s")


def _clean(values: Values) -> Any:
    if isinstance(values, Mapping):
        return {name: _value(value) for name, value in values.items()}
    return [_value(value) for value in values]


def _value(value: Any) -> Any:
    match value:
        case bool():
            return int(value)
        case str():
            return value.replace("\0", "\ufffd")  # the one character that its texts can't hold
        case _:
            return value


def _conninfo(url: str) -> dict[str, Any]:
    psycopg = _package()
    try:
        given = dict(psycopg.conninfo.conninfo_to_dict(url))
    except psycopg.Error as error:
        raise Unreachable(_said(error)) from None
    if not re.fullmatch(
        r"[\d,]*", str(given.get("port") or "")
    ):  # libpq would quote it, and it may be a password's half
        raise Unreachable("its port is no number; in a password, / is written %2F, and @ %40")
    return given


def _said(error: Exception) -> str:
    """Its first line. A password is in none of libpq's, but an address that it can't read may be quoted."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r'"postgres(ql)?://[^"]*"', "the address", first)


def _package() -> Any:
    try:
        import psycopg
        import psycopg.conninfo
    except ImportError:
        raise MissingPackage(
            "A ledger in PostgreSQL needs psycopg.",
            why="It is not installed.",
            hint='Install it: `pip install "llmkit[postgres]"`.',
        ) from None
    return psycopg
