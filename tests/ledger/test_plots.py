"""The plots of the ledger: titled, in units, in colours that hold; and each draws what the table says, no more."""

from __future__ import annotations

import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmkit.core.errors import BadRequest
from llmkit.ledger import Ledger
from llmkit.ledger.allowance import Allowance
from llmkit.ledger.gallery import PLOTS
from llmkit.ledger.palette import COLOURS, INK, Palette, lightness
from llmkit.ledger.sums import TIMES
from llmkit.ledger.words import money
from llmkit.notebook.dashboard_view import GROUPS, View, groups, key_of, read, tiles

sys.path.insert(0, str(Path(__file__).parent))
from books import NOON, ROWS, accounts, add

go = pytest.importorskip("plotly.graph_objects")
BUDGETS = (Allowance(name="session", limit=Decimal(5), spent=Decimal(1), session="s"),)


def bars(figure):
    return sum(np.nansum(np.array(trace.y, dtype=float)) for trace in figure.data if trace.type == "bar")


def known(frame):
    return frame["cost"].dropna().sum()


@pytest.fixture
def book(ledger):
    for number in range(30):
        add(
            ledger,
            model=f"m{number % 3}",
            tag="a" if number % 2 else None,
            notebook=f"n{number % 2}.ipynb",
            cell=f"c{number % 4}",
            cost=None if number % 10 == 9 else str(Decimal(number) / 100),
            made=100,
            reasoning=number,
            cache_read=7,
            status="error" if number % 7 == 6 else "ok",
            attempt=1 + number % 2,
            ttft=0.1 + number / 100,
            lasted=2.0,
            at=NOON - timedelta(hours=5 * number),
        )
    return accounts(ledger, budgets=lambda: BUDGETS, session=lambda: "s")


# -- few days ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cost", "tokens", "status"])
def test_a_single_day_is_one_bar_among_room_for_more_and_its_axis_names_the_day_alone(ledger, kind):
    add(ledger, model="m", cost="0.5", at=NOON)
    made = accounts(ledger).plot(kind, freq="D")
    first, last = made.layout.xaxis.range
    day = made.table["day"].iloc[0]
    assert (last - first).days == 7
    assert day - first == last - day
    assert [str(each)[:10] for each in made.layout.xaxis.tickvals] == [str(day)[:10]]


def test_a_week_and_more_of_days_lies_along_the_axis_as_it_comes(ledger):
    for number in range(8):
        add(ledger, model="m", cost="0.5", at=NOON - timedelta(days=number))
    axis = accounts(ledger).plot("cost", freq="D").layout.xaxis
    assert axis.range is None
    assert axis.tickvals is None


# -- every plot -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PLOTS)
def test_every_plot_is_a_plotly_figure_with_title_table_and_marks(book, kind):
    figure = book.plot(kind)
    assert isinstance(figure, go.Figure)
    assert figure.layout.title.text
    assert len(figure.table)
    assert len(figure.data)


@pytest.mark.parametrize("kind", PLOTS)
def test_every_plot_is_at_home_on_light_and_dark_pages(book, kind):
    layout = book.plot(kind).layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert layout.font.color == INK


@pytest.mark.parametrize("kind", [kind for kind in PLOTS if kind not in ("tree", "hours")])
def test_axes_say_what_they_measure(book, kind):
    layout = book.plot(kind).layout
    assert layout.xaxis.title.text
    assert layout.yaxis.title.text or kind == "latency"  # there the axis names the models


@pytest.mark.parametrize("kind", PLOTS)
def test_a_plot_without_calls_says_so_in_a_sentence(ledger, kind):
    figure = accounts(ledger).plot(kind)
    (said,) = figure.layout.annotations
    assert said.text.endswith((".", ".)"))
    assert len(figure.data) == 0


def test_simulated_calls_that_are_left_out_are_mentioned(ledger):
    add(ledger, simulated=True)
    assert "1 simulated ones" in accounts(ledger).plot().layout.annotations[0].text
    assert len(accounts(ledger).plot(simulated=True).data) == 1


