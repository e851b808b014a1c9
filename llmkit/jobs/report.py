"""A finding as a reader wants it: what it comes to in sentences, and a small table under them. Values only.

How it looks in a notebook is the business of ``notebook/report.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any

from llmkit.core.usage import Cost


@dataclass(frozen=True, slots=True)
class Report:
    """Sentences and a table.

    >>> print(Report("Scores", ("One is better.",), ("model", "mean"), (("luna", "0.9"), ("sonnet", "0.7"))))
    Scores
    One is better.
    <BLANKLINE>
    model   mean
    luna    0.9
    sonnet  0.7
    """

    title: str
    sentences: tuple[str, ...]
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        lines = [self.title, *self.sentences]
        if self.rows:
            table = [self.head, *self.rows]
            widths = [max(len(row[column]) for row in table) for column in range(len(self.head))]
            lines += ["", *("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)]
        return "\n".join(lines)


class Reported:
    """Something that shows itself as a report."""

    def report(self) -> Report:
        """What it comes to."""
        raise NotImplementedError

    def __str__(self) -> str:
        return str(self.report())

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # The notebook's rooms are above this one; they are asked by name, at display time only.
        bundle: dict[str, str] = import_module("llmkit.notebook.report").report_bundle(self.report())
        return bundle


def figure(value: float | None, form: str = ".3g") -> str:
    """A figure for a table; an unknown one is a dash.

    >>> figure(0.1234), figure(None), figure(0.5, ".0%")
    ('0.123', '–', '50%')
    """
    return "–" if value is None or value != value else format(value, form)  # noqa: PLR0124  NaN


def dollars(amount: Decimal | float | None) -> str:
    """Money for a table; unknown is a dash.

    >>> dollars(0.0000123), dollars(None)
    ('$0.0000123', '–')
    """
    return "–" if amount is None else str(Cost(Decimal(str(amount))))


def span(low: float | None, high: float | None, form: str = ".3g") -> str:
    """An interval for a table.

    >>> span(0.25, 0.75, ".0%"), span(None, None)
    ('25% to 75%', '–')
    """
    if low is None and high is None:
        return "–"
    return f"{figure(low, form) if low is not None else '?'} to {figure(high, form) if high is not None else '?'}"


def listed(names: Sequence[str]) -> str:
    """Names as people list them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
