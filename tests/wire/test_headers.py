"""What the headers of an answer tell."""

from __future__ import annotations

import pytest

from llmkit.wire import headers as h

NOON = 1_767_268_800.0  # Thu, 01 Jan 2026 12:00:00 GMT


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "junk", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "-1", "retry-after": "9"}, 9.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:59:00 GMT"}, None),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30"}, 30.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Fri, 99 Foo 99999 99:99:99 GMT"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_server_asks_for(given, seconds):
    assert h.retry_after(given, now=NOON) == seconds


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        (
            {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"},
            {"requests": {"limit": 60.0, "remaining": 59.0}},
        ),
        ({"x-ratelimit-reset-tokens": "1m2.5s"}, {"tokens": {"reset": 62.5}}),
        ({"x-ratelimit-reset-tokens": "250ms"}, {"tokens": {"reset": 0.25}}),
        (
            {"anthropic-ratelimit-input-tokens-reset": "2026-01-01T12:00:10Z"},
            {"input-tokens": {"reset": 10.0}},
        ),
        ({"anthropic-ratelimit-tokens-reset": "2026-01-01T11:00:00Z"}, {"tokens": {"reset": 0.0}}),
        ({"anthropic-ratelimit-tokens-reset": "2026-01-01T12:00:05"}, {"tokens": {"reset": 5.0}}),
        ({"x-ratelimit-reset-requests": str(NOON + 4)}, {"requests": {"reset": 4.0}}),
        ({"x-ratelimit-reset-requests": str((NOON + 4) * 1000)}, {"requests": {"reset": 4.0}}),
        ({"x-ratelimit-remaining-requests": "many"}, {}),
        ({"x-ratelimit-reset-requests": "tomorrow"}, {}),
        ({"content-type": "text/event-stream"}, {}),
    ],
)
def test_what_is_left_of_the_limits(given, limits):
    assert h.rate_limits(given, now=NOON) == limits


@pytest.mark.parametrize("name", ["X-Request-Id", "request-id", "apim-request-id", "X-Groq-Request-Id"])
def test_the_request_id_is_found_under_any_providers_name(name):
    assert h.request_id(h.lower({name: "req_1"})) == "req_1"


def test_no_request_id_is_none():
    assert h.request_id({}) is None


@pytest.mark.parametrize(("said", "meant"), [("true", True), ("FALSE", False), ("maybe", None), ("", None)])
def test_the_servers_own_word_on_trying_again(said, meant):
    assert h.should_retry({"x-should-retry": said}) is meant
