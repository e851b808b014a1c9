"""A question for each row: order and index stay, failures stay in their row, nothing is lost."""

from __future__ import annotations

import pandas as pd
import pytest

import llmkit
from llmkit.errors import AuthError, BadRequest, UnknownModel
from llmkit.jobs.pump import Watcher

QUICK = "here/bench:tokens=4,rate=0,ttft=0"
ECHO = "here/sage"
SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string"}, "score": {"type": "integer"}},
    "required": ["label", "score"],
}


@pytest.fixture
def echo(simulator, session):
    """Every prompt is answered with itself in capitals."""
    simulator.script(lambda ask: ask.prompt.upper())
    return session


def test_the_table_comes_back_in_its_order_and_under_its_index(echo, simulator):
    frame = pd.DataFrame({"review": ["a", "b", "c", "d"]}, index=[7, 7, "x", None])
    out = echo.map(frame, "say {review}", model=ECHO)
    assert out["answer"].tolist() == ["SAY A", "SAY B", "SAY C", "SAY D"]
    assert out.index.equals(frame.index)
    assert list(out.columns) == ["review", "answer", "status", "error", "cost", "input", "output"]
    assert list(frame.columns) == ["review"], "the caller's table is left alone"
    assert simulator.attempts == 4


@pytest.mark.parametrize(
    ("data", "template"),
    [
        (["a", "b"], "{text}"),
        (("a", "b"), "{{text}}"),
        (pd.Series(["a", "b"]), "{text}"),
        (pd.Series(["a", "b"], name="word"), "{word}"),
        ([{"word": "a"}, {"word": "b", "more": 1}], "{word}"),
        (pd.DataFrame({0: ["a", "b"]}), "{0}"),
    ],
    ids=["list", "tuple", "series", "named series", "mappings", "number as name"],
)
def test_data_may_be_a_table_a_column_or_a_list(echo, data, template):
    assert echo.map(data, template, model=ECHO)["answer"].tolist() == ["A", "B"]


def test_order_stays_though_later_rows_come_first(session, simulator):
    paces = ["here/bench:tokens=4,rate=20", "here/bench:tokens=2,rate=0"]
    simulator.script(lambda ask: ask.prompt)
    out = session.map([f"{n}" + " word" * (9 - n) for n in range(9)], "{text}", model=paces[0])
    assert [answer[0] for answer in out["answer"]] == list("012345678")


def test_a_row_that_fails_is_kept_with_its_error(session, simulator):
    simulator.script(
        lambda ask: llmkit.sim.Say(fault="status=401") if "bad" in ask.prompt else ask.prompt.upper()
    )
    out = session.map(["good", "bad", "fine"], "{text}", model=ECHO)
    assert out["status"].tolist() == ["ok", "error", "ok"]
    assert out["answer"].tolist() == ["GOOD", None, "FINE"]
    assert out["error"].isna().tolist() == [True, False, True]
    assert "401" in out["error"][1]


def test_a_missing_value_is_refused_with_the_reason_and_not_sent(echo, asked):
    frame = pd.DataFrame({"a": ["x", None, float("nan"), pd.NA, pd.NaT, ""], "b": range(6)})
    out = echo.map(frame, "{a} {b}", model=ECHO)
    assert out["status"].tolist() == ["ok", "refused", "refused", "refused", "refused", "ok"]
    assert "no value in a" in out["error"][1]
    assert sorted(asked()) == [" 5", "x 0"]


def test_missing_values_elsewhere_are_no_matter(echo):
    frame = pd.DataFrame({"a": ["x"], "b": [None]})
    assert echo.map(frame, "{a}", model=ECHO)["status"].tolist() == ["ok"]


def test_a_row_without_a_word_is_refused(echo, simulator):
    assert echo.map(["", " "], "{text}", model=ECHO)["status"].tolist() == ["refused"] * 2
    assert simulator.attempts == 0


