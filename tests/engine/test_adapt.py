"""What a model does not take is left out or put otherwise, with a note: by what is known of it, and once by
what its provider answers. Over the official clients, against the simulator, on all four wires."""

from __future__ import annotations

from typing import Any

import pytest

import llmkit
from llmkit.engine.refusals import Refusal, Refusals, read, without
from llmkit.errors import BadRequestError
from llmkit.models import efforts
from llmkit.sim import Simulator

WIRES: dict[str, dict[str, Any]] = {
    "anthropic.messages": {"type": "anthropic"},
    "openai.chat": {"type": "openai", "api": "chat"},
    "openai.responses": {"type": "openai", "api": "responses"},
    "gemini.generate": {"type": "gemini"},
}
FAST = "swift:rate=0,ttft=0"


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    providers = {
        name.partition(".")[0] if name != "openai.responses" else "responses": {
            **fields,
            "base_url": simulator.url + ("" if fields["type"] in ("anthropic", "gemini") else "/v1"),
            "api_key": "k" * 12,
        }
        for name, fields in WIRES.items()
    }
    compatible = {"type": "compatible", "base_url": simulator.url + "/v1", "api_key": "k" * 12}
    return llmkit.Session({"providers": {**providers, "other": compatible}})


def sent(simulator: Simulator) -> list[dict[str, Any]]:
    return [seen.json for seen in simulator.requests]


def rows(session: llmkit.Session) -> list[Any]:
    return list(session.ledger.rows(simulated=True))


# -- by what is known -----------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-5-5", "gemini/gemini-3.8-flash"])
def test_a_model_known_to_take_no_sampling_gets_none_and_the_reply_says_so(session, simulator, model) -> None:
    reply = session.ask("Why?", model=model, temperature=0.7, top_p=0.9)
    (body,) = sent(simulator)
    assert not {"temperature", "top_p"} & {*body, *body.get("generationConfig", {})}
    assert [note for note in reply.notes if "temperature" in note] == [
        f"`temperature` was left out: {model} takes none."
    ]
    assert any("`top_p`" in note for note in reply.notes)


@pytest.mark.parametrize(("provider", "lost"), [("anthropic", {"seed"}), ("responses", {"seed", "stop"})])
def test_what_a_wire_has_no_word_for_is_left_out_with_a_note(session, provider, lost) -> None:
    reply = session.ask("Why?", model=f"{provider}/{FAST}", seed=3, stop="END")
    assert {note.split("`")[1] for note in reply.notes} == lost


def test_a_temperature_hotter_than_a_provider_takes_becomes_the_hottest(session, simulator) -> None:
    reply = session.ask("Why?", model="anthropic/some-new-model@refuse=nothing", temperature=1.5)
    assert "`temperature` 1.5 became 1" in reply.notes[0]


def test_more_tokens_than_a_model_writes_become_all_that_it_writes(session, simulator) -> None:
    reply = session.ask("Why?", model="openai/gpt-4o", max_tokens=1_000_000)
    assert sent(simulator)[0]["max_completion_tokens"] == 16_384
    assert "`max_tokens` 1,000,000 became 16,384" in reply.notes[0]


def test_nothing_to_change_is_nothing_to_note(session) -> None:
    reply = session.ask("Why?", model=f"openai/{FAST}", temperature=0.7, top_p=0.5, seed=1, stop="END")
    assert reply.notes == ()


# -- thinking -------------------------------------------------------------------------------------


def test_a_model_that_does_not_think_is_not_asked_to(session, simulator) -> None:
    reply = session.ask("Why?", model="openai/gpt-4o", think="high")
    assert "reasoning_effort" not in sent(simulator)[0]
    assert "`think` was left out: openai/gpt-4o does not think." in reply.notes
    assert not [n for n in session.ask("Why?", model="openai/gpt-4o", think="off").notes if "think" in n]


@pytest.mark.parametrize(
    ("model", "think", "path", "word", "noted"),
    [
        ("openai/gpt-5-mini", "off", ("reasoning_effort",), "minimal", True),
        ("openai/gpt-5.1", "off", ("reasoning_effort",), "none", False),
        ("openai/gpt-5-pro", "low", ("reasoning_effort",), "high", True),
        ("openai/gpt-5.1", "max", ("reasoning_effort",), "high", False),
        ("responses/gpt-6-luna", "max", ("reasoning", "effort"), "max", False),
        ("responses/gpt-5.4", "max", ("reasoning", "effort"), "xhigh", False),
        ("gemini/gemini-2.5-pro", "off", ("generationConfig", "thinkingConfig", "thinkingBudget"), 128, True),
        ("gemini/gemini-2.5-pro", "max", ("generationConfig", "thinkingConfig", "thinkingBudget"), 32_768, False),
        ("anthropic/claude-sonnet-5-5", "off", ("output_config", "effort"), "low", True),
        ("anthropic/claude-sonnet-5-5", "max", ("output_config", "effort"), "max", False),
        ("anthropic/claude-sonnet-5-5", 5000, ("output_config", "effort"), "medium", True),
        ("anthropic/claude-haiku-4-5", 5000, ("thinking", "budget_tokens"), 5000, False),
        ("gemini/gemini-3.8-flash", "medium", ("generationConfig", "thinkingConfig", "thinkingLevel"), "MEDIUM", False),
        ("gemini/gemini-3.8-flash", 1000, ("generationConfig", "thinkingConfig", "thinkingLevel"), "LOW", True),
        ("gemini/gemini-2.5-flash", 1000, ("generationConfig", "thinkingConfig", "thinkingBudget"), 1000, False),
    ],
)  # fmt: skip
def test_one_think_is_put_in_each_models_own_words(
    session, simulator, model, think, path, word, noted
) -> None:
    reply = session.ask("Why?", model=model, think=think)
    value: Any = sent(simulator)[0]
    for step in path:
        value = value[step]
    assert value == word
    assert any("think" in note for note in reply.notes) is noted


