"""Gemini's wire: what an answer means, chunk by chunk, and what a request looks like."""

from __future__ import annotations

import json
from typing import Any

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

WIRE = "gemini.generate"


def chunk(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    candidate |= more.pop("candidate", {})
    return {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r1"} | more


def sse(*frames: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(frame).encode() + b"\r\n\r\n" for frame in frames)


def read(*frames: dict[str, Any], **more: Any):
    return wire.read(WIRE, sse(*frames), **more)


def events(*frames: dict[str, Any]):
    reader = wire.reader(WIRE)
    return reader.feed(sse(*frames)) + reader.end()


def signature(value: str) -> OpaquePart:
    return OpaquePart(WIRE, "signature", {"thoughtSignature": value})


# -- answers ------------------------------------------------------------------------------------


def test_words_and_thoughts_come_as_events_and_as_a_reply():
    seen = events(
        chunk({"text": "hm", "thought": True}), chunk({"text": "Hel"}), chunk({"text": "lo"}, finish="STOP")
    )
    assert seen[:-1] == [Thinking("hm"), Text("Hel"), Text("lo")]
    assert isinstance(seen[-1], Done)
    reply = seen[-1].reply
    assert (reply.text, reply.thinking, reply.model, reply.id) == ("Hello", "hm", "gemini-x", "r1")
    assert reply.stop_reason == "stop"
    assert reply.stop_reason == "STOP"


CHUNKS = (
    chunk({"text": 'say "]}'}),
    chunk({"text": "[{\\"}, finish="STOP", usageMetadata={"promptTokenCount": 3}),
)


@pytest.mark.parametrize("separator", [",", "\n,\r\n", " , "])
def test_a_json_array_is_a_stream_as_well(separator):
    body = f"[{separator.join(json.dumps(c) for c in CHUNKS)}\n]".encode()
    assert wire.read(WIRE, body) == read(*CHUNKS)
    reader = wire.reader(WIRE)
    seen = [event for i in range(len(body)) for event in reader.feed(body[i : i + 1])]
    assert seen == [Text('say "]}'), Text("[{\\")]  # before the body has ended


def test_a_cut_array_is_truncated_and_keeps_what_came():
    body = f"[{json.dumps(CHUNKS[0])},\n{json.dumps(CHUNKS[1])[:-9]}".encode()
    with pytest.raises(e.TruncatedStream) as caught:
        wire.read(WIRE, body)
    assert caught.value.partial.text == 'say "]}'


def test_a_whole_document_is_read_also_where_a_stream_was_asked_for():
    body = json.dumps(chunk({"text": "Hi"}, finish="STOP"), indent=2).encode()
    for stream in (True, False):
        assert wire.read(WIRE, body, stream=stream).text == "Hi"


def test_a_document_that_is_no_answer_is_not_taken_for_one():
    with pytest.raises(e.NotAStream, match="no model's answer"):
        wire.read(WIRE, b'{"hello": "world"}', stream=False)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "max_tokens"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "other"),
        ("LANGUAGE", "other"),
        ("SOMETHING_NEW", "other"),
    ],
)
def test_every_finish_reason_has_its_class(word, kind):
    reply = read(chunk(finish=word))
    assert str(reply.stop_reason) == kind
    assert reply.stop_reason == word


def test_a_message_about_the_finish_becomes_a_note():
    reply = read(chunk(finish="UNEXPECTED_TOOL_CALL", candidate={"finishMessage": "No such tool."}))
    assert reply.notes == ("No such tool.",)


def test_a_message_that_only_says_that_tools_were_called_is_no_news():
    call = {"functionCall": {"name": "f", "args": {}}}
    reply = read(chunk(call, finish="STOP", candidate={"finishMessage": "Model generated function call(s)."}))
    assert (reply.notes, reply.raw["finishMessage"]) == ((), "Model generated function call(s).")


def test_stop_with_a_tool_call_is_tool_use_but_another_reason_stays():
    call = {"functionCall": {"name": "f", "args": {}}}
    assert str(read(chunk(call), chunk(finish="STOP")).stop_reason) == "tool_use"
    assert str(read(chunk(call, finish="MAX_TOKENS")).stop_reason) == "max_tokens"


def test_a_blocked_prompt_is_a_reply_that_says_so():
    feedback = {"blockReason": "SAFETY", "blockReasonMessage": "No."}
    reply = wire.read(WIRE, sse({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 4}}))
    assert str(reply.stop_reason) == "content_filter"
    assert reply.raw["promptFeedback"] == feedback
    assert reply.notes == ("The prompt was blocked: SAFETY. No.",)
    assert reply.usage.input == 4


