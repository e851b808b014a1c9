"""The statistics agree with scipy 1.18 and statsmodels 0.15: each reference value stands beside the call that gave it."""

from __future__ import annotations

import math

import pytest

from llmkit.jobs.statistics import (
    bootstrap_mean,
    flip_test,
    games_needed,
    holm,
    pairs_needed,
    quantile,
    quantile_interval,
    sign_test,
    spread,
    wilson,
)

SECONDS = [0.31, 0.29, 0.42, 0.38, 0.55, 0.47, 0.33, 0.36, 0.61, 0.40, 0.44, 0.39, 0.35, 0.52, 0.49]


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"),
    [  # statsmodels.stats.proportion.proportion_confint(wins, n, method="wilson")
        (0, 10, 0.0, 0.27753279986288926),
        (8, 10, 0.49016247153664183, 0.9433178485456247),
        (10, 10, 0.7224672001371106, 1.0),
        (3, 7, 0.15821985525146964, 0.7495416354723428),
        (7.5, 12, 0.3543690134662527, 0.8350074848699371),
        (55, 100, 0.4524460299744213, 0.6438546202048803),
    ],
)
def test_a_share_has_wilsons_interval(wins, n, low, high):
    found = wilson(wins, n)
    assert (found.value, found.low, found.high) == pytest.approx((wins / n, low, high))


def test_of_nothing_nothing_is_known():
    assert wilson(0, 0).value is None
    assert quantile([], 0.5) is None
    assert quantile_interval([]).value is None
    assert bootstrap_mean([]).value is None
    assert spread([1.0]) is None
    assert pairs_needed([1.0]) is None
    assert sign_test(0, 0) == 1.0
    assert flip_test([0.0, 0.0]) == 1.0


@pytest.mark.parametrize(
    ("wins", "losses", "chance"),
    [  # scipy.stats.binomtest(wins, wins + losses).pvalue
        (9, 1, 0.021484375),
        (5, 5, 1.0),
        (15, 5, 0.04138946533203125),
        (0, 6, 0.03125),
        (60, 40, 0.05688793364098089),
    ],
)
def test_the_sign_test_is_exact(wins, losses, chance):
    assert sign_test(wins, losses) == pytest.approx(chance)


def test_the_flip_test_counts_every_flip_of_a_small_sample():
    # scipy.stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=inf).pvalue
    assert flip_test([0.3, -0.1, 0.5, 0.2, 0.4, -0.05, 0.6, 0.1]) == pytest.approx(0.046875)


def test_the_flip_test_draws_for_a_large_sample_and_always_says_the_same():
    differences = [0.1 * (n % 7) - 0.2 for n in range(40)]
    mean, deviation = sum(differences) / 40, spread(differences)
    normal = math.erfc(abs(mean) / (deviation / math.sqrt(40)) / math.sqrt(2))
    assert flip_test(differences) == pytest.approx(normal, abs=0.01)
    assert flip_test(differences) == flip_test(differences)


def test_several_questions_at_once_are_answered_more_strictly():
    # statsmodels.stats.multitest.multipletests([...], method="holm")[1]
    assert holm([0.01, 0.04, 0.03, 0.2]) == pytest.approx([0.04, 0.09, 0.09, 0.2])


@pytest.mark.parametrize(
    ("share", "value", "low", "high"),
    [  # numpy.quantile(SECONDS, share); scipy.stats.quantile_test(SECONDS, p=share).confidence_interval(0.95)
        (0.5, 0.40, 0.35, 0.49),
        (0.25, 0.355, 0.29, 0.40),
        (0.95, 0.568, 0.49, None),
    ],
)
def test_a_quantile_has_an_interval_of_order_statistics(share, value, low, high):
    found = quantile_interval(SECONDS, share)
    assert found.value == pytest.approx(value)
    assert (found.low, found.high) == (low, high)


def exact_power(n, share):
    """How often the sign test of n games sees that one model wins that share of them."""
    return sum(
        math.comb(n, wins) * share**wins * (1 - share) ** (n - wins)
        for wins in range(n + 1)
        if sign_test(wins, n - wins) < 0.05
    )


@pytest.mark.parametrize(("wins", "losses"), [(6, 4), (7, 3), (8, 2)])
def test_the_number_of_games_that_it_asks_for_shows_the_difference(wins, losses):
    needed = games_needed(wins, losses)
    assert 0.75 <= exact_power(needed, wins / (wins + losses)) <= 0.9
    assert exact_power(needed // 3, wins / (wins + losses)) < 0.5


def test_ties_make_more_games_necessary_and_equals_need_no_number():
    assert games_needed(6, 4, ties=10) == 2 * games_needed(6, 4)
    assert games_needed(5, 5) is None
    assert games_needed(3, 0) > 3


def test_no_number_is_named_that_could_not_show_anything():
    assert sign_test(5, 0) > 0.05 > sign_test(6, 0)
    assert games_needed(1000, 1) == pairs_needed([1.0, 1.0, 1.0, 1.001]) == 6


def test_the_number_of_pairs_that_it_asks_for_is_that_of_a_paired_test():
    # statsmodels.stats.power.TTestPower().solve_power(effect_size=0.5, alpha=0.05, power=0.8) = 33.4 by Student's t;
    # the normal distribution gives two less.
    differences = [2.0 + sign for sign in (4.0, -4.0)] * 50
    assert pairs_needed(differences) == pytest.approx(33.4, abs=3)


def test_the_mean_of_a_bootstrap_is_drawn_by_groups():
    alike = [[1.0] * 10, [0.0] * 10, [1.0] * 10, [0.0] * 10]
    apart = [[1.0], [0.0]] * 20
    grouped, single = bootstrap_mean(alike), bootstrap_mean(apart)
    assert grouped.value == single.value == 0.5
    assert grouped.high - grouped.low > 2 * (single.high - single.low)
    deviation = 0.5 / math.sqrt(40)
    assert single.low == pytest.approx(0.5 - 1.96 * deviation, abs=0.03)
