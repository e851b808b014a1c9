"""Messages: what a prompt may be, what is refused, and JSON there and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkit.core.messages import (
    PARTS,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    as_messages,
    message_from_json,
    message_to_json,
    part_from_json,
    part_to_json,
)

words = st.text(max_size=20)
maybe = st.none() | words
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(words, plain, max_size=3)
images = st.builds(
    ImagePart, data=st.none() | st.binary(max_size=20), media_type=words, url=maybe, detail=maybe
)
parts = st.one_of(
    st.builds(TextPart, words, st.lists(objects, max_size=2).map(tuple)),
    images,
    st.builds(
        FilePart,
        data=st.none() | st.binary(max_size=20),
        media_type=words,
        name=maybe,
        url=maybe,
        file_id=maybe,
    ),
    st.builds(ThinkingPart, words, maybe, maybe, maybe),
    st.builds(ToolCallPart, maybe, words, objects | words, maybe),
    st.builds(ToolResultPart, maybe, words, words, st.booleans(), st.lists(images, max_size=2).map(tuple)),
    st.builds(OpaquePart, words, words, objects),
)


@given(parts)
def test_a_part_survives_json(part):
    assert part_from_json(json.loads(json.dumps(part_to_json(part)))) == part


@given(st.sampled_from(["system", "user", "assistant", "tool"]), st.lists(parts, max_size=4).map(tuple))
def test_a_message_survives_json(role, some):
    message = Message(role, some)
    assert message_from_json(json.loads(json.dumps(message_to_json(message)))) == message
    assert as_messages([message_to_json(message)]) == (message,)


def test_json_leaves_out_what_is_as_it_is_by_default():
    assert part_to_json(TextPart("hi")) == {"type": "text", "text": "hi"}
    assert part_to_json(ToolResultPart("1", "2")) == {"type": "tool_result", "id": "1", "content": "2"}


def test_every_kind_of_part_has_a_name_in_json():
    assert list(PARTS) == ["text", "image", "file", "thinking", "tool_call", "tool_result", "opaque"]


@pytest.mark.parametrize("kind", [None, "video", ["text"]])
def test_an_unknown_kind_of_part_is_refused_and_the_known_ones_are_named(kind):
    with pytest.raises(ValueError, match=r"Unknown kind of part.*tool_call"):
        part_from_json({"type": kind, "text": "hi"})


@pytest.mark.parametrize(
    "prompt",
    [
        "hi",
        Message.user("hi"),
        TextPart("hi"),
        {"role": "user", "content": "hi"},
        [Message.user("hi")],
        [{"role": "user", "content": "hi"}],
        [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        [{"role": "user", "content": ["hi"]}],
        ({"role": "user", "content": [TextPart("hi")]} for _ in range(1)),
        [{"role": "user", "content": "hi", "tool_calls": None}],
    ],
    ids=lambda prompt: type(prompt).__name__,
)
def test_a_prompt_may_be_given_in_many_ways(prompt):
    assert as_messages(prompt) == (Message.user("hi"),)


def test_a_developers_message_is_a_system_message():
    assert as_messages([{"role": "developer", "content": "Be terse."}]) == (Message.system("Be terse."),)


def test_a_message_without_content_has_no_parts():
    assert as_messages([{"role": "assistant", "content": None}]) == (Message("assistant", ()),)


@pytest.mark.parametrize(
    ("prompt", "error", "says"),
    [
        (None, TypeError, "A prompt must be text, a message or several, not NoneType"),
        (42, TypeError, "not int"),
        (["hi"], TypeError, "not str"),
        ([{"role": "robot", "content": "hi"}], ValueError, "must be one of system, user, assistant, tool"),
        ([{"content": "hi"}], ValueError, "not None"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], ValueError, "Content parts must be text"),
        ([{"role": "user", "content": [{"type": "thinking", "text": "hm"}]}], ValueError, "Content parts"),
        ([{"role": "user", "content": [7]}], ValueError, "Content parts"),
    ],
)
def test_what_is_no_prompt_is_refused(prompt, error, says):
    with pytest.raises(error, match=says):
        as_messages(prompt)


def test_a_mapping_never_loses_a_tool_call_in_silence():
    with pytest.raises(ValueError, match="'tool_calls' would be lost"):
        as_messages([{"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}])


def test_the_text_of_a_turn_is_its_words_without_its_thinking():
    turn = Message.assistant(ThinkingPart("hm"), "Hello, ", ToolCallPart("1", "add", {}), "world.")
    assert turn.text == "Hello, world."
    assert [call.name for call in turn.tool_calls] == ["add"]


def test_arguments_that_were_not_json_are_kept_as_the_model_wrote_them():
    broken = ToolCallPart("1", "add", '{"a": ')
    assert not broken.valid
    assert broken.arguments_json == '{"a": '


def test_arguments_are_written_as_json():
    whole = ToolCallPart("1", "add", {"city": "Zürich"})
    assert whole.valid
    assert whole.arguments_json == '{"city": "Zürich"}'
