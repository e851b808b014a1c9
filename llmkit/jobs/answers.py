"""A grid of answers as data: rows, figures by model, votes, scores, judgements, files.

Asking for answers is ``compare.py``'s business. Every reading has a file of its own: rows (``table.py``), figures by
model (``summary.py``), votes, scores, judges, plots.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from llmkit.core.errors import BadRequest
from llmkit.core.reply import Reply
from llmkit.core.signal import Signal
from llmkit.engine.budget import Budget
from llmkit.engine.session import Session, default_session
from llmkit.engine.wholefile import write_whole
from llmkit.jobs import table
from llmkit.jobs.best import Best, best_of, differences_of
from llmkit.jobs.blind import Veil
from llmkit.jobs.differences import Difference
from llmkit.jobs.games import Game, of_votes
from llmkit.jobs.grid import Cell, rows
from llmkit.jobs.judge import AT_ONCE, bench_for
from llmkit.jobs.judgement import Judgement
from llmkit.jobs.metrics import Metric, as_metric
from llmkit.jobs.scores import Scores, scored
from llmkit.jobs.summary import SUMMARY, summarize
from llmkit.jobs.votes import Ballot, Vote, elected
from llmkit.jobs.words import Diff
from llmkit.providers.keys import mask
from llmkit.routing.orchestrator import orchestrator

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd

    from llmkit.jobs.changes import Changes

Format = Literal["md", "csv", "json", "html"]


class Answers:
    """The cells of a grid and what can be asked of them."""

    def __init__(self, cells: Sequence[Cell], *, session: Session | None = None, blind: bool = False) -> None:
        self.cells = tuple(cells)
        self.interrupted = False
        self._session = session
        self._ballot = Ballot()
        self._scores: dict[str, Scores] = {}
        self._judgements: dict[str, Judgement] = {}
        #: Which names are hidden, and in which order the answers stand.
        self.veil = Veil(lambda cell: self._ballot.on(cell) is not None, on=blind)

    @property
    def replies(self) -> list[Reply | None]:
        """The reply of each cell, whole or as far as it came; ``None`` where nothing was sent."""
        return [cell.reply for cell in self.cells]

    @property
    def models(self) -> list[str]:
        """The models, in the order they were named."""
        return list(dict.fromkeys(cell.model for cell in self.cells))

    @property
    def rows(self) -> list[tuple[Cell, ...]]:
        """The cells question by question: those in a row differ in their model alone."""
        return rows(self.cells)

    # -- figures ------------------------------------------------------------------------------

    @property
    def df(self) -> pd.DataFrame:
        """One row for each cell. Simulated costs are marked in ``simulated``; unknown ones are NaN."""
        frame: pd.DataFrame = table.to_frame(self._records(), self._columns())
        return frame

    def summary(self) -> pd.DataFrame:
        """One row for each model: how many, how fast, how long, how dear, how often it won, with intervals.

        ``unpriced`` cells are not in ``cost``; a figure that is not known is missing. ``error_low`` to ``error_high``
        and ``win_low`` to ``win_high`` are 95 % intervals (Wilson's).
        """
        games, wins_by = self.games()
        scores = self._measured()
        rows = summarize(self.cells, games=games, wins_by=wins_by, scores=scores, alike=True)
        frame: pd.DataFrame = table.to_frame(rows, (*SUMMARY, *scores))
        return frame

    def diff(self, a: Cell | int | str, b: Cell | int | str) -> Diff:
        """Two answers against each other, word by word; a cell, its number, or a model that has one answer.

        >>> print(cmp.diff("luna", "sonnet"))  # doctest: +SKIP
        """
        one, other = self._find(a), self._find(b)
        names = [one.model, other.model]
        if names[0] == names[1]:
            names = [f"{cell.model} ({self.cells.index(cell)})" for cell in (one, other)]
        return Diff.of(one.text, other.text, *names)

    def export(self, format: Format = "md", path: str | Path | None = None) -> str:
        """The comparison as text ("md", "csv", "json" or "html"), written to ``path`` too if one is given. Keys are
        masked in it."""
        match format:
            case "csv":
                text = mask(table.to_csv(self._records(), self._columns()))
            case "json":
                text = mask(table.to_json(self._records()))
            case "md":
                text = self._repr_mimebundle_()["text/markdown"]
            case "html":
                text = import_module("llmkit.notebook.compare_static").page(self)
            case _:
                raise BadRequest(
                    f"Can't export as {format!r}.", hint='Formats are "md", "csv", "json" and "html".'
                )
        if path is not None:
            write_whole(path, text)
        return text

    # -- which is better ----------------------------------------------------------------------

    def score(
        self,
        metric: str | re.Pattern[str] | Callable[..., Any] | Metric,
        expected: Any = None,
        *,
        name: str | None = None,
    ) -> Scores:
        """Score every answer: by "exact", "contains", "regex", "json_equal", "rouge" or "words" against what is
        ``expected``, by a pattern, or by a function of yours.

        ``expected`` is one for all, a list with one for each prompt, or a mapping from prompts. A function gets the
        answer's text, and ``expected``, ``prompt``, ``reply``, ``data`` or ``cell`` where its parameters are named
        so; it returns a number, a bool, or ``None``. The score becomes a column of ``df`` and ``summary()``.

        >>> cmp.score("contains", expected="scattering")  # doctest: +SKIP
        >>> cmp.score(lambda answer: len(answer.split()) < 50, name="short")  # doctest: +SKIP
        """
        wanted = as_metric(metric, name)
        found = scored(self.cells, wanted, expected, taken={*table.COLUMNS, *SUMMARY})
        self._scores[found.name] = found
        self._note()
        return found

    @property
    def scores(self) -> dict[str, Scores]:
        """What was scored, by name."""
        return dict(self._scores)

    def judge(
        self,
        criterion: str,
        by: str | Iterable[str],
        *,
        name: str = "judged",
        budget: float | str | Decimal | Budget | None = None,
        dry_run: bool = False,
        max_concurrency: int = AT_ONCE,
        signal: Signal | None = None,
        timeout: float | None = None,
        tag: str | None = "judge",
        progress: bool = True,
        **more: Any,
    ) -> Judgement:
        """Have one model or several judge the answers two by two, by your criterion.

        Judges see no names and every pair in both orders; an answer wins only if it does in both. What comes back
        ranks the models, says which differences are more than chance and how many more repeats would tell, and how
        far the judges can be trusted: whether they look at the order, favour themselves, agree. ``dry_run=True``
        sends nothing and says what it would cost (``rerun()`` then sends it); ``budget`` is in dollars. What each
        answer was given is the column ``name``. Further options are those of ``Session.stream``.

        >>> cmp.judge("Which answer would a child understand better?", by="opus", dry_run=True)  # doctest: +SKIP
        >>> cmp.judge("clarity", by=["opus", "luna"], budget=0.50)  # doctest: +SKIP
        """
        if not all(cell.errand.over for cell in self.cells):
            raise BadRequest(
                "The comparison is still running.", hint="Wait for it: wait(). Nothing was sent."
            )
        if name in {*table.COLUMNS, *SUMMARY, *self._scores}:
            raise BadRequest(f"There is already a column {name!r}.", hint="Name it otherwise: name='…'.")
        session = self._session or default_session()
        bench = bench_for(self, session, criterion, by, tag=tag, timeout=timeout, more=more)
        made = Judgement(name, self, bench)
        if not dry_run:
            made.rerun(budget=budget, max_concurrency=max_concurrency, signal=signal, progress=progress)
        return made

    def games(self) -> tuple[list[Game], str | None]:
        """Who won against whom, and by whose word: your votes or, where there are none, the last judgement."""
        games = of_votes(self.votes, self.cells)
        if games or not self._judgements:
            return games, "votes"
        last = next(reversed(self._judgements.values()))
        return last.decided, last.name

    def _keep(self, judgement: Judgement) -> None:
        """A judgement that judges were asked for; it takes the place of an earlier one of its name."""
        self._judgements.pop(judgement.name, None)
        self._judgements[judgement.name] = judgement

    def _note(self) -> None:
        """Who is better is known to the router from now on. What was read from a file says nothing by itself."""
        if self._session is not None:
            orchestrator(self._session).note(self)

    @property
    def judgements(self) -> dict[str, Judgement]:
        """What was judged, by name."""
        return dict(self._judgements)

    def best(self, by: str = "wins") -> Best:
        """The best model by "wins", "cost", "ttft", "tokens_per_s", "duration", "errors", or a score.

        It is the model's name, and says whether its lead is more than chance: ``.clear`` and ``.why``.

        >>> llmkit.ask("And at dusk?", model=cmp.best(by="cost"))  # doctest: +SKIP
        """
        return best_of(self, by)

    def differences(self, by: str = "wins") -> list[Difference]:
        """Every two models by what ``best`` takes: which is ahead, by how much, and whether that is more than chance."""
        return differences_of(self, by)

    def plot(self, kind: str = "latency", *, png: bool | None = None) -> Any:
        """A picture: "latency", "cost", "frontier", "wins" or "length"; ``.table`` of it has the numbers.

        >>> cmp.plot("frontier")  # doctest: +SKIP
        """
        made = import_module("llmkit.jobs.plots").draw(self, kind)
        made._png = png
        return made

    # -- then and now -------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> Path:
        """Write answers, figures, votes, scores and judgements to a file, a line of JSON for each answer.

        >>> cmp.save("baseline.jsonl")  # doctest: +SKIP
        """
        written: Path = import_module("llmkit.jobs.baseline").save(self, path)
        return written

    def against(self, baseline: str | PathLike[str] | Answers) -> Changes:
        """What has changed since a comparison that was saved (or another one): answers, scores, cost, speed.

        Scores by a named metric are made here too, if they are not there yet.

        >>> llmkit.compare(prompts, models).against("baseline.jsonl")  # doctest: +SKIP
        """
        if isinstance(baseline, Answers):
            before, called = baseline, "the other comparison"
        else:
            before, called = import_module("llmkit.jobs.baseline").load(baseline), str(baseline)
        changes: Changes = import_module("llmkit.jobs.changes").Changes(before, self, called=called)
        return changes

    # -- votes --------------------------------------------------------------------------------

    def vote(self, choice: Cell | str | int, *, of: Cell | int | None = None, blind: bool = False) -> Vote:
        """Say which answer to a question is best: a cell, its model, "tie", or "skip".

        Where there are several questions, vote for a cell, or name one of the row with ``of``.

        >>> cmp.vote("luna")  # doctest: +SKIP
        >>> cmp.vote("tie", of=cmp[3])  # doctest: +SKIP
        """
        row, winner, kind = elected(self.cells, choice, of)
        vote = self._ballot.cast(row, winner, kind, blind=blind)
        self._changed()
        self._note()
        return vote

    @property
    def votes(self) -> list[Vote]:
        """All votes so far, by this method or in the widget; ``cmp.df["vote"]`` has them cell by cell."""
        return list(self._ballot)

    def voted(self, cell: Cell) -> str | None:
        """How a cell fared in the vote on its question: "won", "lost" or "tie"; ``None`` where there is none."""
        return self._ballot.word(cell)

    @property
    def blind(self) -> bool:
        """Are the models' names hidden until there is a vote? May be set at any time.

        What is hidden is what is shown: a table like ``cmp.df`` has the names.
        """
        return self.veil.on

    @blind.setter
    def blind(self, on: bool) -> None:
        self.veil.put(bool(on))
        self._changed()

    def vote_on(self, cell: Cell) -> Vote | None:
        """The vote on the question of a cell, if there is one."""
        return self._ballot.on(cell)

    # -- cells --------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.cells)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.cells)

    @overload
    def __getitem__(self, key: int) -> Cell: ...
    @overload
    def __getitem__(self, key: str | slice) -> list[Cell]: ...
    def __getitem__(self, key: int | str | slice) -> Cell | list[Cell]:
        """A cell by its number, or all cells of a model."""
        if isinstance(key, int):
            return self.cells[key]
        if isinstance(key, slice):
            return list(self.cells[key])
        found = [cell for cell in self.cells if cell.model == key]
        if not found:
            raise KeyError(f"{key!r} is not compared here; there are {', '.join(self.models)}.")
        return found

    # -- inside -------------------------------------------------------------------------------

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # The notebook's rooms are above this one; they are asked by name, at display time only.
        bundle: dict[str, str] = import_module("llmkit.notebook.compare_static").comparison_bundle(self)
        return bundle

    def _changed(self) -> None:
        """What there is to see is no longer the same."""

    def _columns(self) -> tuple[str, ...]:
        return (*table.COLUMNS, *self._scores, *self._judgements)

    def _records(self) -> list[dict[str, Any]]:
        scores = self._measured()
        return [
            table.record(cell)
            | {"vote": self.voted(cell)}
            | {name: values.get(cell) for name, values in scores.items()}
            for cell in self.cells
        ]

    def _measured(self) -> dict[str, dict[Cell, float | None]]:
        """What each answer was given, by the name of the score or the judgement."""
        scores = {name: one.by_cell for name, one in self._scores.items()}
        return scores | {name: one.by_cell for name, one in self._judgements.items()}

    def _find(self, named: Cell | int | str) -> Cell:
        """The cell that a user means: itself, its number, or the model that has but one answer."""
        if isinstance(named, Cell):
            return named
        found = self[named] if isinstance(named, str) else self.cells[named]
        if isinstance(found, Cell):
            return found
        if len(found) > 1:
            raise BadRequest(
                f"{named!r} has {len(found)} answers here; which is meant?",
                hint=f"Name one by its number: {', '.join(str(self.cells.index(cell)) for cell in found[:8])}, ….",
            )
        return found[0]
