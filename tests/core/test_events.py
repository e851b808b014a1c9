"""Events: a closed union, of which two are terminal. That a match over it is exhaustive is checked
by mypy in typed_events.py; here the same match is run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import get_args

import pytest

from llmkit.core import events, messages
from llmkit.core.errors import RateLimited
from llmkit.core.events import Done, Event, Failed, Terminal
from llmkit.core.messages import Message
from llmkit.core.reply import Reply

HELLO = Reply(Message.assistant("Hello."))
ONE_OF_EACH = [
    (events.Text("Hi"), "Hi"),
    (events.Thinking("hm"), "(hm)"),
    (events.ToolCallDelta(0, "{"), "0: {"),
    (events.ToolCall("1", "add", {}), "add(...)"),
    (events.ToolResult("1", "add", "2"), "add -> 2"),
    (events.ServerTool("1", "web_search", {"query": "sky"}), "web_search running"),
    (events.Retrying(1, 0.5, RateLimited("Too fast.")), "attempt 1 failed, next in 0.5 s"),
    (events.Rerouted("a", "b", "busy"), "a -> b: busy"),
    (events.Done(HELLO), "done: Hello."),
    (events.Failed(RateLimited("Too fast."), HELLO), "failed: Too fast. after Hello."),
]


@pytest.fixture(scope="module")
def typed():
    spec = importlib.util.spec_from_file_location("typed_events", Path(__file__).with_name("typed_events.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_one_of_each_here():
    assert {type(event) for event, _ in ONE_OF_EACH} == set(get_args(Event))


@pytest.mark.parametrize(("event", "line"), ONE_OF_EACH, ids=lambda value: type(value).__name__)
def test_a_match_handles_every_event(typed, event, line):
    assert typed.describe(event) == line


def test_exactly_two_events_end_a_stream(typed):
    assert set(get_args(Terminal)) == {Done, Failed}
    assert [type(event) for event, _ in ONE_OF_EACH if typed.is_end(event)] == [Done, Failed]
    assert typed.outcome(Done(HELLO))
    assert not typed.outcome(Failed(RateLimited("Too fast."), HELLO))


def test_a_match_handles_every_part(typed):
    empty = {
        messages.TextPart: ("",),
        messages.ToolCallPart: ("1", "add", {}),
        messages.ToolResultPart: ("1", ""),
        messages.OpaquePart: ("wire", "kind", {}),
    }
    assert [typed.kind(cls(*empty.get(cls, ()))) for cls in messages.PARTS.values()] == list(messages.PARTS)


def test_events_of_the_same_words_are_equal_and_others_are_not():
    assert events.Text("a") == events.Text("a")
    assert events.Text("a") != events.Thinking("a")
