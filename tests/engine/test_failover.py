"""When one model fails, the next is asked: which, after what, and what the caller and the ledger see of it."""

from __future__ import annotations

import os
import threading
import time

import pytest
from asking import PICTURE, provider

import llmkit
from llmkit.core import errors as e
from llmkit.core.messages import ToolCallPart, ToolResultPart
from llmkit.engine.breaker import Breaker, State
from llmkit.engine.failover import Course, Health, Plan
from llmkit.engine.loop import IOThread
from llmkit.engine.retry import RetryBudget
from llmkit.engine.tape import Tape
from llmkit.sim import Say, Simulator


@pytest.fixture(scope="module")
def sim():
    with Simulator(pace="instant") as running:
        yield running


def three(sim, faults=(), **more):
    """A session with the same models at three providers, each with its own wire, and perhaps a fault."""
    wires = zip(("one", "two", "three"), ("anthropic", "chat", "gemini"), strict=True)
    told = dict(faults)
    config = {
        name: provider(sim.url, wire, **({"headers": {"x-sim-fault": told[name]}} if name in told else {}))
        for name, wire in wires
    }
    return llmkit.Session({"providers": config, "retry": {"base": 0}, **more})


def rows(of):
    return [
        (row["provider"], row["route"], row["status"])
        for row in of.ledger.rows(session=of.id, simulated=True)
    ]


# -- which is next, without any socket ----------------------------------------------------------


def course(health, targets=("a", "b", "c"), budget=None, **more):
    return Course(targets, lambda name: health.get(name, Health()), budget or RetryBudget(), **more)


def test_the_best_comes_first_and_the_others_in_order():
    way = course({})
    assert [way.next() for _ in range(4)] == ["a", "b", "c", None]


@pytest.mark.parametrize(
    "ill", [Health(State.OPEN, retry_in=9.0), Health(State.HALF_OPEN, probing=True), Health(paused=20.0)]
)
def test_one_that_is_left_alone_is_passed_by_with_a_reason(ill):
    way = course({"a": ill})
    assert way.next() == "b"
    assert way.passed == {"a": str(ill)}


def test_where_all_are_left_alone_the_one_with_the_shortest_wait_is_named():
    way = course(
        {name: Health(State.OPEN, retry_in=wait) for name, wait in zip("abc", (9, 3, 5), strict=True)}
    )
    assert way.next() == "b"


def test_after_a_failure_a_healthy_one_is_preferred_to_one_that_fails_itself():
    way = course({"b": Health(failures=3)})
    way.next()
    way.failed()
    assert way.next() == "c"


def test_models_that_fail_themselves_are_asked_only_while_most_calls_go_well():
    budget = RetryBudget()
    for _ in range(5):
        budget.failed()
    way = course({name: Health(failures=3) for name in "abc"}, budget=budget)
    assert (way.next(), way.next()) == ("a", None)


def test_no_more_are_asked_than_is_allowed():
    way = course({}, most=2)
    assert [way.next() for _ in range(3)] == ["a", "b", None]


def test_a_probe_of_a_half_open_breaker_is_one_at_a_time():
    clock = iter(range(0, 1000, 100))
    breaker = Breaker(threshold=1, cooldown=30, clock=lambda: next(clock))
    breaker.failed(e.ServerError("500"))
    assert breaker.admit()
    assert not Health.of(breaker).available


@pytest.mark.parametrize(
    ("error", "moves"),
    [
        (e.ServerError("x"), True),
        (e.RateLimited("x"), True),
        (e.QuotaError("x"), True),
        (e.AuthError("x"), True),
        (e.ConnectError("x"), True),
        (e.TruncatedStream("x"), True),
        (e.ContextLengthError("x"), True),
        (e.MissingKey("x"), True),
        (e.BudgetExceeded("x"), True),
        (e.BadRequestError("x"), False),
        (e.RefusedContent("x"), False),
        (e.SchemaError("x"), False),
        (e.Aborted("x"), False),
    ],
)
def test_the_class_of_an_error_decides_whether_another_may_do_better(error, moves):
    assert Plan(("a",)).moves(error) is moves
    assert Plan(("a",), also=(error.kind,)).moves(error)