def test_parallel_tool_calls_come_whole():
    seen = events(
        chunk(
            {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}, "thoughtSignature": "sig"},
            {"functionCall": {"name": "g"}},
            finish="STOP",
        )
    )
    assert seen[:-1] == [
        ToolCallDelta(0, "", "f"),
        ToolCallDelta(0, '{"a": 1}'),
        ToolCall("c1", "f", {"a": 1}),
        ToolCallDelta(1, "", "g"),
        ToolCallDelta(1, "{}"),
        ToolCall(None, "g", {}),
    ]
    assert seen[-1].reply.tool_calls == (
        ToolCallPart("c1", "f", {"a": 1}, "sig"),
        ToolCallPart(None, "g", {}),
    )


def pieces(*pieces: dict[str, Any], more: bool = True) -> dict[str, Any]:
    return {"functionCall": {"partialArgs": list(pieces), "willContinue": more}}


def test_a_tool_call_may_come_in_pieces_of_its_arguments():
    reply = read(
        chunk({"functionCall": {"name": "cook", "willContinue": True}, "thoughtSignature": "sig"}),
        chunk(pieces({"jsonPath": "$.dish", "stringValue": "Las", "willContinue": True})),
        chunk(pieces({"jsonPath": "$.dish", "stringValue": "agne"})),
        chunk(pieces({"jsonPath": "$.steps[0].text", "stringValue": "Boil"})),
        chunk(
            pieces(
                {"jsonPath": "$.steps[1]['min utes']", "numberValue": 8},
                {"jsonPath": "$.hot", "boolValue": True},
            )
        ),
        chunk(pieces({"jsonPath": "$.note", "nullValue": "NULL_VALUE"})),
        chunk({"functionCall": {"willContinue": True}}),
        chunk({"functionCall": {}}, finish="STOP"),
    )
    arguments = {"dish": "Lasagne", "steps": [{"text": "Boil"}, {"min utes": 8}], "hot": True, "note": None}
    assert reply.tool_calls == (ToolCallPart(None, "cook", arguments, "sig"),)
    assert str(reply.stop_reason) == "tool_use"


def test_the_next_name_ends_a_call_that_came_in_pieces():
    reply = read(
        chunk({"functionCall": {"name": "f", "willContinue": True}}),
        chunk(pieces({"jsonPath": "$.a", "stringValue": "x"})),
        chunk({"functionCall": {"name": "g", "args": {"b": 1}}}, finish="STOP"),
    )
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("f", {"a": "x"}), ("g", {"b": 1})]


def test_a_call_cut_in_the_middle_of_its_pieces_is_in_the_partial_reply():
    with pytest.raises(e.TruncatedStream) as caught:
        read(
            chunk({"functionCall": {"name": "f", "willContinue": True}}),
            chunk(pieces({"jsonPath": "$.a", "stringValue": "x"})),
        )
    assert caught.value.partial.tool_calls[0].arguments == {"a": "x"}


@pytest.mark.parametrize(
    "path", ["$.list[99999999]", "$.list[500000]", "$", "$[0]", "$.a..b", "$.text.inside"]
)
def test_a_piece_that_belongs_nowhere_breaks_the_answer_and_nothing_else(path):
    with pytest.raises(e.MalformedStream):
        read(
            chunk({"functionCall": {"name": "f", "willContinue": True}}),
            chunk(pieces({"jsonPath": "$.text", "stringValue": "x"})),
            chunk(pieces({"jsonPath": path, "stringValue": "x"})),
        )


