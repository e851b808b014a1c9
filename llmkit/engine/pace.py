"""How much is taken up in one turn of the I/O loop: a little, so that a hundred calls don't go on in step.

An event loop does each step of all that is ready before the next step of any. A hundred answers that arrive
together are then read together, settled together, and a hundred new questions sent together, to be answered
together again: everyone waits for everyone, round after round. A few at a time, and the first are on their way
while the others are worked on; soon they come spread out. ``benchmarks/concurrency.py`` shows the difference.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from typing import Final

#: Calls begun in a turn.
STARTS_A_TURN: Final = 4
#: Sockets read in a turn.
READS_A_TURN: Final = 4


class FewAtATime(selectors.DefaultSelector):
    """Tells of a few ready sockets at a time, each in its turn; those not told of are still ready the next time."""

    _first = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now, or a part of it."""
        ready = super().select(timeout)
        if len(ready) <= READS_A_TURN:
            return ready
        first = self._first % len(ready)
        self._first += READS_A_TURN
        return [*ready[first:], *ready[:first]][:READS_A_TURN]


def new_loop() -> asyncio.AbstractEventLoop:
    """The loop for the I/O thread."""
    if sys.platform == "win32":  # its own loop needs no selector, and a selector there takes few sockets
        return asyncio.new_event_loop()
    return asyncio.SelectorEventLoop(FewAtATime())
