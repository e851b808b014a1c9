"""Replies: the answer in its several readings, stop reasons in one vocabulary, JSON there and back."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkit.core.errors import NotJson
from llmkit.core.messages import ImagePart, Message, TextPart, ThinkingPart, ToolCallPart
from llmkit.core.reply import STOPS, UNKNOWN_STOP, Reply, StopReason, Timing
from llmkit.core.usage import Cost, Usage

counts = st.none() | st.integers(0, 10**9)
seconds = st.none() | st.floats(0, 1e6)
words = st.text(max_size=20)


def says(text):
    return Reply(Message.assistant(text))


class TestStopReason:
    def test_it_is_its_class_as_text(self):
        assert str(StopReason("max_tokens", "length")) == "max_tokens"
        assert json.dumps(StopReason("max_tokens", "length")) == '"max_tokens"'

    def test_it_equals_its_class_and_the_providers_word(self):
        stop = StopReason("max_tokens", "length")
        assert stop == "max_tokens"
        assert stop == "length"
        assert "length" == stop  # noqa: SIM300 - either way round
        assert stop != "stop"
        assert not stop != "length"  # noqa: SIM202 - `!=` has a method of its own

    def test_two_of_one_class_are_equal_whatever_the_providers_call_it(self):
        assert StopReason("max_tokens", "length") == StopReason("max_tokens", "MAX_TOKENS")

    def test_it_hashes_as_its_class(self):
        assert {"max_tokens": 1}[StopReason("max_tokens", "length")] == 1

    def test_where_the_provider_said_nothing_it_equals_nothing(self):
        assert UNKNOWN_STOP == None  # noqa: E711 - `==` is what is tested
        assert StopReason("stop", "end_turn") != None  # noqa: E711
        assert UNKNOWN_STOP not in (0, b"unknown")

    def test_it_matches_as_text(self):
        match StopReason("tool_use", "tool_calls"):
            case "tool_use":
                matched = True
            case _:
                matched = False
        assert matched

    @pytest.mark.parametrize("name", STOPS)
    def test_every_class_can_be_pickled_with_its_word(self, name):
        back = pickle.loads(pickle.dumps(StopReason(name, "theirs")))
        assert (str(back), back.provider) == (name, "theirs")

    def test_an_unheard_of_class_is_refused(self):
        with pytest.raises(ValueError, match="Not a class of stop reasons: 'length'"):
            StopReason("length")

    def test_its_repr_shows_both(self):
        assert repr(StopReason("stop", "end_turn")) == "StopReason('stop', 'end_turn')"


class TestReadings:
    def test_text_thinking_tools_and_pictures_are_told_apart(self):
        picture = ImagePart(b"x")
        call = ToolCallPart("1", "add", {"a": 1})
        cited = TextPart("Yes.", ({"url": "https://example.com"},))
        reply = Reply(Message.assistant(ThinkingPart("hm"), cited, call, picture))
        assert (reply.text, reply.thinking) == ("Yes.", "hm")
        assert reply.tool_calls == (call,)
        assert reply.images == (picture,)
        assert reply.citations == ({"url": "https://example.com"},)

    def test_a_reply_prints_as_its_text(self):
        assert f"{says('Hello.')}" == "Hello."

    @pytest.mark.parametrize(
        "text",
        [
            '{"a": 1}',
            ' {"a": 1}\n',
            '```json\n{"a": 1}\n```',
            'Here you are:\n\n```\n{"a": 1}\n```\nAnything else?',
            '```json\r\n{"a": 1}\r\n```\r\n',
        ],
    )
    def test_json_is_read_with_or_without_a_fence(self, text):
        assert says(text).json == {"a": 1}

    def test_what_is_no_json_says_so(self):
        with pytest.raises(NotJson) as caught:
            _ = says("I would rather not.").json
        assert isinstance(caught.value, ValueError)
        assert caught.value.partial == says("I would rather not.")
        what, why, hint = str(caught.value).splitlines()
        assert what == "The answer is not JSON."
        assert why.endswith("It begins: I would rather not.")
        assert "schema" in hint

    @pytest.mark.parametrize(
        ("reply", "why"),
        [
            (says('{"a": ').with_(stop_reason=StopReason("max_tokens", "length")), "token limit"),
            (says('{"a": ').with_(complete=False), "part of an answer"),
            (says(""), "no words"),
            (says("[" * 100_000), "It begins: [[["),
        ],
    )
    def test_why_it_is_no_json_is_said_where_that_is_known(self, reply, why):
        with pytest.raises(NotJson, match="not JSON") as caught:
            _ = reply.json
        assert why in caught.value.why

    def test_code_is_what_stands_in_the_fences(self):
        assert says("First:\n```python\na = 1\n```\nthen\n```py\nb = 2\n```").code == "a = 1\n\nb = 2\n"

    def test_without_a_fence_the_whole_text_is_code(self):
        assert says("a = 1").code == "a = 1"

    def test_with_replaces_and_leaves_the_first_as_it_was(self):
        first = says("Hello.")
        assert first.with_(simulated=True).simulated
        assert not first.simulated


class TestTiming:
    def test_the_pace_counts_from_the_first_token(self):
        assert Timing(ttft=1.0, duration=3.0).tokens_per_second(100) == 50.0

    @pytest.mark.parametrize(
        ("timing", "output"),
        [(Timing(), 10), (Timing(0.1, 1.0), None), (Timing(1.0, 1.0), 10)],
        ids=["no duration", "no tokens", "no time between"],
    )
    def test_an_unknown_pace_is_none(self, timing, output):
        assert timing.tokens_per_second(output) is None


@given(
    st.builds(
        Reply,
        message=st.builds(Message.assistant, words),
        stop_reason=st.builds(StopReason, st.sampled_from(STOPS), st.none() | words),
        usage=st.builds(Usage, input=counts, output=counts, reasoning=counts, cache_read=counts),
        cost=st.builds(Cost, st.none() | st.decimals(0, 10**6, places=9), note=words),
        timing=st.builds(Timing, seconds, seconds),
        model=st.none() | words,
        id=st.none() | words,
        refusal=st.none() | words,
        simulated=st.booleans(),
        complete=st.booleans(),
        attempts=st.integers(1, 9),
        notes=st.lists(words, max_size=3).map(tuple),
    )
)
def test_a_reply_survives_json(reply):
    back = Reply.from_json(json.loads(json.dumps(reply.to_json())))
    assert back == reply
    assert back.stop_reason.provider == reply.stop_reason.provider
    assert pickle.loads(pickle.dumps(reply)) == reply


def test_what_the_reader_could_not_map_does_not_travel():
    assert "raw" not in Reply(raw={"x": 1}).to_json()


def test_money_survives_json_to_the_last_digit():
    tiny = Reply(cost=Cost(Decimal("0.000000123456789")))
    assert Reply.from_json(json.loads(json.dumps(tiny.to_json()))).cost.amount == Decimal("0.000000123456789")
