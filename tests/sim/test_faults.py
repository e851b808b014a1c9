"""Each fault of the language does what its line in the table says."""

from __future__ import annotations

import http.client
import json
import socket
import time
from email.utils import parsedate_to_datetime

import pytest

from llmkit.sim import Simulator
from llmkit.sim.faults import CHAOS, FAULTS, BadFault, chaos, parse, split_name

LONG = "Tell me about the economy of small islands"
TERMINAL = {
    "anthropic.messages": b"message_stop",
    "openai.chat": b"[DONE]",
    "openai.responses": b"response.completed",
    "gemini.generate": b'"finishReason"',
}


@pytest.fixture
def fault(post, ask):
    """Asks on a wire with a fault, by header."""

    def send(wire, spec, *, model="sim/sage", prompt=LONG, stream=True, **more):
        return post(*ask(wire, prompt, model, stream=stream, **more), x_sim_fault=spec)

    return send


def raw(sim, path, body, spec, read=65536):
    """A socket on which a streamed request was sent."""
    sent = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{sim.port}\r\nanthropic-version: 2026-10-21\r\n"
        f"x-sim-fault: {spec}\r\ncontent-length: {len(sent)}\r\n\r\n"
    )
    sock = socket.create_connection(("127.0.0.1", sim.port), timeout=10)
    sock.sendall(head.encode() + sent)
    return sock


def until(sock, what):
    """Read a socket until some bytes have come."""
    got = b""
    while what not in got:
        piece = sock.recv(65536)
        if not piece:
            raise AssertionError(f"the connection ended before {what!r}")
        got += piece
    return got


# -- instead of an answer ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529])
def test_a_status_comes_with_an_error_body_of_the_wire(fault, wire, status) -> None:
    got = fault(wire, f"status={status}")
    assert got.status == status
    assert got.json["error"]["message"]
    if wire == "gemini.generate":
        assert got.json["error"]["code"] == status


def test_the_first_requests_fail_and_the_next_are_answered(sim, fault, wire) -> None:
    statuses = [fault(wire, "fails=529:2:here").status for _ in range(4)]
    assert statuses == [529, 529, 200, 200]
    assert fault(wire, "fails=529:2:elsewhere").status == 529
    sim.reset()
    assert fault(wire, "fails=529:2:here").status == 529


@pytest.mark.parametrize(
    ("value", "name", "written"),
    [
        ("3600", "retry-after", "3600"),
        ("0.5", "retry-after", "0.5"),
        ("1500ms", "retry-after-ms", "1500"),
        ("inf", "retry-after", "inf"),
        ("nan", "retry-after", "nan"),
        ("-5", "retry-after", "-5"),
        ("junk", "retry-after", "junk"),
    ],
)
def test_retry_after_is_written_as_asked(fault, value, name, written) -> None:
    got = fault("openai.chat", f"status=429; retry-after={value}")
    assert (got.status, got.headers[name]) == (429, written)


@pytest.mark.parametrize(("value", "sign"), [("date:60", 1), ("past", -1)])
def test_retry_after_may_be_a_date(fault, value, sign) -> None:
    when = parsedate_to_datetime(fault("openai.chat", f"retry-after={value}").headers["retry-after"])
    assert (when.timestamp() - time.time()) * sign > 0


@pytest.mark.parametrize("word", ["true", "false"])
def test_should_retry_is_passed_on(fault, wire, word) -> None:
    assert fault(wire, f"status=400; should-retry={word}").headers["x-should-retry"] == word


def test_quota_credit_and_context_use_the_providers_words(fault, wire) -> None:
    quota, credit, context = (fault(wire, name) for name in ("quota", "credit", "context"))
    assert (quota.status, credit.status, context.status) == (429, 402, 400)
    assert b"quota" in quota.body
    assert b"context" in context.body or b"too long" in context.body or b"token count" in context.body


def test_a_gateway_sends_a_page(fault, wire) -> None:
    for status in (200, 502):
        got = fault(wire, f"page={status}")
        assert got.status == status
        assert got.headers["content-type"].startswith("text/html")
        assert got.body.startswith(b"<!doctype html>")


def test_a_redirect_points_to_another_host(fault, wire) -> None:
    got = fault(wire, "redirect=302")
    assert (got.status, got.headers["location"]) == (302, "http://elsewhere.invalid/v1/")
    assert fault(wire, "redirect=307:http://127.0.0.1:9/x").headers["location"] == "http://127.0.0.1:9/x"


