"""``wire.read``: a whole response at once, from whatever it is given."""

from __future__ import annotations

import gzip
import json

import pytest

from llmkit import wire
from llmkit.core import errors as e

WIRES = tuple(wire.WIRES)
CHAT = "openai.chat"
WHOLE = {
    "openai.chat": {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]},
    "openai.responses": {
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    },
    "anthropic.messages": {"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"},
    "gemini.generate": {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]},
}


def said(text, finish=None):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def broken(*chunks, error):
    yield from chunks
    raise error


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("given", ["text", ["text"], [b"", "text"], [3], [None]])
def test_only_bytes_are_read_and_the_error_says_so(name, given):
    with pytest.raises(TypeError, match=r"from bytes, not from (str; encode|int|NoneType)"):
        wire.read(name, given)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("name", WIRES)
def test_anything_that_holds_bytes_is_read(name, kind):
    body = json.dumps(WHOLE[name]).encode()
    assert wire.read(name, kind(body)).text == "Hi"
    assert wire.read(name, [kind(body[:9]), kind(body[9:])]).text == "Hi"


def test_a_connection_that_breaks_cuts_the_answer_off():
    error = ConnectionResetError("the peer went away")
    with pytest.raises(e.TruncatedStream, match="the peer went away") as caught:
        wire.read(CHAT, broken(said("half"), error=error))
    assert caught.value.partial.text == "half"
    assert caught.value.__cause__ is error


def test_a_connection_that_breaks_without_a_word_is_named_by_its_kind():
    with pytest.raises(e.TruncatedStream, match="TimeoutError"):
        wire.read(CHAT, broken(said("half"), error=TimeoutError()))


def test_a_connection_that_breaks_after_the_end_breaks_nothing():
    assert wire.read(CHAT, broken(said("all", "stop"), error=OSError("late"))).text == "all"


def test_a_connection_that_breaks_within_a_refusal_still_says_what_was_refused():
    body = b'{"error": {"message": "No such key.", "type": "invalid_api_key"}}'
    with pytest.raises(e.AuthError, match="No such key"):
        wire.read(CHAT, broken(body, error=OSError("late")), status=401)


def test_other_errors_of_the_one_who_gives_the_bytes_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        wire.read(CHAT, broken(said("half"), error=ZeroDivisionError()))


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("name", WIRES)
def test_a_compressed_body_is_named_as_such(name, size):
    body = gzip.compress(json.dumps(WHOLE[name]).encode(), mtime=0)
    with pytest.raises(e.NotAStream, match="compressed"):
        wire.read(name, [body[i : i + size] for i in range(0, len(body), size)])


def test_a_compressed_refusal_shows_no_gibberish():
    with pytest.raises(e.ServerError, match="compressed") as caught:
        wire.read(CHAT, gzip.compress(b'{"error": "x"}', mtime=0), status=500)
    assert caught.value.why.isascii()


@pytest.mark.parametrize(
    "page", [b"<html><body><h1>502</h1></body></html>", b"<title>502</title><h1>Error 502</h1>", b"502", b""]
)
def test_a_page_that_only_repeats_the_status_is_no_reason(page):
    with pytest.raises(e.ServerError) as caught:
        wire.read(CHAT, page, status=502)
    assert caught.value.why == ""
    assert "(502)" in caught.value.what


def test_a_page_with_words_is_a_reason():
    with pytest.raises(e.ServerError, match="502 Bad Gateway"):
        wire.read(CHAT, b"<h1>502 Bad Gateway</h1>", status=502)


@pytest.mark.parametrize("name", WIRES)
def test_an_unknown_server_is_read_like_the_others(name):
    assert wire.read(name, json.dumps(WHOLE[name]).encode(), dialect="new-server").text == "Hi"


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("dialect", [3, b"openai", ["openai"], {"name": "openai"}])
def test_a_dialect_that_is_no_name_is_a_mistake_that_says_which_there_are(name, dialect):
    with pytest.raises(TypeError, match="openrouter"):
        wire.read(name, b"{}", dialect=dialect)


# -- data: [DONE] ---------------------------------------------------------------------------------

DONE = b"data: [DONE]\n\n"
HALVES = {
    "anthropic.messages": [
        {"type": "message_start", "message": {"id": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "ha"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lf"}},
    ],
    "gemini.generate": [{"candidates": [{"content": {"parts": [{"text": "half"}]}}]}],
}
ENDS = {
    "anthropic.messages": {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    "gemini.generate": {"candidates": [{"finishReason": "STOP"}]},
}


def sse(*frames):
    return b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)


@pytest.mark.parametrize("name", HALVES)
def test_a_done_marker_is_no_evidence_where_the_wire_has_none(name):
    with pytest.raises(e.TruncatedStream) as caught:
        wire.read(name, sse(*HALVES[name]) + DONE)
    assert caught.value.partial.text == "half"
    assert not caught.value.partial.complete


@pytest.mark.parametrize("name", HALVES)
def test_a_done_marker_after_the_end_does_no_harm(name):
    """Proxies of one kind append it to whatever they pass on."""
    reply = wire.read(name, sse(*HALVES[name], ENDS[name]) + DONE)
    assert (reply.text, reply.complete, str(reply.stop_reason)) == ("half", True, "stop")


# -- usage ----------------------------------------------------------------------------------------

COUNTS = {
    "openai.chat": ("usage", "prompt_tokens"),
    "openai.responses": ("usage", "input_tokens"),
    "anthropic.messages": ("usage", "input_tokens"),
    "gemini.generate": ("usageMetadata", "promptTokenCount"),
}


@pytest.mark.parametrize("odd", [-5, float("nan"), float("inf"), 10**15, "12", 1.5])
@pytest.mark.parametrize("name", WIRES)
def test_a_count_that_is_none_earns_a_note(name, odd):
    place, field = COUNTS[name]
    reply = wire.read(name, json.dumps(WHOLE[name] | {place: {field: odd}}).encode())
    assert reply.usage.input is None
    assert [field in note and "not to be believed" in note for note in reply.notes] == [True]


@pytest.mark.parametrize("fine", [0, 7, None])
@pytest.mark.parametrize("name", WIRES)
def test_a_count_that_is_one_earns_none(name, fine):
    place, field = COUNTS[name]
    assert not wire.read(name, json.dumps(WHOLE[name] | {place: {field: fine}}).encode()).notes
