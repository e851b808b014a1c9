"""OpenAI's Responses wire: items that grow, the last word that counts, and what a request looks like."""

from __future__ import annotations

import base64
import itertools
import json

import pytest

from llmkit import wire
from llmkit.core import errors as e
from llmkit.core.events import Done, Text, Thinking, ToolCall, ToolCallDelta
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

WIRE = "openai.responses"
PNG = base64.b64encode(b"png").decode()
USAGE = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}


def response(*output, status="completed", **more):
    return {"id": "r1", "object": "response", "model": "m-1", "status": status, "output": list(output)} | more


def message(*content, **more):
    return {"type": "message", "id": "msg", "role": "assistant", "content": list(content)} | more


def text(words, *annotations):
    return {"type": "output_text", "text": words, "annotations": list(annotations)}


def event(kind, **fields):
    return {"type": f"response.{kind}"} | fields


def delta(words, place=0, kind="output_text", **more):
    return event(f"{kind}.delta", output_index=place, item_id="msg", delta=words, **more)


def added(item, place=0):
    return event("output_item.added", output_index=place, item=item)


def done(item, place=0):
    return event("output_item.done", output_index=place, item=item)


CREATED = event("created", response=response(status="in_progress"))


def ended(*output, **more):
    status = more.get("status", "completed")
    return event(status, response=response(*output, **more))


def sse(*frames):
    return b"".join(f"event: {f['type']}\ndata: {json.dumps(f)}\n\n".encode() for f in frames)


def read(*frames, **more):
    return wire.read(WIRE, sse(CREATED, *frames), **more)


def read_whole(*output, **more):
    return wire.read(WIRE, json.dumps(response(*output, **more)).encode(), stream=False)


def failure(*frames):
    with pytest.raises(e.LLMKitError) as caught:
        read(*frames)
    assert caught.value.partial is not None
    return caught.value


def events(*frames):
    reading = wire.reader(WIRE)
    return reading.feed(sse(CREATED, *frames)) + reading.end()


# -- text ---------------------------------------------------------------------------------------


def test_a_stream_becomes_text_and_one_terminal_event():
    whole = message(text("Hello"))
    got = events(added(message()), delta("Hel"), delta("lo"), done(whole), ended(whole, usage=USAGE))
    assert got[:-1] == [Text("Hel"), Text("lo")]
    assert isinstance(got[-1], Done)
    reply = got[-1].reply
    assert (reply.text, reply.id, reply.model) == ("Hello", "r1", "m-1")
    assert (str(reply.stop_reason), reply.stop_reason.provider) == ("stop", "completed")
    assert (reply.usage.input, reply.usage.output) == (10, 5)


def test_a_document_reads_like_the_stream():
    assert read_whole(message(text("a"), text("b")), message(text("c"))).text == "abc"


def test_what_the_fragments_lacked_follows_them():
    whole = message(text("Got it, thanks."))
    got = events(added(message()), delta("Got"), done(whole), ended(whole))
    assert got[:-1] == [Text("Got"), Text(" it, thanks.")]


def test_an_answer_without_fragments_is_told_at_the_end():
    assert events(ended(message(text("Hello"))))[:-1] == [Text("Hello")]


def test_the_last_word_counts_where_fragments_differ_from_it():
    got = events(added(message()), delta("Wrong"), ended(message(text("Right"))))
    assert got[:-1] == [Text("Wrong")]
    assert got[-1].reply.text == "Right"
    assert "differs" in got[-1].reply.notes[0]


def test_fragments_stay_where_the_last_word_is_silent():
    assert read(added(message()), delta("Hello"), ended()).text == "Hello"


def test_items_are_in_the_order_of_the_output():
    first, second = message(text("one "), id="a"), message(text("two"), id="b")
    assert read(delta("two", 1), delta("one ", 0), ended(first, second)).text == "one two"


@pytest.mark.parametrize("ids", [("x", "y"), (None, None)])
def test_a_gateway_may_change_the_ids_on_the_way(ids):
    before, after = message(id=ids[0]), message(text("Hi"), id=ids[1])
    assert read(added(before), delta("Hi"), done(after), ended(message(text("Hi"), id="z"))).text == "Hi"


