"""The ledger as a DataFrame, and sums that never take unknown for nothing."""

from __future__ import annotations

import builtins
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmkit.core.errors import BadRequest, MissingPackage
from llmkit.core.reply import Reply, Timing
from llmkit.core.usage import Cost, Usage
from llmkit.ledger import STATUSES, Ledger
from llmkit.ledger.frame import usage
from llmkit.ledger.sums import by, total

PROMISED = [
    "started",
    "session",
    "notebook",
    "cell",
    "tag",
    "provider",
    "model",
    "status",
    "attempt",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "cost",
    "cost_source",
    "usage_source",
    "ttft",
    "duration",
    "simulated",
]


def add(ledger, cost="0.10", given=10, made=5, status="ok", source="provider", currency="USD", **more):
    defaults = {"call": "c", "attempt": 1, "session": "s", "provider": "openai", "model": "gpt-6-luna"}
    begun_id = ledger.begin(**(defaults | more))
    reply = Reply(
        usage=Usage(input=given, output=made, source=source),
        cost=Cost(None if cost is None else Decimal(cost), currency, "genai-prices"),
        timing=Timing(0.1, 1.0),
    )
    ledger.settle(begun_id, status=status, reply=reply)


@pytest.fixture
def memory():
    with Ledger.open(":memory:") as ledger:
        yield ledger


def test_the_promised_columns_come_first_with_their_types(memory):
    add(memory, tag="t")
    frame = usage(memory)
    assert list(frame.columns[: len(PROMISED)]) == PROMISED
    assert str(frame["started"].dtype) == "datetime64[us, UTC]"
    for name in (
        "session",
        "notebook",
        "cell",
        "tag",
        "provider",
        "model",
        "status",
        "cost_source",
        "usage_source",
    ):
        assert isinstance(frame[name].dtype, pd.CategoricalDtype), name
    for name in ("attempt", "input", "output", "cache_read", "cache_write", "reasoning"):
        assert str(frame[name].dtype) == "Int64", name
    for name in ("cost", "ttft", "duration"):
        assert str(frame[name].dtype) == "float64", name
    assert str(frame["simulated"].dtype) == "bool"
    assert list(frame["status"].cat.categories) == list(STATUSES)


def test_an_empty_ledger_gives_an_empty_frame_of_the_same_kind(memory):
    empty = usage(memory, decimal=True)
    add(memory)
    full = usage(memory, decimal=True)
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert [str(t) for t in empty.dtypes] == [str(t) for t in full.dtypes]


def test_one_row_for_each_attempt(memory):
    add(memory, attempt=1, status="error", cost=None)
    add(memory, attempt=2)
    frame = usage(memory)
    assert frame["attempt"].tolist() == [1, 2]
    assert frame["status"].tolist() == ["error", "ok"]


def test_an_unknown_cost_is_nan_and_unknown_tokens_are_na(memory):
    add(memory, cost=None, given=None, made=None)
    frame = usage(memory, decimal=True)
    assert frame["cost"].isna().all()
    assert frame["input"].isna().all()
    assert frame["cost_exact"].tolist() == [None]


def test_exact_costs_are_decimals(memory):
    add(memory, cost="0.0000001")
    frame = usage(memory, decimal=True)
    assert frame["cost_exact"].tolist() == [Decimal("0.0000001")]
    assert "cost_exact" not in usage(memory).columns


def test_simulated_spending_is_left_out_unless_asked_for(memory):
    add(memory)
    add(memory, simulated=True)
    assert usage(memory)["simulated"].tolist() == [False]
    assert usage(memory, simulated=True)["simulated"].tolist() == [False, True]


def test_filters_reach_the_rows(memory):
    add(memory, tag="a", cell="1", notebook="n")
    add(memory, tag="b", provider="anthropic", model="claude-haiku-5-5", session="z")
    assert len(usage(memory, tag="a")) == 1
    assert len(usage(memory, tag=["a", "b"])) == 2
    assert len(usage(memory, provider="anthropic", model="claude-haiku-5-5", session="z")) == 1
    assert len(usage(memory, cell="1", notebook="n", status="ok")) == 1
    assert len(usage(memory, since="2020-01-01", until="2021-01-01")) == 0


def test_names_to_filter_by_may_be_any_iterable_and_nothing_else(memory):
    add(memory, tag="a")
    add(memory, tag="b", status="error")
    assert len(usage(memory, tag=(name for name in "ab"), status=iter(["ok"]))) == 1
    with pytest.raises(BadRequest, match="tag=5 is no name"):
        usage(memory, tag=5)


