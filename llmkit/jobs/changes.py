"""What has changed since a baseline: answers, scores, cost and speed, by prompt and model; and what got worse.

Reading and writing baselines is ``baseline.py``'s business, failing a test ``llmkit.testing``'s.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal, get_args

from llmkit.core.errors import BadRequest
from llmkit.core.messages import message_to_json
from llmkit.engine.inputs import as_prompt
from llmkit.jobs import table
from llmkit.jobs.differences import chance_in_words
from llmkit.jobs.grid import Cell
from llmkit.jobs.report import Report, Reported, dollars, figure
from llmkit.jobs.statistics import flip_test, quantile
from llmkit.jobs.words import Diff, in_common

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.jobs.answers import Answers

Kind = Literal["same", "changed", "broken", "mended", "failing", "new", "gone"]
_FIGURES = ("cost", "ttft", "duration")
_MOST_ROWS = 40


@dataclass(frozen=True, slots=True)
class Change:
    """One question then and now. "broken" was answered then and is not now, "mended" the other way round."""

    before: Cell | None
    after: Cell | None

    @property
    def cell(self) -> Cell:
        """The cell of now, or of then where it is gone."""
        found = self.after or self.before
        if found is None:
            raise ValueError("A change has a before or an after.")
        return found

    @property
    def kind(self) -> Kind:
        """What has become of it, in a word."""
        if self.before is None:
            return "new"
        if self.after is None:
            return "gone"
        then, now = self.before.status == "ok", self.after.status == "ok"
        if then and now:
            return "same" if self.before.text == self.after.text else "changed"
        if then != now:
            return "broken" if then else "mended"
        return "failing"

    @property
    def alike(self) -> float | None:
        """How many of their words both answers share; unknown where one is missing."""
        if self.before is None or self.after is None or self.kind not in ("same", "changed"):
            return None
        return in_common(self.before.text, self.after.text)

    @property
    def diff(self) -> Diff:
        """Both answers against each other, word by word."""
        before, after = ("" if cell is None else cell.text for cell in (self.before, self.after))
        return Diff.of(before, after, "before", "after")


class Changes(Reported):
    """A comparison against its baseline.

    >>> llmkit.compare(prompts, models).against("baseline.jsonl")  # doctest: +SKIP
    """

    def __init__(self, before: Answers, after: Answers, *, called: str = "the baseline") -> None:
        self.called = called
        self._before, self._after = before, after
        then, now = _by(_key, before), _by(_key, after)
        if not then.keys() & now.keys():
            then, now = _by(_asked, before), _by(_asked, after)
            if len(then) < len(before.cells) or len(now) < len(
                after.cells
            ):  # which goes with which is not clear
                then, now = {}, {}
        if not then.keys() & now.keys():
            raise BadRequest(
                f"This comparison has no question in common with {called}.",
                why="A question is a prompt, a model, a system prompt, a temperature and a repeat.",
                hint="Ask the same again, or save a new baseline: cmp.save(…).",
            )
        self.changes = tuple(Change(then.get(key), now.get(key)) for key in dict.fromkeys([*now, *then]))
        for name, found in before.scores.items():
            if name not in after.scores and found.metric.known_as:
                after.score(found.metric, found.expected)
        then_given, now_given = before._measured(), after._measured()
        self._scores = {name: (then_given[name], now_given[name]) for name in then_given if name in now_given}
        #: Those that stand for themselves; what a judge gave is a share, and falls where another model gets better.
        self._counted = [name for name in self._scores if name in before.scores]
        #: Scores of the baseline that this comparison does not have.
        self.missing_scores = tuple(name for name in before.scores if name not in after.scores)

    # -- looking ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.changes)

    def of(self, kind: Kind) -> list[Change]:
        """The questions with which that has happened.

        >>> changes.of("changed")[0].diff  # doctest: +SKIP
        """
        return [change for change in self.changes if change.kind == kind]

    @property
    def df(self) -> pd.DataFrame:
        """One row for each question: then and now."""
        rows = []
        for change in self.changes:
            asked = change.cell.question
            row: dict[str, Any] = {
                "prompt": asked.label,
                "model": asked.model,
                "system": asked.system,
                "temperature": asked.temperature,
                "repeat": asked.repeat,
                "change": change.kind,
                "alike": change.alike,
            }
            for when, cell in (("before", change.before), ("after", change.after)):
                record = None if cell is None else table.record(cell)
                row[f"answer_{when}"] = None if record is None else record["answer"]
                row[f"status_{when}"] = None if record is None else record["status"]
                for name in _FIGURES:
                    row[f"{name}_{when}"] = None if record is None else record[name]
            for name, (then, now) in self._scores.items():
                row[f"{name}_before"] = None if change.before is None else then.get(change.before)
                row[f"{name}_after"] = None if change.after is None else now.get(change.after)
            rows.append(row)
        frame: pd.DataFrame = table.to_frame(rows, list(rows[0]))
        return frame

    def summary(self, by: str | Sequence[str] = "model") -> pd.DataFrame:
        """A row for each model; or ``by="prompt"``, or ``by=["prompt", "model"]``."""
        names = [by] if isinstance(by, str) else list(by)
        if not names or any(name not in ("model", "prompt", "system", "temperature") for name in names):
            raise BadRequest(
                f"Changes can't be summed up by {by!r}.", hint="Take model, prompt, system or temperature."
            )
        rows = [dict(zip(names, key, strict=True)) | self._sums(part) for key, part in self._grouped(names)]
        frame: pd.DataFrame = table.to_frame(rows, list(rows[0]))
        return frame

    def _grouped(self, names: Sequence[str]) -> list[tuple[tuple[Any, ...], list[Change]]]:
        groups: dict[tuple[Any, ...], list[Change]] = {}
        for change in self.changes:
            asked = change.cell.question
            known = {
                "model": asked.model,
                "prompt": asked.label,
                "system": asked.system,
                "temperature": asked.temperature,
            }
            groups.setdefault(tuple(known[name] for name in names), []).append(change)
        return list(groups.items())

    def _sums(self, part: Sequence[Change]) -> dict[str, Any]:
        alike = [change.alike for change in part if change.alike is not None]
        row: dict[str, Any] = {"n": len(part)}
        row |= {kind: sum(change.kind == kind for change in part) for kind in ("changed", "broken", "mended")}
        row["alike"] = fmean(alike) if alike else None
        for name in _FIGURES:
            then, now = _pairs(part, lambda cell, name=name: table.record(cell)[name])  # type: ignore[misc]
            middle = sum if name == "cost" else _median
            row[f"{name}_before"] = middle(then) if then else None
            row[f"{name}_after"] = middle(now) if now else None
        for name in self._scores:
            then, now = self._scored(part, name)
            row[f"{name}_before"] = fmean(then) if then else None
            row[f"{name}_after"] = fmean(now) if now else None
        return row

    def _scored(self, part: Iterable[Change], name: str) -> tuple[list[float], list[float]]:
        before, after = self._scores[name]
        found = [
            (then, now)
            for change in part
            if change.before is not None
            and change.after is not None
            and (then := before.get(change.before)) is not None
            and (now := after.get(change.after)) is not None
        ]
        return [then for then, _ in found], [now for _, now in found]

    # -- judging ------------------------------------------------------------------------------

    def regressions(
        self,
        *,
        score: float | Mapping[str, float] | None = 0.05,
        cost: float | None = 1.25,
        latency: float | None = None,
        alike: float | None = None,
    ) -> list[str]:
        """What got worse, in sentences, model by model; nothing where nothing did.

        ``score`` is by how much a mean score may fall (or a mapping from scores), ``cost`` and ``latency`` how many
        times as much an answer may cost or take (median, to its end), ``alike`` how many of its words an answer must
        share with the old one on average. ``None`` allows anything. An answer that failed is always worse.
        """
        said = [
            f"The baseline has a score {name!r} and this comparison has not: cmp.score(…) makes it."
            for name in self.missing_scores
            if score is not None
        ]
        for (model,), part in self._grouped(["model"]):
            if not any(change.after is not None for change in part):
                continue  # the model was left out on purpose
            said += [f"{model} {problem}" for problem in self._worse(part, score, cost, latency, alike)]
        return said

    def _worse(
        self,
        part: Sequence[Change],
        score: float | Mapping[str, float] | None,
        cost: float | None,
        latency: float | None,
        alike: float | None,
    ) -> list[str]:
        said = []
        asked = sum(change.before is not None for change in part)
        if broken := [change for change in part if change.kind == "broken"]:
            first = broken[0].cell
            why = "" if first.error is None else f" ({str(first.error).splitlines()[0]})"
            said.append(
                f"no longer answers {len(broken)} of {asked} questions; the first: {_short(first)}{why}"
            )
        if gone := [change for change in part if change.kind == "gone"]:
            said.append(f"was not asked {len(gone)} of {asked} questions; the first: {_short(gone[0].cell)}")
        for name in self._counted if score is not None else ():
            allowed = score.get(name, 0.05) if isinstance(score, Mapping) else score or 0.0
            then, now = self._scored(part, name)
            if then and fmean(then) - fmean(now) > allowed + 1e-9:
                chance = flip_test([b - a for a, b in zip(then, now, strict=True)])
                said.append(
                    f"scores {fmean(now):.3g} by {name}, and scored {fmean(then):.3g} ({len(then)} answers, "
                    f"{chance_in_words(chance)}; {allowed:g} less is allowed)"
                )
        for name, limit, called, middle in (
            ("cost", cost, "costs", sum),
            ("duration", latency, "takes", _median),
        ):
            then, now = _pairs(part, lambda cell, name=name: table.record(cell)[name])  # type: ignore[misc]
            if limit is None or not then or not middle(then):
                continue
            times = middle(now) / middle(then)
            if times > limit:
                said.append(f"{called} {times:.2f} times as much as it did ({limit:g} times is allowed)")
        shares = [change.alike for change in part if change.alike is not None]
        if alike is not None and shares and fmean(shares) < alike:
            worst = min((c for c in part if c.alike is not None), key=lambda c: c.alike or 0.0)
            said.append(
                f"shares {fmean(shares):.0%} of its words with its old answers ({alike:.0%} is asked for); the least "
                f"alike: {_short(worst.cell)}"
            )
        return said

    def report(self) -> Report:
        """What got worse by the usual limits, and a table by prompt and model."""
        counts = [f"{len(self.of(kind))} {kind}" for kind in get_args(Kind) if self.of(kind)]
        told = [f"{', '.join(counts)}."]
        worse = self.regressions()
        told += [f"Worse: {one}" for one in worse] or ["Nothing got worse beyond the usual limits."]
        names = ["prompt", "model"]
        groups = self._grouped(names)
        if len(groups) > _MOST_ROWS:
            names = ["model"]
            groups = self._grouped(names)
        rows = []
        for key, part in groups:
            sums = self._sums(part)
            kinds = Counter(change.kind for change in part)
            became = ", ".join(
                f"{kinds[kind]} {kind}" for kind in get_args(Kind) if kinds[kind] and kind != "same"
            )
            rows.append(
                (
                    *(_line(str(value)) for value in key),
                    became or "same",
                    figure(sums["alike"], ".0%"),
                    *(_moved(sums, name, figure) for name in self._scores),
                    _moved(sums, "cost", dollars),
                    _moved(sums, "duration", lambda value: figure(value, ".2f")),
                )
            )
        head = (*names, "answers", "alike", *self._scores, "cost", "time (s)")
        return Report(f"Against {self.called}", tuple(told), head, tuple(rows))


def _key(cell: Cell) -> tuple[Any, ...]:
    return *_asked(cell), cell.question.system, cell.question.temperature


def _asked(cell: Cell) -> tuple[Any, ...]:
    """The same question, whatever the system prompt and the temperature are now."""
    prompt = cell.question.prompt
    if not isinstance(prompt, str):
        prompt = json.dumps([message_to_json(one) for one in as_prompt(prompt)], sort_keys=True)
    return prompt, cell.question.model, cell.question.repeat


def _by(key: Callable[[Cell], tuple[Any, ...]], answers: Answers) -> dict[tuple[Any, ...], Cell]:
    return {key(cell): cell for cell in answers.cells}


def _pairs(part: Iterable[Change], of: Callable[[Cell], Any]) -> tuple[list[float], list[float]]:
    """A figure then and now, of the answers that were whole both times and have it both times."""
    found = [
        (float(then), float(now))
        for change in part
        if change.kind in ("same", "changed") and change.before is not None and change.after is not None
        if (then := of(change.before)) is not None and (now := of(change.after)) is not None
    ]
    return [then for then, _ in found], [now for _, now in found]


def _median(values: Sequence[float]) -> float:
    return quantile(values, 0.5) or 0.0


def _moved(sums: Mapping[str, Any], name: str, told: Callable[[float | None], str]) -> str:
    then, now = told(sums[f"{name}_before"]), told(sums[f"{name}_after"])
    return now if then == now else f"{then} → {now}"


def _short(cell: Cell) -> str:
    return f"“{_line(cell.question.label)}”"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
