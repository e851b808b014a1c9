"""Verdicts: what a judge says of two answers, in both orders, and what that says of the judge. Pure.

How judges are asked is the business of ``judge.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Literal

from llmkit.jobs.differences import chance_in_words
from llmkit.jobs.games import Game
from llmkit.jobs.grid import Cell
from llmkit.jobs.report import listed
from llmkit.jobs.statistics import ALPHA, flip_test, sign_test
from llmkit.jobs.statistics_agreement import cohen_kappa, fleiss_kappa, in_words

Choice = Literal["first", "second", "tie"]
_VALUE = {"first": 1, "tie": 0, "second": -1}
_FEW = 6


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge said when it saw two answers in one order."""

    choice: Choice
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of answers ``a`` and ``b``: asked with a first (``straight``) and with b first (``swapped``).

    One answer wins only if it is preferred in both orders; else it is a tie. Answers that are the same are a tie
    without asking.
    """

    judge: str
    a: Cell
    b: Cell
    straight: Opinion | None
    swapped: Opinion | None
    same: bool = False

    @property
    def known(self) -> bool:
        """Has it been reached?"""
        return self.same or (self.straight is not None and self.swapped is not None)

    @property
    def points(self) -> float | None:
        """What a gets: 1, ½ or 0."""
        if self.same:
            return 0.5
        if self.straight is None or self.swapped is None:
            return None
        for_a = {_VALUE[self.straight.choice], -_VALUE[self.swapped.choice]}
        return {frozenset({1}): 1.0, frozenset({-1}): 0.0}.get(frozenset(for_a), 0.5)

    @property
    def shift(self) -> int:
        """How far the order moved it: above 0 towards what stood first, below 0 towards what stood second."""
        if self.straight is None or self.swapped is None:
            return 0
        return _VALUE[self.straight.choice] + _VALUE[self.swapped.choice]

    @property
    def winner(self) -> str | None:
        """The model that won, or "tie"; ``None`` where there is no verdict."""
        points = self.points
        if points is None:
            return None
        return "tie" if points == 0.5 else self.a.model if points else self.b.model

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, in the judge's words."""
        return tuple(one.reason for one in (self.straight, self.swapped) if one is not None and one.reason)

    @property
    def game(self) -> Game | None:
        """The same as a game."""
        points = self.points
        return (
            None
            if points is None
            else Game(self.a.model, self.b.model, points, self.a.question.row, self.judge)
        )


@dataclass(frozen=True, slots=True)
class Position:
    """How much a judge looks at the order: of ``pairs``, ``kept`` verdicts did not depend on it; of the others,
    ``to_first`` went to what stood first and ``to_second`` to what stood second."""

    judge: str
    pairs: int
    kept: int
    to_first: int
    to_second: int

    @property
    def chance(self) -> float:
        """How likely so one-sided a result is for a judge that looks at no order."""
        return sign_test(self.to_first, self.to_second)

    @property
    def biased(self) -> bool:
        """Is it more than chance?"""
        return self.chance < ALPHA

    def sentence(self) -> str:
        """In words."""
        moved = self.to_first + self.to_second
        them = "pair when its" if self.pairs == 1 else "pairs when their"
        kept = f"{self.judge} kept to its verdict in {self.kept:,} of {self.pairs:,} {them} order was swapped"
        if not self.pairs:
            return f"{self.judge} has judged nothing yet."
        if not self.biased:
            weak = " (too few to tell)" if 0 < moved < _FEW else ""
            return (
                f"{kept}; where it did not, no side was preferred beyond chance{weak}."
                if moved
                else f"{kept}."
            )
        side, many = (
            ("first", self.to_first) if self.to_first > self.to_second else ("second", self.to_second)
        )
        return (
            f"{self.judge} has a position bias: {many:,} of the {moved:,} verdicts that moved with the order went to the "
            f"answer that stood {side} ({chance_in_words(self.chance)}). {kept}; the others count as ties."
        )


