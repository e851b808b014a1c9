"""What no bytes can do to any wire: no silent loss, and no exception but ours.

The small streams here are made by hand, one for each wire; where recordings are at hand, they are cut
and mutated as well. What the frames of one wire mean lives in that wire's own file.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkit import wire
from llmkit.core import errors as e
from llmkit.core.events import Done, Failed, Text, Thinking, ToolCall
from llmkit.core.reply import Reply

TEXT = 'Grüße, 世界 🌍 "q" \\ {]'


@dataclass(frozen=True)
class Sample:
    """A whole stream of a wire, frame by frame, and the same answer as one document."""

    wire: str
    frames: tuple[bytes, ...]
    document: bytes
    terminal: bool = True  # does the last frame end the stream, rather than the end of the body?

    @property
    def body(self) -> bytes:
        return b"".join(self.frames)


def _sse(*frames: Any) -> tuple[bytes, ...]:
    return tuple(
        b"data: " + (f if isinstance(f, bytes) else json.dumps(f, ensure_ascii=False).encode()) + b"\n\n"
        for f in frames
    )


def _anthropic() -> Sample:
    def delta(index: int, **delta: Any) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": delta}

    def start(index: int, **block: Any) -> dict[str, Any]:
        return {"type": "content_block_start", "index": index, "content_block": block}

    def stop(index: int) -> dict[str, Any]:
        return {"type": "content_block_stop", "index": index}

    message = {"id": "m1", "model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}
    frames = _sse(
        {"type": "message_start", "message": message},
        start(0, type="thinking", thinking=""),
        delta(0, type="thinking_delta", thinking="hm"),
        stop(0),
        start(1, type="text", text=""),
        {"type": "ping"},
        *(delta(1, type="text_delta", text=piece) for piece in (TEXT[:3], TEXT[3:])),
        stop(1),
        start(2, type="tool_use", id="t1", name="f", input={}),
        *(delta(2, type="input_json_delta", partial_json=piece) for piece in ('{"a"', ": 1}")),
        stop(2),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    )
    content = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": TEXT},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
    ]
    usage = {"input_tokens": 9, "output_tokens": 7}
    document = {"type": "message", **message, "content": content, "stop_reason": "tool_use", "usage": usage}
    return Sample("anthropic.messages", frames, json.dumps(document).encode())


def _chat() -> Sample:
    def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "m1", "model": "m", "object": "chat.completion.chunk", "choices": [choice]}

    def call(**function: Any) -> dict[str, Any]:
        given = {"id": "t1", "type": "function"} if "name" in function else {}
        return {"tool_calls": [{"index": 0, "function": function, **given}]}

    usage = {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}
    frames = _sse(
        chunk(role="assistant", content=""),
        chunk(reasoning_content="hm"),
        *(chunk(content=piece) for piece in (TEXT[:3], TEXT[3:])),
        chunk(**call(name="f", arguments="")),
        *(chunk(**call(arguments=piece)) for piece in ('{"a"', ": 1}")),
        chunk("tool_calls"),
        {"id": "m1", "model": "m", "object": "chat.completion.chunk", "choices": [], "usage": usage},
        b"[DONE]",
    )
    message = {
        "role": "assistant",
        "content": TEXT,
        "reasoning_content": "hm",
        "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
    }
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    document = {"id": "m1", "model": "m", "object": "chat.completion", "choices": [choice], "usage": usage}
    return Sample("openai.chat", frames, json.dumps(document).encode())


def _responses() -> Sample:
    def item(kind: str, index: int, **item: Any) -> dict[str, Any]:
        return {"type": f"response.output_item.{kind}", "output_index": index, "item": item}

    reasoning = {"type": "reasoning", "id": "i0", "summary": [{"type": "summary_text", "text": "hm"}]}
    said = {
        "type": "message",
        "id": "i1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": TEXT, "annotations": []}],
    }
    call = {"type": "function_call", "id": "i2", "call_id": "t1", "name": "f", "arguments": '{"a": 1}'}
    usage = {"input_tokens": 9, "output_tokens": 7, "total_tokens": 16}
    response = {"id": "m1", "model": "m", "object": "response", "output": []}
    done = response | {"status": "completed", "output": [reasoning, said, call], "usage": usage}
    summary = {"item_id": "i0", "output_index": 0, "summary_index": 0}
    words = {"item_id": "i1", "output_index": 1, "content_index": 0}
    frames = _sse(
        {"type": "response.created", "response": response | {"status": "in_progress"}},
        item("added", 0, **(reasoning | {"summary": []})),
        {
            "type": "response.reasoning_summary_part.added",
            **summary,
            "part": {"type": "summary_text", "text": ""},
        },
        {"type": "response.reasoning_summary_text.delta", **summary, "delta": "hm"},
        {"type": "response.reasoning_summary_text.done", **summary, "text": "hm"},
        item("done", 0, **reasoning),
        item("added", 1, **(said | {"content": [], "status": "in_progress"})),
        {"type": "response.content_part.added", **words, "part": {"type": "output_text", "text": ""}},
        *({"type": "response.output_text.delta", **words, "delta": piece} for piece in (TEXT[:3], TEXT[3:])),
        {"type": "response.output_text.done", **words, "text": TEXT},
        item("done", 1, **said),
        item("added", 2, **(call | {"arguments": ""})),
        *(
            {
                "type": "response.function_call_arguments.delta",
                "item_id": "i2",
                "output_index": 2,
                "delta": piece,
            }
            for piece in ('{"a"', ": 1}")
        ),
        item("done", 2, **call),
        {"type": "response.completed", "response": done},
    )
    return Sample("openai.responses", frames, json.dumps(done).encode())


def _gemini() -> Sample:
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 7, "totalTokenCount": 16}

    def chunk(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
        candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **more}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "m1"}

    call = {"functionCall": {"name": "f", "args": {"a": 1}, "id": "t1"}}
    frames = _sse(
        chunk({"text": "hm", "thought": True}),
        *(chunk({"text": piece}) for piece in (TEXT[:3], TEXT[3:])),
        chunk(call),
        chunk({"text": ""}, finishReason="STOP"),
    )
    document = chunk({"text": "hm", "thought": True}, {"text": TEXT}, call, finishReason="STOP")
    return Sample("gemini.generate", frames, json.dumps(document).encode(), terminal=False)


SAMPLES = [_anthropic(), _chat(), _responses(), _gemini()]
every_wire = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.wire)


def outcome(name: str, *chunks: bytes, **more: Any) -> Reply | e.LLMKitError:
    try:
        return wire.read(name, chunks, **more)
    except e.LLMKitError as error:
        return error


def said(reply: Reply | None) -> tuple[Any, ...]:
    assert reply is not None
    calls = [(call.id, call.name, call.arguments) for call in reply.tool_calls]
    return reply.text, reply.thinking, calls


def fate(result: Reply | e.LLMKitError) -> Any:
    """What must not depend on the split."""
    if isinstance(result, e.LLMKitError):
        return type(result), str(result), said(result.partial)
    return result


WHOLE = (TEXT, "hm", [("t1", "f", {"a": 1})])


@every_wire
def test_a_whole_stream_and_a_whole_document_say_the_same(sample):
    for body in (sample.body, sample.document):
        reply = wire.read(sample.wire, body)
        assert said(reply) == WHOLE
        assert str(reply.stop_reason) == "tool_use"
        assert (reply.usage.input, reply.usage.output, reply.model, reply.id) == (9, 7, "m", "m1")


@every_wire
def test_the_events_say_what_the_reply_says_and_end_once(sample):
    reader = wire.reader(sample.wire)
    seen = [event for i in range(len(sample.body)) for event in reader.feed(sample.body[i : i + 1])]
    seen += reader.end()
    assert "".join(event.text for event in seen if isinstance(event, Text)) == TEXT
    assert "".join(event.text for event in seen if isinstance(event, Thinking)) == "hm"
    assert [event for event in seen if isinstance(event, ToolCall)] == [ToolCall("t1", "f", {"a": 1})]
    assert [isinstance(event, Done | Failed) for event in seen].count(True) == 1
    assert isinstance(seen[-1], Done)
    assert said(seen[-1].reply) == WHOLE
    assert reader.feed(b"data: {}\n\n") == reader.end() == []


@every_wire
def test_a_cut_anywhere_is_an_error_or_the_whole_answer(sample):
    for body in (sample.body, sample.document):
        for at in range(len(body)):
            result = outcome(sample.wire, body[:at])
            if isinstance(result, Reply):
                assert said(result) == WHOLE, f"a silent loss, cut at {at}"
            else:
                assert isinstance(result, e.StreamError)
                assert result.partial is not None
                assert result.partial.complete is False
                assert TEXT.startswith(result.partial.text)


@every_wire
def test_a_cut_before_the_end_was_announced_is_an_error(sample):
    evidence = {"anthropic.messages": 2, "openai.chat": 3, "openai.responses": 1, "gemini.generate": 1}
    whole_frames = len(sample.frames) - evidence[sample.wire]
    for kept in range(whole_frames + 1):
        result = outcome(sample.wire, *sample.frames[:kept])
        assert isinstance(result, e.TruncatedStream), f"after {kept} frames"
        assert result.retryable


@every_wire
@pytest.mark.parametrize("newline", [b"\r\n", b"\r"])
def test_newlines_of_any_kind_change_nothing(sample, newline):
    body = sample.body.replace(b"\n", newline)
    whole = wire.read(sample.wire, sample.body)
    assert wire.read(sample.wire, body) == whole
    assert wire.read(sample.wire, [body[i : i + 1] for i in range(len(body))]) == whole


@every_wire
@pytest.mark.parametrize(
    "noise",
    [
        b": keep-alive\n\n",
        b":\n",
        b"event: ping\n\n",
        b"event: ping\ndata:\n\n",
        b"event: news\ndata: {}\n\n",
        b'data: {"type": "news", "about": "nothing"}\n\n',
        b"id: 7\n: x\nretry: 100\n\n",
        b"\n\n\n",
        b"data: null\n\n",
        b"data: 7\n\n",
    ],
)
def test_noise_between_the_frames_changes_nothing(sample, noise):
    body = noise + noise.join(sample.frames)
    assert said(wire.read(sample.wire, body)) == WHOLE


@every_wire
def test_a_byte_order_mark_changes_nothing(sample):
    for body in (sample.body, sample.document):
        assert said(wire.read(sample.wire, b"\xef\xbb\xbf" + body)) == WHOLE


@every_wire
def test_bad_utf_8_is_replaced_and_counted(sample):
    body = sample.body.replace("ü".encode(), b"\xfc").replace("🌍".encode(), b"\xf0\x9f")
    reader = wire.reader(sample.wire)
    last = (reader.feed(body) + reader.end())[-1]
    assert isinstance(last, Done)
    assert "\ufffd" in last.reply.text
    assert last.reply.text.startswith("Gr\ufffd")
    assert reader.replaced >= 2
    assert any("UTF-8" in note for note in last.reply.notes)


@every_wire
def test_half_a_surrogate_pair_is_replaced(sample):
    body = sample.body.replace("🌍".encode(), b"\\ud83c\\udf0d \\ud83c")
    reply = wire.read(sample.wire, body)
    assert "🌍 \ufffd" in reply.text
    reply.text.encode("utf-8")


@every_wire
def test_a_half_frame_in_the_middle_is_malformed_and_keeps_what_came(sample):
    at = next(i for i, frame in enumerate(sample.frames) if "Grü"[:2].encode() in frame)
    broken = sample.frames[at + 1][:-9] + b"\n\n"
    result = outcome(sample.wire, *sample.frames[: at + 1], broken, *sample.frames[at + 2 :])
    assert isinstance(result, e.MalformedStream)
    assert result.partial is not None
    assert result.partial.text == TEXT[:3]
    assert len(result.why) < 250


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.terminal], ids=lambda sample: sample.wire)
def test_what_follows_the_end_of_the_answer_is_ignored(sample):
    for more in (sample.body, b"data: {broken", b'data: {"error": {"message": "late"}}\n\n', b"\xff\xff"):
        assert said(wire.read(sample.wire, sample.body + more)) == WHOLE


@every_wire
@pytest.mark.parametrize(
    "page", [b"<html><h1>Log in</h1></html>", b"\n <!DOCTYPE html><p>Log in</p>", b"<x>Log in"]
)
def test_a_web_page_is_no_stream(sample, page):
    with pytest.raises(e.NotAStream) as caught:
        wire.read(sample.wire, page)
    assert "Log in" in str(caught.value)
    assert "<" not in str(caught.value)
    assert not caught.value.retryable


@every_wire
@pytest.mark.parametrize(
    "words", [b"upstream connect error", b"Service Unavailable\n", b"no healthy upstream\r\n"]
)
def test_plain_words_are_no_stream(sample, words):
    with pytest.raises(e.NotAStream) as caught:
        wire.read(sample.wire, words)
    assert words.decode().strip() in str(caught.value)


@every_wire
@pytest.mark.parametrize("body", [b"", b"\n\n", b": ping\n\n: ping\n\n", b"\xef\xbb\xbf"])
def test_nothing_at_all_is_a_cut_stream(sample, body):
    assert isinstance(outcome(sample.wire, body), e.TruncatedStream)


@every_wire
def test_an_error_that_nobody_framed_is_raised(sample):
    for body in (
        b'{"error": {"message": "boom", "type": "server_error"}}',
        b'error: {"error": {"message": "boom"}}\n',
    ):
        result = outcome(sample.wire, body)
        assert isinstance(result, e.ServerError)
        assert result.why == "boom"


@every_wire
@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 529])
def test_an_error_status_is_an_error_whatever_the_body(sample, status):
    for body in (sample.body, sample.document, b"", b"<p>no</p>", b"\xff"):
        result = outcome(sample.wire, body, status=status, headers={"Retry-After": "2"})
        assert isinstance(result, e.ProviderError)
        assert result.status == status
        assert result.retry_after == 2.0


@every_wire
def test_a_frame_of_5_mb_is_read_in_small_reads(sample):
    words = "wörd " * 1_000_000
    body = sample.body.replace(json.dumps(TEXT[3:], ensure_ascii=False)[1:-1].encode(), words.encode())
    reads = [body[i : i + 4096] for i in range(0, len(body), 4096)]
    assert len(reads) > 1000
    result = outcome(sample.wire, *reads)
    partial = result if isinstance(result, Reply) else result.partial
    assert partial is not None
    assert partial.text.startswith(TEXT[:3] + "wörd wörd ")
    assert len(partial.text) >= len(words)


@every_wire
@pytest.mark.parametrize(
    "odd",
    [
        b"[" * 50_000,
        b'{"a":' * 50_000,
        b'{"choices": ' + b"9" * 5000 + b"}",
        b'{"error": {"code": ' + b"9" * 5000 + b"}}",
        b'{"type": []}',
        b'{"type": {"a": 1}}',
        b'{"usage": {"input_tokens": 1e999}}',
        b'{"candidates": 7, "choices": 7, "content": 7, "output": 7}',
        b'{"candidates": [7], "choices": [7], "content": [7], "output": [7]}',
        b'{"candidates": [{"content": {"parts": [{"text": 7}]}}]}',
        b'{"type": "content_block_delta", "index": [], "delta": {"type": "text_delta", "text": 7}}',
        b'{"type": "response.output_text.delta", "delta": 7}',
        b'{"choices": [{"delta": {"content": 7, "tool_calls": 7}}]}',
        b'{"choices": [{"delta": {"tool_calls": [{"index": {}, "function": []}]}}]}',
        b'{"type": "response.completed", "response": 7}',
        b'{"error": []}',
        b'{"error": {"message": {"a": []}}}',
    ],
)
def test_no_frame_and_no_document_is_too_odd(sample, odd):
    for body in (b"data: " + odd + b"\n\n", sample.frames[0] + b"data: " + odd + b"\n\n" + sample.body, odd):
        result = outcome(sample.wire, body)
        partial = result.partial if isinstance(result, e.LLMKitError) else result
        assert partial is not None
        assert isinstance(partial.text + partial.thinking, str)
        json.dumps(partial.usage.to_json(), allow_nan=False)


_SAMPLES = st.sampled_from(SAMPLES)


@given(_SAMPLES, st.booleans(), st.lists(st.integers(0, 10_000), max_size=8))
def test_no_split_changes_the_outcome(sample, document, cuts):
    body = sample.document if document else sample.body
    places = sorted(at % (len(body) + 1) for at in cuts)
    chunks = [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]
    assert fate(outcome(sample.wire, *chunks)) == fate(outcome(sample.wire, body))


_EDITS = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 3), st.binary(min_size=1, max_size=6)),
    min_size=1,
    max_size=5,
)


def mutated(body: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for place, removed, added in edits:
        at = place % (len(body) + 1)
        body = body[:at] + added + body[at + removed :]
    return body


@given(_SAMPLES, st.booleans(), _EDITS, st.integers(1, 50))
def test_mutated_bytes_raise_nothing_but_our_errors_at_any_split(sample, document, edits, width):
    body = mutated(sample.document if document else sample.body, edits)
    whole = outcome(sample.wire, body)
    chunks = [body[i : i + width] for i in range(0, len(body), width)]
    assert fate(outcome(sample.wire, *chunks)) == fate(whole)


@given(_SAMPLES, st.data())
def test_mutated_values_raise_nothing_but_our_errors(sample, data):
    """Well-formed JSON with a value that is none of the wire's."""
    at = data.draw(st.integers(0, len(sample.frames) - 1))
    frame = sample.frames[at].removeprefix(b"data: ").strip()
    if frame == b"[DONE]":
        return
    value = json.loads(frame)
    junk = data.draw(
        st.sampled_from([None, 7, -1.5, True, "", "x", [], [None], [[]], {}, {"type": "x"}, {"text": 1}])
    )
    target, key = data.draw(st.sampled_from(list(_places(value))))
    target[key] = junk
    frames = [*sample.frames[:at], *_sse(value), *sample.frames[at + 1 :]]
    result = outcome(sample.wire, *frames)
    partial = result.partial if isinstance(result, e.LLMKitError) else result
    assert partial is not None
    assert all(isinstance(text, str) for text in (partial.text, partial.thinking))
    assert all(isinstance(call.name, str) for call in partial.tool_calls)
    partial.to_json()


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


