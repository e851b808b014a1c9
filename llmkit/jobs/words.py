"""Texts as words: how much two answers have in common, and where they differ. Pure.

How a difference looks in a notebook is the business of ``notebook/diff.py``.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

_WORD = re.compile(r"\w+(?:[-'’.,]\w+)*")
_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
#: Longer texts are compared line by line first, and by words only within lines that changed.
_MANY_TOKENS = 4_000

Kind = Literal["same", "removed", "added"]


def words(text: str) -> list[str]:
    """The words of a text, without case and punctuation.

    >>> words("Don't panic: 3.14 is NOT 42!")
    ["don't", 'panic', '3.14', 'is', 'not', '42']
    """
    return _WORD.findall(text.casefold())


def in_common(one: str, other: str) -> float:
    """How many of their words two texts share, from 0 to 1, in whatever order (ROUGE-1, its F measure).

    >>> in_common("the blue sky", "the sky is blue")
    0.8571428571428571
    """
    return shared(Bag.of(one), Bag.of(other))


@dataclass(frozen=True, slots=True)
class Bag:
    """A text as its words, counted once: for those who compare it with many others."""

    text: str
    words: Counter[str]

    @classmethod
    def of(cls, text: str) -> Bag:
        """Count the words of a text."""
        return cls(text, Counter(words(text)))


def shared(one: Bag, other: Bag) -> float:
    """The same as ``in_common``, of words that are counted already."""
    if one.text == other.text:
        return 1.0
    if not one.words or not other.words:
        return 1.0 if one.text.strip() == other.text.strip() else 0.0
    return 2 * (one.words & other.words).total() / (one.words.total() + other.words.total())


def rouge_l(text: str, expected: str) -> float:
    """How much of two texts runs in the same order (ROUGE-L, its F measure), from 0 to 1.

    >>> round(rouge_l("police kill the gunman", "police killed the gunman"), 2)
    0.75
    """
    left, right = words(text), words(expected)
    if not left or not right:
        return 1.0 if text.strip() == expected.strip() else 0.0
    return 2 * _longest_in_order(left, right) / (len(left) + len(right))


def _longest_in_order(left: Sequence[str], right: Sequence[str]) -> int:
    row = [0] * (len(right) + 1)
    for word in left:
        before = 0
        for place, other in enumerate(right, 1):
            kept = row[place]
            row[place] = before + 1 if word == other else max(row[place], row[place - 1])
            before = kept
    return row[-1]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that both have, or that only the first ("removed") or the second ("added") has."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Diff:
    """Two texts against each other, word by word.

    >>> diff = Diff.of("The sky is blue.", "The sky was blue.", "luna", "sonnet")
    >>> print(diff)
    The sky [-is-]{+was+} blue.
    """

    pieces: tuple[Piece, ...]
    a: str = "a"
    b: str = "b"

    @classmethod
    def of(cls, one: str, other: str, a: str = "a", b: str = "b") -> Diff:
        """Compare two texts; ``a`` and ``b`` are what they are called."""
        return cls(tuple(_joined(_compared(one, other))), a, b)

    @property
    def same(self) -> bool:
        """Is there no difference at all?"""
        return all(piece.kind == "same" for piece in self.pieces)

    @property
    def ratio(self) -> float:
        """How much is the same, from 0 to 1, by characters."""
        length = sum(len(piece.text) * (2 if piece.kind == "same" else 1) for piece in self.pieces)
        same = sum(len(piece.text) for piece in self.pieces if piece.kind == "same")
        return 2 * same / length if length else 1.0

    @property
    def text(self) -> str:
        """In plain text: ``[-removed-]{+added+}``."""
        marks = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
        return "".join(f"{marks[one.kind][0]}{one.text}{marks[one.kind][1]}" for one in self.pieces)

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # The notebook's rooms are above this one; they are asked by name, at display time only.
        bundle: dict[str, str] = import_module("llmkit.notebook.diff").diff_bundle(self)
        return bundle

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_()["text/html"]


def _compared(one: str, other: str) -> Iterator[Piece]:
    left, right = _TOKEN.findall(one), _TOKEN.findall(other)
    if len(left) + len(right) <= _MANY_TOKENS:
        yield from _matched(left, right)
        return
    for same, before, after in _stretches(one.splitlines(keepends=True), other.splitlines(keepends=True)):
        if same:
            yield Piece("same", "".join(before))
        else:
            yield from _changed("".join(before), "".join(after))


def _changed(before: str, after: str) -> Iterator[Piece]:
    left, right = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(left) + len(right) <= _MANY_TOKENS:
        yield from _matched(left, right)
    else:
        yield Piece("removed", before)
        yield Piece("added", after)


def _matched(left: list[str], right: list[str]) -> Iterator[Piece]:
    for same, before, after in _stretches(left, right):
        if same:
            yield Piece("same", "".join(before))
        else:
            yield Piece("removed", "".join(before))
            yield Piece("added", "".join(after))


def _stretches(left: list[str], right: list[str]) -> Iterator[tuple[bool, list[str], list[str]]]:
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        yield kind == "equal", left[i1:i2], right[j1:j2]


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The same with neighbours of one kind made one, and single spaces between two changes taken into them."""
    run: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        run.append(piece)
    kept: list[Piece] = []
    for place, piece in enumerate(run):
        between = 0 < place < len(run) - 1 and run[place - 1].kind != "same" and run[place + 1].kind != "same"
        if piece.kind == "same" and piece.text.isspace() and between and "\n" not in piece.text:
            kept += [Piece("removed", piece.text), Piece("added", piece.text)]
        else:
            kept.append(piece)
    removed = added = ""
    for piece in kept:
        match piece.kind:
            case "removed":
                removed += piece.text
            case "added":
                added += piece.text
            case "same":
                yield from (Piece("removed", removed),) if removed else ()
                yield from (Piece("added", added),) if added else ()
                removed = added = ""
                yield piece
    yield from (Piece("removed", removed),) if removed else ()
    yield from (Piece("added", added),) if added else ()
