"""Several processes, forks and sudden deaths: no acknowledged row is lost, none is counted twice."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from llmkit.core.usage import Cost
from llmkit.ledger import Ledger
from llmkit.ledger import process as processes
from llmkit.ledger.process import ProcessMark, is_dead, this_process

WRITER = """
import sys
from llmkit.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
for n in range(int(sys.argv[2])):
    id = ledger.begin(call=f"{sys.argv[3]}-{n}", attempt=1, session=sys.argv[3], provider="p", model="m")
    print("begun", id, flush=True)
    ledger.settle(id, status="ok")
    print("settled", id, flush=True)
print("notices", ledger.notices, ledger.healthy, flush=True)
ledger.close()
"""


def test_several_processes_write_one_file(path, program):
    writers = [program(WRITER, path, 100, name) for name in "abcd"]
    said = [writer.communicate()[0] for writer in writers]
    assert all(text.endswith("notices [] True\n") for text in said)
    with Ledger.open(path) as ledger:
        rows = list(ledger.rows(status="ok"))
    assert len(rows) == 400
    assert len({row["id"] for row in rows}) == 400
    assert {row["session"] for row in rows} == set("abcd")


def test_many_threads_may_write_through_one_ledger(ledger, begin):
    def work(name):
        for _ in range(50):
            ledger.settle(begin(ledger, session=name), status="ok")

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(ledger.rows(status="ok"))) == 400


def test_killed_at_any_moment_no_acknowledged_row_is_lost(path, program):
    dice = random.Random(7)
    begun, settled = set(), set()
    for turn in range(20):
        writer = program(WRITER, path, 1_000_000, f"w{turn}")
        for _ in range(dice.randrange(2, 60)):
            word, begun_id = writer.stdout.readline().split()
            (begun if word == "begun" else settled).add(begun_id)
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()
        writer.wait()
        for line in rest.splitlines(keepends=True):
            if line.endswith("\n"):  # a torn line acknowledged nothing
                word, begun_id = line.split()
                (begun if word == "begun" else settled).add(begun_id)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Ledger.open(path) as ledger:
        rows = {row["id"]: row["status"] for row in ledger.rows()}
        assert ledger.notices == []
    assert begun <= rows.keys()
    assert {rows[begun_id] for begun_id in settled} == {"ok"}
    assert set(rows.values()) <= {"ok", "unknown_billed"}
    # The settle of a row may have been written and not acknowledged; never more than one a round.
    assert len(rows.keys() - begun) <= 20
    assert sum(status == "unknown_billed" for status in rows.values()) <= 20


SLEEPER = """
import sys, time
from llmkit.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
ledger.begin(call="c", attempt=1, session="s", provider="p", model="m")
print("begun", flush=True)
sys.stdin.readline()
"""


def test_the_pending_row_of_a_living_process_stays_pending(path, program):
    writer = program(SLEEPER, path)
    writer.stdout.readline()
    with Ledger.open(path) as ledger:
        assert [row["status"] for row in ledger.rows()] == ["pending"]


def test_the_pending_row_of_a_dead_process_may_have_been_billed(path, program):
    writer = program(SLEEPER, path)
    writer.stdout.readline()
    writer.kill()
    writer.wait()
    with Ledger.open(path) as ledger:
        (row,) = ledger.rows()
    assert (row["status"], row["cost"]) == ("unknown_billed", None)
    assert "may have been billed" in row["cost_note"]


def test_a_dead_process_that_is_not_yet_buried_is_dead(path, program):
    writer = program(SLEEPER, path)
    writer.stdout.readline()
    writer.kill()
    os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)  # ended, and still in the table
    with Ledger.open(path) as ledger:
        assert [row["status"] for row in ledger.rows()] == ["unknown_billed"]


def test_a_row_given_up_too_early_can_still_be_settled(ledger, path, begin):
    begun_id = begin(ledger)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE attempts SET status = 'unknown_billed'")
        db.commit()
    ledger.settle(begun_id, status="ok", cost=Cost())
    assert [row["status"] for row in ledger.rows()] == ["ok"]


def test_whether_a_process_lives_is_told_by_more_than_its_number():
    me = this_process()
    name, _, space = me.host.split("/", 2)
    assert not is_dead(me, 1e9)
    assert is_dead(ProcessMark(me.pid, me.host, "another start"), 0)
    assert is_dead(ProcessMark(2**22 + 1, me.host, ""), 0)
    assert is_dead(ProcessMark(me.pid, f"{name}/an-earlier-boot/{space}", me.process), 0)


@pytest.mark.parametrize("host", ["elsewhere/boot/ns", "/proc/sys"])
def test_a_process_out_of_reach_is_given_up_after_a_day(host):
    mark = ProcessMark(1, host, "")
    assert not is_dead(mark, 3600)
    assert is_dead(mark, 25 * 3600)


def test_where_the_system_does_not_tell_starts_a_living_number_counts_for_a_day(monkeypatch):
    monkeypatch.setattr(processes, "_stat", lambda pid: [])
    mark = ProcessMark(os.getpid(), processes.this_host(), "")
    assert not is_dead(mark, 3600)
    assert is_dead(mark, 25 * 3600)


# -- forks ----------------------------------------------------------------------------------------


def in_child(work):
    """Run something in a forked child; what it returns comes back."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(write, json.dumps(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return json.loads(said)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_writes_through_a_connection_of_its_own(ledger, begin):
    mine = begin(ledger, tag="parent")

    def work():
        ledger.settle(begin(ledger, tag="child"), status="ok")
        return [os.getpid(), ledger.healthy, ledger.notices]

    pid, healthy, notices = in_child(work)
    assert (healthy, notices) == (True, [])
    ledger.settle(mine, status="ok")
    rows = {row["tag"]: row for row in ledger.rows()}
    assert {tag: row["status"] for tag, row in rows.items()} == {"parent": "ok", "child": "ok"}
    assert (rows["child"]["pid"], rows["parent"]["pid"]) == (pid, os.getpid())


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_does_not_write_what_its_parent_holds(ledger, begin):
    db = ledger._database().db
    db.execute("PRAGMA query_only = ON")
    begin(ledger)
    assert in_child(lambda: [ledger.flush(), len(list(ledger.rows()))]) == [True, 0]
    db.execute("PRAGMA query_only = OFF")
    assert ledger.flush()
    assert len(list(ledger.rows())) == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_made_while_the_ledger_is_locked_does_not_hang(ledger, begin):
    held, release = threading.Event(), threading.Event()

    def hold():
        with ledger._lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    try:
        assert in_child(lambda: begin(ledger) != "")
    finally:
        release.set()
        thread.join()


def test_ids_sort_by_time_and_never_repeat(ledger, begin):
    first = begin(ledger)
    time.sleep(0.003)
    assert first < begin(ledger)
    assert len({begin(ledger) for _ in range(500)}) == 500
