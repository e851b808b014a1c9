"""Before a grid is sent: how many calls, about how many tokens, what it will cost, and whether that is all right."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

import llmkit
from llmkit import Budget
from llmkit.errors import BadRequest, BudgetExceeded
from llmkit.jobs import preview as previews
from llmkit.jobs.grid import questions
from llmkit.jobs.preview import preview

MODEL = "here/bench:tokens=6,rate=0,ttft=0"
#: Its answers take 0.3 s.
SLOW = "here/bench:tokens=6,rate=20,ttft=0"


@pytest.fixture
def dear(simulator):
    """A session in which every answer has its price."""
    simulator.reset()
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    price = {model: {"input": 1_000_000, "output": 10_000} for model in (MODEL, SLOW)}
    return llmkit.Session({"providers": {"here": here}, "prices": price, "compare": {"confirm": 50}})


@pytest.fixture
def someone(monkeypatch):
    """Somebody who answers; what was said is the list."""
    said = []
    answers = []

    def answer(text):
        said.append(text)
        return answers.pop(0)

    monkeypatch.setattr(previews, "_somebody_is_there", lambda: True)
    monkeypatch.setattr("builtins.input", answer)
    return said, answers


def asked(prompts, models, **more):
    every = {"system": None, "systems": None, "temperature": None, "temperatures": None, "repeats": 1}
    return questions(prompts, models, **{**every, **more})


def test_it_counts_calls_and_adds_up_what_they_may_cost(dear):
    seen = preview(
        dear, asked(["Why?", "Who?"], [MODEL, "sim/swift"], repeats=3), {"max_tokens": 100, "timeout": 5}
    )
    one = dear.estimate("Why?", model=MODEL, max_tokens=100)
    assert (seen.calls, seen.models, seen.simulated, seen.unpriced) == (12, 2, 6, 0)
    assert seen.least == 6 * one.least.amount
    assert seen.most == seen.likely == 6 * one.most.amount
    assert str(seen).startswith("12 calls to 2 models · ~")
    assert "at most" in str(seen)
    assert "1,000 tokens" not in str(seen)


def test_with_room_for_more_the_likely_cost_is_that_of_a_thousand_tokens(dear):
    seen = preview(dear, asked("Why?", MODEL), {"max_tokens": 4_000})
    assert seen.likely - seen.least == (seen.most - seen.least) / 4
    assert "with 1,000 tokens an answer" in str(seen)


def test_a_large_grid_is_looked_at_in_part_and_said_as_a_whole(dear, monkeypatch):
    looks = []
    estimate = dear.estimate
    monkeypatch.setattr(dear, "estimate", lambda *given, **more: looks.append(1) or estimate(*given, **more))
    seen = preview(
        dear, asked([f"Why, for the {n:04}th time?" for n in range(1000)], MODEL), {"max_tokens": 9}
    )
    assert len(looks) <= 64
    assert seen.calls == 1000
    one = estimate("Why, for the 0000th time?", model=MODEL).least.amount
    assert seen.least == pytest.approx(1000 * one)


def test_what_has_no_price_is_counted_and_not_guessed(dear):
    seen = preview(dear, asked("Why?", "here/nobody-knows"), {})
    assert (seen.least, seen.likely, seen.most, seen.unpriced) == (None, None, None, 1)


def test_what_costs_more_than_the_configuration_says_is_asked_about(dear, simulator, someone):
    said, answers = someone
    answers += ["n", "y"]
    cmp = dear.compare(["Why?"] * 30, MODEL, max_tokens=50)
    assert cmp.preview.likely > Decimal(50)
    assert said == [f"{cmp.preview}\nSend them? [y/N] "]
    assert {cell.status for cell in cmp} == {"unsent"}
    assert simulator.attempts == 0
    cmp.rerun()
    assert {cell.status for cell in cmp} == {"ok"}
    dear.compare(["Why?"] * 30, MODEL, max_tokens=50)
    assert simulator.attempts == 60


def test_what_costs_less_is_not_asked_about_nor_what_is_simulated_nor_where_it_is_told_not_to(dear, someone):
    said, _ = someone
    dear.compare("Why?", MODEL, max_tokens=5)
    dear.compare(["Why?"] * 30, "sim/bench:tokens=3,rate=0,ttft=0", confirm=True)
    dear.compare(["Why?"] * 30, MODEL, max_tokens=50, confirm=False)
    dear.compare(["Why?"] * 30, MODEL, max_tokens=50, confirm=10_000)
    assert said == []


def test_a_budget_is_for_the_whole_grid(dear, simulator):
    # At its worst a call costs some 200 dollars, and in the end 12. The worst is held for those that are under way,
    # so only one at a time fits, and in the end none.
    cmp = dear.compare("Why?", SLOW, repeats=4, max_tokens=50, confirm=False, budget=220)
    assert {cell.status for cell in cmp} == {"ok"}
    assert all(after.started - before.started > 0.2 for before, after in pairwise(simulator.settled()))
    simulator.reset()
    counted = Budget(220, simulated=True)
    cmp = dear.compare("Why?", MODEL, repeats=6, max_tokens=50, confirm=False, budget=counted)
    assert sorted(cell.status for cell in cmp) == [
        "ok",
        "ok",
        *["refused"] * 4,
    ]  # whoever asks when there is money
    assert sum(isinstance(cell.error, BudgetExceeded) for cell in cmp) == 4
    assert simulator.attempts == 2
    cmp.rerun(budget=10_000)
    assert {cell.status for cell in cmp} == {"ok"}
    assert simulator.attempts == 6


def test_where_nobody_can_answer_nothing_is_asked(dear, simulator, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda text: pytest.fail("it was asked"))
    dear.compare(["Why?"] * 30, MODEL, max_tokens=50)
    assert simulator.attempts == 30


def test_a_threshold_that_is_none_is_refused_before_anything_is_sent(dear, simulator):
    with pytest.raises(BadRequest, match="confirm must be dollars"):
        dear.compare("Why?", MODEL, confirm="much")
    assert simulator.attempts == 0
