"""Statistics for small samples, honest ones: intervals instead of bare figures, exact tests instead of hopes.

Pure functions of numbers. What agreement between judges is lives in ``statistics_agreement.py``, a ranking from
pairwise results in ``statistics_ranking.py``.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

#: Below this, a difference is called clear.
ALPHA = 0.05
#: How sure one wants to be of seeing a difference that is there, when asking how many repeats it takes.
POWER = 0.8
_LEVEL = 0.95
#: Sign flips are counted one by one up to so many differences, and drawn beyond.
_EXACT_FLIPS = 14
_DRAWS = 10_000
#: Fewer games or pairs can't show anything at 5 %, however one-sided they are: 2 / 2⁶ is 3 %, 2 / 2⁵ is 6 %.
FEWEST = 6
_SEED = 20_240_229


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and where it may lie; an end is ``None`` where the sample can't bound it.

    >>> print(Interval(0.5, 0.25, None))
    0.5 (0.25 to ?)
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        value, low, high = ("?" if one is None else f"{one:.3g}" for one in (self.value, self.low, self.high))
        return f"{value} ({low} to {high})"


def z_of(level: float = _LEVEL) -> float:
    """How many standard deviations hold that share of a normal distribution, both ways."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def wilson(successes: float, n: float, *, level: float = _LEVEL) -> Interval:
    """The share of successes, with Wilson's interval: sound for few cases and for shares near 0 and 1.

    Half successes (a tie) may be counted. No cases: nothing is known.

    >>> print(wilson(8, 10))
    0.8 (0.49 to 0.943)
    """
    if n <= 0:
        return Interval(None)
    z = z_of(level)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, middle - reach), min(1.0, middle + reach))


def sign_test(wins: int, losses: int) -> float:
    """How likely so uneven a result is, or a more uneven one, if both were equally good (exact, two-sided).

    >>> sign_test(9, 1)
    0.021484375
    """
    n = wins + losses
    if n == 0:
        return 1.0
    least = min(wins, losses)
    tail = sum(math.comb(n, k) for k in range(least + 1))
    return min(1.0, 2 * tail / float(2**n))


def games_needed(wins: int, losses: int, ties: int = 0, *, power: float = POWER) -> int | None:
    """How many games in all would show a difference of this size; ``None`` where there is none to show.

    >>> games_needed(6, 4)
    194
    """
    decided = wins + losses
    if decided == 0 or wins == losses:
        return None
    # A sample that is all wins proves no certainty: the share is drawn towards the middle as far as it is small.
    share = (max(wins, losses) + 1) / (decided + 2) if min(wins, losses) == 0 else max(wins, losses) / decided
    z, reach = z_of(1 - ALPHA), NormalDist().inv_cdf(power)
    needed = ((z / 2 + reach * math.sqrt(share * (1 - share))) / (share - 0.5)) ** 2
    return max(FEWEST, math.ceil(needed * (decided + ties) / decided))


def pairs_needed(differences: Sequence[float], *, power: float = POWER) -> int | None:
    """How many paired measurements would show a mean difference of this size; ``None`` where none is seen.

    >>> pairs_needed([1.0, 2.0, 3.0, -2.0])
    37
    """
    if len(differences) < 2:
        return None
    mean, spread = fmean(differences), stdev(differences)
    if mean == 0:
        return None
    needed = ((z_of(1 - ALPHA) + NormalDist().inv_cdf(power)) * spread / mean) ** 2
    return max(FEWEST, math.ceil(needed))


def flip_test(differences: Sequence[float]) -> float:
    """How likely so big a mean difference is if each could as well have had the other sign (two-sided).

    All flips are counted for small samples, drawn (from the same seed always) for larger ones.

    >>> flip_test([1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    0.03125
    """
    moved = [one for one in differences if one]
    if not moved:
        return 1.0
    seen = abs(math.fsum(moved)) * (1 - 1e-12)
    if len(moved) <= _EXACT_FLIPS:
        first, *rest = moved
        sums = (
            abs(first + math.fsum(s * d for s, d in zip(signs, rest, strict=True)))
            for signs in itertools.product((1, -1), repeat=len(rest))
        )
        return sum(one >= seen for one in sums) / float(2 ** len(rest))
    dice = random.Random(_SEED)  # noqa: S311  a repeatable draw, not a secret
    hits = 0
    for _ in range(_DRAWS):
        bits = dice.getrandbits(len(moved))
        hits += abs(math.fsum(d if bits >> n & 1 else -d for n, d in enumerate(moved))) >= seen
    return (hits + 1) / (_DRAWS + 1)


def holm(chances: Sequence[float]) -> list[float]:
    """The p-values of several questions asked at once, made stricter so that one in twenty stays one in twenty.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(chances)), key=lambda place: chances[place])
    adjusted = [1.0] * len(chances)
    least = 0.0
    for done, place in enumerate(order):
        least = max(least, min(1.0, chances[place] * (len(chances) - done)))
        adjusted[place] = least
    return adjusted


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which that share lies, between the two nearest ones.

    >>> quantile([1, 2, 3, 4], 0.5)
    2.5
    """
    if not values:
        return None
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def quantile_interval(values: Sequence[float], share: float = 0.5, *, level: float = _LEVEL) -> Interval:
    """A quantile with an interval that assumes no shape: from order statistics, by the binomial.

    Where the sample is too small to bound one side (the 95th percentile of 20 values has no upper bound), that side
    is ``None``.

    >>> quantile_interval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    Interval(value=5.5, low=2, high=9)
    >>> quantile_interval([1, 2, 3], 0.95).high is None
    True
    """
    n = len(values)
    if n == 0:
        return Interval(None)
    ordered = sorted(values)
    tail = (1 - level) / 2
    chances = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    # The k-th value lies above the quantile with the chance that fewer than k values lie below it.
    upto = list(itertools.accumulate(chances))
    low = max((k for k in range(1, n + 1) if upto[k - 1] <= tail), default=None)
    high = min((k for k in range(1, n + 1) if 1 - upto[k - 1] <= tail), default=None)
    return Interval(
        quantile(ordered, share),
        None if low is None else ordered[low - 1],
        None if high is None else ordered[high - 1],
    )


def bootstrap_mean(groups: Sequence[Sequence[float]], *, level: float = _LEVEL) -> Interval:
    """The mean of grouped values, with an interval by drawing whole groups again and again (the same draws always).

    Values of one group (repeats of one prompt) are not independent, so groups are drawn and not values; a single
    group is taken apart.

    >>> bootstrap_mean([[1.0], [1.0], [1.0]])
    Interval(value=1.0, low=1.0, high=1.0)
    """
    groups = [group for group in groups if group]
    values = [value for group in groups for value in group]
    if not values:
        return Interval(None)
    if len(groups) == 1:
        groups = [[value] for value in values]
    mean = fmean(values)
    if len(groups) == 1:
        return Interval(mean)
    sums = [(math.fsum(group), len(group)) for group in groups]
    dice = random.Random(_SEED)  # noqa: S311  a repeatable draw, not a secret
    means = []
    for _ in range(2_000):
        drawn = dice.choices(sums, k=len(sums))
        means.append(math.fsum(total for total, _ in drawn) / sum(count for _, count in drawn))
    return Interval(mean, quantile(means, (1 - level) / 2), quantile(means, (1 + level) / 2))


def spread(values: Sequence[float]) -> float | None:
    """The standard deviation of a sample; unknown for fewer than two values."""
    return stdev(values) if len(values) > 1 else None
