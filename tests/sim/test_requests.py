"""Requests are checked as the real providers check them, and refused in their words."""

from __future__ import annotations

import pytest

from llmkit.sim import Simulator
from llmkit.sim.http import BadHTTP, RequestParser, TooLarge

USER = {"role": "user", "content": "hi"}
CLAUDE, CHAT, RESPONSES = "/v1/messages", "/v1/chat/completions", "/v1/responses"
GEMINI = "/v1beta/models/sim/swift:generateContent"


def call(id_):
    return {"id": id_, "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"messages": [USER]}, "max_tokens: Field required"),
        ({"max_tokens": 5}, "messages: Field required"),
        ({"max_tokens": 5, "messages": []}, "at least one message"),
        ({"max_tokens": 0, "messages": [USER]}, "max_tokens"),
        ({"max_tokens": "5", "messages": [USER]}, "valid integer"),
        ({"max_tokens": 10**9, "messages": [USER]}, "maximum allowed number of output tokens"),
        ({"max_tokens": 5, "messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "song"}]}]}, "'song'"),
        ({"max_tokens": 5, "messages": [{"role": "user", "content": ""}]}, "non-empty"),
        ({"max_tokens": 5, "messages": [USER], "temperature": 1}, "temperature: Extra inputs"),
        ({"max_tokens": 5, "messages": [USER], "top_p": 1}, "top_p"),
        ({"max_tokens": 2000, "messages": [USER], "thinking": {"type": "enabled", "budget_tokens": 5}}, "1024"),
        ({"max_tokens": 1500, "messages": [USER], "thinking": {"type": "enabled", "budget_tokens": 1500}}, "greater than"),
        ({"max_tokens": 5, "messages": [USER], "thinking": {"type": "hard"}}, "thinking.type"),
        ({"max_tokens": 5, "messages": [USER], "tools": [{"name": "f"}]}, "input_schema"),
        ({"max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}]}, "unexpected `tool_use_id`"),
        ({"max_tokens": 5, "messages": [USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "f", "input": {}}]}, USER]}, "without `tool_result`"),
    ],
)  # fmt: skip
def test_anthropic_refuses(post, body, says) -> None:
    got = post(CLAUDE, {"model": "sim/swift"} | body)
    assert got.status == 400
    assert got.json["type"] == "error"
    assert got.json["error"]["type"] == "invalid_request_error"
    assert says in got.json["error"]["message"]


def test_anthropic_wants_its_version_and_older_ones_allow_sampling(post) -> None:
    body = {"model": "sim/swift", "max_tokens": 5, "messages": [USER], "temperature": 0.5}
    assert "anthropic-version" in post(CLAUDE, body, anthropic_version="").json["error"]["message"]
    assert post(CLAUDE, body, anthropic_version="2023-06-01").status == 200
    system = body | {"messages": [{"role": "system", "content": "x"}, USER]}
    del system["temperature"]
    assert post(CLAUDE, system).status == 200
    assert post(CLAUDE, system, anthropic_version="2023-06-01").status == 400


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "'messages'"),
        ({"messages": []}, "empty array"),
        ({"messages": "hi"}, "expected an array"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "Supported values are: 'system'"),
        ({"messages": [{"role": "user", "content": 5}]}, "string or array"),
        ({"messages": [{"role": "user", "content": [{"type": "song"}]}]}, "'song'"),
        ({"messages": [USER], "max_tokens": -1}, "max_tokens"),
        ({"messages": [USER], "temperature": 3}, "temperature"),
        ({"messages": [USER], "n": 2}, "n must be 1"),
        ({"messages": [USER], "stream_options": {}}, "only allowed when 'stream'"),
        ({"messages": [USER], "tools": [{"type": "function"}]}, "tools[0].function"),
        ({"messages": [USER], "response_format": {"type": "json_schema"}}, "schema"),
        ({"messages": [USER, {"role": "tool", "tool_call_id": "x", "content": "1"}]}, "preceeding"),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [call("a")]}, USER]}, "did not have response messages: a"),
    ],
)  # fmt: skip
def test_chat_refuses(post, body, says) -> None:
    got = post(CHAT, {"model": "sim/swift"} | body)
    assert got.status == 400
    assert says in got.json["error"]["message"]
    assert got.json["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "'input'"),
        ({"input": 5}, "Invalid type for 'input'"),
        ({"input": [{"role": "robot", "content": "x"}]}, "'robot'"),
        ({"input": [{"type": "song"}]}, "'song'"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "'input_text'"),
        ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
        ({"input": "x", "previous_response_id": "resp_1"}, "not found"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "1"}]}, "No tool call found"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}, "No tool output found"),
        ({"input": [{"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "AAAA"}]}, "could not be verified"),
    ],
)  # fmt: skip
def test_responses_refuses(post, body, says) -> None:
    got = post(RESPONSES, {"model": "sim/swift"} | body)
    assert got.status == 400
    assert says in got.json["error"]["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "contents is not specified"),
        ({"contents": [{"role": "robot", "parts": [{"text": "x"}]}]}, "valid role: user, model"),
        ({"contents": [{"parts": []}]}, "parts must not be empty"),
        ({"contents": [{"parts": [{"text": "x"}]}], "temperature": 1}, 'Unknown name "temperature"'),
        ({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"maxOutputTokens": 0}}, "positive"),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "%%"}}]}]}, "base64"),
        ({"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "QUJD"}]}]}, "Thought signature is not valid"),
    ],
)  # fmt: skip
def test_gemini_refuses(post, body, says) -> None:
    got = post(GEMINI, body)
    assert got.status == 400
    assert got.json["error"]["status"] == "INVALID_ARGUMENT"
    assert says in got.json["error"]["message"]


