"""What a call does when something goes wrong: the fault matrix, row by row, over real sockets.

Each row says: the fault (in the simulator's language), what the caller gets, how many requests the server
counts, and what the ledger says of the last one. The number of rows always equals the number of requests.
Routing (going over to another model) is not part of a call and has its own tests.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.core.events import Done, Failed, Retrying, Text
from llmkit.sim import Simulator

WIRES = ("chat", "responses", "anthropic", "gemini")
TOKENS = 12
MODEL = f"here/bench:tokens={TOKENS},rate=0,ttft=0"
#: Costs: what a row says of money. Unknown is never 0.
FREE, UNKNOWN, KNOWN = "free", "unknown", "known"


@dataclass(frozen=True)
class Row:
    """One line of the matrix, for a stream."""

    id: str
    fault: str
    error: type[e.LLMKitError] | None
    requests: int
    status: str
    cost: str
    usage: str = "unknown"
    wires: tuple[str, ...] = WIRES


def no(id: str, fault: str, error: type[e.LLMKitError], wires: tuple[str, ...] = WIRES) -> Row:
    """The provider says no: once is enough, and no model worked."""
    return Row(id, fault, error, 1, "error", FREE, wires=wires)


def whole(id: str, fault: str, wires: tuple[str, ...] = WIRES) -> Row:
    """Odd, but whole: a success, with the provider's own figures."""
    return Row(id, fault, None, 1, "ok", KNOWN, "provider", wires)


def cut(id: str, fault: str, error: type[e.LLMKitError] = e.TruncatedStream) -> Row:
    """Cut off after the first words: never tried again, the words kept, their usage estimated."""
    return Row(id, fault, error, 1, "truncated", KNOWN, "estimated")


def nothing(id: str, fault: str, error: type[e.LLMKitError] = e.TruncatedStream, requests: int = 2) -> Row:
    """It broke before the first word: shown nothing, so tried again once; it may have been billed."""
    return Row(id, fault, error, requests, "unknown_billed", UNKNOWN, wires=("chat", "responses", "gemini"))


def began(id: str, fault: str, error: type[e.LLMKitError] = e.TruncatedStream) -> Row:
    """The same where Anthropic had said already what the prompt is billed for."""
    return Row(id, fault, error, 2, "truncated", KNOWN, "estimated", ("anthropic",))


