"""Nothing waits for ever: the overall deadline, the wait for the first token, silence between tokens.

The figures are small and the margins generous: what is asserted is which clock ended the call, what was
kept, and that the server saw the connection close.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.core.events import Done, Failed
from llmkit.engine.cache import Cache
from llmkit.engine.tape import Tape
from llmkit.sim import Simulator

T = TypeVar("T")
MODEL = "here/bench:tokens=20,rate=0,ttft=0"
WIRES = ("chat", "responses", "anthropic", "gemini")
#: A call may outlive its deadline by a second; asserted with room for a busy machine. What is waited for here never
#: comes, or comes in a minute.
ROOM = 25.0
#: Short times, and longer ones for a machine that is too busy to have sent the request by then.
PATIENCE = (0.7, 3.0, 12.0)
FOREVER = ("hang", "hang=headers", "stall=3", "keepalive=0", "keepalive=3", "endless", "drip=0.2")


@pytest.fixture
def sim(simulator: Simulator) -> Simulator:
    return simulator.reset()


def session(sim: Simulator, fault: str, wire: str = "chat", **timeouts: float) -> llmkit.Session:
    root = sim.url if wire in ("anthropic", "gemini") else sim.url + "/v1"
    kind = {"type": wire} if wire in ("anthropic", "gemini") else {"type": "openai", "api": wire}
    here = {**kind, "base_url": root, "api_key": "k" * 20, "headers": {"x-sim-fault": fault} if fault else {}}
    return llmkit.Session({"providers": {"here": here}, "retry": {"base": 0}, "timeouts": timeouts})


@pytest.fixture(scope="module", autouse=True)
def warm(simulator: Simulator) -> None:
    """The SDKs are loaded before short deadlines are set: that takes a second or three."""
    for wire in WIRES:
        session(simulator, "", wire).ask("hello", model=MODEL)


def until_sent(sim: Simulator, ask: Callable[[float], T], seconds: tuple[float, ...] = PATIENCE) -> T:
    """What comes of asking with that much patience, once the request has reached the server."""
    for patience in seconds:
        sim.reset()
        asked = ask(patience)
        if sim.attempts:
            return asked
    raise AssertionError(f"Nothing was sent within {seconds[-1]} s.")


def only_row(of: llmkit.Session) -> dict[str, Any]:
    (row,) = of.ledger.rows(session=of.id, simulated=True)
    return row


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", FOREVER)
def test_f50_the_deadline_ends_whatever_does_not_end_by_itself(sim: Simulator, fault: str, wire: str) -> None:
    def ask(timeout: float) -> tuple[llmkit.Session, llmkit.Event]:
        here = session(sim, fault, wire)
        stream = here.stream("hello", model=MODEL, timeout=timeout)
        began = time.monotonic()
        last = list(stream)[-1]
        assert time.monotonic() - began < timeout + ROOM
        assert stream.settled(ROOM)
        return here, last

    here, last = until_sent(sim, ask)
    assert isinstance(last, Failed)
    assert isinstance(last.error, e.DeadlineExceeded)
    (seen,) = sim.settled()
    assert seen.outcome == "client_closed"
    row = only_row(here)
    assert row["status"] == "cancelled"
    if last.partial.text:
        assert (row["usage_source"], row["estimated"]) == ("estimated", 1)
    elif row["usage_source"] == "unknown":
        assert row["cost"] is None  # it was sent: nobody knows


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ["hang", "hang=headers", "stall=0", "keepalive=0:0.02"])
def test_f6_no_first_token_is_told_from_silence_later_and_is_not_tried_again(
    sim: Simulator, fault: str, wire: str
) -> None:
    # Headers and keep-alives are no token: a model that thinks has as long as one that hasn't answered.
    def ask(first_byte: float) -> llmkit.Session:
        here = session(sim, fault, wire, first_byte=first_byte, idle=60)
        with pytest.raises(e.FirstByteTimeout, match=rf"{first_byte:g} s"):
            here.ask("hello", model=MODEL)
        return here

    here = until_sent(sim, ask, (0.3, 3.0, 12.0))
    assert sim.attempts == 1  # it may have been billed
    assert sim.settled()[0].outcome == "client_closed"
    row = only_row(here)
    if row["usage_source"] == "unknown":
        assert (row["status"], row["cost"]) == ("unknown_billed", None)
    else:
        assert wire == "anthropic"  # which has said what the prompt is billed for


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ["stall=3", "keepalive=3:0.02"])
def test_f38_f39_silence_between_tokens_ends_it_and_keep_alives_are_silence(
    sim: Simulator, fault: str, wire: str
) -> None:
    here = session(sim, fault, wire, first_byte=60, idle=0.3)
    with pytest.raises(e.IdleTimeout, match=r"0\.3 s") as caught:
        here.ask("hello", model=MODEL)
    assert caught.value.partial is not None
    assert caught.value.partial.text
    assert sim.attempts == 1
    assert sim.settled()[0].outcome == "client_closed"
    row = only_row(here)
    assert (row["status"], row["usage_source"], row["estimated"]) == ("truncated", "estimated", 1)


def test_f51_a_slow_drip_of_real_tokens_is_left_alone(sim: Simulator) -> None:
    here = session(sim, "drip=0.1", first_byte=30, idle=1.5)  # two seconds in all
    assert here.ask("hello", model=MODEL).complete


def test_a_pause_shorter_than_the_idle_time_is_left_alone(sim: Simulator) -> None:
    assert session(sim, "stall=3:0.2", idle=10).ask("hello", model=MODEL).complete


def test_the_deadline_also_runs_while_a_retry_is_waited_for(sim: Simulator) -> None:
    here = session(sim, "status=429; retry-after=3")
    began = time.monotonic()
    with pytest.raises(e.LLMKitError) as caught:
        here.ask("hello", model=MODEL, timeout=5.9)
    # One retry fits into that, a second one doesn't: that is told at once.
    assert isinstance(caught.value, e.RateLimited)
    assert time.monotonic() - began < 6 + ROOM
    assert sim.attempts == 2


def test_one_deadline_for_all_attempts(sim: Simulator) -> None:
    here = session(sim, "fails=503:2:slow; delay=0.3")
    began = time.monotonic()
    with pytest.raises(e.DeadlineExceeded):
        here.ask("hello", model=MODEL, timeout=0.5)
    assert time.monotonic() - began < 0.5 + ROOM
    assert sim.attempts <= 2


def test_a_token_limit_ends_an_endless_stream_and_closes_its_connection(sim: Simulator) -> None:
    here = session(sim, "endless")
    with pytest.raises(e.Aborted, match="token limit") as caught:
        here.ask("hello", model=MODEL, signal=llmkit.Signal.token_limit(30))
    assert caught.value.partial is not None
    assert caught.value.partial.text
    assert sim.settled()[0].outcome == "client_closed"
    assert only_row(here)["status"] == "cancelled"


@pytest.mark.parametrize("wire", WIRES)
def test_f40_a_connection_left_open_after_the_end_does_not_hold_the_answer_back(
    sim: Simulator, wire: str
) -> None:
    here = session(sim, "open", wire, idle=60, first_byte=60)
    events = list(here.stream("hello", model=MODEL, timeout=30))
    assert isinstance(events[-1], Done)
    assert only_row(here)["status"] == "ok"


@pytest.mark.parametrize("wire", ["chat", "responses", "anthropic"])
def test_an_answer_that_is_over_when_it_is_stopped_stays_a_success(sim: Simulator, wire: str) -> None:
    # The caller leaves while the end of the body is still waited for.
    here = session(sim, "open", wire)
    stream = here.stream("hello", model=MODEL)
    said = ""
    for event in stream:
        if isinstance(event, llmkit.Text):
            said += event.text
            if len(said) > 90:
                stream.stop()
    (row,) = here.ledger.rows(session=here.id, simulated=True)
    assert (row["status"] == "ok") == isinstance(stream._terminal, Done)


# -- what else could hold a call up -----------------------------------------------------------------


@pytest.mark.parametrize("when", ["on_request", "on_event", "on_reply"])
def test_a_hook_that_blocks_holds_no_caller_beyond_its_deadline(sim: Simulator, when: str) -> None:
    here = session(sim, "")
    blocked, over = threading.Event(), threading.Event()

    def block(*_: object) -> None:
        blocked.set()
        over.wait(60)

    forget = getattr(here, when)(block)
    try:
        with pytest.raises(e.DeadlineExceeded, match="I/O thread"):
            here.ask("hello", model=MODEL, timeout=2)
        assert blocked.is_set()
        with pytest.raises(e.DeadlineExceeded):  # nor those of others, awaited or not
            asyncio.run(asyncio.wait_for(session(sim, "").stream("hello", model=MODEL, timeout=0.3), 30))
    finally:
        forget()
        over.set()
    assert here.ask("hello", model=MODEL, timeout=30).complete


def test_a_tape_that_is_written_slowly_holds_no_answer_beyond_its_deadline(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = session(sim, "")
    here.tape = Tape(tmp_path / "t.llm.jsonl")
    over = threading.Event()
    monkeypatch.setattr(here.tape, "_write", lambda _: over.wait(60))
    try:
        began = time.monotonic()
        assert here.ask("hello", model=MODEL, timeout=3).complete  # the answer was there in time
        assert time.monotonic() - began < 3 + ROOM
    finally:
        over.set()
    assert only_row(here)["status"] == "ok"


def test_a_cache_that_is_locked_holds_no_call_beyond_its_deadline(sim: Simulator, tmp_path: Path) -> None:
    here = session(sim, "")
    here.cache = Cache(tmp_path / "cache.db")
    here.ask("something else", model=MODEL)
    with closing(sqlite3.connect(tmp_path / "cache.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(e.DeadlineExceeded):
            here.ask("hello", model=MODEL, timeout=0.3)
        assert sim.attempts == 1
        assert here.ask("hello", model=MODEL, timeout=30).complete  # it costs a hit, and no call
    assert sim.attempts == 2


@pytest.mark.parametrize("style", ["reply", "await"])
def test_an_address_where_nobody_answers_holds_no_call_beyond_its_deadline(style: str) -> None:
    with socket.socket() as hole, ExitStack() as full:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for _ in range(4):  # a full backlog: further connections are not answered at all
            one = full.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(hole.getsockname())
        here = llmkit.Session(
            {
                "providers": {
                    "here": {
                        "type": "openai",
                        "base_url": f"http://127.0.0.1:{hole.getsockname()[1]}/v1",
                        "api_key": "k" * 20,
                    }
                },
                "timeouts": {"connect": 60},
            }
        )
        began = time.monotonic()
        stream = here.stream("hello", model="here/m", timeout=0.7)
        with pytest.raises(e.DeadlineExceeded):
            stream.reply() if style == "reply" else asyncio.run(asyncio.wait_for(stream, 30))
        assert time.monotonic() - began < 0.7 + ROOM
    assert only_row(here)["status"] == "cancelled"
