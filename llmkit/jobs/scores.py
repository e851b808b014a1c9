"""A grid scored: a number for each answer, its mean for each model, and whether a difference is more than chance.

What an answer can be scored by is in ``metrics.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.jobs import table
from llmkit.jobs.differences import Difference, of_values, sentences
from llmkit.jobs.grid import Cell, rows
from llmkit.jobs.metrics import Metric
from llmkit.jobs.report import Report, Reported, figure, span
from llmkit.jobs.statistics import Interval, bootstrap_mean

if TYPE_CHECKING:
    import pandas as pd

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Score:
    """One answer's score; ``value`` is ``None`` where nothing could be said, and ``problem`` says why."""

    cell: Cell
    text: str
    value: float | None
    problem: str = ""

    @property
    def stands(self) -> bool:
        """Is it still the answer that was scored?"""
        return self.cell.status == "ok" and self.cell.text == self.text


@dataclass(frozen=True, slots=True, repr=False)
class Scores(Reported):
    """All answers of a grid by one metric.

    >>> cmp.score("rouge", "The sky scatters blue light.")  # doctest: +SKIP
    """

    name: str
    scores: tuple[Score, ...]
    metric: Metric = field(repr=False)
    expected: Any = None

    @property
    def by_cell(self) -> dict[Cell, float | None]:
        """The score of each answer that is still the one that was scored."""
        return {score.cell: score.value for score in self.scores if score.stands}

    @property
    def problems(self) -> list[str]:
        """Where it could not be scored, and why."""
        return [f"{one.cell.model}: {one.problem}" for one in self.scores if one.problem]

    @property
    def df(self) -> pd.DataFrame:
        """One row for each answer."""
        rows = [
            table.record(one.cell) | {self.name: one.value, "problem": one.problem or None}
            for one in self.scores
        ]
        frame: pd.DataFrame = table.to_frame(
            rows, ("prompt", "model", "system", "temperature", "repeat", "answer", self.name, "problem")
        )
        return frame

    def mean(self, model: str) -> Interval:
        """A model's mean, with an interval that counts the repeats of a question as one."""
        questions: dict[object, list[float]] = {}
        for cell, value in self.by_cell.items():
            if cell.model == model and value is not None:
                questions.setdefault(cell.question.row[:-1], []).append(value)
        return bootstrap_mean(list(questions.values()))

    @property
    def differences(self) -> list[Difference]:
        """Every two models against each other, on the questions that both answered.

        Repeats in which all answered word for word as before say nothing new, and count once.
        """
        by_model: dict[str, dict[object, float]] = {}
        seen = set()
        for row in rows(self.by_cell):
            said = (row[0].question.row[:-1], *((cell.model, cell.text) for cell in row))
            if said in seen:
                continue
            seen.add(said)
            for cell in row:
                value = self.by_cell[cell]
                if value is not None:
                    by_model.setdefault(cell.model, {})[cell.question.row] = value
        return of_values(self.name, by_model)

    def report(self) -> Report:
        """Means with intervals, and which differences are more than chance."""
        repeats = max((score.cell.question.repeat for score in self.scores), default=1)
        lines = []
        for model in dict.fromkeys(score.cell.model for score in self.scores):
            known = [v for cell, v in self.by_cell.items() if cell.model == model and v is not None]
            mean = self.mean(model)
            lines.append((model, str(len(known)), figure(mean.value), span(mean.low, mean.high)))
        said = sentences(self.differences, repeats)
        if self.problems:
            said.append(f"{len(self.problems)} answers could not be scored; the first: {self.problems[0]}.")
        return Report(
            f"Scores by {self.name}", tuple(said), ("model", "scored", "mean", "95 % interval"), tuple(lines)
        )


def scored(cells: Sequence[Cell], metric: Metric, expected: Any, *, taken: Iterable[str]) -> Scores:
    """Score every whole answer. One that can't be scored is kept with its reason; where none can, that is an error."""
    if metric.name in taken:
        raise BadRequest(
            f"There is already a column {metric.name!r}.", hint="Name the score yourself: name='…'."
        )
    if metric.expects and expected is None:
        raise BadRequest(
            f"{metric.name!r} needs the answer that is expected.",
            hint=f"For example cmp.score({metric.name!r}, expected='Paris'), a list with one for each prompt, "
            "or a mapping from prompts.",
        )
    wanted = _expected(cells, expected)
    scores = []
    for cell in cells:
        if cell.status != "ok":
            continue
        if wanted[cell] is _MISSING:
            scores.append(Score(cell, cell.text, None, "no expected answer is given"))
            continue
        try:
            scores.append(Score(cell, cell.text, metric.of(cell, wanted[cell])))
        except Exception as error:  # noqa: BLE001  a user's function may fail in any way; the others go on
            scores.append(Score(cell, cell.text, None, f"{type(error).__name__}: {error}"))
    if not scores:
        raise BadRequest("There is no whole answer to score yet.", hint="cmp.rerun() asks what is missing.")
    if all(score.problem for score in scores):
        raise LLMKitError(
            f"No answer could be scored by {metric.name}.",
            why=scores[0].problem,
            hint="A function gets the text of the answer, and expected, prompt, reply, data or cell where its "
            "parameters are named so.",
        )
    return Scores(metric.name, tuple(scores), metric, expected)


def _expected(cells: Sequence[Cell], expected: Any) -> dict[Cell, Any]:
    """What is expected of each cell: the same of all, by prompt, or in the order of the prompts."""
    if hasattr(expected, "tolist") and not isinstance(expected, str):  # a column
        expected = expected.tolist()
    labels = {cell.question.label for cell in cells}
    if isinstance(expected, Mapping) and labels & set(expected):
        return {cell: expected.get(cell.question.label, _MISSING) for cell in cells}
    places = sorted({cell.question.place for cell in cells})
    if isinstance(expected, list | tuple):
        if len(expected) != len(places):
            raise BadRequest(
                f"There are {len(places)} prompts, and {len(expected)} answers are expected.",
                hint="Give one for each prompt, in their order; a list that is itself expected is written as JSON text.",
            )
        by_place = dict(zip(places, expected, strict=True))
        return {cell: by_place[cell.question.place] for cell in cells}
    return dict.fromkeys(cells, expected)