def test_a_row_that_holds_a_key_is_not_sent(echo, simulator, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-0123456789")
    out = echo.map(["say sk-made-up-0123456789", "fine"], "{text}", model=ECHO)
    assert out["status"].tolist() == ["refused", "ok"]
    assert "key" in out["error"][0]
    assert "sk-made-up" not in out["error"][0]
    assert simulator.attempts == 1


def test_values_are_not_expanded_and_never_reached_into(echo, asked):
    frame = pd.DataFrame({"a": ["{b} {a.__class__}"], "b": ["secret"]})
    echo.map(frame, "{a} {b.__class__}", model=ECHO)
    assert asked() == ["{b} {a.__class__} {b.__class__}"]


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"template": "{revew}"}, BadRequest, "Did you mean 'review'"),
        ({"template": ""}, BadRequest, "template is empty"),
        ({"template": "no column"}, BadRequest, "every row would ask the same"),
        ({"model": "nowhere-to-be-found"}, UnknownModel, "nowhere"),
        ({"column": "review"}, BadRequest, "already a column 'review'"),
        ({"column": ""}, BadRequest, "no name for a column"),
        ({"max_concurrency": 0}, BadRequest, "max_concurrency"),
        ({"on_error": "ignore"}, BadRequest, "on_error"),
        ({"budget": 0}, BadRequest, "budget"),
        ({"schema": "name wibble"}, BadRequest, "is no type"),
        ({"temprature": 0}, BadRequest, "Did you mean 'temperature'"),
        ({"data": 7}, BadRequest, "Can't map over a int"),
        ({"data": ["a", 7]}, BadRequest, "mixed things"),
    ],
)
def test_bad_input_raises_before_anything_is_sent(session, simulator, given, error, said):
    usual = {"data": pd.DataFrame({"review": ["a"]}), "template": "{review}", "model": QUICK}
    with pytest.raises(error, match=said):
        session.map(**{**usual, **given})
    assert simulator.attempts == 0


def test_two_columns_of_one_name_are_refused_where_they_are_meant(echo):
    frame = pd.DataFrame([["a", "b", "c"]], columns=["x", "x", "y"])
    with pytest.raises(BadRequest, match="two columns 'x'"):
        echo.map(frame, "{x}", model=ECHO)
    assert echo.map(frame, "{y}", model=ECHO)["answer"].tolist() == ["C"]


def test_a_name_that_is_taken_gets_the_columns_name_before_it(echo):
    frame = pd.DataFrame({"text": ["a"], "status": ["mine"]})
    out = echo.map(frame, "{text}", model=ECHO, column="shout")
    assert out["shout"].tolist() == ["A"]
    assert out["status"].tolist() == ["mine"]
    assert out["shout_status"].tolist() == ["ok"]
    again = echo.map(out, "{shout}", model=ECHO, column="again")
    assert again["again"].tolist() == ["A"]
    assert again["again_cost"].notna().all()


def test_no_rows_are_no_requests(session, simulator):
    out = session.map(pd.DataFrame({"review": []}), "{review}", model=QUICK)
    assert len(out) == 0
    assert "answer" in out.columns
    assert simulator.attempts == 0


