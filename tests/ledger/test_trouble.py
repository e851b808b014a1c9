"""Files that are broken, full, read-only, foreign, newer or gone: the call goes on, and nothing is hidden."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from llmkit.ledger import Ledger


def statuses(ledger):
    return [row["status"] for row in ledger.rows()]


def intact(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"this is no database, but a text that is longer than a header" * 50),
        lambda path: path.write_bytes(b"SQLite format 3\x00" + os.urandom(8000)),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes()[:100] + os.urandom(path.stat().st_size - 100)),
    ],
    ids=["text", "noise", "cut short", "header only"],
)
def test_a_broken_file_is_set_aside_and_a_new_one_begun(path, begin, spoil):
    with Ledger.open(path) as ledger:
        for _ in range(50):
            ledger.settle(begin(ledger), status="ok")
    spoil(path)
    broken = path.read_bytes()
    with Ledger.open(path) as ledger:
        ledger.settle(begin(ledger), status="ok")
        assert statuses(ledger) == ["ok"]
        assert len(ledger.notices) == 1
        assert ".recover" in ledger.notices[0]
        assert ledger.healthy
    aside = [file for file in path.parent.iterdir() if ".corrupt-" in file.name]
    assert len(aside) == 1
    assert aside[0].read_bytes() == broken
    assert intact(path)


def test_a_file_that_breaks_while_it_is_open_is_replaced_and_the_row_is_kept(path, begin):
    with Ledger.open(path) as ledger:
        begun_id = begin(ledger)
        db = ledger._database().db
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        with path.open("r+b") as file:
            file.write(b"garbage" * (path.stat().st_size // 7))
        db.execute("PRAGMA shrink_memory")  # what it remembers of the file
        ledger.settle(begun_id, status="ok")
        assert statuses(ledger) == ["ok"]
        assert len(ledger.notices) == 1
    assert intact(path)


def test_a_full_disk_keeps_rows_in_memory_and_writes_them_later(path, begin):
    with Ledger.open(path) as ledger:
        db = ledger._database().db
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")
        ids = [begin(ledger, tag="x" * 400) for _ in range(60)]
        for begun_id in ids:
            ledger.settle(begun_id, status="ok")
        assert not ledger.healthy
        assert len(ledger.notices) == 1
        assert statuses(ledger) == ["ok"] * 60
        assert not ledger.flush()

        db.execute("PRAGMA max_page_count = 1000000")
        assert ledger.flush()
        assert ledger.healthy
    with Ledger.open(path) as again:
        assert statuses(again) == ["ok"] * 60
    assert intact(path)


def test_a_held_row_is_filtered_like_any_other_and_counts_once(path, begin):
    with Ledger.open(path) as ledger:
        written = begin(ledger, tag="a")
        db = ledger._database().db
        db.execute("PRAGMA query_only = ON")
        ledger.settle(written, status="ok")
        begin(ledger, tag="b")
        assert statuses(ledger) == ["ok", "pending"]
        assert [row["tag"] for row in ledger.rows(status="ok")] == ["a"]
        assert [row["tag"] for row in ledger.rows(status="pending")] == ["b"]
        db.execute("PRAGMA query_only = OFF")
        assert ledger.flush()
        assert statuses(ledger) == ["ok", "pending"]


FULL = """
import json, resource, sys
from llmkit.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
def begin(): return ledger.begin(call="c", attempt=1, session="s", provider="p", model="m", tag="x" * 400)
ledger.settle(begin(), status="ok")
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
for _ in range(200): ledger.settle(begin(), status="ok")
held = [ledger.healthy, len(list(ledger.rows())), len(ledger.notices)]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(json.dumps([held, ledger.flush(), ledger.healthy]))
ledger.close()
"""


def test_a_file_that_may_grow_no_more_is_written_once_it_may(path, program):
    out, _ = program(FULL, path).communicate()
    (healthy, rows, notices), flushed, after = json.loads(out)
    assert (healthy, rows, notices, flushed, after) == (False, 201, 1, True, True)
    with Ledger.open(path) as ledger:
        assert len(statuses(ledger)) == 201
    assert intact(path)


def test_a_locked_file_holds_the_row_and_writes_it_when_it_is_free(path, begin, monkeypatch):
    monkeypatch.setattr("llmkit.ledger.file._BUSY_TIMEOUT", 0.01)
    with Ledger.open(path) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ledger.settle(begin(ledger), status="ok")
        assert not ledger.healthy
        other.execute("COMMIT")
        assert ledger.flush()
        assert ledger.healthy
        assert statuses(ledger) == ["ok"]


@pytest.mark.parametrize("name", ["/proc/llmkit/ledger.db", "/dev/null/ledger.db", "/proc/ledger.db"])
def test_where_no_file_can_be_the_rows_are_in_memory_with_one_notice(name, begin):
    if not Path("/proc").is_dir():
        pytest.skip("needs a directory that not even root may write to; this system has no /proc")
    with Ledger.open(name) as ledger:
        ledger.settle(begin(ledger), status="ok")
        begin(ledger)
        assert statuses(ledger) == ["ok", "pending"]
        assert (ledger.healthy, ledger.in_memory, len(ledger.notices)) == (False, True, 1)
        assert "LLMKIT_LEDGER" in ledger.notices[0]


READ_ONLY = """
import json, os, sys
from llmkit.ledger import Ledger
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
ledger = Ledger.open(sys.argv[1])
before = len(list(ledger.rows()))
ledger.settle(ledger.begin(call="c", attempt=1, session="s", provider="p", model="m"), status="ok")
print(json.dumps([before, len(list(ledger.rows())), ledger.healthy, ledger.notices]))
"""


def test_a_read_only_file_is_read_and_new_rows_stay_in_memory(begin, program):
    # Not in tmp_path: root may write anything, so the program becomes somebody else, who must reach it.
    home = Path(tempfile.mkdtemp(prefix="llmkit-test-"))
    try:
        home.chmod(0o755)
        path = home / "ledger.db"
        with Ledger.open(path) as ledger:
            begin(ledger)
        path.chmod(0o444)
        home.chmod(0o555)
        out, _ = program(READ_ONLY, path).communicate()
        before, after, healthy, notices = json.loads(out)
        assert (before, after, healthy, len(notices)) == (1, 2, False, 1)
    finally:
        home.chmod(0o755)
        shutil.rmtree(home)


def test_a_newer_file_is_read_and_not_written(path, begin):
    with Ledger.open(path) as ledger:
        begin(ledger, tag="theirs")
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE attempts ADD COLUMN invented_later TEXT")
        db.execute("PRAGMA user_version = 99")
        db.commit()
    before = path.read_bytes()
    with Ledger.open(path) as ledger:
        begin(ledger, tag="ours")
        assert [row["tag"] for row in ledger.rows()] == ["theirs", "ours"]
        assert not ledger.healthy
        assert "newer" in ledger.notices[0]
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_left_alone(path, begin):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")
        db.commit()
    before = path.read_bytes()
    with Ledger.open(path) as ledger:
        begin(ledger)
        assert statuses(ledger) == ["pending"]
        assert "something else" in ledger.notices[0]
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_deleted_under_the_ledger_is_made_anew_with_the_open_rows(path, begin):
    with Ledger.open(path) as ledger:
        ledger.settle(begin(ledger), status="ok")
        begun_id = begin(ledger, tag="open")
        for file in list(path.parent.iterdir()):
            file.unlink()
        ledger.settle(begun_id, status="ok")
        begin(ledger)
    with Ledger.open(path) as again:
        assert [(row["tag"], row["status"]) for row in again.rows()] == [("open", "ok"), (None, "pending")]


def test_what_could_not_be_written_is_said_at_the_end(path, begin):
    ledger = Ledger.open(path)
    ledger._database().db.execute("PRAGMA query_only = ON")
    begin(ledger)
    ledger.close()
    assert any(notice.startswith("1 row") for notice in ledger.notices)
