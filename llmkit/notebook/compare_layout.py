"""What stands beside what in a comparison: rows, what heads each answer, and what may be known of it.

Both forms of a comparison, the living one and the static one, ask here; how they look is their own business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmkit.jobs.blind import letter
from llmkit.notebook import listing
from llmkit.providers.keys import mask

if TYPE_CHECKING:
    from llmkit.jobs.answers import Answers
    from llmkit.jobs.grid import Cell

#: What questions may differ in, besides their model.
_AXES = ("prompt", "system", "temperature", "repeat")


@dataclass(frozen=True, slots=True)
class Pane:
    """One answer's place. ``title`` is its model, or a letter where that is ``hidden``; ``note`` sets apart two
    answers of one model."""

    cell: Cell
    title: str
    note: str = ""
    hidden: bool = False

    @property
    def heading(self) -> str:
        """Title and note."""
        return f"{self.title} · {self.note}" if self.note else self.title


@dataclass(frozen=True, slots=True)
class Row:
    """Answers to be seen side by side. ``label`` says what sets their question apart; empty where nothing does."""

    label: str
    panes: tuple[Pane, ...]
    #: Do they answer the same question, so that one can be voted for?
    votable: bool

    @property
    def hidden(self) -> bool:
        """Is it a secret who wrote what?"""
        return any(pane.hidden for pane in self.panes)


def layout(comparison: Answers) -> list[Row]:
    """The rows of a comparison: models side by side, or, of one model alone, its repeats."""
    varying = axes(comparison)
    alone = len(comparison.models) == 1
    across = (
        next((name for name in ("repeat", "temperature", "system") if name in varying), "") if alone else ""
    )
    apart = [name for name in varying if name != across]
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in comparison.cells:
        groups.setdefault(tuple(_at(cell, name) for name in apart), []).append(cell)
    rows = []
    for cells in groups.values():
        veil = comparison.veil
        shown = cells if alone else veil.order(cells)
        panes = []
        for place, cell in enumerate(shown):
            hidden = not alone and veil.hides(cell)
            title = f"Answer {letter(place)}" if hidden else cell.model
            panes.append(Pane(cell, title, _words(cell, across) if across else "", hidden))
        label = " · ".join(_words(cells[0], name) for name in apart)
        rows.append(Row(label, tuple(panes), votable=not alone))
    return rows


def axes(comparison: Answers) -> list[str]:
    """What the questions differ in, besides their model."""
    return [name for name in _AXES if len({_at(cell, name) for cell in comparison.cells}) > 1]


def said(cell: Cell, axis: str) -> str:
    """A cell's value on one of its axes, in words; empty for none."""
    value = _said(cell, axis)
    return "" if value is None else str(value)


def _at(cell: Cell, axis: str) -> Any:
    """Where a cell is on an axis. Two prompts may have the same words, and ask for different pictures, say."""
    return (cell.question.place, cell.question.label) if axis == "prompt" else _said(cell, axis)


def _said(cell: Cell, axis: str) -> Any:
    return cell.question.label if axis == "prompt" else getattr(cell.question, axis)


def _words(cell: Cell, axis: str) -> str:
    value = _said(cell, axis)
    if axis == "prompt":
        return short(str(value), 160)
    if value is None:
        return f"{axis}: default" if axis == "temperature" else f"no {axis}"
    return f"{axis}: {short(str(value), 80)}" if axis == "system" else f"{axis} {value}"


def short(text: str, width: int) -> str:
    """Its beginning, on one line, with no key in it; a key that is cut in two would not be found."""
    return listing.short(mask(text), width)