@pytest.mark.parametrize("kind", PLOTS)
def test_a_notebook_keeps_the_figure_and_a_table_and_nothing_from_elsewhere(book, kind):
    bundle = book.plot(kind)._repr_mimebundle_()
    assert {"application/vnd.plotly.v1+json", "text/html", "text/plain"} <= set(bundle)
    assert "<table" in bundle["text/html"]
    assert "http" not in bundle["text/html"]
    assert "<script" not in bundle["text/html"]


def test_what_a_cell_shows_is_what_a_notebook_keeps(book, monkeypatch):
    from IPython.core.formatters import DisplayFormatter

    shown = []
    monkeypatch.setattr("IPython.display.display", lambda forms, raw: shown.append((set(forms), raw)))
    assert DisplayFormatter().format(book.plot("cost")) == ({}, {})  # it has shown itself
    assert shown == [({"application/vnd.plotly.v1+json", "text/plain"}, True)]


def test_model_names_are_escaped_in_the_table(ledger):
    add(ledger, model="<script>alert(1)</script>")
    assert "<script" not in accounts(ledger).plot()._repr_mimebundle_()["text/html"]


def test_a_plot_that_there_is_not_names_the_nearest(book):
    with pytest.raises(BadRequest, match="'latency'"):
        book.plot("latenzy")
    with pytest.raises(BadRequest, match="freq"):
        book.plot("cost", freq="fortnight")
    with pytest.raises(BadRequest, match="colour"):
        book.plot("cost", by="colour")


# -- what is drawn is what is known ---------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(ROWS, st.sampled_from(TIMES))
def test_for_any_ledger_the_marks_add_up_to_the_table(rows, freq):
    with Ledger.open(":memory:") as ledger:
        for row in rows:
            add(ledger, **row)
        book = accounts(ledger, session=lambda: "s", budgets=lambda: BUDGETS)
        frame, sums = book(), book.total()
        if not rows:
            return
        assert book.plot("budget").data[0].y[-1] == pytest.approx(5 - known(frame))
        assert bars(book.plot("cost", by="tag", freq=freq)) == pytest.approx(known(frame))
        drawn = sum(x or 0 for x in (sums.input, sums.cache_read, sums.cache_write, sums.output))
        assert bars(book.plot("tokens")) == drawn  # reasoning is inside the output
        assert bars(book.plot("status")) == len(rows)
        assert np.nansum(book.plot("hours").data[0].z) == pytest.approx(known(frame))
        assert sum(book.plot("tree").data[0]["values"]) == pytest.approx(known(frame))
        cumulative = book.plot("session").data[0].y
        assert cumulative[-1] == pytest.approx(known(frame))
        frontier = book.plot("frontier").table
        if "calls" in frontier:
            priced = frame[(frame["status"] == "ok") & frame["cost"].notna() & frame["output"].notna()]
            assert frontier["calls"].sum() <= len(priced)
            for line in frontier.to_dict("records"):
                rows_of = priced[priced["model"] == line["model"]]
                paid = line["cost_per_1k_output"] * float(rows_of["output"].sum()) / 1000
                assert paid == pytest.approx(rows_of["cost"].sum())
        counters = [line.rpartition(" ") for line in book.to_prometheus().splitlines()]
        sent = sum(float(value) for name, _, value in counters if name.startswith("llmkit_cost_total"))
        assert sent == pytest.approx(known(frame))
        latency, whole = book.plot("latency").table, frame[frame["status"] == "ok"]
        if len(latency):
            assert latency[latency["measure"] == "ttft"]["calls"].sum() == len(whole)


def test_an_unknown_cost_is_drawn_as_nothing_and_not_as_0(ledger):
    add(ledger, cost=None, notebook="n", cell="c", at=NOON)
    book = accounts(ledger)
    (bar,) = book.plot("cost").data
    assert np.isnan(bar.y).tolist() == [True]
    assert np.isnan(book.plot("hours").data[0].z).all()
    assert book.plot("hours").table.drop(columns="day").isna().all(axis=None)
    (tree,) = book.plot("tree").data
    assert (tree.text[-1], tree.hovertemplate[-1]) == ("unknown", "%{label}<br>cost unknown<extra></extra>")
    for kind in ("cost", "hours"):
        assert "the cost of 1 attempt is unknown" in book.plot(kind).layout.title.text


