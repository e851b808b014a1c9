"""The widgets of the dashboard: controls, and the places where its board writes figures. Clicks go to the board.

What the clicks do lives in ``dashboard.py``; the front end's own HTML and styles are here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any, Final, Protocol

from llmkit.core.errors import LLMKitError
from llmkit.ledger.gallery import PLOTS
from llmkit.notebook import dashboard_view as views
from llmkit.notebook.dashboard_view import FILTERS, GROUPS, STRETCHES, Line, Table, View
from llmkit.notebook.pane import VIEW
from llmkit.notebook.safe import escape, to_text
from llmkit.notebook.static import LINE, QUIET

#: So many lines the table has at once.
PAGE: Final = 10
#: How wide the column of names is.
_NAMED: Final = "clamp(9em, 24%, 17em)"
#: What the list of a filter says beside names, and what it is worth.
_ANY: Final = ("any", "")
_MORE: Final = ("or …", "")
_ALL: Final = ("any", "\0any")
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
.llmkit-dashboard .llmkit-chip {{ height: 1.7em; line-height: 1.5em; background: var(--jp-layout-color2, rgba(127,127,127,.15)); }}
.jp-OutputArea-child:has(.llmkit-dashboard) ~ .jp-OutputArea-child:has(.llmkit-twin) {{ display: none; }}
</style>"""


class Board(Protocol):
    """What the controls rule."""

    view: View

    def show(self, **changes: Any) -> None:
        """Look at something else."""

    def open(self, line: Line) -> None:
        """Go one step down."""

    def back(self) -> None:
        """Go one step up."""

    def turn(self, pages: int) -> None:
        """Turn the table's pages."""

    def refresh(self) -> None:
        """Read again."""

    def freeze(self) -> None:
        """Leave the figures and take the controls away."""

    def live(self, on: bool) -> None:
        """Look for new calls by itself, or not."""


class Filter:
    """One filter: a list to choose from, and a button for each name that was chosen, which takes it out again."""

    def __init__(self, name: str, choose: Callable[[tuple[str, ...]], None]) -> None:
        import ipywidgets as w

        self._name = name
        self._choose = choose
        self._chosen: tuple[str, ...] = ()
        self.list = w.Dropdown(
            description=name, options=[_ANY], layout=w.Layout(width="auto", min_width="8em", max_width="20em")
        )
        self.list.observe(lambda change: self._picked(change["new"]), "value")
        self.box = w.HBox([self.list])
        self.box.add_class("llmkit-controls")

    def fill(self, chosen: tuple[str, ...], known: list[str]) -> None:
        """What can be chosen, and what is."""
        self._chosen = ()  # until all is set, nothing is being chosen
        rest = [(to_text(value), value) for value in known if value not in chosen]
        options = [_MORE, _ALL, *rest] if chosen else [_ANY, *rest]
        if tuple(self.list.options) != tuple(options):
            self.list.options = options
        self.list.value = ""
        if chosen != tuple(button.llmkit_name for button in self.box.children[1:]):
            for button in self.box.children[1:]:
                button.close()
            self.box.children = [self.list, *map(self._chip, chosen)]
        self._chosen = chosen

    def _chip(self, name: str) -> Any:
        import ipywidgets as w

        button = w.Button(
            description=f"{to_text(name)} ×",
            tooltip=f"{self._name} {to_text(name)}: take it out",
            layout=w.Layout(width="auto"),
        )
        button.llmkit_name = name
        button.add_class("llmkit-small").add_class("llmkit-chip")
        button.on_click(lambda _: self._choose(tuple(one for one in self._chosen if one != name)))
        return button

    def _picked(self, value: str | None) -> None:
        if value:
            self._choose(() if value == _ALL[1] else (*self._chosen, value))