def test_pictures_and_sounds_of_the_answer():
    image = {"inlineData": {"mimeType": "image/png", "data": "cG5n"}}
    sound = {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "cGNt"}}
    reply = read(
        chunk(image, sound, {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://a"}}, finish="STOP")
    )
    assert reply.message.parts == (
        ImagePart(b"png", "image/png"),
        FilePart(b"pcm", "audio/L16;rate=24000"),
        FilePart(None, "video/mp4", url="gs://a"),
    )


def test_a_sketch_made_while_thinking_is_no_picture_of_the_answer():
    sketch = {"inlineData": {"mimeType": "image/png", "data": "cG5n"}, "thought": True}
    reply = read(chunk(sketch, finish="STOP"))
    assert reply.images == ()
    assert reply.message.parts == (OpaquePart(WIRE, "inlineData", sketch),)


def test_code_and_parts_of_the_future_are_kept_as_they_are():
    code = {"executableCode": {"language": "PYTHON", "code": "1+1"}, "thoughtSignature": "s"}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}
    reply = read(chunk(code, result, {"hologram": {}}, {"text": "2"}, {}, finish="STOP"))
    assert reply.message.parts == (
        OpaquePart(WIRE, "executableCode", code),
        OpaquePart(WIRE, "codeExecutionResult", result),
        OpaquePart(WIRE, "hologram", {"hologram": {}}),
        TextPart("2"),
    )


def test_citations_come_with_the_sources_they_number():
    chunks = [{"web": {"uri": "u0"}}, {"web": {"uri": "u1"}}]
    support = {"segment": {"endIndex": 2, "text": "Hi"}, "groundingChunkIndices": [1, 7]}
    grounding = {"groundingChunks": chunks, "groundingSupports": [support]}
    reply = read(
        chunk({"text": "Hi"}, candidate={"groundingMetadata": {}}),
        chunk(finish="STOP", candidate={"groundingMetadata": grounding}),
    )
    assert reply.citations == (support | {"groundingChunks": [{"web": {"uri": "u1"}}]},)
    assert reply.raw["groundingMetadata"] == grounding


def test_recited_sources_are_citations():
    source = {"startIndex": 0, "endIndex": 2, "uri": "u"}
    reply = read(
        chunk({"text": "Hi"}, finish="STOP", candidate={"citationMetadata": {"citationSources": [source]}})
    )
    assert reply.citations == (source,)


def test_what_thinking_and_tools_used_is_counted_once():
    usage = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "toolUsePromptTokenCount": 7,
        "candidatesTokenCount": 10,
        "thoughtsTokenCount": 30,
        "totalTokenCount": 147,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 60},
            {"modality": "IMAGE", "tokenCount": 40},
        ],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 9}],
        "serviceTier": "standard",
    }
    told = read(chunk({"text": "x"}, finish="STOP", usageMetadata=usage)).usage
    assert (told.input, told.cache_read, told.total_input) == (67, 40, 107)
    assert (told.output, told.reasoning, told.total) == (40, 30, 147)
    assert (told.input_image, told.output_audio, told.service_tier) == (40, 9, "standard")


def test_the_last_chunk_that_counts_is_right():
    reply = read(
        chunk(
            {"text": "a"},
            usageMetadata={"promptTokenCount": 8, "candidatesTokenCount": 1, "totalTokenCount": 9},
        ),
        chunk(
            {"text": "b"},
            usageMetadata={"promptTokenCount": 90, "candidatesTokenCount": 2, "totalTokenCount": 92},
        ),
        chunk(finish="STOP", usageMetadata={"trafficType": "ON_DEMAND"}),
    )
    assert (reply.usage.input, reply.usage.output) == (90, 2)


@pytest.mark.parametrize("usage", [None, {}, {"trafficType": "ON_DEMAND"}, {"promptTokenCount": -1}, "junk"])
def test_counts_that_are_not_told_are_unknown(usage):
    told = read(chunk({"text": "x"}, finish="STOP", usageMetadata=usage)).usage
    assert (told.input, told.output, told.source) == (None, None, "unknown")


def test_other_candidates_are_kept_aside():
    second = {"content": {"parts": [{"text": "Ho"}]}, "index": 1, "finishReason": "STOP"}
    frame = chunk({"text": "Hi"}, finish="STOP")
    frame["candidates"].append(second)
    reply = read(frame)
    assert reply.text == "Hi"
    assert reply.raw["candidates"] == [second]


def test_a_stream_that_just_ends_was_cut_off():
    with pytest.raises(e.TruncatedStream) as caught:
        read(chunk({"text": "Hi"}))
    assert caught.value.partial.text == "Hi"


def test_a_finish_reason_in_every_chunk_does_not_end_the_answer():
    # As the first models of this wire did.
    assert read(chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}, finish="STOP")).text == "ab"


def test_an_error_in_the_stream_is_raised_with_what_came_before():
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    with pytest.raises(e.Overloaded):
        read(error)
    with pytest.raises(e.Overloaded):
        wire.read(WIRE, json.dumps([error]).encode())
    with pytest.raises(e.MidStreamError) as caught:
        read(chunk({"text": "Hi"}), error)
    assert caught.value.partial.text == "Hi"
    assert caught.value.code == "UNAVAILABLE"


# -- signatures and requests --------------------------------------------------------------------


def write(*messages: Message, model: str = "gemini-2.5-flash", **more: Any) -> dict[str, Any]:
    given = messages or (Message.user("Hi"),)
    return wire.write(WIRE, Request(model=model, messages=given, signal=Signal.never(), **more))


