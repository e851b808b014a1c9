"""An invented month: the same for the same seed, marked as simulated, and with everything that a real one has."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import llmkit
from llmkit.core.errors import BadRequest
from llmkit.ledger.forecast import forecast
from llmkit.ledger.gallery import PLOTS

sys.path.insert(0, str(Path(__file__).parent))
from books import NOON


@pytest.fixture(scope="module")
def book():
    return llmkit.sim.history(calls=900, until=NOON)


def test_all_of_it_is_simulated_and_in_the_past(book):
    frame = book()
    assert frame["simulated"].all()
    assert frame["started"].between(NOON - timedelta(days=31), NOON).all()
    assert frame["call"].nunique() == 900


def test_the_same_seed_makes_the_same_rows(tmp_path, book):
    other = llmkit.sim.history(tmp_path / "past.db", calls=900, until=NOON)
    assert other.total() == book.total()
    again = llmkit.sim.history(tmp_path / "past.db", calls=900, until=NOON)
    assert again.total() == book.total()
    assert llmkit.sim.history(calls=900, seed=2, until=NOON).total() != book.total()


def test_it_has_what_a_real_month_has(book):
    frame = book()
    assert {"ok", "cached", "cancelled", "error"} <= set(frame["status"])
    assert frame["provider"].nunique() >= 5
    assert (frame["attempt"] > 1).any()
    assert frame["cost"].isna().any()  # nobody knows what a model of one's own costs
    assert book.cache()["saved"].sum() > 0
    assert len(book.anomalies())
    assert forecast(frame, now=NOON).expected > 0
    assert {one.name for one in book.budgets} == {"day", "report"}


@pytest.mark.parametrize("kind", PLOTS)
def test_every_plot_has_something_to_draw(book, kind):
    pytest.importorskip("plotly")
    assert len(book.plot(kind).data)


def test_it_leaves_the_users_own_ledger_alone():
    before = len(llmkit.usage(simulated=True))
    assert len(llmkit.sim.history(days=1, calls=20)()) >= 20
    assert len(llmkit.usage(simulated=True)) == before


def test_no_days_are_no_history():
    with pytest.raises(BadRequest, match="days=0"):
        llmkit.sim.history(days=0)
    with pytest.raises(BadRequest, match="calls"):
        llmkit.sim.history(calls=1.5)


def test_it_ends_now_unless_it_is_told_otherwise():
    assert llmkit.sim.history(days=1, calls=20)()["started"].max() <= datetime.now(UTC)
