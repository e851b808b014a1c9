"""Blind comparing: who wrote what is hidden, and the order says nothing, until somebody has voted."""

from __future__ import annotations

from collections import Counter

import pytest

from llmkit.jobs.blind import Veil, letter
from llmkit.jobs.grid import Cell, Question
from llmkit.jobs.pump import Errand


@pytest.fixture
def row():
    return [Cell(n, Question("?", "?", model), Errand(lambda stop: None)) for n, model in enumerate("abc")]


def models(cells):
    return [cell.model for cell in cells]


def test_names_are_hidden_until_the_question_is_settled(row):
    settled = []
    veil = Veil(lambda cell: bool(settled), on=True)
    assert veil.hides(row[0])
    settled.append(True)
    assert not veil.hides(row[0])
    assert not Veil(lambda cell: False).hides(row[0])


def test_the_order_is_drawn_once_and_stays_after_the_vote(row):
    settled = []
    veil = Veil(lambda cell: bool(settled), on=True, shuffle=lambda names: names.reverse())
    assert models(veil.order(row)) == ["c", "b", "a"]
    settled.append(True)
    assert models(veil.order(row)) == ["c", "b", "a"]
    veil.put(False)
    assert models(veil.order(row)) == ["a", "b", "c"]


def test_every_order_comes_up_and_none_is_favoured(row):
    veil = Veil(lambda cell: False, on=True)
    drawn = Counter()
    for _ in range(600):
        veil.put(True)
        drawn["".join(models(veil.order(row)))] += 1
    assert len(drawn) == 6
    assert max(drawn.values()) < 200


def test_one_more_model_shuffles_anew_so_that_the_last_is_not_the_new_one(row):
    veil = Veil(lambda cell: False, on=True, shuffle=lambda names: names.sort(reverse=True))
    assert models(veil.order(row[:2])) == ["b", "a"]
    assert models(veil.order(row)) == ["c", "b", "a"]


def test_letters_go_on_after_z():
    assert [letter(n) for n in (0, 1, 25, 26, 27, 701, 702)] == ["A", "B", "Z", "AA", "AB", "ZZ", "AAA"]
