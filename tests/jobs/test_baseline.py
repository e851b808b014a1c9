"""Then and now: a grid is saved and read, what changed is told, and a test fails where it got worse."""

from __future__ import annotations

import json

import pytest

import llmkit
from llmkit.errors import BadRequest
from llmkit.jobs.baseline import load
from llmkit.jobs.changes import Changes
from llmkit.sim import Simulator
from llmkit.testing import UPDATE, assert_no_regression

SWIFT, SAGE = "here/swift", "here/sage"
QUESTIONS = [f"What is {n} plus {n}?" for n in range(4)]
SUMS = [str(n + n) for n in range(4)]


@pytest.fixture(scope="module")
def simulator():
    with Simulator(pace="instant") as running:
        yield running


@pytest.fixture
def ask(session, simulator):
    """Asks the four questions; what is said of each may be told otherwise."""

    def asked(models=(SWIFT, SAGE), otherwise=None, **more):
        simulator.reset()
        simulator.script(
            {question: f"It is {total}." for question, total in zip(QUESTIONS, SUMS, strict=True)}
        )
        simulator.script(otherwise or {})
        return session.compare(QUESTIONS, models, **more)

    yield asked
    simulator.reset()


@pytest.fixture
def baseline(ask, tmp_path):
    """The path of a grid that is approved of, with a score and a vote."""
    cmp = ask()
    cmp.score("contains", SUMS)
    cmp.vote(cmp[1])
    return cmp.save(tmp_path / "kept" / "baseline.jsonl")


def test_what_is_saved_is_read_as_it_was(ask, baseline):
    cmp = ask()
    cmp.score("contains", SUMS)
    read = load(baseline)
    columns = ["prompt", "model", "system", "temperature", "repeat", "answer", "status", "cost", "contains"]
    assert read.df[columns].equals(cmp.df[columns])
    assert [cell.reply.usage for cell in read] == [cell.reply.usage for cell in cmp]
    assert [vote.winner for vote in read.votes] == [SAGE]
    assert read.summary()["wins"].tolist() == [0, 1]
    assert all("It is 6." in read.export(kind) for kind in ("html", "md", "csv", "json"))
    with pytest.raises(BadRequest, match="can't be asked again"):
        read[0].errand.begin(llmkit.Signal.never())


def test_failed_answers_and_conversations_are_saved_too(session, simulator, tmp_path):
    simulator.reset()
    talk = [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Bye."},
    ]
    cmp = session.compare([talk, "Hi."], [SWIFT, f"{SWIFT}@status=401"])
    path = cmp.save(tmp_path / "some.jsonl")
    read = load(path)
    assert [cell.status for cell in read] == ["ok", "error", "ok", "error"]
    assert "401" in str(read[1].error)
    changes = cmp.against(path)
    assert [change.kind for change in changes.changes] == ["same", "failing", "same", "failing"]
    assert changes.regressions() == []


def test_characters_that_end_lines_elsewhere_are_read_as_they_were_written(session, simulator, tmp_path):
    said = "one\u2028two\u2029three\x85four\x1cfive\r\nsix"
    simulator.reset()
    simulator.script({"Count.": said})
    cmp = session.compare("Count.", SWIFT)
    assert load(cmp.save(tmp_path / "some.jsonl"))[0].text == said


def test_no_key_is_in_the_file(session, simulator, tmp_path, monkeypatch):
    simulator.reset()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-" + "proj-" + "Zq9" * 12)
    cmp = session.compare("Say: " + "sk-" + "proj-" + "Zq9" * 12, SWIFT)
    assert "Zq9Zq9" not in cmp.save(tmp_path / "some.jsonl").read_text("utf-8")


