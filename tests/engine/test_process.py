"""The I/O thread as a guest in somebody's process: lazy, fork-safe, quick to leave, without warnings."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest


def run(code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
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


def test_leaving_with_live_streams_is_quick_and_leaves_no_resource_warning() -> None:
    done = run(
        """
        import atexit, time, llmkit
        session = llmkit.Session()
        streams = [session.stream("hello", model="sim/bench:tokens=9000,rate=100,ttft=0") for _ in range(20)]
        running = [stream.batches() for stream in streams]
        for batches in running:
            next(batches)
        print("leaving")
        """,
        "-X",
        "dev",
        "-W",
        "error::ResourceWarning",
    )
    assert "leaving" in done.stdout
    assert "ResourceWarning" not in done.stderr
    assert "Task was destroyed" not in done.stderr


def test_interrupt_during_a_plain_script_stops_the_stream_and_raises_once() -> None:
    done = run(
        """
        import os, signal, threading, llmkit
        session = llmkit.Session()
        session.ask("hello", model="sim/swift")
        stream = session.stream("hello", model="sim/bench:tokens=9000,rate=100,ttft=0")
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            for event in stream:
                pass
        except KeyboardInterrupt:
            print("interrupted", stream.signal.aborted, bool(stream.text))
        frame = session.usage(simulated=True, status="cancelled")
        print(list(frame.status), list(frame.usage_source))
        """
    )
    assert done.stdout.splitlines() == ["interrupted True True", "['cancelled'] ['estimated']"]