@pytest.mark.parametrize("path", [CLAUDE, CHAT, RESPONSES])
def test_a_missing_model_and_broken_json_are_refused(post, path) -> None:
    assert "model" in post(path, {"messages": [USER]}).json["error"]["message"]
    assert post(path, b"{").status == 400
    assert post(path, b"[]").status == 400


def test_models_that_do_not_exist_are_a_404_everywhere(post, ask, wire) -> None:
    got = post(*ask(wire, "hi", "no-such-model-7"))
    assert got.status == 404
    assert "no-such-model-7" in got.json["error"]["message"]


def test_a_get_where_a_post_belongs_is_a_405(post) -> None:
    assert post(CHAT, method="GET").status == 405


def test_a_prompt_longer_than_the_window_is_refused(post, ask, wire) -> None:
    got = post(
        *ask(wire, "word " * 3000, "sim/tiny", max_tokens=5)
        if wire == "anthropic.messages"
        else ask(wire, "word " * 3000, "sim/tiny")
    )
    assert got.status == 400
    said = got.json["error"]["message"]
    assert "2000" in said or "context window" in said


# -- thinking that comes back -----------------------------------------------------------------


def test_changed_thinking_is_refused_always(post) -> None:
    body = {"model": "sim/sage", "max_tokens": 2000, "thinking": {"type": "adaptive"}, "messages": [USER]}
    first = post(CLAUDE, body).json
    turn = {"role": "assistant", "content": first["content"]}
    again = body | {"messages": [USER, turn, USER]}
    assert post(CLAUDE, again).status == 200
    turn["content"][0]["thinking"] += "!"
    assert "Invalid `signature`" in post(CLAUDE, again).json["error"]["message"]


def test_missing_thinking_is_refused_where_it_is_required(post) -> None:
    tools = [
        {
            "name": "get_weather",
            "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
        }
    ]
    said = [{"role": "user", "content": "The weather in Oslo?"}]
    body = {"model": "sim/scholar", "max_tokens": 2000, "tools": tools, "messages": said}
    first = post(CLAUDE, body).json
    call = next(b for b in first["content"] if b["type"] == "tool_use")
    result = {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "fog"}],
    }
    bare = body | {"messages": [*said, {"role": "assistant", "content": [call]}, result]}
    whole = body | {"messages": [*said, {"role": "assistant", "content": first["content"]}, result]}
    assert post(CLAUDE, bare).status == 200
    with Simulator(pace="instant", signatures="required") as strict:
        assert "must start with a thinking block" in post(CLAUDE, bare, to=strict).json["error"]["message"]
        assert post(CLAUDE, whole, to=strict).status == 200