# -- the connection ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["", ":rst"])
@pytest.mark.parametrize("size", [1, 200, 400])
def test_the_connection_is_cut_after_so_many_bytes(sim, fault, wire, size, how) -> None:
    got = fault(wire, f"cut={size}{how}")
    assert not got.whole
    (seen,) = sim.settled()
    assert (seen.outcome, seen.bytes_sent) == ("cut", size)
    if not how:
        assert len(got.body) == size


@pytest.mark.parametrize("how", ["", ":rst"])
def test_the_connection_is_cut_before_or_after_the_headers(sim, fault, wire, how) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        fault(wire, f"cut=before{how}")
    got = fault(wire, f"cut=headers{how}")
    assert (got.status, got.body, got.whole) == (200, b"", False)
    assert {seen.outcome for seen in sim.settled()} == {"cut"}


def test_a_document_can_be_cut_as_well(fault, wire) -> None:
    got = fault(wire, "cut=50", stream=False)
    assert (len(got.body), got.whole) == (50, False)


@pytest.mark.parametrize("how", ["", ":rst"])
def test_the_connection_drops_after_so_many_tokens(sim, fault, wire, how) -> None:
    got = fault(wire, f"drop=3{how}")
    assert not got.whole
    (seen,) = sim.settled()
    assert seen.outcome == "cut"
    assert seen.tokens_sent >= 3
    assert TERMINAL[wire] not in got.body


@pytest.mark.parametrize(
    "spec", ["hang", "hang=headers", "stall=3", "stall=0", "keepalive=0:0.01", "open", "endless"]
)
def test_the_simulator_notices_when_a_client_gives_up_waiting(sim, ask, wire, spec) -> None:
    path, body = ask(wire, LONG, "sim/sage")
    with raw(sim, path, body, spec) as sock:
        if spec == "open":
            until(sock, TERMINAL[wire])
        elif spec != "hang":
            until(sock, b"\r\n\r\n")
        else:
            sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                sock.recv(1)
        while not sim.requests:  # a busy machine has not read it yet
            time.sleep(0.01)
        assert sim.requests[0].outcome == "open"
    (seen,) = sim.settled()
    assert seen.outcome == "client_closed"


def test_a_stall_of_some_seconds_ends(fault, wire) -> None:
    got = fault(wire, "stall=3:0.05")
    assert got.whole
    assert TERMINAL[wire] in got.body


def test_keep_alives_go_on_for_ever(sim, ask, wire) -> None:
    path, body = ask(wire, LONG, "sim/sage")
    ping = b"event: ping" if wire == "anthropic.messages" else b": "
    with raw(sim, path, body, "keepalive=2:0.01") as sock:
        got = b""
        while got.count(ping) < 6:
            got += sock.recv(65536)
    assert TERMINAL[wire] not in got


def test_an_endless_stream_goes_on(sim, ask, wire) -> None:
    path, body = ask(wire, LONG, "sim/sage")
    with raw(sim, path, body, "endless") as sock:
        got = b""
        while got.count(b" and so on") < 20:
            got += sock.recv(65536)
    (seen,) = sim.settled()
    assert seen.tokens_sent > 20


def test_a_delay_and_a_drip_still_bring_everything(fault, text_of, wire) -> None:
    plain = fault(wire, "", model="sim/swift")
    slow = fault(wire, "delay=0.05; drip=0.001", model="sim/swift")
    assert text_of(wire, slow.frames) == text_of(wire, plain.frames)


@pytest.mark.parametrize("size", ["1", "2", "7", "random", "frames"])
def test_a_body_split_anyhow_is_the_same_body(fault, wire, size) -> None:
    for stream in (True, False):
        plain = fault(wire, "", model="sim/swift", stream=stream)
        assert fault(wire, f"split={size}", model="sim/swift", stream=stream).body == plain.body


# -- the course of the stream -----------------------------------------------------------------


@pytest.mark.parametrize("after", ["0", "3", "all"])
def test_a_stream_ends_cleanly_without_its_terminal(fault, text_of, wire, after) -> None:
    got = fault(wire, f"eof={after}")
    assert got.whole
    assert TERMINAL[wire] not in got.body
    whole = text_of(wire, fault(wire, "").frames)
    cut = text_of(wire, got.frames)
    assert whole.startswith(cut)
    assert (cut == "") == (after == "0")
    assert (cut == whole) == (after == "all")


