"""The same ten conversations with tools, on all four wires: real SDKs, real sockets, a simulator that checks what
comes back as the providers do."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

import llmkit
from llmkit.core.errors import TooManyRounds
from llmkit.core.events import Done, Failed, Text, ToolCall, ToolResult
from llmkit.sim import Say, Simulator

WIRES = {
    "anthropic": {"type": "anthropic"},
    "responses": {"type": "openai", "api": "responses"},
    "chat": {"type": "openai", "api": "chat"},
    "gemini": {"type": "gemini"},
}
PACKAGES = {"anthropic": "anthropic", "gemini": "google.genai", "chat": "openai", "responses": "openai"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(pace="instant") as running:
        yield running


@pytest.fixture
def sim(simulator: Simulator) -> Simulator:
    simulator.reset()
    return simulator


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(PACKAGES[request.param], reason=f"no SDK for {request.param} here")
    return str(request.param)


@pytest.fixture
def session(sim: Simulator, wire: str) -> llmkit.Session:
    base = sim.url + ("/v1" if wire in ("chat", "responses") else "")
    return llmkit.Session({"providers": {"p": {**WIRES[wire], "base_url": base, "api_key": "k" * 20}}})


def get_weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: Its name.
    """
    return f"21 °C in {city}"


def wanted(*calls: tuple[str, Any], **more: Any) -> Say:
    return Say(tools=calls, **more)


def results_sent(wire: str, body: dict[str, Any]) -> list[str]:
    """The results of tools that a request body holds, as text."""
    match wire:
        case "anthropic":
            blocks = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
            return [
                json.dumps(b["content"], ensure_ascii=False) for b in blocks if b["type"] == "tool_result"
            ]
        case "chat":
            return [m["content"] for m in body["messages"] if m["role"] == "tool"]
        case "responses":
            items = [i for i in body["input"] if i.get("type") == "function_call_output"]
            return [json.dumps(i["output"], ensure_ascii=False) for i in items]
        case _:
            parts = [p for c in body["contents"] for p in c["parts"] if "functionResponse" in p]
            return [json.dumps(p["functionResponse"]["response"], ensure_ascii=False) for p in parts]


def test_a_single_call(session: llmkit.Session, sim: Simulator, wire: str) -> None:
    sim.script([wanted(("get_weather", {"city": "Oslo"})), "It is 21 °C in Oslo."])
    events = list(session.stream("The weather in Oslo?", model="p/sage", tools=[get_weather]))

    kinds = [type(event) for event in events]
    assert kinds.index(ToolCall) < kinds.index(ToolResult) < kinds.index(Text)
    assert [e for e in events if isinstance(e, Done | Failed)] == [events[-1]]
    (result,) = [event for event in events if isinstance(event, ToolResult)]
    assert (result.name, result.content, result.is_error) == ("get_weather", "21 °C in Oslo", False)
    assert isinstance(events[-1], Done)
    reply = events[-1].reply
    assert reply.text == "It is 21 °C in Oslo."
    assert [len(step.results) for step in reply.steps] == [1, 0]
    assert reply.usage.output == sum(step.reply.usage.output or 0 for step in reply.steps)
    assert reply.usage.input == sum(step.reply.usage.input or 0 for step in reply.steps)
    assert [m.role for m in reply.turn] == ["assistant", "tool", "assistant"]

    rows = session.usage(simulated=True, session=session.id)
    assert sorted(rows["attempt"]) == [1, 2]
    assert sorted(rows["route"]) == ["round 1", "round 2"]
    assert rows["output"].sum() == reply.usage.output


def test_parallel_calls_answer_in_the_order_of_the_calls(
    session: llmkit.Session, sim: Simulator, wire: str
) -> None:
    import threading

    both = threading.Barrier(2, timeout=20)  # neither passes unless both run at the same time
    first_waits = threading.Event()

    def look_up(city: str) -> str:
        "The weather."
        both.wait()
        if city == "Oslo":
            first_waits.wait(20)
        else:
            first_waits.set()
        return f"{city}: fine"

    sim.script([wanted(("look_up", {"city": "Oslo"}), ("look_up", {"city": "Rome"})), "Both are fine."])
    stream = session.stream("The weather in Oslo and Rome?", model="p/sage", tools=[look_up])
    results = [event.content for event in stream if isinstance(event, ToolResult)]
    assert results == ["Oslo: fine", "Rome: fine"]
    sent = results_sent(wire, sim.requests[-1].json)
    assert ["Oslo" in sent[0], "Rome" in sent[1], len(sent)] == [True, True, 2]


def test_two_rounds(session: llmkit.Session, sim: Simulator, wire: str) -> None:
    sim.script(
        [
            wanted(("get_weather", {"city": "Oslo"}), text="Let me look."),
            wanted(("get_weather", {"city": "Rome"})),
            "Rome is as warm as Oslo.",
        ]
    )
    reply = session.ask("Which is warmer, Oslo or Rome?", model="p/sage", tools=[get_weather])
    assert reply.text == "Rome is as warm as Oslo."
    assert [step.reply.text for step in reply.steps] == ["Let me look.", "", "Rome is as warm as Oslo."]
    assert len(results_sent(wire, sim.requests[-1].json)) == 2
    assert sim.attempts == 3


