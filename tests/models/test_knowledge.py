"""What is known of models here: shipped, told by providers when asked, written by the user."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import llmkit
from llmkit.core.errors import BadRequest
from llmkit.models.knowledge import Knowledge
from llmkit.providers.listing import read
from llmkit.sim import Simulator


def test_the_users_word_counts_more_than_the_lists_and_that_more_than_what_is_shipped() -> None:
    knowledge = Knowledge({"openai/gpt-6-luna": {"vision": False, "retires": "2027-01-01"}})
    knowledge.learn(read("openai", {"data": [{"id": "gpt-6-luna", "context_length": 5, "max_tokens": 7}]}))
    facts = knowledge.facts("openai", "gpt-6-luna")
    assert (facts.vision, facts.context_window, facts.max_output, facts.tools) == (False, 5, 7, True)
    assert (facts.retires, facts.source) == (date(2027, 1, 1), "your configuration")


def test_a_list_that_says_nothing_leaves_what_is_known() -> None:
    knowledge = Knowledge()
    knowledge.learn(read("openai", {"data": [{"id": "gpt-6-luna"}, {"id": "gpt-99"}]}))
    assert knowledge.facts("openai", "gpt-6-luna").max_output == 128_000
    assert knowledge.facts("openai", "gpt-99").vision is None
    assert "openai/gpt-99" in knowledge.names()


def test_openrouters_list_tells_prices_and_abilities() -> None:
    entry = {
        "id": "x/y",
        "context_length": 1000,
        "architecture": {"input_modalities": ["text", "image"]},
        "pricing": {"prompt": "0.0000025", "completion": "-1"},
        "supported_parameters": ["tools", "reasoning"],
    }
    facts = read("openrouter", {"data": [entry]})[0]
    assert (facts.vision, facts.audio, facts.tools, facts.sampling) == (True, False, True, False)
    assert (facts.price_in, facts.price_out) == (Decimal("2.5"), None)


@pytest.mark.parametrize(
    ("kind", "path"), [("anthropic", ""), ("gemini", ""), ("openai", "/v1"), ("openrouter", "/openrouter/v1")]
)
def test_each_provider_may_be_asked_for_its_own_list(simulator: Simulator, kind: str, path: str) -> None:
    here = {"type": kind, "base_url": simulator.url + path, "api_key": "k" * 9}
    session = llmkit.Session({"providers": {"x": here}})
    asked = simulator.attempts
    found = session.models(provider="x", refresh=True)
    assert "x/sim/swift" in set(found["model"])
    assert found["source"].str.startswith("x's own list").all()
    assert simulator.attempts == asked  # a list is no answer
    if kind != "openai":
        assert found["context"].notna().all()


def test_the_matrix_has_a_column_for_each_ability_and_says_who_says_so() -> None:
    table = llmkit.models(retired=True)
    assert len(table) > 200
    row = table.set_index("model").loc["anthropic/claude-sonnet-5-5"]
    assert (row["tools"], row["structured"], row["sampling"], row["alias"]) == (True, True, False, "sonnet")
    assert (row["price_in"], row["price_out"]) == (2.0, 10.0)
    assert row["price_source"].startswith("genai-prices 20")
    assert row["source"].startswith("shipped 2026-")


def test_old_models_keep_their_price_and_name_what_takes_their_place() -> None:
    table = llmkit.models(retired=True).set_index("model")
    for old in (
        "anthropic/claude-3-5-sonnet-20241022",
        "openai/gpt-4o",
        "openai/gpt-3.5-turbo",
        "gemini/gemini-2.0-flash",
    ):
        assert table.loc[old, "age"] in ("retired", "ageing")
        assert table.loc[old, "price_in"] > 0
        assert table.loc[old, "successor"]


@pytest.mark.parametrize(
    ("words", "filters", "holds"),
    [
        (("gpt",), {"vision": True}, lambda t: t["vision"].all() and t["model"].str.contains("gpt").all()),
        ((), {"tools": True, "provider": "groq"}, lambda t: (t["provider"] == "groq").all()),
        ((), {"provider": "openai", "sort": "price"}, lambda t: t["price_out"].dropna().is_monotonic_increasing),
    ],
)  # fmt: skip
def test_the_matrix_can_be_filtered_and_sorted(
    words: tuple[str, ...], filters: dict[str, Any], holds: Any
) -> None:
    table = llmkit.models(*words, **filters)
    assert 0 < len(table) < 200
    assert holds(table)


def test_an_unknown_filter_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadRequest, match="vision"):
        llmkit.models(vison=True)
    assert llmkit.models("no-such-model-at-all").empty


def test_a_model_that_is_gone_may_be_asked_and_the_reply_says_so(simulator: Simulator) -> None:
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    session = llmkit.Session({"providers": {"openai": here}})
    reply = session.ask("hello", model="openai/gpt-3.5-turbo")
    assert any("was retired on 2026-10-23; openai/gpt-6-luna takes its place" in note for note in reply.notes)
    assert not any("retired" in note for note in session.ask("hello", model="openai/gpt-6-luna").notes)