@pytest.mark.parametrize(
    "parts",
    [
        [{"text": "Hi", "thoughtSignature": "s"}],
        [{"text": "Hello"}, {"text": "", "thoughtSignature": "s"}],
        [{"text": "a"}, {"text": "b", "thoughtSignature": "s"}, {"text": "c"}],
        [{"functionCall": {"name": "f", "args": {"a": 1}, "id": "1"}, "thoughtSignature": "s"}],
        [
            {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "s"},
            {"functionCall": {"name": "f", "args": {}}},
        ],
        [{"inlineData": {"mimeType": "image/png", "data": "cG5n"}, "thoughtSignature": "s"}],
        [{"executableCode": {"code": "1"}, "thoughtSignature": "s"}, {"text": "x", "thoughtSignature": "t"}],
        [{"text": "hm", "thought": True, "thoughtSignature": "s"}, {"text": "x"}],
        [{"thoughtSignature": "s"}],
    ],
)
def test_a_signature_goes_back_on_the_part_it_came_on(parts):
    reply = read(chunk(*parts, finish="STOP"))
    sent = write(Message.user("?"), reply.message)["contents"][1]
    assert sent == {"role": "model", "parts": parts}


def test_thinking_without_a_signature_does_not_go_back():
    reply = read(chunk({"text": "hm", "thought": True}, {"text": "Hi"}, finish="STOP"))
    assert write(Message.user("?"), reply.message)["contents"][1]["parts"] == [{"text": "Hi"}]


def test_the_signature_of_a_text_is_kept_right_behind_it():
    reply = read(chunk({"text": "Hi", "thoughtSignature": "s"}, finish="STOP"))
    assert reply.message.parts == (TextPart("Hi"), signature("s"))


def test_a_call_that_another_model_made_is_vouched_for_where_signatures_are_needed():
    calls = Message.assistant(ToolCallPart("a", "f", {}), ToolCallPart("b", "g", {}))
    sent = write(Message.user("?"), calls, model="gemini-3.8-flash")["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in sent] == ["skip_thought_signature_validator", None]
    sent = write(Message.user("?"), calls, model="gemini-2.5-flash")["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in sent] == [None, None]


def test_the_smallest_request_names_neither_model_nor_stream():
    assert write() == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_options_schema_and_system_have_their_places():
    options = Options(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        stop=("X",),
        seed=7,
        extra={"generationConfig": {"topK": 4}, "x": 1},
    )
    body = write(
        Message.system("Be brief."),
        Message.user("Hi"),
        system="Bird.",
        options=options,
        schema={"type": "object"},
    )
    assert body["systemInstruction"] == {"parts": [{"text": "Bird.\n\nBe brief."}]}
    assert body["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["X"],
        "seed": 7,
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
        "topK": 4,
    }
    assert body["x"] == 1


@pytest.mark.parametrize(
    ("model", "think", "config"),
    [
        ("gemini-2.5-flash", "off", {"thinkingBudget": 0, "includeThoughts": False}),
        ("gemini-2.5-pro", "off", {"thinkingBudget": 128, "includeThoughts": False}),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-flash", 3000, {"thinkingBudget": 3000, "includeThoughts": True}),
        ("gemini-3.8-flash", "off", {"thinkingLevel": "MINIMAL", "includeThoughts": False}),
        ("gemini-3.1-pro-preview", "high", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-4-argon", 3000, {"thinkingBudget": 3000, "includeThoughts": True}),
    ],
)
def test_how_hard_to_think_is_said_as_the_model_understands_it(model, think, config):
    assert write(model=model, options=Options(think=think))["generationConfig"] == {"thinkingConfig": config}


def test_tools_and_the_choice_of_them():
    parameters = {"type": "object", "properties": {"a": {"type": "string"}}}
    tools = (ToolSpec("f", "does f", parameters), ToolSpec("g"))
    body = write(tools=tools, tool_choice="f")
    [declared] = body["tools"]
    assert declared["functionDeclarations"][0] == {
        "name": "f",
        "description": "does f",
        "parametersJsonSchema": parameters,
    }
    config = body["toolConfig"]["functionCallingConfig"]
    assert config == {"mode": "ANY", "allowedFunctionNames": ["f"]}
    assert write(tools=tools, tool_choice="none")["toolConfig"]["functionCallingConfig"] == {"mode": "NONE"}


def test_results_of_tools_go_back_by_name_and_by_id_where_there_was_one():
    calls = Message.assistant(ToolCallPart("c1", "f", {"a": 1}), ToolCallPart(None, "g", '{"broken'))
    results = Message.tool(
        ToolResultPart("c1", '{"n": 1}', images=(ImagePart(b"png"),)),
        ToolResultPart(None, "boom", "g", is_error=True),
    )
    _, said, answered = write(Message.user("?"), calls, results, Message.user("And?"))["contents"]
    assert said["parts"] == [
        {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}},
        {"functionCall": {"name": "g", "args": {"unparsed": '{"broken'}}},
    ]
    assert answered == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "f", "response": {"n": 1}, "id": "c1"}},
            {"inlineData": {"mimeType": "image/png", "data": "cG5n"}},
            {"functionResponse": {"name": "g", "response": {"error": "boom"}}},
            {"text": "And?"},
        ],
    }