class TestSchema:
    def test_its_fields_become_columns(self, session, simulator):
        simulator.script(['{"label": "good", "score": 3}', '{"label": "bad", "score": 1}'])
        out = session.map(["a", "b"], "{text}", model=ECHO, schema=SCHEMA, max_concurrency=1)
        assert out["label"].tolist() == ["good", "bad"]
        assert out["score"].tolist() == [3, 1]
        assert out["score"].dtype == "int64"
        assert simulator.requests[0].json["response_format"]["json_schema"]["schema"]["required"]

    def test_an_answer_that_is_no_json_is_an_error_and_is_kept(self, session, simulator):
        simulator.script(["I'd rather not.", "I'd rather not.", '{"label": "bad", "score": 1}'])
        out = session.map(["a", "b"], "{text}", model=ECHO, schema=SCHEMA, max_concurrency=1)
        assert out["status"].tolist() == ["error", "ok"]
        assert out["answer"][0] == "I'd rather not."
        assert "JSON" in out["error"][0]
        assert out["label"].isna().tolist() == [True, False]

    def test_a_field_whose_name_is_taken_gets_the_columns_name(self, session, simulator):
        simulator.script(['{"label": "good", "score": 3}'])
        frame = pd.DataFrame({"text": ["a"], "label": ["mine"]})
        out = session.map(frame, "{text}", model=ECHO, schema=SCHEMA)
        assert (out["label"][0], out["answer_label"][0]) == ("mine", "good")


class TestStopping:
    def test_the_first_failure_can_stop_the_rest(self, session, simulator):
        with pytest.raises(AuthError):
            session.map(
                ["a"] * 50, "{text}", model=f"{QUICK}@status=401", on_error="raise", max_concurrency=1
            )
        assert simulator.attempts == 1

    def test_an_interrupt_keeps_the_rows_that_are_done(self, session, simulator, monkeypatch):
        class Interrupting(Watcher):
            def __init__(self, line):
                self.line = line

            def look(self):
                if "map: 3 of" in self.line():
                    monkeypatch.undo()
                    raise KeyboardInterrupt

        monkeypatch.setattr("llmkit.jobs.screen.TerminalLine", Interrupting)
        out = session.map(["a"] * 40, "{text}", model=QUICK, max_concurrency=1)
        assert out["status"].tolist()[:3] == ["ok"] * 3
        assert set(out["status"][4:]) == {"unsent"}
        assert out["answer"][:3].notna().all()
        assert simulator.attempts <= 4

    def test_the_line_tells_rows_that_failed_from_rows_that_were_not_sent(self, session, monkeypatch):
        class Reading(Watcher):
            def __init__(self, line):
                told.append(line)

        told = []
        monkeypatch.setattr("llmkit.jobs.screen.TerminalLine", Reading)
        session.map(["a", None], "{text}", model=f"{QUICK}@status=400")
        (line,) = told
        assert line().startswith("map: 2 of 2 rows · 1 failed · 1 not sent · ")

    def test_a_signal_stops_it(self, session, simulator):
        stop = llmkit.Signal.never()
        stop.abort("enough")
        out = session.map(["a", "b"], "{text}", model=QUICK, signal=stop)
        assert out["status"].tolist() == ["unsent"] * 2
        assert simulator.attempts == 0

    def test_a_budget_is_for_the_whole_table(self, simulator):
        simulator.reset()
        here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
        priced = llmkit.Session(
            {"providers": {"here": here}, "prices": {"here/*": {"input": 1000, "output": 1000}}}
        )
        with llmkit.budget(usd="0.50", simulated=True) as held:
            out = priced.map(["a"] * 60, "say {text}", model=QUICK, max_tokens=4)
        assert set(out["status"]) == {"ok", "refused"}
        assert out["error"].dropna().str.contains("budget").all()
        assert 0 < held.spent <= held.limit
        assert simulator.attempts == (out["status"] == "ok").sum()
        assert out["cost"].sum() == pytest.approx(float(held.spent))


def test_a_table_has_it_as_a_method(monkeypatch, simulator):
    llmkit.map(["warm up"], "{text}", model="sim/bench:tokens=2,rate=0,ttft=0")
    frame = pd.DataFrame({"text": ["a"]})
    out = frame.llm.map("{text}", model="sim/bench:tokens=2,rate=0,ttft=0")
    assert out["status"].tolist() == ["ok"]


def test_every_row_is_in_the_ledger_under_its_tag(session):
    session.map(["a", "b", None], "{text}", model=QUICK, tag="reviews")
    assert len(session.usage(simulated=True, tag="reviews")) == 2
