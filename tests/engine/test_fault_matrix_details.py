"""The rows of the fault matrix that say more than its table can: words, names, figures, what is not done."""

from __future__ import annotations

import itertools
import socket
import time
from decimal import Decimal

import pytest
from asking import MODEL, WIRES, Scripted, failure, heard, provider, rows, session

import llmkit
from llmkit.core import errors as e
from llmkit.sim import Simulator


@pytest.fixture
def sim(simulator: Simulator) -> Simulator:
    return simulator.reset()


@pytest.mark.parametrize("wire", WIRES)
def test_f9_the_sizes_are_told_where_the_provider_tells_them(sim: Simulator, wire: str) -> None:
    error = failure(sim, "context", wire)
    assert isinstance(error, e.ContextLengthError)
    if wire != "responses":  # which says that it is too long, not how long it is
        assert error.limit == 200_000


def test_f10_names_the_provider_and_where_its_key_is_kept_and_never_the_key(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_MODELS_API_KEY", "sk-very-secret-key-of-mine")
    config = provider(sim.url, "chat", headers={"x-sim-fault": "status=401"}) | {
        "api_key": "${MY_MODELS_API_KEY}"
    }
    with pytest.raises(e.AuthError) as caught:
        llmkit.Session({"providers": {"mine": config}}).ask("hello", model="mine/swift")
    assert caught.value.provider == "mine"
    assert "mine" in str(caught.value)
    assert "MY_MODELS_API_KEY" in str(caught.value)
    assert "very-secret" not in repr(vars(caught.value)) + str(caught.value)


def test_f13_offers_the_nearest_names(sim: Simulator) -> None:
    with pytest.raises(e.ModelNotFound) as caught:
        session(sim.url, "anthropic", "status=404").ask("hello", model="here/claude-sonet-5")
    assert "Did you mean" in caught.value.why


def test_f22_a_gateways_page_becomes_a_few_words(sim: Simulator) -> None:
    error = failure(sim, "page=502")
    assert "Bad Gateway" in str(error)
    assert "<" not in str(error)
    assert len(error.why) <= 300


@pytest.mark.parametrize("wire", WIRES)
def test_f24_neither_key_nor_prompt_follows_a_redirect(sim: Simulator, wire: str) -> None:
    with Simulator() as elsewhere:
        error = failure(sim, f"redirect=307:{elsewhere.url}/v1/chat/completions", wire)
        assert elsewhere.requests == []
    assert isinstance(error, e.RedirectRefused)
    assert "127.0.0.1" in str(error)


@pytest.mark.parametrize("wire", ["chat", "anthropic", "gemini"])
def test_f34_bad_bytes_are_told_and_do_not_end_the_answer(sim: Simulator, wire: str) -> None:
    reply = session(sim.url, wire, "utf8=3").ask("hello", model=MODEL)
    assert "\ufffd" in reply.text
    assert any("UTF-8" in note for note in reply.notes)


def test_f36_what_is_sent_twice_is_dropped_only_where_the_wire_numbers_its_events(sim: Simulator) -> None:
    texts = {
        wire: (
            session(sim.url, wire).ask("hello", model=MODEL).text,
            session(sim.url, wire, "duplicate=3").ask("hello", model=MODEL).text,
        )
        for wire in WIRES
    }
    assert texts["responses"][0] == texts["responses"][1]
    # Elsewhere a repeated word can't be told from one that the model repeats: nothing is guessed.
    assert all(len(twice) > len(once) for wire, (once, twice) in texts.items() if wire != "responses")


def test_f45_an_empty_answer_is_a_success_that_says_so(sim: Simulator) -> None:
    reply = session(sim.url, "chat", "empty").ask("hello", model=MODEL)
    assert reply.text == ""
    assert any("empty" in note for note in reply.notes)
    assert sim.attempts == 1


@pytest.mark.parametrize(("fault", "stop"), [("length=5", "max_tokens"), ("filter", "content_filter")])
def test_f46_why_the_model_stopped_is_told_and_is_no_error(sim: Simulator, fault: str, stop: str) -> None:
    here = session(sim.url, "chat", fault)
    assert here.ask("hello", model=MODEL).stop_reason == stop
    assert rows(here)[0]["stop_reason"] == stop


@pytest.mark.parametrize("wire", ["chat", "responses", "anthropic"])  # Gemini's arguments are JSON already
def test_f47_arguments_that_are_no_json_come_as_they_are(sim: Simulator, wire: str) -> None:
    (call,) = session(sim.url, wire, "bad-args").ask("hello", model=MODEL).tool_calls
    assert isinstance(call.arguments, str)
    assert call.arguments.startswith('{"city"')


def test_f62_a_clock_that_jumps_makes_no_negative_times(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, clock = session(sim.url, "chat"), time.time
    moments = itertools.chain([clock() + 86_400], itertools.repeat(clock() - 86_400))
    monkeypatch.setattr(time, "time", lambda: next(moments))
    reply = here.ask("hello", model=MODEL)
    monkeypatch.undo()
    assert reply.timing.duration is not None
    assert 0 <= reply.timing.duration < 3600
    assert 0 <= rows(here)[0]["duration"] < 3600


def test_f63_without_a_price_the_cost_is_unknown_and_not_zero() -> None:
    def talk(client: socket.socket) -> None:
        heard(client)
        body = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}'
        client.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )

    with Scripted(talk) as url:
        here = session(url)
        reply = here.ask("hello", model="here/nobody-knows-this-model")
    assert (reply.usage.input, reply.usage.output, reply.cost.amount) == (3, 1, None)
    (row,) = rows(here)
    assert (row["status"], row["cost"]) == ("ok", None)
    assert row["cost_note"]


