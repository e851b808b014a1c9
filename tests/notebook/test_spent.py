"""The end of an answer's footer: what the session has cost so far, and nothing where there is nothing to add."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import llmkit
from llmkit.core.reply import Reply
from llmkit.notebook.live import LiveAnswer
from llmkit.notebook.spent import Spending

MODEL = "here/bench:tokens=20,rate=0,ttft=0"


@pytest.fixture
def session(simulator, monkeypatch):
    simulator.reset()
    monkeypatch.setattr(
        "llmkit.engine.attempt.SIMULATED_HEADER", "x-unheard"
    )  # so that it passes for a real server
    here = {"type": "openai", "api": "chat", "base_url": f"{simulator.url}/v1", "api_key": "k" * 9}
    return llmkit.Session({"providers": {"here": here}, "prices": {"here/*": {"input": 10, "output": 10}}})


def test_the_first_call_has_no_sum_beside_it_and_the_second_has(session):
    first = session.ask("Hello?", model=MODEL)
    assert Spending().after(first, session) == ""
    second = session.ask("Hello again?", model=MODEL)
    whole = first.cost.amount + second.cost.amount
    assert Spending().after(second, session) == f"session ${whole:f}".rstrip("0")


@pytest.mark.parametrize(
    ("costs", "sources", "says"),
    [
        (["0.01", "0.02"], ["provider", "provider"], "session $0.03"),
        (["0.01", None], ["provider", "unknown"], "session at least $0.01"),
        (["0.01", "0.02"], ["provider", "estimated"], "session ~$0.03"),
        ([None, None], ["unknown", "unknown"], ""),
        (["0.01"], ["provider"], ""),
    ],
)
def test_what_is_a_guess_or_has_no_price_is_said(costs, sources, says):
    rows = {"cost": costs, "currency": ["USD"] * len(costs), "usage_source": sources}
    ledger = SimpleNamespace(resting=False, columns=lambda wanted: rows)
    assert Spending().after(Reply(), SimpleNamespace(id="s", began=0.0, ledger=ledger)) == says


def test_simulated_calls_are_not_in_it(session):
    first = session.ask("Hello?", model=MODEL)
    simulated = session.ask("Hello?", model="sim/swift")
    assert Spending().after(simulated, session) == ""
    assert Spending().after(first, session) == ""


def test_it_stands_at_the_end_of_the_footer_in_every_form():
    shown = []

    class Output:
        def show(self, bundle):
            shown.append(bundle)

    LiveAnswer(mode="final", output=Output(), spent=lambda _: "session $0.12").end(
        Reply(llmkit.Message.assistant("Hi."))
    )
    assert all("session $0.12" in form for form in (shown[0]["text/plain"], shown[0]["text/html"]))
    assert "session \\$0.12" in shown[0]["text/markdown"]
