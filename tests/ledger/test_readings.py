"""What the past would have cost, what the future may, what a provider's bill says, and the table as a file."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from llmkit.core.errors import BadRequest, MissingPackage, UnknownModel
from llmkit.ledger.forecast import forecast
from llmkit.ledger.frame import usage

sys.path.insert(0, str(Path(__file__).parent))
from books import NOON, accounts, add

# -- what if --------------------------------------------------------------------------------------


def test_the_same_tokens_are_priced_by_another_model(ledger):
    # At noon of that day: prices change, and a list of prices knows when.
    add(
        ledger,
        provider="anthropic",
        model="claude-sonnet-5-5",
        given=1_000_000,
        made=100_000,
        cost="3",
        at=NOON,
    )
    what = accounts(ledger).what_if("gemini/gemini-3.8-flash", at="then")
    assert (what.attempts, what.cost, what.instead) == (1, 3, Decimal("1.125"))
    assert what.saved == Decimal("1.875")
    assert "(-62%)" in str(what)


def test_what_if_says_which_attempts_it_can_not_tell_of(ledger):
    add(ledger, cost="1", given=1000, made=10)
    add(ledger, cost="1", given=None, made=10)
    add(ledger, cost=None, given=1000, made=10)
    add(ledger, cost="0", status="cached")
    what = accounts(ledger).what_if("sonnet")
    assert what.attempts == 1
    assert sum(what.skipped.values()) == 3
    assert {"No model worked", "The number of"} <= {" ".join(why.split()[:3]) for why in what.skipped}


@pytest.mark.parametrize("status", ["ok", "cancelled"])
def test_where_no_cost_is_known_nothing_is_compared_and_nothing_foretold(ledger, status):
    for day in range(3):
        add(ledger, status=status, cost=None, at=NOON - timedelta(days=day))
    told = accounts(ledger).what_if("luna")
    assert (told.attempts, sum(told.skipped.values())) == (0, 3)
    assert str(told).startswith("None of the attempts can be compared.\nLeft out: 3.")
    future = forecast(accounts(ledger)(), now=NOON + timedelta(days=1))
    assert (future.expected, future.month_expected, future.unpriced) == (None, None, 3)
    assert "the cost of all 3 attempts is unknown" in str(future)


def test_what_if_of_a_model_without_a_price_is_refused(ledger):
    with pytest.raises(UnknownModel, match="nobody/x"):
        accounts(ledger).what_if("nobody/x")
    with pytest.raises(UnknownModel, match="sonnet"):
        accounts(ledger).what_if("sonet")


# -- forecast -------------------------------------------------------------------------------------


def test_a_steady_past_has_a_steady_future(ledger):
    for days in range(1, 41):
        add(ledger, at=NOON - timedelta(days=days), cost="2")
    told = forecast(usage(ledger), days=10, now=NOON)
    assert (told.expected, told.low, told.high) == (20, 20, 20)
    assert told.month_spent == 38  # the 19 days of November before this one
    assert told.month_expected == 38 + 10 * 2
    assert "of the same weekday" in told.method
    assert told.note == ""


def test_an_uneven_past_has_a_wide_future_and_the_same_one_each_time(ledger):
    for days in range(1, 15):
        add(ledger, at=NOON - timedelta(days=days), cost=str(days % 3))
    one, other = (forecast(usage(ledger), now=NOON) for _ in range(2))
    assert one == other
    assert one.low < one.expected < one.high


def test_days_without_calls_are_days(ledger):
    add(ledger, at=NOON - timedelta(days=10), cost="10")
    assert forecast(usage(ledger), days=10, now=NOON).expected == pytest.approx(10, rel=0.1)


def test_a_forecast_from_little_says_so(ledger):
    assert "no whole day" in str(accounts(ledger).forecast())
    add(ledger, at=NOON - timedelta(days=2))
    add(ledger, at=NOON - timedelta(days=1), cost=None)
    told = forecast(usage(ledger), now=NOON)
    assert "Only 2 whole days" in told.note
    assert "1 attempt is unknown" in told.note
    with pytest.raises(BadRequest):
        accounts(ledger).forecast(days=0)


# -- as a file ------------------------------------------------------------------------------------

HOSTILE = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1"]


def test_a_spreadsheet_finds_no_formula(ledger, tmp_path):
    for tag in HOSTILE:
        add(ledger, tag=tag, notebook=tag, model=tag)
    file = accounts(ledger).export("csv", tmp_path / "deep" / "usage.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["tag"] for row in rows] == [f"'{tag}" for tag in HOSTILE]
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row.values())


def test_a_file_without_a_name_gets_one_that_nobody_has(ledger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add(ledger)
    book = accounts(ledger)
    named = [book.export(kind).name for kind in ("csv", "csv", "json", "mine.json", "Mine.CSV")]
    assert named == ["usage.csv", "usage-2.csv", "usage.json", "mine.json", "Mine.CSV"]
    assert all((tmp_path / name).stat().st_size for name in named)


def test_json_holds_what_the_table_holds(ledger, tmp_path):
    add(ledger, tag="=1", cost="0.1", at=NOON)
    add(ledger, cost=None)
    file = accounts(ledger).export("json", tmp_path / "usage.json", decimal=True)
    first, second = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    assert (first["tag"], first["cost"], first["cost_exact"]) == ("=1", 0.1, "0.1")
    assert datetime.fromisoformat(first["started"]).astimezone(UTC) == NOON
    assert (second["cost"], second["tag"]) == (None, None)


def test_excel_gets_text_and_numbers(ledger, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    for tag in [*HOSTILE, "a\x01b"]:
        add(ledger, tag=tag)
    file = accounts(ledger).export("xlsx", tmp_path / "usage.xlsx")
    sheet = openpyxl.load_workbook(file).active
    cells = [cell for row in sheet.iter_rows(min_row=2) for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr", "n", "d", "b"}  # and no "f"
    assert sheet.max_row == len(HOSTILE) + 2


def test_parquet_keeps_the_types(ledger, tmp_path):
    pytest.importorskip("pyarrow")
    add(ledger, tag="t", cost=None)
    back = pd.read_parquet(accounts(ledger).export("parquet", tmp_path / "usage.parquet"))
    assert str(back["input"].dtype) == "Int64"
    assert back["cost"].isna().all()
    assert str(back["started"].dtype).endswith("UTC]")


def test_a_package_that_is_missing_is_named(ledger, tmp_path, monkeypatch):
    add(ledger)

    def refuse(*_, **__):
        raise ImportError("no")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", refuse)
    with pytest.raises(MissingPackage, match=r"llmkit\[export\]"):
        accounts(ledger).export("parquet", tmp_path / "x.parquet")
    assert list(tmp_path.glob("*part*")) == []
    with pytest.raises(BadRequest, match="csv, xlsx, parquet, json"):
        accounts(ledger).export("pdf", tmp_path / "x.pdf")
