"""Pairwise results: who won against whom, by whose word. A person's vote and a judge's verdict both become games.

What a vote is says ``votes.py``, how verdicts come about ``judge.py``; a ranking of games is
``statistics_ranking.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from llmkit.jobs.grid import Cell
from llmkit.jobs.statistics import Interval, wilson
from llmkit.jobs.votes import Vote


@dataclass(frozen=True, slots=True)
class Game:
    """Model ``a`` against model ``b`` on one question: ``points`` are a's, 1, ½ (a tie) or 0."""

    a: str
    b: str
    points: float
    question: object = None
    by: str = ""

    def turned(self) -> Game:
        """The same game seen from the other side.

        >>> Game("luna", "sonnet", 1).turned()
        Game(a='sonnet', b='luna', points=0, question=None, by='')
        """
        return Game(self.b, self.a, 1 - self.points, self.question, self.by)


@dataclass(frozen=True, slots=True)
class Record:
    """What a model has won, lost and tied. A tie counts as half a win."""

    wins: int = 0
    losses: int = 0
    ties: int = 0

    @property
    def games(self) -> int:
        """How many there were."""
        return self.wins + self.losses + self.ties

    @property
    def rate(self) -> Interval:
        """The share that was won, with Wilson's interval.

        >>> print(Record(wins=8, losses=2).rate)
        0.8 (0.49 to 0.943)
        """
        return wilson(self.wins + self.ties / 2, self.games)


def record_of(model: str, games: Iterable[Game]) -> Record:
    """What a model won, lost and tied in these games.

    >>> record_of("luna", [Game("luna", "sonnet", 1), Game("sonnet", "luna", 0.5)])
    Record(wins=1, losses=0, ties=1)
    """
    points = [
        game.points if game.a == model else 1 - game.points for game in games if model in (game.a, game.b)
    ]
    won = sum(one > 0.5 for one in points)
    lost = sum(one < 0.5 for one in points)
    return Record(won, lost, len(points) - won - lost)


def between(a: str, b: str, games: Sequence[Game]) -> list[Game]:
    """The games of two models, all seen from the side of the first."""
    return [game if game.a == a else game.turned() for game in games if {game.a, game.b} == {a, b} and a != b]


def decided(games: Iterable[Game]) -> list[Game]:
    """One game for each two models and question: where several judged it, what most of them said.

    >>> [game.points for game in decided([Game("a", "b", 1), Game("b", "a", 0), Game("a", "b", 0)])]
    [1.0]
    """
    said: dict[tuple[str, str, object], list[float]] = {}
    for game in games:
        turned = (game.b, game.a, game.question) in said
        seen = game.turned() if turned else game
        said.setdefault((seen.a, seen.b, seen.question), []).append(seen.points)
    return [Game(a, b, _majority(points), question) for (a, b, question), points in said.items()]


def _majority(points: Sequence[float]) -> float:
    mean = fmean(points)
    return 1.0 if mean > 0.5 else 0.0 if mean < 0.5 else 0.5


def of_votes(votes: Iterable[Vote], cells: Iterable[Cell] = ()) -> list[Game]:
    """Votes as games: the best of several has won against each of the others, a tie is one between all of them,
    and what was skipped is none. ``cells`` are those that were voted on: their rows are the questions."""
    asked = [cell.question for cell in cells]
    places = {(one.label, one.system, one.temperature, one.repeat): one.row for one in asked}
    games = []
    for vote in votes:
        said = (vote.prompt, vote.system, vote.temperature, vote.repeat)
        question = places.get(said, said)
        if vote.kind == "tie":
            games += [Game(a, b, 0.5, question, "votes") for a, b in combinations(vote.among, 2)]
        elif vote.winner is not None:
            games += [Game(vote.winner, loser, 1, question, "votes") for loser in vote.losers]
    return games