# -- over real sockets --------------------------------------------------------------------------


def test_the_next_model_answers_and_the_caller_is_told(sim):
    session = three(sim, {"one": "status=500"})
    stream = session.stream("hello", model="one/swift", fallback=["two/swift", "three/swift"])
    events = list(stream)
    assert events[0] == llmkit.Rerouted("one/swift", "two/swift", "The provider failed (500).")
    reply = events[-1].reply
    assert (reply.provider, reply.attempts, str(reply.route)) == (
        "two",
        2,
        "fallback: one/swift (server) → two/swift",
    )
    assert reply.route == stream.route
    assert rows(session) == [
        ("one", "fallback 1/3", "unknown_billed"),
        ("two", "fallback 2/3", "ok"),
    ]


def test_nobody_waits_to_try_the_same_again_while_another_can_answer(sim):
    session = three(sim, {"one": "status=529"}, retry={"base": 60, "cap": 60})
    assert session.ask("hello", model="one/swift", fallback="two/swift", timeout=20).provider == "two"


def test_a_bad_request_is_bad_everywhere_unless_asked_otherwise(sim):
    session = three(sim, {"one": "status=400"})
    with pytest.raises(e.BadRequestError):
        session.ask("hello", model="one/swift", fallback="two/swift")
    plan = Plan(("one/swift", "two/swift"), also=("bad_request",))
    assert session.ask("hello", fallback=plan).provider == "two"


def test_nothing_is_tried_once_words_were_shown(sim):
    session = three(sim, {"one": "drop=6"})
    with pytest.raises(e.StreamError) as caught:
        session.ask("Tell me a story", model="one/bench:tokens=40,rate=0", fallback="two/swift")
    assert caught.value.partial.text
    assert [row[0] for row in rows(session)] == ["one"]


def test_with_restart_the_answer_begins_anew_elsewhere(sim):
    session = three(sim, {"one": "drop=6"})
    plan = Plan(("one/bench:tokens=40,rate=0", "two/swift"), restart=True)
    stream = session.stream("hello", fallback=plan)
    kinds = [type(event).__name__ for event in stream]
    assert "Text" in kinds[: kinds.index("Rerouted")]
    assert stream.partial.provider == "two"
    assert stream.text == session.ask("hello", model="two/swift").text


def test_where_all_fail_every_cause_is_told(sim):
    session = three(sim, {"one": "status=401", "two": "status=503", "three": "status=402"})
    with pytest.raises(e.AllTargetsFailed) as caught:
        session.ask("hello", model="one/swift", fallback=["two/swift", "three/swift"])
    error = caught.value
    assert [cause.kind for cause in error.causes][:2] == ["auth", "overloaded"]
    assert "one/swift: " in error.why
    assert not error.partial.complete


def test_a_model_without_a_key_is_passed_by_before_anything_is_sent(sim):
    session = three(sim)
    reply = session.ask("hello", model="openai/gpt-6-luna", fallback="two/swift")
    assert [one.outcome for one in reply.route.tried] == ["missing_key", "ok"]
    assert len(rows(session)) == 1


def test_one_deadline_holds_for_all_of_them(sim):
    session = three(sim, {"one": "hang", "two": "hang"})
    began = time.monotonic()
    with pytest.raises(e.DeadlineExceeded):
        session.ask("hello", model="one/swift", fallback="two/swift", timeout=0.4)
    assert time.monotonic() - began < 5


