"""``usage`` as an object: the table when called, sums and reports with a dot; the same however it is asked."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import llmkit
from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.ledger import Filter, Ledger, reader
from llmkit.ledger.frame import KINDS, usage
from llmkit.ledger.query import unix_time
from llmkit.ledger.reader import ways
from llmkit.ledger.sums import periods, total

sys.path.insert(0, str(Path(__file__).parent))
from books import NOON, ROWS, accounts, add

GROUPS = [
    *("tag", "provider", "model", "status", "attempt", "session", "notebook", "cell", "simulated"),
    *("hour", "day", "week", "month"),
]


# -- the same sum, however it is grouped ----------------------------------------------------------


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.lists(st.sampled_from(GROUPS), min_size=1, max_size=4, unique=True))
def test_for_any_ledger_and_any_grouping_the_parts_are_the_whole(rows, columns):
    with Ledger.open(":memory:") as ledger:
        for row in rows:
            add(ledger, **row)
        book = accounts(ledger)
        sums, parts, frame = book.total(), book.by(*columns), book(decimal=True)
        pd.testing.assert_frame_equal(book.by(columns), parts)  # a list is the same
    assert int(parts["attempts"].sum()) == sums.attempts == len(rows)
    known = [Decimal(row["cost"]) for row in rows if row["cost"] is not None]
    assert int(parts["unpriced"].sum()) == sums.unpriced == len(rows) - len(known)
    assert sums.cost == (sum(known, Decimal(0)) if known or not rows else None)
    # Unknown is unknown in every group: a cost of 0 comes from costs that are 0.
    assert parts["cost"].isna().tolist() == (parts["attempts"] == parts["unpriced"]).tolist()
    exact = [cost for cost in frame["cost_exact"] if cost is not None]
    assert sum(exact, Decimal(0)) == (sums.cost or 0)
    used = [row for row in rows if row["status"] != "cached"]
    for name, column in {
        "input": "given",
        "output": "made",
        "reasoning": "reasoning",
        "cache_read": "cache_read",
    }.items():
        assert (
            int(parts[name].fillna(0).sum())
            == (getattr(sums, name) or 0)
            == sum(row[column] or 0 for row in used)
        )
    assert sum(float(cost) for cost in parts["cost"].dropna()) == pytest.approx(
        float(sums.cost or 0), abs=1e-12
    )


@settings(max_examples=15, deadline=None)
@given(ROWS)
def test_a_file_and_a_ledger_in_memory_are_read_alike(tmp_path_factory, rows):
    assume(len({row["at"] for row in rows}) == len(rows))  # rows of one moment have no order
    path = tmp_path_factory.mktemp("alike") / "ledger.db"
    with Ledger.open(":memory:") as one, Ledger.open(path) as other:
        for row in rows:
            add(one, **row)
            add(other, **row)
        shown = [column for column in KINDS if column not in ("id", "duration", "ttft")]
        pd.testing.assert_frame_equal(usage(one)[shown], usage(other)[shown])
        assert accounts(one).total() == accounts(other).total() == total(usage(other))
        if rows:
            pd.testing.assert_frame_equal(
                accounts(one).by("model", "day"), accounts(other).by("model", "day")
            )


def test_a_reading_sees_one_moment_of_a_ledger_that_is_written_to(ledger, monkeypatch):
    monkeypatch.setattr("llmkit.ledger.reader.PIECE", 5)
    for number in range(50):
        add(ledger, call=str(number))
    (way, *_) = ways(ledger, Filter(), ["call"])
    pieces = way()
    found = list(next(pieces)["call"])
    ledger.purge()  # all of it is gone, and the reading that has begun does not see it
    add(ledger, call="late")
    found += [call for piece in pieces for call in piece["call"]]
    assert found == [str(number) for number in range(50)]


def test_two_connections_that_do_not_see_the_same_moment_do_not_read_together(ledger, monkeypatch):
    class Hurried(sqlite3.Connection):
        """Before it begins to read, somebody has written, each time."""

        def execute(self, sql, *more):
            if sql == "BEGIN":
                add(ledger, call="meanwhile")
            return super().execute(sql, *more)

    add(ledger)
    with contextlib.ExitStack() as open_now:
        first = reader._beginning(ledger.file, open_now)
        assert reader._at_the_same_moment(ledger.file, first, open_now) is not None
        monkeypatch.setattr(reader, "connect", lambda path: Hurried(path, isolation_level=None))
        assert reader._at_the_same_moment(ledger.file, first, open_now) is None


def test_reasoning_is_a_part_of_the_output_and_not_added_to_it(ledger):
    add(ledger, made=100, reasoning=60)
    sums = accounts(ledger).total()
    assert (sums.output, sums.reasoning) == (100, 60)


def test_a_replay_is_an_attempt_that_used_nothing(ledger):
    add(ledger, given=100, made=10, cost="0.5")
    add(ledger, given=100, made=10, cost="0", status="cached")
    sums = accounts(ledger).total()
    assert (sums.attempts, sums.input, sums.output, sums.cost) == (2, 100, 10, Decimal("0.5"))
    assert accounts(ledger).by("status").set_index("status").loc["cached", "input"] == 0


def test_many_rows_are_read_in_pieces_and_none_is_lost(ledger, monkeypatch):
    monkeypatch.setattr("llmkit.ledger.reader.PIECE", 7)
    for number in range(40):
        add(ledger, tag="even" if number % 2 else "odd", cost=str(number), model=f"m{number % 3}")
    book = accounts(ledger)
    assert len(book()) == 40
    assert book.total().cost == sum(range(40))
    assert book.total(tag="even").cost == sum(range(1, 40, 2))
    assert book()["started"].is_monotonic_increasing
    assert sorted(book()["cost"]) == list(range(40))


def test_rows_of_several_writers_come_in_the_order_they_began(ledger):
    add(ledger, tag="late", at=NOON)
    add(ledger, tag="early", at=NOON - timedelta(days=1))
    assert accounts(ledger)()["tag"].tolist() == ["early", "late"]


def test_text_of_any_kind_comes_back_as_it_was(ledger):
    tags = ['a"b', "comma, semi;", "new\nline", "ünï☃", "null", "-1", "\x1f"]
    for tag in tags:
        add(ledger, tag=tag)
    assert accounts(ledger)()["tag"].tolist() == tags


# -- time -----------------------------------------------------------------------------------------


def test_groups_of_time_are_utc_and_come_in_order(ledger):
    for days in (0, 1, 0, 9):
        add(ledger, at=datetime(2026, 11, 20, 23, 30, tzinfo=UTC) - timedelta(days=days), cost=str(days + 1))
    table = accounts(ledger).by("day")
    assert [str(day.date()) for day in table["day"]] == ["2026-11-11", "2026-11-19", "2026-11-20"]
    assert table["cost"].tolist() == [10, 2, 2]
    assert accounts(ledger).by("month")["cost"].tolist() == [14]
    assert [str(week.date()) for week in accounts(ledger).by("week")["week"]] == ["2026-11-09", "2026-11-16"]


def test_a_stretch_of_time_that_there_is_not_is_refused():
    with pytest.raises(BadRequest, match="fortnight"):
        periods(pd.Series(pd.to_datetime([], utc=True)), "fortnight")


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("7d", 604800), ("1.5w", 907200)]
)
def test_so_long_ago_is_written_short(written, seconds):
    assert unix_time(written) == pytest.approx(datetime.now(UTC).timestamp() - seconds, abs=60)


def test_today_begins_at_midnight():
    def midnight():
        return datetime.now(UTC).astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    assert midnight() <= unix_time("today") <= midnight()  # it may strike in between


@pytest.mark.parametrize(
    ("written", "day"), [("today", 19), ("yesterday", 18), ("this week", 16), ("This month", 1)]
)
def test_a_day_a_week_and_a_month_may_be_said_in_words(monkeypatch, written, day):
    thursday = datetime(2026, 11, 19, 15, 30).astimezone()
    monkeypatch.setattr(
        "llmkit.ledger.query.datetime", type("Then", (datetime,), {"now": lambda _: thursday})
    )
    assert unix_time(written) == datetime(2026, 11, day).astimezone().timestamp()


@pytest.mark.parametrize("odd", ["last tuesday", "999999d", "9" * 30 + "d", ["2026"]])
def test_a_moment_that_is_none_says_how_to_write_one(ledger, odd):
    with pytest.raises(BadRequest, match="7d"):
        accounts(ledger)(since=odd)


# -- asking ---------------------------------------------------------------------------------------


def test_some_columns_only(ledger):
    add(ledger)
    assert list(accounts(ledger)(columns=["model", "cost"]).columns) == ["model", "cost"]
    assert list(accounts(ledger)(columns="model").columns) == ["model"]
    with pytest.raises(BadRequest, match="colour"):
        accounts(ledger)(columns=["colour"])


def test_a_filter_that_there_is_not_is_refused(ledger):
    with pytest.raises(BadRequest, match="'modle'"):
        accounts(ledger)(modle="x")


def test_where_narrows_everything_that_follows(ledger):
    add(ledger, tag="a", cost="1")
    add(ledger, tag="b", cost="2")
    some = accounts(ledger).where(tag="b")
    assert some.total().cost == 2
    assert len(some()) == len(some.by("model")) == 1
    assert some.total(tag="a").cost == 1


def test_the_modules_usage_is_that_of_the_default_session():
    assert llmkit.usage.session == llmkit.default_session().id
    assert list(llmkit.usage().columns) == list(llmkit.Session().usage().columns)
    assert Filter().narrowed(tag="x").tag == "x"


# -- reports --------------------------------------------------------------------------------------


def test_the_summary_has_a_line_for_each_model(ledger):
    add(ledger, model="gpt-6-luna", cost="3", made=101, ttft=0.5, lasted=2.5)
    add(ledger, model="gpt-6-luna", cost=None, given=None, made=None, status="error", attempt=2)
    add(ledger, model="gpt-4o", cost="1")
    table = accounts(ledger).summary()
    assert table["model"].tolist() == ["gpt-6-luna", "gpt-4o"]
    assert table["share"].tolist() == [0.75, 0.25]
    first = table.iloc[0]
    assert (first["error_rate"], first["retries"], first["unpriced"]) == (0.5, 1, 1)
    assert first["tokens_per_second"] == 50.5


def test_errors_are_counted_with_their_latest_words(ledger):
    for number in range(3):
        name = ledger.begin(call="c", attempt=number + 1, session="s", provider="openai", model="m")
        ledger.settle(name, status="error", error=llmkit.errors.RateLimited(f"Too many, {number}."))
    add(ledger)
    (line,) = accounts(ledger).errors().to_dict("records")
    assert (line["error_kind"], line["count"], line["retries"]) == ("rate_limit", 3, 2)
    assert line["latest"].startswith("Too many, 2.")


def test_latency_is_told_in_percentiles_of_whole_answers(ledger):
    for number in range(1, 101):
        add(ledger, ttft=number / 100, lasted=number / 100 + 2, made=101)
    add(ledger, status="cancelled", ttft=9)
    (line,) = accounts(ledger).latency().to_dict("records")
    assert line["calls"] == 100
    assert line["ttft_p50"] == pytest.approx(0.505)
    assert line["ttft_p95"] == pytest.approx(0.9505)
    assert line["tokens_per_second_p50"] == pytest.approx(50.5)


def test_what_the_prompt_cache_saved_is_the_difference_it_made(ledger):
    # Sonnet: 2 in, .10 read, 2.50 written, for a million.
    add(
        ledger,
        provider="anthropic",
        model="claude-sonnet-5-5",
        given=1000,
        cache_read=1_000_000,
        cache_write_5m=100_000,
    )
    add(ledger, provider="anthropic", model="claude-sonnet-5-5", status="cached", cost="0", cache_read=10**9)
    add(ledger, provider="nobody", model="x", cache_read=10)
    table = accounts(ledger).cache()
    first = table.iloc[0]
    assert first["saved"] == pytest.approx(1.90 - 0.05)
    assert (first["calls"], first["replays"], first["cache_read"]) == (1, 1, 1_000_000)
    assert first["hit_rate"] == pytest.approx(1_000_000 / 1_101_000)
    assert pd.isna(table.iloc[1]["saved"])


def test_what_the_cache_saved_of_a_long_prompt_is_reckoned_at_a_long_prompts_price(ledger):
    # Haiku: .10 in and .01 read for a million; five times that for prompts of more than 100,000.
    for count in (50_000, 1_000_000):
        add(ledger, provider="anthropic", model="claude-haiku-5-5", given=0, cache_read=count)
    saved = accounts(ledger).cache()["saved"].item()
    assert saved == pytest.approx(0.09 * 0.05 + 0.45 * 1)


def test_what_the_cache_saved_at_a_provider_with_a_name_of_its_own_is_known_by_its_address(ledger):
    add(
        ledger,
        provider="claude_main",
        model="claude-sonnet-5-5",
        endpoint="https://api.anthropic.com",
        given=0,
        cache_read=1_000_000,
    )
    add(ledger, provider="mine", model="m", endpoint="http://127.0.0.1:9", given=0, cache_read=1_000_000)
    saved = accounts(ledger).cache().set_index("provider")["saved"]
    assert saved["claude_main"] == pytest.approx(1.90)
    assert pd.isna(saved["mine"])


def test_a_call_far_above_its_kind_is_found_and_a_small_kind_is_left_alone(ledger):
    for number in range(20):
        add(ledger, cost=str(Decimal("0.01") + Decimal(number) / 10000))
    add(ledger, cost="0.9", tag=None)
    for cost in ("1", "100"):
        add(ledger, cost=cost, model="rare")
    odd = accounts(ledger).anomalies()
    assert odd["cost"].tolist() == [0.9]
    assert odd["times"][0] > 50


# -- keeping --------------------------------------------------------------------------------------


def test_purging_deletes_what_is_older_and_asks_before_it_deletes_all(ledger):
    add(ledger, at=NOON - timedelta(days=30))
    add(ledger, at=NOON)
    book = accounts(ledger)
    asked = book.purge(before=NOON - timedelta(days=1), confirm=False)
    assert (asked.attempts, asked.done) == (1, False)
    assert "confirm=True" in repr(asked)
    assert len(book()) == 2
    done = book.purge(before=NOON - timedelta(days=1))
    assert (done.attempts, done.done, len(book())) == (1, True, 1)
    assert (book.purge().done, len(book())) == (False, 1)
    assert (book.purge(confirm=True).done, len(book())) == (True, 0)


@pytest.mark.parametrize("method", ["total", "summary", "errors", "latency", "cache", "anomalies"])
def test_an_empty_ledger_has_an_answer_to_everything(ledger, method):
    assert getattr(accounts(ledger), method)() is not None


def test_a_part_of_the_ledger_is_not_purged(ledger):
    add(ledger, tag="a")
    with pytest.raises(BadRequest, match="whatever where"):
        accounts(ledger).where(tag="b").purge(confirm=True)
    assert len(accounts(ledger)()) == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda book: book.by("modle"), "did you mean 'model'"),
        (lambda book: book.forecast(days="x"), "'x' days"),
        (lambda book: book.anomalies(times=0), "times=0"),
        (lambda book: book.plot("hours", tz="Mars"), "'Mars'"),
        (lambda book: book.what_if("sonet"), "Did you mean sonnet"),
        (lambda book: book.what_if("sonnet", at="later"), "at='later'"),
        (lambda book: book.export("csv", "."), "is a folder"),
    ],
)
def test_a_mistyped_wish_is_answered_with_what_there_is(ledger, asked, said):
    add(ledger)
    with pytest.raises(LLMKitError, match=said):
        asked(accounts(ledger))
