"""``compare``: the same question to many models at once, side by side.

The grid of questions is ``grid.py``'s, running them ``pump.py``'s, their figures ``table.py``'s, and how it
looks in a notebook ``notebook/compare.py``'s.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from llmkit.core.errors import BadRequest
from llmkit.core.reply import Reply
from llmkit.core.signal import Signal
from llmkit.engine.session import Prompt, Session, default_session
from llmkit.engine.stream import Stream
from llmkit.jobs import table
from llmkit.jobs.grid import Cell, Question, at_once_from, check, questions
from llmkit.jobs.pump import Errand, Watcher, run
from llmkit.jobs.screen import TerminalLine, cell_id, in_notebook, kernel_shell

if TYPE_CHECKING:
    import pandas as pd

#: Cells under way at once where nothing else is said: as many as one provider's limiter lets through.
AT_ONCE = 64

Format = Literal["md", "csv", "json", "html"]


class Comparison:
    """A grid of answers, while it comes and afterwards.

    >>> cmp = llmkit.compare("Why is the sky blue?", ["sim/swift", "sim/sage"])  # doctest: +SKIP
    >>> cmp.df[["model", "answer", "ttft", "cost"]]  # doctest: +SKIP
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        *,
        at_once: int = AT_ONCE,
        signal: Signal | None = None,
        display: str = "",
    ) -> None:
        self.cells = tuple(cells)
        self.interrupted = False
        self._at_once = at_once
        self._asked_to_stop = signal
        self._display = display
        self._stop = self._signal()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._shown_in: int | None = None

    # -- running ------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop what is under way and send no more. What is done is kept. May be called from any thread."""
        self._stop.abort("stopped")

    def wait(self, timeout: float | None = None) -> Comparison:
        """Wait until every cell is over (or for so many seconds). Interrupting it stops the rest."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            try:
                thread.join(timeout)
            except KeyboardInterrupt:
                self.interrupted = True
                self._stop.abort("interrupted")
                thread.join()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return self

    def rerun(self, *, missing: bool = True, block: bool = True) -> Comparison:
        """Ask again what has no whole answer yet; with ``missing=False``, everything."""
        if self.running:
            raise BadRequest(
                "The comparison is still running.", hint="Wait for it (wait()) or stop it (stop())."
            )
        for cell in self.cells:
            if not (missing and cell.status == "ok"):
                cell.errand.again()
        self._stop = self._signal()
        self.interrupted = False
        return self.start(block=block)

    def start(self, *, block: bool = True) -> Comparison:
        """Send what is waiting."""
        watcher = self._watcher()
        watcher.start()
        if block:
            self._run(watcher)
            return self
        context = contextvars.copy_context()  # the budgets around the caller count here as well
        self._thread = threading.Thread(
            target=context.run, args=(self._run_apart, watcher), name="llmkit-compare", daemon=True
        )
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        """Is a cell under way, or yet to be sent?"""
        return not all(cell.errand.over for cell in self.cells)

    # -- looking ------------------------------------------------------------------------------

    @property
    def replies(self) -> list[Reply | None]:
        """The reply of each cell, whole or as far as it came; ``None`` where nothing was sent."""
        return [cell.reply for cell in self.cells]

    @property
    def models(self) -> list[str]:
        """The models, in the order they were named."""
        return list(dict.fromkeys(cell.model for cell in self.cells))

    @property
    def df(self) -> pd.DataFrame:
        """One row for each cell. Simulated costs are marked in ``simulated``; unknown ones are NaN."""
        frame: pd.DataFrame = table.to_frame(self._records(), table.COLUMNS)
        return frame

    def summary(self) -> pd.DataFrame:
        """One row for each model: how many, how fast, how long, how dear; ``unpriced`` cells are not in ``cost``."""
        frame: pd.DataFrame = table.to_frame(table.summarize(self.cells), table.SUMMARY)
        return frame

    def export(self, format: Format = "md", path: str | Path | None = None) -> str:
        """The comparison as text ("md", "csv", "json" or "html"), written to ``path`` too if one is given."""
        match format:
            case "csv":
                text = table.to_csv(self._records(), table.COLUMNS)
            case "json":
                text = table.to_json(self._records())
            case "md":
                text = self._repr_mimebundle_()["text/markdown"]
            case "html":
                text = import_module("llmkit.notebook.compare").page(self)
            case _:
                raise BadRequest(
                    f"Can't export as {format!r}.", hint='Formats are "md", "csv", "json" and "html".'
                )
        if path is not None:
            Path(path).write_text(text, encoding="utf-8", newline="")
        return text

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

    def __repr__(self) -> str:
        return f"<Comparison of {self.progress()}>"

    def progress(self) -> str:
        """How far it is, in a line."""
        counts = dict.fromkeys(("running", "ok", "error", "cancelled", "unsent", "refused"), 0)
        for cell in self.cells:
            if cell.status in counts:
                counts[cell.status] += 1
        told = [f"{counts[status]} {status}" for status in counts if counts[status]]
        return (
            f"{len(self.cells)} cell{'' if len(self.cells) == 1 else 's'}: {', '.join(told) or 'none begun'}"
        )

    # -- showing ------------------------------------------------------------------------------

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # The notebook's rooms are above this one; they are asked by name, at display time only.
        bundle: dict[str, str] = import_module("llmkit.notebook.compare").comparison_bundle(self)
        return bundle

    def _ipython_display_(self) -> None:
        """Not twice in one cell: as its value, what it has just shown while it ran."""
        shown, self._shown_in = self._shown_in, None
        shell = kernel_shell()
        if shell is None or shown != shell.execution_count:
            raise NotImplementedError  # IPython's way of saying: show it as you would otherwise

    # -- inside -------------------------------------------------------------------------------

    def _signal(self) -> Signal:
        own = Signal.never()
        return own if self._asked_to_stop is None else self._asked_to_stop | own

    def _run(self, watcher: Watcher) -> None:
        waiting = [cell.errand for cell in self.cells]
        if run(waiting, at_once=self._at_once, stop=self._stop, watcher=watcher):
            self.interrupted = True
        watcher.end()

    def _run_apart(self, watcher: Watcher) -> None:
        try:
            self._run(watcher)
        except BaseException as error:  # noqa: BLE001  wait() raises it where somebody sees it
            self._failure = error

    def _watcher(self) -> Watcher:
        shell = kernel_shell()
        if shell is None:
            return (
                Watcher() if self._display == "none" else TerminalLine(lambda: f"compare {self.progress()}")
            )
        self._shown_in = shell.execution_count
        return in_notebook("compare", self, shell, self._display)

    def _records(self) -> list[dict[str, Any]]:
        return [table.record(cell) for cell in self.cells]


def compare(
    prompt: Prompt | Sequence[Prompt],
    models: str | Iterable[str] | None = None,
    *,
    system: str | None = None,
    systems: Iterable[str | None] | None = None,
    temperature: float | None = None,
    temperatures: Iterable[float | None] | None = None,
    repeats: int = 1,
    block: bool = True,
    signal: Signal | None = None,
    timeout: float | None = None,
    tag: str | None = None,
    max_concurrency: int = AT_ONCE,
    session: Session | None = None,
    display: str = "",
    **more: Any,
) -> Comparison:
    """Ask every model every prompt, all at once, and see the answers side by side.

    Every combination of prompts, models, systems, temperatures and repeats is a cell. A cell that fails is that
    cell's business alone; Ctrl-C (or ``cmp.stop()``) stops the rest and keeps what is done, and ``cmp.rerun()``
    asks what is missing. ``timeout`` is for each cell. With ``block=False`` it returns at once, still running.
    ``display`` says how a notebook shows it ("live", "final", "none"; else as LLMKIT_DISPLAY says).
    Further options are those of ``Session.stream``; what is known to be wrong raises before anything is sent.

    >>> cmp = llmkit.compare("Why is the sky blue?", models=["sim/swift", "sim/sage"], repeats=3)  # doctest: +SKIP
    >>> cmp.summary()  # doctest: +SKIP
    """
    place = session or default_session()
    asked = questions(
        prompt,
        models,
        system=system,
        systems=systems,
        temperature=temperature,
        temperatures=temperatures,
        repeats=repeats,
    )
    at_once = at_once_from(max_concurrency)
    common = {"timeout": timeout, "tag": tag, "cell": cell_id(), **more}
    cells = []
    for number, question in enumerate(asked):
        given = _given(question, common)
        check(place, question.prompt, model=question.model, more=given)
        cells.append(Cell(number, question, Errand(_beginning(place, question, given))))
    return Comparison(cells, at_once=at_once, signal=signal, display=display).start(block=block)


def _given(question: Question, common: dict[str, Any]) -> dict[str, Any]:
    given = {**common, "system": question.system}
    if question.temperature is not None:
        given["temperature"] = question.temperature
    if question.repeat > 1:  # a cache or a tape must not answer it with the first one's answer
        given["sample"] = question.repeat
    return given


def _beginning(session: Session, question: Question, given: dict[str, Any]) -> Callable[[Signal], Stream]:
    return lambda stop: session.stream(question.prompt, model=question.model, signal=stop, **given)
