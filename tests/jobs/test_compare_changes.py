"""A comparison is changed while it runs or afterwards: one cell again, another model, another prompt, a vote."""

from __future__ import annotations

import time

import pandas as pd
import polars as pl
import pytest

from llmkit.errors import BadRequest, UnknownModel

QUICK = "here/bench:tokens=6,rate=0,ttft=0"
OTHER = "here/bench:tokens=7,rate=0,ttft=0"
THIRD = "here/bench:tokens=8,rate=0,ttft=0"
ENDLESS, LONG = (f"here/bench:tokens={100_000 + n},rate=200,ttft=0" for n in range(2))


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


class TestOneAgain:
    def test_a_retry_sends_that_cell_alone(self, session, simulator):
        cmp = session.compare("Hello?", [QUICK, f"{OTHER}@fails=401:1", THIRD])
        assert [cell.status for cell in cmp] == ["ok", "error", "ok"]
        cmp.retry(1)
        assert [cell.status for cell in cmp] == ["ok", "ok", "ok"]
        assert simulator.attempts == 4

    def test_stopping_one_leaves_the_others(self, session):
        cmp = session.compare("Hello?", [ENDLESS, LONG], block=False)
        until(lambda: cmp[0].text and cmp[1].text)
        cmp[0].stop()
        until(lambda: cmp[0].status == "cancelled")
        assert cmp[1].status == "running"
        before = len(cmp[1].text)
        until(lambda: len(cmp[1].text) > before)
        with pytest.raises(BadRequest, match="still answering"):
            cmp.retry(1)
        cmp.stop()
        assert cmp.wait()[1].status == "cancelled"

    def test_one_that_waits_its_turn_can_be_left_out(self, session, simulator):
        cmp = session.compare("Hello?", [ENDLESS, QUICK], block=False, max_concurrency=1)
        until(lambda: cmp[0].text)
        cmp[1].stop()
        cmp[0].stop()
        assert [cell.status for cell in cmp.wait()] == ["cancelled", "unsent"]
        assert simulator.attempts == 1

    def test_a_cell_can_be_asked_again_while_the_rest_runs(self, session):
        cmp = session.compare("Hello?", [ENDLESS, QUICK], block=False)
        until(lambda: cmp[1].status == "ok" and cmp[0].text)
        first = cmp[1].reply
        cmp.retry(1, block=False)
        until(lambda: cmp[1].status == "ok")
        assert cmp[1].reply is not first
        assert cmp[0].status == "running"
        cmp.stop()
        cmp.wait()


class TestOtherModels:
    def test_one_that_is_added_is_asked_everything_in_its_row(self, session, simulator):
        cmp = session.compare(["One?", "Two?"], [QUICK, OTHER])
        cmp.add(THIRD)
        assert [(cell.question.label, cell.model) for cell in cmp] == [
            (label, model) for label in ("One?", "Two?") for model in (QUICK, OTHER, THIRD)
        ]
        assert {cell.status for cell in cmp} == {"ok"}
        assert simulator.attempts == 6

    def test_it_may_join_while_the_others_answer(self, session):
        cmp = session.compare("Hello?", [ENDLESS], block=False)
        until(lambda: cmp[0].text)
        cmp.add(QUICK, block=False)
        until(lambda: cmp[1].status == "ok")
        assert cmp[0].status == "running"
        cmp.stop()
        cmp.wait()

    def test_an_unknown_one_changes_nothing(self, session, simulator):
        cmp = session.compare("Hello?", QUICK)
        with pytest.raises(UnknownModel):
            cmp.add("nowhere-to-be-found")
        with pytest.raises(BadRequest, match="compared already"):
            cmp.add(QUICK)
        assert cmp.models == [QUICK]
        assert simulator.attempts == 1

    def test_one_that_is_removed_is_stopped(self, session, simulator):
        cmp = session.compare("Hello?", [ENDLESS, LONG], block=False)
        until(lambda: all(cell.text for cell in cmp))
        cmp.remove(ENDLESS)
        assert cmp.models == [LONG]
        with pytest.raises(BadRequest, match="No model would be left"):
            cmp.remove(LONG)
        until(lambda: [entry.outcome for entry in simulator.requests].count("client_closed") == 1)
        assert cmp[0].status == "running"
        cmp.stop()
        cmp.wait()


class TestAnotherPrompt:
    def test_it_takes_the_place_of_the_old_one_whose_answers_are_kept(self, session, asked):
        cmp = session.compare(["One?", "Two?"], [QUICK, OTHER])
        cmp.vote(cmp[0])
        cmp.ask("Three?")
        assert list(cmp.df["prompt"]) == ["Three?", "Three?", "Two?", "Two?"]
        assert sorted(asked()) == ["One?"] * 2 + ["Three?"] * 2 + ["Two?"] * 2
        assert [cell.question.label for cell in cmp.earlier] == ["One?", "One?"]
        assert cmp.votes == []

    def test_prompts_may_be_a_column(self, session, asked):
        frame = pd.DataFrame({"prompt": ["One?", "Two?"], "topic": ["a", "b"]})
        assert len(session.compare(frame, QUICK)) == 2
        assert len(session.compare(frame["prompt"], QUICK)) == 2
        assert sorted(asked()) == ["One?"] * 2 + ["Two?"] * 2
        for prompts in (
            pl.DataFrame(frame.to_dict("list")),
            frame["prompt"].to_numpy(),
            iter(frame["prompt"]),
        ):
            assert list(session.compare(prompts, QUICK).df["prompt"]) == ["One?", "Two?"]
        with pytest.raises(BadRequest, match="Which column"):
            session.compare(frame.rename(columns={"prompt": "question"}), QUICK)


class TestVotes:
    @pytest.fixture
    def grid(self, session):
        return session.compare(["One?", "Two?"], [QUICK, OTHER, THIRD])

    def test_a_vote_is_in_the_frame_and_says_who_was_beaten(self, grid):
        vote = grid.vote(grid[1])
        assert (vote.kind, vote.winner, vote.losers) == ("win", OTHER, (QUICK, THIRD))
        assert vote.prompt == "One?"
        assert list(grid.df["vote"][:3]) == ["lost", "won", "lost"]
        assert grid.df["vote"][3:].isna().all()
        assert grid.votes == [vote]

    def test_a_tie_and_a_skip_have_no_winner(self, grid):
        tie, skip = grid.vote("tie", of=grid[0]), grid.vote("skip", of=grid[3])
        assert (tie.winner, tie.losers, skip.winner) == (None, (), None)
        assert list(grid.df["vote"][:3]) == ["tie"] * 3
        assert grid.df["vote"][3:].isna().all()

    def test_the_last_vote_on_a_question_counts(self, grid):
        grid.vote(grid[0])
        grid.vote(grid[2])
        assert [vote.winner for vote in grid.votes] == [THIRD]

    def test_asking_again_makes_the_vote_void(self, grid):
        grid.vote(grid[0])
        grid.vote(grid[3])
        grid.retry(1)
        assert [vote.prompt for vote in grid.votes] == ["Two?"]

    def test_an_answer_that_failed_did_not_take_part(self, session):
        cmp = session.compare("Hello?", [QUICK, f"{OTHER}@status=401", THIRD])
        vote = cmp.vote(QUICK)
        assert vote.among == (QUICK, THIRD)
        assert cmp.df["vote"].isna().tolist() == [False, True, False]

    def test_it_must_be_clear_what_is_voted_on(self, grid):
        with pytest.raises(BadRequest, match="which one"):
            grid.vote("tie")
        with pytest.raises(BadRequest, match="not compared here"):
            grid.vote("nobody", of=grid[0])
