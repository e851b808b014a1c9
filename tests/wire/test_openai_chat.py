"""OpenAI's chat wire: what an answer means, whoever sends it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from chat_frames import (
    HEAD,
    PNG,
    WIRE,
    call,
    calls,
    chunk,
    events,
    failure,
    read,
    read_whole,
    say,
    sse,
    usage,
    write,
)

from llmkit import wire
from llmkit.core import errors as e
from llmkit.core.events import Done, Failed, Text, Thinking, ToolCall, ToolCallDelta
from llmkit.core.messages import (
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    ToolCallPart,
    ToolResultPart,
)
from llmkit.wire.dialects import TOLERANT

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
    assert reply.tool_calls == (ToolCallPart("t", "calc", "4", free_text=True),)


def test_a_free_text_call_goes_back_as_one():
    custom = {"id": "t", "type": "custom", "custom": {"name": "calc", "input": "4"}}
    reply = read_whole({"content": None, "tool_calls": [custom]}, "tool_calls")
    sent = write(Message.user("q"), reply.message, Message.tool(ToolResultPart("t", "4")))["messages"]
    assert sent[1]["tool_calls"] == [custom]
    assert sent[2] == {"role": "tool", "tool_call_id": "t", "content": "4"}


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
