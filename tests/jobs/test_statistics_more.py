"""Agreement and rankings agree with statsmodels; each reference value stands beside the call that gave it."""

from __future__ import annotations

import math

import pytest

from llmkit.jobs.games import Game
from llmkit.jobs.statistics_agreement import cohen_kappa, fleiss_kappa
from llmkit.jobs.statistics_ranking import fitted, rank

BOTH = [[20, 5, 1], [3, 15, 4], [2, 1, 9]]
#: The example of Fleiss (1971): ten cases, fourteen judges, five categories.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
WINS = {("a", "b"): (7, 3), ("a", "c"): (8, 2), ("b", "c"): (6, 4)}


def games(ties=0):
    played = []
    for (a, b), (won, lost) in WINS.items():
        points = [1] * won + [0] * lost + [0.5] * ties
        played += [Game(a, b, point, question) for question, point in enumerate(points)]
    return played


def test_cohens_kappa():
    # statsmodels.stats.inter_rater.cohens_kappa(BOTH).kappa
    said = [(a, b) for a, row in enumerate(BOTH) for b, count in enumerate(row) for _ in range(count)]
    assert cohen_kappa(*zip(*said, strict=True)) == pytest.approx(0.5862068965517241)


def test_fleiss_kappa():
    # statsmodels.stats.inter_rater.fleiss_kappa(FLEISS)
    cases = [[place for place, count in enumerate(row) for _ in range(count)] for row in FLEISS]
    assert fleiss_kappa(cases) == pytest.approx(0.20993070442195522)


def test_agreement_is_unknown_where_nobody_could_have_disagreed():
    assert cohen_kappa([], []) is None
    assert cohen_kappa(["tie"] * 5, ["tie"] * 5) is None
    assert fleiss_kappa([]) is None
    assert fleiss_kappa([["win"], ["tie"]]) is None
    assert fleiss_kappa([["tie"] * 3] * 4) is None


def test_strengths_are_those_of_a_logistic_regression():
    # statsmodels.api.Logit(won, [+1 for the one, -1 for the other, without "a"]).fit().params
    import numpy as np

    wins = np.zeros((1, 3, 3))
    for (a, b), (won, lost) in WINS.items():
        wins[0, "abc".index(a), "abc".index(b)] = won
        wins[0, "abc".index(b), "abc".index(a)] = lost
    a, b, c = fitted(wins, prior=0.0)[0]
    assert (b - a, c - a) == pytest.approx((-0.88967219, -1.33203762), abs=1e-5)


def test_a_ranking_has_intervals_and_how_often_each_is_first():
    first, second, third = rank(games())
    assert [place.model for place in (first, second, third)] == ["a", "b", "c"]
    assert first.low < first.strength < first.high
    assert first.strength > third.high
    assert first.first > 0.9
    assert first.first + second.first + third.first == pytest.approx(1.0)
    assert (first.record.wins, first.record.losses) == (15, 5)
    assert rank(games()) == rank(games())


def test_who_never_lost_is_not_infinitely_strong():
    first, second = rank([Game("a", "b", 1, question) for question in range(10)])
    assert first.strength == pytest.approx(-second.strength)
    assert first.strength == pytest.approx(math.log(10.1 / 0.1) / 2, rel=1e-3)


def test_ties_draw_models_together():
    assert rank(games(ties=20))[0].strength < rank(games())[0].strength


def test_a_few_questions_give_no_intervals():
    (first, _) = rank([Game("a", "b", 1, question) for question in range(5)])
    assert (first.low, first.high, first.first) == (None, None, None)
    assert rank([Game("a", "b", 1, question) for question in range(6)])[0].first == 1.0
