"""``llmkit.usage.dashboard()``: controls over tiles, a plot, a table that opens down to one call, and budgets.

Only controls and clicks live here; what is shown is worked out in ``dashboard_view.py``. Beside the live dashboard stands
its static twin, unseen while the other lives: it is what a saved notebook shows without a kernel.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import LLMKitError
from llmkit.ledger.gallery import PLOTS
from llmkit.notebook import dashboard_view as views
from llmkit.notebook.dashboard_view import FILTERS, GROUPS, STRETCHES, Line, Table, View
from llmkit.notebook.live import DisplayOutput, is_captured, mode_of
from llmkit.notebook.pane import VIEW
from llmkit.notebook.safe import escape, to_text
from llmkit.notebook.static import LINE, QUIET

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.ledger.accounts import Accounts

_PAGE: Final = 10
#: How wide the column of names is.
_NAMED: Final = "clamp(9em, 24%, 17em)"
#: So often a live dashboard asks whether rows have changed, in seconds.
_LOOK: Final = 2.0
#: Rows that began earlier than this before the latest one are taken as settled when it asks.
_RECENT: Final = "2h"
#: What a filter says where it filters nothing, and what it is worth then.
_ANY: Final = ("any", "")
_DEPTHS: Final = ("groups", "calls", "call")
_STYLE: Final = f"""<style>
.llmkit-dashboard {{ gap: .3em; padding: .2em .1em; overflow: hidden; }}
.llmkit-dashboard .widget-dropdown, .llmkit-dashboard .widget-datepicker {{ width: auto; }}
.llmkit-dashboard .widget-label {{ min-width: 0; width: auto; padding-right: .5em; }}
.llmkit-dashboard .widget-html, .llmkit-dashboard .widget-html-content {{ width: 100%; margin: 0; height: auto; line-height: 1.45; }}
.llmkit-dashboard .llmkit-controls .widget-html, .llmkit-dashboard .llmkit-controls .widget-html-content {{ width: auto; }}
.llmkit-dashboard .llmkit-controls {{ flex-flow: row wrap; gap: .2em 1em; align-items: center; }}
.llmkit-dashboard .llmkit-rows {{ overflow-x: auto; }}
.llmkit-dashboard .llmkit-row {{ min-width: 44em; border-bottom: 1px solid {LINE}; align-items: center; overflow: visible; }}
.llmkit-dashboard .llmkit-name {{ background: none; box-shadow: none; text-align: left; padding: 0 .3em; height: 1.9em;
  line-height: 1.9em; color: var(--jp-content-link-color, #1565c0); cursor: pointer; }}
.llmkit-dashboard .llmkit-name:hover {{ text-decoration: underline; box-shadow: none; }}
.llmkit-dashboard .llmkit-name:focus-visible, .llmkit-dashboard .llmkit-small:focus-visible {{
  outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: -2px; }}
.llmkit-dashboard .llmkit-small {{ width: auto; background: none; border: 1px solid {LINE}; border-radius: 999px;
  color: var(--jp-ui-font-color1, inherit); padding: 0 .9em; }}
.llmkit-dashboard .llmkit-small:disabled {{ opacity: .4; }}
.jp-OutputArea-child:has(.llmkit-dashboard) ~ .jp-OutputArea-child:has(.llmkit-twin) {{ display: none; }}
</style>"""


def dashboard(book: Accounts, **asked: Any) -> Dashboard:
    """A dashboard of these accounts; see ``llmkit.usage.dashboard``."""
    live = bool(asked.pop("live", False))
    return Dashboard(book, View.of(**asked), live=live)


class Dashboard:
    """Shows itself where it is the last thing in a cell. ``show(...)`` changes what is seen, as clicks do.

    >>> board = llmkit.usage.dashboard(since="7d", by="tag")   # doctest: +SKIP
    >>> board.show(model="gpt-6-luna", plot="latency")         # doctest: +SKIP
    """

    def __init__(self, book: Accounts, view: View, *, live: bool = False) -> None:
        self.view = view
        self.depth = "groups"
        self._book = book
        self._live = live
        self._lock = threading.RLock()  # clicks come in on a thread of their own
        self._frame: pd.DataFrame | None = None
        self._seen: Any = None
        self._group: Any = None
        self._call: str | None = None
        self._page = 0
        self._panel: Panel | None = None
        self._twin: DisplayOutput | None = None
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
            if before.filters(session) != self.view.filters(session):  # another plot is of the same rows
                self._frame = None
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
            self._frame = None
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
            if on:
                self._over = threading.Event()
                self._looking = threading.Thread(
                    target=self._keep_looking, args=(self._over,), name="llmkit-dashboard", daemon=True
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
            self.live(False)
            if self._panel is not None:
                self._panel.close()
                self._panel = None

    def table(self) -> Table:
        """What the table shows: the groups, or the calls of the one that was opened."""
        if self.depth == "groups":
            return views.groups(self._rows(), self.view.by)
        return views.calls(self._opened())

    def twin(self) -> dict[str, str]:
        """The figures and groups without controls, as text and as HTML."""
        frame = self._rows()
        return views.twin(
            self.view,
            self._tiles(frame),
            views.groups(frame, self.view.by),
            self._book.budgets,
            beside=self._panel is not None,
        )

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, str]:
        return self.twin()

    def _ipython_display_(self) -> None:
        from IPython.core.getipython import get_ipython
        from IPython.display import display

        mode, shell = mode_of(), get_ipython()
        if mode == "none":
            return
        if (
            mode == "final"
            or not hasattr(shell, "kernel")
            or is_captured(shell)
            or find_spec("ipywidgets") is None
        ):
            display(self.twin(), raw=True)
            return
        panel = Panel(self)
        self.attach(panel)
        display(panel.bundle, raw=True)
        self._twin = DisplayOutput()
        self._twin.show(self.twin())

    def attach(self, panel: Panel) -> None:
        """Fill these controls, and be ruled by them."""
        with self._lock:
            self._panel = panel
            self.refresh()
            self.live(self._live)

    # -- within --------------------------------------------------------------------------------

    def _rows(self) -> pd.DataFrame:
        if self._frame is None:
            self._seen = self._recent()
            self._frame = views.read(self._book, self.view)
        return self._frame

    def _opened(self) -> pd.DataFrame:
        """The attempts of the group that was opened."""
        frame = self._rows()
        key = views.NAMELESS if self._group is None else self._group
        return frame[views.key_of(frame, self.view.by) == key]

    def _page_of(self) -> tuple[Table, int]:
        """What is on this page of the table, and how many pages there are: of many calls only these are written."""
        if self.depth == "calls":
            frame = self._opened()
            first = self._bounded(len(frame)) * _PAGE
            return views.calls(frame, first, first + _PAGE), _pages(len(frame))
        whole = self.table()
        first = self._bounded(len(whole.lines)) * _PAGE
        return replace(whole, lines=whole.lines[first : first + _PAGE]), _pages(len(whole.lines))

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

    def _tiles(self, frame: pd.DataFrame) -> tuple[views.Tile, ...]:
        return views.tiles(frame, self._book.prices)

    def _draw(self) -> None:
        if self._panel is None:
            return
        panel, frame = self._panel, self._rows()
        panel.offer(self.view, self._choices())
        panel.tiles.value = views.tiles_html(self._tiles(frame))
        panel.budgets.value = views.budgets_html(self._book.budgets)
        if (
            self._twin is not None
        ):  # before the table: who sees a line in it finds it in the saved notebook too
            self._twin.update(self.twin())
        self._draw_table()
        panel.draw(self._book.plot(self.view.plot, **self._plotted()))

    def _plotted(self) -> dict[str, Any]:
        asked = self.view.filters(self._book.session)
        options = PLOTS[self.view.plot].options
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
            panel.show_call(views.call_html(rows), f"{views.name_of(self._group)} · one call")
            return
        table, pages = self._page_of()
        where = "" if self.depth == "groups" else f"{self.view.by}: {views.name_of(self._group)}"
        panel.show_table(table, where, self._page, pages)


def _pages(lines: int) -> int:
    return max(1, -(-lines // _PAGE))


class Panel:
    """The widgets. They call the board; the board fills them."""

    def __init__(self, board: Dashboard) -> None:
        import ipywidgets as w

        self._board = board
        self._filling = False
        view = board.view

        def choose(name: str, options: list[Any], value: Any = None) -> Any:
            return w.Dropdown(
                description=name, options=options, value=value, layout=w.Layout(width="auto", min_width="8em")
            )

        def press(name: str, tip: str, action: Callable[[], object]) -> Any:
            button = w.Button(description=name, tooltip=tip, layout=w.Layout(width="auto"))
            button.add_class("llmkit-small")
            button.on_click(lambda _: self.safely(action))
            return button

        self._stretch = choose("time", list(STRETCHES), view.stretch)
        self._by = choose("group by", list(GROUPS), view.by)
        self._plot = choose("plot", [(plot.title, name) for name, plot in PLOTS.items()], view.plot)
        self._filters = {name: choose(name, [_ANY], "") for name in FILTERS}
        self._simulated = w.Checkbox(
            description="simulated calls too",
            value=view.simulated,
            indent=False,
            layout=w.Layout(width="auto"),
        )
        self._live = w.Checkbox(
            description="live", value=board._live, indent=False, layout=w.Layout(width="auto")
        )
        again = press("Refresh", "Read the ledger again", board.refresh)
        freeze = press("Freeze", "Leave the figures here and take the controls away", board.freeze)
        self._back = press("‹ Back", "One step up", board.back)
        self._earlier = press("Previous", "The page before", lambda: board.turn(-1))
        self._later = press("Next", "The next page", lambda: board.turn(1))
        self.tiles, self.budgets, self._status, self._where, self._head, self._call = (
            w.HTML() for _ in range(6)
        )
        self._lines: list[Line] = []
        self._rows = [self._row(at) for at in range(_PAGE)]
        self._figure = w.Output(layout=w.Layout(width="100%", min_height="260px"))
        self._from, self._until = (
            w.DatePicker(description=name, layout=w.Layout(width="auto")) for name in ("from", "to")
        )
        for picker in (self._from, self._until):
            picker.observe(lambda _: self._dated(), "value")
        first = w.HBox(
            [self._stretch, self._from, self._until, self._by, self._simulated, self._live, again, freeze]
        )
        second = w.HBox(list(self._filters.values()))
        third = w.HBox([self._plot])
        self._pager = w.HBox([self._back, self._where, self._earlier, self._later])
        for line in (first, second, third, self._pager):
            line.add_class("llmkit-controls")
        self._first = w.HTML(layout=w.Layout(width=_NAMED, flex=f"0 0 {_NAMED}"))
        head = w.HBox([self._first, self._head])
        head.add_class("llmkit-row")
        self._table = w.VBox([head, *(row for row, _, _ in self._rows)])
        self._table.add_class("llmkit-rows")
        parts = [
            w.HTML(_STYLE),
            first,
            second,
            self._status,
            self.tiles,
            self.budgets,
            third,
            self._figure,
            self._pager,
            self._table,
            self._call,
        ]
        self.box = w.VBox(parts)
        self.box.add_class("llmkit-dashboard")
        self._live.observe(lambda change: self.safely(lambda: board.live(bool(change["new"]))), "value")
        for name, control in self._controls().items():
            control.observe(lambda change, name=name: self._chosen(name, change["new"]), "value")

    @property
    def bundle(self) -> dict[str, Any]:
        """The output that shows it; where there is no page for it, there is nothing to see."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {VIEW: view, "text/plain": ""}

    @property
    def trouble(self) -> str:
        """What it has to say about what went wrong, as HTML; empty where all is well."""
        return str(self._status.value)

    @property
    def plotted(self) -> dict[str, Any]:
        """The plot, in the forms that pages know."""
        return dict(self._figure.outputs[0]["data"]) if self._figure.outputs else {}

    @property
    def one_call(self) -> str:
        """All of one call, as HTML; empty while a table is shown."""
        return str(self._call.value)

    def names(self) -> list[str]:
        """What can be opened on this page of the table."""
        return [line.name for line in self._lines]

    def choose(self, name: str, value: Any) -> None:
        """Set a control, as a hand would."""
        self._controls()[name].value = value

    def date(self, first: date | None, last: date | None) -> None:
        """Choose own dates, as a hand would."""
        self._stretch.value = views.OWN
        self._from.value, self._until.value = first, last

    def offer(self, view: View, choices: dict[str, list[str]]) -> None:
        """What can be chosen, and what is."""
        self._filling = True
        try:
            for name, control in self._filters.items():
                now = getattr(view, name)
                known = choices[name] if now is None or now in choices[name] else [now, *choices[name]]
                options = [_ANY, *((to_text(value), value) for value in known)]
                if tuple(control.options) != tuple(options):
                    control.options = options
                control.value = now or ""
            for picker in (self._from, self._until):
                picker.layout.display = None if view.stretch == views.OWN else "none"
            for name in ("stretch", "by", "plot", "simulated"):
                self._controls()[name].value = getattr(view, name)
        finally:
            self._filling = False

    def draw(self, figure: Any) -> None:
        """A plot."""
        data = figure._repr_mimebundle_()
        self._figure.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    def show_table(self, table: Table, where: str, page: int, pages: int) -> None:
        """A page of groups or calls."""
        head, lines = table.head, table.lines
        widths = " ".join(f"minmax(0,{2 if name in table.wide else 1}fr)" for name in head[1:])
        self._call.value = ""
        self._table.layout.display = None
        self._lines = list(lines)
        self._first.value = f'<div style="{QUIET};padding-left:.4em">{escape(head[0])}</div>'
        self._head.value = f'<div style="{QUIET}">{_cells(head[1:], widths)}</div>'
        for at, (row, button, cells) in enumerate(self._rows):
            row.layout.display = None if at < len(lines) else "none"
            if at < len(lines):
                button.description = to_text(lines[at].name)
                button.tooltip = f"Open {to_text(lines[at].name)}"
                cells.value = _cells(lines[at].cells, widths)
        self._place(where, page, pages)

    def show_call(self, html: str, where: str) -> None:
        """All of one call."""
        self._table.layout.display = "none"
        self._call.value = html
        self._place(where, 0, 1)

    def say(self, text: str) -> None:
        """A sentence under the controls."""
        told = (
            f'<div role="status" style="{QUIET};color:var(--jp-error-color1,#c62828)">{escape(text)}</div>'
            if text
            else ""
        )
        if self._status.value != told:
            self._status.value = told

    def safely(self, action: Callable[[], object]) -> None:
        """Do it; what goes wrong is said here, for a click has no cell to raise in."""
        try:
            action()
        except Exception as failure:  # noqa: BLE001 - whatever it is, the user is told
            self.say(
                failure.what if isinstance(failure, LLMKitError) else f"{type(failure).__name__}: {failure}"
            )
        else:
            self.say("")

    def close(self) -> None:
        """Take the widgets away."""
        self.box.close()

    def _place(self, where: str, page: int, pages: int) -> None:
        several = f"page {page + 1} of {pages}" if pages > 1 else ""
        told = " · ".join(part for part in (where, several) if part)
        self._where.value = f'<div style="{QUIET}">{escape(told)}</div>'
        self._back.layout.display = None if where else "none"
        for button, possible in ((self._earlier, page > 0), (self._later, page + 1 < pages)):
            button.layout.display = None if pages > 1 else "none"
            button.disabled = not possible

    def _row(self, at: int) -> tuple[Any, Any, Any]:
        import ipywidgets as w

        button = w.Button(layout=w.Layout(width=_NAMED, flex=f"0 0 {_NAMED}"))
        button.add_class("llmkit-name")
        button.on_click(lambda _: self._clicked(at))
        cells = w.HTML()
        row = w.HBox([button, cells])
        row.add_class("llmkit-row")
        return row, button, cells

    def _clicked(self, at: int) -> None:
        if at < len(self._lines):
            self.safely(lambda: self._board.open(self._lines[at]))

    def _controls(self) -> dict[str, Any]:
        return {
            "stretch": self._stretch,
            "by": self._by,
            "plot": self._plot,
            "simulated": self._simulated,
            **self._filters,
        }

    def _dated(self) -> None:
        """Own dates: whole days, the last one included."""
        if not self._filling:
            last = self._until.value
            until = None if last is None else last + timedelta(days=1)
            self.safely(lambda: self._board.show(stretch=views.OWN, since=self._from.value, until=until))

    def _chosen(self, name: str, value: Any) -> None:
        if not self._filling:
            self.safely(lambda: self._board.show(**{name: None if value == "" else value}))


def _cells(cells: tuple[str, ...], widths: str) -> str:
    """One line of figures, in columns that all lines share."""
    cut = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
    spans = "".join(f'<span style="{cut}" title="{escape(cell)}">{escape(cell)}</span>' for cell in cells)
    return f'<div style="display:grid;grid-template-columns:{widths};gap:0 .8em">{spans}</div>'
