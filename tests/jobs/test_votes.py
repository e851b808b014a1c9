"""What votes come to: wins, losses and ties of a model, with an interval around its share."""

from __future__ import annotations

import pytest

from llmkit.errors import BadRequest
from llmkit.sim import Simulator

SWIFT, SAGE, POET = "here/swift", "here/sage", "here/poet"


@pytest.fixture(scope="module")
def simulator():
    with Simulator(pace="instant") as running:
        yield running


@pytest.fixture
def cmp(session):
    return session.compare(["One?", "Two?"], [SWIFT, SAGE, POET])


def test_the_winner_has_won_against_each_of_the_others(cmp):
    cmp.vote(cmp[1])
    swift, sage, poet = cmp.summary().itertuples()
    assert (sage.wins, sage.losses, sage.ties) == (2, 0, 0)
    assert (swift.wins, swift.losses) == (0, 1)
    assert sage.win_rate == 1.0
    assert 0 < sage.win_low < 1
    assert sage.wins_by == "votes"
    assert poet.win_rate == 0.0


def test_a_tie_is_half_a_win_for_each_and_what_is_skipped_is_none(cmp):
    cmp.vote("tie", of=cmp[3])
    cmp.vote("skip", of=cmp[0])
    assert cmp.summary()["win_rate"].tolist() == [0.5, 0.5, 0.5]
    assert cmp.summary()["ties"].tolist() == [2, 2, 2]


def test_nobody_has_won_before_a_vote(cmp):
    assert cmp.df["vote"].isna().all()
    assert cmp.summary()[["wins", "win_rate", "wins_by"]].isna().all(axis=None)


def test_two_answers_are_compared_word_by_word(cmp, session):
    diff = cmp.diff(0, cmp[1])
    assert (diff.a, diff.b) == (SWIFT, SAGE)
    assert "".join(piece.text for piece in diff.pieces if piece.kind != "added") == cmp[0].text
    with pytest.raises(BadRequest, match="2 answers"):
        cmp.diff(SWIFT, SAGE)
    assert session.compare("One?", [SWIFT, SAGE]).diff(SWIFT, SWIFT).same


def test_how_alike_answers_are_is_told_between_models_and_between_repeats(session, simulator):
    said = {"swift": ["red green", "red blue"], "sage": ["red yellow", "red yellow"]}
    simulator.script(lambda ask: said[ask.name].pop(0) if ask.prompt == "Colours?" else None)
    swift, sage = session.compare("Colours?", [SWIFT, SAGE], repeats=2).summary().itertuples()
    assert (swift.agreement, sage.agreement) == (0.5, 0.5)
    assert (swift.consistency, sage.consistency) == (0.5, 1.0)