class Panel:
    """The widgets. They call the board; the board fills them."""

    def __init__(self, board: Board, *, live: bool = False) -> None:
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
        self._filters = {name: Filter(name, partial(self._chosen, name)) for name in FILTERS}
        self._simulated = w.Checkbox(
            description="simulated calls too",
            value=view.simulated,
            indent=False,
            layout=w.Layout(width="auto"),
        )
        self._live = w.Checkbox(description="live", value=live, indent=False, layout=w.Layout(width="auto"))
        again = press("Refresh", "Read the ledger again", board.refresh)
        freeze = press("Freeze", "Leave the figures here and take the controls away", board.freeze)
        self._back = press("‹ Back", "One step up", board.back)
        self._earlier = press("Previous", "The page before", lambda: board.turn(-1))
        self._later = press("Next", "The next page", lambda: board.turn(1))
        self.tiles, self.budgets, self._status, self._where, self._head, self._call = (
            w.HTML() for _ in range(6)
        )
        self.tiles.value = f'<div style="{QUIET}">Reading the ledger …</div>'
        self._lines: list[Line] = []
        self._rows = [self._row(at) for at in range(PAGE)]
        self._figure = w.Output(layout=w.Layout(width="100%", min_height="260px"))
        self._from, self._until = (
            w.DatePicker(description=name, layout=w.Layout(width="auto")) for name in ("from", "to")
        )
        for picker in (self._from, self._until):
            picker.observe(lambda _: self._dated(), "value")
        first = w.HBox(
            [self._stretch, self._from, self._until, self._by, self._simulated, self._live, again, freeze]
        )
        second = w.HBox([one.box for one in self._filters.values()])
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
        self._live.observe(lambda change: self._lives(bool(change["new"])), "value")
        for name, control in self._plain().items():
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
    def looks(self) -> bool:
        """Is it marked as live?"""
        return bool(self._live.value)

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
        (self._filters[name].list if name in self._filters else self._plain()[name]).value = value

    def take_out(self, name: str, value: str) -> None:
        """Press the button of a name that a filter lets through, as a hand would."""
        next(button for button in self._filters[name].box.children[1:] if button.llmkit_name == value).click()

    def date(self, first: date | None, last: date | None) -> None:
        """Choose own dates, as a hand would."""
        self._stretch.value = views.OWN
        self._from.value, self._until.value = first, last

    def mark_live(self, on: bool) -> None:
        """Does it look for new calls by itself?"""
        self._filling = True
        try:
            self._live.value = on
        finally:
            self._filling = False

    def offer(self, view: View, choices: dict[str, list[str]]) -> None:
        """What can be chosen, and what is."""
        self._filling = True
        try:
            for name, control in self._filters.items():
                control.fill(view.chosen(name), choices[name])
            for picker in (self._from, self._until):
                picker.layout.display = None if view.stretch == views.OWN else "none"
            for name in ("stretch", "by", "plot", "simulated"):
                self._plain()[name].value = getattr(view, name)
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
        """Take the widgets away: a box that is closed alone would leave all that is in it to kernel and page."""
        for widget in _all_of(self.box):
            widget.close()

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
        row.layout.display = "none"
        return row, button, cells

    def _clicked(self, at: int) -> None:
        if at < len(self._lines):
            self.safely(lambda: self._board.open(self._lines[at]))

    def _plain(self) -> dict[str, Any]:
        """The controls that have one value each."""
        return {"stretch": self._stretch, "by": self._by, "plot": self._plot, "simulated": self._simulated}

    def _lives(self, on: bool) -> None:
        if not self._filling:
            self.safely(lambda: self._board.live(on))

    def _dated(self) -> None:
        """Own dates: whole days, the last one included."""
        if not self._filling:
            last = self._until.value
            until = None if last is None else last + timedelta(days=1)
            self.safely(lambda: self._board.show(stretch=views.OWN, since=self._from.value, until=until))

    def _chosen(self, name: str, value: Any) -> None:
        if not self._filling:
            self.safely(lambda: self._board.show(**{name: value}))


def _all_of(widget: Any) -> list[Any]:
    """A widget and those that it is made of: what it holds, its layout, its style."""
    from ipywidgets import Widget

    parts = [getattr(widget, name) for name in widget.keys]
    held = [one for part in parts for one in (part if isinstance(part, tuple) else (part,))]
    return [widget, *(each for one in held if isinstance(one, Widget) for each in _all_of(one))]


def _cells(cells: tuple[str, ...], widths: str) -> str:
    """One line of figures, in columns that all lines share."""
    cut = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
    spans = "".join(f'<span style="{cut}" title="{escape(cell)}">{escape(cell)}</span>' for cell in cells)
    return f'<div style="display:grid;grid-template-columns:{widths};gap:0 .8em">{spans}</div>'