def test_f64_the_providers_own_figure_counts_and_a_gap_to_the_list_is_told() -> None:
    def talk(client: socket.socket) -> None:
        heard(client)
        body = b'{"model":"gpt-5","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":1000,"cost":0.5}}'
        client.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )

    with Scripted(talk) as url:
        here = llmkit.Session(
            {"providers": {"here": {"type": "openrouter", "base_url": url + "/v1", "api_key": "k" * 20}}}
        )
        reply = here.ask("hello", model="here/openai/gpt-5")
    assert (reply.cost.amount, reply.cost.source) == (Decimal("0.5"), "provider")
    assert "differs from the list price" in reply.cost.note
    (row,) = rows(here)
    assert (Decimal(row["cost"]), row["cost_source"]) == (Decimal("0.5"), "provider")
    assert "list price" in row["cost_note"]


def test_f65_every_attempt_has_its_row_and_the_reply_counts_them(sim: Simulator) -> None:
    here = session(sim.url, "chat", "fails=500:1:f65; drop=0")
    with pytest.raises(e.TruncatedStream):
        here.ask("hello", model=MODEL)
    assert [(row["attempt"], row["status"]) for row in rows(here)] == [
        (1, "unknown_billed"),
        (2, "unknown_billed"),
    ]


def test_f66_the_sdks_retry_nothing_by_themselves(sim: Simulator) -> None:
    for wire in WIRES:
        sim.reset()
        here = session(sim.url, wire, "status=503", retry={"attempts": 1})
        with pytest.raises(e.Overloaded):
            here.ask("hello", model=MODEL)
        assert sim.attempts == 1


def test_f68_an_outage_is_not_answered_with_a_storm(sim: Simulator) -> None:
    here = session(sim.url, "chat", "status=500", breaker={"threshold": 1000})
    for _ in range(20):
        with pytest.raises(e.ServerError):
            here.ask("hello", model=MODEL)
    # Five failures empty half of the bucket; from then on one request a call.
    assert sim.attempts == len(rows(here)) <= 20 + 4


def test_f68_a_model_that_fails_again_and_again_is_left_alone(sim: Simulator) -> None:
    here = session(sim.url, "chat", "status=500", retry={"attempts": 1})
    for _ in range(5):
        with pytest.raises(e.ServerError):
            here.ask("hello", model=MODEL)
    with pytest.raises(e.Overloaded, match="left alone"):
        here.ask("hello", model=MODEL)
    assert sim.attempts == 5
    assert rows(here)[-1]["status"] == "refused"
    assert Decimal(rows(here)[-1]["cost"]) == 0
    assert rows(here)[-1]["cost_note"] == "nothing was sent"


@pytest.mark.parametrize("wire", WIRES)
def test_f74_the_request_id_is_kept_for_support(sim: Simulator, wire: str) -> None:
    good, bad = session(sim.url, wire), session(sim.url, wire, "status=400")
    reply = good.ask("hello", model=MODEL)
    with pytest.raises(e.BadRequestError) as caught:
        bad.ask("hello", model=MODEL)
    assert reply.request_id
    assert rows(good)[0]["request_id"] == reply.request_id
    assert rows(bad)[0]["request_id"] == caught.value.request_id != reply.request_id
