"""llmkit's own readers understand the simulator: two descriptions of each wire that must agree."""

from __future__ import annotations

import pytest

from llmkit import wire as wires
from llmkit.core import errors
from llmkit.sim.dialects import DIALECTS
from llmkit.sim.tokens import count

SKY = "Why is the sky blue?"


def read(wire, got, *, stream=True, dialect=None):
    return wires.read(
        wire, [got.body], stream=stream, status=got.status, headers=got.headers, dialect=dialect
    )


@pytest.mark.parametrize("stream", [True, False])
def test_text_stop_and_bill_are_read(post, ask, wire, stream) -> None:
    reply = read(wire, post(*ask(wire, SKY, "sim/sage", stream=stream)), stream=stream)
    assert "Rayleigh" in reply.text
    assert reply.stop_reason == "stop"
    assert reply.model == "sim/sage"
    assert reply.usage.output == count(reply.text)
    assert reply.usage.source == "provider"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_read(post, dialect) -> None:
    body = {
        "model": "sim/scholar",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": SKY}],
    }
    got = post(f"/{dialect}/v1/chat/completions", body)
    reply = read("openai.chat", got, dialect=dialect)
    assert "Rayleigh" in reply.text
    assert reply.stop_reason == "stop"
    assert bool(reply.thinking) == bool(DIALECTS[dialect].reasoning)
    assert reply.usage.output == count(reply.text) + count(reply.thinking or "") or not reply.thinking


@pytest.mark.parametrize("spec", ["eof=3", "half=3", "drop=3", "eof=all", "eof=0"])
def test_a_stream_without_its_end_is_truncated(post, ask, wire, spec) -> None:
    got = post(*ask(wire, SKY, "sim/sage"), x_sim_fault=spec)
    with pytest.raises(errors.LLMKitError) as caught:
        read(wire, got)
    assert isinstance(caught.value, errors.TruncatedStream)


@pytest.mark.parametrize(
    "spec", ["crlf", "bom", "comments", "unknown", "split=3", "content-type=text/plain", "document"]
)
def test_noise_does_not_change_what_is_read(post, ask, wire, spec) -> None:
    plain = read(wire, post(*ask(wire, SKY, "sim/sage")))
    noisy = read(wire, post(*ask(wire, SKY, "sim/sage"), x_sim_fault=spec))
    assert noisy.text == plain.text
    assert noisy.usage.output == plain.usage.output


@pytest.mark.parametrize("wire", ["anthropic.messages", "openai.chat", "openai.responses"])
def test_text_after_the_terminal_event_is_not_read(post, ask, wire) -> None:
    # Gemini has no terminal event that this could be said of.
    plain = read(wire, post(*ask(wire, SKY, "sim/sage")))
    assert read(wire, post(*ask(wire, SKY, "sim/sage"), x_sim_fault="after")).text == plain.text


@pytest.mark.parametrize("value", ["none", "nan", "negative", "string", "bool", "null"])
def test_an_odd_bill_is_not_believed(post, ask, wire, value) -> None:
    reply = read(wire, post(*ask(wire, SKY, "sim/sage"), x_sim_fault=f"usage={value}"))
    assert "Rayleigh" in reply.text
    assert reply.usage.output is None or reply.usage.source != "provider"
