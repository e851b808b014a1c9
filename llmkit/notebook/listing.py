"""A small table as the answer of a command: text in a terminal, a quiet table on a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llmkit.notebook.look import LINE, QUIET
from llmkit.notebook.safe import escape
from llmkit.notebook.visible import to_text

_CELL = f"text-align:left;padding:.15em 1.2em .15em 0;border-bottom:1px solid {LINE};vertical-align:top"


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows under a head, and what there is to say about them.

    >>> print(Listing(("name", "n"), (("a", "1"),), ("one row",)))
    name  n
    a     1
    one row
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = []
        if self.rows:
            clean = [[to_text(cell).replace("\n", " ") for cell in row] for row in (self.head, *self.rows)]
            widths = [max(len(row[at]) for row in clean) for at in range(len(self.head))]
            lines = ["  ".join(_padded(row, widths)).rstrip() for row in clean]
        return "\n".join([*lines, *(to_text(note) for note in self.notes)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="{_CELL}">{escape(name)}</th>' for name in self.head)
        cells = [[f'<td style="{_CELL}">{escape(cell)}</td>' for cell in row] for row in self.rows]
        rows = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
        notes = "".join(f'<div style="{QUIET}">{_marked(note)}</div>' for note in self.notes)
        table = (
            f'<table style="margin:0"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
            if rows
            else ""
        )
        return f'<div class="tex2jax_ignore mathjax_ignore">{table}{notes}</div>'


def _marked(note: str) -> str:
    """A note for a page: what stands between backticks is code, and its lines stay lines.

    >>> _marked("Run `a<b`.")
    'Run <code>a&lt;b</code>.'
    """
    words = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(note))
    return words.replace("\n", "<br>")


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]


def short(text: str, width: int = 60) -> str:
    """One line of a longer text.

    >>> short("one\\n two", 5)
    'one …'
    """
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"
