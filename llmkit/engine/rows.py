"""The rows of many attempts on their way to the ledger: those of one turn of the loop go in one transaction.

Lives on the I/O thread. What is in a row is the business of ``attempt.py`` and the ledger.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmkit.ledger.entry import Row
    from llmkit.ledger.store import Ledger


class RowWriter:
    """Writes to one ledger. A transaction costs about as much as the work on ten rows, and with a hundred
    calls at once many rows are ready at the same moment."""

    def __init__(self, ledger: Ledger, *, alone: Callable[[], bool]) -> None:
        self.ledger = ledger
        self._alone = alone
        self._waiting: list[Row] = []

    async def write(self, row: Row) -> None:
        """Write this row, together with those that others have ready; it is written when this returns, and
        also when it is cancelled."""
        if not self._waiting and self._alone():  # nobody to wait for
            self.flush(row)
            return
        group = self._waiting
        group.append(row)
        try:
            await asyncio.sleep(0)  # whoever is ready in this turn joins; the first to be back writes for all
        finally:
            if self._waiting is group:
                self.flush()

    def flush(self, *more: Row) -> None:
        """Write what waits, and these after it, without giving way to other work."""
        rows, self._waiting = [*self._waiting, *more], []
        if rows:
            self.ledger.write(rows)