def test_a_frame_that_comes_twice_is_read_once():
    frames = [CREATED, added(message()), delta("a"), delta("b"), ended(message(text("ab")))]
    numbered = [frame | {"sequence_number": n} for n, frame in enumerate(frames)]
    twice = itertools.chain.from_iterable((frame, frame) for frame in numbered)
    reading = wire.reader(WIRE)
    assert reading.feed(sse(*twice))[:-1] == [Text("a"), Text("b")]


def test_numbers_that_do_not_count_are_not_believed():
    frames = [frame | {"sequence_number": 0} for frame in (CREATED, delta("a"), delta("a"), delta("b"))]
    reading = wire.reader(WIRE)
    assert reading.feed(sse(*frames)) == [Text("a"), Text("a"), Text("b")]


def test_annotations_are_citations():
    cited = {"type": "url_citation", "url": "https://a.b"}
    noted = event("output_text.annotation.added", output_index=0, content_index=0, annotation=cited)
    assert read(added(message()), delta("x"), noted, ended()).citations == (cited,)
    assert read_whole(message(text("x", cited))).citations == (cited,)


def test_a_refusal_is_no_text():
    whole = message({"type": "refusal", "refusal": "I won't."})
    reply = read(added(message()), delta("I wo", kind="refusal"), done(whole), ended(whole))
    assert (reply.text, reply.refusal, str(reply.stop_reason)) == ("", "I won't.", "refusal")


# -- reasoning ----------------------------------------------------------------------------------

REASONING = {
    "type": "reasoning",
    "id": "rs",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "secret",
}


def test_reasoning_is_thinking_and_keeps_what_must_go_back():
    opening = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "not whole"}
    later = REASONING | {"encrypted_content": "another"}
    got = events(
        added(opening),
        delta("Hm", kind="reasoning_summary_text"),
        delta(".", kind="reasoning_summary_text"),
        done(REASONING),
        delta("Yes", 1),
        ended(later, message(text("Yes"))),
    )
    assert got[:-1] == [Thinking("Hm"), Thinking("."), Text("Yes")]
    assert got[-1].reply.message.parts[0] == ThinkingPart("Hm.", encrypted="secret", id="rs")


def test_open_reasoning_is_thinking():
    item = {
        "type": "reasoning",
        "id": "rs",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "Hm"}],
    }
    got = events(delta("Hm", kind="reasoning_text"), done(item), ended(item))
    assert got[:-1] == [Thinking("Hm")]
    assert read_whole(item).thinking == "Hm"


# -- tools --------------------------------------------------------------------------------------


def call(arguments="", **more):
    return {"type": "function_call", "id": "fc", "call_id": "t1", "name": "f", "arguments": arguments} | more


