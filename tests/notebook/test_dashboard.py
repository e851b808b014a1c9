"""The dashboard without a page: what it shows for a view, how it is moved through, and what a notebook keeps of it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import llmkit
from llmkit.core.errors import BadRequest
from llmkit.ledger import Ledger
from llmkit.ledger.allowance import Allowance
from llmkit.notebook import dashboard_markup as markup
from llmkit.notebook import dashboard_view as views
from llmkit.notebook.dashboard_panel import Panel
from llmkit.notebook.dashboard_view import GROUPS, View

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
from books import NOON, accounts, add


@pytest.fixture(scope="module")
def past():
    return llmkit.sim.history(calls=300, until=NOON)


@pytest.fixture
def board(past):
    return past.dashboard(stretch="all")


@pytest.fixture
def panel(board):
    shown = Panel(board)
    board.attach(shown)
    yield shown
    board.close()


def told(tiles):
    return {tile.name: (tile.value, tile.note) for tile in tiles}


# -- figures --------------------------------------------------------------------------------------


def test_tiles_are_the_sums_of_what_is_looked_at(past):
    view = View(stretch="all", simulated=True, tag="report")
    tiles, whole = told(views.tiles(views.read(past, view))), past.total(tag="report")
    assert tiles["spend"][0] == f"~${whole.cost:,.2f}"
    assert tiles["calls"][0] == f"{past(tag='report')['call'].nunique():,}"
    assert set(tiles) == {"spend", "calls", "tokens", "cache saved", "errors", "first token"}


def test_what_is_unknown_is_no_zero(ledger_of):
    tiles = told(views.tiles(views.read(ledger_of(cost=None, given=None, made=None), View(stretch="all"))))
    assert tiles["spend"][0] == "unpriced"
    assert tiles["tokens"] == ("? → ?", "1 not metered")
    assert told(views.tiles(views.read(ledger_of(), View(stretch="all", tag="none"))))["spend"][0] == "–"


@pytest.fixture
def ledger_of(tmp_path):
    def made(**row):
        ledger = Ledger.open(tmp_path / "one.db")
        add(ledger, **row)
        return accounts(ledger)

    return made


@pytest.mark.parametrize("by", GROUPS)
def test_groups_hold_every_attempt_once(past, by):
    frame = views.read(past, View(stretch="all", simulated=True))
    table = views.groups(frame, by)
    assert len(table.lines) == len(set(views.key_of(frame, by)))
    keys = views.key_of(frame, by)
    counted = [
        views.calls(frame[keys == (views.NAMELESS if line.key is None else line.key)]) for line in table.lines
    ]
    assert sum(len(calls.lines) for calls in counted) == len(frame)


def test_real_calls_alone_unless_simulated_ones_are_asked_for(past):
    assert len(views.read(past, View(stretch="all"))) == 0
    assert len(views.read(past, View(stretch="all", simulated=True))) == len(past())


def test_a_budget_that_is_spent_looks_like_it():
    half = Allowance(name="day", limit=Decimal(2), spent=Decimal(1), resets=NOON + timedelta(hours=3))
    over = Allowance(name="a<b", limit=Decimal(1), spent=Decimal(2))
    html = markup.budgets_html([half, over], now=NOON)
    assert "$1.00 of $2.00 (50%) · anew in 3 h 00 min" in html
    assert "width:50.0%" in html
    assert "width:100.0%" in html
    assert (
        'role="progressbar" aria-label="budget day" aria-valuemin="0" aria-valuemax="100" aria-valuenow="50"'
        in html
    )
    assert "a&lt;b" in html
    assert markup.budgets_html([]) == ""


def test_a_mistyped_wish_is_refused_with_what_there_is(past):
    with pytest.raises(BadRequest, match="'modle'"):
        past.dashboard(modle="luna")
    with pytest.raises(BadRequest, match="plot='cots'"):
        past.dashboard(plot="cots")


# -- moving through it ----------------------------------------------------------------------------


def test_a_filter_changes_tiles_table_and_plot(board, panel):
    before = panel.tiles.value, panel.names(), panel.plotted
    panel.choose("provider", "anthropic")
    assert board.view.provider == ("anthropic",)
    assert panel.names() == ["claude-sonnet-5-5", "claude-haiku-5-5"]
    assert all(
        now != then
        for now, then in zip((panel.tiles.value, panel.names(), panel.plotted), before, strict=True)
    )
    panel.choose("provider", "openai")
    assert {"claude-sonnet-5-5", "gpt-6-luna"} < set(panel.names()) < set(before[1])
    panel.take_out("provider", "anthropic")
    assert board.view.sentence() == "all · provider openai · simulated calls too"
    panel.take_out("provider", "openai")
    assert (panel.tiles.value, panel.names()) == before[:2]


def test_own_dates_are_whole_days_with_the_last_one(past, board, panel):
    day = NOON.date() - timedelta(days=3)
    panel.date(day, day)
    frame = views.read(past, board.view)
    assert board.view.stretch == "own dates"
    assert 0 < len(frame) < len(past())
    assert set(frame["started"].dt.tz_convert(datetime.now().astimezone().tzinfo).dt.date) == {day}
    panel.choose("stretch", "all")
    assert (board.view.since, board.view.until, len(views.read(past, board.view))) == (
        None,
        None,
        len(past()),
    )
    assert "own dates" not in past.dashboard(since="7d").view.sentence()
    assert past.dashboard(since="7d").view.sentence().startswith("7d to now")


def test_from_a_group_to_its_calls_to_all_of_one_call_and_back(board, panel):
    first = board.table().lines[0]
    board.open(first)
    assert {line.cells[0] for line in board.table().lines} == {first.name}
    call = board.table().lines[0]
    board.open(call)
    assert call.key in panel.one_call
    board.back()
    board.back()
    assert board.table().lines[0] == first
    assert panel.one_call == ""


def test_a_call_that_was_tried_twice_shows_both_attempts(past, board, panel):
    call = past()[past()["attempt"] == 2]["call"].iloc[0]
    board.show(by="status")
    line = next(line for line in board.table().lines if line.name == "ok")
    board.open(line)
    board.open(next(line for line in board.table().lines if line.key == call))
    assert panel.one_call.count("<td") >= 2 * panel.one_call.count("<tr")


def test_a_wish_that_can_not_be_met_is_refused_and_changes_nothing(board, panel):
    before = board.view, panel.names()
    for wish, said in (({"since": "some day"}, "Not a moment"), ({"status": "fine"}, "No attempt has")):
        with pytest.raises(BadRequest, match=said):
            board.show(**wish)
    assert (board.view, panel.names()) == before


def test_pages_are_turned_and_end(board, panel):
    board.show(by="session")
    first = panel.names()
    board.turn(1)
    assert len(first) == 10
    assert set(panel.names()).isdisjoint(first)
    board.turn(10_000)
    assert panel.names() == [line.name for line in board.table().lines][-len(panel.names()) :]
    board.turn(-10_000)
    assert panel.names() == first


def test_every_plot_and_every_group_can_be_chosen(panel):
    for plot in ("tokens", "latency", "frontier", "status", "budget", "hours", "tree", "session"):
        panel.choose("plot", plot)
        assert panel.trouble == ""
        assert "application/vnd.plotly.v1+json" in panel.plotted
    for by in GROUPS:
        panel.choose("by", by)
        assert panel.trouble == ""


def test_what_goes_wrong_is_said_and_the_dashboard_goes_on(board, panel, monkeypatch):
    def broken(*_, **__):
        raise BadRequest("The costs are in different currencies: EUR, USD.")

    monkeypatch.setattr(views, "tiles", broken)
    panel.choose("tag", "papers")
    assert "EUR, USD" in panel.trouble
    monkeypatch.undo()
    panel.choose("tag", "\0any")
    assert panel.trouble == ""


def test_names_from_outside_are_text(tmp_path):
    with Ledger.open(tmp_path / "l.db") as ledger:
        add(ledger, model="<img src=x onerror=alert(1)>", tag="<b>", at=datetime.now(UTC))
        board = accounts(ledger).dashboard(stretch="all")
        shown = Panel(board)
        board.attach(shown)
        board.open(board.table().lines[0])
        board.open(board.table().lines[0])
        assert "<img" not in shown.one_call + board.twin()["text/html"]
        board.close()


# -- live -----------------------------------------------------------------------------------------


def test_it_is_drawn_again_only_when_rows_have_changed(tmp_path):
    with Ledger.open(tmp_path / "l.db") as ledger:
        add(ledger)
        board = accounts(ledger).dashboard()
        shown = Panel(board)
        board.attach(shown)
        assert [board.look(), board.look()] == [False, False]
        open_row = ledger.begin(call="d", attempt=1, session="s", provider="p", model="m")
        assert [board.look(), board.look()] == [True, False]
        ledger.settle(open_row, status="ok")
        assert [board.look(), board.look()] == [True, False]
        assert ">2</div>" in shown.tiles.value
        board.close()


def test_looking_ends_with_the_dashboard(board, panel):
    board.live(True)
    assert panel.looks
    looking = board.looking
    board.close()
    looking.join(60)
    assert not looking.is_alive()


def test_closing_it_leaves_no_widget_behind(past):
    from ipywidgets.widgets.widget import _instances as alive

    before = set(alive)
    board = past.dashboard(stretch="all", model=["claude-haiku-5-5", "gpt-6-luna"])
    board.attach(Panel(board))
    assert len(alive) > len(before) + 50
    board.close()
    assert set(alive) <= before


def test_a_cell_that_runs_again_ends_what_it_has_shown_before_and_a_board_is_alive_once(kernel):
    kernel.run("book = llmkit.sim.history(calls=20)\nboards = []")
    show = "boards.append(book.dashboard(live=True))\nboards[-1]"
    looks = "[one.looking.is_alive() and not one._over.is_set() for one in boards]"
    kernel.run(show, "cell-a")
    kernel.run(show, "cell-b")
    kernel.run(show, "cell-a")
    assert kernel.value(looks) == [False, True, True]
    moved = kernel.run("boards[1]", "cell-c")
    assert moved.status == "ok"
    assert kernel.value(looks) == [False, True, True]
    frozen = [m["content"] for m in moved.messages if m["header"]["msg_type"] == "update_display_data"]
    assert "llmkit-twin" in frozen[0]["data"]["text/html"], "where it was before, its figures stay"
    kernel.run("for one in boards: one.close()")
    assert kernel.value(looks) == [False] * 3


def test_what_a_live_one_shows_later_belongs_to_its_own_cell(kernel):
    kernel.run(
        "import llmkit.notebook.dashboard as dash\ndash._LOOK = 0.02\nbook = llmkit.sim.history(calls=20)"
    )
    shown = kernel.send("board = book.dashboard(live=True)\nboard", "cell-a")
    kernel.finish(shown)
    kernel.run(
        "row = book.ledger.begin(call='c', attempt=1, session='s', provider='p', model='brand-new', simulated=True)\n"
        "book.ledger.settle(row, status='ok')",
        "cell-b",
    )
    try:
        assert "brand-new" in str(kernel.wait_for(shown, "update_display_data", "brand-new"))
    finally:
        kernel.run("board.close()\ndash._LOOK = 2.0")


# -- what is kept ---------------------------------------------------------------------------------


def test_a_notebook_keeps_figures_and_groups_without_widgets(board):
    kept = board.twin()
    assert set(kept) == {"text/plain", "text/html"}
    assert "claude-sonnet-5-5" in kept["text/plain"]
    assert "first token" in kept["text/html"]
    assert "<script" not in kept["text/html"]


def test_in_a_document_there_are_no_controls(kernel):
    ran = kernel.run(
        "import os; os.environ['LLMKIT_DISPLAY'] = 'final'\nllmkit.sim.history(calls=50).dashboard()"
    )
    (shown,) = ran.outputs
    assert set(shown) == {"text/plain", "text/html"}
    live = kernel.run("os.environ['LLMKIT_DISPLAY'] = 'live'\nllmkit.sim.history(calls=50).dashboard()")
    assert [set(one) for one in live.outputs] == [
        {"application/vnd.jupyter.widget-view+json", "text/plain"},
        {"text/plain", "text/html"},
    ]
