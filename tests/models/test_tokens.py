"""Guessing tokens: better than a quarter of the characters, linear, and always marked as a guess."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkit.models.tokens import estimate_tokens

ENGLISH = (
    "The ledger keeps one row for each attempt. It is written before the first byte leaves the machine, and "
    "settled when the answer is complete, cut short, or refused. Nothing that was asked or answered is stored."
)
RUSSIAN = (
    "Журнал хранит одну строку для каждой попытки. Она записывается до отправки первого байта и дополняется, "
    "когда ответ получен полностью, оборван или отклонён. Сами вопросы и ответы не сохраняются."
)
CHINESE = "账本为每次尝试保存一行记录。它在第一个字节发出之前写入，并在回答完整、中断或被拒绝时结算。问题和回答的内容都不会保存。"
JSON = json.dumps(
    [{"id": n, "price": n * 1.37, "name": f"item-{n}", "ok": True} for n in range(20)], indent=1
)

# Counted once with the public vocabulary of 200,000 tokens.
COUNTED = {"english": (ENGLISH, 43), "russian": (RUSSIAN, 49), "chinese": (CHINESE, 46), "json": (JSON, 687)}


@pytest.mark.parametrize("language", COUNTED)
def test_the_guess_is_within_a_third(language):
    text, counted = COUNTED[language]
    assert estimate_tokens(text).value == pytest.approx(counted, rel=0.33)


@pytest.mark.parametrize("language", ["chinese", "json"])
def test_the_guess_beats_a_quarter_of_the_characters(language):
    text, counted = COUNTED[language]
    assert abs(estimate_tokens(text).value - counted) < abs(len(text) / 4 - counted)


def test_a_guess_is_marked_as_one():
    guess = estimate_tokens("Hello there.")
    assert (guess.exact, guess.method) == (False, "estimated")
    assert "%" in guess.error_note


def test_no_text_is_no_tokens_for_certain():
    assert (estimate_tokens("").value, estimate_tokens("").exact) == (0, True)


def test_a_very_long_text_is_judged_by_samples():
    sentence = "One row for each attempt, and a sum that admits what it doesn't know. "
    once = estimate_tokens(sentence * 100).value
    assert estimate_tokens(sentence * 20_000).value == pytest.approx(once * 200, rel=0.02)


@given(st.text(max_size=300))
def test_any_text_has_at_least_one_token_and_not_absurdly_many(text):
    value = estimate_tokens(text).value
    assert (1 if text else 0) <= value <= 2 * len(text) + 1
