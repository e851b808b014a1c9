"""The orchestrator over real sockets: it asks the model that it chose, goes on when that fails, and says why."""

from __future__ import annotations

import asyncio

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.routing import Orchestrator
from llmkit.sim import Simulator


@pytest.fixture(scope="module")
def sim():
    with Simulator(pace="instant") as running:
        yield running


def session(sim, faults=(), **more):
    """Two providers of the same models, priced differently."""
    told = dict(faults)
    config = {
        name: {
            "type": "openai",
            "base_url": f"{sim.url}/v1",
            "api_key": "k" * 20,
            "default_model": "swift",
            "headers": {"x-sim-fault": told[name]} if name in told else {},
        }
        for name in ("cheap", "dear")
    }
    facts = {
        "context_window": 100_000,
        "vision": True,
        "tools": True,
        "structured": True,
        "max_output": 4_000,
    }
    known = {
        f"{name}/{model}": {**facts, "strengths": strengths}
        for name in config
        for model, strengths in (("swift", ["speed"]), ("coder", ["coding"]))
    }
    prices = {"cheap/*": {"input": 1, "output": 2}, "dear/*": {"input": 10, "output": 20}}
    return llmkit.Session(
        {"providers": config, "models": known, "prices": prices, "retry": {"base": 0}, **more}
    )


def test_the_reply_says_by_which_route_it_came(sim):
    stream = Orchestrator(session(sim)).execute("coding", "performance-optimized", "Write a function.")
    assert stream.route.strategy == "performance-optimized"
    reply = stream.reply()
    assert reply.route.model.endswith("/coder")
    assert [one.outcome for one in reply.route.tried] == ["ok"]
    assert {one.model for one in reply.route.candidates} == {
        f"{place}/{model}" for place in ("cheap", "dear") for model in ("swift", "coder")
    }


def test_when_the_first_choice_fails_the_next_answers(sim):
    here = session(sim, {"cheap": "status=503"})
    stream = Orchestrator(here).execute("execution", messages="Say hello.")
    events = list(stream)
    assert isinstance(events[0], llmkit.Rerouted)
    assert events[-1].reply.provider == "dear" or stream.route.tried[-1].model.startswith("dear/")
    rows = [row["route"] for row in here.ledger.rows(session=here.id, simulated=True)]
    assert rows[0] == "execution/cost-optimized 1/4"


def test_what_failed_often_is_not_asked_any_more_and_that_is_said(sim):
    here = session(sim, {"cheap": "status=500"}, breaker={"threshold": 2, "cooldown": 60})
    orchestrator = Orchestrator(here)
    for _ in range(4):
        orchestrator.execute("chat", "cost-optimized", "Hello.", models=["cheap/swift", "dear/swift"]).reply()
    route = orchestrator.route("chat", "cost-optimized", models=["cheap/swift", "dear/swift"])
    assert (route.model, route.candidates[1].breaker) == ("dear/swift", "open")
    assert "failed too often" in route.candidates[1].reasons[0]
    sent = [row["provider"] for row in here.ledger.rows(session=here.id, simulated=True)]
    assert sent.count("cheap") == 2


def test_a_provider_that_asked_for_peace_is_left_alone(sim):
    here = session(sim, {"cheap": "status=429; retry-after=50"})
    orchestrator = Orchestrator(here)
    assert orchestrator.ask("Hello.", "execution").provider == "dear"
    route = orchestrator.route("execution")
    assert "asked to be left alone" in next(one for one in route.candidates if not one.eligible).reasons[0]
    assert orchestrator.ask("Hello.", "execution").attempts == 1


def test_the_latency_is_that_of_your_own_ledger(sim):
    here = session(sim)
    here.ask("Hello.", model="cheap/swift")
    orchestrator = Orchestrator(here)
    found = {one.model: one.latency for one in orchestrator.route("chat").candidates}
    assert found["cheap/swift"] is not None
    assert found["dear/swift"] is None
    assert orchestrator.route("chat", "latency-optimized").model == "cheap/swift"


