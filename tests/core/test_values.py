"""What every value of core has in common: frozen, slotted, comparable, hashable, copyable, picklable."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from decimal import Decimal
from typing import get_type_hints

import pytest

from llmkit.core import events, messages, reply, request, usage
from llmkit.core.errors import RateLimited
from llmkit.core.signal import Signal

VALUES = [
    messages.TextPart("hi", ({"url": "https://example.com"},)),
    messages.ImagePart(b"\x89PNG"),
    messages.FilePart(b"%PDF", "application/pdf", "a.pdf"),
    messages.ThinkingPart("hm", signature="sig"),
    messages.ToolCallPart("1", "add", {"a": 1}),
    messages.ToolResultPart("1", "2"),
    messages.OpaquePart("anthropic.messages", "redacted", {"data": "x"}),
    messages.Message.user("hi"),
    request.Options(max_tokens=5, extra={"top_k": 3}),
    request.ToolSpec("add"),
    reply.Timing(0.1, 0.5),
    reply.Step(reply.Reply(), (messages.ToolResultPart("1", "42"),)),
    reply.Reply(messages.Message.assistant("Hello."), reply.StopReason("stop", "end_turn"), raw={"x": 1}),
    usage.Usage(input=1),
    usage.Cost(Decimal("0.01")),
    events.Text("a"),
    events.Thinking("a"),
    events.ToolCallDelta(0, "{"),
    events.ToolCall("1", "add", {"a": 1}),
    events.ToolResult("1", "add", "2"),
    events.ServerTool("1", "web_search", {"query": "sky"}, "failed", "no"),
    events.Rerouted("a", "b", "busy"),
    events.Done(reply.Reply()),
]
#: These hold something that is itself and nothing else: an error, a signal.
BY_IDENTITY = [
    request.Request(model="m", messages=(messages.Message.user("hi"),), signal=Signal.never()),
    events.Retrying(1, 0.5, RateLimited("Too fast.")),
    events.Failed(RateLimited("Too fast."), reply.Reply()),
]


def name(value):
    return type(value).__name__


def test_this_list_names_every_value_of_core():
    defined = {
        cls
        for module in (messages, request, reply, usage, events)
        for cls in vars(module).values()
        if isinstance(cls, type) and dataclasses.is_dataclass(cls) and cls.__module__ == module.__name__
    }
    assert {type(value) for value in VALUES + BY_IDENTITY} == defined


@pytest.mark.parametrize("value", VALUES + BY_IDENTITY, ids=name)
def test_a_value_cannot_be_changed(value):
    field = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, "other")


@pytest.mark.parametrize("value", VALUES + BY_IDENTITY, ids=name)
def test_a_value_has_no_room_for_anything_else(value):
    assert not hasattr(value, "__dict__")
    with pytest.raises((AttributeError, TypeError)):
        object.__setattr__(value, "something_else", 1)


@pytest.mark.parametrize("value", VALUES + BY_IDENTITY, ids=name)
def test_a_value_can_be_a_key(value):
    assert {value: "found"}[value] == "found"


@pytest.mark.parametrize("value", VALUES, ids=name)
def test_a_pickled_value_comes_back_equal(value):
    back = pickle.loads(pickle.dumps(value))
    assert back == value
    assert hash(back) == hash(value)
    assert copy.deepcopy(value) == value


@pytest.mark.parametrize("value", VALUES + BY_IDENTITY, ids=name)
def test_the_types_of_a_value_can_be_asked_for(value):
    assert set(get_type_hints(type(value))) >= {field.name for field in dataclasses.fields(value)}


def test_pictures_and_signatures_stay_out_of_a_repr():
    picture = messages.ImagePart(b"a whole picture")
    assert "whole picture" not in repr(picture)
    assert "secret-signature" not in repr(messages.ThinkingPart("hm", signature="secret-signature"))