def test_a_stream_ends_in_the_middle_of_a_frame(fault, wire) -> None:
    got = fault(wire, "half=3")
    assert got.whole
    last = got.body.rsplit(b"data: ", 1)[1]
    with pytest.raises(ValueError):
        json.loads(last)


@pytest.mark.parametrize("after", [0, 3])
def test_an_error_frame_ends_the_stream(fault, text_of, wire, after) -> None:
    got = fault(wire, f"error={after}:503")
    last = got.frames[-1]
    assert "error" in last or last["type"] == "error"
    assert (text_of(wire, got.frames) == "") == (after == 0)
    assert TERMINAL[wire] not in got.body


def test_the_terminal_event_can_be_missing_after_the_stop_reason(fault) -> None:
    chat, claude = fault("openai.chat", "no-terminal"), fault("anthropic.messages", "no-terminal")
    assert b'"finish_reason":"stop"' in chat.body
    assert b"[DONE]" not in chat.body
    assert b'"stop_reason":"end_turn"' in claude.body
    assert b"message_stop" not in claude.body


def test_text_can_come_after_the_end(fault, text_of, wire) -> None:
    got = fault(wire, "after")
    end = got.body.rindex(TERMINAL[wire])
    assert b" and more" in got.body[end:]


# -- the frames -------------------------------------------------------------------------------


def test_a_frame_can_be_no_json_and_bytes_no_utf8(fault, wire) -> None:
    with pytest.raises(ValueError):
        _ = fault(wire, "malformed=2").frames
    with pytest.raises(UnicodeDecodeError):
        fault(wire, "utf8=2").body.decode()


def test_lines_can_end_in_crlf_and_begin_with_a_mark(fault, text_of, wire) -> None:
    plain = fault(wire, "")
    got = fault(wire, "crlf; bom")
    assert got.body.startswith(b"\xef\xbb\xbf")
    assert got.body.count(b"\r\n") == got.body.count(b"\n")
    assert text_of(wire, got.frames) == text_of(wire, plain.frames)


@pytest.mark.parametrize("spec", ["comments", "unknown"])
def test_noise_between_the_frames_leaves_the_text(fault, text_of, wire, spec) -> None:
    plain, noisy = fault(wire, ""), fault(wire, spec)
    assert len(noisy.body) > len(plain.body)
    assert text_of(wire, noisy.frames) == text_of(wire, plain.frames)


def test_a_frame_can_come_twice(fault, wire) -> None:
    assert len(fault(wire, "duplicate=3").frames) == len(fault(wire, "").frames) + 1


def test_a_stream_can_have_another_type_or_be_one_document(fault, wire) -> None:
    assert fault(wire, "content-type=text/plain").headers["content-type"] == "text/plain"
    got = fault(wire, "document")
    assert got.headers["content-type"] == "application/json"
    assert isinstance(got.json, dict)


# -- the answer -------------------------------------------------------------------------------


def test_an_answer_can_be_one_huge_frame_or_many_small_ones(fault, text_of, wire) -> None:
    big = fault(wire, "big=600000")
    assert max(map(len, big.body.split(b"\n"))) > 600_000
    assert text_of(wire, big.frames) == "x" * 600_000
    many = fault(wire, "chunks=2000")
    assert len(many.frames) >= 2000


@pytest.mark.parametrize("value", ["none", "nan", "negative", "string", "bool", "huge", "null"])
def test_a_bill_can_be_odd(fault, wire, value) -> None:
    body = fault(wire, f"usage={value}").body
    if value == "none":
        assert b"_tokens" not in body.replace(b"max_output_tokens", b"")
        assert b"TokenCount" not in body
    else:
        written = {
            "nan": b"NaN",
            "negative": b"-10",
            "string": b'"twelve"',
            "bool": b"true",
            "huge": b"1" + b"0" * 18,
        }
        assert written.get(value, b"null") in body
    assert TERMINAL[wire] in body


