"""What OpenAI-compatible servers do differently: found by name, and an unknown one works, too."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal

import pytest

from llmkit import wire
from llmkit.core.errors import BadRequest, QuotaError
from llmkit.wire import dialects
from llmkit.wire.dialects import DIALECTS, TOLERANT, Dialect, get
from llmkit.wire.openai_options import level, thinking


@pytest.mark.parametrize(
    "name",
    [
        "openai", "azure", "groq", "xai", "openrouter", "deepseek", "mistral", "together", "ollama", "vllm",
        "lmstudio", "llamacpp", "cohere", "perplexity", "zai", "cerebras", "huggingface",
    ],
)  # fmt: skip
def test_the_servers_people_use_are_known(name):
    assert get(name).name == name


def test_every_dialect_is_found_under_its_own_name():
    assert all(get(name) is dialect and dialect.name == name for name, dialect in DIALECTS.items())


def test_every_alias_leads_to_a_dialect():
    for alias, name in dialects._ALIASES.items():
        assert get(alias).name == name
        assert alias not in DIALECTS


@pytest.mark.parametrize("who", [None, "", "a-server-nobody-told-us-about"])
def test_an_unknown_name_means_the_tolerant_dialect(who):
    assert get(who) is TOLERANT


def test_spelling_does_not_matter():
    assert get("X.AI").name == "xai"
    assert get("LM_Studio").name == "lmstudio"


def test_a_dialect_of_ones_own_is_taken_as_it_is():
    mine = replace(get("vllm"), name="mine", eof_is_ok=True)
    assert get(mine) is mine


def test_dialects_are_values():
    with pytest.raises(FrozenInstanceError):
        TOLERANT.name = "other"  # type: ignore[misc]
    assert len({TOLERANT, *DIALECTS.values()}) == len(DIALECTS) + 1


def test_no_known_server_may_end_an_answer_by_hanging_up():
    assert not any(dialect.eof_is_ok for dialect in DIALECTS.values())


def test_xai_counts_its_cost_in_ticks_of_a_ten_billionth_of_a_dollar():
    assert get("xai").cost == (("cost_in_usd_ticks", Decimal("1e-10")),)


@pytest.mark.parametrize(
    ("who", "think", "fields"),
    [
        ("openai", "off", {"reasoning_effort": "none"}),
        ("openai", "max", {"reasoning_effort": "xhigh"}),
        ("openai", 1000, {"reasoning_effort": "low"}),
        ("groq", "max", {"reasoning_effort": "high"}),
        ("mistral", "low", {"reasoning_effort": "high"}),
        ("deepseek", "off", {"thinking": {"type": "disabled"}}),
        ("deepseek", "max", {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
        ("zai", "high", {"thinking": {"type": "enabled"}}),
        ("openrouter", "medium", {"reasoning": {"effort": "medium"}}),
        ("openrouter", 5000, {"reasoning": {"max_tokens": 5000}}),
        ("openrouter", "off", {"reasoning": {"enabled": False}}),
        ("alibaba", 5000, {"enable_thinking": True, "thinking_budget": 5000}),
        ("alibaba", "off", {"enable_thinking": False}),
        ("vllm", "low", {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "low"}),
        ("openai", None, {}),
    ],
)
def test_each_server_is_asked_to_think_in_its_own_words(who, think, fields):
    assert thinking(think, get(who)) == fields


def test_a_server_that_cannot_be_asked_to_think_says_so_before_anything_is_sent():
    with pytest.raises(BadRequest, match="dumb"):
        thinking("high", Dialect("dumb", think="none"))


@pytest.mark.parametrize("think", ["hard", True, 2.5])
def test_think_takes_levels_and_budgets_only(think):
    with pytest.raises(BadRequest, match="think"):
        level(think)


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_in_minimaxs_envelope_is_one(stream):
    said = {"id": "", "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}
    body = json.dumps(said).encode()
    with pytest.raises(QuotaError, match="no quota or credit"):
        wire.read("openai.chat", [b"data: " + body + b"\n\n" if stream else body], stream=stream)


def test_an_answer_in_the_shape_of_before_chat_is_no_empty_one():
    frames = [
        {"choices": [{"index": 0, "text": "Hi", "finish_reason": None}]},
        {"choices": [{"index": 0, "text": "!", "finish_reason": "stop"}]},
    ]
    body = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)
    assert wire.read("openai.chat", [body + b"data: [DONE]\n\n"]).text == "Hi!"