def test_a_server_that_knows_fewer_levels_says_which_it_took(simulator) -> None:
    mine = {"type": "mistral", "base_url": simulator.url + "/mistral/v1", "api_key": "k" * 12}
    session = llmkit.Session({"providers": {"mistral": mine}})
    reply = session.ask("Why?", model=f"mistral/{FAST}", think="low")
    assert "`think` 'low' became 'high': mistral knows no other." in reply.notes


def test_the_words_of_effort_are_in_one_order() -> None:
    assert [efforts.nearest(word, ("low", "high")) for word in efforts.ORDER] == [
        "low", "low", "low", "high", "high", "high", "high",
    ]  # fmt: skip


# -- by the provider's answer ---------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["anthropic", "openai", "responses", "gemini"])
def test_a_parameter_that_the_provider_refuses_is_left_out_once_and_remembered(
    session, simulator, provider
) -> None:
    model = f"{provider}/{FAST}@refuse=top_p"
    first = session.ask("Why?", model=model, top_p=0.5)
    assert first.text
    assert first.attempts == 2
    assert any("`top_p` was left out" in note and "refused it" in note for note in first.notes)
    assert [row["status"] for row in rows(session)] == ["error", "ok"]
    second = session.ask("And why else?", model=model, top_p=0.5)
    assert second.attempts == 1
    assert second.notes == first.notes
    assert len(sent(simulator)) == 3


def test_anthropics_own_no_to_a_temperature_is_heard_for_a_model_nobody_knows(session, simulator) -> None:
    reply = session.ask("Why?", model=f"anthropic/{FAST}", temperature=0.2)
    assert reply.attempts == 2
    assert "temperature" not in sent(simulator)[-1]


def test_a_reasoning_model_says_no_to_a_temperature_and_answers_without(session, simulator) -> None:
    reply = session.ask("Why?", model="openai/gpt-6-luna", temperature=0.2)
    assert [("temperature" in body) for body in sent(simulator)] == [True, False]
    assert any("`temperature` was left out" in note for note in reply.notes)


def test_a_limit_is_sent_under_the_name_that_the_server_asks_for(session, simulator) -> None:
    reply = session.ask("Why?", model="other/gpt-6-luna", max_tokens=50)
    assert sent(simulator)[-1]["max_completion_tokens"] == 50
    assert "sent as `max_completion_tokens`" in reply.notes[0]


def test_several_refusals_are_heard_one_after_the_other(session, simulator) -> None:
    reply = session.ask("Why?", model=f"openai/{FAST}@refuse=top_p+seed", top_p=0.5, seed=4)
    assert reply.attempts == 3
    assert len(reply.notes) == 2


def test_what_was_put_into_extra_goes_as_it_is_and_the_no_is_an_error(session, simulator) -> None:
    with pytest.raises(BadRequestError):
        session.ask("Why?", model=f"openai/{FAST}@refuse=top_k", extra={"top_k": 5})
    assert len(sent(simulator)) == 1


def test_the_prompt_and_the_tools_are_never_left_out(session) -> None:
    with pytest.raises(BadRequestError):
        session.ask("Why?", model=f"openai/{FAST}@refuse=messages", temperature=0.5)


@pytest.mark.parametrize(
    ("why", "raw", "path"),
    [
        ("temperature: Extra inputs are not permitted", None, ("temperature",)),
        ("`temperature` may only be set to 1 when thinking is enabled.", None, ("temperature",)),
        ("`temperature` and `top_p` cannot both be specified for this model.", None, ("temperature",)),
        ("Unsupported value", {"error": {"param": "reasoning.summary"}}, ("reasoning", "summary")),
        ("Unsupported value", {"error": {"param": "reasoning.effort"}}, ("reasoning", "effort")),
        ("not permitted", {"detail": [{"loc": ["body", "stream_options"], "type": "extra_forbidden"}]}, ("stream_options",)),
        ('Unknown name "topP" at \'generation_config\': Cannot find field.', None, ("generationConfig", "topP")),
        ("messages.1.content.0: `thinking` blocks are not allowed here", None, None),
        ("`max_tokens` must be greater than `thinking.budget_tokens`", None, None),
        ("temperature: should be a number", None, None),
    ],
)  # fmt: skip
def test_the_providers_words_are_read_for_what_they_refuse(why, raw, path) -> None:
    body = {
        "temperature": 1, "top_p": 1, "thinking": {"type": "enabled"}, "stream_options": {}, "max_tokens": 1,
        "reasoning": {"effort": "low", "summary": "auto"}, "generationConfig": {"topP": 1}, "messages": [],
    }  # fmt: skip
    found = read(BadRequestError("No.", why=why, status=400, raw=raw), body, {})
    assert (found.path if found else None) == path


def test_an_object_left_with_nothing_in_it_goes_too() -> None:
    body = {"generationConfig": {"topP": 1}, "contents": []}
    assert without(body, Refusal(("generationConfig", "topP"), "top_p")) == {"contents": []}
    assert body["generationConfig"] == {"topP": 1}


def test_what_one_model_refused_another_still_gets() -> None:
    known = Refusals()
    known.learn("here", "one", Refusal(("seed",), "seed"))
    assert known.apply("here", "two", {"seed": 1}) == ({"seed": 1}, ())