def test_a_few_short_answers_do_not_make_a_model_cheap(sim):
    here = session(sim)
    for _ in range(2):
        here.ask("Say one word.", model="dear/swift", max_tokens=1)
    assert Orchestrator(here).route("chat", "cost-optimized").model.startswith("cheap/")


def test_a_cascade_asks_a_dearer_model_when_the_check_says_no(sim):
    orchestrator = Orchestrator(session(sim))
    asked = []

    def check(reply):
        asked.append(reply.provider)
        return "not good enough" if len(asked) == 1 else True

    reply = orchestrator.execute(
        "chat", "cascade", "Hello.", models=["dear/swift", "cheap/swift", "dear/coder"], check=check
    ).reply()
    assert asked == ["cheap", "dear"]
    assert [one.outcome for one in reply.route.tried] == ["not accepted", "ok"]
    assert reply.cost.amount > 0


def test_a_conversation_stays_where_it_was_answered(sim):
    orchestrator = Orchestrator(session(sim))
    first = llmkit.Message.user("Remember the word kettle.")
    reply = orchestrator.execute("chat", "sticky", [first], preferred="dear/coder").reply()
    talk = [first, *reply.turn, llmkit.Message.user("Which word?")]
    assert orchestrator.select_model("chat", "sticky", talk) == "dear/coder"
    assert orchestrator.select_model("chat", "sticky", "Something else") == "cheap/swift"


def test_load_is_spread_over_the_endpoints_of_a_model(sim):
    orchestrator = Orchestrator(session(sim))
    pair = ["cheap/swift", "dear/swift"]
    seen = [
        orchestrator.execute("chat", "round-robin", "Hi.", models=pair).reply().provider for _ in range(4)
    ]
    assert seen == ["cheap", "dear", "cheap", "dear"]


def test_a_task_of_the_configuration_brings_its_words_and_numbers(sim):
    sim.reset()
    here = session(
        sim, tasks={"plan": {"model": "dear/coder", "system": "You plan.", "max_tokens": 77, "tag": "p"}}
    )
    reply = Orchestrator(here).execute("plan", messages="A trip.").reply()
    body = sim.requests[-1].json
    assert (reply.provider, reply.route.task) == ("dear", "planning")
    assert "You plan." in str(body)
    assert 77 in body.values()
    assert [row["tag"] for row in here.ledger.rows(session=here.id, simulated=True)] == ["p"]


def test_a_budget_counts_every_model_that_was_tried(sim):
    here = session(sim, {"cheap": "status=500"})
    purse = llmkit.Budget("0.05", simulated=True)
    Orchestrator(here).execute("chat", messages="Hello.", budget=purse, max_tokens=50).reply()
    assert 0 < purse.spent < purse.limit
    assert purse.held == 0


def test_it_is_awaited_and_iterated_like_any_stream(sim):
    async def both():
        stream = Orchestrator(session(sim)).execute("chat", messages="Hello.")
        return await stream

    assert asyncio.run(both()).text


def test_tools_run_on_a_route(sim):
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"Sunny in {city}."

    here = session(sim, models={"cheap/tooler": {"tools": True, "context_window": 9_000}})
    reply = (
        Orchestrator(here)
        .execute("chat", messages="Weather in Paris?", tools=[weather], models=["cheap/tooler"])
        .reply()
    )
    assert "Sunny in Paris" in reply.text


def test_it_stands_on_a_registry_a_session_or_nothing(sim):
    here = session(sim)
    assert Orchestrator(here).session is here
    assert Orchestrator(llmkit.ProviderRegistry(here)).session is here
    assert Orchestrator().session is llmkit.default_session()


def test_without_any_key_the_simulator_is_routed_to():
    route = Orchestrator(llmkit.Session({})).route("coding")
    assert route.model == "sim/coder"
    assert all(one.simulated for one in route.candidates)


def test_nothing_to_ask_is_said_before_anything_is_sent(sim):
    with pytest.raises(e.BadRequest, match="nothing to ask"):
        Orchestrator(session(sim)).execute("chat")
