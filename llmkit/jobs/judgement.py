"""A judgement: verdicts of one or several judges, the ranking they make, and how far they can be trusted.

How judges are asked is ``judge.py``'s business.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from statistics import fmean
from typing import TYPE_CHECKING

from llmkit.core.reply import Reply
from llmkit.core.signal import Signal
from llmkit.engine.budget import Budget
from llmkit.jobs.differences import Difference, of_games, sentences
from llmkit.jobs.games import Game, decided, of_votes
from llmkit.jobs.grid import Cell, at_once_from
from llmkit.jobs.judge import AT_ONCE, Bench, Outlook
from llmkit.jobs.report import Report, Reported, figure, span
from llmkit.jobs.table import pandas
from llmkit.jobs.verdicts import (
    Agreement,
    Favour,
    Position,
    Verdict,
    agreements,
    favours,
    positions,
    said_by,
)

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.jobs.answers import Answers
    from llmkit.jobs.minutes import Minutes
    from llmkit.jobs.statistics_ranking import Strength


class Judgement(Reported):
    """What judges say of a grid of answers by one criterion.

    >>> judgement = cmp.judge("clarity", by=["opus", "luna"])  # doctest: +SKIP
    >>> judgement.df[["a", "b", "judge", "winner", "reasons"]]  # doctest: +SKIP
    """

    def __init__(self, name: str, answers: Answers, bench: Bench | Minutes) -> None:
        self.name = name
        self._answers = answers
        self._bench = bench

    # -- asking -------------------------------------------------------------------------------

    def rerun(
        self,
        *,
        budget: float | str | Decimal | Budget | None = None,
        max_concurrency: int = AT_ONCE,
        signal: Signal | None = None,
        progress: bool = True,
    ) -> Judgement:
        """Ask for the opinions that are missing."""
        at_once = at_once_from(max_concurrency)
        self._answers._keep(self)
        self._bench.hear(at_once=at_once, budget=budget, signal=signal, shown=progress)
        self._answers._note()
        return self

    @property
    def criterion(self) -> str:
        """What was judged by."""
        return self._bench.criterion

    @property
    def judges(self) -> tuple[str, ...]:
        """Who judged."""
        return self._bench.judges

    @property
    def interrupted(self) -> bool:
        """Was it stopped before its end? ``rerun()`` asks for the rest."""
        return self._bench.interrupted

    @property
    def replies(self) -> list[Reply]:
        """What the judges answered, also where it could not be used."""
        return list(self._bench.replies)

    @property
    def problems(self) -> list[str]:
        """Which opinions are missing, and why."""
        return self._bench.problems

    @property
    def estimate(self) -> Outlook:
        """What was expected before anything was sent."""
        return self._bench.outlook

    @property
    def cost(self) -> list[str]:
        """What it did cost, in words: real, simulated and unpriced calls apart."""
        return self._bench.paid

    # -- what they say ------------------------------------------------------------------------

    @property
    def verdicts(self) -> list[Verdict]:
        """One for each pair of answers and each judge; unknown where an opinion is missing."""
        return self._bench.verdicts()

    @property
    def games(self) -> list[Game]:
        """The verdicts that were reached, as games."""
        return [game for verdict in self.verdicts if (game := verdict.game) is not None]

    @property
    def decided(self) -> list[Game]:
        """One game for each pair of answers: what most of the judges said."""
        return decided(self.games)

    @property
    def df(self) -> pd.DataFrame:
        """One row for each verdict, with the reasons given."""
        rows = [
            {
                "prompt": one.a.question.label,
                "system": one.a.question.system,
                "temperature": one.a.question.temperature,
                "repeat": one.a.question.repeat,
                "a": one.a.model,
                "b": one.b.model,
                "judge": one.judge,
                "winner": one.winner,
                "consistent": None if not one.known else one.shift == 0,
                "reasons": " / ".join(one.reasons) or None,
            }
            for one in self.verdicts
        ]
        columns = [
            "prompt",
            "system",
            "temperature",
            "repeat",
            "a",
            "b",
            "judge",
            "winner",
            "consistent",
            "reasons",
        ]
        frame: pd.DataFrame = pandas().DataFrame.from_records(rows, columns=columns)
        frame["consistent"] = frame["consistent"].astype("boolean")
        return frame

    @property
    def by_cell(self) -> dict[Cell, float | None]:
        """What share of its points each answer got; those that are word for word the same got the same."""
        got: dict[object, list[float]] = {}
        for verdict in self.verdicts:
            if (points := verdict.points) is not None:
                got.setdefault(_words(verdict.a), []).append(points)
                got.setdefault(_words(verdict.b), []).append(1 - points)
        return {cell: fmean(got[_words(cell)]) for cell in self._answers.cells if _words(cell) in got}

    @property
    def ranking(self) -> list[Strength]:
        """The models, the strongest first (Bradley and Terry), with intervals by bootstrap."""
        from llmkit.jobs.statistics_ranking import rank

        games = self.decided
        prompts = {_prompt(game) for game in games}
        # Repeats of a prompt are alike; drawing prompts, where there are several, is the more honest way.
        return rank([replace(game, question=_prompt(game)) for game in games] if len(prompts) > 1 else games)

    @property
    def differences(self) -> list[Difference]:
        """Every two models against each other."""
        return of_games(self.name, self.games)

    # -- how far to trust them ----------------------------------------------------------------

    @property
    def positions(self) -> list[Position]:
        """How much each judge looked at the order."""
        return positions(self.verdicts)

    @property
    def favours(self) -> list[Favour]:
        """How judges that are compared themselves took their own answers."""
        return favours(self.verdicts, self._bench.own(self._answers.models))

    @property
    def agreements(self) -> list[Agreement]:
        """How far judges agree with each other and, where there are votes, with you."""
        return agreements(said_by([*self.games, *of_votes(self._answers.votes, self._answers.cells)]))

    def report(self) -> Report:
        """The ranking, what is more than chance, and how far the judges can be trusted."""
        judges = ", ".join(self.judges)
        title = f"Judged by {judges}: {_short(self.criterion)}"
        if not self._bench.begun:
            return Report(title, (f"Nothing was sent yet. Expected: {self.estimate}. rerun() sends it.",))
        reached = [one for one in self.verdicts if one.known]
        said = [
            f"{len(reached):,} of {len(self.verdicts):,} verdicts, each asked for in both orders, without names. "
            f"Cost: {', '.join(self.cost) or 'none'} (expected: {self.estimate})."
        ]
        repeats = max((cell.question.repeat for cell in self._answers.cells), default=1)
        said += sentences(self.differences, repeats)
        said += [one.sentence() for one in self.positions]
        moved = {one.judge for one in self.positions if one.biased}
        for own in self.favours:
            because = " Its position bias may be the reason." if own.biased and own.judge in moved else ""
            said.append(own.sentence() + because)
        said += [one.sentence() for one in self.agreements]
        if self.problems:
            said.append(
                f"{len(self.problems):,} opinions are missing (rerun() asks for them); the first: {self.problems[0]}"
            )
        rows = []
        for place, one in enumerate(self.ranking, 1):
            won, rate = one.record, one.record.rate
            rows.append(
                (
                    str(place),
                    one.model,
                    f"{won.wins} / {won.losses} / {won.ties}",
                    figure(rate.value, ".0%"),
                    span(rate.low, rate.high, ".0%"),
                    f"{one.strength:+.2f}",
                    span(*_varied(one.low, one.high), "+.2f"),
                    figure(one.first, ".0%"),
                )
            )
        head = ("", "model", "won / lost / tied", "wins", "95 %", "strength", "95 %", "on top")
        return Report(title, tuple(said), head, tuple(rows))


def _prompt(game: Game) -> object:
    return game.question[:-1] if isinstance(game.question, tuple) else game.question


def _words(cell: Cell) -> object:
    return cell.question.row[:-1], cell.model, cell.text


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"


def _varied(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    """An interval, unless nothing varied in the draws that it was made of: then it would feign to know."""
    return (low, high) if low is not None and high is not None and high - low > 1e-9 else (None, None)