@pytest.mark.parametrize(
    ("content", "response"), [("42", {"result": "42"}), ("[1]", {"result": "[1]"}), ("", {"result": ""})]
)
def test_a_result_that_is_no_object_becomes_one(content, response):
    calls = Message.assistant(ToolCallPart("1", "f", {}))
    sent = write(Message.user("?"), calls, Message.tool(ToolResultPart("1", content)))["contents"][2]
    assert sent["parts"][0]["functionResponse"]["response"] == response


def test_a_result_of_an_unknown_call_is_refused_before_it_is_sent():
    with pytest.raises(e.BadRequest, match="answers no call"):
        write(Message.user("?"), Message.tool(ToolResultPart("ghost", "42")))


def test_pictures_and_files():
    parts = [
        ImagePart(b"png"),
        ImagePart(url="https://e.example/a.png"),
        FilePart(file_id="files/1", media_type="a/b"),
    ]
    assert write(Message.user(*parts))["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "cG5n"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://e.example/a.png"}},
        {"fileData": {"mimeType": "a/b", "fileUri": "files/1"}},
    ]
    with pytest.raises(e.BadRequest, match="empty"):
        write(Message.user(ImagePart()))


def test_what_other_providers_left_in_the_history_does_not_go_back():
    said = Message.assistant(
        ThinkingPart("hm", "anthropic's signature"), OpaquePart("anthropic.messages", "compaction", {}), "Hi"
    )
    assert write(Message.user("?"), said)["contents"][1]["parts"] == [{"text": "Hi"}]


# -- after the end ------------------------------------------------------------------------------

# Old models wrote STOP into every chunk, so a reason to finish alone does not end an answer. It does
# where it was news: once a chunk with words came without a reason, the first reason is the end. And a
# chunk without a reason, after one with it, is none of such a model's either.


def test_a_model_that_stops_in_every_chunk_is_read_to_its_end():
    reply = read(*(chunk({"text": word}, finish="STOP") for word in "abc"))
    assert reply.text == "abc"
    assert not reply.notes


def test_such_a_model_may_end_for_another_reason():
    reply = read(chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}, finish="MAX_TOKENS"))
    assert (reply.text, str(reply.stop_reason)) == ("ab", "max_tokens")


@pytest.mark.parametrize("finish", [None, "STOP", "MAX_TOKENS"])
@pytest.mark.parametrize("late", [{"text": "no"}, {"functionCall": {"name": "f", "args": {}}}])
def test_what_comes_after_the_end_is_no_part_of_the_answer(late, finish):
    reply = read(chunk({"text": "Hel"}), chunk({"text": "lo"}, finish="STOP"), chunk(late, finish=finish))
    assert (reply.text, reply.tool_calls, str(reply.stop_reason)) == ("Hello", (), "stop")
    assert any("more after the end" in note for note in reply.notes)


def test_words_without_a_reason_after_words_with_one_are_left_out():
    assert read(chunk({"text": "Hi"}, finish="STOP"), chunk({"text": "no"})).text == "Hi"


@pytest.mark.parametrize("finish", [None, "STOP"])
def test_another_answer_is_not_appended(finish):
    other = chunk({"text": "no"}, finish=finish, responseId="r2", usageMetadata={"promptTokenCount": 99})
    reply = read(chunk({"text": "Hi"}, finish="STOP", usageMetadata={"promptTokenCount": 3}), other)
    assert (reply.text, reply.id, reply.usage.input) == ("Hi", "r1", 3)
    assert any("more after the end" in note for note in reply.notes)


def test_what_belongs_to_the_answer_may_come_after_its_end():
    reply = read(
        chunk({"text": "Hel"}),
        chunk({"text": "lo"}, finish="STOP"),
        chunk({"text": "", "thoughtSignature": "s"}),
        chunk(candidate={"groundingMetadata": {"webSearchQueries": ["q"]}}),
        {"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}},
    )
    assert reply.text == "Hello"
    assert any(isinstance(part, OpaquePart) for part in reply.message.parts)
    assert reply.raw["groundingMetadata"] == {"webSearchQueries": ["q"]}
    assert reply.usage.input == 3
    assert not reply.notes
