"""OpenAI's chat wire: what an answer was billed for, and what of it is kept although nobody reads it."""

from __future__ import annotations

import base64
from decimal import Decimal

import pytest
from chat_frames import (
    HEAD,
    WIRE,
    chunk,
    read,
    say,
    sse,
    usage,
)

from llmkit import wire

# -- usage and cost -----------------------------------------------------------------------------


def counted(dialect=None, **fields):
    return read(say("x"), chunk(finish="stop"), HEAD | {"choices": [], "usage": fields}, dialect=dialect)


def test_cached_tokens_are_taken_out_of_the_input():
    details = {"cached_tokens": 60, "cache_write_tokens": 10}
    got = counted(**usage(100, 5, prompt_tokens_details=details)).usage
    assert (got.input, got.cache_read, got.cache_write, got.total_input) == (30, 60, 10, 100)
    assert got.source == "provider"


@pytest.mark.parametrize("word", ["ttl_{}_tokens", "ttl_{}"])
def test_the_long_lived_cache_writes_are_told_apart(word):
    lives = {word.format("30m"): 4, word.format("12h"): 6}
    details = {"cache_write_tokens": 10, "cache_write_tokens_details": lives}
    got = counted(**usage(100, 5, prompt_tokens_details=details)).usage
    assert (got.cache_write_5m, got.cache_write_1h, got.input) == (4, 6, 90)


def test_reasoning_is_a_part_of_the_output():
    got = counted(**usage(10, 50, completion_tokens_details={"reasoning_tokens": 40})).usage
    assert (got.output, got.reasoning) == (50, 40)


@pytest.mark.parametrize("dialect", ["xai", None])
def test_reasoning_beside_the_output_is_seen_by_the_total_and_added(dialect):
    beside = usage(10, 5, total=55, completion_tokens_details={"reasoning_tokens": 40})
    assert counted(dialect, **beside).usage.output == 45


def test_the_total_has_the_last_word_about_reasoning():
    inside = usage(10, 50, total=60, completion_tokens_details={"reasoning_tokens": 40})
    assert counted("xai", **inside).usage.output == 50


def test_usage_inside_the_choice_counts():
    last = chunk(finish="stop")
    last["choices"][0]["usage"] = usage(19, 21) | {"cached_tokens": 3}
    got = read(say("x"), last, dialect="moonshot").usage
    assert (got.input, got.cache_read, got.output) == (16, 3, 21)


def test_the_last_usage_counts_and_is_never_summed():
    frames = [say(letter, usage=usage(10, number)) for number, letter in enumerate("abc", 1)]
    assert read(*frames, chunk(finish="stop")).usage.output == 3


def test_a_count_that_comes_as_null_leaves_the_earlier_one():
    last = {"prompt_tokens": None, "completion_tokens": 7, "total_tokens": None}
    got = read(say("x", usage=usage(10, 1)), chunk(finish="stop", usage=last)).usage
    assert (got.input, got.output) == (10, 7)


def test_groqs_own_place_for_usage_is_known():
    got = read(say("x"), chunk(finish="stop", x_groq={"id": "r", "usage": usage(3, 4)}))
    assert (got.usage.input, got.usage.output) == (3, 4)


def test_no_usage_is_unknown():
    got = read(say("x"), chunk(finish="stop")).usage
    assert (got.input, got.output, got.source) == (None, None, "unknown")


@pytest.mark.parametrize("bad", [-1, "5", True, 1.5, 1e300])
def test_a_count_that_cannot_be_is_unknown_and_noted(bad):
    reply = counted(prompt_tokens=10, completion_tokens=bad)
    assert (reply.usage.input, reply.usage.output) == (10, None)
    assert "usage" in reply.notes[0]


def test_more_cached_tokens_than_tokens_are_left_out():
    reply = counted(**usage(100, 5, prompt_tokens_details={"cached_tokens": 500}))
    assert (reply.usage.input, reply.usage.cache_read, reply.usage.total_input) == (100, None, 100)
    assert "overlap" in reply.notes[0]


@pytest.mark.parametrize(
    ("dialect", "fields", "dollars"),
    [
        ("openrouter", {"cost": 0.0003287}, "0.0003287"),
        ("xai", {"cost_in_usd_ticks": 5411000}, "0.0005411"),
        ("perplexity", {"cost": {"total_cost": 0.00501}}, "0.00501"),
        (None, {"cost": 0.25}, "0.25"),
    ],
)
def test_the_providers_own_cost_is_kept_in_dollars(dialect, fields, dollars):
    assert counted(dialect, **usage(1, 1), **fields).raw["provider_cost"] == Decimal(dollars)


@pytest.mark.parametrize("cost", [-1, "free", None, True, {}])
def test_a_cost_that_cannot_be_is_none(cost):
    assert "provider_cost" not in counted("openrouter", **usage(1, 1), cost=cost).raw


# -- what is kept -------------------------------------------------------------------------------


def test_what_the_reader_cannot_map_is_kept():
    reply = read(
        chunk({"content": "a", "channel": "one"}, x_groq={"id": "r"}, system_fingerprint="fp"),
        chunk({"content": "b", "channel": "two"}, logprobs={"content": [{"token": "b"}], "refusal": None}),
        chunk(finish="stop", native_finish_reason="end", x_groq={"seed": 1}, service_tier="flex"),
    )
    assert reply.raw["x_groq"] == {"id": "r", "seed": 1}
    assert reply.raw["system_fingerprint"] == "fp"
    assert reply.raw["message"] == {"channel": ["one", "two"]}
    assert reply.raw["logprobs"] == {"content": [{"token": "b"}]}
    assert reply.raw["choice"] == {"native_finish_reason": "end"}
    assert reply.raw["service_tier"] == "flex"


def test_padding_is_not_kept():
    assert "obfuscation" not in read(say("x", obfuscation="abc"), chunk(finish="stop")).raw


def test_reading_the_reply_twice_gives_the_same():
    reading = wire.reader(WIRE)
    detail = {"type": "reasoning.text", "text": "a", "index": 0}
    sound = {"id": "a", "data": base64.b64encode(b"ID3").decode()}
    reading.feed(sse(chunk({"reasoning_details": [detail], "audio": sound}), say("x"), done=False))
    assert reading.reply(complete=False) == reading.reply(complete=False)