def test_the_budget_is_looked_at_again_for_every_model(sim):
    session = three(sim, {"one": "status=500"}, prices={"*/*": {"input": 1, "output": 1}})
    dear = {"two/*": {"input": 1000, "output": 100000}}
    session.prices = {**(session.prices or {}), **dear}
    purse = llmkit.Budget(1, simulated=True)
    reply = session.ask(
        "hello", model="one/swift", fallback=["two/swift", "three/swift"], budget=purse, max_tokens=1000
    )
    assert [one.outcome for one in reply.route.tried] == ["server", "budget", "ok"]
    assert purse.left > 0
    assert purse.held == 0


def test_a_check_that_says_no_has_the_next_one_asked_and_both_are_paid(sim):
    session = three(sim)
    seen = []

    def check(reply):
        seen.append(reply.provider)
        return "too short" if reply.provider == "one" else True

    stream = session.stream(
        "hello", fallback=Plan(("one/swift", "two/swift", "three/swift"), accept=check), cache=False
    )
    events = list(stream)
    reply = events[-1].reply
    assert seen == ["one", "two"]
    assert isinstance(events[0], llmkit.Rerouted), "an answer that is not accepted is not shown"
    assert "".join(event.text for event in events if isinstance(event, llmkit.Text)) == reply.text
    assert reply.usage.input > session.ask("hello", model="two/swift").usage.input


def test_a_check_may_be_a_coroutine(sim):
    session = three(sim)

    async def check(reply):
        return "too short" if reply.provider == "one" else True

    reply = session.ask("hello", fallback=Plan(("one/swift", "two/swift", "three/swift"), accept=check))
    assert [one.outcome for one in reply.route.tried] == ["not accepted", "ok"]


def test_checks_that_ask_a_model_themselves_do_not_wait_for_each_other(sim):
    session = three(sim)
    many = min(32, (os.cpu_count() or 1) + 4) + 2  # more than Python's own pool has threads
    together = threading.Barrier(many)

    def check(reply):
        together.wait(60)
        # What is kept in the cache is written, and read, off the loop.
        return session.ask(f"Is it good? {reply.id}", model="two/swift", cache=True, timeout=60).complete

    plan = Plan(("one/swift", "two/swift"), accept=check)
    streams = [session.stream(f"hello {n}", fallback=plan, timeout=90) for n in range(many)]
    assert [stream.reply().route.model for stream in streams] == ["one/swift"] * many


@pytest.mark.parametrize("then", [{}, {"two": "status=401"}], ids=["cannot be asked", "refuses"])
def test_where_one_was_not_accepted_and_the_rest_fail_the_error_says_what_was_paid_once(sim, then):
    session = three(sim, then)
    targets = ("one/swift", "two/swift" if then else "nowhere/swift")
    with pytest.raises(e.AllTargetsFailed) as caught:
        session.ask("hello", fallback=Plan(targets, accept=lambda _: False), cache=False)
    paid = session.ask("hello", model="one/swift")
    assert caught.value.partial.usage == paid.usage
    assert caught.value.partial.cost.amount == paid.cost.amount


def test_an_answer_that_was_not_accepted_is_shown_where_nobody_else_is_left(sim):
    session = three(sim)

    def check(_):
        breaker = session.gates.on(IOThread.current()).breaker("two", "swift")
        while not breaker.open:  # others see to that meanwhile
            breaker.failed(e.Overloaded("It is down."))
        return "too short"

    events = list(session.stream("hello", fallback=Plan(("one/swift", "two/swift"), accept=check)))
    assert events[-1].reply.text
    assert "".join(event.text for event in events if isinstance(event, llmkit.Text)) == events[-1].reply.text


def test_tools_go_on_at_the_model_that_answered(sim):
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"Sunny in {city}."

    session = three(sim, {"one": "status=500"})
    reply = session.ask("Weather in Paris?", model="one/tooler", fallback="two/tooler", tools=[weather])
    assert "Sunny" in reply.text
    assert [row[1] for row in rows(session)] == [
        "fallback 1/2 round 1",
        "fallback 2/2 round 1",
        "fallback 1/2 round 2",
    ]
    assert str(reply.route) == "fallback: one/tooler (server) → two/tooler"