def test_deepseek_wants_its_reasoning_back_where_that_is_required(post) -> None:
    tools = [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        }
    ]
    said = [{"role": "user", "content": "The weather in Oslo?"}]
    body = {"model": "sim/strict", "tools": tools, "messages": said}
    message = post("/deepseek/chat/completions", body).json["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "fog"}
    assert post("/deepseek/chat/completions", body | {"messages": [*said, message, result]}).status == 200
    del message["reasoning_content"]
    got = post("/deepseek/chat/completions", body | {"messages": [*said, message, result]})
    assert "reasoning_content" in got.json["error"]["message"]


# -- bills ------------------------------------------------------------------------------------

LONG = "The same long beginning, word after word. " * 300


def test_a_long_prefix_that_comes_again_is_cached(post) -> None:
    def ask(question):
        body = {"model": "sim/swift", "messages": [{"role": "user", "content": LONG + question}]}
        return post(CHAT, body).json["usage"]

    first, second = ask("One?"), ask("Two?")
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    cached = second["prompt_tokens_details"]["cached_tokens"]
    assert 1024 <= cached < second["prompt_tokens"]
    assert cached % 128 == 0


def test_short_prompts_and_other_models_share_no_cache(post) -> None:
    for model in ("sim/swift", "sim/sage"):
        got = post(CHAT, {"model": model, "messages": [{"role": "user", "content": LONG}]}).json
        assert got["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    for _ in range(2):
        got = post(CHAT, {"model": "sim/swift", "messages": [USER]}).json
        assert got["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


def test_anthropic_caches_what_is_marked_and_nothing_else(post) -> None:
    def ask(question, *, marked):
        block = {"type": "text", "text": LONG} | ({"cache_control": {"type": "ephemeral"}} if marked else {})
        body = {
            "model": "sim/swift",
            "max_tokens": 50,
            "system": [block],
            "messages": [{"role": "user", "content": question}],
        }
        bill = post(CLAUDE, body).json["usage"]
        total = bill["input_tokens"] + bill["cache_read_input_tokens"] + bill["cache_creation_input_tokens"]
        return total, bill["cache_read_input_tokens"], bill["cache_creation_input_tokens"]

    assert ask("One?", marked=False)[1:] == (0, 0)
    total, read, written = ask("One?", marked=True)
    assert (read, written > 1024) == (0, True)
    again, reread, rewritten = ask("Two?", marked=True)
    assert (reread, rewritten) == (written, 0)
    assert abs(again - total) <= 1


def test_a_longer_marked_prefix_reads_the_shorter_one(post) -> None:
    def ask(*texts):
        blocks = [{"type": "text", "text": t} for t in texts]
        blocks[-1]["cache_control"] = {"type": "ephemeral"}
        body = {"model": "sim/swift", "max_tokens": 50, "messages": [{"role": "user", "content": blocks}]}
        bill = post(CLAUDE, body).json["usage"]
        return bill["cache_read_input_tokens"], bill["cache_creation_input_tokens"]

    read, written = ask(LONG)
    assert ask(LONG, "And some more of it. " * 20)[0] == written
    assert read == 0


# -- http -------------------------------------------------------------------------------------

REQUEST = b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", range(1, 40))
def test_requests_are_read_however_they_are_split(size) -> None:
    parser = RequestParser(1000)
    pieces = [REQUEST[i : i + size] for i in range(0, len(REQUEST), size)]
    first, second = [request for piece in pieces for request in parser.feed(piece)]
    assert (first.method, first.path, first.body, first.keep_alive) == ("POST", "/v1/x", b"body", True)
    assert (second.method, second.path, second.body, second.keep_alive) == ("GET", "/y", b"", False)


@pytest.mark.parametrize("size", range(1, 20))
def test_chunked_bodies_are_read_however_they_are_split(size) -> None:
    parser = RequestParser(1000)
    (request,) = [r for i in range(0, len(CHUNKED), size) for r in parser.feed(CHUNKED[i : i + size])]
    assert request.body == b"abcde"


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_not_http_is_refused(data) -> None:
    with pytest.raises(BadHTTP):
        RequestParser(1000).feed(data)


@pytest.mark.parametrize(
    "head", [b"Content-Length: 2000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n7d0\r\n"]
)
def test_a_body_over_the_cap_is_refused_before_it_is_read(head) -> None:
    with pytest.raises(TooLarge):
        RequestParser(1000).feed(b"POST / HTTP/1.1\r\n" + head)
