"""``llmkit.usage.dashboard()``: controls over tiles, a plot, a table that opens down to one call, and budgets.

What is looked at, and moving through it, live here; what is shown is worked out in ``dashboard_view.py``, the widgets
are in ``dashboard_panel.py``. Beside the live dashboard stands its static twin, unseen while the other lives: it is
what a saved notebook shows without a kernel.
"""

from __future__ import annotations

import contextvars
import threading
import weakref
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from llmkit.engine.whereabouts import cell_id, kernel_shell
from llmkit.ledger import gallery
from llmkit.notebook import dashboard_markup as markup
from llmkit.notebook import dashboard_view as views
from llmkit.notebook.captured import is_captured
from llmkit.notebook.dashboard_panel import PAGE, Panel
from llmkit.notebook.dashboard_view import FILTERS, Line, Table, View
from llmkit.notebook.live import DisplayOutput, mode_of

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.ledger.accounts import Accounts

#: So often a live dashboard asks whether rows have changed, in seconds.
_LOOK: Final = 2.0
#: Rows that began earlier than this before the latest one are taken as settled when it asks.
_RECENT: Final = "2h"
_DEPTHS: Final = ("groups", "calls", "call")
#: Plots of other rows than the rest of the dashboard.
_APART: Final = ("session", "budget")
#: Those that a page shows.
_shown: weakref.WeakSet[Dashboard] = weakref.WeakSet()


def dashboard(book: Accounts, **asked: Any) -> Dashboard:
    """A dashboard of these accounts; see ``llmkit.usage.dashboard``."""
    live = bool(asked.pop("live", False))
    return Dashboard(book, View.of(**asked), live=live)


