"""Prometheus's text: read back by Prometheus's own parser, the sums of the ledger and no more."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import pytest

from llmkit.ledger.allowance import Allowance

sys.path.insert(0, str(Path(__file__).parent))
from books import accounts, add

parser = pytest.importorskip(
    "prometheus_client.parser", reason="prometheus_client is not installed: nothing to read with"
)


def read(text):
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found, name):
    return sum(value for (sample, *_), value in found.items() if sample == name)


def test_its_sums_are_those_of_the_ledger(ledger):
    for number in range(6):
        add(
            ledger,
            model=f"m{number % 2}",
            cost=str(number),
            cache_read=3,
            reasoning=2,
            status="error" if number == 5 else "ok",
        )
    book = accounts(ledger)
    found, whole = read(book.to_prometheus()), book.total()
    assert total(found, "llmkit_attempts_total") == 6
    assert total(found, "llmkit_cost_total") == float(whole.cost)
    assert total(found, "llmkit_tokens_total") == whole.input + whole.cache_read + whole.output
    assert total(found, "llmkit_reasoning_tokens_total") == whole.reasoning
    assert total(found, "llmkit_first_token_seconds_count") == 5


def test_what_is_unknown_has_no_sample(ledger):
    add(ledger, cost=None, given=None, made=None)
    found = read(accounts(ledger).to_prometheus())
    names = {name for name, *_ in found}
    assert {"llmkit_cost_total", "llmkit_tokens_total"}.isdisjoint(names)
    assert (
        total(found, "llmkit_unpriced_attempts_total") == total(found, "llmkit_unmetered_attempts_total") == 1
    )


def test_currencies_are_kept_apart(ledger):
    add(ledger, cost="1", currency="USD")
    add(ledger, cost="2", currency="EUR")
    found = read(accounts(ledger).to_prometheus())
    assert {key[1]: value for key, value in found.items() if key[0] == "llmkit_cost_total"} == {
        "USD": 1,
        "EUR": 2,
    }


def test_names_of_any_kind_come_back_as_they_were(ledger):
    name = 'a"b\\c\nd'
    add(ledger, model=name)
    assert any(name in key for key in read(accounts(ledger).to_prometheus()))


def test_budgets_are_gauges_and_no_calls_are_no_lines(ledger):
    assert accounts(ledger).to_prometheus() == ""
    day = Allowance(name="day", limit=Decimal(2), spent=Decimal("0.5"))
    found = read(accounts(ledger, budgets=lambda: (day,)).to_prometheus())
    assert found == {("llmkit_budget_limit_dollars", "day"): 2, ("llmkit_budget_spent_dollars", "day"): 0.5}
