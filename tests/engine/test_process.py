"""The I/O thread as a guest in somebody's process: lazy, fork-safe, quick to leave, without warnings."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import llmkit
from llmkit.ledger.store import Ledger
from llmkit.sim import Simulator


def run(code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_importing_starts_no_thread_and_the_first_call_starts_one() -> None:
    done = run(
        """
        import threading, llmkit
        session = llmkit.Session()
        before = threading.active_count()
        session.ask("hello", model="sim/swift")
        print(before, [t.name for t in threading.enumerate()].count("llmkit-io"))
        """
    )
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_can_ask_again() -> None:
    done = run(
        """
        import os, warnings, llmkit
        warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: that is what is tested
        parent = llmkit.ask("hello", model="sim/swift").text
        child = os.fork()
        if child == 0:
            os._exit(0 if llmkit.ask("hello", model="sim/swift").text else 1)
        _, status = os.waitpid(child, 0)
        again = llmkit.ask("hello", model="sim/swift").text
        print(os.waitstatus_to_exitcode(status), parent == again)
        """
    )
    assert done.stdout.split() == ["0", "True"]


#: Twenty answers on their way, each some tokens long by now.
TWENTY = """
import llmkit
config = {"providers": {"here": {"type": "openai", "api": "chat", "base_url": URL + "/v1", "api_key": "k" * 9}}}
session = llmkit.Session(config)
streams = [session.stream("hello", model="here/bench:tokens=90000,rate=100,ttft=0") for _ in range(20)]
running = [stream.batches() for stream in streams]
for batches in running:
    next(batch for batch in batches if batch)
"""
#: Seconds that leaving may take: half of one is promised, the rest is for a busy machine. The answers take 15 minutes.
SOON = 30.0
STRICT = ("-X", "dev", "-W", "error::ResourceWarning")


def left_behind(done: subprocess.CompletedProcess[str], simulator: Simulator, ledger: Path) -> list[str]:
    """What a process that left did not clean up."""
    found = [word for word in ("ResourceWarning", "Task was destroyed", "Traceback") if word in done.stderr]
    found += [f"{seen.outcome}" for seen in simulator.settled(20) if seen.outcome != "client_closed"]
    with Ledger.open(ledger) as opened:
        rows = list(opened.rows(simulated=True))
    if len(rows) != 20 or len(simulator.requests) != 20:
        found.append(f"{len(rows)} rows, {len(simulator.requests)} requests")
    found += [row["status"] for row in rows if row["status"] != "cancelled"]
    found += [row["usage_source"] for row in rows if row["usage_source"] != "estimated"]
    return found


def test_leaving_with_twenty_live_streams_is_quick_and_leaves_nothing_behind(
    simulator: Simulator, clean_environment: Path
) -> None:
    simulator.reset()
    code = (
        f"URL = {simulator.url!r}"
        """
import atexit, time
moments = []
atexit.register(lambda: print(f"left in {time.monotonic() - moments[0]:.3f} s"))  # the last to be called
"""
        + TWENTY
        + """
atexit.register(lambda: moments.append(time.monotonic()))  # the first
"""
    )
    done = run(code, *STRICT)
    print(done.stdout.strip())
    assert float(done.stdout.split()[2]) < SOON
    assert left_behind(done, simulator, clean_environment / "ledger.sqlite") == []


def test_closing_a_session_with_twenty_live_streams_is_quick_and_leaves_nothing_behind(
    simulator: Simulator, clean_environment: Path
) -> None:
    simulator.reset()
    code = (
        f"URL = {simulator.url!r}"
        + TWENTY
        + """
import asyncio, time
from llmkit.engine.loop import IOThread
began = time.monotonic()
session.close()
print(f"closed in {time.monotonic() - began:.3f} s")
for stream in streams:  # closing waits a moment only, and on a busy machine that may be over first
    stream.settled(60)
thread = IOThread.current()
print(sorted(row["status"] for row in session.ledger.rows(simulated=True)))
print(all(stream.reason for stream in (each.signal for each in streams)), sum(not task.done() for task in list(thread._tasks)))
print(session.ask("hello", model="sim/swift").complete)
"""
    )
    done = run(code, *STRICT)
    print(done.stdout.splitlines()[0])
    assert float(done.stdout.split()[2]) < SOON
    assert done.stdout.splitlines()[1:] == [str(["cancelled"] * 20), "True 0", "True"]
    assert [seen.outcome for seen in simulator.settled(20)] == ["client_closed"] * 20
    assert not [word for word in ("ResourceWarning", "Task was destroyed") if word in done.stderr]


def test_closing_one_session_leaves_the_others_alone() -> None:
    one, other = llmkit.Session(), llmkit.Session()
    held = [each.stream("hello", model="sim/bench:tokens=60,rate=100,ttft=0") for each in (one, other)]
    with one:
        pass
    with pytest.raises(llmkit.errors.Aborted, match="closed"):
        held[0].reply()
    assert held[1].reply().complete


def test_loops_in_threads_and_asking_within_a_loop_share_one_io_thread() -> None:
    done = run(
        """
        import asyncio, threading, llmkit
        session = llmkit.Session()
        async def inner():
            one, two = await asyncio.gather(*(session.stream(f"{n}", model="sim/swift") for n in range(2)))
            return one.text and two.text
        async def outer():
            said = session.ask("within a running loop", model="sim/swift").text
            below = await asyncio.to_thread(asyncio.run, inner())  # a loop below a loop
            return said and below and await inner()
        with __import__("concurrent.futures").futures.ThreadPoolExecutor(10) as pool:
            print(all(pool.map(lambda _: asyncio.run(outer()), range(10))))
        print([t.name for t in threading.enumerate()].count("llmkit-io"))
        """,
        *STRICT,
    )
    assert done.stdout.split() == ["True", "1"]
    assert "ResourceWarning" not in done.stderr


def test_interrupt_during_a_plain_script_stops_the_stream_and_raises_once() -> None:
    done = run(
        """
        import os, signal, threading, llmkit
        session = llmkit.Session()
        session.ask("hello", model="sim/swift")
        stream = session.stream("hello", model="sim/bench:tokens=9000,rate=100,ttft=0")
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        try:
            for event in stream:
                if not timer.is_alive():
                    timer.start()
        except KeyboardInterrupt:
            print("interrupted", stream.signal.aborted, bool(stream.text))
        frame = session.usage(simulated=True, status="cancelled")
        print(list(frame.status), list(frame.usage_source))
        """
    )
    assert done.stdout.splitlines() == ["interrupted True True", "['cancelled'] ['estimated']"]