MATRIX = (
    # -- the provider says no
    no("F8", "status=400", e.BadRequestError),
    no("F9", "context", e.ContextLengthError),
    no("F10", "status=401", e.AuthError),
    no("F11-402", "credit", e.QuotaError),
    # Gemini's words are the same for a minute's limit and for a day's, unless the details say which.
    no("F11-429", "quota", e.QuotaError, ("chat", "responses", "anthropic")),
    no("F12", "status=403", e.PermissionDenied),
    no("F13", "status=404", e.ModelNotFound),
    no("F15", "status=413", e.RequestTooLarge),
    no("F16", "status=422", e.BadRequestError),
    no("F24-302", "redirect=302", e.RedirectRefused),
    no("F24-307", "redirect=307", e.RedirectRefused),
    # -- it may go better the next time
    Row("F14-408", "status=408", e.ConflictError, 3, "unknown_billed", UNKNOWN),
    Row("F14-409", "status=409", e.ConflictError, 3, "error", FREE),
    Row("F17", "status=429", e.RateLimited, 3, "error", FREE),
    Row("F20-no", "status=500; should-retry=false", e.ServerError, 1, "unknown_billed", UNKNOWN),
    no("F20-yes", "status=400; should-retry=true", e.BadRequestError),
    Row("F21", "status=500", e.ServerError, 3, "unknown_billed", UNKNOWN),
    Row("F22-502", "page=502", e.ServerError, 3, "unknown_billed", UNKNOWN),
    Row("F22-504", "page=504", e.ServerError, 3, "unknown_billed", UNKNOWN),
    Row("F23-503", "status=503", e.Overloaded, 3, "error", FREE),
    Row("F23-529", "status=529", e.Overloaded, 3, "error", FREE),
    # -- no stream at all. A page is not tried again: it won't turn into an answer. Whoever sent it, nobody
    # said that no model worked, so its cost is not known.
    Row("F25-page", "page=200", e.NotAStream, 1, "error", UNKNOWN),
    whole("F25-document", "document"),
    whole("F25-type", "content-type=text/plain"),
    # -- errors inside the stream. OpenAI's wires have no status there, so they can't tell 503 from 500.
    Row("F26", "error=0:529", e.ServerError, 3, "unknown_billed", UNKNOWN, wires=("chat", "responses")),
    Row("F26", "error=0:529", e.Overloaded, 3, "error", FREE, wires=("gemini",)),
    Row("F26", "error=0:529", e.Overloaded, 3, "error", KNOWN, "estimated", ("anthropic",)),
    cut("F27", "error=3:529", e.MidStreamError),
    # -- the connection breaks
    Row("F7-fin", "cut=before", e.TransportError, 2, "unknown_billed", UNKNOWN),
    Row("F7-rst", "cut=before:rst", e.TransportError, 2, "unknown_billed", UNKNOWN),
    Row("F28-fin", "cut=headers", e.TruncatedStream, 2, "unknown_billed", UNKNOWN),
    Row("F28-rst", "cut=headers:rst", e.TruncatedStream, 2, "unknown_billed", UNKNOWN),
    nothing("F28-drop", "drop=0"),
    began("F28-drop", "drop=0"),
    cut("F29-fin", "drop=3"),
    cut("F29-rst", "drop=3:rst"),
    # -- it ends cleanly, and too early
    nothing("F30", "eof=0"),
    began("F30", "eof=0"),
    cut("F31", "eof=3"),
    cut("F31-all", "eof=all"),
    # Responses has one sign of completion, its terminal event: without that it is not whole.
    whole("F32", "no-terminal", ("chat", "anthropic", "gemini")),
    Row("F32", "no-terminal", e.TruncatedStream, 1, "truncated", KNOWN, "estimated", ("responses",)),
    # -- what comes can't be read
    nothing("F33-half", "half=0"),
    began("F33-half", "half=0"),
    cut("F33-half", "half=3"),
    nothing("F33", "malformed=0", e.MalformedStream),
    began("F33", "malformed=0", e.MalformedStream),
    cut("F33", "malformed=3", e.MalformedStream),
    whole("F34", "utf8=3", ("chat", "anthropic", "gemini")),
    # -- odd, and whole
    whole("F35-1", "split=1"),
    whole("F35-3", "split=3"),
    whole("F35-random", "split=random"),
    whole("F37-crlf", "crlf"),
    whole("F37-bom", "bom"),
    whole("F37-comments", "comments"),
    whole("F37-unknown", "unknown"),
    whole("F37-all", "crlf; bom; comments; unknown; split=7"),
    whole("F40", "open"),
    # Gemini has no terminal event (older models put a finish reason on every frame): more is more there.
    whole("F41", "after", ("chat", "responses", "anthropic")),
    # -- odd bills
    *(
        Row(f"F{n}-{kind}", f"usage={kind}", None, 1, "ok", KNOWN, "estimated")
        for n, kind in (
            (42, "none"),
            (42, "null"),
            (43, "nan"),
            (43, "negative"),
            (43, "string"),
            (43, "bool"),
            (43, "huge"),
        )
    ),
    # -- odd answers
    whole("F45", "empty"),
    whole("F46-length", "length=5"),
    whole("F46-filter", "filter"),
    whole("F46-refusal", "refusal"),
    whole("F47", "bad-args"),
    whole("F49-big", "big=1000000"),
    whole("F49-chunks", "chunks=5000"),
    whole("F65", "fails=503:2:matrix"),
)
#: F65 asks twice before it is answered, so it isn't "once".
REQUESTS = {"F65": 3}
CASES = [pytest.param(row, wire, id=f"{row.id}-{wire}") for row in MATRIX for wire in row.wires]
#: An answer fault changes the text; for the others it is the same as without a fault.
OTHER_TEXT = {"F34", "F45", "F46-length", "F46-filter", "F46-refusal", "F49-big", "F49-chunks"}


def provider(url: str, wire: str, **more: Any) -> dict[str, Any]:
    kind: dict[str, Any]
    match wire:
        case "anthropic" | "gemini":
            kind = {"type": wire, "base_url": url}
        case _:
            kind = {"type": "openai", "api": wire, "base_url": url + "/v1"}
    return {**kind, "api_key": "k" * 20, **more}


def session(url: str, wire: str = "chat", fault: str = "", **config: Any) -> llmkit.Session:
    """A session whose retries don't wait."""
    headers = {"x-sim-fault": fault} if fault else {}
    return llmkit.Session(
        {"providers": {"here": provider(url, wire, headers=headers)}, "retry": {"base": 0}, **config}
    )


def rows(of: llmkit.Session) -> list[dict[str, Any]]:
    return list(of.ledger.rows(session=of.id, simulated=True))