def test_a_call_in_fragments_is_put_together():
    got = events(
        added(call()),
        delta('{"a":', kind="function_call_arguments"),
        delta("1}", kind="function_call_arguments"),
        done(call('{"a":1}')),
        ended(call('{"a":1}')),
    )
    assert got[:-1] == [
        ToolCallDelta(0, "", "f"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(0, "1}"),
        ToolCall("t1", "f", {"a": 1}),
    ]
    assert (str(got[-1].reply.stop_reason), got[-1].reply.stop_reason.provider) == ("tool_use", "completed")


def test_parallel_calls_are_told_apart():
    one, two = call('{"a":1}'), call('{"b":2}', id="fd", call_id="t2", name="g")
    reply = read(
        added(call()),
        added(call(id="fd", call_id="t2", name="g"), 1),
        delta('{"b":2}', 1, "function_call_arguments"),
        delta('{"a":1}', 0, "function_call_arguments"),
        ended(one, two),
    )
    assert [(c.id, c.name, c.arguments) for c in reply.tool_calls] == [
        ("t1", "f", {"a": 1}),
        ("t2", "g", {"b": 2}),
    ]


def test_a_free_text_tool_gets_its_text_unread():
    custom = {"type": "custom_tool_call", "id": "ct", "call_id": "t1", "name": "calc", "input": "4"}
    got = events(added(custom | {"input": ""}), delta("4", kind="custom_tool_call_input"), ended(custom))
    assert ToolCall("t1", "calc", "4") in got


def test_a_free_text_call_and_its_result_go_back_as_such_and_others_as_functions():
    custom = {"type": "custom_tool_call", "id": "ct", "call_id": "t2", "name": "calc", "input": "4 + 4"}
    reply = read(added(call('{"a":1}')), added(custom, 1), ended(call('{"a":1}'), custom))
    results = Message.tool(ToolResultPart("t1", "1"), ToolResultPart("t2", "8"))
    kept = Message.from_json(reply.message.to_json())  # a conversation that was saved and read again
    assert write(Message.user("q"), kept, results)["input"][1:] == [
        {"type": "function_call", "call_id": "t1", "name": "f", "arguments": '{"a": 1}'},
        {"type": "custom_tool_call", "call_id": "t2", "name": "calc", "input": "4 + 4"},
        {"type": "function_call_output", "call_id": "t1", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "t2", "output": "8"},
    ]


def test_the_servers_own_tools_are_kept_as_they_are():
    search = {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"query": "q"}}
    reply = read(added(search | {"status": "in_progress"}), done(search), delta("x", 1), ended())
    assert reply.message.parts == (OpaquePart(WIRE, "web_search_call", search), TextPart("x"))


def test_a_made_picture_is_a_picture_and_goes_back_whole():
    item = {"type": "image_generation_call", "id": "ig", "output_format": "webp", "result": PNG}
    reply = read(added({"type": "image_generation_call", "id": "ig"}), done(item), ended(item))
    assert reply.images == (ImagePart(b"png", "image/webp"),)
    sent = write(Message.user("q"), reply.message, Message.user("bigger"))["input"]
    assert sent[1] == item | {"status": "completed"}


# -- how it ends --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("max_output_tokens", "max_tokens"), ("content_filter", "content_filter"), ("steered", "other")],
)
def test_an_incomplete_response_says_why(reason, kind):
    details = {"reason": reason}
    reply = read(delta("x"), ended(message(text("x")), status="incomplete", incomplete_details=details))
    assert (reply.text, str(reply.stop_reason), reply.stop_reason.provider) == ("x", kind, reason)


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_an_answer_that_waits_in_the_background_says_so(status):
    reply = read_whole(status=status)
    assert (str(reply.stop_reason), reply.stop_reason.provider) == ("other", status)
    assert "not there yet" in reply.notes[0]


def test_a_cancelled_response_keeps_what_it_had():
    reply = read(delta("x"), ended(message(text("x")), status="cancelled"))
    assert (reply.text, str(reply.stop_reason)) == ("x", "other")


def test_a_cut_stream_is_truncated_even_if_every_item_is_done():
    error = failure(delta("half"), done(message(text("half"))))
    assert isinstance(error, e.TruncatedStream)
    assert error.partial.text == "half"


def test_a_done_marker_ends_an_answer_whose_items_are_all_done():
    body = sse(CREATED, delta("x"), done(message(text("x")))) + b"data: [DONE]\n\n"
    assert wire.read(WIRE, body).text == "x"
    with pytest.raises(e.TruncatedStream):
        wire.read(WIRE, sse(CREATED, delta("x")) + b"data: [DONE]\n\n")


def test_what_comes_after_the_end_is_ignored():
    reading = wire.reader(WIRE)
    got = reading.feed(sse(delta("x"), ended(), delta("y")))
    assert len(got) == 2
    assert reading.end() == []


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "error", "error": {"message": "Boom", "code": "server_error"}},
        {"type": "error", "message": "Boom", "code": "server_error"},
        ended(status="failed", error={"message": "Boom", "code": "server_error"}),
    ],
    ids=["wrapped", "flat", "failed"],
)
def test_an_error_in_the_stream_ends_it_and_keeps_the_text(frame):
    error = failure(delta("so far"), frame)
    assert isinstance(error, e.MidStreamError)
    assert (error.why, error.code) == ("Boom", "server_error")
    assert (error.partial.text, error.partial.stop_reason.provider) == ("so far", "failed")


