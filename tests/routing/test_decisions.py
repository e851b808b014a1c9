"""Which model a request goes to: the decisions one expects, and that nothing is chosen which must not be."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.core.messages import ToolCallPart, ToolResultPart
from llmkit.engine.breaker import State
from llmkit.engine.failover import Health
from llmkit.models.catalogue import ModelFacts
from llmkit.routing import STRATEGIES, TASKS, Orchestrator, Task
from llmkit.routing.constraints import CONSTRAINTS
from llmkit.routing.experience import Pace
from llmkit.routing.needs import Need
from llmkit.routing.profiles import Profile
from llmkit.routing.rank import rank
from llmkit.routing.strategies import Asked, strategy_of
from llmkit.routing.tasks import task_of
from llmkit.routing.verdicts import Judged, Met, Verdict, Verdicts

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY")
PICTURE = llmkit.ImagePart(b"\x89PNG")


@pytest.fixture
def ready(monkeypatch):
    """An orchestrator with keys for three providers. Nothing is sent: choosing calls nobody."""
    for name in KEYS:
        monkeypatch.setenv(name, "k" * 24)

    def make(**config):
        return Orchestrator(llmkit.Session(config))

    return make


def test_reasoning_goes_to_the_strongest_model_for_it(ready):
    route = ready().route("reasoning")
    first, best = route.candidates[0], max(one.quality for one in route.candidates if one.eligible)
    assert first.quality == best
    assert first.model in ("openai/gpt-6-astra", "anthropic/claude-opus-5-5", "anthropic/claude-fable-5-2")


def test_short_execution_goes_to_the_cheapest(ready):
    route = ready().route("execution")
    assert route.candidates[0].cost == min(one.cost for one in route.candidates if one.eligible)
    assert route.strategy == "cost-optimized"


@pytest.mark.parametrize(
    "messages",
    [
        llmkit.Message.user("What is this?", PICTURE),
        [
            llmkit.Message.assistant(ToolCallPart("1", "look", {})),
            llmkit.Message.tool(ToolResultPart("1", "see", "look", images=(PICTURE,))),
            llmkit.Message.user("And?"),
        ],
    ],
)
def test_pictures_go_to_a_model_that_sees(ready, messages):
    here = ready(models={"gemini/gemini-3.8-flash": {"vision": False}})
    route = here.route("chat", "cost-optimized", messages)
    seen = {one.model: one.reasons for one in route.candidates}
    assert "sees pictures" in seen["gemini/gemini-3.8-flash"][0]
    assert all(
        here.session.catalogue.facts(*one.model.split("/", 1)).vision
        for one in route.candidates
        if one.eligible
    )


def test_more_than_a_hundred_thousand_tokens_go_to_a_model_with_a_long_context(ready):
    here = ready(
        models={name: {"context_window": 128_000} for name in ("openai/gpt-6-luna", "openai/gpt-6-astra")}
    )
    chosen = here.select_model("general", "balanced", "many words " * 70_000)
    assert here.session.catalogue.facts(*chosen.split("/", 1)).context_window >= 1_000_000
    out = {one.model: one.reasons for one in here.route("chat", None, "many words " * 70_000).candidates}
    assert "don't fit its window of 128,000" in out["openai/gpt-6-luna"][0]


@pytest.mark.parametrize("tag", ["local", "private", "hr"])
def test_a_private_tag_keeps_a_request_on_this_machine(ready, tag):
    here = ready(
        providers={"home": {"type": "ollama", "default_model": "qwen"}}, routing={"local_tags": ["hr"]}
    )
    route = here.route("chat", "performance-optimized", tag=tag)
    assert [one.model for one in route.candidates if one.eligible] == ["home/qwen"]
    assert all(one.reasons == ("it is not on this machine",) for one in route.candidates if not one.local)
    assert here.route("chat", tag="other").model != "home/qwen"


def test_a_tag_of_the_provider_keeps_a_request_in_its_region(ready):
    here = ready(providers={"mine": {"type": "openai", "tags": ["eu"]}})
    route = here.route("chat", needs=["eu"])
    assert {one.model.split("/")[0] for one in route.candidates if one.eligible} == {"mine"}


@pytest.mark.parametrize("known", [None, False])
def test_tools_and_schemas_need_a_model_that_is_known_to_take_them(ready, known):
    facts = {} if known is None else {"tools": known, "structured": known}
    here = ready(models={"openai/odd": {"context_window": 9_000, **facts}})
    spec = llmkit.ToolSpec("look")
    for asked in ({"tools": [spec]}, {"schema": {"type": "object", "properties": {}}}):
        reasons = {one.model: one.reasons for one in here.route("chat", **asked).candidates}
        assert reasons["openai/odd"]
        assert not reasons["openai/gpt-6-luna"]


def test_a_model_whose_end_is_announced_is_asked_only_by_name(ready):
    soon = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    here = ready(models={"openai/gpt-6-luna": {"retires": soon}})
    reasons = {one.model: one.reasons for one in here.route("chat").candidates}
    assert "will be retired" in reasons["openai/gpt-6-luna"][0]
    assert here.select_model("chat", models=["luna"]) == "openai/gpt-6-luna"


def test_a_provider_without_a_key_is_out_with_that_reason(monkeypatch, ready):
    here = ready()
    monkeypatch.delenv("GEMINI_API_KEY")
    reasons = {one.model: one.reasons for one in here.route(models=["flash", "luna"]).candidates}
    assert reasons == {
        "openai/gpt-6-luna": (),
        "gemini/gemini-3.8-flash": ("there is no key for gemini",),
    }


def test_a_budget_rules_out_what_it_can_not_pay(ready):
    route = ready().route("coding", budget=0.07, max_tokens=1000)
    assert all(one.worst <= Decimal("0.07") for one in route.candidates if one.eligible)
    with pytest.raises(e.BudgetExceeded, match="No model fits") as caught:
        ready().select_model("coding", budget=1e-9, models=["luna", "opus"])
    assert "$0.000000001 is left" in caught.value.why


def test_what_is_told_of_every_dropped_model_is_in_the_error(ready):
    with pytest.raises(e.BadRequest) as caught:
        ready().select_model("chat", needs=["local"])
    assert caught.value.why.count("it is not on this machine") == len(caught.value.why.splitlines())


def test_the_preferred_model_comes_first_unless_something_rules_it_out(ready):
    assert ready().select_model("chat", preferred="opus") == "anthropic/claude-opus-5-5"
    assert ready().select_model("chat", preferred="opus", needs=["audio"], models=["flash"]) != "opus"


def test_explaining_is_a_table_and_calls_nobody(ready):
    table = ready().explain("coding", "balanced", "Write it.", budget=5, max_tokens=100)
    assert list(table.columns[:4]) == ["rank", "model", "eligible", "why_not"]
    assert table["rank"].dropna().tolist() == list(range(1, int(table["eligible"].sum()) + 1))
    assert (table["budget_left"] == 5).all()
    assert not table["latency"].notna().any(), "what was never asked has no latency"


# -- tasks --------------------------------------------------------------------------------------


def test_the_tasks_of_the_design_are_there():
    wanted = "reasoning coding planning creative implementation qa execution summarisation extraction vision "
    assert set((wanted + "long_context chat general").split()) <= set(TASKS)


def test_a_phase_is_a_model_a_system_prompt_and_parameters():
    section = {
        "plan": {"model": "opus", "fallback": "luna", "system": "Plan.", "temperature": 0.2, "budget": "0.1"}
    }
    task = task_of("plan", section, {"avoid": ["gemini"]})
    assert (task.name, task.model, task.fallback, task.strategy) == (
        "planning",
        "opus",
        ("luna",),
        "failover",
    )
    assert (task.system, task.options, task.avoid) == (
        "Plan.",
        {"temperature": 0.2, "budget": "0.1"},
        ("gemini",),
    )


def test_a_task_of_your_own_is_one(ready):
    here = ready(tasks={"haiku": {"strengths": ["writing"], "strategy": "performance-optimized"}})
    assert "writing" in here.session.catalogue.facts(*here.select_model("haiku").split("/", 1)).strengths
    mine = Task(name="mine", models=("luna",))
    assert here.select_model(mine) == "openai/gpt-6-luna"


def test_a_mistyped_task_or_strategy_is_met_with_the_nearest(ready):
    with pytest.raises(e.BadRequest, match="Did you mean 'coding'"):
        ready().select_model("codign")
    with pytest.raises(e.BadRequest, match="Did you mean 'balanced'"):
        ready().select_model("coding", "balance")


def test_weights_of_the_configuration_make_a_strategy(ready):
    here = ready(routing={"strategies": {"thrifty": {"quality": 0, "cost": 1, "speed": 0}}})
    route = here.route("coding", "thrifty")
    assert route.candidates[0].cost == min(one.cost for one in route.candidates if one.eligible)


# -- strategies, over plain values --------------------------------------------------------------


def profile(model, cost="0.001", strengths=(), seconds=1.0, **more):
    facts = ModelFacts(
        provider=model.split("/")[0],
        model=model.split("/")[1],
        known=True,
        context_window=more.pop("window", 100_000),
        strengths=strengths,
        **more.pop("facts", {}),
    )
    pace = None if seconds is None else Pace(3, seconds, 1e9, 100, seconds)
    money = None if cost is None else Decimal(cost)
    return Profile(
        model=model,
        provider=facts.provider,
        facts=facts,
        cost=money,
        worst=money and money * 3,
        price=money and money * 1000,
        pace=pace,
        **more,
    )


THREE = (
    profile("a/dear", "0.03", ("coding", "reasoning"), 2.0),
    profile("b/cheap", "0.0001", ("speed",), 3.0),
    profile("c/quick", "0.01", ("speed", "coding"), 0.2, tags=frozenset({"local"})),
)


def order(strategy, profiles=THREE, task="coding", judged=None, need=None, **asked):
    found = rank(profiles, need or Need(), TASKS[task], strategy_of(strategy)[1], Asked(**asked), judged)
    return "".join(one.model[0] for one in found if one.eligible)


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        ("cost-optimized", "bca"),
        ("performance-optimized", "acb"),
        ("latency-optimized", "cab"),
        ("local-first", "cab"),
        ("cascade", "bca"),
        ("failover", "abc"),
    ],
)
def test_each_strategy_has_its_order(strategy, wanted):
    assert order(strategy, order=("a/dear", "b/cheap", "c/quick")) == wanted


def test_balanced_follows_its_weights():
    assert order("balanced", weights={"quality": 1, "cost": 0, "speed": 0})[0] == "a"
    assert order("balanced", weights={"quality": 0, "cost": 1, "speed": 0})[0] == "b"
    assert order("balanced", weights={"quality": 0, "cost": 0, "speed": 1})[0] == "c"


def test_round_robin_takes_each_in_its_turn():
    assert [order("round-robin", turn=n)[0] for n in range(4)] == list("abca")


def test_weighted_takes_each_as_often_as_its_weight_says():
    dice = random.Random(1)
    firsts = [order("weighted", weights={"a": 8, "b/cheap": 2, "c": 0}, dice=dice)[0] for _ in range(500)]
    assert 360 < firsts.count("a") < 440
    assert firsts.count("c") == 0


def test_sticky_stays_with_who_answered_before():
    assert order("sticky", last="b/cheap")[0] == "b"


def test_a_strategy_of_your_own_is_a_function(monkeypatch):
    monkeypatch.setitem(STRATEGIES, "dearest", lambda found, _: [float(one.cost) for one in found])
    assert order("dearest") == "acb"


@pytest.mark.parametrize(
    "said",
    [
        lambda n: Verdict("cmp", met=(Met("b/cheap", "a/dear", n, n),)),
        lambda n: Verdict("me", shares={"b/cheap": Judged(1.0, n), "a/dear": Judged(0.0, n)}),
    ],
)
def test_your_own_judgements_outweigh_what_was_known_the_more_there_are(said):
    few, many = (Verdicts((said(n),)) for n in (1, 300))
    assert order("performance-optimized", judged=few)[-1] == "b"
    assert order("performance-optimized", judged=many).index("b") < order(
        "performance-optimized", judged=many
    ).index("a")


def test_two_that_tie_are_not_worse_for_having_met():
    tie = Verdicts((Verdict("cmp", met=(Met("a/dear", "c/quick", 20, 40),)),))
    assert order("performance-optimized", judged=tie)[-1] == "b", (
        "b never met anybody, and is no better for it"
    )


def test_what_quality_is_made_of_is_told():
    said = Verdicts((Verdict("cmp", met=(Met("a/dear", "c/quick", 2, 3),)),))
    found = rank(THREE, Need(), TASKS["implementation"], STRATEGIES["balanced"], Asked(), said)
    grounds = {one.model: one.grounds for one in found}
    assert grounds["a/dear"].startswith("known for coding, not for agents; price class ")
    assert grounds["a/dear"].endswith("; 3 judgements of yours")
    assert "judgement" not in grounds["b/cheap"]


def test_the_configuration_has_the_last_word_on_quality(ready):
    said = {"luna": 1.0, "opus": {"coding": 0.01}}
    here = ready(routing={"qualities": said})
    assert here.select_model("reasoning", "performance-optimized") == "openai/gpt-6-luna"
    table = here.explain("coding").set_index("model")
    assert table.loc["anthropic/claude-opus-5-5", ["quality", "quality_from"]].tolist() == [
        0.01,
        "your configuration",
    ]
    assert here.explain("chat").set_index("model").loc["anthropic/claude-opus-5-5", "quality"] > 0.01


def test_what_has_no_price_is_never_the_cheapest():
    assert order("cost-optimized", (*THREE, profile("x/unpriced", None)))[-1] == "x"


@pytest.mark.parametrize(
    "health", [Health(State.OPEN, retry_in=5), Health(State.HALF_OPEN, probing=True), Health(paused=3)]
)
def test_a_model_that_is_left_alone_is_out(health):
    ill = replace(THREE[1], health=health)
    (out,) = rank([ill], Need(), TASKS["chat"], STRATEGIES["balanced"], Asked())
    assert out.reasons == (str(health),)


# -- and over random ones -----------------------------------------------------------------------

ABILITIES = ("vision", "pdf", "audio", "tools", "structured")


def world(dice):
    """A random registry and a random request."""
    profiles = [
        profile(
            f"{dice.choice('abcd')}/m{n}",
            dice.choice([None, f"{dice.uniform(0.00001, 0.5):.6f}"]),
            tuple(dice.sample(["coding", "reasoning", "speed", "writing"], dice.randint(0, 3))),
            dice.choice([None, dice.uniform(0.1, 9)]),
            window=dice.choice([None, 2_000, 32_000, 200_000, 1_000_000]),
            facts={
                **{word: dice.choice([None, True, True, False]) for word in ABILITIES},
                "retired": dice.choice([None, None, True]),
                "max_output": dice.choice([None, 500, 64_000]),
            },
            key=dice.random() < 0.9,
            tags=frozenset(dice.sample(["local", "eu", "us"], dice.randint(0, 2))),
            simulated=dice.random() < 0.3,
            health=dice.choice(
                [Health(), Health(), Health(), Health(State.OPEN, retry_in=9), Health(paused=4)]
            ),
        )
        for n in range(dice.randint(1, 12))
    ]
    tokens = dice.choice([10, 3_000, 50_000, 500_000])
    need = Need(
        tokens=tokens,
        most_tokens=int(tokens * 1.5),
        longest=dice.choice([None, 100, 100_000]),
        needs=frozenset(dice.sample([*ABILITIES, "local", "eu"], dice.choice([0, 0, 1, 2]))),
        left=dice.choice([None, Decimal("0.001"), Decimal("0.1")]),
        left_simulated=dice.choice([None, Decimal("0.01")]),
    )
    return profiles, need


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_no_route_ever_breaks_a_hard_constraint_or_a_budget(strategy):
    dice = random.Random(f"worlds of {strategy}")
    eligible = dropped = 0
    for _ in range(150):
        profiles, need = world(dice)
        by_name = {one.model: one for one in profiles}
        task = TASKS[dice.choice(list(TASKS))]
        found = rank(profiles, need, task, STRATEGIES[strategy], Asked(dice=dice, turn=dice.randint(0, 9)))
        assert len(found) == len(profiles)
        for one in found:
            here = by_name[one.model]
            if not one.eligible:
                dropped += 1
                assert all(one.reasons)
                continue
            eligible += 1
            left = need.left_simulated if here.simulated else need.left
            assert here.key
            assert here.health.available
            assert here.facts.age() == "current"
            assert all(getattr(here.facts, word) for word in need.needs & set(ABILITIES))
            assert need.needs & {"local", "eu"} <= here.tags
            assert here.facts.context_window is None or need.most_tokens <= here.facts.context_window
            assert here.facts.context_window is not None or need.most_tokens <= 8_000
            assert left is None or (here.worst is not None and here.worst <= left)
    assert eligible > 20
    assert dropped > 20


def test_every_constraint_can_rule_out_by_itself():
    good = profile("a/good")
    bad = {
        "known": replace(good, problem="no"),
        "key": replace(good, key=False),
        "allowed": replace(good, provider="other"),
        "age": replace(good, facts=replace(good.facts, retired=True)),
        "abilities": replace(good, facts=replace(good.facts, vision=False)),
        "place": replace(good, tags=frozenset()),
        "room": replace(good, facts=replace(good.facts, context_window=100)),
        "money": replace(good, worst=Decimal(9)),
        "wellbeing": replace(good, health=Health(State.OPEN)),
    }
    need = Need(needs=frozenset({"vision", "eu"}), left=Decimal(1), most_tokens=50)
    task = Task(name="t", provider="a")
    fine = replace(good, facts=replace(good.facts, vision=True), tags=frozenset({"eu"}))
    assert set(bad) == set(CONSTRAINTS)
    for name, constraint in CONSTRAINTS.items():
        assert constraint(fine, need, task) is None, name
        assert constraint(bad[name], need, task), name
