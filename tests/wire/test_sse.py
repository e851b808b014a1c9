"""The decoder of bodies: what is a frame, and that the split of the bytes never matters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkit.wire.sse import ArraySplitter, Frame, FrameDecoder


def decode(*chunks: bytes) -> list[Frame]:
    decoder = FrameDecoder()
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return frames + decoder.end()


def bytewise(body: bytes) -> list[bytes]:
    return [body[i : i + 1] for i in range(len(body))]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_any_newline_ends_a_line(newline):
    body = newline.join([b"event: a", b"data: 1", b"", b"data: 2", b"", b""])
    assert decode(body) == decode(*bytewise(body)) == [("a", b"1"), (None, b"2")]


def test_a_carriage_return_and_its_newline_may_come_in_two_reads():
    assert decode(b"data: 1\r", b"\n\r", b"\ndata: 2\r\n\r\n") == [(None, b"1"), (None, b"2")]


def test_one_space_after_the_colon_is_no_data():
    assert decode(b"data:1\n\ndata:  2\n\n") == [(None, b"1"), (None, b" 2")]


def test_lines_of_data_are_joined_by_newlines():
    assert decode(b"data: {\ndata: }\ndata\n\n") == [(None, b"{\n}\n")]


def test_an_event_without_its_last_blank_line_still_counts():
    assert decode(b"data: 1\n\ndata: 2") == [(None, b"1"), (None, b"2")]


def test_an_event_name_belongs_to_one_event():
    assert decode(b"event: a\n\ndata: 1\n\n") == [(None, b"1")]


def test_comments_ids_and_retry_times_are_no_frames():
    decoder = FrameDecoder()
    assert decoder.feed(b": keep-alive\n\nid: 4\nretry: 10\n\ndata: 1\n\n") == [(None, b"1")]
    assert decoder.comments == 1
    assert decoder.stray == b""


@pytest.mark.parametrize("split", range(1, 12))
def test_a_byte_order_mark_is_skipped(split):
    body = b"\xef\xbb\xbfdata: 1\n\n"
    assert decode(body[:split], body[split:]) == [(None, b"1")]


def test_blank_lines_may_come_before_anything():
    # Servers that queue a request send them to keep the connection open.
    assert decode(b"\n", b"\r\n", b" ", b"data: 1\n\n") == [(None, b"1")]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "unknown"),
        (b" \n\n", "unknown"),
        (b"data: 1\n\n", "sse"),
        (b": ping\n\n", "sse"),
        (b'\n\n {"a": 1}', "json"),
        (b"[]", "array"),
        (b"<!doctype html>", "markup"),
    ],
)
def test_the_first_visible_byte_says_what_a_body_is(body, kind):
    decoder = FrameDecoder()
    for chunk in bytewise(body):
        decoder.feed(chunk)
    assert decoder.kind == kind


def test_a_document_is_kept_whole():
    decoder = FrameDecoder()
    for chunk in bytewise(b'\n{"a":\n1}'):
        assert decoder.feed(chunk) == []
    assert decoder.end() == []
    assert decoder.body == b'{"a":\n1}'


def test_the_elements_of_an_array_come_as_they_end():
    decoder = FrameDecoder()
    assert decoder.feed(b'[{"a": "]},{"},\n{"b"') == [(None, b'{"a": "]},{"}')]
    assert decoder.feed(b': [{"c": "\\"}"}]}') == [(None, b'{"b": [{"c": "\\"}"}]}')]
    assert decoder.feed(b"\n]") == []
    assert decoder.end() == []


def test_an_element_that_never_ended_is_the_last_frame():
    assert decode(b'[{"a": 1}, {"b": ') == [(None, b'{"a": 1}'), (None, b'{"b": ')]


def test_what_follows_the_array_is_ignored():
    splitter = ArraySplitter()
    assert splitter.feed(b'[{"a": 1}] {"b": 2}') == [b'{"a": 1}']
    assert splitter.closed


@pytest.mark.parametrize("line", [b'error: {"code": 500}', b'{"error": {"code": 500}}'])
def test_an_error_that_nobody_framed_is_a_frame(line):
    frames = decode(b"data: 1\n\n" + line + b"\n\n")
    assert frames == [(None, b"1"), ("error", line.removeprefix(b"error: "))]


def test_a_line_of_no_stream_of_events_is_kept_to_show():
    decoder = FrameDecoder()
    decoder.feed(b"upstream connect error\nnever mind\n")
    assert decoder.stray == b"upstream connect error"


@pytest.mark.parametrize("cut", [b"d", b"dat", b"even", b"retr"])
def test_half_a_field_name_is_a_cut_and_no_stray_line(cut):
    decoder = FrameDecoder()
    decoder.feed(cut)
    decoder.end()
    assert decoder.stray == b""


def test_a_line_of_5_mb_in_small_reads_is_joined_once():
    class Counting(bytes):
        """Bytes that count how often they are searched for a newline."""

        searched = 0

        def __contains__(self, what):
            Counting.searched += 1
            return super().__contains__(what)

    decoder = FrameDecoder()
    reads = 5000
    decoder.feed(b"data: ")
    for _ in range(reads):
        assert decoder.feed(Counting(b"x" * 1024)) == []
    assert decoder.feed(b"\n\n") == [(None, b"x" * 1024 * reads)]
    assert Counting.searched <= 3 * reads  # each read is looked at for itself, never what came before


_LINES = (b"data:", b"data: ", b"event: e", b"error:", b"id: 1", b":", b"\n", b"\r", b"\r\n", b"\n\n")
_STUFF = (b"x", b" ", b"{", b"[", b"]", b"}", b'"', b"\\", b"[DONE]", b"<")
_ODD = (b"\xef\xbb\xbf", b"\xef", b"\xff", b"\xe2\x82\xac")
_ALPHABET = st.sampled_from(_LINES + _STUFF + _ODD)


@given(st.lists(_ALPHABET, max_size=30).map(b"".join), st.data())
def test_no_split_changes_what_is_decoded(body, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert decode(*chunks) == decode(body) == decode(*bytewise(body))
