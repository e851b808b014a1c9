"""What state a ledger's file is in. It is looked at and never changed, nor made where there is none."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmkit.ledger.place import MEMORY, is_address, on_server, shown

_ENDINGS = ("", "-wal", "-shm")

#: All attempts, those that are not settled, those that may have cost something.
_COUNTED: Final = (
    "SELECT count(*), count(CASE WHEN status = 'pending' THEN 1 END), "
    "count(CASE WHEN status = 'unknown_billed' AND simulated = 0 THEN 1 END) FROM attempts"
)


@dataclass(frozen=True, slots=True)
class Checkup:
    """A look at one file. Where it can't be read, ``trouble`` says why."""

    path: str
    exists: bool
    size: int = 0
    rows: int = 0
    pending: int = 0
    #: Of the real ones: what the simulator answered costs nothing, however it ended.
    unknown_billed: int = 0
    trouble: str = ""
    #: Files of earlier, broken ledgers that were kept.
    set_aside: tuple[str, ...] = ()


def look(path: str) -> Checkup:
    """Look at the ledger of that path.

    >>> look(":memory:").exists
    False
    """
    if on_server(path):
        return _look_at_server(path)
    if is_address(path):
        return Checkup(
            shown(path), exists=True, trouble="It is neither a file nor an address that is known here."
        )
    file = Path(path)
    if path == MEMORY or not file.exists():
        return Checkup(path, exists=False)
    broken = tuple(sorted(kept.name for kept in file.parent.glob(f"{file.name}.corrupt-*")))
    broken = tuple(name for name in broken if not name.endswith(_ENDINGS[1:]))
    size = sum(beside.stat().st_size for end in _ENDINGS if (beside := Path(path + end)).exists())
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=2)
        ) as db:
            said = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            rows, pending, unknown_billed = db.execute(_COUNTED).fetchone()
    except (sqlite3.Error, OSError) as error:
        return Checkup(path, exists=True, size=size, trouble=str(error), set_aside=broken)
    return Checkup(
        path,
        exists=True,
        size=size,
        rows=rows,
        pending=pending,
        unknown_billed=unknown_billed,
        trouble="" if said == "ok" else said,
        set_aside=broken,
    )


def _look_at_server(address: str) -> Checkup:
    from llmkit.ledger.postgres import Connection

    try:
        with contextlib.closing(Connection(address, reading=True)) as db:
            made = db.execute("SELECT to_regclass('attempts')").fetchone()
            if made is None or made[0] is None:
                return Checkup(shown(address), exists=False)
            rows, pending, unknown_billed = db.execute(_COUNTED).fetchone()
    except sqlite3.Error as error:
        return Checkup(shown(address), exists=True, trouble=str(error))
    return Checkup(shown(address), exists=True, rows=rows, pending=pending, unknown_billed=unknown_billed)
