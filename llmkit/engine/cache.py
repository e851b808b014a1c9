"""The response cache: the same question to the same place is answered from disk. Only where asked for.

What counts as the same is the full request, the endpoint and the version of what is kept; prompts are kept
as hashes only, answers as JSON in SQLite, keys not at all. A cache that is broken, locked or full costs a hit, never a call.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.reply import Reply
from llmkit.engine.recording import Beat, Recording, key_of, unlocked
from llmkit.engine.turns import Turns
from llmkit.ledger.place import data_directory

DAY = 24 * 3600.0
_SCHEMA = 1
_APPLICATION = 0x6C6C6D63  # "llmc"
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TABLE = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, size INTEGER NOT NULL, made REAL NOT NULL, used REAL NOT NULL
)
"""
#: Endings that another try may well change.
_NOT_KEPT = ("error", "pause", "unknown", "other")


class Cache:
    """Whole replies, kept for ``ttl`` seconds, at most ``max_bytes`` of them (the longest unused go first).

    >>> session = llmkit.Session({"cache": {"ttl": 3600}})  # doctest: +SKIP
    >>> llmkit.ask("Why is the sky blue?", cache=True)  # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        ttl: float | None = 7 * DAY,
        max_bytes: int = 200_000_000,
        tell: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db: sqlite3.Connection | None = None
        for name, value in (("ttl", ttl), ("max_bytes", max_bytes)):
            if value is not None and not value > 0:
                raise BadRequest(
                    f"A cache's {name} must be more than 0, not {value!r}.",
                    hint="Leave it out for the usual one; `cache=False` asks without the cache.",
                )
        self.path = data_directory() / "cache.db" if path is None else Path(path)
        self.ttl = ttl
        self.max_bytes = max_bytes
        self.hits = 0
        self.misses = 0
        self.notices: list[str] = []
        self._tell = tell
        self._clock = clock
        self._pid = os.getpid()
        self._lock = threading.RLock()
        #: Calls that ask the same at the same time, one after the other.
        self.turns = Turns()

    def find(self, asked: Mapping[str, Any]) -> Recording | None:
        """What was answered to that, if it is here and not too old. Never raises."""
        key = _key(asked)
        with self._lock:
            value = self._do(lambda db: self._look_up(db, key))
            try:
                found = None if value is None else Recording.from_json({**json.loads(value), "asked": asked})
            except (ValueError, TypeError, RecursionError):
                self._do(lambda db: db.execute("DELETE FROM replies WHERE key = ?", (key,)))
                found = None
            self.hits += found is not None
            self.misses += found is None
        return found

    def keep(self, asked: Mapping[str, Any], beats: tuple[Beat, ...], reply: Reply) -> bool:
        """Keep a whole reply; one that is cut, empty or broken is not kept. Was it? Never raises."""
        if not reply.complete or not reply.message.parts or reply.stop_reason in _NOT_KEPT:
            return False
        plain = Recording({}, beats, reply).to_json()
        del plain["asked"], plain["key"]
        # ASCII: half a surrogate pair in an answer can't be stored otherwise.
        value = json.dumps(unlocked(plain))
        if len(value) > self.max_bytes:
            return False
        with self._lock:
            return self._do(lambda db: self._store(db, _key(asked), value)) is True

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._do(lambda db: db.execute("DELETE FROM replies"))

    def close(self) -> None:
        """Let go of the file; a later use opens it again."""
        with self._lock:
            if self._db is not None and self._pid == os.getpid():
                self._db.close()
            self._db = None

    def __len__(self) -> int:
        with self._lock:
            return int(self._do(lambda db: db.execute("SELECT count(*) FROM replies").fetchone()[0]) or 0)

    def __del__(self) -> None:
        if self._db is not None and self._pid == os.getpid():
            self._db.close()

    def __repr__(self) -> str:
        return f"<Cache {self.path}: {self.hits} hits, {self.misses} misses>"

    # -- within (all of it under the lock) ----------------------------------------------------

    def _look_up(self, db: sqlite3.Connection, key: str) -> str | None:
        now = self._clock()
        row = db.execute("SELECT value, made FROM replies WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        if self.ttl is not None and now - row[1] > self.ttl:
            db.execute("DELETE FROM replies WHERE key = ?", (key,))
            return None
        db.execute("UPDATE replies SET used = ? WHERE key = ?", (now, key))
        return str(row[0])

    def _store(self, db: sqlite3.Connection, key: str, value: str) -> bool:
        now = self._clock()
        db.execute(
            "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?)", (key, value, len(value), now, now)
        )
        if self.ttl is not None:
            db.execute("DELETE FROM replies WHERE made < ?", (now - self.ttl,))
        (total,) = db.execute("SELECT sum(size) FROM replies").fetchone()
        for name, size in db.execute("SELECT key, size FROM replies ORDER BY used, made").fetchall():
            if total <= self.max_bytes:
                break
            db.execute("DELETE FROM replies WHERE key = ?", (name,))
            total -= size
        return True

    def _do(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Do that with the database, on a fresh one if it turns out to be broken; ``None`` if it can't be."""
        for _ in range(2):
            try:
                return work(self._database())
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", None)
                if code is None or code & 0xFF not in _CORRUPT:
                    return self._say(f"The cache {self.path} can't be used just now ({error}).")
                self.close()
                try:
                    aside = _set_aside(self.path)
                except OSError as refusal:
                    return self._say(f"The cache {self.path} is broken and can't be renamed ({refusal}).")
                self._say(
                    f"The cache {self.path} was broken. It is kept as {aside.name}; a new one was begun."
                )
            except OSError as error:
                return self._say(f"The cache {self.path} can't be used ({error}).")
        return None

    def _database(self) -> sqlite3.Connection:
        if self._pid != os.getpid():  # a forked child neither uses nor closes its parent's connection
            _INHERITED.append(self._db)
            self._db, self._pid = None, os.getpid()
        if self._db is None:
            self._db = _open(self.path)
        return self._db

    def _say(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)
            if self._tell is not None:
                self._tell(notice)


_INHERITED: list[sqlite3.Connection | None] = []


def _key(asked: Mapping[str, Any]) -> str:
    return f"{_SCHEMA}-{key_of(asked)}"


def _open(path: Path) -> sqlite3.Connection:
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)
    try:
        (owner,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if owner != _APPLICATION and (owner or tables):
            raise sqlite3.OperationalError("it is a database of something else")
        if path.stat().st_mode & 0o077:
            with suppress(OSError):  # a disk without permissions
                path.chmod(0o600)
        if not tables:
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
        db.execute(_TABLE)
    except BaseException:
        db.close()
        raise
    return db


def _set_aside(path: Path) -> Path:
    new = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
    path.replace(new)
    return new
