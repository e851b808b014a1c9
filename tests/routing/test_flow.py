"""Steps that ask a model: what they read and write, how they are stopped, how they compose."""

from __future__ import annotations

import asyncio

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.flow import Branch, LLMStep, Parallel, Sequence
from llmkit.sim import Simulator

SLOW = "here/bench:tokens=400,rate=100,ttft=1"


@pytest.fixture(scope="module")
def here():
    with Simulator() as sim:
        kind = {"type": "openai", "base_url": f"{sim.url}/v1", "api_key": "k" * 20}
        facts = {"context_window": 9_000, "max_output": 900}
        yield llmkit.Session(
            {"providers": {"here": kind}, "models": {"here/mono": facts}, "retry": {"base": 0}}
        )


def step(here, **more):
    return LLMStep(**{"model": "here/bench:tokens=20,rate=0,ttft=0", "session": here, **more})


def run(flow, **context):
    return asyncio.run(flow.execute(context))


async def something_came(context):
    """Words are put into the context by the step; a plain mapping can't tell of it."""
    async with asyncio.timeout(20):
        while not context.get("partial_response"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_a_step_reads_its_prompt_model_and_timeout_from_the_context(here):
    found = run(LLMStep(session=here), prompt="hello", model="here/bench:tokens=5,rate=0,ttft=0", timeout=30)
    assert found["final_response"] == found["partial_response"] == found["reply"].text
    assert found["stream_aborted"] is False
    assert found["reply"].usage.output == 5


def test_what_comes_is_in_the_context_while_it_comes(here):
    async def watch():
        context = {"prompt": "hello"}
        running = LLMStep(model=SLOW, session=here)
        task = asyncio.ensure_future(running.execute(context))
        await something_came(context)
        assert not task.done()
        running.abort("enough")
        await task
        return context

    context = asyncio.run(watch())
    assert context["stream_aborted"] is True
    assert context["partial_response"]
    assert "final_response" not in context


def test_a_timeout_is_an_error_and_what_came_is_kept(here):
    context = {"prompt": "hello", "timeout": 2, "model": SLOW}
    with pytest.raises(e.DeadlineExceeded):
        asyncio.run(LLMStep(session=here).execute(context))
    assert context["partial_response"]


def test_steps_follow_one_another_and_hand_on_what_they_wrote(here):
    flow = Sequence(step(here, name="plan", prompt="Plan {topic}."), step(here, prompt="Do: {plan}"))
    found = run(flow, topic="a trip")
    assert found["plan"]
    assert found["final_response"]


def test_a_name_that_nobody_wrote_is_said(here):
    with pytest.raises(e.BadRequest, match="names 'plan'"):
        run(step(here, prompt="Do: {plan}"), topic="x")
    with pytest.raises(e.BadRequest, match="nothing to ask"):
        run(step(here))


def test_values_in_a_prompt_are_not_filled_in_again(here):
    asked = step(here, prompt="{a}")
    assert asked._prompt({"a": "{b}", "b": "no"}) == "{b}"


def test_steps_side_by_side_have_their_own_parts(here):
    found = run(Parallel(one=step(here, prompt="1"), two=step(here, prompt="2")))
    assert found["one"]
    assert found["two"]
    assert set(found["parts"]) == {"one", "two"}
    assert found["stream_aborted"] is False


def test_if_one_of_several_fails_the_others_are_stopped(here):
    slow = LLMStep(model=SLOW, session=here, prompt="hello")
    with pytest.raises(e.LLMKitError):
        run(Parallel(bad=step(here, prompt="{nobody}"), slow=slow))
    assert not slow._signals


def test_a_branch_takes_the_step_that_is_named(here):
    taken = Branch(
        lambda c: c["n"] > 1, yes=step(here, name="many", prompt="x"), no=step(here, name="few", prompt="y")
    )
    assert "many" in run(taken, n=2)
    assert "few" in run(taken, n=1)
    assert run(Branch(lambda c: "elsewhere", a=step(here)), n=1) == {"n": 1}


def test_a_sequence_ends_where_it_was_aborted(here):
    async def stop_first():
        flow = Sequence(LLMStep(model=SLOW, session=here, prompt="x"), step(here, name="after", prompt="y"))
        context = {}
        task = asyncio.ensure_future(flow.execute(context))
        await something_came(context)
        flow.abort()
        return await task

    found = asyncio.run(stop_first())
    assert found["stream_aborted"]
    assert "after" not in found


def test_what_was_stopped_does_not_end_with_the_answer_of_the_step_before(here):
    async def stop_one():
        slow = LLMStep(model=SLOW, session=here, prompt="Carry on: {final_response}")
        flow = Sequence(step(here, prompt="x"), Parallel(slow=slow, quick=step(here, prompt="y")))
        context = {}
        task = asyncio.ensure_future(flow.execute(context))
        while not slow._signals:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await something_came(context["parts"]["slow"])
        slow.abort()
        return await task

    found = asyncio.run(stop_one())
    assert found["slow"] is None
    assert found["quick"]
    assert found["stream_aborted"]


def test_a_task_without_a_model_is_routed(here):
    found = run(LLMStep("chat", session=here, models=["here/mono"]), prompt="hello")
    assert found["reply"].route.task == "chat"
