"""How a route is asked for: what an orchestrator may be made of, how tasks and strategies may be written, and what is
refused. Nothing is sent here but to the simulator."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import Counter

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.routing import STRATEGIES, TASKS, Orchestrator, Task
from llmkit.routing.orchestrator import orchestrator

CONFIG = {
    "providers": {"one": {"type": "sim"}, "openai": {"type": "openai"}},
    "tasks": {"plan": {"model": "one/sage", "fallback": ["one/poet"]}},
}


@pytest.fixture
def session():
    return llmkit.Session(CONFIG)


def request(**more):
    said = llmkit.Message.user("Write a function.")
    return llmkit.Request(model="any", messages=(said,), signal=llmkit.Signal.never(), **more)


def test_it_is_made_of_whatever_holds_providers(session, tmp_path):
    file = tmp_path / "llmkit.yaml"
    file.write_text("providers: {one: {type: sim}}")
    for given in (session, llmkit.ProviderRegistry(session), session.registry):
        assert Orchestrator(given).session is session
    for given in (CONFIG, str(file), file):
        assert Orchestrator(given).select_model("coding") == "one/coder"
    with pytest.raises(e.BadRequest, match="can't be made of int"):
        Orchestrator(5)


def test_everything_may_be_named(session):
    stream = Orchestrator(registry=session).execute(
        task="coding",
        strategy="cost_optimized",
        messages=[{"role": "user", "content": "Write a function."}],
        tools=[],
        signal=llmkit.Signal.timeout(60),
    )
    assert stream.route.strategy == "cost-optimized"
    assert stream.reply().route.task == "coding"


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_a_strategy_is_written_with_dashes_or_underscores_large_or_small(session, strategy):
    here = Orchestrator(session, seed=1)
    for written in (
        strategy,
        strategy.replace("-", "_"),
        strategy.upper(),
        strategy.removesuffix("-optimized"),
    ):
        assert here.route("coding", written).strategy == strategy


@pytest.mark.parametrize("written", ["Coding", "QA", "long context", "Long-Context", "plan"])
def test_a_task_is_found_however_it_is_written(session, written):
    assert Orchestrator(session).select_model(written)


def test_your_own_task_and_strategy_are_found_as_they_are_written(monkeypatch, session):
    monkeypatch.setitem(
        TASKS, "rhymes", {"strengths": ["writing"], "strategy": "performance", "max_tokens": 9}
    )
    monkeypatch.setitem(STRATEGIES, "my_own", lambda found, asked: [len(one.model) for one in found])
    here = Orchestrator(session)
    found = here.route("rhymes")
    assert (found.task, found.strategy) == ("rhymes", "performance-optimized")
    assert "writing" in session.catalogue.facts("sim", found.model.partition("/")[2]).strengths
    assert {here.route("rhymes", name).strategy for name in ("my_own", "my-own", "MY_OWN")} == {"my_own"}


def test_a_whole_request_is_looked_at_as_its_parts_are():
    here = Orchestrator({**CONFIG, "models": {"one/poet": {"vision": False}}})
    seen = llmkit.Message.user("What is this?", llmkit.ImagePart(b"\x89PNG"))
    told = request(options=llmkit.Options(max_tokens=7)).with_(messages=(seen,))
    assert here.route("coding", None, told) == here.route("coding", None, [seen], max_tokens=7)
    assert any("sees pictures" in str(one.reasons) for one in here.route("coding", None, told).candidates)
    assert here.select_model("coding", "cost", told) == here.route("coding", "cost", told).model
    assert (
        here.explain("coding", "balanced", told)["worst_case"].max()
        < here.explain("coding")["worst_case"].max()
    )


def test_a_misspelt_argument_is_no_silent_one(session):
    with pytest.raises(e.BadRequest, match="max_tokens"):
        Orchestrator(session).explain("coding", "balanced", "Hi.", max_token=5)


def test_one_is_preferred_and_a_list_is_told_where_it_belongs(session):
    with pytest.raises(e.BadRequest, match="one model or provider"):
        Orchestrator(session).execute_with_failover("chat", "balanced", "Hi.", preferred=["sonnet", "luna"])


def test_the_models_that_are_named_are_the_only_ones(session):
    def asked(**more):
        return {one.model for one in Orchestrator(session).route("plan", **more).candidates}

    assert asked() == {"one/sage", "one/poet"}
    assert asked(models=["one/swift"]) == {"one/swift"}
    assert asked(models="one/swift") == {"one/swift"}
    assert asked(models=["one/swift"], preferred="one/coder") == {"one/swift", "one/coder"}
    made = Orchestrator(session, models=["one/swift", "sonnet"])
    assert {one.model: one.reasons for one in made.route("chat").candidates} == {
        "one/swift": (),
        "anthropic/claude-sonnet-5-5": ("there is no key for anthropic",),
    }


def test_a_provider_that_only_wants_a_key_is_a_candidate_and_says_so(session):
    table = Orchestrator(session).explain("coding").set_index("model")
    assert table.loc["openai/gpt-6-luna", "why_not"] == "there is no key for openai"
    assert not table.loc["openai/gpt-6-luna", "eligible"]
    assert not any(name.startswith("anthropic/") for name in table.index), "nobody spoke of that one"


def test_a_provider_may_be_preferred_whatever_its_model():
    both = Orchestrator({"providers": {"one": {"type": "sim"}, "two": {"type": "sim"}}})
    for preferred in ("one", "two"):
        reply = both.execute_with_failover(task="coding", messages="Write it.", preferred=preferred).reply()
        assert reply.route.model == f"{preferred}/coder"


def test_turns_are_fair_when_many_ask_at_once_and_others_ask_something_else():
    here = Orchestrator({"providers": {"one": {"type": "sim"}, "two": {"type": "sim"}}})
    seen = []

    def ask():
        for _ in range(15):
            for models in (["one/swift", "two/swift"], ["one/sage", "two/sage"]):
                chosen = here.choose("chat", "round-robin", "Hi.", {"models": models}, real=True)
                seen.append(chosen.first)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(Counter(seen).values()) == {30}


def test_looking_takes_no_turn():
    here = Orchestrator({"providers": {"one": {"type": "sim"}, "two": {"type": "sim"}}})
    pair = {"models": ["one/swift", "two/swift"]}
    assert len({here.select_model("chat", "round_robin", "Hi.", **pair) for _ in range(3)}) == 1


def test_a_session_that_is_let_go_takes_its_orchestrator_along():
    session = llmkit.Session({})
    assert orchestrator(session) is orchestrator(session)
    gone = weakref.ref(orchestrator(session))
    del session
    gc.collect()
    assert gone() is None


def test_an_agent_is_made_of_a_model_or_a_task_and_what_follows(session):
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    by_model = llmkit.Agent("one/tooler", [add], "Be kind.", 3, 0.5, session=session)
    assert (by_model.model, by_model.task, by_model.max_rounds) == ("one/tooler", None, 3)
    by_task = llmkit.Agent("planning", session=session)
    assert (by_task.model, by_task.task) == (None, "planning")
    assert by_task.ask("A trip.").route.task == "planning"


def test_a_task_object_and_a_name_mean_the_same(session):
    here = Orchestrator(session)
    assert here.select_model(Task(name="mine", models=("one/poet",))) == "one/poet"
