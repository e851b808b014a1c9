"""An agent: plans, calls tools, answers; is stopped, goes on, and keeps to its budget."""

from __future__ import annotations

import json
import threading

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.routing.agent import PLAN
from llmkit.sim import Simulator


@pytest.fixture
def sim():
    with Simulator(pace="instant") as running:
        yield running


@pytest.fixture
def here(sim):
    kind = {"type": "openai", "base_url": f"{sim.url}/v1", "api_key": "k" * 20}
    facts = {"tools": True, "context_window": 9_000, "max_output": 1_000, "strengths": ["agents"]}
    prices = {"here/*": {"input": 1, "output": 2}}
    config = {
        "providers": {"here": kind},
        "models": {"here/tooler": facts},
        "prices": prices,
        "retry": {"base": 0},
    }
    return llmkit.Session(config)


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def test_it_calls_tools_and_answers_and_every_step_is_an_event(here):
    agent = llmkit.Agent("here/tooler", tools=[weather], session=here)
    kinds = [type(event).__name__ for event in agent.stream("What is the weather in Paris?")]
    assert [kind for kind in dict.fromkeys(kinds) if kind != "ToolCallDelta"] == [
        "ToolCall",
        "ToolResult",
        "Text",
        "Done",
    ]
    assert [message.role for message in agent.transcript] == ["user", "assistant", "tool", "assistant"]


def test_it_is_told_to_say_first_how_it_will_go_about_it(sim, here):
    llmkit.Agent("here/tooler", tools=[weather], system="Be kind.", session=here).ask("Weather in Paris?")
    assert f"Be kind.\n\n{PLAN}" in str(sim.requests[-1].json).replace("\\n", "\n")
    llmkit.Agent("here/tooler", session=here).ask("Hello.")
    assert PLAN not in str(sim.requests[-1].json)


def test_the_next_run_goes_on_from_the_last(sim, here):
    agent = llmkit.Agent("here/tooler", tools=[weather], session=here)
    agent.ask("What is the weather in Paris?")
    agent.ask("And what did I ask?")
    assert "sunny in Paris" in str(sim.requests[-1].json)
    assert len(agent.transcript) >= 6


def test_stopped_in_the_middle_it_goes_on_and_no_tool_runs_twice(here):
    ran = []

    def count(word: str) -> str:
        """Count a word."""
        ran.append(word)
        return "1"

    agent = llmkit.Agent("here/tooler:rate=1", tools=[count], session=here)
    for event in agent.stream("Count the word kettle."):
        if isinstance(event, llmkit.Text):
            agent.stop()
    assert [message.role for message in agent.transcript][:3] == ["user", "assistant", "tool"]
    agent.model = "here/tooler"
    assert agent.resume().reply().complete
    assert len(ran) == 1
    assert [message.role for message in agent.transcript] == ["user", "assistant", "tool", "assistant"]


def test_its_transcript_goes_into_a_file_and_on_elsewhere(sim, here, tmp_path):
    first = llmkit.Agent("here/tooler", tools=[weather], session=here)
    first.ask("What is the weather in Paris?")
    path = first.save(tmp_path / "agent.json")
    second = llmkit.Agent("here/swift", session=here).load(path)
    assert second.transcript == first.transcript
    assert second.ask("Thank you.").text
    assert json.loads(path.read_text("utf-8"))["llmkit-agent"] == 1
    path.write_text("{}")
    with pytest.raises(e.BadRequest, match="no transcript"):
        second.load(path)


def test_no_key_is_in_a_transcripts_file_and_half_a_letter_comes_back_from_it(here, tmp_path):
    said = llmkit.Message.user(f"My key is {'k' * 20}, keep it. Half a letter: \ud83d")
    path = llmkit.Agent("here/swift", session=here, transcript=[said]).save(tmp_path / "agent.json")
    assert "k" * 20 not in path.read_text("utf-8")
    (read,) = llmkit.Agent("here/swift", session=here).load(path).transcript
    assert read.text.endswith("Half a letter: \ud83d")


@pytest.mark.parametrize("text", ['{"llmkit-agent": "x", "messages": []}', "[]", "{", None])
def test_what_is_no_transcript_is_refused_in_words(here, tmp_path, text):
    path = tmp_path / "agent.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(e.BadRequest, match=r"no transcript|can't be read"):
        llmkit.Agent("here/swift", session=here).load(path)


def test_one_budget_is_for_all_its_runs(here):
    agent = llmkit.Agent(
        "here/swift", session=here, budget=llmkit.Budget("0.001", simulated=True), max_tokens=200
    )
    agent.ask("Hello.")

    def go_on():
        for _ in range(50):
            agent.ask("Hello again.")

    with pytest.raises(e.BudgetExceeded):
        go_on()
    assert agent.budget.spent <= agent.budget.limit


def test_rounds_are_bounded_and_consent_is_asked(here):
    asked = []

    def consent(call):
        asked.append(call.name)
        return "not today"

    agent = llmkit.Agent("here/tooler", tools=[weather], session=here, consent=consent, max_rounds=2)
    agent.ask("What is the weather in Paris?")
    assert asked == ["weather"]


def test_a_task_has_its_model_picked(here):
    reply = llmkit.Agent(task="planning", tools=[weather], session=here).ask("Weather in Paris?")
    assert reply.route.model == "here/tooler"
    assert "sunny" in reply.text


def test_an_agent_of_the_configuration_has_its_task_words_and_tools(sim):
    facts = {"tools": True, "context_window": 9_000, "max_output": 1_000}
    kind = {"type": "openai", "base_url": f"{sim.url}/v1", "api_key": "k" * 20}
    said = {
        "provider": "here",
        "model": "tooler",
        "system": "Look out.",
        "tools": ["weather"],
        "max_tokens": 99,
    }
    config = {"providers": {"here": kind}, "models": {"here/tooler": facts}, "agents": {"scout": said}}
    session = llmkit.Session(config)
    agent = llmkit.Agent.configured("scout", tools=[weather, len], session=session)
    assert "sunny" in agent.ask("What is the weather in Paris?").text
    body = sim.requests[-1].json
    assert "Look out." in str(body)
    assert 99 in body.values()
    assert [tool["name"] for tool in body["tools"]] == ["weather"]
    with pytest.raises(e.BadRequest, match="Did you mean 'scout'"):
        llmkit.Agent.configured("scot", session=session)
    with pytest.raises(e.BadRequest, match="'weather', which was not passed"):
        llmkit.Agent.configured("scout", session=session)


def test_one_run_goes_at_a_time(here):
    let_go = threading.Event()

    def wait(city: str) -> str:
        """Wait."""
        let_go.wait(60)
        return "done"

    agent = llmkit.Agent("here/tooler", tools=[wait], session=here)
    running = agent.stream("Wait in Paris.")
    with pytest.raises(e.BadRequest, match="at work"):
        agent.ask("Something else.")
    let_go.set()
    assert running.reply().text


def test_with_nothing_said_there_is_nothing_to_go_on_from(here):
    with pytest.raises(e.BadRequest, match="nothing to go on from"):
        llmkit.Agent("here/swift", session=here).resume()


def test_run_shows_the_steps_where_it_is(here, capsys):
    llmkit.Agent("here/tooler", tools=[weather], session=here).run("What is the weather in Paris?")
    shown = capsys.readouterr().out
    assert "sunny in Paris" in shown
