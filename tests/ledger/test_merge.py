"""Several ledgers in one: each attempt once, however often it is done."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from llmkit.core.errors import BadRequest
from llmkit.ledger import Ledger
from llmkit.ledger.merge import Merged, merge, sync

sys.path.insert(0, str(Path(__file__).parent))
from books import add


def ledger_at(path, *tags):
    with Ledger.open(path) as ledger:
        for tag in tags:
            add(ledger, tag=tag, cost="0.10")
    return path


def tags_in(path):
    with closing(sqlite3.connect(path)) as db:
        return sorted(tag for (tag,) in db.execute("SELECT tag FROM attempts"))


def everything_in(path):
    with closing(sqlite3.connect(path)) as db:
        return sorted(db.execute("SELECT * FROM attempts"))


def test_the_rows_of_all_come_into_one_that_need_not_be_there(tmp_path):
    anna, ben = ledger_at(tmp_path / "anna.db", "a1", "a2"), ledger_at(tmp_path / "ben.db", "b1")
    assert merge(tmp_path / "team.db", anna, ben) == Merged(added=3)
    assert tags_in(tmp_path / "team.db") == ["a1", "a2", "b1"]
    assert tags_in(anna) == ["a1", "a2"]


def test_doing_it_again_changes_nothing(tmp_path):
    anna, team = ledger_at(tmp_path / "anna.db", "a1", "a2"), tmp_path / "team.db"
    merge(team, anna)
    before = everything_in(team)
    assert merge(team, anna) == Merged(known=2)
    assert everything_in(team) == before


def test_what_came_by_two_ways_is_there_once(tmp_path):
    anna, ben = ledger_at(tmp_path / "anna.db", "a1"), ledger_at(tmp_path / "ben.db", "b1")
    merge(ben, anna)
    assert merge(tmp_path / "team.db", anna, ben) == Merged(added=2, known=1)


def test_synced_both_have_all(tmp_path):
    anna, ben = ledger_at(tmp_path / "anna.db", "a1"), ledger_at(tmp_path / "ben.db", "b1", "b2")
    assert sync(anna, ben) == (Merged(added=2, known=0), Merged(added=1, known=2))
    assert everything_in(anna) == everything_in(ben)
    assert sync(anna, ben) == (Merged(known=3), Merged(known=3))


def test_an_attempt_that_one_has_open_and_the_other_settled_is_settled_in_both(tmp_path):
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    with Ledger.open(one) as ledger:
        name = ledger.begin(call="c", attempt=1, session="s", provider="openai", model="gpt-6-luna")
        ledger.flush()
        merge(other, one)
        ledger.settle(name, status="ok")
    assert merge(other, one) == Merged(completed=1)
    assert merge(one, other) == Merged(known=1)
    assert everything_in(one) == everything_in(other)


def test_a_file_of_an_older_version_is_taken_as_it_is(tmp_path):
    old = ledger_at(tmp_path / "old.db", "a1")
    with closing(sqlite3.connect(old)) as db:
        db.execute("ALTER TABLE attempts DROP COLUMN estimated_input")
        db.execute("PRAGMA user_version = 1")
    assert merge(tmp_path / "team.db", old) == Merged(added=1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "There is no ledger"),
        (lambda path: path.write_text("not a database, by far " * 100), "can't be read"),
        (lambda path: path.write_bytes(b""), "no ledger of llmkit's"),
        (lambda path: _database(path, "CREATE TABLE songs (title TEXT)"), "no ledger of llmkit's"),
        (lambda path: _database(ledger_at(path, "x"), "PRAGMA user_version = 999"), "newer llmkit"),
    ],
    ids=["nothing", "text", "empty", "another's", "newer"],
)
def test_what_is_no_ledger_is_refused_and_nothing_is_changed(tmp_path, make, said):
    team = ledger_at(tmp_path / "team.db", "t1")
    make(tmp_path / "odd.db")
    before = everything_in(team)
    with pytest.raises(BadRequest, match=said):
        merge(team, tmp_path / "odd.db")
    assert everything_in(team) == before


def test_a_file_that_is_broken_further_in_is_told_of_and_nothing_is_changed(tmp_path):
    team, odd = ledger_at(tmp_path / "team.db", "t1"), tmp_path / "odd.db"
    with Ledger.open(odd) as ledger:
        drafts = [
            ledger.draft(call=f"c{n}", attempt=1, session="s", provider="p", model="m") for n in range(500)
        ]
        ledger.write(drafts)
    content = bytearray(odd.read_bytes())
    content[len(content) // 3 :] = b"Z" * (len(content) - len(content) // 3)
    odd.write_bytes(content)
    before = everything_in(team)
    with pytest.raises(BadRequest, match="Nothing of it was taken"):
        merge(team, odd)
    assert everything_in(team) == before


def test_a_ledger_is_not_merged_into_itself(tmp_path):
    anna = ledger_at(tmp_path / "anna.db", "a1")
    with pytest.raises(BadRequest, match="itself"):
        merge(anna, tmp_path / "." / "anna.db")


def test_a_ledger_in_use_can_be_merged_from_and_into(tmp_path):
    with Ledger.open(tmp_path / "one.db") as one, Ledger.open(tmp_path / "two.db") as two:
        add(one, tag="a")
        add(two, tag="b")
        assert merge(tmp_path / "two.db", tmp_path / "one.db").added == 1
        add(two, tag="c")
        assert sorted(row["tag"] for row in two.rows()) == ["a", "b", "c"]


def _database(path, statement):
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()
