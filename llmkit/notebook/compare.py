"""A comparison in a notebook while it comes: panes side by side that grow together, in one output of the cell.

One update serves all panes, under the same throttle as a single answer. Once a page has said that it has widgets
the growing goes on there (``compare_page.py``); what the output itself holds is the static form, now and then while
answers come and whenever all is over, so that a saved notebook needs neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llmkit.core.events import Event
from llmkit.jobs.pump import Errand, Watcher
from llmkit.notebook.compare_growing import Growing
from llmkit.notebook.compare_layout import Pane, layout
from llmkit.notebook.compare_static import (
    PLAIN,
    comparison_bundle,
    framed,
    grid_html,
    head_html,
    pane_html,
)
from llmkit.notebook.live import DisplayOutput, Mode, Output, is_captured, mode_of
from llmkit.notebook.safe import escape
from llmkit.notebook.static import LINE, QUIET
from llmkit.notebook.throttle import Throttle

if TYPE_CHECKING:
    from llmkit.jobs.compare import Comparison

_HEARTBEAT = 1.0
#: Laid out from its end, so that a growing pane stays scrolled to its last words.
_BODY = "max-height:24em;overflow:auto;display:flex;flex-direction:column-reverse;padding-top:.3em"
_FOOT = f"{QUIET};margin-top:.6em;padding-top:.35em;border-top:1px solid {LINE}"


def display_for(comparison: Comparison, shell: Any, configured: str = "") -> Watcher:
    """The display of a comparison in a kernel, as configured or as ``LLMKIT_DISPLAY`` says."""
    mode = mode_of(configured)
    return LiveGrid(comparison, mode="final" if mode == "live" and is_captured(shell) else mode)


class LiveGrid(Watcher):
    """Shows a grid while it comes: ``live`` again and again, ``final`` once at the end, ``none`` never."""

    def __init__(
        self,
        comparison: Comparison,
        *,
        mode: Mode = "live",
        output: Output | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._comparison = comparison
        self._mode = mode
        self._output = output or DisplayOutput()
        self._clock = clock
        self._throttle = Throttle(clock=clock)
        self._growing = {cell.errand: Growing() for cell in comparison.cells}
        self._fresh = False
        self._begun = self._last_push = clock()

    @property
    def pushes(self) -> int:
        """How many times the growing grid was sent."""
        return self._throttle.pushes

    def start(self) -> None:
        """The empty grid."""
        self._begun = self._last_push = self._clock()
        if self._mode == "live":
            self._output.show(self._frame())

    def hear(self, errand: Errand, batch: list[Event]) -> None:
        """Something for one pane."""
        self._growing.setdefault(errand, Growing()).take(batch)
        self._fresh = True

    def look(self) -> None:
        """Send what has come to any pane, if it is time."""
        if self._mode != "live":
            return
        silent = self._clock() - self._last_push >= _HEARTBEAT
        if (self._fresh or silent) and self._throttle.ready():
            began = self._clock()
            frame = self._frame()
            self._output.update(frame)
            self._last_push = self._clock()
            self._throttle.pushed(
                characters=sum(growing.length for growing in self._growing.values()),
                markup=len(frame["text/html"]),
                seconds=self._last_push - began,
            )
            self._fresh = False

    def end(self) -> None:
        """The static form, in the same place."""
        if self._mode == "live":
            self._output.update(comparison_bundle(self._comparison))
        elif self._mode == "final":
            self._output.show(comparison_bundle(self._comparison))

    def _frame(self) -> dict[str, str]:
        rows = layout(self._comparison)
        panes = {pane.cell: self._pane(pane) for row in rows for pane in row.panes}
        elapsed = self._clock() - self._begun
        line = f"● {self._comparison.progress()}"
        if elapsed >= _HEARTBEAT:
            line += f" · {elapsed:.0f} s · interrupt (■) stops it"
        foot = f'<div class="llmkit-live {PLAIN}" style="{QUIET};margin-top:.6em">{escape(line)}</div>'
        return {"text/html": grid_html(rows, panes, below=foot), "text/plain": f"… {line}"}

    def _pane(self, pane: Pane) -> str:
        """A pane's HTML, made anew only when something came."""
        growing = self._growing.setdefault(pane.cell.errand, Growing())
        return growing.kept((pane.cell.status, pane.heading), lambda: self._made(pane, growing))

    def _made(self, pane: Pane, growing: Growing) -> str:
        if pane.cell.errand.over:
            return pane_html(self._comparison, pane)
        return framed(
            f'{head_html(pane)}<div style="{_BODY}"><div>{growing.html()}</div></div>'
            f'<div class="{PLAIN}" style="{_FOOT}">{escape(growing.doing)}</div>'
        )
