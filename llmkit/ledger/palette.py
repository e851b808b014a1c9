"""Colours that colour-blind readers can tell apart, and that stay with a model from plot to plot.

A name's colour comes from its place in the order in which names first appeared in the ledger, whatever is
filtered. From the eleventh name on, a pattern tells apart what shares a colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

#: Okabe and Ito's colours that read on white and on black, and three of Paul Tol's.
COLOURS: Final = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9"),
    *("#d55e00", "#999933", "#aa4499", "#44aa99", "#b0785a"),
)
_PATTERNS: Final = ("", "/", ".", "x", "-", "+")
#: For what is summed up as "other", and what has no name.
GREY: Final = "#8a8a8a"
#: Ink for letters and lines: a grey that reads on a white page and on a black one.
INK: Final = "#7d7d7d"
FAINT: Final = "rgba(128,128,128,0.22)"
STATUS_COLOURS: Final[Mapping[str, str]] = {
    "ok": "#009e73",
    "cached": "#56b4e9",
    "cancelled": "#e69f00",
    "truncated": "#cc79a7",
    "error": "#d55e00",
    "refused": "#aa4499",
    "unknown_billed": "#999933",
    "pending": GREY,
}
CLASS_COLOURS: Final[Mapping[str, str]] = {
    "input": "#0072b2",
    "cache read": "#56b4e9",
    "cache write": "#44aa99",
    "answer": "#e69f00",
    "reasoning": "#d55e00",
}


def lightness(colour: str) -> float:
    """The relative luminance of a colour, from 0 (black) to 1 (white).

    >>> lightness("#ffffff"), lightness("#000000")
    (1.0, 0.0)
    """
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ink_on(colour: str) -> str:
    """Black or white letters: what reads better on that colour.

    >>> ink_on("#0072b2"), ink_on("#e69f00")
    ('#ffffff', '#111111')
    """
    return "#ffffff" if lightness(colour) < 0.19 else "#111111"


class Palette:
    """The colours (and patterns) of names.

    >>> palette = Palette(["luna", "sonnet"])
    >>> palette.colour("sonnet"), palette.colour("luna"), palette.colour("nobody")
    ('#e69f00', '#0072b2', '#8a8a8a')
    """

    def __init__(self, names: Iterable[str], fixed: Mapping[str, str] | None = None) -> None:
        self._places = {name: place for place, name in enumerate(dict.fromkeys(names))}
        self._fixed = fixed or {}

    def colour(self, name: str) -> str:
        """Its colour; grey for a name that the ledger doesn't know."""
        if name in self._fixed:
            return self._fixed[name]
        place = self._places.get(name)
        return GREY if place is None else COLOURS[place % len(COLOURS)]

    def pattern(self, name: str) -> str:
        """Its pattern in bars; none for the first ten names."""
        return _PATTERNS[self._places.get(name, 0) // len(COLOURS) % len(_PATTERNS)]