# -- recordings, where they are at hand ---------------------------------------------------------

_CORPUS = Path(os.environ.get("LLMKIT_CORPUS") or Path(__file__).parents[2] / "../shared/corpus")
_WIRES = {
    "openai-compatible": "openai.chat",
    "openai-responses-compatible": "openai.responses",
    "anthropic-compatible": "anthropic.messages",
    "gemini.generateContent": "gemini.generate",
    "gemini.streamGenerateContent": "gemini.generate",
}


def _recordings() -> list[Any]:
    found = []
    for path in sorted(_CORPUS.rglob("*.json")) if _CORPUS.is_dir() else ():
        exchange = json.loads(path.read_bytes())
        if isinstance(exchange, dict) and exchange.get("expected") and exchange["response"]["status"] < 300:
            name, _, who = exchange["wire"].partition(":")
            if name != "aux":
                body = exchange["response"]["body"].encode()
                found.append(pytest.param(_WIRES.get(name, name), who or None, body, id=exchange["id"]))
    return found


RECORDINGS = _recordings()
recorded = pytest.mark.parametrize(("name", "who", "body"), RECORDINGS)
if_recorded = pytest.mark.skipif(not RECORDINGS, reason=f"no recorded exchanges at {_CORPUS} (LLMKIT_CORPUS)")


@if_recorded
@recorded
def test_a_cut_recording_is_never_a_silent_loss(name, who, body):
    whole = outcome(name, body, dialect=who)
    if isinstance(whole, e.LLMKitError):
        return
    dice = random.Random(len(body))
    ends = [at + 2 for at in range(len(body)) if body.startswith(b"\n\n", at)]
    boundaries = {*ends[-6:], *dice.sample(ends, min(len(ends), 12))}
    inside = {dice.randrange(len(body)) for _ in range(12)}
    for at in sorted(boundaries | inside):
        result = outcome(name, body[:at], dialect=who)
        if isinstance(result, Reply):
            assert said(result) == said(whole), f"a silent loss, cut at {at} of {len(body)}"
        else:
            assert result.partial is not None
            assert whole.text.startswith(result.partial.text)


@if_recorded
@recorded
def test_a_mutated_recording_raises_nothing_but_our_errors(name, who, body):
    dice = random.Random(len(body))
    for _ in range(6):
        edits = [
            (dice.randrange(len(body)), dice.randrange(4), dice.randbytes(2))
            for _ in range(dice.randint(1, 8))
        ]
        result = outcome(name, mutated(body, edits), dialect=who)
        assert isinstance(result, Reply | e.LLMKitError)