@pytest.fixture
def sim(simulator: Simulator) -> Simulator:
    return simulator.reset()


@pytest.mark.parametrize(("row", "wire"), CASES)
def test_matrix(sim: Simulator, row: Row, wire: str) -> None:
    here = session(sim.url, wire, row.fault)
    stream = here.stream("hello there", model=MODEL, max_tokens=2_000_000)
    events = list(stream)
    last, reply = events[-1], stream.partial

    if row.error is None:
        assert isinstance(last, Done)
    else:
        assert isinstance(last, Failed)
        assert type(last.error) is row.error
        assert last.error.partial is reply
        assert not reply.complete
        assert last.error.provider == "here"
    assert sum(isinstance(event, Done | Failed) for event in events) == 1

    expected = REQUESTS.get(row.id, row.requests)
    assert sim.attempts == expected
    assert [event.attempt for event in events if isinstance(event, Retrying)] == list(range(1, expected))
    assert reply.attempts == expected

    told = rows(here)
    assert [entry["attempt"] for entry in told] == list(range(1, expected + 1))
    assert len({entry["call"] for entry in told}) == 1
    entry = told[-1]
    assert (entry["status"], entry["usage_source"]) == (row.status, row.usage)
    match row.cost:
        case "free":
            assert Decimal(entry["cost"]) == 0
            assert entry["cost_source"] == "not-billed"
        case "unknown":
            assert entry["cost"] is None
            assert entry["cost_note"]
        case "known":
            assert Decimal(entry["cost"]) > 0
            assert entry["estimated"] == (row.usage == "estimated")
    assert here.ledger.ignored_settles == 0

    if row.usage == "provider" and row.id not in OTHER_TEXT:
        assert reply.text == session(sim.url, wire).ask("hello there", model=MODEL).text
    if row.status == "truncated" and row.requests == 1:
        assert reply.text
        assert reply.text == "".join(event.text for event in events if isinstance(event, Text))


# -- rows that say more than the table can -------------------------------------------------------


def failure(sim: Simulator, fault: str, wire: str = "chat", **more: Any) -> e.LLMKitError:
    with pytest.raises(e.LLMKitError) as caught:
        session(sim.url, wire, fault).ask("hello", model=MODEL, **more)
    return caught.value


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
    moments = iter([clock() + 86_400, *[clock() - 86_400] * 1000])
    monkeypatch.setattr(time, "time", lambda: next(moments))
    reply = here.ask("hello", model=MODEL)
    monkeypatch.undo()
    assert reply.timing.duration is not None
    assert 0 <= reply.timing.duration < 3600
    assert 0 <= rows(here)[0]["duration"] < 3600


def test_f63_without_a_price_the_cost_is_unknown_and_not_zero() -> None:
    def talk(client: socket.socket) -> None:
        client.recv(65536)
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


# -- before anything is sent ---------------------------------------------------------------------


class Scripted:
    """A server that talks to each client as told."""

    def __init__(self, talk: Any, context: ssl.SSLContext | None = None) -> None:
        self.talk, self.context, self.clients = talk, context, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.05)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        while not self.over.is_set():
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            self.clients += 1
            client.settimeout(5)
            with client:
                try:
                    if self.context is not None:
                        with self.context.wrap_socket(client, server_side=True) as safe:
                            self.talk(safe)
                    else:
                        self.talk(client)
                except OSError:
                    continue  # the client left: what it thinks of that is what is tested

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join(6)
        self.listener.close()


def attempted(url: str, **config: Any) -> tuple[e.LLMKitError, list[dict[str, Any]]]:
    here = session(url, **config)
    with pytest.raises(e.LLMKitError) as caught:
        here.ask("hello", model="here/gpt-6-luna", timeout=30)
    return caught.value, rows(here)


def test_f1_a_refused_connection_is_tried_twice_more_and_costs_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error, told = attempted(f"http://127.0.0.1:{port}")
    assert type(error) is e.ConnectError
    assert f"127.0.0.1:{port}" in str(error)
    assert [(row["status"], row["cost"]) for row in told] == [("error", "0")] * 3


def test_f2_a_host_that_is_not_found_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # Tried as often as a refused connection, not once less: a resolver that hiccups is as common, and
    # neither costs anything.
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error, told = attempted("https://modles.example")
    assert type(error) is e.ConnectError
    assert "modles.example" in str(error)
    assert [row["cost"] for row in told] == ["0"] * 3


