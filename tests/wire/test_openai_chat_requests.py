"""OpenAI's chat wire: what a request looks like, and what can't be asked."""

from __future__ import annotations

import pytest
from chat_frames import (
    PNG,
    write,
)

from llmkit.core import errors as e
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
from llmkit.core.request import Options, ToolSpec

# -- requests -----------------------------------------------------------------------------------


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