class TestAgainst:
    def test_where_nothing_changed_nothing_is_worse(self, ask, baseline):
        changes = ask().against(baseline)
        assert len(changes.of("same")) == 8
        assert changes.regressions() == []
        assert "Nothing got worse" in str(changes)

    def test_what_changed_is_told_by_prompt_and_model(self, ask, baseline):
        changes = ask(otherwise={QUESTIONS[2]: "It is five."}).against(baseline)
        assert [change.cell.question.label for change in changes.of("changed")] == [QUESTIONS[2]] * 2
        assert changes.of("changed")[0].diff.text == "It is [-4-]{+five+}."
        row = changes.df[changes.df["change"] == "changed"].iloc[0]
        assert (row["contains_before"], row["contains_after"]) == (1.0, 0.0)
        assert 0 < row["alike"] < 1
        by_both = changes.summary(["prompt", "model"])
        assert by_both["changed"].tolist() == [0, 0, 0, 0, 1, 1, 0, 0]
        assert changes.summary("model")["contains_after"].tolist() == [0.75, 0.75]
        assert {row[2] for row in changes.report().rows} == {"same", "1 changed"}

    def test_scores_by_a_named_metric_are_made_anew_and_others_are_asked_for(self, ask, baseline, tmp_path):
        assert ask().against(baseline).missing_scores == ()
        cmp = ask()
        cmp.score(len, name="letters")
        changes = ask().against(cmp.save(tmp_path / "letters.jsonl"))
        assert changes.missing_scores == ("letters",)
        assert "has a score 'letters'" in changes.regressions()[0]

    def test_a_fall_of_a_score_is_worse_beyond_what_is_allowed(self, ask, baseline):
        changes = ask(otherwise={QUESTIONS[2]: "It is five."}).against(baseline)
        assert [line.partition(" ")[0] for line in changes.regressions()] == [SWIFT, SAGE]
        assert "scores 0.75 by contains, and scored 1" in changes.regressions()[0]
        assert changes.regressions(score=0.3) == changes.regressions(score={"contains": 0.3}) == []

    def test_an_answer_that_fails_now_is_worse(self, ask, baseline, simulator):
        cmp = ask()
        simulator.script(lambda asked: llmkit.sim.Say(fault="status=401"))
        cmp.retry(0)
        changes = cmp.against(baseline)
        assert changes.of("broken")[0].cell is cmp[0]
        assert "no longer answers 1 of 4 questions" in changes.regressions()[0]

    def test_what_costs_or_takes_more_is_worse_where_that_is_looked_at(self, ask, baseline):
        changes = ask(otherwise=dict.fromkeys(QUESTIONS, "It is " + "so " * 40 + "much.")).against(baseline)
        dear = [line for line in changes.regressions(score=1) if "times as much" in line]
        assert len(dear) == 2
        assert changes.regressions(score=1, cost=None) == []
        assert "of its words" in changes.regressions(score=1, cost=None, alike=0.9)[0]
        assert any("takes" in line for line in changes.regressions(score=1, cost=None, latency=0.0))

    def test_a_model_that_was_left_out_is_no_regression_but_a_question_is(self, ask, baseline, session):
        assert ask(models=[SAGE]).against(baseline).regressions() == []
        fewer = session.compare(QUESTIONS[:3], [SAGE])
        assert "was not asked 1 of 4" in fewer.against(baseline).regressions()[0]

    def test_another_comparison_can_be_the_baseline(self, ask):
        assert isinstance(ask().against(ask()), Changes)

    def test_another_system_prompt_or_temperature_is_what_has_changed(self, ask, baseline):
        changes = ask(system="Be terse.", temperature=0).against(baseline)
        assert [change.kind for change in changes.changes] == ["same"] * 8
        assert changes.regressions() == []
        with pytest.raises(BadRequest, match="no question in common"):  # which of the two is the old one?
            ask(systems=["Be terse.", "Be kind."]).against(baseline)

    def test_what_fails_as_it_did_is_not_called_the_same(self, ask, session):
        broken = session.compare(QUESTIONS[:1], [f"{SWIFT}@status=400"])
        assert "1 failing" in str(broken.against(broken)).splitlines()[-1]

    def test_what_has_nothing_in_common_is_refused(self, session, baseline):
        with pytest.raises(BadRequest, match="no question in common"):
            session.compare("Something else?", SWIFT).against(baseline)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no baseline"),
        ("", "no answer in"),
        ('{"some": "thing"}\n', "no saved comparison"),
        ('{"llmkit": "comparison", "version": 99}\n', "newer llmkit"),
        ('{"llmkit": "comparison", "version": 1, "saved": "", "scores": {}}\n{"cut', "Line 2"),
    ],
)
def test_a_file_that_can_not_be_read_is_told_apart(tmp_path, text, said):
    path = tmp_path / "some.jsonl"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(BadRequest, match=said):
        load(path)


class TestAssert:
    def test_it_passes_where_nothing_got_worse_and_gives_the_changes(self, ask, baseline):
        assert len(assert_no_regression(ask(), baseline)) == 8

    def test_it_fails_with_what_got_worse(self, ask, baseline):
        with pytest.raises(AssertionError, match=r"here/sage scores 0.75 by contains") as caught:
            assert_no_regression(ask(otherwise={QUESTIONS[1]: "It is three."}), baseline)
        assert f"{UPDATE}=1" in str(caught.value)

    def test_a_baseline_is_written_anew_where_that_is_said(self, ask, baseline, monkeypatch):
        changed = ask(otherwise={QUESTIONS[1]: "It is three."})
        changed.score("contains", SUMS)
        monkeypatch.setenv(UPDATE, "1")
        assert_no_regression(changed, baseline)
        monkeypatch.delenv(UPDATE)
        assert_no_regression(changed, baseline)
        assert "three" in baseline.read_text("utf-8")

    def test_a_missing_baseline_is_no_success(self, ask, tmp_path):
        with pytest.raises(BadRequest, match="no baseline"):
            assert_no_regression(ask(), tmp_path / "none.jsonl")


def test_a_baseline_of_version_1_is_read_by_every_later_version(tmp_path):
    """As version 1 wrote it; this text must never change."""
    head = {"llmkit": "comparison", "version": 1, "saved": "2026-11-21T16:00:00+00:00", "scores": {"exact": {"metric": "exact", "expected": "4"}}, "votes": []}  # fmt: skip
    reply = {"message": {"role": "assistant", "parts": [{"type": "text", "text": "4"}]}, "stop_reason": ["stop", "stop"], "usage": {"input": 10, "output": 1, "source": "provider"}, "cost": {"amount": "0.0001", "currency": "USD", "source": "genai-prices"}, "timing": {"ttft": 0.2, "duration": 0.3}, "model": "m", "provider": "p", "id": None, "request_id": None, "refusal": None, "simulated": False, "complete": True, "attempts": 1, "notes": []}  # fmt: skip
    cell = {"prompt": "2 + 2?", "model": "p/m", "system": None, "temperature": None, "repeat": 1, "place": 0, "status": "ok", "error": None, "reply": reply, "scores": {"exact": 1.0}}  # fmt: skip
    path = tmp_path / "one.jsonl"
    path.write_text(f"{json.dumps(head)}\n{json.dumps(cell)}\n", "utf-8")
    (row,) = load(path).df.itertuples()
    assert (row.prompt, row.answer, row.cost, row.ttft, row.exact) == ("2 + 2?", "4", 0.0001, 0.2, 1.0)