class Dashboard:
    """Shows itself where it is the last thing in a cell. ``show(...)`` changes what is seen, as clicks do.

    >>> board = llmkit.usage.dashboard(since="7d", by="tag")   # doctest: +SKIP
    >>> board.show(model=["luna", "sonnet"], plot="latency")   # doctest: +SKIP
    """

    def __init__(self, book: Accounts, view: View, *, live: bool = False) -> None:
        self.view = view
        self.depth = "groups"
        self._book = book
        self._live = live
        self._lock = threading.RLock()  # clicks come in on a thread of their own
        self._frame: pd.DataFrame | None = None
        self._figures: tuple[views.Tile, ...] | None = None
        self._groups: Table | None = None
        self._seen: Any = None
        self._group: Any = None
        self._call: str | None = None
        self._page = 0
        self._panel: Panel | None = None
        self._twin: DisplayOutput | None = None
        self._place: tuple[str | None, int] = (None, 0)
        self._over = threading.Event()
        self._looking: threading.Thread | None = None

    @property
    def looking(self) -> threading.Thread | None:
        """Who looks for new calls, if anybody does."""
        return self._looking

    # -- what is seen --------------------------------------------------------------------------

    def show(self, **changes: Any) -> None:
        """Look at something else: ``stretch``, ``since``, ``until``, ``by``, ``plot``, ``simulated``, or a filter."""
        with self._lock:
            if changes.get("stretch", views.OWN) != views.OWN:
                changes = {"since": None, "until": None} | changes
            View.of(**changes)  # a mistyped name is refused before anything has changed
            before, self.view = self.view, replace(self.view, **changes)
            self._to_groups()
            session = self._book.session
            self._groups = None
            if before.filters(session) != self.view.filters(session):  # another plot is of the same rows
                self._forget()
            self._draw()

    def open(self, line: Line) -> None:
        """Go one step down: from a group to its calls, from a call to all that is known of it."""
        with self._lock:
            if self.depth == "groups":
                self.depth, self._group = "calls", line.key
            elif self.depth == "calls":
                self.depth, self._call = "call", line.key
            self._page = 0
            self._draw_table()

    def back(self) -> None:
        """Go one step up."""
        with self._lock:
            self.depth = _DEPTHS[max(0, _DEPTHS.index(self.depth) - 1)]
            self._page = 0
            self._draw_table()

    def turn(self, pages: int) -> None:
        """Turn the table's pages."""
        with self._lock:
            self._page = max(0, self._page + pages)
            self._draw_table()

    def refresh(self) -> None:
        """Read the ledger again."""
        with self._lock:
            self._forget()
            self._draw()

    def look(self) -> bool:
        """Has anything changed since the last look? If so, it is drawn. Only what is recent is asked for."""
        with self._lock:
            now = self._recent()
            if now == self._seen:
                return False
        self.refresh()
        return True

    def live(self, on: bool) -> None:
        """Look by itself, every few seconds, or stop doing so."""
        with self._lock:
            self._live = on
            self._over.set()
            if self._panel is not None:
                self._panel.mark_live(on)
            if on:
                self._over = threading.Event()
                within = contextvars.copy_context()  # so that a kernel knows whose cell it shows things in
                self._looking = threading.Thread(
                    target=within.run,
                    args=(self._keep_looking, self._over),
                    name="llmkit-dashboard",
                    daemon=True,
                )
                self._looking.start()

    def freeze(self) -> None:
        """Take the controls away and leave the figures as they are."""
        self.close()
        if self._twin is not None:
            self._twin.update(self.twin())

    def close(self) -> None:
        """End it: no more looking, no more clicks."""
        with self._lock:
            _shown.discard(self)
            self.live(False)
            if self._panel is not None:
                self._panel.close()
                self._panel = None

    def table(self) -> Table:
        """What the table shows: the groups, or the calls of the one that was opened."""
        return self._grouped() if self.depth == "groups" else views.calls(self._opened())

    def twin(self) -> dict[str, str]:
        """The figures and groups without controls, as text and as HTML."""
        return markup.twin(
            self.view,
            self._tiles(),
            self._grouped(),
            self._book.budgets,
            beside=self._panel is not None,
        )

    def __repr__(self) -> str:
        return self.twin()["text/plain"]

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, str]:
        return self.twin()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        mode, shell = mode_of(), kernel_shell()
        if mode == "none":
            return
        if mode == "final" or shell is None or is_captured(shell) or find_spec("ipywidgets") is None:
            display(self.twin(), raw=True)
            return
        live = self._live
        if self._panel is not None:
            self.freeze()  # where it was shown until now, the figures remain
        self._settle_in(cell_id(), shell.execution_count)
        panel = Panel(self, live=live)
        display(panel.bundle, raw=True)  # first: what takes long is seen to be under way
        self._twin = DisplayOutput()
        try:
            self._live = live
            self.attach(panel)
        except BaseException:
            self.close()
            raise

    def attach(self, panel: Panel) -> None:
        """Fill these controls, and be ruled by them."""
        with self._lock:
            self._panel = panel
            self.refresh()
            self.live(self._live)

    # -- within --------------------------------------------------------------------------------

    def _settle_in(self, cell: str | None, run: int) -> None:
        """Whatever an earlier run of this cell has shown is gone from the page: it needn't look for calls any more."""
        for other in list(_shown):
            if cell is not None and other._place[0] == cell and other._place[1] != run:
                other.close()
        self._place = cell, run
        _shown.add(self)

    def _forget(self) -> None:
        self._frame = self._figures = self._groups = None

    def _rows(self) -> pd.DataFrame:
        if self._frame is None:
            self._seen = self._recent()
            self._frame = views.read(self._book, self.view)
        return self._frame

    def _tiles(self) -> tuple[views.Tile, ...]:
        if self._figures is None:
            self._figures = views.tiles(self._rows(), self._book.prices)
        return self._figures

    def _grouped(self) -> Table:
        if self._groups is None:
            self._groups = views.groups(self._rows(), self.view.by)
        return self._groups

    def _opened(self) -> pd.DataFrame:
        """The attempts of the group that was opened."""
        frame = self._rows()
        key = views.NAMELESS if self._group is None else self._group
        return frame[views.key_of(frame, self.view.by) == key]

    def _page_of(self) -> tuple[Table, int]:
        """What is on this page of the table, and how many pages there are: of many calls only these are written."""
        if self.depth == "calls":
            frame = self._opened()
            first = self._bounded(len(frame)) * PAGE
            return views.calls(frame, first, first + PAGE), _pages(len(frame))
        whole = self.table()
        first = self._bounded(len(whole.lines)) * PAGE
        return replace(whole, lines=whole.lines[first : first + PAGE]), _pages(len(whole.lines))

    def _bounded(self, lines: int) -> int:
        self._page = min(self._page, _pages(lines) - 1)
        return self._page

    def _recent(self) -> Any:
        """What changes when a call begins or ends, from few rows."""
        found = self._book(columns=["id", "status"], since=_RECENT, simulated=True)
        return tuple(found["id"]), tuple(found["status"])

    def _keep_looking(self, over: threading.Event) -> None:
        while not over.wait(_LOOK) and (panel := self._panel) is not None:
            panel.safely(self.look)

    def _to_groups(self) -> None:
        self.depth, self._group, self._call, self._page = "groups", None, None, 0

    def _draw(self) -> None:
        if self._panel is None:
            return
        panel = self._panel
        panel.offer(self.view, self._choices())
        panel.tiles.value = markup.tiles_html(self._tiles())
        panel.budgets.value = markup.budgets_html(self._book.budgets)
        if (
            self._twin is not None
        ):  # before the table: who sees a line in it finds it in the saved notebook too
            self._twin.update(self.twin())
        self._draw_table()
        frame = None if self.view.plot in _APART else self._rows()
        panel.draw(gallery.draw(self._book, self.view.plot, frame=frame, **self._plotted()))

    def _plotted(self) -> dict[str, Any]:
        asked = self.view.filters(self._book.session)
        options = gallery.PLOTS[self.view.plot].options
        if "by" in options and self.view.by in ("model", "provider", "tag", "notebook", "status"):
            asked["by"] = self.view.by
        if "freq" in options and self.view.stretch in ("today", "24 hours", "this session"):
            asked["freq"] = "H"
        return asked

    def _choices(self) -> dict[str, list[str]]:
        """What each filter may be set to in this stretch of time, the most frequent first."""
        wide = self.view.wide()
        frame = (
            self._rows()
            if wide == self.view
            else self._book(columns=FILTERS, **wide.filters(self._book.session))
        )
        return {
            name: [str(value) for value in frame[name].dropna().value_counts().loc[lambda n: n > 0].index]
            for name in FILTERS
        }

    def _draw_table(self) -> None:
        panel = self._panel
        if panel is None:
            return
        if self.depth == "call":
            rows = self._book(call=self._call or "", simulated=True)
            panel.show_call(markup.call_html(rows), f"{views.name_of(self._group)} · one call")
            return
        table, pages = self._page_of()
        where = "" if self.depth == "groups" else f"{self.view.by}: {views.name_of(self._group)}"
        panel.show_table(table, where, self._page, pages)


def _pages(lines: int) -> int:
    return max(1, -(-lines // PAGE))
