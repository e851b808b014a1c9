"""A guess at how many tokens a text is, without any tokenizer. Pure, and in bounded time.

Only for what no provider has counted: the answer of a cut stream, the worst case of a request. A guess
is marked as one wherever it goes; bills are made of what providers report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Longer texts are judged by samples, spread evenly.
_WHOLE = 200_000
_SAMPLES = 8


@dataclass(frozen=True, slots=True)
class TokenCount:
    """A number of tokens, how it was found, and how far it may be off."""

    value: int
    method: str
    exact: bool
    error_note: str = ""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of character run: what it costs to begin one, and how much each character adds."""

    name: str
    pattern: str
    start: float
    each: float


# Fitted to a public vocabulary of 200,000 tokens over prose, code and data in twenty languages.
_KINDS = (
    _Kind("word", r"[A-Z]?[a-z]+|[A-Z]+", 0.76, 0.085),
    _Kind("digits", r"[0-9]{1,3}", 1.05, 0.0),
    _Kind("blank", r"[ \t]*\n\s*|[ \t]{2,}", 0.85, 0.0),
    _Kind("space", r" ", 0.0, 0.0),
    _Kind("accented", r"[\u00a0-\u024f\u0300-\u036f\u1e00-\u1eff]+", 0.2, 0.1),
    _Kind("greek", r"[\u0370-\u03ff]+", 0.45, 0.35),
    _Kind("cyrillic", r"[\u0400-\u052f]+", 0.8, 0.165),
    _Kind("semitic", r"[\u0590-\u06ff]+", 0.4, 0.31),
    _Kind("indic", r"[\u0900-\u0dff]+", 0.4, 0.3),
    _Kind("thai", r"[\u0e00-\u0eff]+", 0.4, 0.42),
    _Kind("kana", r"[\u3000-\u30ff\uff00-\uffef]+", 0.3, 0.6),
    _Kind("hangul", r"[\u1100-\u11ff\uac00-\ud7af]+", 0.35, 0.65),
    _Kind("han", r"[\u2e80-\u2fff\u3400-\u9fff\uf900-\ufaff]+", 0.3, 0.75),
    _Kind("marks", r"[!-/:-@\[-`{-~]+", 0.7, 0.0),
)
_REST = _Kind("rest", r".", 0.0, 1.2)
_RUNS = re.compile("|".join(f"(?P<{kind.name}>{kind.pattern})" for kind in (*_KINDS, _REST)), re.DOTALL)
_COSTS = tuple((kind.start, kind.each) for kind in (*_KINDS, _REST))


def estimate_tokens(text: str) -> TokenCount:
    """About how many tokens is this?

    >>> estimate_tokens("The sky is blue.").value
    5
    """
    if not text:
        return TokenCount(0, "counted", exact=True)
    length = len(text)
    if length <= _WHOLE:
        tokens = _tokens(text)
    else:
        step, size = length // _SAMPLES, _WHOLE // _SAMPLES
        tokens = sum(_tokens(text[at * step : at * step + size]) for at in range(_SAMPLES))
        tokens *= length / _WHOLE
    return TokenCount(
        max(1, round(tokens)), "estimated", exact=False, error_note="a guess, good to about ±30 %"
    )


def _tokens(text: str) -> float:
    total = 0.0
    for run in _RUNS.finditer(text):
        start, each = _COSTS[(run.lastindex or 1) - 1]
        total += start + each * (run.end() - run.start())
    return total
