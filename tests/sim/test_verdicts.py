"""Simulated judges: they take what says more, but for the one that is in a hurry."""

from __future__ import annotations

import pytest

import llmkit

MANY, FEW = "one two three four five six", "one two"


@pytest.mark.parametrize(
    ("model", "first", "second", "winner"),
    [
        ("sage", MANY, FEW, "first"),
        ("sage", FEW, MANY, "second"),
        ("sage", MANY, MANY, "tie"),
        ("swift", FEW, MANY, "first"),
        ("swift", MANY, FEW, "first"),
    ],
)
def test_a_simulated_judge_takes_what_says_more_or_what_stands_first(simulator, model, first, second, winner):
    place = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    session = llmkit.Session({"providers": {"here": place}})
    asked = f"<first-0a>\n{first}\n</first-0a>\n<second-0a>\n{second}\n</second-0a>"
    reply = session.ask(asked, model=f"here/{model}", schema="reason, winner")
    assert reply.data["winner"] == winner
    assert reply.data["reason"]
