"""Votes on a comparison: which of the answers to one question somebody preferred.

A vote is on a row: the answers to the same question by different models. What statistics make of votes, and the
widget in which they are cast, live elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from llmkit.core.errors import BadRequest
from llmkit.jobs.grid import rows

if TYPE_CHECKING:
    from llmkit.jobs.grid import Cell

Kind = Literal["win", "tie", "skip"]


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody preferred among the answers to one question.

    ``winner`` is a model where ``kind`` is "win", and ``among`` are all whose answers were there to choose from.
    ``blind`` says that nobody could see which model had written what.
    """

    kind: Kind
    winner: str | None
    among: tuple[str, ...]
    prompt: str
    system: str | None = None
    temperature: float | None = None
    repeat: int = 1
    blind: bool = False
    at: datetime | None = None

    @property
    def losers(self) -> tuple[str, ...]:
        """Those that were beaten; nobody in a tie."""
        return tuple(model for model in self.among if model != self.winner) if self.winner else ()


class Ballot:
    """The votes on the rows of a grid; a later vote on a row takes the place of the earlier one."""

    def __init__(self) -> None:
        self._votes: dict[tuple[Any, ...], Vote] = {}

    def __iter__(self) -> Any:
        return iter(tuple(self._votes.values()))

    def on(self, cell: Cell) -> Vote | None:
        """The vote on the row of a cell, if there is one."""
        return self._votes.get(cell.question.row)

    def cast(self, row: Sequence[Cell], winner: Cell | None, kind: Kind, *, blind: bool = False) -> Vote:
        """Note a vote on a row."""
        asked = row[0].question
        vote = Vote(
            kind,
            None if winner is None else winner.model,
            tuple(cell.model for cell in row if cell.status == "ok" or cell is winner),
            asked.label,
            asked.system,
            asked.temperature,
            asked.repeat,
            blind,
            datetime.now(UTC),
        )
        self._votes[asked.row] = vote
        return vote

    def forget(self, cells: Iterable[Cell]) -> None:
        """The answers of these cells are no longer those that were voted on."""
        for cell in cells:
            self._votes.pop(cell.question.row, None)

    def word(self, cell: Cell) -> str | None:
        """How a cell fared: "won", "lost" or "tie"; ``None`` where nobody voted, or the row was skipped."""
        vote = self.on(cell)
        if vote is None or vote.kind == "skip" or cell.model not in vote.among:
            return None
        if vote.kind == "tie":
            return "tie"
        return "won" if vote.winner == cell.model else "lost"


def elected(cells: Sequence[Cell], choice: Cell | str | int, of: Cell | int | None) -> tuple[Any, ...]:
    """The row, the winner and the kind of a vote, from what a caller wrote."""
    if isinstance(choice, int):
        choice = cells[choice]
    where = cells[of] if isinstance(of, int) else of
    if not isinstance(choice, str):
        where, choice = choice, choice.model
    there = rows(cells)
    if where is None and len(there) > 1:
        raise BadRequest(
            f"There are {len(there)} questions; which one is the vote on?",
            hint="Vote for a cell, cmp.vote(cmp[0]), or name one of the row: cmp.vote('tie', of=cmp[0]).",
        )
    row = next((row for row in there if where is None or where in row), ())
    if not row:
        raise BadRequest("That cell is not part of this comparison.", hint="Its cells are in cmp.cells.")
    if choice in ("tie", "skip"):
        return row, None, choice
    winner = next((cell for cell in row if cell.model == choice), None)
    if winner is None:
        models = ", ".join(cell.model for cell in row)
        raise BadRequest(f"{choice!r} is not compared here.", hint=f'Models are {models}; or "tie", "skip".')
    return row, winner, "win"