def test_an_error_before_any_text_is_told_by_its_kind():
    quota = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
    assert isinstance(failure({"type": "error", "error": quota}), e.QuotaError)


def test_a_failed_document_keeps_what_it_had():
    with pytest.raises(e.LLMKitError) as caught:
        read_whole(
            message(text("so far")), status="failed", error={"message": "Boom", "code": "server_error"}
        )
    assert (caught.value.partial.text, caught.value.partial.id) == ("so far", "r1")


def test_json_without_output_is_no_answer():
    with pytest.raises(e.NotAStream):
        wire.read(WIRE, b'{"hello": "world"}')


@pytest.mark.parametrize(
    "frame", [delta(5), added("x"), done(message(5)), ended("x"), done({"type": "reasoning", "summary": 5})]
)
def test_a_frame_of_another_shape_stops_the_reading_and_keeps_the_text(frame):
    error = failure(delta("so far", 9), frame)
    assert isinstance(error, e.MalformedStream)
    assert error.partial.text == "so far"


# -- usage --------------------------------------------------------------------------------------


def test_the_classes_of_tokens_do_not_overlap():
    details = {"cached_tokens": 3, "cache_write_tokens": 2}
    more = {"input_tokens_details": details, "output_tokens_details": {"reasoning_tokens": 4}}
    got = read_whole(
        usage=USAGE | more, service_tier="flex", tool_usage={"web_search": {"num_requests": 2}}
    ).usage
    assert (got.input, got.cache_read, got.cache_write, got.total_input) == (5, 3, 2, 10)
    assert (got.output, got.reasoning, got.service_tier, got.web_searches) == (5, 4, "flex", 2)


def test_what_the_reader_cannot_map_is_kept():
    raw = read_whole(usage=USAGE, service_tier="flex", something_new={"a": 1}).raw
    assert (raw["service_tier"], raw["something_new"], raw["usage"]) == ("flex", {"a": 1}, USAGE)


# -- requests -----------------------------------------------------------------------------------


def write(*messages, dialect="openai", **fields):
    asked = Request(messages=messages, signal=Signal.never(), **({"model": "m", "stream": False} | fields))
    return wire.write(WIRE, asked, dialect=dialect)


def test_a_request_leaves_nothing_with_the_server():
    assert write(Message.user("hi"), system="Be terse.", stream=True) == {
        "model": "m",
        "input": [{"role": "user", "content": "hi"}],
        "instructions": "Be terse.",
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("model", "dialect"), [("gpt-4.1-mini", "openai"), ("openai/gpt-4o", "openrouter"), ("m", None)]
)
def test_encrypted_reasoning_is_asked_for_only_where_there_is_some(model, dialect):
    assert "include" not in write(Message.user("hi"), model=model, dialect=dialect)


def test_options_have_this_wires_names():
    options = Options(max_tokens=9, temperature=0.5, top_p=0.9, think="high", extra={"truncation": "auto"})
    made = write(Message.user("q"), options=options)
    assert (made["max_output_tokens"], made["temperature"], made["top_p"]) == (9, 0.5, 0.9)
    assert made["reasoning"] == {"effort": "high", "summary": "auto"}
    assert made["truncation"] == "auto"


def test_no_thinking_needs_no_summary():
    assert write(Message.user("q"), options=Options(think="off"))["reasoning"] == {"effort": "none"}


@pytest.mark.parametrize("options", [Options(stop=("END",)), Options(seed=1)])
def test_what_this_api_has_not_is_a_bad_request(options):
    with pytest.raises(e.BadRequest, match="Responses API knows no"):
        write(Message.user("q"), options=options)


def test_tools_are_flat_and_always_say_whether_they_are_strict():
    made = write(Message.user("q"), tools=(ToolSpec("f", "Does f."),), tool_choice="f")
    assert made["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "Does f.",
            "parameters": {"type": "object", "properties": {}},
            "strict": False,
        }
    ]
    assert made["tool_choice"] == {"type": "function", "name": "f"}


