"""The simulator over plain HTTP: every wire, streaming and not, says the same and bills the same."""

from __future__ import annotations

import pytest

from llmkit.sim import Simulator
from llmkit.sim.tokens import count

SKY = "Why is the sky blue?"


def test_every_wire_says_the_same(post, ask, text_of) -> None:
    wires = ("anthropic.messages", "openai.chat", "openai.responses", "gemini.generate")
    texts = {text_of(wire, post(*ask(wire, SKY, "sim/sage")).frames) for wire in wires}
    assert len(texts) == 1
    assert "Rayleigh" in texts.pop()


def test_a_stream_and_a_document_hold_the_same_text(post, ask, text_of, wire) -> None:
    streamed = text_of(wire, post(*ask(wire, SKY)).frames)
    document = post(*ask(wire, SKY, stream=False)).json
    match wire:
        case "anthropic.messages":
            whole = document["content"][0]["text"]
        case "openai.chat":
            whole = document["choices"][0]["message"]["content"]
        case "openai.responses":
            whole = document["output"][0]["content"][0]["text"]
        case _:
            whole = document["candidates"][0]["content"]["parts"][0]["text"]
    assert whole == streamed


def test_every_answer_is_marked_as_simulated(post, ask, wire) -> None:
    for stream in (True, False):
        assert post(*ask(wire, "hi", stream=stream)).headers["x-llmkit-simulated"] == "1"
    assert post("/nowhere").headers["x-llmkit-simulated"] == "1"


def test_the_bill_counts_what_was_sent(post, ask, text_of, wire) -> None:
    got = post(*ask(wire, SKY))
    expected = count(text_of(wire, got.frames))
    last = got.frames[-1]
    match wire:
        case "anthropic.messages":
            billed = got.frames[-2]["usage"]["output_tokens"]
        case "openai.chat":
            assert last["choices"] == []
            billed = last["usage"]["completion_tokens"]
        case "openai.responses":
            billed = last["response"]["usage"]["output_tokens"]
        case _:
            billed = last["usageMetadata"]["candidatesTokenCount"]
    assert billed == expected


def test_the_chat_wire_sends_no_usage_unless_asked(post, ask) -> None:
    path, body = ask("openai.chat", SKY)
    del body["stream_options"]
    assert not any(frame.get("usage") for frame in post(path, body).frames)


@pytest.mark.parametrize("name", ["swift", "sim/swift"])
def test_a_model_is_found_with_and_without_its_prefix(post, ask, wire, name) -> None:
    got = post(*ask(wire, SKY, name))
    assert b"sim/swift" in got.body


def test_any_other_model_gets_a_sensible_default(post, ask, text_of) -> None:
    got = post(*ask("openai.chat", SKY, "gpt-99-nova"))
    assert got.frames[0]["model"] == "gpt-99-nova"
    assert "blue" in text_of("openai.chat", got.frames)


def test_gemini_without_sse_streams_one_json_array(post, ask) -> None:
    path, body = ask("gemini.generate", SKY)
    got = post(path.removesuffix("?alt=sse"), body)
    assert got.headers["content-type"].startswith("application/json")
    parts = [c["candidates"][0]["content"]["parts"][0]["text"] for c in got.json]
    assert "".join(parts).startswith("The sky is blue")


def test_models_are_listed_in_the_shape_of_each_provider(post) -> None:
    openai = post("/v1/models", method="GET", anthropic_version="")
    assert openai.json["object"] == "list"
    anthropic = post("/v1/models", method="GET").json
    gemini = post("/v1beta/models", method="GET", x_goog_api_key="k", anthropic_version="").json
    router = post("/openrouter/v1/models", method="GET").json
    assert anthropic["data"][0]["max_input_tokens"] == 200_000
    assert gemini["models"][0]["name"].startswith("models/sim/")
    assert post("/v1/models/nothing-like-it", method="GET").status == 404
    assert router["data"][0]["pricing"]["prompt"] == "0.0000001"


def test_tokens_are_counted_without_an_answer(post) -> None:
    messages = [{"role": "user", "content": SKY}]
    one = post("/v1/messages/count_tokens", {"model": "sim/swift", "messages": messages}).json["input_tokens"]
    two = post("/v1/responses/input_tokens", {"model": "sim/swift", "input": SKY}).json["input_tokens"]
    three = post("/v1beta/models/swift:countTokens", {"contents": [{"parts": [{"text": SKY}]}]}).json[
        "totalTokens"
    ]
    assert one == two == three > 5


def test_requests_are_journalled_without_keys(sim: Simulator, post, ask) -> None:
    path, body = ask("openai.chat", SKY)
    post(path + "?key=very-secret", body, authorization="Bearer sk-very-secret", x_note="kept")
    (seen,) = sim.settled()
    assert (seen.method, seen.wire, seen.model, seen.outcome, seen.status) == (
        "POST",
        "openai.chat",
        "sim/swift",
        "done",
        200,
    )
    assert seen.json == body
    assert seen.headers["x-note"] == "kept"
    assert "authorization" in seen.header_names
    assert seen.bytes_sent > 1000
    assert seen.tokens_sent > 5
    assert "very-secret" not in repr(seen)


def test_attempts_count_requests_for_answers_only(sim: Simulator, post, ask) -> None:
    post("/v1/models", method="GET")
    post(*ask("openai.chat", SKY))
    post(*ask("openai.chat", SKY, "sim/swift@status=500"))
    assert sim.attempts == 2
    assert len(sim.requests) == 3


def test_a_kept_stream_is_the_same_bytes_as_the_first(sim: Simulator, post, ask, wire) -> None:
    first, second = post(*ask(wire, SKY)), post(*ask(wire, SKY))
    assert first.body == second.body
    assert first.whole
    assert second.whole
    one, two = sim.settled()
    assert (one.bytes_sent, one.tokens_sent) == (two.bytes_sent, two.tokens_sent)
    assert one.bytes_sent == len(first.body)


def test_a_long_stream_goes_out_in_few_chunks(post, ask, wire) -> None:
    got = post(
        *ask(wire, "go", "sim/bench:tokens=20000", max_tokens=30_000)
        if wire == "anthropic.messages"
        else ask(wire, "go", "sim/bench:tokens=20000")
    )
    assert len(got.frames) >= 20_000
    assert got.whole


def test_a_page_at_the_root_says_what_this_is(post) -> None:
    got = post("/", method="GET")
    assert (got.status, got.headers["content-type"]) == (200, "text/plain; charset=utf-8")
