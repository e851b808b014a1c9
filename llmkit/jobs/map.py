"""``map``: one question for each row of a table, many at once; every row comes back, with its answer or its error.

Rows and columns are ``rows.py``'s, the template ``template.py``'s, running ``pump.py``'s, and the line that says how
far it is ``screen.py``'s and ``notebook/progress.py``'s.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.core.signal import Signal
from llmkit.engine.budget import budget as budget_of
from llmkit.engine.session import Session, default_session
from llmkit.engine.stream import Stream
from llmkit.engine.whereabouts import cell_id
from llmkit.jobs import accessor, rows
from llmkit.jobs.grid import at_once_from, check, spelt
from llmkit.jobs.pump import Counting, Errand, Watcher, run
from llmkit.jobs.screen import progress_of
from llmkit.jobs.tally import Tally

if TYPE_CHECKING:
    import pandas as pd

#: Rows under way at once where nothing else is said.
AT_ONCE = 16

OnError = Literal["keep", "raise"]


def map(  # noqa: A001  the name people look for, and never imported bare in here
    data: Any,
    template: str,
    *,
    model: str | None = None,
    system: str | None = None,
    schema: Any = None,
    column: str = "answer",
    max_concurrency: int = AT_ONCE,
    budget: float | str | Decimal | None = None,
    signal: Signal | None = None,
    timeout: float | None = None,
    tag: str | None = None,
    progress: bool = True,
    on_error: OnError = "keep",
    session: Session | None = None,
    **more: Any,
) -> pd.DataFrame:
    """Ask a question for every row, and get the table back with the answers in it.

    ``data`` is a DataFrame, a Series, or a list of texts or mappings; ``{column}`` (or ``{{column}}``) in the
    template becomes the row's value, and every other brace is left as it is. Added are the columns ``answer``
    (or as ``column`` says), ``status``, ``error``, ``cost``, ``input`` and ``output``, and with a ``schema``
    one for each of its fields; where a name is taken, it is written ``answer_status`` and so on.

    A row that fails is kept with its error (``on_error="raise"`` stops at the first one); a row with a missing
    value is refused and not sent. Ctrl-C stops the rest and keeps what is done. ``budget`` is in dollars for the
    whole table, ``timeout`` in seconds for each row; further options are those of ``Session.stream``.

    >>> llmkit.map(["Great!", "Meh."], "Sentiment of: {text}", model="sim/swift")  # doctest: +SKIP
    """
    spelt(more, map)
    place = session or default_session()
    if on_error not in ("keep", "raise"):
        raise BadRequest(f'on_error must be "keep" or "raise", not {on_error!r}.', hint="Nothing was sent.")
    at_once = at_once_from(max_concurrency)
    frame = rows.as_frame(data)
    names = rows.names_for(frame, column, rows.fields_of(schema))
    prompts = rows.prompts(frame, template)
    common = {"system": system, "schema": schema, "timeout": timeout, "tag": tag, "cell": cell_id(), **more}
    common = {name: value for name, value in common.items() if value is not None}
    first = next((prompt for prompt in prompts if isinstance(prompt, str)), "nothing is sent")
    check(place, first, model=model, more=common)
    held = nullcontext() if budget is None else budget_of(budget)
    errands = [_errand(place, prompt, model, common) for prompt in prompts]
    job = _Job(errands, signal, on_error, parse=schema is not None)
    job.go(at_once, held, shown=progress)
    accessor.register_llm()
    return rows.with_answers(frame, errands, names)


class _Job:
    """The rows on their way."""

    def __init__(
        self, errands: list[Errand], signal: Signal | None, on_error: OnError, *, parse: bool
    ) -> None:
        self.errands = errands
        self.parse = parse
        self.done = 0
        self.failed = 0
        self.refused = 0
        self.tally = Tally()
        self.stop = Signal.never() if signal is None else signal | Signal.never()
        self.first_failure: Errand | None = None
        self.stop_at_failure = on_error == "raise"
        self.interrupted = False
        self.began = time.monotonic()

    def go(self, at_once: int, held: AbstractContextManager[Any], *, shown: bool) -> None:
        watcher = Counting(self.count, progress_of(self.line) if shown else Watcher())
        watcher.start()
        for errand in self.errands:
            if errand.over:
                self.count(errand)
        if not (self.stop_at_failure and self.failed):
            with held:
                self.interrupted = run(self.errands, at_once=at_once, stop=self.stop, watcher=watcher)
        watcher.end()
        if self.stop_at_failure and self.first_failure is not None and self.first_failure.error is not None:
            raise self.first_failure.error

    def count(self, errand: Errand) -> None:
        if self.parse and rows.unreadable(errand):
            errand.status = "error"
            errand.error = LLMKitError(
                "The answer is not the JSON that the schema asks for.",
                why="It is kept as text in the row.",
                hint="Run the row again, or ask a model that knows structured output: `llmkit.models(structured=True)`.",
            )
        self.done += 1
        self.tally.add(errand)
        if errand.status in ("error", "refused"):
            self.failed += 1
            self.refused += errand.status == "refused"
            self.first_failure = self.first_failure or errand
            if self.stop_at_failure:
                self.stop.abort("a row failed")

    def line(self) -> str:
        """How far it is, what failed, what it cost, how long it takes."""
        told = [f"map: {self.done:,} of {len(self.errands):,} rows"]
        if self.failed > self.refused:
            told.append(f"{self.failed - self.refused:,} failed")
        if self.refused:
            told.append(f"{self.refused:,} not sent")
        if self.interrupted:
            told.append("interrupted")
        told += self.tally.told()
        return " · ".join([*told, f"{time.monotonic() - self.began:.1f} s"])


def _errand(
    session: Session, prompt: str | BadRequest, model: str | None, common: Mapping[str, Any]
) -> Errand:
    if isinstance(prompt, BadRequest):
        return Errand(_never, status="refused", error=prompt)
    return Errand(_beginning(session, prompt, model, common))


def _beginning(
    session: Session, prompt: str, model: str | None, common: Mapping[str, Any]
) -> Callable[[Signal], Stream]:
    return lambda stop: session.stream(prompt, model=model, signal=stop, **common)


def _never(_: Signal) -> Stream:
    raise RuntimeError("A refused row is never sent.")


if "pandas" in sys.modules:
    accessor.register_llm()
