"""Random configurations and random requests, through the whole orchestrator: whatever it may ask, the configuration
itself allows. What is allowed is worked out here anew, from the configuration and the request alone."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

import llmkit
from llmkit.engine.breaker import State
from llmkit.engine.failover import Health
from llmkit.routing import STRATEGIES, Orchestrator

PICTURE = llmkit.ImagePart(b"\x89PNG")
SENSES = ("vision", "pdf", "audio", "tools", "structured")
TODAY = datetime.now(UTC).date()
ILL = (Health(State.OPEN, retry_in=9), Health(State.HALF_OPEN, probing=True), Health(paused=4))


def registry(dice):
    """Some providers with some models: keys, tags, abilities, windows, ages and prices as they come."""
    providers, models, prices = {}, {}, {}
    for name in "abcd"[: dice.randint(2, 4)]:
        local = dice.random() < 0.25
        providers[name] = {
            "type": "openai",
            "base_url": "http://127.0.0.1:9/v1" if local else f"https://{name}.example/v1",
            "tags": dice.sample(["eu", "us", "hospital"], dice.randint(0, 2)),
            **(
                {"api_key": "k" * 20}
                if name == "a" or dice.random() < 0.75
                else {"api_key": "${NOT_SET_ANYWHERE_API_KEY}"}
            ),
        }
        for number in range(dice.randint(1, 3)):
            full = f"{name}/m{number}"
            models[full] = {
                **{word: dice.random() < 0.75 for word in SENSES if dice.random() < 0.9},
                **dice.choice([{}, {}, {"retired": True}, {"deprecated": True}]),
                **dice.choice([{}, {}, {}, {"retires": str(TODAY + timedelta(days=dice.choice([-9, 30])))}]),
                **(
                    {"context_window": dice.choice([4_000, 128_000, 1_000_000])}
                    if dice.random() < 0.8
                    else {}
                ),
                "max_output": 2_000,
            }
            if dice.random() < 0.8:
                prices[full] = {"input": dice.choice([0.1, 1, 20]), "output": dice.choice([0.4, 5, 80])}
    return {
        "providers": providers,
        "models": models,
        "prices": prices,
        "routing": {"local_tags": ["patients"]},
    }


def question(dice):
    """A message, and what goes with it."""
    words = "word " * dice.choice([3, 3, 5_000, 150_000])
    seen = dice.random() < 0.3
    said = llmkit.Message.user(words, *([PICTURE] if seen else []))
    more = {"max_tokens": dice.choice([50, 1_500])}
    if dice.random() < 0.3:
        more["tools"] = [llmkit.ToolSpec("look")]
    if dice.random() < 0.2:
        more["schema"] = {"type": "object", "properties": {}}
    if dice.random() < 0.3:
        more["tag"] = dice.choice(["private", "local", "patients", "other"])
    if dice.random() < 0.3:
        more["needs"] = [dice.choice(["eu", "us", "hospital", "audio", "pdf"])]
    if dice.random() < 0.4:
        more["budget"] = dice.choice([0.0001, 0.01, 0.5])
    return said, len(words) // 6, seen, more


def forbidden(full, config, health, tokens, seen, more):
    """Why that model must not be asked."""
    provider, facts = config["providers"][full[0]], config["models"][full]
    places = {*provider["tags"], *(["local"] if "127.0.0.1" in provider["base_url"] else [])}
    needs = set(more.get("needs", ()))
    needs |= {"vision"} if seen else set()
    needs |= {"tools"} if "tools" in more else set()
    needs |= {"structured"} if "schema" in more else set()
    needs |= {"local"} if more.get("tag") in ("private", "local", "patients") else set()
    if provider["api_key"].startswith("$"):
        yield "no key"
    if any(facts.get(need) is not True for need in needs & set(SENSES)):
        yield "not able"
    if not needs - set(SENSES) <= places:
        yield "not there"
    if facts.get("retired") or facts.get("deprecated") or "retires" in facts:
        yield "of age"
    if tokens + more["max_tokens"] > facts.get("context_window", 9_000):
        yield "too small"
    if health[full] in ILL:
        yield "ill"
    if "budget" in more:
        price = config["prices"].get(full)
        if price is None:
            yield "not priced"
        elif (tokens * price["input"] + more["max_tokens"] * price["output"]) / 1e6 > more["budget"]:
            yield "too dear"


@pytest.mark.parametrize("part", range(2))
def test_nothing_is_asked_that_the_configuration_or_the_request_rules_out(monkeypatch, part):
    dice = random.Random(f"configurations {part}")
    reasons = {}
    asked = 0
    for _ in range(35):
        config = registry(dice)
        session = llmkit.Session(config)
        here = Orchestrator(session, seed=dice.randint(0, 99))
        health = {full: dice.choice([Health(), Health(), Health(), *ILL]) for full in config["models"]}
        monkeypatch.setattr(
            session.gates, "health", lambda provider, model, health=health: health[f"{provider}/{model}"]
        )
        for _ in range(3):
            said, tokens, seen, more = question(dice)
            task, strategy = (
                dice.choice(["general", "coding", "chat", "execution"]),
                dice.choice([*STRATEGIES]),
            )
            found = here.route(task, strategy, said, **more)
            assert {one.model for one in found.candidates} == set(config["models"]), (
                "nobody is left out in silence"
            )
            for one in found.candidates:
                why = list(forbidden(one.model, config, health, tokens, seen, more))
                asked += one.eligible
                if why:
                    assert not one.eligible, (one, why, more)
                    assert all(one.reasons)
                for each in why:
                    reasons[each] = reasons.get(each, 0) + 1
    assert asked > 20
    assert set(reasons) == {
        *("no key", "not able", "not there", "of age", "too small", "ill", "not priced", "too dear"),
    }