def test_the_budget_burns_down_to_what_is_left(book):
    line = book.plot("budget").data[0]
    assert line.y[-1] == pytest.approx(5 - known(book()))


@settings(max_examples=20, deadline=None)
@given(ROWS, st.sampled_from(GROUPS))
def test_for_any_ledger_the_dashboard_says_what_the_sums_say(rows, by):
    with Ledger.open(":memory:") as ledger:
        for row in rows:
            add(ledger, **row)
        book, view = accounts(ledger), View(stretch="all", by=by)
        frame, whole = read(book, view), book.total()
        shown = {tile.name: tile for tile in tiles(frame)}
        table = groups(frame, by)
    if not rows:
        assert (shown["spend"].value, table.lines) == ("–", ())
        return
    if whole.cost is None:
        assert shown["spend"].value == "unpriced"
    else:
        assert shown["spend"].value.lstrip("~") == money(float(whole.cost))
    assert (f"{whole.unpriced:,} unpriced" in shown["spend"].note) == (
        whole.unpriced > 0 and whole.cost is not None
    )
    assert sum(line.cells[3] == "?" for line in table.lines) == int(book_unknown(frame, by))


def book_unknown(frame, by):
    """In how many groups no cost is known at all."""
    return (~frame.assign(known=frame["cost"].notna()).groupby(key_of(frame, by))["known"].any()).sum()


def test_retries_are_counted_beside_the_statuses(book):
    figure = book.plot("status")
    line = next(trace for trace in figure.data if trace.type == "scatter")
    assert sum(line.y) == (book()["attempt"] > 1).sum()


def test_the_frontier_joins_what_nothing_beats_in_both(ledger):
    for name, seconds, cost in [
        ("fast", 1, "1"),
        ("cheap", 4, "0.1"),
        ("neither", 4.5, "2"),
        ("middling", 2, "0.5"),
    ]:
        add(ledger, model=name, made=100, ttft=0.0, lasted=seconds, cost=cost)
    table = accounts(ledger).plot("frontier").table.set_index("model")
    assert table[table["front"]].index.tolist() == ["fast", "middling", "cheap"]
    assert table.loc["fast", "tokens_per_second"] == 100
    assert table.loc["fast", "cost_per_1k_output"] == 10


def test_more_than_nine_models_become_eight_and_the_others(ledger):
    for number in range(15):
        add(ledger, model=f"m{number}", cost=str(number + 1))
    figure = accounts(ledger).plot("cost")
    assert [trace.name for trace in figure.data][-1] != ""
    assert len(figure.data) == 9
    assert "7 others" in {trace.name for trace in figure.data}
    assert bars(figure) == sum(range(1, 16))


# -- colours --------------------------------------------------------------------------------------


def test_a_model_keeps_its_colour_whatever_is_drawn_and_filtered(book):
    def colours(figure):
        return {
            trace.name: trace.marker.color
            for trace in figure.data
            if trace.name and trace.name.startswith("m")
        }

    whole = colours(book.plot("cost"))
    assert len(set(whole.values())) == 3
    for other in (
        book.plot("cost", model="m2"),
        book.plot("session"),
        book.plot("frontier"),
        book.plot("latency"),
    ):
        assert colours(other).items() <= whole.items()


def test_names_that_share_a_colour_differ_in_their_pattern():
    palette = Palette([f"m{n}" for n in range(15)])
    looks = {(palette.colour(f"m{n}"), palette.pattern(f"m{n}")) for n in range(15)}
    assert len(looks) == 15
    assert palette.colour("m10") == COLOURS[0]


@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_the_ink_reads_on_both_pages(page):
    dark, bright = sorted((lightness(INK), lightness(page)))
    assert (bright + 0.05) / (dark + 0.05) > 4
