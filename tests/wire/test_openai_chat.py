"""OpenAI's chat wire: what an answer means, whoever sends it, and what a request looks like."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from decimal import Decimal

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
from llmkit.wire.dialects import TOLERANT

WIRE = "openai.chat"
DONE = b"data: [DONE]\n\n"
HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
PNG = "data:image/png;base64," + base64.b64encode(b"png").decode()


def chunk(delta=None, finish=None, **more):
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    beside = {name: more.pop(name) for name in ("logprobs", "native_finish_reason") if name in more}
    return HEAD | {"choices": [choice | beside]} | more


def say(text, **more):
    return chunk({"content": text}, **more)


def calls(*fragments, **more):
    return chunk({"tool_calls": list(fragments)}, **more)


def call(name=None, arguments=None, **more):
    return {"function": {"name": name, "arguments": arguments}} | more


def usage(prompt, output, total=None, **more):
    total = prompt + output if total is None else total
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": total} | more


def sse(*frames, done=True):
    lines = [b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames]
    return b"".join([*lines, DONE] if done else lines)


def read(*frames, done=True, **more):
    return wire.read(WIRE, sse(*frames, done=done), **more)


def read_whole(message, finish="stop", **more):
    document = HEAD | {"choices": [{"index": 0, "message": message, "finish_reason": finish}]} | more
    return wire.read(WIRE, json.dumps(document).encode(), stream=False)


def failure(*frames, done=False, **more):
    with pytest.raises(e.LLMKitError) as caught:
        read(*frames, done=done, **more)
    assert caught.value.partial is not None
    return caught.value


def events(*frames, dialect=None):
    reading = wire.reader(WIRE, dialect=dialect)
    return reading.feed(sse(*frames)) + reading.end()


# -- text ---------------------------------------------------------------------------------------


def test_a_stream_becomes_text_and_one_terminal_event():
    got = events(chunk({"role": "assistant", "content": ""}), say("Hel"), say("lo"), chunk(finish="stop"))
    assert got[:-1] == [Text("Hel"), Text("lo")]
    assert isinstance(got[-1], Done)
    reply = got[-1].reply
    assert (reply.text, reply.model, reply.id) == ("Hello", "m-1", "c1")
    assert (str(reply.stop_reason), reply.stop_reason.provider) == ("stop", "stop")


def test_the_first_id_and_model_that_are_not_empty_count():
    reply = read(HEAD | {"id": "", "model": "", "choices": []}, say("x", id="c2"), say("y", id="c3"))
    assert (reply.id, reply.model) == ("c2", "m-1")


def test_a_whole_document_answers_a_request_for_a_stream():
    document = HEAD | {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
    assert wire.read(WIRE, json.dumps(document).encode(), stream=True).text == "Hi"


def test_only_the_first_choice_is_the_reply_and_the_others_are_kept():
    second = {"index": 1, "delta": {"content": "no"}, "finish_reason": None}
    end = {
        "index": 1,
        "delta": {"tool_calls": [call("f", '{"a": 1}', id="t")]},
        "finish_reason": "tool_calls",
    }
    reply = read(say("yes"), HEAD | {"choices": [second]}, HEAD | {"choices": [end]}, chunk(finish="stop"))
    assert (reply.text, reply.tool_calls) == ("yes", ())
    assert reply.raw["choices"] == [
        {
            "index": 1,
            "text": "no",
            "thinking": "",
            "tool_calls": [{"id": "t", "name": "f", "arguments": {"a": 1}}],
            "stop_reason": "tool_calls",
            "refusal": None,
        }
    ]


def test_a_refusal_is_no_text():
    reply = read(chunk({"refusal": "I "}), chunk({"refusal": "won't."}), chunk(finish="stop"))
    assert (reply.text, reply.refusal, str(reply.stop_reason)) == ("", "I won't.", "refusal")


def test_content_in_parts_is_read_part_by_part():
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "signature": "s"}
    reply = read(
        chunk({"content": [thought]}),
        chunk({"content": [{"type": "text", "text": "Yes"}, {"type": "reference", "reference_ids": [1]}]}),
        chunk(finish="stop"),
    )
    assert (reply.text, reply.thinking) == ("Yes", "Hm.")
    assert reply.message.parts[0].signature == "s"
    assert reply.citations == ({"type": "reference", "reference_ids": [1]},)


def test_annotations_are_citations():
    cited = {"type": "url_citation", "url_citation": {"url": "https://a.b"}}
    assert read(say("x"), chunk({"annotations": [cited]}), chunk(finish="stop")).citations == (cited,)


def test_sources_beside_the_answer_are_citations_too():
    reply = read(say("x", citations=["https://a.b"]), chunk(finish="stop"))
    assert reply.citations == ({"url": "https://a.b"},)
    assert reply.raw["citations"] == ["https://a.b"]


def test_pictures_are_parts():
    image = {"type": "image_url", "image_url": {"url": PNG}}
    reply = read(say("Look:"), chunk({"images": [image]}), chunk(finish="stop"))
    assert reply.images == (ImagePart(b"png", "image/png"),)


def test_speech_is_a_file_and_its_words_are_the_text():
    sound = base64.b64encode(b"RIFFxxxx").decode()
    reply = read(
        chunk({"audio": {"id": "a1", "transcript": "Hel"}}),
        chunk({"audio": {"transcript": "lo", "data": sound[:4]}}),
        chunk({"audio": {"data": sound[4:], "expires_at": 5}}),
        chunk(finish="stop"),
    )
    assert reply.text == "Hello"
    assert reply.message.parts[-1] == FilePart(b"RIFFxxxx", "audio/wav", file_id="a1")


def test_a_stream_that_repeats_the_message_so_far_is_read_once():
    def so_far(text):
        return HEAD | {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}

    assert events(so_far("a"), so_far("ab"), so_far("ab"))[:-1] == [Text("a"), Text("b")]


# -- reasoning ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_thinking_whatever_it_is_called(name):
    got = events(chunk({name: "Hm", "content": None}), chunk({name: "."}), say("Yes"), chunk(finish="stop"))
    assert got[:-1] == [Thinking("Hm"), Thinking("."), Text("Yes")]
    assert got[-1].reply.thinking == "Hm."


def test_reasoning_told_twice_is_read_once():
    details = [{"type": "reasoning.text", "text": "Hm", "index": 0}]
    reply = read(
        chunk({"reasoning": "Hm", "reasoning_content": "Hm", "reasoning_details": details}), say("x")
    )
    assert reply.thinking == "Hm"


def test_reasoning_details_alone_are_thinking():
    details = [{"type": "reasoning.summary", "summary": "Hm", "index": 0}]
    assert read(chunk({"reasoning_details": details}), say("x")).thinking == "Hm"


def test_reasoning_details_go_back_as_they_came():
    def detail(**fields):
        return chunk({"reasoning_details": [{"type": "reasoning.text", "index": 0} | fields]})

    secret = {"type": "reasoning.encrypted", "data": "xyz", "index": 1, "id": "r"}
    reply = read(
        detail(text="I "),
        detail(text="see."),
        detail(text=None, signature="sig"),
        chunk({"reasoning_details": [secret]}),
        say("Yes"),
        chunk(finish="stop"),
    )
    assert reply.thinking == "I see."
    kept = next(part for part in reply.message.parts if isinstance(part, OpaquePart))
    text = {"type": "reasoning.text", "index": 0, "text": "I see.", "signature": "sig"}
    assert kept.raw == {"reasoning_details": [text, secret]}
    sent = write(Message.user("q"), reply.message, Message.user("and?"), dialect="openrouter")
    assert sent["messages"][1] == {
        "role": "assistant",
        "content": "Yes",
        "reasoning_details": [text, secret],
    }


# -- tool calls ---------------------------------------------------------------------------------


def test_a_call_in_fragments_is_put_together():
    got = events(
        calls(call("f", "", index=0, id="t1", type="function")),
        calls(call(None, '{"a":', index=0)),
        calls(call(None, " 1}", index=0)),
        chunk(finish="tool_calls"),
    )
    assert got[:-1] == [
        ToolCallDelta(0, "", "f"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(0, " 1}"),
        ToolCall("t1", "f", {"a": 1}),
    ]
    assert str(got[-1].reply.stop_reason) == "tool_use"


PARALLEL = {
    "by index": [
        calls(call("f", "", index=0, id="1"), call("g", "", index=1, id="2")),
        calls(call(None, '{"a":1}', index=0), call(None, '{"b":2}', index=1)),
    ],
    "all with index 0": [
        calls(call("f", '{"a":1}', index=0, id="1")),
        calls(call("g", '{"b":', index=0, id="2")),
        calls(call(None, "2}", index=0)),
    ],
    "without an index": [
        calls(call("f", '{"a":1}', id="1")),
        calls(call("g", "", id="2")),
        calls(call(None, '{"b":2}')),
    ],
    "with the id and name on every fragment": [
        calls(call("f", '{"a"', index=0, id="1")),
        calls(call("f", ":1}", index=0, id="1")),
        calls(call("g", '{"b":2}', index=1, id="2")),
    ],
    "as objects": [calls(call("f", {"a": 1}, id="1"), call("g", {"b": 2}, id="2"))],
}


@pytest.mark.parametrize("frames", PARALLEL.values(), ids=PARALLEL)
def test_parallel_calls_are_told_apart(frames):
    reply = read(*frames, chunk(finish="tool_calls"))
    assert [(c.id, c.name, c.arguments) for c in reply.tool_calls] == [
        ("1", "f", {"a": 1}),
        ("2", "g", {"b": 2}),
    ]


def test_an_object_that_is_whole_already_may_go_on_under_the_same_id():
    again = [calls(call("f", piece, index=0, id="1")) for piece in ("{}", " ")]
    assert read(*again, chunk(finish="tool_calls")).tool_calls == (ToolCallPart("1", "f", {}),)


def test_calls_with_nothing_but_a_name_are_told_apart():
    reply = read(calls(call("f", '{"a":1}', index=0)), calls(call("f", '{"a":2}', index=0)))
    assert [c.arguments for c in reply.tool_calls] == [{"a": 1}, {"a": 2}]


def test_a_call_may_be_without_id_and_arguments():
    reply = read(calls(call("f", None, id="")), chunk(finish="stop"))
    assert reply.tool_calls == (ToolCallPart(None, "f", {}),)
    assert str(reply.stop_reason) == "tool_use"


def test_arguments_that_are_not_json_stay_text():
    reply = read(calls(call("f", '{"a": ', index=0, id="t")), chunk(finish="length"))
    assert reply.tool_calls[0].arguments == '{"a": '
    assert str(reply.stop_reason) == "max_tokens"


def test_the_legacy_function_call_is_a_call():
    reply = read(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"a":1}'}}),
        chunk(finish="function_call"),
    )
    assert reply.tool_calls == (ToolCallPart(None, "f", {"a": 1}),)


def test_a_free_text_tool_gets_its_text_unread():
    custom = {"id": "t", "type": "custom", "custom": {"name": "calc", "input": "4"}}
    reply = read_whole({"content": None, "tool_calls": [custom]}, "tool_calls")
    assert reply.tool_calls == (ToolCallPart("t", "calc", "4"),)


def test_fields_that_are_there_for_forms_sake_are_no_calls():
    empty = {"custom": {"input": "", "name": ""}, "function": {"name": "f", "arguments": "{}"}, "id": "t"}
    message = {"content": "x", "tool_calls": [empty], "function_call": {"name": "", "arguments": ""}}
    assert [c.name for c in read_whole(message, "").tool_calls] == ["f"]


def test_a_thought_signature_on_a_call_is_kept_and_goes_back():
    signed = call("f", "{}", id="t", extra_content={"google": {"thought_signature": "s"}})
    reply = read(calls(signed), chunk(finish="stop"), dialect="gemini")
    assert reply.tool_calls[0].signature == "s"
    result = Message.tool(ToolResultPart("t", "1"))
    sent = write(Message.user("q"), reply.message, result, dialect="gemini")["messages"][1]["tool_calls"][0]
    assert sent["extra_content"] == {"google": {"thought_signature": "s"}}


# -- how it ends --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("stop", "stop"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("model_length", "max_tokens"),
        ("SAFETY", "content_filter"),
        ("something new", "other"),
    ],
)
def test_finish_reasons_have_one_vocabulary(word, kind):
    reason = read(say("x"), chunk(finish=word)).stop_reason
    assert (str(reason), reason.provider) == (kind, word)


def test_a_finish_reason_is_enough():
    assert read(say("x"), chunk(finish="stop"), done=False).complete


def test_the_done_marker_is_enough():
    reply = read(say("x"))
    assert reply.complete
    assert (str(reply.stop_reason), reply.stop_reason.provider) == ("unknown", None)


def test_a_usage_frame_after_the_text_is_enough():
    assert read(say("x"), HEAD | {"choices": [], "usage": usage(1, 1)}, done=False).complete


def test_text_after_a_usage_frame_takes_the_evidence_back():
    counted = HEAD | {"choices": [], "usage": usage(1, 1)}
    assert isinstance(failure(say("x"), counted, say("y")), e.TruncatedStream)


def test_usage_in_every_chunk_is_no_evidence():
    assert isinstance(failure(say("x", usage=usage(1, 1))), e.TruncatedStream)


def test_a_cut_stream_is_truncated_and_its_text_is_kept():
    error = failure(say("half a "), say("sent"))
    assert isinstance(error, e.TruncatedStream)
    assert error.partial.text == "half a sent"
    assert not error.partial.complete


def test_the_calls_of_a_cut_stream_are_never_announced_as_whole():
    reading = wire.reader(WIRE)
    got = reading.feed(sse(calls(call("f", "{}", index=0, id="t")), done=False)) + reading.end()
    assert not any(isinstance(event, ToolCall) for event in got)
    assert isinstance(got[-1], Failed)


def test_a_server_known_to_hang_up_when_it_is_done_may():
    reply = read(say("x"), done=False, dialect=replace(TOLERANT, eof_is_ok=True))
    assert reply.complete
    assert "taken as whole" in reply.notes[0]


def test_done_before_anything_is_no_answer():
    assert isinstance(failure(done=True), e.TruncatedStream)


def test_what_comes_after_the_end_is_ignored():
    reading = wire.reader(WIRE)
    assert len(reading.feed(sse(say("x"), chunk(finish="stop")) + sse(say("y")))) == 2
    assert (reading.ended, reading.end()) == (True, [])


def test_a_document_needs_no_finish_reason():
    assert str(read_whole({"content": "x"}, None).stop_reason) == "unknown"


def test_json_without_choices_is_no_answer():
    with pytest.raises(e.NotAStream):
        wire.read(WIRE, b'{"hello": "world"}')


# -- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        {"error": {"message": "Boom", "type": "server_error"}},
        {"object": "error", "message": "Boom", "type": "server_error"},
        HEAD | {"choices": [], "x_groq": {"error": "Boom"}},
        chunk(finish="error", error={"message": "Boom", "code": 502}),
        HEAD
        | {"choices": [{"index": 0, "finish_reason": "error", "error": {"message": "Boom", "code": 502}}]},
    ],
    ids=["wrapped", "bare", "groq", "openrouter", "in the choice"],
)
def test_an_error_in_the_stream_ends_it_and_keeps_the_text(frame):
    error = failure(say("so far"), frame, say("never read"))
    assert isinstance(error, e.MidStreamError)
    assert (error.why, error.partial.text, str(error.partial.stop_reason)) == ("Boom", "so far", "error")


def test_an_error_before_any_text_may_be_tried_again():
    error = failure({"error": {"message": "Slow down", "type": "rate_limit_error"}})
    assert isinstance(error, e.RateLimited)
    assert error.retryable


def test_an_event_named_error_is_an_error():
    body = b'event: error\ndata: {"error": {"message": "Boom"}}\n\n'
    with pytest.raises(e.LLMKitError, match=r"(?s).*Boom"):
        wire.read(WIRE, body)


@pytest.mark.parametrize("word", ["error", "network_error", "insufficient_system_resource", "abort"])
def test_an_answer_that_the_server_gave_up_on_is_not_whole(word):
    assert failure(say("x"), chunk(finish=word)).partial.text == "x"


def test_a_document_with_an_error_and_a_choice_keeps_the_choice():
    with pytest.raises(e.MidStreamError) as caught:
        read_whole({"content": "so far"}, "error", error={"message": "Boom", "code": 502})
    assert caught.value.partial.text == "so far"


@pytest.mark.parametrize(
    "delta", [{"content": 5}, {"tool_calls": 5}, {"refusal": [1]}, {"reasoning_details": ["x"]}, [1], "x"]
)
def test_a_chunk_of_another_shape_stops_the_reading_and_keeps_the_text(delta):
    error = failure(say("so far"), chunk(delta))
    assert isinstance(error, e.MalformedStream)
    assert error.partial.text == "so far"


# -- usage and cost -----------------------------------------------------------------------------


def counted(dialect=None, **fields):
    return read(say("x"), chunk(finish="stop"), HEAD | {"choices": [], "usage": fields}, dialect=dialect)


def test_cached_tokens_are_taken_out_of_the_input():
    details = {"cached_tokens": 60, "cache_write_tokens": 10}
    got = counted(**usage(100, 5, prompt_tokens_details=details)).usage
    assert (got.input, got.cache_read, got.cache_write, got.total_input) == (30, 60, 10, 100)
    assert got.source == "provider"


def test_the_long_lived_cache_writes_are_told_apart():
    details = {"cache_write_tokens": 10, "cache_write_tokens_details": {"ttl_30m": 4, "ttl_12h": 6}}
    got = counted(**usage(100, 5, prompt_tokens_details=details)).usage
    assert (got.cache_write_5m, got.cache_write_1h, got.input) == (4, 6, 90)


def test_reasoning_is_a_part_of_the_output():
    got = counted(**usage(10, 50, completion_tokens_details={"reasoning_tokens": 40})).usage
    assert (got.output, got.reasoning) == (50, 40)


@pytest.mark.parametrize("dialect", ["xai", None])
def test_reasoning_beside_the_output_is_seen_by_the_total_and_added(dialect):
    beside = usage(10, 5, total=55, completion_tokens_details={"reasoning_tokens": 40})
    assert counted(dialect, **beside).usage.output == 45


def test_the_total_has_the_last_word_about_reasoning():
    inside = usage(10, 50, total=60, completion_tokens_details={"reasoning_tokens": 40})
    assert counted("xai", **inside).usage.output == 50


def test_the_last_usage_counts_and_is_never_summed():
    frames = [say(letter, usage=usage(10, number)) for number, letter in enumerate("abc", 1)]
    assert read(*frames, chunk(finish="stop")).usage.output == 3


def test_a_count_that_comes_as_null_leaves_the_earlier_one():
    last = {"prompt_tokens": None, "completion_tokens": 7, "total_tokens": None}
    got = read(say("x", usage=usage(10, 1)), chunk(finish="stop", usage=last)).usage
    assert (got.input, got.output) == (10, 7)


def test_groqs_own_place_for_usage_is_known():
    got = read(say("x"), chunk(finish="stop", x_groq={"id": "r", "usage": usage(3, 4)}))
    assert (got.usage.input, got.usage.output) == (3, 4)


def test_no_usage_is_unknown():
    got = read(say("x"), chunk(finish="stop")).usage
    assert (got.input, got.output, got.source) == (None, None, "unknown")


@pytest.mark.parametrize("bad", [-1, "5", True, 1.5, 1e300])
def test_a_count_that_cannot_be_is_unknown_and_noted(bad):
    reply = counted(prompt_tokens=10, completion_tokens=bad)
    assert (reply.usage.input, reply.usage.output) == (10, None)
    assert "usage" in reply.notes[0]


def test_more_cached_tokens_than_tokens_are_left_out():
    reply = counted(**usage(100, 5, prompt_tokens_details={"cached_tokens": 500}))
    assert (reply.usage.input, reply.usage.cache_read, reply.usage.total_input) == (100, None, 100)
    assert "overlap" in reply.notes[0]


@pytest.mark.parametrize(
    ("dialect", "fields", "dollars"),
    [
        ("openrouter", {"cost": 0.0003287}, "0.0003287"),
        ("xai", {"cost_in_usd_ticks": 5411000}, "0.0005411"),
        ("perplexity", {"cost": {"total_cost": 0.00501}}, "0.00501"),
        (None, {"cost": 0.25}, "0.25"),
    ],
)
def test_the_providers_own_cost_is_kept_in_dollars(dialect, fields, dollars):
    assert counted(dialect, **usage(1, 1), **fields).raw["provider_cost"] == Decimal(dollars)


@pytest.mark.parametrize("cost", [-1, "free", None, True, {}])
def test_a_cost_that_cannot_be_is_none(cost):
    assert "provider_cost" not in counted("openrouter", **usage(1, 1), cost=cost).raw


# -- what is kept -------------------------------------------------------------------------------


def test_what_the_reader_cannot_map_is_kept():
    reply = read(
        chunk({"content": "a", "channel": "one"}, x_groq={"id": "r"}, system_fingerprint="fp"),
        chunk({"content": "b", "channel": "two"}, logprobs={"content": [{"token": "b"}], "refusal": None}),
        chunk(finish="stop", native_finish_reason="end", x_groq={"seed": 1}, service_tier="flex"),
    )
    assert reply.raw["x_groq"] == {"id": "r", "seed": 1}
    assert reply.raw["system_fingerprint"] == "fp"
    assert reply.raw["message"] == {"channel": ["one", "two"]}
    assert reply.raw["logprobs"] == {"content": [{"token": "b"}]}
    assert reply.raw["choice"] == {"native_finish_reason": "end"}
    assert reply.raw["service_tier"] == "flex"


def test_padding_is_not_kept():
    assert "obfuscation" not in read(say("x", obfuscation="abc"), chunk(finish="stop")).raw


def test_reading_the_reply_twice_gives_the_same():
    reading = wire.reader(WIRE)
    detail = {"type": "reasoning.text", "text": "a", "index": 0}
    sound = {"id": "a", "data": base64.b64encode(b"ID3").decode()}
    reading.feed(sse(chunk({"reasoning_details": [detail], "audio": sound}), say("x"), done=False))
    assert reading.reply(complete=False) == reading.reply(complete=False)


# -- requests -----------------------------------------------------------------------------------


def write(*messages, dialect=None, **fields):
    asked = Request(model="m", messages=messages, signal=Signal.never(), **({"stream": False} | fields))
    return wire.write(WIRE, asked, dialect=dialect)


def content(*parts, **more):
    return write(Message.user(*parts), **more)["messages"][0]["content"]


def test_a_request_is_its_model_and_messages():
    assert write(Message.user("hi"), system="Be terse.") == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "hi"}],
    }


def test_options_go_by_the_names_of_the_server():
    options = Options(max_tokens=9, temperature=0.5, top_p=0.9, stop=("END",), seed=1, think="low")
    assert write(Message.user("q"), options=options, dialect="openai") == {
        "model": "m",
        "messages": [{"role": "user", "content": "q"}],
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 1,
        "reasoning_effort": "low",
    }
    mistral = write(Message.user("q"), options=options, dialect="mistral")
    assert (mistral["max_tokens"], mistral["random_seed"]) == (9, 1)


def test_extra_fields_come_last():
    options = Options(max_tokens=9, extra={"max_tokens": 10, "top_k": 5})
    made = write(Message.user("q"), options=options)
    assert (made["max_tokens"], made["top_k"]) == (10, 5)


def test_a_stream_asks_for_usage_where_the_server_knows_how():
    asked = write(Message.user("q"), stream=True)
    assert (asked["stream"], asked["stream_options"]) == (True, {"include_usage": True})
    assert "stream_options" not in write(Message.user("q"), stream=True, dialect="mistral")


def test_pictures_and_files_are_parts_of_the_content():
    made = content(
        "See",
        ImagePart(b"png", detail="low"),
        ImagePart(url="https://a.b/c.png"),
        FilePart(b"%PDF", "application/pdf", "a.pdf"),
        FilePart(file_id="file-1"),
        FilePart(b"ID3", "audio/mpeg"),
        FilePart(b"a,b", "text/csv", "t.csv"),
    )
    assert made == [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a.b/c.png"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        },
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
        {"type": "text", "text": "t.csv:\na,b"},
    ]


def test_files_by_url_go_only_where_they_are_fetched():
    pdf = FilePart(url="https://a.b/c.pdf", media_type="application/pdf")
    sent = content(pdf, dialect="openrouter")[0]["file"]
    assert sent == {"filename": "file", "file_data": "https://a.b/c.pdf"}
    with pytest.raises(e.BadRequest, match="URL"):
        content(pdf)


@pytest.mark.parametrize("part", [ImagePart(), FilePart(), ThinkingPart("x"), ToolCallPart("t", "f", {})])
def test_a_part_that_cannot_be_sent_is_a_bad_request(part):
    with pytest.raises(e.BadRequest):
        content(part)


def test_no_messages_are_a_bad_request():
    with pytest.raises(e.BadRequest, match="nothing to send"):
        write()


TOOL = ToolSpec("f", "Does f.", {"type": "object", "properties": {}}, strict=True)


def test_tools_are_functions():
    made = write(Message.user("q"), tools=(TOOL, ToolSpec("g")))
    assert made["tools"][0] == {
        "type": "function",
        "function": {
            "name": "f",
            "description": "Does f.",
            "parameters": {"type": "object", "properties": {}},
            "strict": True,
        },
    }
    assert set(made["tools"][1]["function"]) == {"name", "parameters"}
    assert "tool_choice" not in made


@pytest.mark.parametrize(
    ("choice", "dialect", "sent"),
    [
        ("auto", None, "auto"),
        ("none", None, "none"),
        ("any", None, "required"),
        ("any", "mistral", "any"),
        ("f", None, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_the_choice_of_tools(choice, dialect, sent):
    assert write(Message.user("q"), tools=(TOOL,), tool_choice=choice, dialect=dialect)["tool_choice"] == sent


@pytest.mark.parametrize(("choice", "tools"), [("any", ()), ("g", (TOOL,))])
def test_a_choice_without_its_tool_is_a_bad_request(choice, tools):
    with pytest.raises(e.BadRequest, match="can't be made to use"):
        write(Message.user("q"), tools=tools, tool_choice=choice)


def test_a_tool_turn_goes_back_with_its_calls_and_results():
    picture = ImagePart(b"png")
    made = write(
        Message.user("q"),
        Message.assistant("Let me see.", ToolCallPart("t1", "f", {"a": 1}), ToolCallPart("t2", "g", '{"b')),
        Message.tool(
            ToolResultPart("t1", "one", images=(picture,)), ToolResultPart("t2", "bad", is_error=True)
        ),
    )["messages"]
    assert made[1] == {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [
            {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
            {"id": "t2", "type": "function", "function": {"name": "g", "arguments": '{"b'}},
        ],
    }
    assert made[2:4] == [
        {"role": "tool", "tool_call_id": "t1", "content": "one"},
        {"role": "tool", "tool_call_id": "t2", "content": "Error: bad"},
    ]
    assert made[4]["content"][1] == {"type": "image_url", "image_url": {"url": PNG}}


def test_calls_without_an_id_get_one_that_their_results_share():
    made = write(
        Message.user("q"),
        Message.assistant(ToolCallPart(None, "f", {})),
        Message.tool(ToolResultPart(None, "1", "f")),
    )["messages"]
    assert made[1]["content"] is None
    assert made[1]["tool_calls"][0]["id"] == made[2]["tool_call_id"] != ""


def test_a_result_that_answers_no_call_is_a_bad_request():
    with pytest.raises(e.BadRequest, match="belongs to no call"):
        write(Message.user("q"), Message.tool(ToolResultPart(None, "1", "f")))


def thoughtful(dialect, *, with_tools):
    parts = [ThinkingPart("Hm."), TextPart("Yes"), *([ToolCallPart("t", "f", {})] if with_tools else [])]
    after = Message.tool(ToolResultPart("t", "1")) if with_tools else Message.user("and?")
    return write(Message.user("q"), Message("assistant", tuple(parts)), after, dialect=dialect)["messages"][1]


@pytest.mark.parametrize(
    ("dialect", "field", "value"),
    [
        ("deepseek", "reasoning_content", "Hm."),
        ("vllm", "reasoning", "Hm."),
        (
            "mistral",
            "content",
            [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                {"type": "text", "text": "Yes"},
            ],
        ),
    ],
)
def test_reasoning_goes_back_in_tool_turns_where_the_server_wants_it(dialect, field, value):
    assert thoughtful(dialect, with_tools=True)[field] == value
    assert thoughtful(dialect, with_tools=False) == {"role": "assistant", "content": "Yes"}


def test_reasoning_stays_here_where_nobody_asked_for_it():
    assert set(thoughtful("openai", with_tools=True)) == {"role", "content", "tool_calls"}


def test_the_models_own_pictures_go_back():
    turns = Message.user("q"), Message.assistant("Here", ImagePart(b"png")), Message.user("bigger")
    url = [{"type": "image_url", "image_url": {"url": PNG}}]
    assert write(*turns, dialect="openrouter")["messages"][1]["images"] == url
    shown = write(*turns)["messages"]
    assert shown[1:3] == [{"role": "user", "content": url}, {"role": "assistant", "content": "Here"}]


def test_blocks_of_other_wires_stay_here():
    foreign = OpaquePart("anthropic.messages", "x", {"type": "x"})
    made = write(Message.user("q"), Message("assistant", (TextPart("a"), foreign)), Message.user("b"))
    assert made["messages"][1] == {"role": "assistant", "content": "a"}


SCHEMA = {"type": "object", "title": "Label!", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def test_a_schema_is_strict_where_it_can_be():
    made = write(Message.user("q"), schema=SCHEMA)["response_format"]
    closed = SCHEMA | {"additionalProperties": False}
    assert made == {"type": "json_schema", "json_schema": {"name": "Label", "schema": closed, "strict": True}}
    loose = {"type": "object", "properties": {"a": {}}}
    made = write(Message.user("q"), schema=loose)["response_format"]["json_schema"]
    assert made == {"name": "answer", "schema": loose, "strict": False}


def test_a_server_without_schemas_is_told_the_schema_in_words():
    made = write(Message.user("q"), schema=SCHEMA, system="Be terse.", dialect="deepseek")
    assert made["response_format"] == {"type": "json_object"}
    assert made["messages"][0]["content"].startswith("Be terse.\n\n")
    assert '"title": "Label!"' in made["messages"][0]["content"]


# -- after the end ------------------------------------------------------------------------------

LEFT_OUT = "more after the end"


@pytest.mark.parametrize(
    "late",
    [
        {"content": " more"},
        {"content": [{"type": "text", "text": " more"}]},
        {"tool_calls": [call("f", "{}", index=0, id="t")]},
        {"function_call": {"name": "f", "arguments": "{}"}},
        {"reasoning_content": "hm"},
        {"refusal": "no"},
        {"images": [{"image_url": {"url": PNG}}]},
    ],
)
def test_what_comes_after_the_end_is_no_part_of_the_answer(late):
    got = events(say("Hi"), chunk(finish="stop"), chunk(late))
    assert got[:-1] == [Text("Hi")]
    reply = got[-1].reply
    assert (reply.text, reply.thinking, reply.refusal, reply.tool_calls) == ("Hi", "", None, ())
    assert len(reply.message.parts) == 1
    assert str(reply.stop_reason) == "stop"
    assert any(LEFT_OUT in note for note in reply.notes)


def test_arguments_do_not_grow_after_the_end():
    first, late = call("f", '{"a": 1}', index=0, id="t"), call(None, "}", index=0)
    reply = read(calls(first), chunk(finish="tool_calls"), calls(late))
    assert [tool.arguments for tool in reply.tool_calls] == [{"a": 1}]


def test_the_words_beside_the_reason_to_finish_are_said_before_the_end():
    reply = read(say("Hel"), say("lo", finish="stop"))
    assert reply.text == "Hello"
    assert not reply.notes


def test_what_belongs_to_the_answer_may_come_after_its_end():
    source = {"type": "url_citation", "url_citation": {"url": "https://a.example"}}
    reply = read(
        say("Hi"),
        chunk(finish="stop"),
        chunk({"role": "assistant", "content": ""}),
        chunk({"annotations": [source]}),
        chunk(logprobs={"content": [{"token": "Hi"}]}),
        HEAD | {"choices": [], "usage": usage(3, 2)},
    )
    assert reply.text == "Hi"
    assert reply.message.parts[0].citations == (source,)
    assert reply.raw["logprobs"] == {"content": [{"token": "Hi"}]}
    assert (reply.usage.input, reply.usage.output) == (3, 2)
    assert not reply.notes


@pytest.mark.parametrize("none", ["", "null", None])
def test_no_reason_to_finish_is_no_end(none):
    assert read(say("Hel", finish=none), say("lo", finish=none), chunk(finish="stop")).text == "Hello"


def test_one_choice_may_go_on_after_another_is_over():
    def choice(index, delta, finish=None):
        return HEAD | {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}

    reply = read(
        choice(1, {"content": "No"}, "stop"),
        choice(0, {"content": "Hel"}),
        choice(0, {"content": "lo"}, "stop"),
    )
    assert reply.text == "Hello"
    assert reply.raw["choices"][0]["text"] == "No"
    assert not reply.notes
