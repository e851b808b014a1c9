"""The response cache: only where asked for, only whole answers, and never in the way of a call."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.core.events import Done, Text
from llmkit.core.messages import Message
from llmkit.core.reply import Reply, StopReason
from llmkit.engine.cache import Cache
from llmkit.errors import BadRequest, ConfigError, LLMKitError
from llmkit.sim import Simulator

ASKED = {"model": "m", "messages": [{"role": "user", "parts": [{"type": "text", "text": "secret prompt"}]}]}
WHOLE = Reply(Message.assistant("an answer"), stop_reason=StopReason("stop"))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache.db")


@pytest.fixture
def session(simulator: Simulator, cache: Cache) -> llmkit.Session:
    simulator.reset()
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    made = llmkit.Session({"providers": {"here": here, "other": here}})
    made.cache = cache
    return made


def asked(text: str) -> dict[str, Any]:
    return {**ASKED, "system": text}


# -- in the way of a call -------------------------------------------------------------------------


def test_the_same_question_is_answered_once_and_then_from_the_cache(
    session: llmkit.Session, simulator: Simulator
) -> None:
    first = session.ask("Why is the sky blue?", model="here/swift")
    stream = session.stream("Why is the sky blue?", model="here/swift")
    events = list(stream)
    assert simulator.attempts == 1
    assert "".join(event.text for event in events if isinstance(event, Text)) == first.text
    last = events[-1]
    assert isinstance(last, Done)
    assert last.reply.cost.amount == 0
    assert last.reply.notes[-1] == f"Replayed from the cache: nobody was called. That saved {first.cost}."
    row = list(session.ledger.rows(simulated=True))[-1]
    assert (row["status"], Decimal(row["cost"])) == ("cached", 0)


def test_nothing_is_cached_unless_asked_for(simulator: Simulator, clean_environment: Path) -> None:
    simulator.reset()
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    session = llmkit.Session({"providers": {"here": here}})
    for _ in range(2):
        session.ask("hello", model="here/swift")
    assert simulator.attempts == 2
    assert not (clean_environment / "cache.db").exists()
    for _ in range(2):
        session.ask("hello", model="here/swift", cache=True)
    assert simulator.attempts == 3
    assert (clean_environment / "cache.db").exists()


def test_a_call_may_leave_the_cache_out(session: llmkit.Session, simulator: Simulator) -> None:
    for _ in range(2):
        session.ask("hello", model="here/swift", cache=False)
    assert simulator.attempts == 2
    assert len(session.cache or ()) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"system": "Be terse."},
        {"temperature": 0.5},
        {"max_tokens": 1000},
        {"seed": 3},
        {"stop": "END"},
        {"model": "here/scribe"},
        {"model": "other/swift"},
        {"extra": {"user": "x"}},
        {"tools": [llmkit.ToolSpec("f")]},
        {"tools": [llmkit.ToolSpec("f", strict=True)]},
        {"schema": {"type": "object", "properties": {"a": {"type": "string"}}}},
        {"sample": 2},
    ],
)
def test_whatever_may_change_the_answer_is_another_question(
    session: llmkit.Session, simulator: Simulator, change: dict[str, Any]
) -> None:
    session.ask("hello", model="here/swift")
    session.ask("hello", **{"model": "here/swift", **change})
    assert simulator.attempts == 2


def test_the_same_question_to_another_address_is_another_question(session: llmkit.Session) -> None:
    session.ask("hello", model="here/swift")
    with Simulator() as elsewhere:
        there = {"type": "openai", "api": "chat", "base_url": elsewhere.url + "/v1", "api_key": "k" * 9}
        other = llmkit.Session({"providers": {"here": there}})
        other.cache = session.cache
        other.ask("hello", model="here/swift")
        assert elsewhere.attempts == 1


def test_labels_and_signals_change_nothing(session: llmkit.Session, simulator: Simulator) -> None:
    session.ask("hello", model="here/swift", tag="a", cell="1")
    session.ask("hello", model="here/swift", tag="b", cell="2", timeout=50, stream=False)
    assert simulator.attempts == 1


@pytest.mark.parametrize("fault", ["status=500", "eof=3", "drop=3", "error=3"])
def test_a_failed_answer_is_never_kept(session: llmkit.Session, fault: str) -> None:
    with pytest.raises(LLMKitError):
        session.ask("hello", model=f"here/swift@{fault}")
    assert len(session.cache or ()) == 0


def test_a_stopped_answer_is_never_kept(session: llmkit.Session) -> None:
    stream = session.stream("hello", model="here/bench:tokens=4000,rate=200,ttft=0")
    for event in stream:
        if isinstance(event, Text):
            stream.stop()
    assert stream.settled(30)
    assert len(session.cache or ()) == 0


@pytest.mark.parametrize(
    "reply",
    [
        WHOLE.with_(complete=False),
        WHOLE.with_(message=Message.assistant()),
        WHOLE.with_(stop_reason=StopReason("error")),
        WHOLE.with_(stop_reason=StopReason("pause")),
        WHOLE.with_(stop_reason=StopReason("unknown")),
    ],
)
def test_a_reply_that_is_cut_empty_or_broken_is_not_kept(cache: Cache, reply: Reply) -> None:
    cache.keep(ASKED, (), reply)
    assert cache.find(ASKED) is None


def test_the_cache_may_stand_in_the_config(tmp_path: Path) -> None:
    made = llmkit.Session({"cache": {"path": str(tmp_path / "c.db"), "ttl": 60, "max_bytes": 1000}}).cache
    assert made is not None
    assert (made.path, made.ttl, made.max_bytes) == (tmp_path / "c.db", 60, 1000)
    assert llmkit.Session({"cache": True}).cache is not None
    assert llmkit.Session({"cache": False}).cache is None


@pytest.mark.parametrize("wrong", [{"cache": {"tll": 3}}, {"cache": 5}, {"cache": {"ttl": "long"}}])
def test_a_wrong_cache_section_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="cache"):
        llmkit.Session(wrong)


# -- age and size ---------------------------------------------------------------------------------


def test_what_is_too_old_is_forgotten(tmp_path: Path) -> None:
    now = [1000.0]
    cache = Cache(tmp_path / "c.db", ttl=60, clock=lambda: now[0])
    cache.keep(ASKED, (), WHOLE)
    now[0] += 60
    assert cache.find(ASKED) is not None
    now[0] += 1
    assert cache.find(ASKED) is None
    assert len(cache) == 0


def test_when_it_is_full_the_longest_unused_go_first(tmp_path: Path) -> None:
    now = [1000.0]
    cache = Cache(tmp_path / "c.db", clock=lambda: now[0])
    cache.keep(asked("a"), (), WHOLE)
    with closing(sqlite3.connect(cache.path)) as db:
        size = db.execute("SELECT size FROM replies").fetchone()[0]
    cache.max_bytes = 3 * size + 10
    for name in "bc":
        now[0] += 1
        cache.keep(asked(name), (), WHOLE)
    now[0] += 1
    assert cache.find(asked("a")) is not None  # used again: now "b" is the oldest
    now[0] += 1
    cache.keep(asked("d"), (), WHOLE)
    assert [name for name in "abcd" if cache.find(asked(name)) is not None] == ["a", "c", "d"]


def test_an_answer_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c.db", max_bytes=50)
    cache.keep(ASKED, (), WHOLE)
    assert len(cache) == 0


@pytest.mark.parametrize("wrong", [{"ttl": 0}, {"ttl": -1}, {"max_bytes": 0}])
def test_a_cache_of_nothing_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        Cache(tmp_path / "c.db", **wrong)


# -- the file -------------------------------------------------------------------------------------


def test_it_is_json_that_only_its_owner_may_read_and_holds_no_prompt(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "home" / "c.db")
    cache.keep(ASKED, ((0.0, Text("an answer")),), WHOLE)
    with closing(sqlite3.connect(cache.path)) as db:
        [(value,)] = db.execute("SELECT value FROM replies").fetchall()
    assert json.loads(value)["reply"]["message"]["parts"] == [{"type": "text", "text": "an answer"}]
    assert b"secret prompt" not in cache.path.read_bytes()
    if os.name == "posix":
        assert stat.S_IMODE(cache.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(cache.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("planted", [b"\x80\x04\x95 a pickle, say", b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_broken_file_is_set_aside_with_a_notice_and_a_fresh_one_begun(
    tmp_path: Path, planted: bytes
) -> None:
    path = tmp_path / "c.db"
    path.write_bytes(planted)
    told: list[str] = []
    cache = Cache(path, tell=told.append)
    cache.keep(ASKED, (), WHOLE)
    assert cache.find(ASKED) is not None
    assert len(told) == 1
    assert "was broken" in told[0]
    [aside] = tmp_path.glob("c.db.corrupt-*")
    assert aside.read_bytes() == planted


def test_it_breaks_while_in_use_and_the_call_goes_on(session: llmkit.Session, simulator: Simulator) -> None:
    assert session.cache is not None
    session.ask("hello", model="here/swift")
    session.cache.close()
    session.cache.path.write_bytes(b"rubbish" * 1000)
    assert session.ask("hello", model="here/swift").text
    assert session.ask("hello", model="here/swift").text
    assert simulator.attempts == 2
    assert session.cache.notices


@pytest.mark.parametrize(
    "value", ["{", "null", "[]", '{"version": 1}', '{"version":1,"beats":[["x"]],"reply":{}}', "[" * 5000]
)
def test_a_planted_answer_that_is_none_is_a_miss(cache: Cache, value: str) -> None:
    cache.keep(ASKED, (), WHOLE)
    with closing(sqlite3.connect(cache.path)) as db, db:
        db.execute("UPDATE replies SET value = ?", (value,))
    db.close()
    assert cache.find(ASKED) is None
    assert len(cache) == 0


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = path.read_bytes()
    cache = Cache(path)
    cache.keep(ASKED, (), WHOLE)
    assert cache.find(ASKED) is None
    assert "something else" in cache.notices[0]
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_had_costs_a_hit_and_no_call(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    cache = Cache(blocked / "c.db")
    cache.keep(ASKED, (), WHOLE)
    assert cache.find(ASKED) is None
    assert len(cache.notices) == 1


def test_two_sessions_share_one_file(cache: Cache) -> None:
    cache.keep(ASKED, (), WHOLE)
    found = Cache(cache.path).find(ASKED)
    assert found is not None
    assert found.reply == WHOLE


def test_clearing_forgets_everything(cache: Cache) -> None:
    cache.keep(ASKED, (), WHOLE)
    cache.clear()
    assert len(cache) == 0
    assert repr(cache).endswith("0 hits, 0 misses>")


def test_half_a_surrogate_pair_is_kept(cache: Cache) -> None:
    cache.keep(ASKED, ((0.0, Text("\ud83d")),), WHOLE.with_(message=Message.assistant("\ud83d")))
    found = cache.find(ASKED)
    assert found is not None
    assert found.reply.text == "\ud83d"


def test_a_cached_answer_goes_onto_the_tape_as_well(session: llmkit.Session, tmp_path: Path) -> None:
    from llmkit.engine.tape import Tape

    session.ask("hello", model="here/swift")
    session.tape = Tape(tmp_path / "t.jsonl")
    session.ask("hello", model="here/swift")
    assert len(Tape(tmp_path / "t.jsonl")) == 1
