"""A comparison in a notebook while it comes: panes side by side that grow together, in one output of the cell.

One update serves all panes, under the same throttle as a single answer. Once a page has said that it has widgets
the growing goes on there (``compare_page.py``), and stays alive when all is over; what the output itself holds is the
static form, now and then while answers come and whenever all is over, so that a saved notebook needs neither.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from llmkit.core.events import Event
from llmkit.jobs.pump import Errand, Watcher
from llmkit.notebook import compare_acts, compare_page
from llmkit.notebook.background import page_stays
from llmkit.notebook.captured import is_captured, takes_no_updates
from llmkit.notebook.compare_growing import Growing
from llmkit.notebook.compare_layout import Pane, layout
from llmkit.notebook.compare_page import ComparePage
from llmkit.notebook.compare_static import (
    PLAIN,
    comparison_bundle,
    framed,
    grid_html,
    head_html,
    pane_html,
    placed,
)
from llmkit.notebook.live import DisplayOutput, Mode, Output, mode_of, wanted
from llmkit.notebook.pane import may_have_a_page
from llmkit.notebook.safe import escape
from llmkit.notebook.static import LINE, QUIET
from llmkit.notebook.throttle import Throttle

if TYPE_CHECKING:
    from llmkit.jobs.compare import Comparison

_HEARTBEAT = 1.0
#: Patches a second, for all panes together.
_PATCHES_PER_SECOND = 10
#: While answers come, what the output holds follows so seldom.
_SECONDS_BETWEEN_TWINS = 15.0
#: Laid out from its end, so that a growing pane stays scrolled to its last words.
_BODY = "max-height:24em;overflow:auto;display:flex;flex-direction:column-reverse;padding-top:.3em"
_FOOT = f"{QUIET};margin-top:.6em;padding-top:.35em;border-top:1px solid {LINE}"

Offer = Callable[[Callable[[Pane], Growing]], ComparePage | None]


def display_for(comparison: Comparison, shell: Any, configured: str = "") -> Watcher:
    """The display of a comparison in a kernel, as configured or as ``LLMKIT_DISPLAY`` says."""
    mode = mode_of(configured)
    if mode == "live" and (is_captured(shell) or (takes_no_updates(shell) and not may_have_a_page(shell))):
        mode = "final"  # a page needs no updates

    def offer(growing: Callable[[Pane], Growing]) -> ComparePage | None:
        return compare_page.offer(comparison, shell, growing)

    may = mode == "live" and wanted(configured) != "html"
    return LiveGrid(
        comparison,
        mode=mode,
        offer=offer if may else None,
        outlives_its_cell=mode == "none" or (mode == "live" and page_stays(shell)),
    )


class LiveGrid(Watcher):
    """Shows a grid while it comes: ``live`` again and again, ``final`` once at the end, ``none`` never.

    The thread that runs the comparison and the one that listens to the page take turns in here.
    """

    def __init__(
        self,
        comparison: Comparison,
        *,
        mode: Mode = "live",
        output: Output | None = None,
        offer: Offer | None = None,
        outlives_its_cell: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._comparison = comparison
        self._mode = mode
        self._output = output or DisplayOutput()
        self._offer = offer
        self._outlives = outlives_its_cell
        self._page: ComparePage | None = None
        self._clock = clock
        self._throttle = Throttle(clock=clock)
        self._patches = Throttle(frames_per_second=_PATCHES_PER_SECOND, clock=clock)
        self._growing: dict[Errand, Growing] = {}
        self._fresh = False
        self._over = False  # has all been over, so that the output holds the static form?
        self._begun = self._last_push = self._last_twin = clock()
        self._turn = threading.RLock()

    @property
    def pushes(self) -> int:
        """How many times the growing grid was sent."""
        return self._throttle.pushes

    @property
    def outlives_its_cell(self) -> bool:
        """Is there a page that goes on listening when the cell is over?"""
        return self._outlives

    def start(self) -> None:
        """The empty grid."""
        with self._turn:
            self._begun = self._last_push = self._last_twin = self._clock()
            if self._mode != "live":
                return
            if self._offer is not None and (page := self._offer(self._grown)) is not None:
                self._page = page
                page.listen(self._heard)
            self._output.show(self._frame())

    def hear(self, errand: Errand, batch: list[Event]) -> None:
        """Something for one pane."""
        with self._turn:
            growing = self._growing.get(errand)
            if growing is None or (growing.ended and not errand.over):
                growing = self._growing[errand] = Growing()
            if not growing.ended:  # else the page has had the whole of it already
                growing.take(batch)
            self._fresh = True
            self._over = False

    def look(self) -> None:
        """Send what has come to any pane, if it is time."""
        if self._mode != "live":
            return
        with self._turn:
            silent = self._clock() - self._last_push >= _HEARTBEAT
            if not (self._fresh or silent):
                return
            if self._page is not None and self._page.answered:
                if self._patches.ready():
                    self._patch(self._page)
                if self._clock() - self._last_twin >= _SECONDS_BETWEEN_TWINS:
                    self._keep()
            elif self._throttle.ready():
                self._resend()

    def changed(self) -> None:
        """Other cells, or another vote: at once in the page, and in what the output holds unless more comes anyway."""
        if self._mode != "live":
            return
        with self._turn:
            self._fresh = True
            if self._page is not None and self._page.answered:
                self._patch(self._page)
            if self._over:
                self._keep()

    def end(self) -> None:
        """The static form, in the same place; a page goes on with what it has."""
        with self._turn:
            self._over = True
            if self._mode == "live":
                if self._page is not None and self._page.answered:
                    self._patch(self._page)
                self._keep()
            elif self._mode == "final":
                self._output.show(comparison_bundle(self._comparison))

    def leave(self) -> None:
        """The comparison is shown elsewhere from now on; here it stays as it was."""
        with self._turn:
            if self._page is not None:
                self._page.close()
                self._page = None
            self._mode = "none"

    # -- inside -------------------------------------------------------------------------------

    def _heard(self, what: str, said: Mapping[str, Any]) -> None:
        with self._turn:
            if (page := self._page) is None:
                return
            if what == "hello":
                page.again()
            elif compare_acts.act(page, what, said) and self._over:
                self._keep()
            if page.answered:
                self._patch(page)

    def _patch(self, page: ComparePage) -> None:
        began = self._clock()
        size = page.push()
        self._last_push = self._clock()
        self._patches.pushed(characters=size, markup=size, seconds=self._last_push - began)
        self._fresh = False

    def _resend(self) -> None:
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

    def _keep(self) -> None:
        self._output.update(comparison_bundle(self._comparison, self._place))
        self._last_twin = self._clock()

    @property
    def _place(self) -> str:
        return "" if self._page is None else self._page.place

    def _of(self, errand: Errand) -> Growing:
        """The growing answer of an errand: a new one where it begins again, the whole one where it is over."""
        growing = self._growing.get(errand)
        if growing is None or (growing.ended and not errand.over):
            growing = self._growing[errand] = Growing()
        if errand.over and not growing.ended:
            text = "" if errand.reply is None else errand.reply.text
            growing = self._growing[errand] = growing.finished(text)
        return growing

    def _grown(self, pane: Pane) -> Growing:
        return self._of(pane.cell.errand)

    def _frame(self) -> dict[str, str]:
        rows = layout(self._comparison)
        panes = {pane.cell: self._pane(pane) for row in rows for pane in row.panes}
        elapsed = self._clock() - self._begun
        line = f"● {self._comparison.progress()}"
        if elapsed >= _HEARTBEAT:
            line += f" · {elapsed:.0f} s · interrupt (■) stops it"
        foot = f'<div class="llmkit-live {PLAIN}" style="{QUIET};margin-top:.6em">{escape(line)}</div>'
        seen = self._comparison.preview
        above = (
            f'<div class="{PLAIN}" style="{QUIET};margin-bottom:.5em">{escape(str(seen))}</div>'
            if seen
            else ""
        )
        html = placed(grid_html(rows, panes, above=above, below=foot), self._place)
        return {"text/html": html, "text/plain": f"… {line}"}

    def _pane(self, pane: Pane) -> str:
        """A pane's HTML, made anew only when something came."""
        growing = self._of(pane.cell.errand)
        return growing.kept((pane.cell.status, pane.heading), lambda: self._made(pane, growing))

    def _made(self, pane: Pane, growing: Growing) -> str:
        if pane.cell.errand.over:
            return pane_html(self._comparison, pane)
        return framed(
            f'{head_html(pane)}<div style="{_BODY}"><div>{growing.html()}</div></div>'
            f'<div class="{PLAIN}" style="{_FOOT}">{escape(growing.doing)}</div>'
        )