def test_without_pandas_the_error_says_what_to_install(memory, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingPackage, match=r"llmkit\[data\]"):
        usage(memory)


# -- sums -----------------------------------------------------------------------------------------


def test_a_total_is_exact_where_floats_are_not(memory):
    for _ in range(10):
        add(memory, cost="0.1")
    assert total(usage(memory)).cost == Decimal("1.0")
    assert str(total(usage(memory))) == "1 USD for 10 attempts"


def test_a_total_says_how_many_costs_are_not_in_it(memory):
    add(memory, cost="0.25")
    add(memory, cost=None)
    sums = total(usage(memory))
    assert (sums.cost, sums.unpriced, sums.complete) == (Decimal("0.25"), 1, False)
    assert str(sums) == "0.25 USD for 2 attempts, the cost of 1 unknown"


def test_a_total_of_unknowns_is_unknown(memory):
    add(memory, cost=None, given=None, made=None)
    sums = total(usage(memory))
    assert (sums.cost, sums.input, sums.output) == (None, None, None)
    assert (sums.unpriced, sums.unmetered) == (1, 1)
    assert str(sums) == "unpriced for 1 attempt"


def test_no_attempts_cost_nothing(memory):
    sums = total(usage(memory))
    assert (sums.attempts, sums.cost, sums.input, sums.complete) == (0, Decimal(0), 0, True)


def test_an_estimate_in_the_sum_shows(memory):
    add(memory, source="estimated")
    assert total(usage(memory)).estimated == 1
    assert str(total(usage(memory))).startswith("~")


def test_currencies_are_not_added(memory):
    add(memory)
    add(memory, currency="EUR")
    with pytest.raises(BadRequest, match="EUR, USD"):
        total(usage(memory))
    assert set(by(usage(memory), "currency")["currency"]) == {"EUR", "USD"}


def test_sums_by_a_column_put_the_dearest_first_and_keep_the_nameless(memory):
    add(memory, tag="cheap", cost="0.1")
    add(memory, tag="dear", cost="0.9")
    add(memory, tag=None, cost="0.5")
    add(memory, tag="unknown", cost=None)
    table = by(usage(memory), "tag")
    assert table["cost"].tolist()[:3] == [0.9, 0.5, 0.1]
    assert table["tag"].tolist()[::2] == ["dear", "cheap"]
    assert pd.isna(table["tag"][1])
    assert pd.isna(table["cost"][3])
    assert table["unpriced"].tolist() == [0, 0, 0, 1]


def test_many_columns_of_many_values_each_keep_their_groups_apart():
    size, names = 8_000, ["id", "call", "request_id", "response_id", "prompt_hash"]  # together beyond 64 bits
    rows = pd.DataFrame({name: [f"{n}" for n in range(size)] for name in names})
    for name in ("input", "output", "cache_read", "cache_write", "reasoning"):
        rows[name] = pd.array([1] * size, dtype="Int64")
    rows = rows.assign(cost=0.5, currency="USD", status="ok", usage_source="provider", estimated=False)
    found = by(rows, *names)
    assert len(found) == size
    assert all((found[name] == found["id"]).all() for name in names)


def test_grouping_by_what_is_not_there_is_refused(memory):
    with pytest.raises(BadRequest, match="colour"):
        by(usage(memory), "colour")
    with pytest.raises(BadRequest):
        by(usage(memory))


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "cost": st.one_of(st.none(), st.integers(0, 10**9).map(lambda n: str(Decimal(n) / 10**8))),
            "given": st.one_of(st.none(), st.integers(0, 10**6)),
            "tag": st.sampled_from([None, "a", "b", "c d"]),
            "model": st.sampled_from(["m1", "m2"]),
            "status": st.sampled_from(["ok", "error", "cancelled"]),
            "attempt": st.integers(1, 3),
        }
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.lists(st.sampled_from(["tag", "model", "status", "attempt"]), min_size=1, unique=True))
def test_however_it_is_grouped_the_parts_sum_to_the_total(rows, columns):
    with Ledger.open(":memory:") as ledger:
        for row in rows:
            add(ledger, **row)
        frame = usage(ledger, decimal=True)
    sums, parts = total(frame), by(frame, *columns)
    assert int(parts["attempts"].sum()) == sums.attempts == len(rows)
    assert int(parts["unpriced"].sum()) == sums.unpriced
    assert int(parts["input"].sum()) == (sums.input or 0)
    known = [Decimal(repr(cost)) for cost in parts["cost"].tolist() if cost == cost]
    assert sum(known, Decimal(0)) == (sums.cost or 0)
