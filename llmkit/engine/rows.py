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
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []

    async def write(self, row: Row) -> None:
        """Write this row, together with those that others have ready; it is written when this returns.
        A row whose writer is cancelled meanwhile is written all the same."""
        if not self._waiting and self._alone():  # nobody to wait for
            self.flush(row)
            return
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self.flush)
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.append((row, written))
        await written

    def flush(self, *more: Row) -> None:
        """Write what waits, and these after it, without giving way to other work."""
        waiting, self._waiting = self._waiting, []
        rows = [row for row, _ in waiting] + list(more)
        if rows:
            self.ledger.write(rows)
        for _, written in waiting:
            if not written.done():
                written.set_result(None)
