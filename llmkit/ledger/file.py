"""The ledger's file: opening it whatever state it is in. Never raises; it says what it did.

A file that can't be used is never deleted: a broken one is set aside under another name, somebody
else's database is left alone. Rows are the business of ``store.py``.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmkit.ledger.process import ProcessMark, is_dead
from llmkit.ledger.schema import ForeignDatabase, NewerSchema, check, prepare

_BUSY_TIMEOUT = 2.0
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(slots=True)
class Opened:
    """A connection, and what is to be known of it.

    ``stand_in`` marks memory taken because the file could not be had. ``again`` gives one more connection, for long
    readings that nobody should wait for.
    """

    db: Any
    path: Path | None = None
    writable: bool = True
    stand_in: bool = False
    notice: str = ""
    inode: int | None = None
    again: Callable[[], Any] | None = None

    def moved_away(self) -> bool:
        """Was the file deleted or replaced under us? Rows would go nowhere then."""
        return self.path is not None and self.inode != inode_of(self.path)


def open_memory(notice: str = "", *, stand_in: bool = False) -> Opened:
    """A ledger that ends with the process."""
    db = connect(":memory:")
    prepare(db)
    return Opened(db, stand_in=stand_in, notice=notice)


def open_file(name: str) -> Opened:
    """The ledger in that file; in memory where there can be none, with a notice saying why."""
    path = Path(name)
    notice = ""
    for _ in range(2):
        inode = None
        try:
            _make(path)
            inode = inode_of(path)
            opened = _open(path)
            opened.notice = "\n".join(part for part in (notice, opened.notice) if part)
            return opened
        except ForeignDatabase:
            why = "it is a database of something else"
            break
        except (OSError, sqlite3.Error) as error:
            why = str(error)
            if not (isinstance(error, sqlite3.Error) and is_corrupt(error)):
                break
            try:
                notice = set_aside(path, inode)
            except OSError as refusal:
                why = f"{error}; it can't be renamed: {refusal}"
                break
    return open_memory(
        f"The ledger {name} can't be used: {why}. This session's rows are kept in memory only. "
        "LLMKIT_LEDGER can name another file.",
        stand_in=True,
    )


def is_corrupt(error: Exception) -> bool:
    """Does SQLite say that the file itself is broken?"""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _CORRUPT


def set_aside(path: Path, inode: int | None) -> str:
    """Rename a broken file, so that a fresh one can be made; the notice is the result.

    ``inode`` says which file was found broken: another process may have replaced it already.
    """
    if inode_of(path) != inode:
        return ""
    new = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
    for ending in ("", "-wal", "-shm"):  # the latter belong to the old file, and would spoil the new one
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ending).replace(new.with_name(new.name + ending))
    return (
        f"The ledger {path} was broken. It is kept as {new.name}, and a new one was begun. "
        f"Most of it can be had back with: sqlite3 {new.name} .recover"
    )


def _make(path: Path) -> None:
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _open(path: Path) -> Opened:
    if not os.access(path, os.W_OK):
        return _open_read_only(path)
    db = connect(str(path))
    opened = Opened(db, path, inode=inode_of(path))
    try:
        try:
            prepare(db)
        except NewerSchema:
            db.execute("PRAGMA query_only = ON")
            opened.writable = False
            opened.notice = (
                f"The ledger {path} was written by a newer llmkit. It is read and not written; "
                "this session's rows are kept in memory only. Upgrade llmkit to go on with it."
            )
            return opened
        db.execute("PRAGMA synchronous = NORMAL")
        opened.again = lambda: connect(str(path))
        _close_to_others(path)
        give_up_the_dead(db)
        return opened
    except BaseException:
        db.close()
        raise


def _open_read_only(path: Path) -> Opened:
    notice = (
        f"The ledger {path} is read-only; this session's rows are kept in memory only. "
        "LLMKIT_LEDGER can name another file."
    )
    # A file in WAL mode needs two more beside it, even for reading. Where these can't be made, nobody is
    # writing either, and the file can be read as it stands.
    refusal: sqlite3.Error | None = None
    for mode in ("mode=ro", "immutable=1"):
        name = f"{path.absolute().as_uri()}?{mode}"
        db = sqlite3.connect(name, uri=True, isolation_level=None, check_same_thread=False)
        try:
            with contextlib.suppress(NewerSchema):
                check(db)
            return Opened(db, path, writable=False, notice=notice, inode=inode_of(path))
        except sqlite3.OperationalError as error:
            refusal = error
            db.close()
        except BaseException:
            db.close()
            raise
    raise refusal or sqlite3.OperationalError("it can't be read")


def connect(name: str) -> sqlite3.Connection:
    """A bare connection; the ledger's own lock lets one thread at a time use it."""
    return sqlite3.connect(name, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)


def _close_to_others(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        with contextlib.suppress(OSError):  # a disk without permissions, or another owner's file
            path.chmod(0o600)


def give_up_the_dead(db: Any) -> None:
    """Rows whose process died between sending and settling: maybe billed, nobody knows."""
    writers = db.execute(
        "SELECT pid, host, process, max(started) FROM attempts WHERE settled IS NULL "
        "AND status = 'pending' GROUP BY pid, host, process"
    ).fetchall()
    now = time.time()
    for pid, host, process, started in writers:
        if is_dead(ProcessMark(pid, host, process), now - started):
            # Not marked as settled: should the process live after all, its settle still counts.
            db.execute(
                "UPDATE attempts SET status = 'unknown_billed', cost_note = ? WHERE settled IS NULL "
                "AND status = 'pending' AND pid = ? AND host = ? AND process = ?",
                ("The process ended before the answer did; it may have been billed.", pid, host, process),
            )


def inode_of(path: Path) -> int | None:
    """Which file stands under that name just now."""
    try:
        return path.stat().st_ino
    except OSError:
        return None
