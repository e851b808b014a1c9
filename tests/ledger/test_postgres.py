"""A ledger in PostgreSQL: what holds for the file holds there, and a server that is away costs nobody an answer.

The server is started here, from the programs that are installed; without them these tests are skipped.
"""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import pytest

import llmkit
from llmkit.core.errors import LLMKitError
from llmkit.ledger import Ledger
from llmkit.ledger.checkup import look
from llmkit.ledger.frame import usage
from llmkit.ledger.merge import Merged, merge
from llmkit.sim import Simulator

psycopg = pytest.importorskip("psycopg", reason="psycopg, which speaks to PostgreSQL, is not installed")
PROGRAMS = shutil.which("initdb") or max(
    map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None
)
if PROGRAMS is None:
    pytest.skip("PostgreSQL's server (initdb) is not installed", allow_module_level=True)
BIN = Path(PROGRAMS).resolve().parent

sys.path.insert(0, str(Path(__file__).parent))
import test_accounts  # noqa: E402 - skipped where there is no server
import test_frame  # noqa: E402
import test_reconcile  # noqa: E402
import test_store  # noqa: E402
from books import accounts, add  # noqa: E402
from test_reconcile import bill  # noqa: E402, F401 - a fixture of theirs

#: Those of the file's tests that ask for a ledger and for nothing of the file's.
for _module in (test_store, test_accounts, test_frame, test_reconcile):
    for _name, _test in vars(_module).items():
        wanted = set(inspect.signature(_test).parameters) if _name.startswith("test_") else set()
        if "ledger" in wanted and not {"path", "tmp_path", "monkeypatch"} & wanted:
            globals()[_name] = _test


class Server:
    """A PostgreSQL server of this test's own, on a socket in a directory of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        # It refuses to run as root.
        self._as = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(home, "postgres", "postgres")
        self._run(
            "initdb", "-D", str(home / "data"), "-U", "team", "-A", "trust", "-N", "--locale=C", "-E", "UTF8"
        )

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self.home} -c fsync=off"
        self._run(
            "pg_ctl",
            "-D",
            str(self.home / "data"),
            "-o",
            options,
            "-l",
            str(self.home / "log"),
            "-w",
            "start",
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.home / "data"), "-m", "immediate", "-w", "stop")

    @property
    def url(self) -> str:
        return f"postgresql://team:hunter2-hunter2@/postgres?host={self.home}"

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [BIN / program, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            cwd="/",
            check=False,
            **self._as,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def server():
    home = Path(tempfile.mkdtemp(prefix="llmkit-pg-"))  # a socket's path must be short
    try:
        made = Server(home)
        made.start()
        yield made
        made.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def url(server):
    with psycopg.connect(server.url, autocommit=True) as db:
        db.execute("DROP SCHEMA IF EXISTS llmkit CASCADE")
        db.execute("DROP TABLE IF EXISTS public.attempts")
    return server.url


@pytest.fixture
def ledger(url):
    with Ledger.open(url) as opened:
        assert opened.notices == []
        yield opened


def test_usage_is_the_same_table(ledger):
    add(ledger, tag="a", cost="0.25")
    add(ledger, tag="b", cost=None)
    book = accounts(ledger)
    assert book()["tag"].tolist() == ["a", "b"]
    assert book.total().cost == Decimal("0.25")
    assert book.total().unpriced == 1
    assert usage(ledger, tag=[f"t{n}" for n in range(600)] + ["b"])["tag"].tolist() == ["b"]


def test_the_tables_are_in_a_schema_of_their_own_and_made_once(url):
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE TABLE attempts (mine text)")
    for _ in range(2):
        with Ledger.open(url) as ledger:
            add(ledger)
    with psycopg.connect(url) as db:
        assert db.execute("SELECT count(*) FROM attempts").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM llmkit.attempts").fetchone() == (2,)


def test_the_password_is_shown_nowhere(url, server):
    gone = url.replace(str(server.home), "/nowhere/at/all")
    with Ledger.open(url) as ledger, Ledger.open(gone) as away:
        shown = [repr(ledger), ledger.path, repr(away), *away.notices, str(look(url)), str(look(gone))]
        with pytest.raises(LLMKitError) as raised:
            list(away.rows())
        shown += [str(raised.value), repr(raised.value)]
    assert away.notices
    assert not [text for text in shown if "hunter2" in text]


def test_a_text_that_the_database_cant_hold_does_not_stop_a_row(ledger):
    add(ledger, tag="a\0b")
    assert [row["tag"] for row in ledger.rows()] == ["a\ufffdb"]


def test_a_newer_ledger_is_read_and_not_written(url):
    with Ledger.open(url) as ledger:
        add(ledger, tag="old")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("INSERT INTO llmkit.version VALUES (999)")
    with Ledger.open(url) as ledger:
        add(ledger, tag="new")
        assert "newer llmkit" in ledger.notices[0]
        assert sorted(row["tag"] for row in ledger.rows()) == ["new", "old"]
    with psycopg.connect(url) as db:
        assert db.execute("SELECT tag FROM llmkit.attempts").fetchall() == [("old",)]


WRITER = """
    import sys
    from llmkit.ledger import Ledger
    with Ledger.open(sys.argv[1]) as ledger:
        for number in range(100):
            id = ledger.begin(call="c", attempt=1, session=sys.argv[2], provider="p", model="m", tag=str(number))
            ledger.settle(id, status="ok")
        assert ledger.notices == [], ledger.notices
