"""Limits, retries and timeouts as a config sets them, over real sockets; requests are counted, not timed."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asking import Scripted, heard

import llmkit
from llmkit.core import errors as e
from llmkit.engine.loop import IOThread
from llmkit.sim import Simulator

QUICK = "here/bench:tokens=3,rate=0,ttft=0"
WAITING = "here/bench:tokens=3,rate=0,ttft=150"
ENDLESS = "here/bench:tokens=100000,rate=50,ttft=0"


def session(sim: Simulator, limits: dict[str, Any] | None = None, **config: Any) -> llmkit.Session:
    here: dict[str, Any] = {"type": "openai", "api": "chat", "base_url": sim.url + "/v1", "api_key": "k" * 20}
    if limits is not None:
        here["limits"] = limits
    return llmkit.Session({"providers": {"here": here}, "retry": {"base": 0}, **config})


def most_at_once(sim: Simulator) -> int:
    """The largest number of requests that were open at one moment."""
    moments = [(seen.started, 1) for seen in sim.settled()]
    moments += [(seen.ended, -1) for seen in sim.settled() if seen.ended is not None]
    open_now = most = 0
    for _, change in sorted(moments):
        open_now += change
        most = max(most, open_now)
    return most


@pytest.fixture
def sim(simulator: Simulator) -> Simulator:
    return simulator.reset()


def test_no_more_requests_are_open_at_once_than_the_config_allows_under_fifty_threads(sim: Simulator) -> None:
    here = session(sim, {"concurrency": 4})
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda n: here.ask(f"hello {n}", model=WAITING), range(50)))
    assert len(replies) == 50
    assert sim.attempts == 50
    assert most_at_once(sim) == 4


def test_two_keys_have_their_own_limits(sim: Simulator) -> None:
    entry = {"type": "openai", "api": "chat", "base_url": sim.url + "/v1", "api_key": "k" * 20}
    here = llmkit.Session(
        {
            "providers": {
                "a": {**entry, "limits": {"concurrency": 1}},
                "b": {**entry, "limits": {"concurrency": 2}},
            }
        }
    )
    with ThreadPoolExecutor(20) as pool:
        list(
            pool.map(
                lambda n: here.ask("hello", model=f"{'ab'[n % 2]}/bench:tokens=1,rate=0,ttft=60"), range(20)
            )
        )
    assert sim.attempts == 20
    assert most_at_once(sim) == 3


def test_more_requests_than_a_minute_allows_wait_and_a_deadline_ends_the_wait_unsent(sim: Simulator) -> None:
    session(sim).ask("hello", model=QUICK)  # the SDK is loaded: what is timed is the wait
    sim.reset()
    here = session(sim, {"requests_per_minute": 5})
    outcomes: list[str] = []

    def ask(_: int) -> None:
        try:
            here.ask("hello", model=QUICK, timeout=4)
            outcomes.append("ok")
        except e.DeadlineExceeded:
            outcomes.append("late")

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(ask, range(10)))
    assert (outcomes.count("ok"), outcomes.count("late"), sim.attempts) == (5, 5, 5)
    rows = [row for row in here.ledger.rows(session=here.id, simulated=True) if row["status"] == "cancelled"]
    assert [(row["cost"], row["cost_note"]) for row in rows] == [("0", "nothing was sent")] * 5


def test_tokens_a_minute_count_the_prompt_and_the_longest_answer(sim: Simulator) -> None:
    here = session(sim, {"tokens_per_minute": 1000})
    here.ask("hello", model=QUICK, max_tokens=900, timeout=30)
    with pytest.raises(e.DeadlineExceeded):
        here.ask("hello", model=QUICK, max_tokens=900, timeout=0.3)
    assert sim.attempts == 1


def test_a_waiter_that_is_stopped_gives_its_place_to_the_next(sim: Simulator) -> None:
    here = session(sim, {"concurrency": 1})
    first = here.stream("hello", model=ENDLESS)
    running = first.batches()  # held: a stream whose iterator is dropped is closed
    next(batch for batch in running if batch)
    waiting = [here.stream(f"waiting {n}", model=QUICK) for n in range(5)]
    for stream in waiting[:4]:
        stream.stop()
    for stream in waiting[:4]:
        with pytest.raises(e.Aborted):
            stream.reply()
    first.close()
    assert waiting[4].reply().text
    assert sim.attempts == 2


def test_first_come_first_served_over_threads(sim: Simulator) -> None:
    here = session(sim, {"concurrency": 1})
    first = here.stream("hello", model=ENDLESS)
    running = first.batches()
    next(batch for batch in running if batch)
    streams = [here.stream(f"number {n}", model=QUICK) for n in range(10)]
    first.close()
    for stream in streams:
        stream.reply()
    asked = [seen.json["messages"][-1]["content"] for seen in sim.settled()[1:]]
    assert asked == [f"number {n}" for n in range(10)]


def test_a_429_holds_everybody_on_that_key_and_nobody_on_another(sim: Simulator) -> None:
    entry = {"type": "openai", "api": "chat", "base_url": sim.url + "/v1", "api_key": "k" * 20}
    told = {**entry, "headers": {"x-sim-fault": "fails=429:1:held; retry-after=30"}}
    here = llmkit.Session({"providers": {"told": told, "free": entry}})
    with pytest.raises(e.RateLimited):
        here.ask("hello", model="told/swift", timeout=20)
    refused = 0
    for _ in range(5):
        with pytest.raises(e.RateLimited, match="left alone"):
            here.ask("hello", model="told/swift", timeout=10)
        refused += 1
    assert here.ask("hello", model="free/swift", timeout=20).text
    assert (refused, sim.attempts) == (5, 2)


def test_how_often_is_tried_again_is_configured(sim: Simulator) -> None:
    for attempts in (1, 2, 3):
        sim.reset()
        entry = {
            "type": "openai", "api": "chat", "base_url": sim.url + "/v1", "api_key": "k" * 20,
            "headers": {"x-sim-fault": "status=503"},
        }  # fmt: skip
        here = llmkit.Session(
            {"providers": {"here": entry}, "retry": {"attempts": attempts, "base": 0, "cap": 0}}
        )
        with pytest.raises(e.Overloaded):
            here.ask("hello", model="here/swift")
        assert sim.attempts == attempts


def test_timeouts_may_differ_by_provider(sim: Simulator) -> None:
    entry = {
        "type": "openai", "api": "chat", "base_url": sim.url + "/v1", "api_key": "k" * 20,
        "headers": {"x-sim-fault": "hang"},
    }  # fmt: skip
    here = llmkit.Session(
        {
            "providers": {"quick": {**entry, "timeouts": {"first_byte": 0.1}}, "slow": entry},
            "timeouts": {"first_byte": 0.3},
        }
    )
    with pytest.raises(e.FirstByteTimeout, match=r"0\.1 s"):
        here.ask("hello", model="quick/swift")
    with pytest.raises(e.FirstByteTimeout, match=r"0\.3 s"):
        here.ask("hello", model="slow/swift")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"retry": {"attempts": 0}}, "retry.attempts"),
        ({"retry": {"tries": 3}}, "tries"),
        ({"timeouts": {"first_bite": 3}}, "first_byte"),
        ({"timeouts": {"idle": float("nan")}}, "timeouts.idle"),
        ({"timeouts": 5}, "timeouts"),
        ({"breaker": {"threshold": 1.5}}, "breaker.threshold"),
        (
            {"providers": {"x": {"type": "openai", "limits": {"concurrency": "many"}}}},
            "providers.x.limits.concurrency",
        ),
        (
            {"providers": {"x": {"type": "openai", "limits": {"requests_per_minute": 0}}}},
            "requests_per_minute",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(config: dict[str, Any], says: str) -> None:
    with pytest.raises(e.ConfigError) as caught:
        llmkit.Session(config)
    assert says in str(caught.value)


def test_fifty_threads_share_one_io_thread_and_leave_no_slot_taken(sim: Simulator) -> None:
    here = session(sim, {"concurrency": 8})
    stop = llmkit.Signal.never()

    def ask(n: int) -> str:
        try:
            return here.ask(f"hello {n}", model=ENDLESS if n % 2 else QUICK, signal=stop, timeout=60).text
        except e.Aborted:
            return ""

    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(ask, n) for n in range(50)]
        while sum(seen.bytes_sent > 0 for seen in sim.requests) < 8:
            threading.Event().wait(0.01)
        stop.abort("enough")
        for future in asked:
            future.result()
    assert [thread.name for thread in threading.enumerate()].count("llmkit-io") == 1
    assert here.gates.on(IOThread.current()).limiter("here").running == 0
    assert here.ask("and again", model=QUICK).text


# -- learned from what the server says -------------------------------------------------------------

ANSWER = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}'


def limiting(*headers: str) -> Scripted:
    """A server that answers, and says in these headers what is left."""
    said = "".join(f"{header}\r\n" for header in headers).encode()

    def talk(client: socket.socket) -> None:
        heard(client)
        client.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            + said
            + b"content-length: %d\r\n\r\n" % len(ANSWER)
            + ANSWER
        )

    return Scripted(talk)


def of(url: str) -> llmkit.Session:
    here = {"type": "openai", "api": "chat", "base_url": url + "/v1", "api_key": "k" * 20}
    return llmkit.Session({"providers": {"here": here}, "retry": {"base": 0}})


@pytest.mark.parametrize(
    "headers",
    [
        ("x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 40s"),
        ("x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 40s"),
        ("anthropic-ratelimit-output-tokens-remaining: 0", "anthropic-ratelimit-output-tokens-reset: 40s"),
    ],
)
def test_headers_that_say_nothing_is_left_hold_everybody_until_the_reset(headers: tuple[str, ...]) -> None:
    server = limiting(*headers)
    with server as url:
        here = of(url)
        assert here.ask("hello", model="here/m").text == "hi"
        for _ in range(5):
            with pytest.raises(e.RateLimited, match="left alone") as caught:
                here.ask("hello", model="here/m", timeout=10)
            assert caught.value.retry_at is not None
    assert server.clients == 1


def test_a_reset_that_comes_soon_is_waited_for() -> None:
    server = limiting("x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 50ms")
    with server as url:
        here = of(url)
        assert [here.ask("hello", model="here/m", timeout=30).text for _ in range(3)] == ["hi"] * 3
    assert server.clients == 3


def test_headers_that_say_something_is_left_hold_nobody() -> None:
    server = limiting("x-ratelimit-remaining-requests: 1", "x-ratelimit-reset-requests: 40s")
    with server as url:
        here = of(url)
        assert [here.ask("hello", model="here/m", timeout=30).text for _ in range(3)] == ["hi"] * 3


def test_each_session_keeps_its_own_limits(sim: Simulator) -> None:
    # A session's limits are its own, as its budgets are: calls that should share them share a session.
    one, other = (session(sim, {"concurrency": 1}) for _ in range(2))
    with one.stream("hello", model=ENDLESS) as first:
        running = first.batches()
        next(batch for batch in running if batch)
        assert other.ask("hello", model=QUICK, timeout=30).text
        with pytest.raises(e.DeadlineExceeded):
            one.ask("hello", model=QUICK, timeout=0.3)
    assert sim.attempts == 2
