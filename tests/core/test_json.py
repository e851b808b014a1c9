"""Every value goes into JSON and comes back the same."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from llmkit.core import errors
from llmkit.core.events import (
    EVENTS,
    Done,
    Event,
    Failed,
    Rerouted,
    Retrying,
    ServerTool,
    Text,
    Thinking,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    event_from_json,
    event_to_json,
)
from llmkit.core.messages import ImagePart, Message, TextPart
from llmkit.core.reply import Reply, Timing
from llmkit.core.request import Options, Request, ToolSpec
from llmkit.core.route import Candidate, Route, Tried
from llmkit.core.signal import Signal
from llmkit.core.usage import Usage


def through_json(plain: object) -> object:
    return json.loads(json.dumps(plain))


WHOLE: list[Event] = [
    Text("hi"),
    Thinking("hm"),
    ToolCallDelta(0, '{"a"', "look"),
    ToolCall("c1", "look", {"a": 1}),
    ToolResult("c1", "look", "found", is_error=True),
    ServerTool("s1", "web_search", {"query": "sky"}, "done", "Sky – https://sky.example"),
    Rerouted("a/b", "c/d", "it failed"),
    Done(Reply(Message.assistant("hi"), timing=Timing(0.1, 0.2))),
]


@pytest.mark.parametrize("event", WHOLE, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_the_same(event: Event) -> None:
    assert event_from_json(through_json(event_to_json(event))) == event  # type: ignore[arg-type]


def test_an_event_with_an_error_comes_back_with_what_is_known_of_it() -> None:
    error = errors.RateLimited("Too fast.", why="429", hint="Wait.", status=429, retry_after=2.0)
    for event in (Retrying(1, 0.5, error), Failed(error, Reply(Message.assistant("par")))):
        back = event_from_json(through_json(event_to_json(event)))  # type: ignore[arg-type]
        assert type(back) is type(event)
        assert isinstance(back, Retrying | Failed)
        assert type(back.error) is errors.RateLimited
        assert (str(back.error), back.error.status, back.error.retry_after) == (str(error), 429, 2.0)


def test_no_kind_of_event_is_forgotten() -> None:
    assert {type(event) for event in WHOLE} | {Retrying, Failed} == set(EVENTS.values())


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="thinking"):
        event_from_json({"type": "telepathy"})


def test_a_request_comes_back_the_same_but_for_its_signal() -> None:
    signal = Signal.never()
    request = Request(
        model="m",
        messages=(Message.user("look", ImagePart(b"\x89PNG")),),
        signal=signal,
        system="Be terse.",
        options=Options(max_tokens=5, temperature=0.0, stop=("END",), think="low", extra={"x": 1}),
        tools=(ToolSpec("look", "Looks.", {"type": "object"}, strict=True),),
        tool_choice="any",
        schema={"type": "object"},
        stream=False,
        tag="t",
    )
    assert Request.from_json(through_json(request.to_json()), signal=signal) == request  # type: ignore[arg-type]


def test_a_reply_with_raw_comes_back_equal() -> None:
    reply = Reply(Message.assistant("hi"), raw={"x": 1})
    assert Reply.from_json(through_json(reply.to_json())) == reply  # type: ignore[arg-type]


def test_what_a_later_version_adds_to_a_usage_is_passed_over() -> None:
    assert Usage.from_json({"input": 1, "telepathy": 3}) == Usage(input=1)


def test_lists_become_tuples_so_that_values_stay_hashable() -> None:
    assert hash(Message("user", [TextPart("x")])) == hash(Message.user("x"))  # type: ignore[arg-type]
    assert hash(Options(stop=["a"])) == hash(Options(stop=("a",)))  # type: ignore[arg-type]
    assert Options(stop="END").stop == ("END",)  # type: ignore[arg-type]


def test_a_request_without_a_signal_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match=r"Signal\.never"):
        Request(model="m", messages=(Message.user("x"),), signal=None)  # type: ignore[arg-type]


def test_a_role_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="user"):
        Message("bogus", ())  # type: ignore[arg-type]


@pytest.mark.parametrize(("given", "reason"), [(None, "aborted"), ("", "aborted"), (ValueError("no"), "no")])
def test_any_reason_stops_and_is_kept_as_text(given: object, reason: str) -> None:
    signal = Signal.never()
    signal.abort(given)
    assert signal.aborted
    assert signal.reason == reason


@pytest.mark.parametrize("seconds", ["5", None, True])
def test_a_timeout_that_is_no_number_is_refused_in_words(seconds: object) -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        Signal.timeout(seconds)  # type: ignore[arg-type]


@pytest.mark.parametrize("tokens", ["5", None, True, 1.5])
def test_a_token_limit_that_is_no_whole_number_is_refused_in_words(tokens: object) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Signal.token_limit(tokens)  # type: ignore[arg-type]


def test_a_reply_that_came_by_a_route_comes_back_with_it() -> None:
    candidates = (
        Candidate(model="a/b", cost=Decimal("0.1"), quality=0.5, score=1.0, local=True),
        Candidate(model="c/d", reasons=("there is no key for c",)),
    )
    route = Route(
        "coding", "balanced", candidates, (Tried("a/b", "server", "It broke.", 0.1), Tried("c/d", "ok"))
    )
    reply = Reply(Message.assistant("hi"), route=route)
    assert Reply.from_json(json.loads(json.dumps(reply.to_json()))).route == route