def test_a_schema_is_a_format_of_the_text():
    schema = {"type": "object", "properties": {}, "required": []}
    made = write(Message.user("q"), schema=schema)["text"]["format"]
    assert made["type"] == "json_schema"
    assert (made["name"], made["strict"]) == ("answer", True)


def test_pictures_and_files_are_parts_of_the_content():
    made = write(
        Message.user(
            "See",
            ImagePart(b"png"),
            FilePart(b"%PDF", "application/pdf", "a.pdf"),
            FilePart(url="https://a.b/c.pdf"),
            FilePart(file_id="file-1"),
        )
    )
    assert made["input"][0]["content"] == [
        {"type": "input_text", "text": "See"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        {"type": "input_file", "file_url": "https://a.b/c.pdf"},
        {"type": "input_file", "file_id": "file-1"},
    ]


@pytest.mark.parametrize(
    "part",
    [ImagePart(), FilePart(), FilePart(b"ID3", "audio/mpeg"), ThinkingPart("x"), ToolCallPart("t", "f", {})],
)
def test_a_part_that_cannot_be_sent_is_a_bad_request(part):
    with pytest.raises(e.BadRequest):
        write(Message.user(part))


def test_a_whole_turn_goes_back_item_by_item():
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    turn = Message(
        "assistant",
        (
            ThinkingPart("Hm.", encrypted="secret", id="rs"),
            OpaquePart(WIRE, "web_search_call", search),
            TextPart("Let me see."),
            ToolCallPart("t1", "f", {"a": 1}),
        ),
    )
    result = ToolResultPart("t1", "one", images=(ImagePart(b"png"),))
    made = write(Message.user("q"), turn, Message.tool(result))["input"]
    assert made[1:] == [
        REASONING,
        search,
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]},
        {"type": "function_call", "call_id": "t1", "name": "f", "arguments": '{"a": 1}'},
        {
            "type": "function_call_output",
            "call_id": "t1",
            "output": [
                {"type": "input_text", "text": "one"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
            ],
        },
    ]


def test_reasoning_that_the_server_could_not_know_again_stays_here():
    turn = Message("assistant", (ThinkingPart("Hm.", id="rs"), TextPart("Yes")))
    assert len(write(Message.user("q"), turn, Message.user("and?"))["input"]) == 3


def test_open_reasoning_goes_back_as_text():
    turn = Message("assistant", (ThinkingPart("Hm."), TextPart("Yes")))
    made = write(Message.user("q"), turn, Message.user("and?"), dialect="deepseek")["input"]
    thought = {"type": "reasoning_text", "text": "Hm."}
    assert made[1] == {"type": "reasoning", "summary": [], "content": [thought]}


def test_calls_without_an_id_get_one_that_their_results_share():
    turns = Message.assistant(ToolCallPart(None, "f", {})), Message.tool(ToolResultPart(None, "1", "f"))
    made = write(Message.user("q"), *turns)["input"]
    assert made[1]["call_id"] == made[2]["call_id"] != ""


def test_what_was_read_can_be_sent_back():
    reply = read_whole(REASONING, message(text("Yes")), call('{"a": 1}'))
    made = write(Message.user("q"), reply.message, Message.tool(ToolResultPart("t1", "one")))["input"]
    assert made[1] == REASONING
    assert [item.get("type") for item in made[1:]] == [
        "reasoning",
        "message",
        "function_call",
        "function_call_output",
    ]


def test_words_of_one_turn_are_one_message():
    turn = Message("assistant", (TextPart("One. "), TextPart("Two.")))
    made = write(Message.user("q"), turn, Message.user("and?"))["input"]
    assert [part["text"] for part in made[1]["content"]] == ["One. ", "Two."]


def test_a_server_that_looks_for_schemas_where_chat_has_them_finds_them_there():
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    made = write(Message.user("q"), dialect="llamacpp", schema=schema)
    assert made["response_format"]["json_schema"]["schema"] == made["text"]["format"]["schema"]
    assert "response_format" not in write(Message.user("q"), schema=schema)
