"""Blind comparing: which model wrote what stays hidden until somebody has voted on the question.

Here is what is hidden, in which order, and under which letters. Whoever shows a comparison asks here for its names.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmkit.jobs.grid import Cell

Shuffle = Callable[[list[Any]], object]
_SHUFFLE: Shuffle = random.SystemRandom().shuffle


class Veil:
    """Hides names and shuffles the answers to each question, as long as it is ``on``.

    A question that is ``settled`` (voted on) shows its names again, in the order in which the answers stood.
    """

    def __init__(
        self,
        settled: Callable[[Cell], bool],
        *,
        on: bool = False,
        shuffle: Shuffle = _SHUFFLE,
    ) -> None:
        self.on = on
        self._settled = settled
        self._shuffle = shuffle
        self._orders: dict[tuple[Any, ...], list[str]] = {}

    def put(self, on: bool) -> None:
        """Hide names, in another order than before, or show them."""
        self.on = on
        self._orders.clear()

    def hides(self, cell: Cell) -> bool:
        """Is it a secret who wrote this?"""
        return self.on and not self._settled(cell)

    def order(self, row: Sequence[Cell]) -> tuple[Cell, ...]:
        """The answers to one question, in the order to show them in."""
        if not self.on or not row:
            return tuple(row)
        there = {cell.model: cell for cell in row}
        drawn = self._orders.get(row[0].question.row, [])
        if set(drawn) != set(there) and not self._settled(row[0]):
            drawn = sorted(there)
            self._shuffle(drawn)
            self._orders[row[0].question.row] = drawn
        return tuple(
            sorted(row, key=lambda cell: drawn.index(cell.model) if cell.model in drawn else len(drawn))
        )


def letter(place: int) -> str:
    """What an answer is called whose model is hidden.

    >>> letter(0), letter(25), letter(26)
    ('A', 'Z', 'AA')
    """
    word = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        word = chr(ord("A") + rest) + word
    return word