def test_a_conversation_with_tools_and_a_picture_moves_from_wire_to_wire(sim):
    """The simulator checks every body against the schema of its wire."""
    session = three(sim, {"one": "status=529", "two": "status=500"})
    tool = llmkit.ToolSpec(
        "measure", "Measure it", {"type": "object", "properties": {"what": {"type": "string"}}}
    )
    talk = [
        llmkit.Message.user("What is this?", PICTURE),
        llmkit.Message.assistant("Let me see.", ToolCallPart("call_1", "measure", {"what": "pixel"})),
        llmkit.Message.tool(ToolResultPart("call_1", "1 by 1", name="measure", images=(PICTURE,))),
        llmkit.Message.assistant("It is one pixel."),
        llmkit.Message.user("And now in one word?"),
    ]
    sim.reset()
    reply = session.ask(talk, model="one/swift", fallback=["two/swift", "three/swift"], tools=[tool])
    assert reply.provider == "three"
    asked = sim.requests
    assert [one.status for one in asked] == [529, 500, 200]
    assert all("measure" in str(one.json) and "1 by 1" in str(one.json) for one in asked)
    well = three(sim)  # a fault may come before the check, so each wire is asked in peace as well
    assert [well.ask(talk, model=f"{name}/swift", tools=[tool]).provider for name in ("one", "two", "three")]


def test_in_the_middle_of_its_rounds_it_moves_on_with_all_that_was_said(sim):
    """Anthropic asks for a tool and fails; OpenAI goes on, asks again and fails; Gemini answers. Each body that is
    answered was checked by the simulator against the schema of its wire."""

    def look(at: str) -> list:
        """Look at something."""
        return [f"a picture of {at}", PICTURE]

    session = three(sim)
    asks = [Say("I look.", "Let me think.", tools=[("look", {"at": at})]) for at in "ab"]
    down = [Say(fault=f"status={status}") for status in (529, 500, 503)]
    sim.reset()
    sim.script([asks[0], down[0], asks[1], down[1], down[2], "One pixel."])
    reply = session.ask(
        llmkit.Message.user("What is on it?", PICTURE),
        model="one/sage",
        fallback=["two/sage", "three/sage"],
        tools=[look],
        think="low",
    )
    wires = [(one.wire, one.status) for one in sim.requests]
    sim.reset()
    assert [status for _, status in wires] == [200, 529, 200, 500, 503, 200]
    assert [wire for wire, status in wires if status == 200] == [
        "anthropic.messages",
        "openai.chat",
        "gemini.generate",
    ]
    assert reply.text == "One pixel."
    assert [step.reply.provider for step in reply.steps] == ["one", "two", "three"]
    assert str(reply.route) == (
        "fallback: one/sage → one/sage (overloaded) → two/sage → two/sage (server) → "
        "one/sage (overloaded) → three/sage"
    )


def test_a_provider_that_is_too_slow_by_its_own_measure_is_left(sim):
    session = three(sim, {"one": "hang"})
    fields = {**session.registry.section("providers")["one"], "api_key": "k" * 20, "timeout": 0.2}
    fields["headers"] = {"x-sim-fault": "hang"}
    session.registry.register("one", fields)
    reply = session.ask("hello", model="one/swift", fallback="two/swift", timeout=None)
    assert [one.outcome for one in reply.route.tried] == ["deadline", "ok"]


def test_a_tape_plays_a_routed_call(sim, tmp_path):
    session = three(sim, {"one": "status=500"})
    with Tape(tmp_path / "t.jsonl").insert(session):
        first = session.ask("hello", model="one/swift", fallback="two/swift")
        again = session.ask("hello", model="one/swift", fallback="two/swift")
    assert again.text == first.text
    assert again.route == first.route
    assert len(rows(session)) == 3  # two attempts and the replay
