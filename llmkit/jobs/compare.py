"""``compare``: the same question to many models at once, side by side.

The grid of questions is ``grid.py``'s, running them ``pump.py``'s, what can be asked of the answers ``answers.py``'s,
and how it looks in a notebook ``notebook/compare.py``'s.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.signal import Signal
from llmkit.engine.budget import Budget
from llmkit.engine.session import Prompt, Session, default_session
from llmkit.engine.whereabouts import cell_id, kernel_shell
from llmkit.jobs.answers import Answers
from llmkit.jobs.grid import Cell, Question, as_models, at_once_from, check, label_of, questions, spelt
from llmkit.jobs.preview import Preview, agreed, preview, threshold
from llmkit.jobs.pump import Errand, Pump, Watcher
from llmkit.jobs.screen import TerminalLine, in_notebook

#: Cells under way at once where nothing else is said: as many as one provider's limiter lets through.
AT_ONCE = 64
#: So often whoever awaits a comparison looks whether it is over.
_LOOK_SECONDS = 0.05


class Comparison(Answers):
    """A grid of answers, while it comes and afterwards.

    What can be asked of its answers (``df``, ``summary``, ``plot``, ``vote``, ``judge``, …) is in ``Answers``.

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
        make: Callable[[Question], Errand] | None = None,
        session: Session | None = None,
        blind: bool = False,
    ) -> None:
        super().__init__(cells, session=session, blind=blind)
        #: The cells of earlier prompts, where another was asked in their place.
        self.earlier: tuple[Cell, ...] = ()
        #: What the grid was going to send and cost, as it was known before.
        self.preview: Preview | None = None
        #: What all its cells may cost together, whenever they are asked.
        self.budget: Budget | None = None
        self._at_once = at_once
        self._asked_to_stop = signal
        self._display = display
        self._stop = self._signal()
        self._make = make
        self._count = len(self.cells)
        self._sending = threading.Lock()
        self._pump: Pump | None = None
        self._watched: Watcher | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._shown_in: int | None = None

    # -- running ------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop what is under way and send no more. What is done is kept. May be called from any thread."""
        self._stop.abort("stopped")

    def wait(self, timeout: float | None = None) -> Comparison:
        """Wait until every cell is over (or for so many seconds). Interrupting it stops the rest."""
        until = None if timeout is None else time.monotonic() + timeout
        while (thread := self._thread) is not None and thread is not threading.current_thread():
            try:
                thread.join(None if until is None else max(0.0, until - time.monotonic()))
            except KeyboardInterrupt:
                self.interrupted = True
                self._stop.abort("interrupted")
                thread.join()
            if thread is self._thread:  # else more was asked meanwhile
                break
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return self

    def __await__(self) -> Generator[Any, None, Comparison]:
        """Wait as :meth:`wait` does, while the event loop goes on with other things.

        >>> await llmkit.compare("Why is the sky blue?", ["sim/swift", "sim/sage"], block=False)  # doctest: +SKIP
        """
        return self._waited().__await__()

    async def _waited(self) -> Comparison:
        try:
            # Not an event: an interrupt gets through only while the loop wakes now and then.
            while (thread := self._thread) is not None and thread.is_alive():  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
        except BaseException:  # the task that waits was stopped: so is what it waits for, as by an interrupt
            self.interrupted = True
            self._stop.abort("interrupted")
            raise
        return self.wait()

    def rerun(
        self,
        *,
        missing: bool = True,
        block: bool = True,
        budget: float | str | Decimal | Budget | None = None,
    ) -> Comparison:
        """Ask again what has no whole answer yet; with ``missing=False``, everything. ``budget`` takes the place of
        the one there was."""
        if self.running:
            raise BadRequest(
                "The comparison is still running.", hint="Wait for it (wait()) or stop it (stop())."
            )
        if budget is not None:
            self.budget = Budget.of_call(budget)
        self._again([cell for cell in self.cells if not (missing and cell.status == "ok")])
        self._stop = self._signal()
        return self.start(block=block)

    def start(self, *, block: bool = True) -> Comparison:
        """Show the grid here, and send what is waiting."""
        if self._watched is not None:
            self._watched.leave()
        self._watched = watcher = self._watcher()
        watcher.start()
        self._send(self.cells, block=block or not watcher.outlives_its_cell)
        return self

    @property
    def running(self) -> bool:
        """Is a cell under way, or yet to be sent?"""
        return not all(cell.errand.over for cell in self.cells)

    # -- changing -----------------------------------------------------------------------------

    def retry(self, *cells: Cell | int, block: bool = True) -> Comparison:
        """Ask these cells again, whatever came of them; the others are left alone.

        >>> cmp.retry(0)  # doctest: +SKIP
        """
        again = [self.cells[cell] if isinstance(cell, int) else cell for cell in cells]
        if any(cell not in self.cells for cell in again):
            raise BadRequest("That cell is not part of this comparison.", hint="Its cells are in cmp.cells.")
        if busy := [cell for cell in again if not cell.errand.over]:
            raise BadRequest(f"{busy[0].model} is still answering.", hint="Stop it first: cell.stop().")
        self._again(again)
        self._changed()
        self._send(again, block=block)
        return self

    def add(self, *models: str, block: bool = True) -> Comparison:
        """Ask more models the same, beside those that were asked (and may be answering yet).

        >>> cmp.add("luna")  # doctest: +SKIP
        """
        if again := [name for name in models if name in self.models]:
            raise BadRequest(f"{again[0]!r} is compared already.", hint="rerun() asks what is missing.")
        fresh = [
            self._cell(replace(row[0].question, model=model))
            for row in self.rows
            for model in as_models(models)
        ]
        grid = [
            cell
            for row in self.rows
            for cell in (*row, *(c for c in fresh if c.question.row == row[0].question.row))
        ]
        self.cells = tuple(grid)
        self._changed()
        self._send(fresh, block=block)
        return self

    def remove(self, *models: str) -> Comparison:
        """Leave models out. Those that are answering are stopped; what they answered stays in the ledger."""
        for name in models:
            self[name]  # an unknown one raises
        kept = tuple(cell for cell in self.cells if cell.model not in models)
        if not kept:
            raise BadRequest("No model would be left.", hint="Leave at least one.")
        gone = [cell for cell in self.cells if cell.model in models]
        self.cells = kept
        for cell in gone:
            cell.errand.stop()
        self._changed()
        return self

    def ask(self, prompt: Prompt, *, instead_of: Cell | int = 0, block: bool = True) -> Comparison:
        """Ask another prompt in the place of one: that of the cell. Earlier answers are kept in ``cmp.earlier``.

        >>> cmp.ask("Why is the sky red at dusk?")  # doctest: +SKIP
        """
        old = self.cells[instead_of] if isinstance(instead_of, int) else instead_of
        label = label_of(prompt)
        fresh = {
            cell: self._cell(replace(cell.question, prompt=prompt, label=label))
            for cell in self.cells
            if cell.question.place == old.question.place
        }
        self._ballot.forget(fresh)
        self.earlier += tuple(fresh)
        self.cells = tuple(fresh.get(cell, cell) for cell in self.cells)
        for cell in fresh:
            cell.errand.stop()
        self._changed()
        self._send(tuple(fresh.values()), block=block)
        return self

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

    def _ipython_display_(self) -> None:
        """Not twice in one cell: as its value, what it has just shown while it ran."""
        shown, self._shown_in = self._shown_in, None
        shell = kernel_shell()
        if shell is None or shown != shell.execution_count:
            raise NotImplementedError  # IPython's way of saying: show it as you would otherwise

    def resolve(self, model: str) -> tuple[str, str]:
        """The provider, and the model's name there, that stand behind a model as it was named."""
        provider, name = (self._session or default_session()).resolve(model)
        return provider.name, name

    # -- inside -------------------------------------------------------------------------------

    def _signal(self) -> Signal:
        own = Signal.never()
        return own if self._asked_to_stop is None else self._asked_to_stop | own

    def _again(self, cells: Sequence[Cell]) -> None:
        self._ballot.forget(cells)
        for cell in cells:
            cell.errand.again()

    def _changed(self) -> None:
        if self._watched is not None:
            self._watched.changed()

    def _cell(self, question: Question) -> Cell:
        if self._make is None:
            raise BadRequest(
                "This comparison holds answers alone.", hint="Begin a new one: llmkit.compare(…)."
            )
        errand = self._make(question)
        self._count += 1
        return Cell(self._count - 1, question, errand)

    def _send(self, cells: Iterable[Cell], *, block: bool) -> None:
        """Have these cells asked: by the pump that runs, or by a new one, here or in a thread of its own."""
        self.interrupted = False
        errands = [cell.errand for cell in cells if cell.errand.status == "waiting"]
        watcher = self._watched or Watcher()
        with self._sending:
            if self._pump is not None and self._pump.add(errands):
                pump = None
            else:
                if self._stop.aborted:
                    self._stop = self._signal()
                pump = self._pump = Pump(errands, self._at_once, self._stop, watcher)
                if not block:
                    before = self._thread
                    context = contextvars.copy_context()  # the budgets around the caller count here as well
                    self._thread = threading.Thread(
                        target=context.run,
                        args=(self._run_apart, pump, before),
                        name="llmkit-compare",
                        daemon=True,
                    )
                    self._thread.start()
        if block and pump is not None:
            self._run(pump)
        elif block:
            self.wait()

    def _run(self, pump: Pump) -> None:
        try:
            if pump.run():
                self.interrupted = True
        except KeyboardInterrupt:  # another one, which did not wait for last words
            self.interrupted = True
            pump.watcher.end()
            raise
        pump.watcher.end()

    def _run_apart(self, pump: Pump, before: threading.Thread | None) -> None:
        try:
            if before is not None:
                before.join()
            self._run(pump)
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
    blind: bool = False,
    confirm: float | bool | None = None,
    budget: float | str | Decimal | Budget | None = None,
    **more: Any,
) -> Comparison:
    """Ask every model every prompt, all at once, and see the answers side by side.

    Every combination of prompts, models, systems, temperatures and repeats is a cell. A cell that fails is that
    cell's business alone; Ctrl-C (or ``cmp.stop()``) stops the rest and keeps what is done, and ``cmp.rerun()``
    asks what is missing. ``timeout`` is for each cell, ``budget`` in dollars for all of them together: a cell that does
    not fit beside those under way waits for them, and one that does not fit at all is refused. With ``block=False``
    it returns at once, still running; ``cmp.wait()`` or ``await cmp`` waits.
    ``display`` says how a notebook shows it ("live", "html", "final", "none"; else as LLMKIT_DISPLAY says). With
    ``blind=True`` the names are hidden, and the answers shuffled, until there is a vote.
    What is likely to cost more than ``confirm`` dollars (the configuration's, else 1) is asked about first, where
    somebody can answer; ``cmp.preview`` has the figures.
    Further options are those of ``Session.stream``; what is known to be wrong raises before anything is sent.

    >>> cmp = llmkit.compare("Why is the sky blue?", models=["sim/swift", "sim/sage"], repeats=3)  # doctest: +SKIP
    >>> cmp.summary()  # doctest: +SKIP
    """
    spelt(more, compare)
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
    above = threshold(place, confirm)
    held = Budget.of_call(budget)
    common = {"timeout": timeout, "tag": tag, "cell": cell_id(), **more}

    def make(question: Question) -> Errand:
        given = _given(question, common)
        check(place, question.prompt, model=question.model, more=given)
        return Errand(
            lambda stop: place.stream(
                question.prompt, model=question.model, signal=stop, budget=made.budget, **given
            )
        )

    cells = [Cell(number, question, make(question)) for number, question in enumerate(asked)]
    made = Comparison(
        cells, at_once=at_once, signal=signal, display=display, make=make, session=place, blind=blind
    )
    made.budget = held
    made.preview = preview(place, asked, common)
    if not agreed(made.preview, above):
        for cell in cells:
            cell.errand.status = "unsent"
    return made.start(block=block)


def _given(question: Question, common: dict[str, Any]) -> dict[str, Any]:
    given = {**common, "system": question.system}
    if question.temperature is not None:
        given["temperature"] = question.temperature
    if question.repeat > 1:  # a cache or a tape must not answer it with the first one's answer
        given["sample"] = question.repeat
    return given
