"""Thinking over a conversation: it is shown, counted, and goes back as each provider demands. The simulated model
`strict` refuses a turn of tools whose thinking does not come back unchanged."""

from __future__ import annotations

from typing import Any

import pytest

import llmkit
from llmkit.core.messages import Message, ThinkingPart, ToolResultPart
from llmkit.core.request import ToolSpec
from llmkit.errors import BadRequestError
from llmkit.sim import Simulator

WEATHER = ToolSpec(
    "get_weather", "The weather.", {"type": "object", "properties": {"city": {"type": "string"}}}
)
WHERE: dict[str, dict[str, Any]] = {
    "anthropic": {"type": "anthropic"},
    "responses": {"type": "openai", "api": "responses", "base_url": "/v1"},
    "gemini": {"type": "gemini"},
    "deepseek": {"type": "deepseek", "base_url": "/deepseek/v1"},
}
FAST = "strict:rate=0,ttft=0"


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    return llmkit.Session(
        {
            "providers": {
                name: {**fields, "base_url": simulator.url + fields.get("base_url", ""), "api_key": "k" * 12}
                for name, fields in WHERE.items()
            }
        }
    )


def asked(session: llmkit.Session, provider: str) -> tuple[Message, llmkit.Reply]:
    question = Message.user("What is the weather in Oslo?")
    return question, session.ask([question], model=f"{provider}/{FAST}", tools=[WEATHER], think="high")


def results(reply: llmkit.Reply) -> Message:
    parts = [ToolResultPart(call.id, '{"sky": "clear"}', call.name) for call in reply.tool_calls]
    return Message("tool", tuple(parts))


@pytest.mark.parametrize("provider", WHERE)
def test_thinking_goes_back_and_the_next_turn_is_answered(session, provider) -> None:
    question, first = asked(session, provider)
    assert first.tool_calls
    assert first.thinking
    assert first.usage.reasoning
    turns = [question, first.message, results(first)]
    second = session.ask(turns, model=f"{provider}/{FAST}", tools=[WEATHER], think="high")
    assert "clear" in second.text
    third = [*turns, second.message, Message.user("And why?")]
    assert session.ask(third, model=f"{provider}/{FAST}", tools=[WEATHER], think="high").complete


@pytest.mark.parametrize("provider", ["anthropic", "responses", "deepseek"])
def test_without_its_thinking_the_next_turn_is_refused_so_the_test_above_means_something(
    session, provider
) -> None:
    question, first = asked(session, provider)
    bare = Message("assistant", tuple(p for p in first.message.parts if not isinstance(p, ThinkingPart)))
    with pytest.raises(BadRequestError):
        session.ask(
            [question, bare, results(first)], model=f"{provider}/{FAST}", tools=[WEATHER], think="high"
        )


@pytest.mark.parametrize("provider", WHERE)
def test_off_is_off(session, provider) -> None:
    reply = session.ask("What is 2 + 2?", model=f"{provider}/scholar:rate=0,ttft=0", think="off")
    assert reply.thinking == ""


@pytest.mark.parametrize(
    "model", ["anthropic/claude-haiku-4-5", "gemini/gemini-2.5-pro", "responses/gpt-6-luna"]
)
def test_no_tokens_of_thinking_is_off(session, simulator: Simulator, model) -> None:
    replies = [session.ask("hi", model=model, think=think) for think in ("off", 0)]
    said, counted = (seen.json for seen in simulator.requests[-2:])
    assert said == counted
    assert replies[0].notes == replies[1].notes
