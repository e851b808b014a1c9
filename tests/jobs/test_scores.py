"""Scores: what an answer is scored by, what comes of it, and whether one model is better or only looks so."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from llmkit import Cost, Timing
from llmkit.errors import BadRequest, LLMKitError
from llmkit.jobs.differences import of_games, of_values
from llmkit.jobs.games import Game
from llmkit.jobs.metrics import METRICS
from llmkit.sim import Simulator

GOOD, POOR = "here/sage", "here/swift"
QUESTIONS = [f"What is {n} times {n}?" for n in range(8)]


@pytest.fixture(scope="module")
def simulator():
    with Simulator(pace="instant") as running:
        yield running


@pytest.fixture
def answered(session, simulator):
    """A grid in which one model is always right, and the other one only where the number is even."""

    def say(ask):
        number = int(re.search(r"\d+", ask.prompt)[0])
        right = ask.name == "sage" or number % 2 == 0
        return f"It is {number * number if right else 'seven'}."

    simulator.script(say)
    yield session.compare(QUESTIONS, [GOOD, POOR])
    simulator.reset()


SQUARES = [n * n for n in range(8)]


def test_a_score_is_a_column_of_the_rows_and_of_the_summary(answered):
    answered.score("contains", SQUARES)
    answered.score(len, name="letters")
    assert answered.df["contains"].tolist()[:4] == [1.0, 1.0, 1.0, 0.0]
    good, poor = answered.summary().itertuples()
    assert (good.contains, poor.contains) == (1.0, 0.5)
    assert answered.df["letters"].tolist() == [len(cell.text) for cell in answered]
    assert set(answered.scores) == {"contains", "letters"}


@pytest.mark.parametrize(
    ("metric", "expected", "scores"),
    [
        ("exact", "It is 4.", 1.0),
        ("exact", "It is 5.", 0.0),
        ("regex", r"\b4\b", 1.0),
        ("rouge", "it is 4", 1.0),
        ("words", "4 it is", 1.0),
        ("json_equal", "4", 0.0),
        (re.compile("^It"), None, 1.0),
        ("^is", None, 0.0),
        (lambda answer, expected: answer.endswith(expected), "4.", 1.0),
        (lambda cell, prompt: cell.text.startswith("It") and "times" in prompt, None, 1.0),
        (lambda reply: reply.usage.output > 1, None, 1.0),
        (lambda answer: None, None, None),
    ],
)
def test_an_answer_is_scored_by_a_name_a_pattern_or_a_function(session, simulator, metric, expected, scores):
    simulator.script(["It is 4."])
    cmp = session.compare("What is 2 times 2?", GOOD)
    (found,) = cmp.score(metric, expected).scores
    assert found.value == scores
    assert found.problem == ""


def test_json_is_compared_by_what_it_says():
    same = METRICS["json_equal"]
    assert same('```json\n{"a": [1, 2.0], "b": null}\n```', '{"b": null, "a": [1, 2]}') == 1.0
    assert same('{"a": true}', {"a": 1}) == 0.0
    assert same("no JSON", {}) == 0.0


def test_the_answer_that_is_expected_may_differ_from_prompt_to_prompt(answered):
    by_prompt = answered.score("contains", dict(zip(QUESTIONS[:2], SQUARES[:2], strict=True)), name="some")
    assert [one.value for one in by_prompt.scores][:5] == [1.0, 1.0, 1.0, 0.0, None]
    assert "no expected answer" in by_prompt.problems[0]


def test_an_answer_that_can_not_be_scored_keeps_its_reason_and_the_others_are_scored(answered):
    found = answered.score(lambda answer: 1 / ("seven" not in answer), name="odd")
    assert [one.value for one in found.scores].count(None) == 4
    assert "ZeroDivisionError" in found.problems[0]
    assert "could not be scored" in str(found)


@pytest.mark.parametrize(
    ("metric", "more", "said"),
    [
        ("rogue", {}, "Did you mean 'rouge'"),
        ("exact", {}, "needs the answer"),
        ("(", {}, "neither a metric nor"),
        (7, {}, "no way to score"),
        (len, {"name": "model"}, "already a column"),
        ("exact", {"expected": ["a", "b"]}, "8 prompts"),
    ],
)
def test_a_score_that_is_not_clear_is_refused(answered, metric, more, said):
    with pytest.raises(BadRequest, match=said):
        answered.score(metric, **more)
    assert answered.scores == {}


def test_where_nothing_can_be_scored_that_is_an_error(answered):
    with pytest.raises(LLMKitError, match="No answer could be scored"):
        answered.score(lambda answer: "fine", name="word")


def test_a_score_ends_with_the_answer_that_it_was_about(answered, simulator):
    answered.score(len)
    simulator.reset()
    simulator.script(["Another answer altogether."])
    answered.retry(0)
    assert answered.df["len"].isna().tolist() == [True, *[False] * 15]


def test_a_clear_difference_is_told_as_one_and_an_unclear_one_with_what_it_would_take(answered):
    answered.score("contains", SQUARES)
    (few,) = answered.differences("contains")
    assert (few.n, few.lead, few.clear) == (8, 0.5, False)
    assert "is not significant" in few.sentence()
    assert re.search(r"about \d+ more repeats? \(repeats=\d+\)|ask some more", few.sentence())
    points = {"a": dict.fromkeys(range(20), 1.0), "b": {n: float(n % 2) for n in range(20)}}
    (more,) = of_values("rouge", points)
    assert more.clear
    assert more.sentence() == "a is ahead of b by rouge (1 against 0.5 over 20, p = 0.002)."


def test_several_judges_of_one_question_are_one_game():
    games = [Game("a", "b", points, question) for question in range(4) for points in (1, 1, 0)]
    (found,) = of_games("wins", games)
    assert (found.n, found.chance) == (4, 0.125)
    assert not found.clear
    assert found.needed > 4


class TestBest:
    def test_it_is_a_models_name_that_knows_whether_it_is_clear(self, answered):
        answered.score("contains", SQUARES)
        best = answered.best(by="contains")
        assert best == GOOD
        assert (best.value, best.clear) == (1.0, False)
        assert "is not significant" in best.why
        assert "not clear" in repr(best)

    @pytest.mark.parametrize(
        ("by", "written"),
        [
            ("cost", r"\$0\.0\d+"),
            ("ttft", r"[\d.e-]+ s"),
            ("tokens_per_s", r"[\d,]+ tokens/s"),
            ("errors", "0%"),
        ],
    )
    def test_figures_are_told_with_their_units(self, answered, by, written):
        for cell in answered:
            ttft = 0.1 if cell.model == GOOD else 0.2
            cell.errand.reply = cell.reply.with_(timing=Timing(ttft=ttft, duration=0.5))
            cell.errand.reply = cell.errand.reply.with_(cost=Cost(Decimal("0.000012")))
        best = answered.best(by=by)
        assert re.search(rf"\({by} {written}; ", repr(best))
        assert re.search(rf"{written} against {written} over 8", answered.differences(by)[0].sentence())

    def test_the_cheapest_and_the_quickest_are_those_with_the_lower_figure(self, answered):
        means = answered.df.groupby("model")["cost"].mean()
        assert answered.best(by="cost") == means.idxmin()
        assert answered.best(by="ttft") == answered.df.groupby("model")["ttft"].mean().idxmin()

    def test_nobody_is_the_best_before_somebody_has_won(self, answered):
        with pytest.raises(BadRequest, match="Nobody has won"):
            answered.best()
        answered.vote(answered[0])
        assert answered.best() == GOOD

    def test_a_figure_that_is_not_there_is_answered_with_those_that_are(self, answered):
        with pytest.raises(BadRequest, match="Did you mean 'cost'"):
            answered.best(by="costs")


class TestPlots:
    @pytest.mark.parametrize("kind", ["latency", "cost", "wins", "length"])
    def test_it_shows_every_model_and_keeps_its_numbers(self, answered, kind):
        answered.vote(answered[0])
        made = answered.plot(kind)
        assert set(made.table["model"]) == {GOOD, POOR}
        assert made.to_json()

    def test_cost_is_drawn_against_speed_where_both_are_known(self, answered):
        assert "known pace" in answered.plot("frontier").layout.annotations[0].text
        for cell in answered:
            cell.errand.reply = cell.reply.with_(timing=Timing(ttft=0.1, duration=0.5))
        made = answered.plot("frontier")
        assert set(made.table["model"]) == {GOOD, POOR}
        assert made.table["front"].any()

    def test_what_has_no_numbers_yet_says_so(self, answered):
        made = answered.plot("wins")
        assert "Nobody has won" in made.layout.annotations[0].text

    def test_another_plot_is_answered_with_those_that_are_there(self, answered):
        with pytest.raises(BadRequest, match="Did you mean 'latency'"):
            answered.plot("latncy")
