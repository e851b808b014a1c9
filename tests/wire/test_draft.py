"""A reply while it is being read."""

from __future__ import annotations

import pytest

from llmkit.core.messages import OpaquePart, TextPart, ThinkingPart, ToolCallPart
from llmkit.wire.draft import Draft, count, read_arguments


def test_an_empty_draft_is_an_empty_reply_that_knows_nothing():
    reply = Draft().build()
    assert reply.text == ""
    assert reply.message.parts == ()
    assert str(reply.stop_reason) == "unknown"
    assert reply.usage.total is None
    assert reply.usage.source == "unknown"


def test_parts_keep_the_order_in_which_they_began():
    draft = Draft()
    draft.thinking().pieces.append("hm")
    draft.text().pieces.append("a")
    draft.opaque("w", "kind", {"x": 1})
    draft.text().pieces.append("b")
    draft.new_tool("1", "f").pieces.append('{"q": 1}')
    assert draft.build().message.parts == (
        ThinkingPart("hm"),
        TextPart("a"),
        OpaquePart("w", "kind", {"x": 1}),
        TextPart("b"),
        ToolCallPart("1", "f", {"q": 1}),
    )


def test_text_goes_on_in_the_same_part_until_something_comes_between():
    draft = Draft()
    draft.text().pieces.append("a")
    draft.text().pieces.append("b")
    assert draft.build().message.parts == (TextPart("ab"),)


def test_empty_parts_are_left_out_but_a_signature_alone_is_not_empty():
    draft = Draft()
    draft.new_text()
    draft.new_thinking()
    draft.new_thinking().signature = "sig"
    assert draft.build().message.parts == (ThinkingPart("", "sig"),)


def test_a_draft_has_started_once_something_visible_came():
    draft = Draft()
    draft.new_text()
    assert not draft.started
    draft.text().pieces.append("a")
    assert draft.started


def test_a_note_is_made_once():
    draft = Draft()
    draft.note("odd")
    draft.note("odd")
    assert draft.build().notes == ("odd",)


def test_the_providers_own_cost_is_kept_as_it_came():
    draft = Draft()
    draft.cost = 0.0125
    assert draft.build().raw["provider_cost"] == 0.0125


def test_a_free_text_tool_is_not_read_as_json():
    draft = Draft()
    tool = draft.new_tool("1", "python")
    tool.text_only = True
    tool.pieces.append('{"looks": "like json"}')
    assert tool.part().arguments == '{"looks": "like json"}'


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", {}),
        ("  \n", {}),
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ('{"city": "Par', '{"city": "Par'),
        ("[1, 2]", "[1, 2]"),
        ("4 + 4", "4 + 4"),
        ("null", "null"),
        ('{"a":' * 100_000, '{"a":' * 100_000),
        ('{"n": ' + "9" * 5000 + "}", '{"n": ' + "9" * 5000 + "}"),
    ],
)
def test_arguments_are_an_object_or_stay_text(text, meant):
    assert read_arguments(text) == meant


@pytest.mark.parametrize("value", [-1, 1.5, float("nan"), float("inf"), True, "5", None, [], 10**15, 10**400])
def test_what_is_no_count_is_unknown(value):
    assert count(value) is None


@pytest.mark.parametrize(("value", "meant"), [(0, 0), (7, 7), (7.0, 7), (10**9, 10**9)])
def test_a_count_is_a_whole_number(value, meant):
    assert count(value) == meant
    assert type(count(value)) is int
