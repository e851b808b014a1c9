"""A grid of answers: every combination, side by side, each for itself; nothing is sent that is known to be wrong."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from itertools import pairwise

import pytest

import llmkit
from llmkit.errors import (
    Aborted,
    AuthError,
    BadRequest,
    DeadlineExceeded,
    MissingKey,
    TruncatedStream,
    UnknownModel,
)
from llmkit.jobs.screen import TerminalLine

KEY = "sk-proj_" + "a1_B2" * 9
QUICK = "here/bench:tokens=6,rate=0,ttft=0"
SLOWER = "here/bench:tokens=6,rate=60,ttft=80"
ENDLESS, OTHER, THIRD = (f"here/bench:tokens={100_000 + n},rate=200,ttft=0" for n in range(3))
LAST = "here/bench:tokens=7,rate=0,ttft=0"


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


# -- the grid -----------------------------------------------------------------------------------


def test_every_combination_is_a_cell_and_is_sent_once(session, simulator):
    cmp = session.compare(
        ["One?", "Two?"],
        models=[QUICK, SLOWER],
        systems=[None, "Be terse"],
        temperatures=[0, 0.5],
        repeats=2,
    )
    assert len(cmp) == 32
    assert simulator.attempts == 32
    assert {cell.status for cell in cmp} == {"ok"}
    seen = [
        (
            entry.json["model"],
            entry.json["messages"][-1]["content"],
            entry.json["messages"][0]["content"] if len(entry.json["messages"]) > 1 else None,
            entry.json["temperature"],
        )
        for entry in simulator.requests
    ]
    assert len(set(seen)) == 16
    assert all(seen.count(one) == 2 for one in seen)


def test_a_large_grid_is_sent_once_each_and_only_what_is_missing_again(session, simulator):
    models = [f"here/bench:tokens={n},rate=0,ttft=0" for n in range(2, 6)]
    prompts = [f"Question {n}?" for n in range(6)]
    cmp = session.compare(prompts, [*models, f"{QUICK}@status=401"], repeats=3)
    assert len(cmp) == simulator.attempts == 6 * 5 * 3
    assert cmp.summary()["ok"].tolist() == [18, 18, 18, 18, 0]
    cmp.rerun()
    assert simulator.attempts == 90 + 18


def test_rows_are_in_the_order_of_the_grid_whoever_comes_first(session):
    frame = session.compare(["One?", "Two?"], models=[SLOWER, QUICK]).df
    assert list(zip(frame["prompt"], frame["model"], strict=True)) == [
        ("One?", SLOWER),
        ("One?", QUICK),
        ("Two?", SLOWER),
        ("Two?", QUICK),
    ]


def test_all_cells_are_under_way_at_once(session, simulator):
    cmp = session.compare("Hello?", [ENDLESS, OTHER, THIRD], block=False)
    until(lambda: all(cell.text for cell in cmp))
    assert {cell.status for cell in cmp} == {"running"}
    assert [entry.outcome for entry in simulator.requests] == ["open"] * 3
    cmp.stop()
    cmp.wait()


def test_no_more_than_asked_for_are_under_way_at_once(session, simulator):
    session.compare("Hello?", QUICK, repeats=6, max_concurrency=1)
    entries = simulator.settled()
    assert all(a.ended <= b.started for a, b in pairwise(entries))


def test_a_list_of_messages_is_one_conversation(session, asked):
    talk = [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": "What is my name?"},
    ]
    assert len(session.compare(talk, QUICK)) == 1
    assert list(session.compare([talk, "Hi?"], QUICK).df["prompt"]) == ["What is my name?", "Hi?"]
    assert sorted(asked()) == ["Hi?", "What is my name?", "What is my name?"]


def test_the_modules_function_uses_the_default_session():
    cmp = llmkit.compare("Hello?", "sim/bench:tokens=3,rate=0,ttft=0")
    assert cmp[0].status == "ok"
    assert cmp[0].reply.simulated


def test_a_comparison_that_runs_can_be_awaited_while_the_loop_goes_on(session):
    async def compared():
        cmp = session.compare("Hello?", [QUICK, ENDLESS], block=False)

        async def meanwhile():
            await asyncio.to_thread(until, lambda: cmp[0].status == "ok" and cmp[1].text)
            cmp.stop()

        other = asyncio.create_task(meanwhile())
        assert await cmp is cmp
        await other
        return [cell.status for cell in cmp]

    assert asyncio.run(compared()) == ["ok", "cancelled"]


def test_a_task_that_is_cancelled_while_it_waits_stops_the_comparison(session, simulator):
    async def left():
        cmp = session.compare("Hello?", [QUICK, ENDLESS], block=False)
        waiting = asyncio.ensure_future(cmp)
        await asyncio.to_thread(until, lambda: cmp[0].status == "ok" and cmp[1].text)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return cmp.wait()

    cmp = asyncio.run(left())
    assert [cell.status for cell in cmp] == ["ok", "cancelled"]
    assert cmp[1].text
    assert cmp.interrupted


# -- each for itself ----------------------------------------------------------------------------


def test_a_cell_that_fails_harms_no_other(session):
    models = [QUICK, f"{QUICK}@status=401", f"{QUICK}@eof=3", SLOWER]
    cmp = session.compare("Hello?", models)
    assert [cell.status for cell in cmp] == ["ok", "error", "error", "ok"]
    assert isinstance(cmp[1].error, AuthError)
    assert isinstance(cmp[2].error, TruncatedStream)
    assert cmp[2].text
    assert cmp.df["error"].isna().tolist() == [True, False, False, True]


def test_a_timeout_is_each_cells_own(session):
    cmp = session.compare("Hello?", [QUICK, ENDLESS], timeout=6)
    assert [cell.status for cell in cmp] == ["ok", "error"]
    assert isinstance(cmp[1].error, DeadlineExceeded)
    assert cmp[1].text


# -- stopping -----------------------------------------------------------------------------------


def test_stopping_keeps_what_came_closes_sockets_and_sends_no_more(session, simulator):
    models = [QUICK, ENDLESS, OTHER, LAST]
    cmp = session.compare("Hello?", models, block=False, max_concurrency=2)
    until(lambda: cmp[1].text and cmp[2].text)
    assert cmp.running
    cmp.stop()
    assert cmp.wait() is cmp
    assert [cell.status for cell in cmp] == ["ok", "cancelled", "cancelled", "unsent"]
    assert isinstance(cmp[1].error, Aborted)
    assert cmp[1].text
    assert cmp.replies[3] is None
    assert [entry.outcome for entry in simulator.settled()] == ["done", "client_closed", "client_closed"]


def test_the_callers_signal_stops_all_of_it(session):
    stop = llmkit.Signal.never()
    cmp = session.compare("Hello?", [ENDLESS], block=False, signal=stop)
    until(lambda: cmp[0].text)
    stop.abort("enough")
    cmp.wait()
    assert cmp[0].status == "cancelled"


def test_an_interrupt_keeps_what_is_done_and_gives_it_back(session, simulator, monkeypatch):
    class Interrupting(TerminalLine):
        before = True

        def look(self):
            if self.before and any(entry.outcome == "done" for entry in simulator.requests):
                self.before = False
                monkeypatch.undo()
                raise KeyboardInterrupt

    monkeypatch.setattr("llmkit.jobs.compare.TerminalLine", Interrupting)
    cmp = session.compare("Hello?", [QUICK, ENDLESS, LAST], max_concurrency=2)
    assert cmp.interrupted
    assert cmp[0].status in ("ok", "cancelled")
    assert cmp[1].status == "cancelled"
    assert simulator.attempts < 4
    assert "Interrupted." in cmp.export("html")
    cmp.remove(ENDLESS)
    cmp.retry(*[cell for cell in cmp if cell.status != "ok"])
    assert [cell.status for cell in cmp] == ["ok", "ok"]
    assert not cmp.interrupted
    assert "Interrupted." not in cmp.export("html")


def test_running_again_sends_only_what_is_missing(session, simulator):
    cmp = session.compare("Hello?", [QUICK, f"{QUICK}@fails=401:1", SLOWER])
    assert [cell.status for cell in cmp] == ["ok", "error", "ok"]
    kept = cmp[0].reply
    cmp.rerun()
    assert [cell.status for cell in cmp] == ["ok", "ok", "ok"]
    assert simulator.attempts == 4
    assert cmp[0].reply is kept
    cmp.rerun(missing=False)
    assert simulator.attempts == 7


def test_what_was_stopped_can_be_asked_again(session):
    cmp = session.compare("Hello?", [ENDLESS, QUICK], block=False, max_concurrency=1)
    with pytest.raises(BadRequest, match="still running"):
        cmp.rerun()
    cmp.stop()
    cmp.wait()
    assert cmp[1].status == "unsent"
    cmp = cmp.rerun(block=False)
    until(lambda: cmp[0].text)
    cmp.stop()
    assert [cell.status for cell in cmp.wait()] == ["cancelled", "unsent"]


# -- nothing is sent ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"models": []}, BadRequest, "No models"),
        ({"models": None}, BadRequest, "No models"),
        ({"models": ["here/swift", "nowhere-to-be-found"]}, UnknownModel, "nowhere-to-be-found"),
        ({"models": ["here/swift", "here/swift"]}, BadRequest, "named twice"),
        ({"models": ["here/swift", ""]}, BadRequest, "no model's name"),
        ({"prompt": ""}, BadRequest, "empty"),
        ({"prompt": ["Hi", "  "]}, BadRequest, "empty"),
        ({"prompt": []}, BadRequest, "no prompt"),
        ({"prompt": ["Hi", 7]}, BadRequest, "can't be used"),
        ({"repeats": 0}, BadRequest, "repeats"),
        ({"repeats": 1.5}, BadRequest, "repeats"),
        ({"max_concurrency": 0}, BadRequest, "max_concurrency"),
        ({"temprature": 1}, BadRequest, "Did you mean 'temperature'"),
        ({"repeat": 3}, BadRequest, "Did you mean 'repeats'"),
        ({"models": None, "model": "here/swift"}, BadRequest, "Did you mean 'models'"),
        ({"budget": 0}, BadRequest, "budget"),
        ({"options": {}}, BadRequest, "no option 'options'"),
        ({"system": "x", "systems": ["y"]}, BadRequest, "systems="),
        ({"temperature": 1, "temperatures": [0]}, BadRequest, "temperatures="),
        ({"systems": []}, BadRequest, "systems= is empty"),
    ],
)
def test_bad_input_raises_before_anything_is_sent(session, simulator, given, error, said):
    with pytest.raises(error, match=said):
        session.compare(**{"prompt": "Hi", "models": ["here/swift"], **given})
    assert simulator.attempts == 0


def test_an_axis_of_one_needs_no_list(session):
    cmp = session.compare("Hi", "here/swift", systems="Be terse.", temperatures=0.5)
    assert cmp.df[["system", "temperature"]].to_dict("records") == [
        {"system": "Be terse.", "temperature": 0.5}
    ]


def test_a_missing_key_is_found_before_the_others_are_sent(session, simulator):
    with pytest.raises(MissingKey):
        session.compare("Hi", ["here/swift", "anthropic/claude-sonnet-5-5"])
    assert simulator.attempts == 0


# -- what it says -------------------------------------------------------------------------------


def test_the_frame_has_a_row_for_each_cell_with_its_figures(session):
    frame = session.compare("Hello?", [QUICK, f"{QUICK}@status=401", f"{QUICK}@usage=none"], tag="t").df
    assert list(frame.columns[:16]) == [
        "prompt", "model", "system", "temperature", "repeat", "answer", "status", "error",
        "input", "output", "cost", "ttft", "duration", "tokens_per_s", "stop_reason", "simulated",
    ]  # fmt: skip
    whole, failed, unmetered = (frame.iloc[n] for n in range(3))
    assert whole["output"] == 6
    assert whole["stop_reason"] == "stop"
    assert bool(whole["simulated"])
    assert whole["cost"] > 0
    assert failed["answer"] is None
    assert "401" in failed["error"]
    assert frame["output"].dtype == "Int64"
    assert unmetered["status"] == "ok"


def test_the_summary_has_a_row_for_each_model_and_counts_what_is_unpriced(session):
    cmp = session.compare("Hello?", [QUICK, f"{QUICK}@status=401"], repeats=3)
    good, bad = (row for _, row in cmp.summary().iterrows())
    assert (good["n"], good["ok"], good["unpriced"], good["output"]) == (3, 3, 0, 18)
    assert good["cost"] == pytest.approx(cmp.df["cost"][:3].sum())
    assert good["ttft_p50"] > 0
    assert good["length_mean"] == pytest.approx(len(cmp[0].text))
    assert (bad["n"], bad["ok"]) == (3, 0)
    assert bad[["ttft_mean", "ttft_p50", "length_mean"]].isna().all()


def test_every_cell_is_in_the_ledger_under_its_tag(session):
    session.compare("Hello?", [QUICK, SLOWER], repeats=2, tag="grid")
    frame = session.usage(simulated=True, tag="grid")
    assert len(frame) == 4


def test_repeats_are_not_answered_from_the_cache_with_one_answer(session, simulator):
    session.compare("Hello?", QUICK, repeats=3, cache=True)
    assert simulator.attempts == 3
    session.compare("Hello?", QUICK, repeats=3, cache=True)
    assert simulator.attempts == 3


def test_cells_are_found_by_number_or_model(session):
    cmp = session.compare(["One?", "Two?"], [QUICK, SLOWER])
    assert cmp[0].model == QUICK
    assert [cell.number for cell in cmp[SLOWER]] == [1, 3]
    assert [cell.number for cell in cmp[:2]] == [0, 1]
    with pytest.raises(KeyError, match="not compared here"):
        cmp["here/other"]
    assert [reply.text for reply in cmp.replies] == [cell.text for cell in cmp.cells]


class TestExport:
    @pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1+1", "\n=1"])
    def test_csv_holds_no_formula(self, session, simulator, start):
        simulator.script([f'{start},"x"'])
        cmp = session.compare(start, "here/sage", system="=cmd()")
        (row,) = csv.DictReader(io.StringIO(cmp.export("csv")))
        for name in ("answer", "prompt", "system"):
            assert row[name].startswith("'"), name
        assert float(row["duration"]) > 0

    def test_json_is_exact_and_whole(self, session):
        cmp = session.compare("Hello?", [QUICK, f"{QUICK}@status=401"])
        first, second = json.loads(cmp.export("json"))
        assert first["answer"] == cmp[0].text
        assert first["cost"] == str(cmp[0].reply.cost.amount)
        assert second["answer"] is None

    def test_it_is_written_to_a_file(self, session, tmp_path):
        cmp = session.compare("Hello?", QUICK)
        for kind in ("md", "csv", "json", "html"):
            path = tmp_path / f"out.{kind}"
            assert cmp.export(kind, path) == path.read_text("utf-8")
            assert cmp[0].text.split()[0] in path.read_text("utf-8")

    @pytest.mark.parametrize("kind", ["md", "csv", "json", "html"])
    def test_a_key_that_a_model_repeats_is_masked(self, session, simulator, tmp_path, monkeypatch, kind):
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        simulator.script([f"Your key is {KEY}, isn't it?"])
        text = session.compare("Hello?", "here/sage").export(kind, tmp_path / "out")
        assert "isn" in text
        assert KEY not in text
        assert KEY not in (tmp_path / "out").read_text("utf-8")

    def test_another_format_is_refused(self, session):
        with pytest.raises(BadRequest, match="Can't export"):
            session.compare("Hello?", QUICK).export("pdf")