def test_arguments_can_be_no_json(fault) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}]
    got = fault("openai.chat", "bad-args", prompt="The weather in Oslo?", tools=tools, stream=False)
    (call,) = got.json["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Par'}


def test_an_answer_can_be_empty(fault, text_of, wire) -> None:
    got = fault(wire, "empty")
    assert text_of(wire, got.frames) == ""
    assert TERMINAL[wire] in got.body


@pytest.mark.parametrize(
    ("wire", "spec", "said"),
    [
        ("anthropic.messages", "refusal", b'"stop_reason":"refusal"'),
        ("openai.chat", "refusal", b'"refusal":"I'),
        ("openai.responses", "refusal", b"response.refusal.delta"),
        ("gemini.generate", "refusal", b'"finishReason":"SAFETY"'),
        ("openai.chat", "filter", b'"finish_reason":"content_filter"'),
        ("openai.responses", "filter", b'"reason":"content_filter"'),
        ("gemini.generate", "filter", b'"blockReason":"PROHIBITED_CONTENT"'),
        ("anthropic.messages", "length=5", b'"stop_reason":"max_tokens"'),
        ("openai.chat", "length=5", b'"finish_reason":"length"'),
        ("openai.responses", "length=5", b'"reason":"max_output_tokens"'),
        ("gemini.generate", "length=5", b'"finishReason":"MAX_TOKENS"'),
    ],
)
def test_a_model_can_decline_be_stopped_or_run_out(fault, wire, spec, said) -> None:
    assert said in fault(wire, spec).body


# -- where a fault comes from -----------------------------------------------------------------


def test_a_fault_can_stand_in_the_models_name(post, ask, wire) -> None:
    got = post(*ask(wire, LONG, "sim/swift@cut=100"))
    assert (len(got.body), got.whole) == (100, False)


def test_prompts_are_obeyed_only_where_that_was_asked_for(post, ask) -> None:
    path, body = ask("openai.chat", "Hello [[fault: status=503]]")
    assert post(path, body).status == 200
    with Simulator(pace="instant", prompt_faults=True) as other:
        assert post(path, body, to=other).status == 503


def test_a_mistyped_fault_is_an_error_that_lists_the_faults(post, ask) -> None:
    got = post(*ask("openai.chat", LONG), x_sim_fault="cutt=3")
    assert got.status == 400
    assert "There is no fault 'cutt'" in got.json["error"]["message"]


def test_chaos_is_the_same_for_the_same_seed(post, ask) -> None:
    def run(seed):
        with Simulator(pace="instant") as other:
            outcomes = []
            for i in range(30):
                path, body = ask("openai.chat", f"Question {i}")
                spec = f"rate=0.5,seed={seed},faults=status=500|eof=3|usage=none"
                got = post(path, body, to=other, x_sim_chaos=spec)
                outcomes.append((got.status, len(got.frames) if got.status == 200 else 0))
            return outcomes

    first = run(1)
    assert first == run(1)
    assert first != run(2)
    assert 3 < sum(status == 500 for status, _ in first) < 27


def test_a_repeated_request_meets_another_fate(post, ask) -> None:
    with Simulator(pace="instant", chaos="rate=0.5,seed=4,faults=status=500") as other:
        statuses = [post(*ask("openai.chat", "Same"), to=other).status for _ in range(20)]
    assert set(statuses) == {200, 500}


# -- the language -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_written_by_its_name_alone(name) -> None:
    assert name in parse(name)


@pytest.mark.parametrize("spec", CHAOS)
def test_chaos_picks_from_the_language(spec) -> None:
    assert parse(spec)


@pytest.mark.parametrize(
    "spec",
    ["nonsense", "cut=abc", "usage=odd", "empty=1", "status=", "fails=x:2", "eof=some", "should-retry=maybe"],
)
def test_what_is_not_in_the_language_is_refused(spec) -> None:
    if spec == "status=":
        assert parse(spec).items == {"status": "500"}
        return
    with pytest.raises(BadFault):
        parse(spec)


def test_faults_are_joined_by_semicolons_or_commas() -> None:
    assert dict(parse("status=429; retry-after=3, should_retry=false").items) == {
        "status": "429",
        "retry-after": "3",
        "should-retry": "false",
    }


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("sim/swift@cut=200", ("sim/swift", "cut=200")),
        ("swift@eof=3;usage=none", ("swift", "eof=3;usage=none")),
        ("claude-opus@20250101", ("claude-opus@20250101", "")),
        ("plain", ("plain", "")),
    ],
)
def test_a_models_name_is_split_at_its_fault(name, parts) -> None:
    assert split_name(name) == parts


@pytest.mark.parametrize("text", ["rate=often", "speed=3", "faults=cutt"])
def test_chaos_that_can_not_be_read_is_refused(text) -> None:
    with pytest.raises(BadFault):
        chaos(text)
