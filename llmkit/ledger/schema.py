"""The shape of the ledger's file: its columns, its numbered migrations, and who may open it.

A migration that was ever released is never changed; a new one is appended. Reading and writing
rows lives in ``store.py``.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final, Literal, get_args

Status = Literal[
    "pending",
    "ok",
    "cancelled",
    "truncated",
    "error",
    "refused",
    "cached",
    "unknown_billed",
]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)

#: Marks a SQLite file as ours ("llmk"), so that nobody else's database is ever written to.
APPLICATION_ID: Final = 0x6C6C6D6B

MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE attempts (
        id TEXT PRIMARY KEY,
        call TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        started REAL NOT NULL,
        settled REAL,
        session TEXT NOT NULL,
        notebook TEXT,
        cell TEXT,
        tag TEXT,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        model_served TEXT,
        endpoint TEXT,
        route TEXT,
        status TEXT NOT NULL,
        stop_reason TEXT,
        input INTEGER,
        cache_read INTEGER,
        cache_write_5m INTEGER,
        cache_write_1h INTEGER,
        output INTEGER,
        reasoning INTEGER,
        input_audio INTEGER,
        output_audio INTEGER,
        input_image INTEGER,
        output_image INTEGER,
        web_searches INTEGER,
        service_tier TEXT,
        usage_source TEXT NOT NULL DEFAULT 'unknown',
        cost TEXT,
        currency TEXT,
        cost_source TEXT NOT NULL DEFAULT 'unknown',
        cost_note TEXT,
        price_date TEXT,
        estimated INTEGER NOT NULL DEFAULT 0,
        ttft REAL,
        duration REAL,
        request_id TEXT,
        response_id TEXT,
        error_kind TEXT,
        error TEXT,
        bytes_in INTEGER,
        bytes_out INTEGER,
        prompt_hash TEXT,
        simulated INTEGER NOT NULL DEFAULT 0,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL,
        process TEXT NOT NULL
    );
    CREATE INDEX attempts_started ON attempts (started);
    CREATE INDEX attempts_unsettled ON attempts (started) WHERE settled IS NULL;
    """,
    # What llmkit guessed the input to be, beside what the provider counted: the next guess is better by it.
    """
    ALTER TABLE attempts ADD COLUMN estimated_input INTEGER;
    """,
)

#: The columns as this version of llmkit writes them, in the order of the table.
COLUMNS: Final[tuple[str, ...]] = (
    "id",
    "call",
    "attempt",
    "started",
    "settled",
    "session",
    "notebook",
    "cell",
    "tag",
    "provider",
    "model",
    "model_served",
    "endpoint",
    "route",
    "status",
    "stop_reason",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "input_audio",
    "output_audio",
    "input_image",
    "output_image",
    "web_searches",
    "service_tier",
    "usage_source",
    "cost",
    "currency",
    "cost_source",
    "cost_note",
    "price_date",
    "estimated",
    "ttft",
    "duration",
    "request_id",
    "response_id",
    "error_kind",
    "error",
    "bytes_in",
    "bytes_out",
    "prompt_hash",
    "simulated",
    "pid",
    "host",
    "process",
    "estimated_input",
)


class ForeignDatabase(Exception):
    """The file is a database, but not a ledger of ours."""


class NewerSchema(Exception):
    """A newer llmkit wrote this file; this one may read it, and must not write."""


def prepare(db: sqlite3.Connection) -> None:
    """Bring a database to this version's shape (from nothing, or from an older one).

    Raises :class:`NewerSchema` or :class:`ForeignDatabase`, having changed nothing.
    """
    if check(db) == len(MIGRATIONS):
        return
    _use_wal(db)
    db.execute("BEGIN IMMEDIATE")
    try:
        for number in range(check(db), len(MIGRATIONS)):  # somebody may have been quicker
            for statement in MIGRATIONS[number].split(";"):
                if statement.strip():
                    db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def check(db: sqlite3.Connection) -> int:
    """The version of a ledger (0: not made yet). Raises for what is none, or too new to be written."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if tables and owner != APPLICATION_ID:
        raise ForeignDatabase
    if version > len(MIGRATIONS):
        raise NewerSchema
    return version


def _use_wal(db: sqlite3.Connection) -> None:
    # Two processes that make the file at the same moment disturb each other here, and SQLite's own
    # busy handler is not asked. Where WAL can't be had (some network disks) the rollback journal
    # stays, which is slower and as safe.
    for attempt in range(50):
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt == 49:
                raise
            time.sleep(0.02)