def test_bad_arguments_are_told_to_the_model_which_mends_them(
    session: llmkit.Session, sim: Simulator, wire: str
) -> None:
    ran: list[str] = []

    def look_up(city: str) -> str:
        "The weather."
        ran.append(city)
        return "fine"

    sim.script([wanted(("look_up", {"town": 3})), wanted(("look_up", {"city": "Oslo"})), "It is fine."])
    events = list(session.stream("The weather?", model="p/sage", tools=[look_up]))
    first, second = [event for event in events if isinstance(event, ToolResult)]
    assert first.is_error
    assert "city: field required" in first.content
    assert (second.content, second.is_error) == ("fine", False)
    assert ran == ["Oslo"]
    assert "city: field required" in results_sent(wire, sim.requests[1].json)[0]


def test_a_tool_that_raises_is_told_to_the_model(session: llmkit.Session, sim: Simulator, wire: str) -> None:
    def divide(a: float, b: float) -> float:
        "Divide."
        return a / b

    sim.script([wanted(("divide", {"a": 1, "b": 0})), "That can't be done."])
    reply = session.ask("1/0?", model="p/sage", tools=[divide])
    (result,) = reply.steps[0].results
    assert result.is_error
    assert result.content.startswith("ZeroDivisionError: ")  # and each Python's own words
    assert "ZeroDivisionError" in results_sent(wire, sim.requests[-1].json)[0]
    assert reply.text == "That can't be done."


def test_a_refused_call_is_told_to_the_model_and_not_run(
    session: llmkit.Session, sim: Simulator, wire: str
) -> None:
    ran: list[str] = []

    def delete(path: str) -> None:
        "Delete a file."
        ran.append(path)

    sim.script([wanted(("delete", {"path": "/etc"})), "Then I leave it."])
    reply = session.ask("Tidy up.", model="p/sage", tools=[delete], consent=lambda call: "Never /etc.")
    assert ran == []
    assert reply.text == "Then I leave it."
    assert "did not allow" in results_sent(wire, sim.requests[-1].json)[0]
    assert "Never /etc." in results_sent(wire, sim.requests[-1].json)[0]


def test_a_picture_as_the_result(session: llmkit.Session, sim: Simulator, wire: str) -> None:
    from PIL import Image

    def draw(colour: str) -> Any:
        "Draw a square."
        return Image.new("RGB", (8, 8), colour)

    sim.script([wanted(("draw", {"colour": "red"})), "A red square."])
    reply = session.ask("Draw it.", model="p/vision", tools=[draw])
    (result,) = reply.steps[0].results
    assert result.images[0].media_type == "image/png"
    assert Image.open(io.BytesIO(result.images[0].data or b"")).size == (8, 8)
    assert base64.b64encode(result.images[0].data or b"").decode() in json.dumps(sim.requests[-1].json)
    assert reply.text == "A red square."


def test_thinking_goes_back_unchanged_with_the_calls(
    session: llmkit.Session, sim: Simulator, wire: str
) -> None:
    # This model refuses (400) a tool turn whose thinking or signatures do not come back as they were.
    reply = session.ask(
        "Use get_weather: the weather in Oslo?", model="p/strict", tools=[get_weather], think="high"
    )
    assert "21 °C in Oslo" in reply.text
    assert len(reply.steps) == 2
    assert sim.requests[-1].status == 200


def test_a_table_as_the_result(session: llmkit.Session, sim: Simulator, wire: str) -> None:
    pd = pytest.importorskip("pandas", reason="tables need pandas")

    def sales(year: int) -> Any:
        "Sales by day."
        return pd.DataFrame({"day": range(365), "sold": [year] * 365})

    sim.script([wanted(("sales", {"year": 2026})), "A good year."])
    reply = session.ask("How was 2026?", model="p/sage", tools=[sales])
    content = reply.steps[0].results[0].content
    assert content.startswith("| day (int64) | sold (int64) |\n| --- | --- |\n| 0 | 2026 |")
    assert content.endswith("(20 of 365 rows shown)")
    assert "20 of 365 rows shown" in results_sent(wire, sim.requests[-1].json)[0]


def test_it_ends_after_as_many_rounds_as_are_allowed(
    session: llmkit.Session, sim: Simulator, wire: str
) -> None:
    sim.script([wanted(("get_weather", {"city": f"City {n}"})) for n in range(5)])
    with pytest.raises(TooManyRounds, match="after 2 rounds") as caught:
        session.ask("All the weather there is.", model="p/sage", tools=[get_weather], max_rounds=2)
    assert sim.attempts == 3
    partial = caught.value.partial
    assert partial is not None
    assert [len(step.results) for step in partial.steps] == [1, 1, 0]
    assert not partial.complete
    assert [message.role for message in partial.turn] == ["assistant", "tool", "assistant", "tool"]