"""


def test_two_processes_write_and_no_row_is_lost(url, tmp_path):
    script = tmp_path / "writer.py"
    script.write_text(inspect.cleandoc(WRITER))
    environment = {**os.environ, "PYTHONPATH": str(Path(llmkit.__file__).parents[1])}
    writers = [subprocess.Popen([sys.executable, str(script), url, name], env=environment) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    with Ledger.open(url) as ledger:
        rows = [(row["session"], row["tag"], row["status"]) for row in ledger.rows()]
    assert sorted(rows) == sorted((who, str(number), "ok") for who in "ab" for number in range(100))


def test_when_the_server_goes_away_calls_go_on_and_their_rows_come_when_it_is_back(server, url, monkeypatch):
    monkeypatch.setenv("LLMKIT_LEDGER", url)
    with Simulator() as simulator:
        config = {
            "here": {"type": "openai", "api": "chat", "base_url": f"{simulator.url}/v1", "api_key": "k" * 9}
        }
        with llmkit.Session({"providers": config}) as session:
            asked = ["here/bench:tokens=3,rate=0"] * 3
            session.ask("one", model=asked[0])
            server.stop()
            try:
                assert session.ask("two", model=asked[1]).complete
                session.budget(5, per="day")
                assert session.ask("three", model=asked[2]).complete
                assert any("can't be written just now" in notice for notice in session.ledger.notices)
                with pytest.raises(LLMKitError, match="can't be read just now"):
                    session.usage(simulated=True)
            finally:
                server.start()
            deadline = time.monotonic() + 30
            while not session.ledger.flush():
                assert time.monotonic() < deadline
            assert session.usage(simulated=True)["status"].tolist() == ["ok"] * 3


def test_a_file_of_ones_own_is_merged_into_the_teams_ledger_as_often_as_one_likes(url, tmp_path):
    with Ledger.open(tmp_path / "mine.db") as mine:
        add(mine, tag="a")
        name = mine.begin(call="c", attempt=1, session="s", provider="openai", model="gpt-6-luna", tag="b")
        mine.flush()
        assert merge(url, tmp_path / "mine.db") == Merged(added=2)
        mine.settle(name, status="ok")
    assert merge(url, tmp_path / "mine.db") == Merged(completed=1, known=1)
    assert merge(url, tmp_path / "mine.db") == Merged(known=2)
    with Ledger.open(url) as team:
        assert {row["tag"]: row["status"] for row in team.rows()} == {"a": "ok", "b": "ok"}


def test_a_merge_that_fails_on_the_way_leaves_nothing_behind(url, tmp_path, monkeypatch):
    monkeypatch.setattr("llmkit.ledger.merge._MANY", 2)
    with Ledger.open(tmp_path / "mine.db") as mine:
        for tag in ("a", "b", "c", "bad"):
            add(mine, tag=tag)
    with Ledger.open(url), psycopg.connect(url, autocommit=True) as db:
        db.execute("ALTER TABLE llmkit.attempts ADD CONSTRAINT good CHECK (tag <> 'bad')")
        with pytest.raises(LLMKitError, match="could not be merged") as failed:
            merge(url, tmp_path / "mine.db")
        assert "hunter2" not in str(failed.value)
        assert db.execute("SELECT count(*) FROM llmkit.attempts").fetchone() == (0,)
        db.execute("ALTER TABLE llmkit.attempts DROP CONSTRAINT good")
        assert merge(url, tmp_path / "mine.db") == Merged(added=4)
