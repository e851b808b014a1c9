"""Which model is the best by one figure, and is it more than chance? What may be asked for is a table, ``FIGURES``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest
from llmkit.jobs.differences import Difference, of_games, of_values, plain
from llmkit.jobs.games import record_of
from llmkit.jobs.report import dollars
from llmkit.jobs.table import record

if TYPE_CHECKING:
    from llmkit.jobs.answers import Answers


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that each answer has, and which end of it is the better one."""

    of: Callable[[dict[str, Any]], float | None]
    lower_is_better: bool = True
    only_whole: bool = True
    written: Callable[[float], str] = plain


def _column(name: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda row: None if row[name] is None else float(row[name])


def _seconds(value: float) -> str:
    return f"{value:.3g} s"


_share = "{:.0%}".format

FIGURES: Final[Mapping[str, Figure]] = MappingProxyType(
    {
        "cost": Figure(_column("cost"), written=dollars),
        "ttft": Figure(_column("ttft"), written=_seconds),
        "duration": Figure(_column("duration"), written=_seconds),
        "tokens_per_s": Figure(
            _column("tokens_per_s"), lower_is_better=False, written="{:,.0f} tokens/s".format
        ),
        "errors": Figure(
            lambda row: {"ok": 0.0, "error": 1.0}.get(row["status"]), only_whole=False, written=_share
        ),
    }
)


class Best(str):
    """A model's name, with the reason: ``by`` which figure, its ``value``, whether the lead is ``clear``, and ``why``."""

    __slots__ = ("by", "clear", "value", "why")
    by: str
    clear: bool
    value: float
    why: str

    def __new__(cls, model: str, *, by: str, value: float, clear: bool, why: str) -> Best:
        """Make one from its parts."""
        made = super().__new__(cls, model)
        made.by, made.value, made.clear, made.why = by, value, clear, why
        return made

    def __repr__(self) -> str:
        written = FIGURES[self.by].written if self.by in FIGURES else _share if self.by == "wins" else plain
        return f"{str(self)!r} ({self.by} {written(self.value)}; {'clear' if self.clear else 'not clear'}: {self.why})"

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (str(self),), {"by": self.by, "value": self.value, "clear": self.clear, "why": self.why}


def best_of(answers: Answers, by: str) -> Best:
    """The best model by that figure."""
    values = means_of(answers, by)
    lower = by in FIGURES and FIGURES[by].lower_is_better
    order = sorted(values, key=lambda model: values[model] if lower else -values[model])
    first = order[0]
    if len(order) == 1:
        return Best(first, by=by, value=values[first], clear=False, why="no other model has this figure")
    rest = [one for one in differences_of(answers, by) if first in (one.a, one.b)]
    unclear = [one for one in rest if not one.clear]
    if unclear:
        second = next((one for one in unclear if order[1] in (one.a, one.b)), unclear[0])
        why = second.sentence(_repeats(answers))
    else:
        why = " ".join(one.sentence() for one in rest)
    return Best(first, by=by, value=values[first], clear=not unclear, why=why)


def differences_of(answers: Answers, by: str) -> list[Difference]:
    """Every two models by that figure, on the questions that both answered."""
    if by == "wins":
        games, _ = answers.games()
        if not games:
            raise _no_games()
        return of_games(by, games)
    if by in answers.judgements:
        return answers.judgements[by].differences
    if by in answers.scores:
        return answers.scores[by].differences
    values = _values(answers, by)
    figure = FIGURES[by]
    return of_values(by, values, lower_is_better=figure.lower_is_better, written=figure.written)


def means_of(answers: Answers, by: str) -> dict[str, float]:
    """The mean of that figure for each model that has it."""
    if by == "wins" or by in answers.judgements:
        games = answers.games()[0] if by == "wins" else answers.judgements[by].games
        rates = {model: record_of(model, games).rate.value for model in answers.models}
        found = {model: rate for model, rate in rates.items() if rate is not None}
        if not found:
            raise _no_games()
        return found
    if by in answers.scores:
        scores = answers.scores[by]
        means = {model: scores.mean(model).value for model in answers.models}
        return {model: mean for model, mean in means.items() if mean is not None}
    return {model: fmean(values.values()) for model, values in _values(answers, by).items()}


def _values(answers: Answers, by: str) -> dict[str, dict[object, float]]:
    if by not in FIGURES:
        names = ["wins", *FIGURES, *answers.scores, *answers.judgements]
        near = difflib.get_close_matches(by, names, n=1)
        raise BadRequest(
            f"Models can't be compared by {by!r}.",
            why=f"Did you mean {near[0]!r}?" if near else "",
            hint=f"Take one of {', '.join(names)}. cmp.score(…) adds more.",
        )
    figure = FIGURES[by]
    values: dict[str, dict[object, float]] = {}
    for cell in answers.cells:
        if figure.only_whole and cell.status != "ok":
            continue
        value = figure.of(record(cell))
        if value is not None:
            values.setdefault(cell.model, {})[cell.question.row] = value
    if not values:
        raise BadRequest(
            f"No answer has a known {by}.",
            hint="cmp.df shows what is known; cmp.rerun() asks what is missing.",
        )
    return values


def _repeats(answers: Answers) -> int:
    return max((cell.question.repeat for cell in answers.cells), default=1)


def _no_games() -> BadRequest:
    return BadRequest(
        "Nobody has won yet.",
        why="There are neither votes nor verdicts.",
        hint='Vote with cmp.vote(…), let a model judge with cmp.judge("clarity", by="opus"), or name another figure: '
        'cmp.best(by="cost").',
    )
