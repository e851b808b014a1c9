"""One row for each attempt: written before, settled once, and never in the way of the call."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from llmkit.core.errors import BadRequest, RateLimited, TruncatedStream
from llmkit.core.messages import Message
from llmkit.core.reply import Reply, StopReason, Timing
from llmkit.core.usage import Cost, Usage
from llmkit.ledger import STATUSES, Ledger, schema

REPLY = Reply(
    Message.assistant("The answer nobody may find in the ledger."),
    stop_reason=StopReason("max_tokens", "length"),
    usage=Usage(
        input=10,
        cache_read=20,
        cache_write_5m=3,
        output=7,
        reasoning=2,
        service_tier="flex",
        source="provider",
    ),
    cost=Cost(Decimal("0.00001230"), source="genai-prices", price_date="2026-11-09"),
    timing=Timing(0.25, 1.5),
    model="gpt-6-luna-2026-09-01",
    id="resp_1",
    request_id="req_1",
)


def only(ledger, **filters):
    rows = list(ledger.rows(simulated=True, **filters))
    assert len(rows) == 1
    return rows[0]


# -- writing --------------------------------------------------------------------------------------


def test_a_row_is_on_disk_before_the_call_is_made(ledger, path, begin):
    begun_id = begin(
        ledger, tag="t", notebook="n.ipynb", cell="7", endpoint="https://api.openai.com/v1", route="a>b"
    )
    with Ledger.open(path) as other:
        row = only(other)
    assert (row["id"], row["status"], row["settled"]) == (begun_id, "pending", None)
    assert (row["tag"], row["notebook"], row["cell"], row["route"]) == ("t", "n.ipynb", "7", "a>b")
    assert (row["pid"], row["cost"], row["input"], row["usage_source"]) == (
        os.getpid(),
        None,
        None,
        "unknown",
    )


def test_settling_fills_in_what_the_reply_says(ledger, begin):
    begun_id = begin(ledger)
    ledger.settle(begun_id, status="ok", reply=REPLY, bytes_in=4000, bytes_out=300)
    row = only(ledger)
    assert row["status"] == "ok"
    assert [row[n] for n in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")] == [
        10, 20, 3, None, 7, 2,
    ]  # fmt: skip
    assert (row["cost"], row["currency"], row["cost_source"]) == ("0.00001230", "USD", "genai-prices")
    assert (row["ttft"], row["duration"], row["stop_reason"]) == (0.25, 1.5, "max_tokens")
    assert (row["model"], row["model_served"]) == ("gpt-6-luna", "gpt-6-luna-2026-09-01")
    assert (row["request_id"], row["response_id"], row["service_tier"]) == ("req_1", "resp_1", "flex")
    assert (row["bytes_in"], row["bytes_out"]) == (4000, 300)


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_can_be_settled(ledger, begin, status):
    ledger.settle(begin(ledger), status=status)
    assert only(ledger)["status"] == status


def test_an_error_brings_its_kind_and_its_partial_reply(ledger, begin):
    error = TruncatedStream("Cut.", why="The line broke.", request_id="req_9", partial=REPLY)
    ledger.settle(begin(ledger), status="truncated", error=error)
    row = only(ledger)
    assert (row["error_kind"], row["error"]) == ("truncated", "Cut.\nThe line broke.")
    assert (row["output"], row["cost"], row["duration"]) == (7, "0.00001230", 1.5)


def test_without_a_reply_usage_and_cost_stay_unknown_and_the_ledger_measures_the_time(ledger, begin):
    ledger.settle(begin(ledger), status="error", error=RateLimited("Too fast.", request_id="req_2"))
    row = only(ledger)
    assert (row["input"], row["output"], row["cost"], row["cost_source"]) == (None, None, None, "unknown")
    assert row["duration"] >= 0
    assert row["request_id"] == "req_2"


def test_a_cost_given_apart_counts_before_that_of_the_reply(ledger, begin):
    ledger.settle(begin(ledger), status="ok", reply=REPLY, cost=Cost(Decimal("1E-7"), source="provider"))
    assert only(ledger)["cost"] == "0.0000001"


def test_a_cost_of_nothing_is_not_an_unknown_cost(ledger, begin):
    ledger.settle(begin(ledger), status="cached", cost=Cost(Decimal(0), source="override"))
    assert only(ledger)["cost"] == "0"


def test_only_the_first_settle_counts(ledger, begin):
    begun_id = begin(ledger)
    ledger.settle(begun_id, status="ok", reply=REPLY)
    ledger.settle(begun_id, status="error")
    assert only(ledger)["status"] == "ok"
    assert ledger.ignored_settles == 1


def test_settling_what_nobody_began_is_ignored_and_counted(ledger):
    ledger.settle("no such attempt", status="ok")
    assert ledger.ignored_settles == 1
    assert list(ledger.rows()) == []


def test_another_ledger_may_settle_what_this_one_began(ledger, path, begin):
    begun_id = begin(ledger)
    with Ledger.open(path) as other:
        other.settle(begun_id, status="ok", reply=REPLY)
    ledger.settle(begun_id, status="cancelled")
    assert only(ledger)["status"] == "ok"


@pytest.mark.parametrize("nonsense", [-1, True, 2**70, float("nan"), "12"])
def test_counts_that_make_no_sense_are_unknown(ledger, begin, nonsense):
    ledger.settle(begin(ledger), status="ok", reply=REPLY.with_(usage=Usage(input=nonsense, output=5)))
    assert (only(ledger)["input"], only(ledger)["output"]) == (None, 5)


@pytest.mark.parametrize("amount", ["NaN", "-1", "Infinity"])
def test_an_amount_that_is_no_price_is_unknown_with_a_note(ledger, begin, amount):
    ledger.settle(begin(ledger), status="ok", cost=Cost(Decimal(amount), source="provider"))
    row = only(ledger)
    assert (row["cost"], row["cost_source"]) == (None, "unknown")
    assert "no price" in row["cost_note"]


def test_impossible_times_are_unknown(ledger, begin):
    ledger.settle(begin(ledger), status="ok", reply=REPLY.with_(timing=Timing(float("nan"), -3.0)))
    row = only(ledger)
    assert row["ttft"] is None
    assert row["duration"] >= 0


def test_a_simulated_reply_marks_its_row(ledger, begin):
    ledger.settle(begin(ledger), status="ok", reply=REPLY.with_(simulated=True))
    begin(ledger, simulated=True)
    assert [row["simulated"] for row in ledger.rows(simulated=True)] == [1, 1]
    assert list(ledger.rows()) == []


# -- what is never in it --------------------------------------------------------------------------


def test_neither_prompts_nor_answers_are_stored(ledger, path, begin):
    ledger.settle(begin(ledger, prompt_hash="ab12"), status="ok", reply=REPLY)
    ledger.close()
    everything = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"nobody may find" not in everything
    assert b"ab12" in everything


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnopqrstuvwxyz",
        "sk-ant-api03-abcdefghijklmnopqrst",
        "AIzaSyA1234567890abcdefghijklmno",
    ],
)
def test_what_looks_like_a_key_is_masked(ledger, begin, secret):
    begun_id = begin(ledger, tag=f"try {secret}")
    ledger.settle(begun_id, status="error", error=RateLimited(f"Incorrect API key provided: {secret}."))
    assert secret not in str(only(ledger))


def test_ordinary_words_are_not_masked(ledger, begin):
    begin(ledger, tag="keyboard-interrupt-handling and risk-assessment-of-everything")
    assert only(ledger)["tag"] == "keyboard-interrupt-handling and risk-assessment-of-everything"


def test_a_mask_of_ones_own_is_asked_before_anything_is_cut(path, begin):
    secret = "x" * 20 + "hunter2"
    with Ledger.open(path, mask=lambda text: text.replace(secret, "•••")) as ledger:
        ledger.settle(begin(ledger), status="error", error=RateLimited("y" * 290 + secret))
        error = only(ledger)["error"]
    assert "xxx" not in error
    assert len(error) <= 300


def test_a_mask_that_fails_lets_nothing_through(path, begin):
    def broken(text):
        raise RuntimeError("no")

    with Ledger.open(path, mask=broken) as ledger:
        ledger.settle(begin(ledger, tag="secret"), status="error", error=RateLimited("secret"))
        assert "secret" not in str(only(ledger))


def test_an_endpoint_is_kept_without_what_may_carry_a_key(ledger, begin):
    begin(ledger, endpoint="https://user:pass@host.example:8443/v1?key=abc#frag")
    assert only(ledger)["endpoint"] == "https://host.example:8443/v1"


def test_half_a_surrogate_pair_does_not_stop_a_row(ledger, begin):
    begin(ledger, notebook="bad\ud800name.ipynb")
    assert only(ledger)["notebook"] == "bad?name.ipynb"


def test_the_file_is_for_its_owner_only(ledger, path, begin):
    begin(ledger)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_open_to_others_is_closed_to_them(path, begin):
    Ledger.open(path).close()
    path.chmod(0o644)
    Ledger.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# -- reading --------------------------------------------------------------------------------------


HOSTILE = ["'; DROP TABLE attempts; --", '" OR 1=1 --', "') OR ('1'='1", "%", "a\x00b", "=HYPERLINK(1)"]


@pytest.mark.parametrize("tag", HOSTILE)
def test_a_hostile_tag_is_only_a_tag(ledger, begin, tag):
    begin(ledger, tag=tag, call="hostile")
    begin(ledger, tag="plain")
    assert only(ledger, tag=tag)["call"] == "hostile"
    assert len(list(ledger.rows())) == 2


def test_filters_find_what_they_name(ledger, begin):
    begin(ledger, session="a", provider="openai", model="gpt-6-luna", tag="x")
    begin(ledger, session="b", provider="anthropic", model="claude-haiku-5-5", notebook="n", cell="3")
    assert only(ledger, session="a")["tag"] == "x"
    assert only(ledger, provider="anthropic", status="pending")["session"] == "b"
    assert only(ledger, notebook="n", cell="3")["session"] == "b"
    assert only(ledger, model="anthropic/claude-haiku-5-5")["session"] == "b"
    assert len(list(ledger.rows(session=["a", "b"]))) == 2
    assert list(ledger.rows(session=[])) == []
    assert list(ledger.rows(status="ok")) == []


def test_a_model_is_found_by_the_name_that_served_it(ledger, begin):
    ledger.settle(begin(ledger), status="ok", reply=REPLY)
    assert only(ledger, model="gpt-6-luna-2026-09-01")["model"] == "gpt-6-luna"


@pytest.mark.parametrize(
    "since",
    [
        timedelta(hours=1),
        datetime.now(UTC) - timedelta(hours=1),
        datetime.now() - timedelta(hours=1),
        0,
        "2026-01-01",
        date(2026, 1, 1),
    ],
    ids=["ago", "aware", "naive", "unix", "text", "date"],
)
def test_moments_may_be_said_in_many_ways(ledger, begin, since):
    begin(ledger)
    assert len(list(ledger.rows(since=since))) == 1
    assert len(list(ledger.rows(until=since))) == 0


def test_a_moment_that_is_none_is_refused_with_an_example(ledger):
    with pytest.raises(BadRequest, match="2026-11-20"):
        ledger.rows(since="soon")


def test_rows_come_in_the_order_they_began(ledger, begin):
    ids = [begin(ledger) for _ in range(20)]
    assert [row["id"] for row in ledger.rows()] == ids


def test_purging_deletes_the_settled_rows_before_a_moment(ledger, begin):
    ledger.settle(begin(ledger), status="ok")
    begin(ledger)
    assert ledger.purge(before=timedelta(days=1)) == 0
    assert ledger.purge() == 1
    assert only(ledger)["status"] == "pending"


def test_a_closed_ledger_opens_again_by_itself(ledger, begin):
    begun_id = begin(ledger)
    ledger.close()
    ledger.settle(begun_id, status="ok")
    assert only(ledger)["status"] == "ok"
    assert ledger.healthy


# -- where it is, and what shape it has -----------------------------------------------------------


def test_the_environment_says_where_the_ledger_is(tmp_path, monkeypatch, begin):
    monkeypatch.delenv("LLMKIT_LEDGER", raising=False)
    monkeypatch.setenv("LLMKIT_HOME", str(tmp_path / "home"))
    with Ledger.open() as ledger:
        assert ledger.path == str(tmp_path / "home" / "ledger.db")
    monkeypatch.setenv("LLMKIT_LEDGER", str(tmp_path / "mine.db"))
    with Ledger.open() as ledger:
        assert ledger.path == str(tmp_path / "mine.db")
    monkeypatch.setenv("LLMKIT_LEDGER", ":memory:")
    with Ledger.open() as ledger:
        begin(ledger)
        assert (ledger.in_memory, ledger.healthy, ledger.notices) == (True, True, [])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["home", "mine.db"]


def test_the_current_columns_are_those_of_the_migrations(ledger, path, begin):
    begin(ledger)
    with closing(sqlite3.connect(path)) as db:
        assert tuple(row[1] for row in db.execute("PRAGMA table_info(attempts)")) == schema.COLUMNS
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)


def test_an_older_file_is_brought_forward_with_its_rows(path, begin, monkeypatch):
    with Ledger.open(path) as ledger:
        begin(ledger, tag="old")
    monkeypatch.setattr(
        schema, "MIGRATIONS", (*schema.MIGRATIONS, "ALTER TABLE attempts ADD COLUMN mood TEXT;")
    )
    with Ledger.open(path) as ledger:
        assert only(ledger)["tag"] == "old"
        begin(ledger, tag="new")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT tag, mood FROM attempts ORDER BY started").fetchall() == [
            ("old", None),
            ("new", None),
        ]


def test_a_migration_that_fails_leaves_the_file_as_it_was(path, begin, monkeypatch):
    with Ledger.open(path) as ledger:
        begin(ledger)
        begin(ledger)
    monkeypatch.setattr(
        schema,
        "MIGRATIONS",
        (*schema.MIGRATIONS, "CREATE TABLE half (x); CREATE UNIQUE INDEX one ON attempts (session);"),
    )
    with Ledger.open(path) as ledger:
        assert (ledger.healthy, ledger.in_memory, len(ledger.notices)) == (False, True, 1)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM attempts").fetchone() == (2,)
