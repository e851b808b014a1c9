"""Is one model better than another, or does it only look so? And how many more repeats would tell? Pure.

Answers to one question are compared with each other, so that a hard question is hard for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean

from llmkit.jobs.games import Game, between, decided, record_of
from llmkit.jobs.statistics import ALPHA, FEWEST, flip_test, games_needed, holm, pairs_needed, sign_test

#: Up to so many unclear differences are told one by one.
_FEW = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """Model ``a`` against ``b``: ``lead`` is by how much a is ahead on average, ``chance`` how likely so big a lead is
    where there is no difference (made stricter where several are asked at once), ``n`` on how many questions both
    answered, and ``needed`` on how many they would have to for a difference of this size to show.
    """

    a: str
    b: str
    by: str
    n: int
    lead: float | None
    chance: float | None
    needed: int | None
    told: str = ""

    @property
    def clear(self) -> bool:
        """Is it more than chance (at 5 %)?"""
        return self.chance is not None and self.chance < ALPHA

    def sentence(self, repeats: int = 1, *, unit: str = "questions") -> str:
        """In words; ``repeats`` is how many times each question was asked so far."""
        told = f" ({self.told}{', ' if self.told else ''}{chance_in_words(self.chance)})" if self.n else ""
        if self.lead is None:
            return f"{self.a} and {self.b} have no question in common that both answered; nothing can be said by {self.by}."
        ahead, behind = (self.a, self.b) if self.lead >= 0 else (self.b, self.a)
        if self.clear:
            return f"{ahead} is ahead of {behind} by {self.by}{told}."
        if not self.lead:
            return f"By {self.by}, {ahead} and {behind} are level{told}."
        said = f"By {self.by}, the lead of {ahead} over {behind} is not significant{told}"
        if self.needed is None:
            return f"{said}: one question can't show it, ask more (repeats={FEWEST})."
        if self.needed <= self.n:
            return f"{said}, but close: ask some more (repeats={2 * repeats:,})."
        times = math.ceil(self.needed / self.n * repeats)
        many = f"about {_many(times - repeats, 'more repeat', 'more repeats')} (repeats={times:,})"
        return (
            f"{said}. A difference of this size would take about {self.needed:,} {unit} instead of {self.n:,} to show: "
            f"{many}{'' if unit == 'rounds' else ', or more prompts'}."
        )


def sentences(differences: Sequence[Difference], repeats: int = 1, *, unit: str = "questions") -> list[str]:
    """The clear ones each in words, and of many that are not clear only the one that is nearest to it."""
    said = [one.sentence(repeats, unit=unit) for one in differences if one.clear]
    rest = [one for one in differences if not one.clear]
    if len(rest) <= _FEW:
        return said + [one.sentence(repeats, unit=unit) for one in rest]
    nearest = min(rest, key=lambda one: (one.chance is None, one.chance or 0.0, one.needed or 0))
    return [
        *said,
        nearest.sentence(repeats, unit=unit),
        f"The same goes for {len(rest) - 1} other pairs of models.",
    ]


def chance_in_words(chance: float | None) -> str:
    """A p-value as people write it.

    >>> chance_in_words(0.0001), chance_in_words(0.04321)
    ('p < 0.001', 'p = 0.043')
    """
    if chance is None:
        return "p unknown"
    return "p < 0.001" if chance < 0.001 else f"p = {chance:.2g}"


def plain(value: float) -> str:
    """A figure without a unit, to three digits."""
    return f"{value:.3g}"


def of_values(
    by: str,
    values: dict[str, dict[object, float]],
    *,
    lower_is_better: bool = False,
    written: Callable[[float], str] = plain,
) -> list[Difference]:
    """Every two models by a figure that each answer has: ``values[model][question]``. ``written`` puts its unit to it."""
    sign = -1.0 if lower_is_better else 1.0
    found = []
    for a, b in combinations(values, 2):
        shared = [question for question in values[a] if question in values[b]]
        ahead = [sign * (values[a][question] - values[b][question]) for question in shared]
        lead = fmean(ahead) if ahead else None
        chance = flip_test(ahead) if len(ahead) > 1 else None
        told = ""
        if shared and lead is not None:
            means = [fmean(values[model][question] for question in shared) for model in (a, b)]
            first, second = means if lead >= 0 else means[::-1]
            told = f"{written(first)} against {written(second)} over {len(shared)}"
        found.append(Difference(a, b, by, len(shared), lead, chance, pairs_needed(ahead), told))
    return _together(found)


def of_games(by: str, games: Sequence[Game]) -> list[Difference]:
    """Every two models by the games between them; where several judged one question, by what most of them said."""
    models = list(dict.fromkeys(name for game in games for name in (game.a, game.b)))
    found = []
    for a, b in combinations(models, 2):
        won = record_of(a, decided(between(a, b, games)))
        if not won.games:
            found.append(Difference(a, b, by, 0, None, None, None))
            continue
        lead = (won.wins - won.losses) / won.games
        wins, losses = sorted((won.wins, won.losses), reverse=True)
        told = f"{_many(wins, 'win', 'wins')}, {_many(losses, 'loss', 'losses')}, {_many(won.ties, 'tie', 'ties')}"
        chance = sign_test(won.wins, won.losses)
        needed = games_needed(won.wins, won.losses, won.ties)
        found.append(Difference(a, b, by, won.games, lead, chance, needed, told))
    return _together(found)


def _together(found: list[Difference]) -> list[Difference]:
    known = [one.chance for one in found if one.chance is not None]
    stricter = iter(holm(known))
    return [one if one.chance is None else replace(one, chance=next(stricter)) for one in found]


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
