"""Texts as words: what two answers share, and where they differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkit.jobs.words import Diff, in_common, rouge_l


@given(st.text(alphabet="ab .\n\t<é", max_size=60), st.text(alphabet="ab .\n\t<é", max_size=60))
def test_a_difference_holds_both_texts_whole(one, other):
    diff = Diff.of(one, other)
    assert "".join(piece.text for piece in diff.pieces if piece.kind != "added") == one
    assert "".join(piece.text for piece in diff.pieces if piece.kind != "removed") == other
    assert diff.same == (one == other)


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        ("The sky is blue.", "The sky is blue.", "The sky is blue."),
        ("a b c", "a x c", "a [-b-]{+x+} c"),
        ("one two three", "1 2 three", "[-one two-]{+1 2+} three"),
        ("", "new", "{+new+}"),
    ],
)
def test_words_that_differ_are_marked(one, other, text):
    assert Diff.of(one, other).text == text


def test_long_texts_are_compared_by_lines_and_then_by_words():
    lines = [f"Line {n} says {n * n} things." for n in range(2_000)]
    changed = [*lines[:1_000], "Line 1000 says NOTHING.", *lines[1_001:]]
    diff = Diff.of("\n".join(lines), "\n".join(changed))
    kinds = [(piece.kind, piece.text) for piece in diff.pieces if piece.kind != "same"]
    assert kinds == [("removed", "1000000 things"), ("added", "NOTHING")]
    assert diff.ratio > 0.99


def test_a_difference_is_shown_in_safe_html():
    diff = Diff.of("<b>old</b>", "<script>alert(1)</script>", "a<i>", "b")
    html = diff._repr_html_()
    assert "<script" not in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "<del" in html
    assert "<ins" in html


def test_rouge_is_that_of_its_authors():
    # Lin 2004, section 3.1: "police killed the gunman" against "police kill the gunman" and "the gunman kill police".
    assert rouge_l("police kill the gunman", "police killed the gunman") == pytest.approx(3 / 4)
    assert rouge_l("the gunman kill police", "police killed the gunman") == pytest.approx(2 / 4)


def test_what_is_in_common_knows_no_order_and_no_case():
    assert in_common("The gunman, police!", "police the GUNMAN") == 1.0
    assert in_common("yes", "no") == 0.0
    assert in_common("", "") == 1.0
    assert in_common("", "words") == 0.0
