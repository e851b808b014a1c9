"""Anthropic's wire: what an answer means, event by event, and what a request looks like."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmkit import wire
from llmkit.core import errors as e
from llmkit.core.events import Done, Failed, Text, Thinking, ToolCall, ToolCallDelta
from llmkit.core.messages import (
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from llmkit.core.request import Options, Request, ToolSpec
from llmkit.core.signal import Signal

WIRE = "anthropic.messages"
START = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 10, "output_tokens": 1}},
}
STOP = {"type": "message_stop"}


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(*words: str, index: int = 0) -> list[dict[str, Any]]:
    deltas = [{"type": "text_delta", "text": word} for word in words]
    return block(index, {"type": "text", "text": ""}, *deltas)


def ending(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason},
        "usage": {"output_tokens": 5} | usage,
    }


def sse(*frames: dict[str, Any]) -> bytes:
    return b"".join(f"event: {f['type']}\ndata: {json.dumps(f)}\n\n".encode() for f in frames)


def read(*frames: dict[str, Any], **more: Any):
    return wire.read(WIRE, sse(*frames), **more)


def events(*frames: dict[str, Any]):
    reader = wire.reader(WIRE)
    return reader.feed(sse(*frames)) + reader.end()


# -- answers ------------------------------------------------------------------------------------


def test_words_come_as_events_and_as_a_reply():
    seen = events(START, *text("Hel", "lo"), ending(), STOP)
    assert seen[:-1] == [Text("Hel"), Text("lo")]
    assert isinstance(seen[-1], Done)
    reply = seen[-1].reply
    assert (reply.text, reply.model, reply.id) == ("Hello", "claude-x", "msg_1")
    assert reply.stop_reason == "stop" == reply.stop_reason
    assert reply.stop_reason.provider == "end_turn"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "max_tokens"),
        ("model_context_window_exceeded", "max_tokens"),
        ("tool_use", "tool_use"),
        ("stop_sequence", "stop_sequence"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("something_new", "other"),
    ],
)
def test_every_stop_reason_has_its_class(word, kind):
    reply = read(START, ending(word), STOP)
    assert str(reply.stop_reason) == kind
    assert reply.stop_reason == word


def test_the_stop_sequence_and_a_refusals_explanation_are_kept():
    end = ending("refusal")
    end["delta"] |= {"stop_sequence": "END", "stop_details": {"explanation": "Not this."}}
    reply = read(START, end, STOP)
    assert reply.raw["stop_sequence"] == "END"
    assert reply.refusal == "Not this."


def test_thinking_keeps_its_signature():
    deltas = [
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "thinking_delta", "thinking": "m"},
        {"type": "signature_delta", "signature": "sig"},
    ]
    seen = events(
        START, *block(0, {"type": "thinking", "thinking": "", "signature": ""}, *deltas), ending(), STOP
    )
    assert seen[:2] == [Thinking("hm"), Thinking("m")]
    assert seen[-1].reply.message.parts == (ThinkingPart("hmm", "sig"),)


def test_omitted_thinking_is_a_signature_without_words():
    delta = {"type": "signature_delta", "signature": "sig"}
    reply = read(START, *block(0, {"type": "thinking", "thinking": ""}, delta), ending(), STOP)
    assert reply.message.parts == (ThinkingPart("", "sig"),)


def test_redacted_thinking_is_kept_encrypted():
    reply = read(START, *block(0, {"type": "redacted_thinking", "data": "xyz"}), ending(), STOP)
    assert reply.message.parts == (ThinkingPart("", encrypted="xyz"),)
    assert reply.thinking == ""


def test_parallel_tool_calls_come_in_fragments():
    first = [{"type": "input_json_delta", "partial_json": part} for part in ("", '{"city": ', '"Paris"}')]
    seen = events(
        START,
        *block(0, {"type": "tool_use", "id": "a", "name": "weather", "input": {}}, *first),
        *block(1, {"type": "tool_use", "id": "b", "name": "now", "input": {}}),
        ending("tool_use"),
        STOP,
    )
    assert seen[:-1] == [
        ToolCallDelta(0, "", "weather"),
        ToolCallDelta(0, '{"city": '),
        ToolCallDelta(0, '"Paris"}'),
        ToolCall("a", "weather", {"city": "Paris"}),
        ToolCallDelta(1, "", "now"),
        ToolCall("b", "now", {}),
    ]


def test_a_tool_calls_invalid_json_stays_text():
    delta = {"type": "input_json_delta", "partial_json": '{"city": "Par'}
    use = {"type": "tool_use", "id": "a", "name": "weather", "input": {}}
    reply = read(START, *block(0, use, delta), ending("max_tokens"), STOP)
    assert reply.tool_calls == (ToolCallPart("a", "weather", '{"city": "Par'),)
    assert not reply.tool_calls[0].valid


def test_an_input_that_comes_whole_with_the_block_counts():
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {"q": 1}}
    assert read(START, *block(0, use), ending("tool_use"), STOP).tool_calls[0].arguments == {"q": 1}


def test_server_tools_and_blocks_of_the_future_are_kept_as_they_are():
    fragments = [{"type": "input_json_delta", "partial_json": part} for part in ('{"query":', ' "x"}')]
    result = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"url": "u"}]}
    compaction = {"type": "compaction_delta", "content": "so far"}
    reply = read(
        START,
        *block(0, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, *fragments),
        *block(1, result),
        *block(2, {"type": "compaction", "content": None}, compaction),
        *text("found", index=3),
        ending(),
        STOP,
    )
    assert reply.message.parts == (
        OpaquePart(
            WIRE,
            "server_tool_use",
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        ),
        OpaquePart(WIRE, "web_search_tool_result", result),
        OpaquePart(WIRE, "compaction", {"type": "compaction", "content": "so far"}),
        TextPart("found"),
    )
    assert reply.tool_calls == ()


def test_citations_belong_to_their_text():
    cited = {"type": "char_location", "cited_text": "x", "document_index": 0}
    deltas = [{"type": "text_delta", "text": "a"}, {"type": "citations_delta", "citation": cited}]
    reply = read(START, *block(0, {"type": "text", "text": ""}, *deltas), *text("b", index=1), ending(), STOP)
    assert reply.message.parts == (TextPart("a", (cited,)), TextPart("b"))
    assert reply.citations == (cited,)


def test_a_second_message_start_starts_nothing_over():
    reply = read(START, START, *text("Hi"), ending(), STOP)
    assert reply.text == "Hi"
    assert reply.usage.input == 10


def test_the_last_count_that_is_told_wins_and_the_cache_stands_beside_the_input():
    start = {
        "type": "message_start",
        "message": {
            "id": "m",
            "model": "c",
            "usage": {
                "input_tokens": 3,
                "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 12,
                "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 10},
                "output_tokens": 1,
                "service_tier": "standard",
            },
        },
    }
    end = ending(
        output_tokens=40,
        input_tokens=4,
        cache_read_input_tokens=None,
        output_tokens_details={"thinking_tokens": 30},
        server_tool_use={"web_search_requests": 2},
        iterations=[{"type": "message", "output_tokens": 40}],
    )
    reply = read(start, end, STOP)
    usage = reply.usage
    assert (usage.input, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h) == (4, 20, 2, 10)
    assert (usage.output, usage.reasoning, usage.total_input) == (40, 30, 36)
    assert (usage.web_searches, usage.service_tier, usage.source) == (2, "standard", "provider")
    assert reply.raw["usage"]["iterations"] == [{"type": "message", "output_tokens": 40}]


@pytest.mark.parametrize(
    ("usage", "short", "long"),
    [
        ({"cache_creation_input_tokens": 8}, 8, None),
        ({"cache_creation_input_tokens": 0}, 0, None),
        ({"cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2}}, 1, 2),
        ({"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 9}}, 0, 9),
        (
            {
                "cache_creation_input_tokens": 9,
                "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
            },
            6,
            3,
        ),
        ({}, None, None),
    ],
)
def test_cache_writes_are_split_by_how_long_they_live(usage, short, long):
    told = read(START, ending(**usage), STOP).usage
    assert (told.cache_write_5m, told.cache_write_1h) == (short, long)


@pytest.mark.parametrize("junk", [-5, float("nan"), "12", True, None, [1]])
def test_a_count_that_is_none_is_unknown_and_not_zero(junk):
    start = {"type": "message_start", "message": {"usage": {"input_tokens": junk}}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": "junk"}
    usage = read(start, end, STOP).usage
    assert usage.input is None
    assert usage.source == "unknown"


@pytest.mark.parametrize(
    ("kind", "told"),
    [("compaction", "Compacting the conversation took 55,196 → 83"), ("advisor_message", "advisor")],
)
def test_rounds_that_are_billed_beside_the_usage_are_told(kind, told):
    beside = {"type": kind, "input_tokens": 100, "cache_read_input_tokens": 55_096, "output_tokens": 83}
    inside = {"type": "message", "input_tokens": 10, "output_tokens": 5}
    reply = read(START, *text("Hi"), ending(iterations=[beside, inside]), STOP)
    assert (reply.usage.input, reply.usage.output) == (10, 5)
    (note,) = reply.notes
    assert told in note


def test_pings_unknown_events_and_comments_are_no_part_of_the_answer():
    body = b": hello\n\n" + sse(
        START, {"type": "ping"}, *text("Hi"), {"type": "news", "x": 1}, ending(), STOP
    )
    assert wire.read(WIRE, body).text == "Hi"


def test_a_block_that_was_never_announced_is_still_read():
    frames = [frame for frame in text("Hi") if frame["type"] == "content_block_delta"]
    assert read(START, *frames, ending(), STOP).text == "Hi"


def test_the_event_lines_are_not_needed():
    body = b"".join(
        b"data: " + json.dumps(f).encode() + b"\n\n" for f in [START, *text("Hi"), ending(), STOP]
    )
    assert wire.read(WIRE, body).text == "Hi"


@pytest.mark.parametrize("terminal", [[ending()], [STOP], [ending(), STOP]])
def test_a_stop_reason_or_a_message_stop_is_evidence_of_a_whole_answer(terminal):
    assert read(START, *text("Hi"), *terminal).text == "Hi"


def test_a_stream_that_just_ends_was_cut_off():
    with pytest.raises(e.TruncatedStream) as caught:
        read(START, *text("Hi"))
    assert caught.value.partial.text == "Hi"
    assert caught.value.partial.complete is False
    assert caught.value.partial.usage.input == 10


def test_what_comes_after_the_end_is_ignored():
    reader = wire.reader(WIRE)
    reader.feed(sse(START, *text("Hi"), ending(), STOP))
    assert reader.ended
    assert reader.feed(sse(*text("more"))) == []
    assert reader.end() == []


def test_an_error_in_the_stream_keeps_what_came_before():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    *_, last = events(START, *text("Hi"), error)
    assert isinstance(last, Failed)
    assert type(last.error) is e.MidStreamError
    assert last.error.code == "overloaded_error"
    assert last.partial.text == "Hi"


def test_an_error_before_the_first_word_may_be_tried_again():
    with pytest.raises(e.Overloaded) as caught:
        read(START, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert caught.value.retryable


def test_a_whole_message_is_read_also_where_a_stream_was_asked_for():
    message = {
        "type": "message",
        "id": "msg_2",
        "model": "claude-x",
        "content": [
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    for stream in (True, False):
        reply = wire.read(WIRE, json.dumps(message).encode(), stream=stream)
        assert (reply.text, reply.tool_calls[0].arguments, reply.usage.output) == ("Hi", {"a": 1}, 2)
        assert reply.stop_reason == "tool_use"


def test_a_document_that_is_no_answer_is_not_taken_for_one():
    with pytest.raises(e.NotAStream, match="no model's answer"):
        wire.read(WIRE, b'{"hello": "world"}', stream=False)


def test_request_ids_and_rate_limits_come_from_the_headers():
    headers = {"Request-Id": "req_9", "anthropic-ratelimit-requests-remaining": "3"}
    reply = read(START, ending(), STOP, headers=headers)
    assert reply.request_id == "req_9"
    assert reply.raw["rate_limits"] == {"requests": {"remaining": 3.0}}


# -- requests -----------------------------------------------------------------------------------


def write(*messages: Message, model: str = "claude-sonnet-5-5", **more: Any) -> dict[str, Any]:
    given = messages or (Message.user("Hi"),)
    return wire.write(WIRE, Request(model=model, messages=given, signal=Signal.never(), **more))


def test_the_smallest_request():
    assert write() == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 16_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "stream": True,
    }


def test_options_have_their_places_and_extra_comes_last():
    options = Options(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        stop=("X",),
        extra={"top_k": 4, "max_tokens": 10, "metadata": {"a": 1}},
    )
    body = write(options=options, stream=False)
    assert "stream" not in body
    assert body["temperature"] == 0.5
    assert body["top_p"] == 0.9
    assert body["stop_sequences"] == ["X"]
    assert (body["top_k"], body["max_tokens"], body["metadata"]) == (4, 10, {"a": 1})


@pytest.mark.parametrize(
    ("model", "room"), [("claude-3-opus-20240229", 4096), ("claude-3-5-haiku-latest", 8192)]
)
def test_older_models_have_less_room(model, room):
    assert write(model=model)["max_tokens"] == room


def test_system_messages_go_to_the_top():
    body = write(Message.system("Be brief."), Message.user("Hi"), system="You are a bird.")
    assert body["system"] == "You are a bird.\n\nBe brief."
    assert [turn["role"] for turn in body["messages"]] == ["user"]


def test_a_conversation_with_tools_is_sent_back_as_it_came():
    server_tool = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    said = Message.assistant(
        ThinkingPart("hm", "sig"),
        ThinkingPart(encrypted="xyz"),
        OpaquePart(WIRE, "server_tool_use", server_tool),
        TextPart("Let me look.", ({"type": "char_location", "cited_text": "x"}, {"url": "not ours"})),
        ToolCallPart("functions.f:0", "f", {"a": 1}),
        ToolCallPart("t2", "g", '{"broken'),
    )
    results = Message.tool(
        ToolResultPart("functions.f:0", "42"),
        ToolResultPart("t2", "boom", is_error=True, images=(ImagePart(b"png"),)),
    )
    body = write(Message.user("Hi"), said, results, Message.user("And?"))
    assert body["messages"][1] == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "xyz"},
            server_tool,
            {
                "type": "text",
                "text": "Let me look.",
                "citations": [{"type": "char_location", "cited_text": "x"}],
            },
            {"type": "tool_use", "id": "functions_f_0", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "t2", "name": "g", "input": {"unparsed": '{"broken'}},
        ],
    }
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"}}
    assert body["messages"][2:] == [
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "functions_f_0", "content": "42"},
                {
                    "type": "tool_result",
                    "tool_use_id": "t2",
                    "content": [{"type": "text", "text": "boom"}, image],
                    "is_error": True,
                },
                {"type": "text", "text": "And?"},
            ],
        }
    ]


def test_what_another_provider_thought_or_blank_text_is_left_out():
    said = Message.assistant(
        ThinkingPart("unsigned"),
        ThinkingPart("", encrypted="e", id="rs_1"),
        OpaquePart("gemini.generate", "signature", {"thoughtSignature": "x"}),
        "  \n",
        "Hi",
        ImagePart(b"png"),
    )
    content = write(Message.user("?"), said)["messages"][1]["content"]
    assert content == [
        {"type": "text", "text": "Hi"},
        {"type": "text", "text": "[image/png, not shown here]"},
    ]


def test_calls_without_ids_get_some_that_match_their_results():
    calls = Message.assistant(
        ToolCallPart(None, "f", {}), ToolCallPart(None, "g", {}), ToolCallPart(None, "f", {})
    )
    results = Message.tool(
        ToolResultPart(None, "1", "g"), ToolResultPart(None, "2", "f"), ToolResultPart(None, "3", "f")
    )
    _, said, answered = write(Message.user("?"), calls, results)["messages"]
    assert [block["id"] for block in said["content"]] == ["call_1", "call_2", "call_3"]
    assert [block["tool_use_id"] for block in answered["content"]] == ["call_2", "call_1", "call_3"]


def test_pictures_and_files():
    parts = [
        ImagePart(url="https://e.example/a.png"),
        FilePart(b"%PDF", "application/pdf", name="a.pdf"),
        FilePart("é".encode(), "text/csv"),
        FilePart(url="https://e.example/a.pdf"),
        FilePart(file_id="file_1"),
        FilePart(b"gif", "image/gif"),
    ]
    content = write(Message.user(*parts))["messages"][0]["content"]
    assert [(block["type"], block["source"]) for block in content] == [
        ("image", {"type": "url", "url": "https://e.example/a.png"}),
        ("document", {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}),
        ("document", {"type": "text", "media_type": "text/plain", "data": "é"}),
        ("document", {"type": "url", "url": "https://e.example/a.pdf"}),
        ("document", {"type": "file", "file_id": "file_1"}),
        ("image", {"type": "base64", "media_type": "image/gif", "data": "Z2lm"}),
    ]
    assert content[1]["title"] == "a.pdf"


@pytest.mark.parametrize(
    "part", [ImagePart(), FilePart(), ImagePart(b"x", "image/tiff"), FilePart(b"x", "application/zip")]
)
def test_what_cannot_be_sent_is_refused_before_it_is_sent(part):
    with pytest.raises(e.BadRequest) as caught:
        write(Message.user(part))
    assert caught.value.why
    assert caught.value.hint


def test_tools_and_the_choice_of_them():
    tools = (ToolSpec("f", "does f", {"type": "object", "properties": {}}, strict=True), ToolSpec("g"))
    body = write(tools=tools, tool_choice="f")
    assert body["tools"] == [
        {
            "name": "f",
            "description": "does f",
            "input_schema": {"type": "object", "properties": {}},
            "strict": True,
        },
        {"name": "g", "description": "", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert body["tool_choice"] == {"type": "tool", "name": "f"}
    assert write(tools=tools, tool_choice="any")["tool_choice"] == {"type": "any"}


def test_a_schema_is_closed_as_the_api_wants_it():
    schema = {
        "type": "object",
        "properties": {
            "type": {"type": "object", "properties": {}},
            "list": {"type": "array", "items": {"anyOf": [{"type": "object"}, {"type": "null"}]}},
            "open": {"type": "object", "additionalProperties": True},
        },
        "required": ["type"],
    }
    form = write(schema=schema)["output_config"]["format"]
    assert form["type"] == "json_schema"
    closed = form["schema"]
    assert closed["additionalProperties"] is False
    assert closed["properties"]["type"]["additionalProperties"] is False
    assert closed["properties"]["list"]["items"]["anyOf"][0]["additionalProperties"] is False
    assert closed["properties"]["open"]["additionalProperties"] is True
    assert "additionalProperties" not in schema  # the caller's own is untouched


@pytest.mark.parametrize(
    ("model", "think", "thinking", "effort"),
    [
        ("claude-sonnet-5-5", "high", {"type": "adaptive", "display": "summarized"}, "high"),
        ("claude-opus-4-6", "low", {"type": "adaptive", "display": "summarized"}, "low"),
        ("claude-fable-5", "max", {"type": "adaptive", "display": "summarized"}, "max"),
        ("claude-sonnet-4-5-20250929", "low", {"type": "enabled", "budget_tokens": 2048}, None),
        ("claude-opus-4-20250514", "medium", {"type": "enabled", "budget_tokens": 8192}, None),
        ("claude-3-7-sonnet-20250219", "high", {"type": "enabled", "budget_tokens": 16_384}, None),
        ("claude-sonnet-5-5", 5000, {"type": "enabled", "budget_tokens": 5000}, None),
        ("claude-sonnet-5-5", "off", {"type": "disabled"}, None),
    ],
)
def test_how_hard_to_think_is_said_as_the_model_understands_it(model, think, thinking, effort):
    body = write(model=model, options=Options(think=think))
    assert body["thinking"] == thinking
    assert body.get("output_config", {}).get("effort") == effort
    assert body["max_tokens"] > thinking.get("budget_tokens", 0)


def test_effort_and_schema_share_their_place():
    config = write(options=Options(think="low"), schema={"type": "object"})["output_config"]
    assert set(config) == {"effort", "format"}


@pytest.mark.parametrize(("think", "limit"), [(500, None), (5000, 5000), ("high", 1500)])
def test_a_budget_that_does_not_fit_is_refused_before_it_is_sent(think, limit):
    with pytest.raises(e.BadRequest, match="budget"):
        write(model="claude-sonnet-4-5", options=Options(think=think, max_tokens=limit))
