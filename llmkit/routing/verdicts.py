"""What comparisons and people said of models, as values: who beat whom, and shares that somebody named.

A comparison says how models did against each other, not how good they are: what is made of it starts from what was
known of those that met. Where verdicts are kept is ``judgements.py``'s business.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

from llmkit.core.errors import BadRequest

#: What a bare share counts for: as much as a small comparison.
_GAMES = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said of a model: the share of what it won (or was named), of how many."""

    share: float
    of: int


@dataclass(frozen=True, slots=True)
class Met:
    """Two models that met so often, and the points of the first: 1 for a win, ½ for a tie."""

    a: str
    b: str
    points: float
    of: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one source said: a comparison of those that met, or a mapping of shares. A later word of the same source
    takes the place of the earlier one."""

    source: str
    met: tuple[Met, ...] = ()
    shares: Mapping[str, Judged] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """All that was said so far.

    >>> said = Verdicts((Verdict("cmp", met=(Met("a/x", "b/y", 6, 8),)),))
    >>> said.of("b/y")
    Judged(share=0.25, of=8)
    """

    said: tuple[Verdict, ...] = ()

    def __bool__(self) -> bool:
        return any(one.met or one.shares for one in self.said)

    @property
    def models(self) -> tuple[str, ...]:
        """Those of which something was said."""
        met = (name for one in self.said for pair in one.met for name in (pair.a, pair.b))
        return tuple(dict.fromkeys([*met, *(name for one in self.said for name in one.shares)]))

    def of(self, model: str) -> Judged | None:
        """All that was said of a model, as one share."""
        won = [(mine, of) for _, mine, of in self._games(model)]
        named = [(each.share * each.of, each.of) for each in self._named(model)]
        total = sum(of for _, of in (*won, *named))
        return Judged(sum(points for points, _ in (*won, *named)) / total, total) if total else None

    def between(self, a: str, b: str) -> tuple[Judged, Judged] | None:
        """What was said of two models side by side: where they met or, if they never did, where both were named."""
        met = [(mine, of) for other, mine, of in self._games(a) if other == b]
        if total := sum(of for _, of in met):
            share = sum(points for points, _ in met) / total
            return Judged(share, total), Judged(1 - share, total)
        named = [(one.shares[a], one.shares[b]) for one in self.said if a in one.shares and b in one.shares]
        return named[-1] if named else None

    def evidence(self, model: str, prior: Callable[[str], float | None]) -> Judged | None:
        """How good that makes a model, if ``prior`` is what was known of each before: who ties with a good model is
        about as good, who beats it is better."""
        own = prior(model)
        told = [(each.share, each.of) for each in self._named(model)]
        for other, points, of in self._games(model):
            known = [each for each in (own, prior(other)) if each is not None]
            start = sum(known) / len(known) if known else 0.5
            told.append((min(1.0, max(0.0, start + points / of - 0.5)), of))
        total = sum(of for _, of in told)
        return Judged(sum(share * of for share, of in told) / total, total) if total else None

    def _games(self, model: str) -> Iterable[tuple[str, float, int]]:
        for pair in itertools.chain.from_iterable(one.met for one in self.said):
            if pair.a == model:
                yield pair.b, pair.points, pair.of
            elif pair.b == model:
                yield pair.a, pair.of - pair.points, pair.of

    def _named(self, model: str) -> Iterable[Judged]:
        return (one.shares[model] for one in self.said if model in one.shares)


def verdict(judged: Any, name: Callable[[str], str] = str) -> Verdict:
    """What a judged comparison says, or a mapping of models to shares. ``name`` makes a full name of a model's. A
    comparison's votes or verdicts count, where there are any; else its scores from 0 to 1, answer against answer.

    >>> verdict({"sim/sage": 0.75}).shares
    {'sim/sage': Judged(share=0.75, of=10)}
    """
    if isinstance(judged, Mapping):
        shares = {name(str(model)): _share(value) for model, value in judged.items()}
        return Verdict(_fingerprint("shares", sorted(shares)), shares=shares)
    if not all(hasattr(judged, each) for each in ("games", "scores", "rows")):
        raise BadRequest(
            f"Nothing can be learnt from {type(judged).__name__}.",
            hint="Pass a judged comparison, or a mapping of models to shares from 0 to 1.",
        )
    points: dict[tuple[str, str], list[float]] = {}
    for a, b, won in _results(judged):
        pair = name(a), name(b)
        if pair[::-1] in points:
            points[pair[::-1]].append(1 - won)
        elif pair[0] != pair[1]:  # one model may go by two names
            points.setdefault(pair, []).append(won)
    asked = sorted({(cell.question.label, str(cell.question.system), cell.model) for cell in judged.cells})
    met = tuple(Met(a, b, sum(each), len(each)) for (a, b), each in points.items())
    return Verdict(_fingerprint("comparison", asked), met)


def _results(judged: Any) -> Iterable[tuple[str, str, float]]:
    games, _ = judged.games()
    if games:
        return [(game.a, game.b, game.points) for game in games]
    found: list[tuple[str, str, float]] = []
    for scores in judged.scores.values():
        by_cell = {cell: value for cell, value in scores.by_cell.items() if value is not None}
        if not all(0 <= value <= 1 for value in by_cell.values()):
            continue  # a length, or a time: more of it is not better
        for row in judged.rows:
            there = [cell for cell in row if cell in by_cell]
            for one, other in itertools.combinations(there, 2):
                ahead = by_cell[one] - by_cell[other]
                found.append((one.model, other.model, 0.5 if ahead == 0 else float(ahead > 0)))
    return found


def _fingerprint(kind: str, what: Any) -> str:
    return f"{kind}:{hashlib.sha256(repr(what).encode()).hexdigest()[:16]}"


def _share(value: Any) -> Judged:
    share, of = value if isinstance(value, tuple) and len(value) == 2 else (value, _GAMES)
    if not _is_number(share) or not 0 <= share <= 1 or not _is_number(of) or of < 1:
        raise BadRequest(
            f"A share is a number from 0 to 1, not {value!r}.",
            hint="Write the part that was won, or (part, of how many): 0.7, or (0.7, 40).",
        )
    return Judged(float(share), int(of))


def _is_number(value: Any) -> bool:
    """Also one of numpy's."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return isinstance(value, Integral) or math.isfinite(value)
