"""kill -9 in the middle of calls: whatever left the machine has a row, and what was told stays told.

Children are forked from one program that has loaded everything, so that many can be killed in a short time.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from llmkit.ledger import Ledger
from llmkit.sim import Simulator

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

#: Each round kills two processes that write one ledger.
ROUNDS = int(os.environ.get("LLMKIT_KILL_ROUNDS", "10"))

PROGRAM = """
    import json, os, random, signal, sys, threading, time
    import llmkit, openai
    from openai import DefaultAioHttpClient

    url, rounds = sys.argv[1], int(sys.argv[2])
    config = {"providers": {"here": {"type": "openai", "api": "chat", "base_url": url + "/v1", "api_key": "k" * 9}}}

    def work(name, out):
        session = llmkit.Session(config)
        def ask(thread):
            for n in range(10**6):
                tag = f"{name}-{thread}-{n}"
                reply = session.ask(f"mark<{tag}>", model="here/bench:tokens=20,rate=400,ttft=10", tag=tag)
                os.write(out, f"{tag} {reply.usage.output}\\n".encode())
        for thread in range(3):
            threading.Thread(target=ask, args=(thread,), daemon=True).start()
        time.sleep(60)

    def round_(number, dice):
        children = []
        for who in "ab":
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(read)
                try:
                    work(f"r{number}{who}", write)
                finally:
                    os._exit(1)
            os.close(write)
            children.append((child, read))
        told = []
        for child, read in children:
            with os.fdopen(read, "rb") as pipe:
                for _ in range(dice.randrange(1, 8)):
                    told.append(pipe.readline())
                time.sleep(dice.random() * 0.1)
                os.kill(child, signal.SIGKILL)
                told += pipe.readlines()
            os.waitpid(child, 0)
        return [line.decode().split() for line in told if line.endswith(b"\\n")]

    dice = random.Random(7)
    print(json.dumps([line for number in range(rounds) for line in round_(number, dice)]))
"""


def test_killed_at_random_points_no_row_is_lost_and_every_unsettled_attempt_is_seen(
    simulator: Simulator, child_environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "ledger.db"
    env = child_environment | {"LLMKIT_LEDGER": str(path), "LLMKIT_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(PROGRAM), simulator.url, str(ROUNDS)],
        env=env, capture_output=True, text=True, timeout=350,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = dict(json.loads(done.stdout))
    asked = [
        match[1]
        for seen in simulator.settled(10)
        if (match := re.search(r"mark<([^>]+)>", json.dumps(seen.json)))
    ]

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Ledger.open(path) as ledger:
        assert ledger.notices == []
        found = list(ledger.rows(simulated=True))
    rows = {row["tag"]: row for row in found}
    assert len(rows) == len(found)  # one attempt a call, one row an attempt

    # What the caller was told of is settled, as it was told.
    assert len(told) >= 2 * ROUNDS
    assert {tag: (row["status"], str(row["output"])) for tag, row in rows.items() if tag in told} == {
        tag: ("ok", output) for tag, output in told.items()
    }
    # What left for the server has a row, because that was written before.
    assert set(asked) <= rows.keys()
    # What was under way is seen to be: nobody knows what it cost.
    unsettled = [row for row in found if row["settled"] is None]
    assert unsettled
    assert all(row["status"] == "unknown_billed" and row["cost"] is None for row in unsettled)
    assert all(row["settled"] is not None for tag, row in rows.items() if tag in told)
    print(
        f"{2 * ROUNDS} kills: {len(told)} told, {len(asked)} requests, {len(found)} rows, {len(unsettled)} unsettled"
    )


def test_killed_by_a_signal_that_can_be_handled_the_rows_are_settled(
    simulator: Simulator, child_environment: dict[str, str], tmp_path: Path
) -> None:
    """SIGINT in a plain script: the streams are stopped on the way out, and their rows say so."""
    code = f"""
        import llmkit, time
        config = {{"providers": {{"here": {{"type": "openai", "api": "chat", "base_url": "{simulator.url}/v1", "api_key": "k" * 9}}}}}}
        session = llmkit.Session(config)
        streams = [session.stream("hello", model="here/bench:tokens=9000,rate=50,ttft=0") for _ in range(5)]
        held = [stream.batches() for stream in streams]
        for batches in held:
            next(batch for batch in batches if batch)
        print("ready", flush=True)
        time.sleep(60)
    """
    env = child_environment | {"LLMKIT_LEDGER": str(tmp_path / "ledger.db")}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        rows = list(ledger.rows(simulated=True))
    assert [(row["status"], row["usage_source"]) for row in rows] == [("cancelled", "estimated")] * 5


def test_forked_children_ask_with_threads_of_their_own_and_leave_nothing_open(
    simulator: Simulator, child_environment: dict[str, str], tmp_path: Path
) -> None:
    code = f"""
        import os, threading, time, warnings
        import llmkit
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # fork with threads: that is what is tested
        config = {{"providers": {{"here": {{"type": "openai", "api": "chat", "base_url": "{simulator.url}/v1", "api_key": "k" * 9}}}}}}
        session = llmkit.Session(config)
        live = session.stream("hello", model="here/bench:tokens=9000,rate=100,ttft=0")
        batches = live.batches()
        next(batch for batch in batches if batch)

        def in_child(number):
            threads = lambda: [t.name for t in threading.enumerate()].count("llmkit-io")
            before = threads()
            text = session.ask("hello", model="here/bench:tokens=3,rate=0,ttft=0", tag=f"child {{number}}").text
            return 0 if text and (before, threads()) == (0, 1) else 1

        children = []
        for number in range(4):
            child = os.fork()
            if child == 0:
                os._exit(in_child(number))
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        goes_on = len(live.text) > 0 and not live.ended
        live.close()
        print(codes, goes_on, [t.name for t in threading.enumerate()].count("llmkit-io"))
    """
    env = child_environment | {"LLMKIT_LEDGER": str(tmp_path / "ledger.db")}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", textwrap.dedent(code)],
        env=env, capture_output=True, text=True, timeout=350,
    )  # fmt: skip
    assert done.stdout == "[0, 0, 0, 0] True 1\n", done.stderr[-2000:]
    assert "ResourceWarning" not in done.stderr
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        rows = list(ledger.rows(simulated=True))
    assert sorted((row["tag"] or "", row["status"]) for row in rows) == [
        ("", "cancelled"),
        *((f"child {number}", "ok") for number in range(4)),
    ]
