"""What routing was worth: strategies priced after the fact, and cheaper models that are as good."""

from __future__ import annotations

from decimal import Decimal

import pytest

import llmkit
from llmkit.core.reply import Reply
from llmkit.core.usage import Cost, Usage
from llmkit.routing import Orchestrator, report
from llmkit.routing.orchestrator import orchestrator
from llmkit.sim import Simulator


@pytest.fixture
def here():
    with Simulator(pace="instant") as sim:
        kind = {"type": "openai", "base_url": f"{sim.url}/v1", "api_key": "k" * 20, "default_model": "swift"}
        facts = {"context_window": 90_000, "max_output": 900}
        known = {
            "here/swift": {**facts, "strengths": ["speed"]},
            "here/scholar": {**facts, "strengths": ["coding", "reasoning"]},
        }
        prices = {"here/*swift": {"input": 1, "output": 1}, "here/*scholar": {"input": 10, "output": 10}}
        session = llmkit.Session({"providers": {"here": kind}, "models": known, "prices": prices})
        for _ in range(3):
            session.ask("Why is the sky blue?", model="here/scholar", max_tokens=100)
        yield session


def test_each_strategy_is_priced_for_the_calls_that_were_made(here):
    found = report(session=here, simulated=True)
    lines = {line.strategy: line for line in found.lines}
    assert found.calls == 3
    assert lines["as it was"].models == ("here/scholar",)
    assert lines["as it was"].cost == sum(Decimal(row["cost"]) for row in here.ledger.rows(simulated=True))
    cheap = lines["cost-optimized"]
    assert cheap.models == ("here/swift",)
    assert cheap.cost == lines["as it was"].cost / 10
    assert cheap.regret == lines["as it was"].cost - cheap.cost
    assert "$0.0000 " not in str(found), "however little it is, it is something"
    assert "-$" not in str(found), "no strategy would have cost more"
    assert cheap.seconds is None, "swift never answered here: how fast it is is not known"


def test_a_cheaper_model_that_you_found_as_good_is_suggested(here):
    orchestrator(here).learn({"here/scholar": (0.52, 20), "here/swift": (0.5, 20)})
    (said,) = report(session=here, simulated=True).suggestions
    assert said.startswith("here/swift instead of here/scholar: its 3 calls")


def test_one_that_you_found_worse_is_not(here):
    orchestrator(here).learn({"here/scholar": (0.9, 20), "here/swift": (0.2, 20)})
    assert report(session=here, simulated=True).suggestions == ()


def test_what_was_written_to_a_cache_is_priced_as_well(here):
    usage = Usage(input=0, cache_write_5m=80_000, output=0, source="provider")
    cost = Cost(Decimal("0.8"), source="override")
    row = here.ledger.begin(call="c", attempt=1, session=here.id, provider="here", model="scholar")
    here.ledger.settle(row, status="ok", reply=Reply(usage=usage, cost=cost))
    (cheap,) = [line for line in report(session=here).lines if line.strategy == "cost-optimized"]
    assert (cheap.cost, cheap.regret) == (Decimal("0.08"), Decimal("0.72"))


def test_it_is_a_table_text_and_safe_html(here):
    found = report(session=here, simulated=True)
    assert found.df["strategy"].tolist()[0] == "as it was"
    assert "3 calls" in str(found)
    assert "<table>" in found._repr_html_()


def test_nothing_asked_yet_is_said_and_no_table_of_zeros():
    found = report(session=llmkit.Session({}))
    assert found.calls == 0
    for said in (str(found), found._repr_html_()):
        assert "nothing was asked" in said
        assert "$0" not in said
    assert list(found.df.columns) == ["strategy", "cost", "seconds", "regret", "models"]
    assert found.df.empty


def test_votes_alone_suggest_the_cheaper_of_two_that_are_equal(here):
    """Nobody calls learn(): a comparison that is voted on is noted by itself."""
    compared = here.compare("Which?", ["here/swift", "here/scholar"], repeats=12, display="none")
    assert "comparisons tell" in report(session=here, simulated=True).suggestions[0]
    for row in range(12):
        compared.vote("tie", of=row)
    assert any(
        said.startswith("here/swift instead of here/scholar")
        for said in report(session=here, simulated=True).suggestions
    )


def test_models_that_never_met_are_not_called_equal(here):
    orchestrator(here).learn({"here/scholar": (0.5, 20)})
    orchestrator(here).learn({"here/swift": (0.5, 20)})
    assert report(session=here, simulated=True).suggestions == ()


def test_a_task_of_the_configuration_is_priced_as_what_it_is():
    tasks = {"verse": {"models": ["sim/poet"], "strengths": ["writing"]}}
    session = llmkit.Session({"tasks": tasks})
    Orchestrator(session).execute("verse", messages="A poem.").reply()
    found = report(session=session, simulated=True)
    best = next(line for line in found.lines if line.strategy == "performance-optimized")
    assert "writing" in session.catalogue.facts("sim", best.models[0].partition("/")[2]).strengths
