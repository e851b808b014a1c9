"""What a call does when something goes wrong: the fault matrix, row by row, over real sockets.

Each row says: the fault (in the simulator's language), what the caller gets, how many requests the server
counts, and what the ledger says of the last one. The number of rows always equals the number of requests.
Routing (going over to another model) is not part of a call and has its own tests. What a row needs beyond the
table is in test_fault_matrix_details, _connecting and _waiting.

    rows elsewhere                                                    test
    F6, F38-40, F50-51  silence, drips, what never ends               test_deadlines
    F44     usage that comes several times                            wire/test_openai_chat_usage, wire/test_anthropic
    F52-53  interrupts, wherever a call waits                         test_interrupt, test_process
    F54     nobody looks any more                                     test_stream (dropped), notebook/test_live
    F55     one of several models fails                               jobs/test_compare, jobs/test_pump
    F56-61  killed kernels, two kernels, full and broken disks        test_crash, ledger/test_processes, ledger/test_trouble
    F69     budgets                                                   test_budget
    F70     cache hits                                                test_cache, test_cache_together
    F72     a table that is interrupted keeps its finished rows       jobs/test_map

Decided otherwise. F2: a host that is not found is tried as often as a refused connection; neither costs anything.
F4: an address that speaks no TLS is a TlsError. F6: a first token that does not come is never waited for twice, as it
may have been billed. F25: a page in place of an answer is not tried again. F47 and F48: arguments that are no JSON
come as text, marked by ``ToolCallPart.valid``; what runs tools must not run those. F53: a call that is stopped while
it connects has an unknown cost, as nobody says whether its request had left. F72: finished rows are skipped by the response cache, where it is on.
F67 and F71, and "go over to another
target" wherever the matrix has it: there is no routing yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest
from asking import MODEL, WIRES, rows, session

from llmkit.core import errors as e
from llmkit.core.events import Done, Failed, Retrying, Text
from llmkit.sim import Simulator

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
