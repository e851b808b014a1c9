"""A ranking from pairwise results: Bradley and Terry's model, with intervals by bootstrap. Needs numpy.

What a game is says ``games.py``. A tie counts as half a win for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmkit.jobs.games import Game, Record, record_of
from llmkit.jobs.table import pandas

if TYPE_CHECKING:
    import numpy as np

#: Part of a game added each way between those who met, so that who never lost is not infinitely strong.
PRIOR = 0.1
_DRAWS = 1_000
_FEWEST = 6
_SEED = 20_240_229
_ROUNDS, _CLOSE = 5_000, 1e-8


@dataclass(frozen=True, slots=True)
class Strength:
    """A model's place: ``strength`` in log-odds around 0 (a lead of 1.1 wins three games of four).

    ``low`` to ``high`` hold 95 % of the bootstrap; ``first`` is how often it came out on top there.
    """

    model: str
    strength: float
    low: float | None
    high: float | None
    first: float | None
    record: Record


def rank(games: Sequence[Game], *, prior: float = PRIOR, draws: int = _DRAWS) -> list[Strength]:
    """The models of these games, the strongest first.

    Intervals come from drawing whole questions again and again (the same draws always), since the games of one
    question are not independent. Fewer than six questions give no intervals: they would feign to know.

    >>> games = [Game("luna", "sonnet", 1, question) for question in range(8)]
    >>> [place.model for place in rank(games)]
    ['luna', 'sonnet']
    """
    pandas()  # brings numpy, or says how to get it
    import numpy as np

    models = list(dict.fromkeys(name for game in games for name in (game.a, game.b)))
    if not models:
        return []
    places = {model: place for place, model in enumerate(models)}
    questions = list(dict.fromkeys(game.question for game in games))
    wins = np.zeros((len(questions), len(models), len(models)))
    asked = {question: place for place, question in enumerate(questions)}
    for game in games:
        a, b = places[game.a], places[game.b]
        wins[asked[game.question], a, b] += game.points
        wins[asked[game.question], b, a] += 1 - game.points
    strengths = fitted(wins.sum(axis=0)[None], prior=prior)[0]
    low: Any = [None] * len(models)
    high, first = low, low
    if len(questions) >= _FEWEST:
        dice = np.random.default_rng(_SEED)
        drawn = dice.multinomial(len(questions), np.full(len(questions), 1 / len(questions)), size=draws)
        tried = fitted(np.tensordot(drawn, wins, axes=1), prior=prior, met=wins.sum(axis=0))
        low, high = np.quantile(tried, 0.025, axis=0), np.quantile(tried, 0.975, axis=0)
        top = tried >= tried.max(axis=1, keepdims=True) - 1e-9
        first = (top / top.sum(axis=1, keepdims=True)).mean(axis=0)
    order = sorted(range(len(models)), key=lambda place: -strengths[place])
    return [
        Strength(
            models[place],
            float(strengths[place]),
            None if low[place] is None else float(low[place]),
            None if high[place] is None else float(high[place]),
            None if first[place] is None else float(first[place]),
            record_of(models[place], games),
        )
        for place in order
    ]


def fitted(
    wins: np.ndarray[Any, Any], *, prior: float = PRIOR, met: np.ndarray[Any, Any] | None = None
) -> np.ndarray[Any, Any]:
    """The strengths that make these results most likely, for many tables of results at once.

    ``wins[t, i, j]`` is how often i beat j in table t; what is returned is ``[t, i]``, with a mean of 0. It is found
    by Hunter's minorisation (2004). ``met`` are all results, where the tables are draws of them.
    """
    import numpy as np

    together = wins.sum(axis=0) if met is None else met
    pairs = (together + together.T) > 0
    wins = wins + prior * pairs
    games = wins + wins.transpose(0, 2, 1)
    won = wins.sum(axis=2)
    skill = np.ones(won.shape)
    for _ in range(_ROUNDS):
        both = skill[:, :, None] + skill[:, None, :]
        fresh = won / np.maximum((games / both).sum(axis=2), 1e-300)
        fresh = np.maximum(fresh, 1e-12)
        fresh /= np.exp(np.log(fresh).mean(axis=1, keepdims=True))
        moved = np.abs(np.log(fresh) - np.log(skill)).max()
        skill = fresh
        if moved < _CLOSE:
            break
    return np.log(skill)
