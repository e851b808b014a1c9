"""What a tool is, what is refused before anything is sent, and how its rounds end when something goes wrong."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator

import llmkit
from llmkit.core.errors import Aborted, DeadlineExceeded, LLMKitError, ToolError
from llmkit.core.events import ToolResult
from llmkit.sim import Say, Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(pace="instant") as running:
        yield running


@pytest.fixture
def sim(simulator: Simulator) -> Simulator:
    simulator.reset()
    return simulator


@pytest.fixture
def session(sim: Simulator) -> llmkit.Session:
    one = {"type": "openai", "api": "chat", "base_url": f"{sim.url}/v1", "api_key": "k" * 20}
    return llmkit.Session({"providers": {"p": one}})


def parameters_sent(sim: Simulator) -> dict[str, Any]:
    (seen,) = sim.requests
    found: dict[str, Any] = seen.json["tools"][0]["function"]["parameters"]
    return found


def test_types_and_docstring_become_the_schema(session: llmkit.Session, sim: Simulator) -> None:
    def plan(
        city: str,
        days: Annotated[int, "how many"] = 1,
        kind: Literal["sun", "snow"] = "sun",
        _secret: str = "",
    ) -> str:
        """Plan a trip.

        Args:
            city: Where to.
        """
        return city

    session.ask("hi", model="p/sage", tools=[plan])
    schema = parameters_sent(sim)
    assert schema["required"] == ["city"]
    assert schema["properties"]["city"] == {"type": "string", "description": "Where to."}
    assert schema["properties"]["days"]["description"] == "how many"
    assert schema["properties"]["kind"]["enum"] == ["sun", "snow"]
    assert "_secret" not in schema["properties"]


def untyped(city):  # type: ignore[no-untyped-def]
    """No type."""


def many(*cities: str) -> None:
    """Any number."""


@pytest.mark.parametrize("bad", [untyped, many, 3, "get_weather", lambda: 1])
def test_what_is_no_tool_is_refused_before_anything_is_sent(
    session: llmkit.Session, sim: Simulator, bad: Any
) -> None:
    with pytest.raises(LLMKitError) as refused:
        session.ask("hi", model="p/sage", tools=[bad])
    assert len(str(refused.value).splitlines()) == 3
    assert not sim.requests


def test_a_tool_that_nobody_offered_is_told_to_the_model(session: llmkit.Session, sim: Simulator) -> None:
    def known(city: str) -> str:
        """One that is there."""
        return city

    sim.script([Say(tools=[("unknown", {})]), "I see."])
    events = list(session.stream("hi", model="p/sage", tools=[known]))
    (result,) = [event for event in events if isinstance(event, ToolResult)]
    assert result.is_error
    assert "unknown" in str(result.content)
    assert "known" in str(result.content)


def test_the_same_failure_twice_ends_the_answer(session: llmkit.Session, sim: Simulator) -> None:
    def broken(city: str) -> str:
        """Fails."""
        raise ValueError("no such city")

    sim.script([Say(tools=[("broken", {"city": "X"})])] * 5)
    with pytest.raises(llmkit.errors.ToolError, match="broken"):
        session.ask("hi", model="p/sage", tools=[broken])
    assert sim.attempts == 2


def test_a_tool_that_runs_out_of_an_iterator_ends_like_any_that_fails(
    session: llmkit.Session, sim: Simulator
) -> None:
    def first(city: str) -> str:
        """The first that is like it."""
        return next(name for name in ("Oslo", "Rome") if name == city)

    sim.script([Say(tools=[("first", {"city": "X"})]), "I see."])
    events = list(session.stream("hi", model="p/sage", tools=[first], timeout=30))
    (result,) = [event for event in events if isinstance(event, ToolResult)]
    assert result.is_error
    assert "StopIteration" in result.content
    assert events[-1].reply.text == "I see."  # type: ignore[union-attr]


def test_stopping_ends_the_wait_for_a_tool_at_once(session: llmkit.Session, sim: Simulator) -> None:
    began, release = threading.Event(), threading.Event()

    def slow(city: str) -> str:
        """Takes long."""
        began.set()
        release.wait(60)
        return city

    sim.script([Say(tools=[("slow", {"city": "X"})]), "never"])
    stream = session.stream("hi", model="p/sage", tools=[slow])
    try:
        assert began.wait(30)
        stream.stop()
        with pytest.raises(Aborted) as stopped:
            stream.reply()
    finally:
        release.set()
    assert stopped.value.partial is not None
    assert sim.attempts == 1


def test_the_deadline_holds_while_a_tool_runs(session: llmkit.Session, sim: Simulator) -> None:
    release = threading.Event()

    def slow(city: str) -> str:
        """Takes long."""
        release.wait(60)
        return city

    sim.script([Say(tools=[("slow", {"city": "X"})]), "never"])
    try:
        with pytest.raises(DeadlineExceeded):
            session.ask("hi", model="p/sage", tools=[slow], timeout=2)
    finally:
        release.set()


def test_a_coroutine_is_a_tool_for_both_kinds_of_caller(session: llmkit.Session, sim: Simulator) -> None:
    loops = []

    async def later(city: str) -> str:
        """Waits."""
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return f"later {city}"

    sim.script([Say(tools=[("later", {"city": "A"})]), "one", Say(tools=[("later", {"city": "B"})]), "two"])
    assert session.ask("hi", model="p/sage", tools=[later]).text == "one"

    waited_for = threading.Event()

    async def main() -> tuple[str, bool]:
        stream = session.stream("hi", model="p/sage", tools=[later], consent=lambda _: waited_for.wait(60))
        asyncio.get_running_loop().call_soon(waited_for.set)  # in its next turn, when somebody waits
        reply = await stream
        return reply.text, loops[-1] is asyncio.get_running_loop()

    assert asyncio.run(main()) == ("two", True)


def test_always_is_asked_once(session: llmkit.Session, sim: Simulator) -> None:
    asked = []

    def echo(city: str) -> str:
        """Says it again."""
        return city

    def consent(call: Any) -> str:
        asked.append(call)
        return "always"

    sim.script([Say(tools=[("echo", {"city": "A"})]), Say(tools=[("echo", {"city": "B"})]), "done"])
    assert session.ask("hi", model="p/sage", tools=[echo], consent=consent).text == "done"
    assert len(asked) == 1


def test_a_consent_that_fails_is_named_and_nothing_runs(session: llmkit.Session, sim: Simulator) -> None:
    ran = []

    def echo(city: str) -> str:
        """Says it again."""
        ran.append(city)
        return city

    def consent(call: Any) -> bool:
        raise KeyError("no such rule")

    sim.script([Say(tools=[("echo", {"city": "A"})]), "done"])
    with pytest.raises(ToolError, match="`consent` could not be asked whether echo may run") as caught:
        session.ask("hi", model="p/sage", tools=[echo], consent=consent)
    assert "KeyError: 'no such rule'" in caught.value.why
    assert caught.value.partial is not None
    assert ran == []


def test_an_argument_whose_own_check_fails_is_told_to_the_model(
    session: llmkit.Session, sim: Simulator
) -> None:
    def share(of: Annotated[int, AfterValidator(lambda of: 1 // of)]) -> str:
        """A share."""
        return str(of)

    sim.script([Say(tools=[("share", {"of": 0})]), "done"])
    reply = session.ask("hi", model="p/sage", tools=[share])
    assert reply.text == "done"
    assert "the check of their type raised ZeroDivisionError" in json.dumps(sim.requests[-1].json)


def test_a_key_in_a_result_is_masked(
    session: llmkit.Session, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-abcdefghijklmnop1234")

    def leak(city: str) -> str:
        """Talks too much."""
        return "the key is sk-proj-abcdefghijklmnop1234"

    sim.script([Say(tools=[("leak", {"city": "A"})]), "done"])
    session.ask("hi", model="p/sage", tools=[leak])
    assert sim.attempts == 2
    assert "abcdefghijklmnop" not in str([each.json for each in sim.requests])


def test_a_long_result_is_cut_and_says_so(session: llmkit.Session, sim: Simulator) -> None:
    def long(city: str) -> str:
        """Much."""
        return "x" * 100_000

    sim.script([Say(tools=[("long", {"city": "A"})]), "done"])
    events = list(session.stream("hi", model="p/sage", tools=[long]))
    (result,) = [event for event in events if isinstance(event, ToolResult)]
    assert len(str(result.content)) < 21_000
    assert "the first 20,000 of 100,000 characters" in str(result.content)


def test_a_tool_of_the_provider_is_passed_on_where_there_is_one(
    session: llmkit.Session, sim: Simulator
) -> None:
    with pytest.raises(LLMKitError, match="google_search"):
        session.ask("hi", model="p/sage", tools=[{"google_search": {}}])
    assert not sim.requests


def test_a_coroutine_bound_to_the_callers_loop_works_once_loops_are_nested() -> None:
    pytest.importorskip("nest_asyncio2", reason="nest-asyncio2 is not installed here")
    code = """
        import asyncio, llmkit
        from llmkit.sim import Say, Simulator

        async def cell(session):
            bound = asyncio.Lock()
            mine = asyncio.get_running_loop()
            print(llmkit.nested.enable().enabled)
            async def tool(city: str) -> str:
                "Bound to this loop."
                async with bound:
                    await asyncio.sleep(0.01)
                    return str(asyncio.get_running_loop() is mine)
            reply = session.ask("hi", model="p/sage", tools=[tool])   # plain code, in a running loop
            print(reply.text, reply.steps[0].results[0].content)

        with Simulator(pace="instant") as sim:
            sim.script([Say(tools=[("tool", {"city": "A"})]), "done"])
            one = {"type": "openai", "api": "chat", "base_url": f"{sim.url}/v1", "api_key": "k" * 20}
            asyncio.run(cell(llmkit.Session({"providers": {"p": one}})))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "done", "True"]