@dataclass(frozen=True, slots=True)
class Favour:
    """How a judge judges its own answers: the points it gives them, and those that other judges give them on the
    same pairs (``None`` where there is no other)."""

    judge: str
    pairs: int
    own: float
    others: float | None
    chance: float | None
    #: Which of the compared models it is.
    model: str = ""

    @property
    def biased(self) -> bool:
        """Does it favour itself beyond chance?"""
        return self.others is not None and self.own > self.others and (self.chance or 1.0) < ALPHA

    def sentence(self) -> str:
        """In words."""
        if self.others is None:
            return (
                f"{self.judge} judged its own answers, and gave them {self.own:.0%} of the points. Nobody else judged "
                "them, so whether it favours itself can't be told: add a judge that is not compared."
            )
        told = (
            f"{self.own:.0%} of the points, other judges {self.others:.0%} ({chance_in_words(self.chance)})"
        )
        if self.biased:
            return f"{self.judge} favours its own answers: it gave them {told}."
        return f"{self.judge} gave its own answers {told}: no more than chance."


def positions(verdicts: Sequence[Verdict]) -> list[Position]:
    """How each judge took the order."""
    found = []
    for judge in dict.fromkeys(verdict.judge for verdict in verdicts):
        asked = [one for one in verdicts if one.judge == judge and one.known and not one.same]
        first = sum(one.shift > 0 for one in asked)
        second = sum(one.shift < 0 for one in asked)
        found.append(Position(judge, len(asked), len(asked) - first - second, first, second))
    return found


def favours(verdicts: Sequence[Verdict], own: dict[str, str]) -> list[Favour]:
    """How each judge takes its own answers; ``own`` says which of the compared models a judge is."""
    found = []
    for judge, model in own.items():
        mine = [
            one
            for one in verdicts
            if one.judge == judge and model in (one.a.model, one.b.model) and one.known
        ]
        if not mine:
            continue
        given = {(one.a, one.b): _points_of(model, one) for one in mine}
        theirs: dict[tuple[Cell, Cell], list[float]] = {}
        for one in verdicts:
            if one.judge != judge and one.known and (one.a, one.b) in given:
                theirs.setdefault((one.a, one.b), []).append(_points_of(model, one))
        more = [given[pair] - fmean(points) for pair, points in theirs.items()]
        found.append(
            Favour(
                judge,
                len(mine),
                fmean(given.values()),
                fmean(fmean(points) for points in theirs.values()) if theirs else None,
                flip_test(more) if len(more) > 1 else None,
                model,
            )
        )
    return found


def _points_of(model: str, verdict: Verdict) -> float:
    points = verdict.points or 0.0
    return points if verdict.a.model == model else 1 - points


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far raters agree beyond chance on ``cases`` that all of them judged; ``kappa`` is Cohen's for two of them,
    Fleiss' for more."""

    raters: tuple[str, ...]
    cases: int
    kappa: float | None

    def sentence(self) -> str:
        """In words."""
        names = listed(self.raters)
        if self.kappa is None:
            cases = "their one case" if self.cases == 1 else f"all {self.cases:,} cases, and nothing else"
            return f"{names} said the same of {cases}: that may be chance."
        which = "Cohen's" if len(self.raters) == 2 else "Fleiss'"
        cases = f"{self.cases:,} case{'' if self.cases == 1 else 's'}"
        return f"{names} agree on {cases} with {which} kappa {self.kappa:.2f} ({in_words(self.kappa)})."


def agreements(said: dict[str, dict[object, float]]) -> list[Agreement]:
    """Of every two raters and, where there are more, of all together: ``said[rater][case]``."""
    found = []
    raters = [rater for rater in said if said[rater]]
    for pair in combinations(raters, 2):
        cases = [case for case in said[pair[0]] if case in said[pair[1]]]
        if cases:
            kappa = cohen_kappa(*([said[rater][case] for case in cases] for rater in pair))
            found.append(Agreement(pair, len(cases), kappa))
    if len(raters) > 2:
        common = [case for case in said[raters[0]] if all(case in said[rater] for rater in raters)]
        if common:
            kappa = fleiss_kappa([[said[rater][case] for rater in raters] for case in common])
            found.insert(0, Agreement(tuple(raters), len(common), kappa))
    return found


def said_by(games: Iterable[Game]) -> dict[str, dict[object, float]]:
    """What each rater said of each pair, whichever way round it was put."""
    said: dict[str, dict[object, float]] = {}
    for game in games:
        one = game if game.a < game.b else game.turned()
        said.setdefault(one.by, {})[one.a, one.b, one.question] = one.points
    return said
