"""What OpenAI-like servers do differently shows in the simulator's frames."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from llmkit.sim import price
from llmkit.sim.dialects import DIALECTS


def chat(post, dialect: str, **more):
    body = {
        "model": "sim/scholar",
        "stream": True,
        "messages": [{"role": "user", "content": "Why is the sky blue?"}],
    }
    return post(f"/{dialect}/v1/chat/completions", body | more)


def usage(got):
    return [f["usage"] for f in got.frames if f.get("usage")][-1]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_answers_and_ends(post, dialect) -> None:
    got = chat(post, dialect)
    assert got.status == 200
    assert got.body.endswith(b"data: [DONE]\n\n")
    text = "".join(
        c["delta"].get("content") or ""
        for f in got.frames
        for c in f["choices"]
        if isinstance(c["delta"].get("content"), str | None)
    )
    if DIALECTS[dialect].reasoning == "parts":
        assert any(isinstance(c["delta"].get("content"), list) for f in got.frames for c in f["choices"])
    assert "Rayleigh" in text


@pytest.mark.parametrize(
    ("dialect", "field"),
    [
        ("groq", "reasoning"),
        ("xai", "reasoning_content"),
        ("deepseek", "reasoning_content"),
        ("vllm", "reasoning"),
        ("ollama", "reasoning"),
    ],
)
def test_thinking_has_its_own_field(post, dialect, field) -> None:
    deltas = [c["delta"] for f in chat(post, dialect).frames for c in f["choices"]]
    assert any(d.get(field) for d in deltas)


def test_openai_itself_counts_its_thinking_but_does_not_show_it(post) -> None:
    got = chat(post, "openai", stream_options={"include_usage": True})
    assert usage(got)["completion_tokens_details"]["reasoning_tokens"] > 0
    assert b"The user writes about" not in got.body


def test_groq_repeats_its_usage_in_x_groq(post) -> None:
    last = chat(post, "groq").frames[-1]
    assert last["x_groq"]["usage"] == last["usage"]
    assert last["choices"][0]["finish_reason"] == "stop"


def test_xai_leaves_reasoning_out_of_the_output_and_names_its_price(post) -> None:
    bill = usage(chat(post, "xai"))
    reasoning = bill["completion_tokens_details"]["reasoning_tokens"]
    assert reasoning > 0
    assert bill["total_tokens"] == bill["prompt_tokens"] + bill["completion_tokens"] + reasoning
    rates = price("sim/scholar")
    cost = Decimal(rates.input) * bill["prompt_tokens"] + Decimal(rates.output) * (
        bill["completion_tokens"] + reasoning
    )
    assert bill["cost_in_usd_ticks"] == int(cost * 10**4)


def test_openrouter_sends_comments_its_cost_and_native_reasons(post) -> None:
    got = chat(post, "openrouter")
    assert got.body.startswith(b": OPENROUTER PROCESSING\n\n")
    assert usage(got)["cost"] > 0
    assert got.frames[-1]["choices"][0]["native_finish_reason"] == "stop"


def test_deepseek_splits_its_prompt_by_cache(post) -> None:
    bill = usage(chat(post, "deepseek"))
    assert bill["prompt_cache_hit_tokens"] + bill["prompt_cache_miss_tokens"] == bill["prompt_tokens"]


def test_together_ends_with_eos_and_azure_begins_with_a_filter(post) -> None:
    assert chat(post, "together").frames[-1]["choices"][0]["finish_reason"] == "eos"
    assert chat(post, "azure").frames[0]["choices"] == []


@pytest.mark.parametrize(
    ("dialect", "shape"),
    [
        ("mistral", {"detail"}),
        ("openrouter", {"error"}),
        ("openai", {"error"}),
        ("vllm", {"object", "message", "type", "param", "code", "error"}),
    ],
)
def test_errors_have_the_dialects_shape(post, dialect, shape) -> None:
    got = post(
        f"/{dialect}/v1/chat/completions",
        {"model": "no-such-model", "messages": [{"role": "user", "content": "hi"}]},
    )
    assert got.status == 404
    assert set(json.loads(got.body)) == shape


@pytest.mark.parametrize(
    "path",
    [
        "/groq/openai/v1/chat/completions",
        "/openrouter/api/v1/chat/completions",
        "/deepseek/chat/completions",
        "/azure/openai/v1/chat/completions",
    ],
)
def test_the_providers_own_paths_are_known(post, path) -> None:
    assert post(path, {"model": "x", "messages": [{"role": "user", "content": "hi"}]}).status == 200


@pytest.mark.parametrize(
    "path", ["/chat/completions", "/v1/chat", "/v2/chat/completions", "/nobody/v1/chat/completions"]
)
def test_a_wrong_base_url_is_a_404(post, path) -> None:
    assert post(path, {"model": "x", "messages": []}).status == 404