def test_f3_a_certificate_that_nobody_vouches_for_is_not_tried_again(tmp_path: Any) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command here to make a certificate with")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = Scripted(lambda client: client.recv(65536), context)
    with server as url:
        error, told = attempted(url.replace("http:", "https:"))
    assert type(error) is e.TlsError
    assert "certificate" in str(error).lower()
    assert server.clients == 1
    assert [(row["status"], row["cost"]) for row in told] == [("error", "0")]


def test_f4_https_to_a_server_without_it_is_told_at_once() -> None:
    # TlsError, not BadEndpoint: the address may be right and the server wrong; either way nothing was sent.
    def talk(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    server = Scripted(talk)
    with server as url:
        error, told = attempted(url.replace("http:", "https:"))
    assert type(error) is e.TlsError
    assert server.clients == 1
    assert [row["cost"] for row in told] == ["0"]


def test_f5_a_black_hole_ends_with_the_connect_timeout_and_is_tried_once_more() -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        fill = [socket.socket() for _ in range(4)]
        for one in fill:  # a full backlog: further connections are not answered at all
            one.setblocking(False)
            one.connect_ex(hole.getsockname())
        error, told = attempted(f"http://127.0.0.1:{hole.getsockname()[1]}", timeouts={"connect": 0.2})
        for one in fill:
            one.close()
    assert type(error) is e.ConnectTimeout
    assert "0.2 s" in str(error)
    assert [(row["status"], row["cost"]) for row in told] == [("error", "0")] * 2


def test_f73_a_broken_proxy_is_named(child_environment: dict[str, str]) -> None:
    import sys
    import textwrap

    code = """
        import llmkit
        session = llmkit.Session({"providers": {"far": {"type": "openai", "base_url": "http://models.example/v1"}}})
        try:
            session.ask("hello", model="far/m", timeout=30)
        except llmkit.errors.ConnectError as error:
            print(error)
    """
    env = child_environment | {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=env, capture_output=True, text=True, timeout=60
    )
    assert "proxy" in done.stdout.lower(), done.stderr


# -- Retry-After -----------------------------------------------------------------------------------

TOO_LONG = ("3600", "61", "99999999999999999999", "1e300", "date:7200", "3600000ms")
NO_HEADER = ("nan", "-5", "junk", "past", "inf")


@pytest.mark.parametrize("value", TOO_LONG)
def test_f19_a_long_wait_is_told_at_once_instead_of_waited(sim: Simulator, value: str) -> None:
    error = failure(sim, f"status=429; retry-after={value}")
    assert isinstance(error, e.RateLimited)
    assert sim.attempts == 1
    assert error.retry_at is not None
    assert error.retry_at > time.time() + 55


@pytest.mark.parametrize("value", NO_HEADER)
def test_f19_a_wait_that_means_nothing_is_as_good_as_none(sim: Simulator, value: str) -> None:
    error = failure(sim, f"status=429; retry-after={value}")
    assert isinstance(error, e.RateLimited)
    assert sim.attempts == 3


@pytest.mark.parametrize("value", ["0.05", "50ms", "0", "0ms"])
def test_f18_a_short_wait_is_waited(sim: Simulator, value: str) -> None:
    here = session(sim.url, "chat", f"fails=429:1:{value}; retry-after={value}")
    events = list(here.stream("hello", model=MODEL, timeout=30))
    assert isinstance(events[-1], Done)
    (again,) = (event for event in events if isinstance(event, Retrying))
    assert again.delay == pytest.approx(0.05 if "5" in value else 0.0)
    assert sim.attempts == 2


@pytest.mark.parametrize("value", ["30", "30000ms", "date:30"])
def test_f18_a_wait_beyond_the_deadline_is_told_at_once(sim: Simulator, value: str) -> None:
    began = time.time()
    error = failure(sim, f"status=429; retry-after={value}", timeout=10)
    assert isinstance(error, e.RateLimited)  # and not DeadlineExceeded, ten seconds later
    assert sim.attempts == 1
    assert error.retry_at is not None
    assert began + 25 < error.retry_at < time.time() + 31


def test_f18_everybody_on_that_key_is_held_back(sim: Simulator) -> None:
    here = session(sim.url, "chat", "fails=429:1:all; retry-after=40")
    with pytest.raises(e.RateLimited):
        here.ask("hello", model=MODEL, timeout=10)
    with pytest.raises(e.RateLimited, match="left alone") as caught:
        here.ask("something else", model=MODEL, timeout=10)
    assert sim.attempts == 1
    assert caught.value.retry_at is not None
    (refused,) = (row for row in rows(here) if row["status"] == "refused")
    assert refused["cost_note"] == "nothing was sent"
