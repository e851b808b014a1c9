"""A conversation with a picture, tools and signed thinking goes on from any wire to any other while its tools run.

The simulator checks every body that it answers against the schema of its wire.
"""

from __future__ import annotations

import itertools

import pytest
from asking import PICTURE, WIRES, provider

import llmkit
from llmkit.sim import Say, Simulator


@pytest.fixture(scope="module")
def sim():
    with Simulator(pace="instant") as running:
        yield running


def look(at: str) -> list:
    """Look at something."""
    return [f"a picture of {at}", PICTURE]


@pytest.mark.parametrize("first", WIRES)
def test_each_wire_goes_on_with_what_the_others_said_and_did(sim, first):
    asks = [Say("I look.", "Let me think.", tools=[("look", {"at": at})]) for at in "ab"]
    down = [Say(fault="status=529"), Say(fault="status=503"), Say(fault="status=500")]
    for second, third in itertools.permutations([wire for wire in WIRES if wire != first], 2):
        order = (first, second, third)
        session = llmkit.Session(
            {"providers": {wire: provider(sim.url, wire) for wire in order}, "retry": {"base": 0}}
        )
        sim.reset()
        # The second is asked for its word again before the third: the first failed once, and is tried last of all.
        sim.script([asks[0], down[0], asks[1], down[1], down[2], "One pixel."])
        reply = session.ask(
            llmkit.Message.user("What is on it?", PICTURE),
            model=f"{first}/sage",
            fallback=[f"{second}/sage", f"{third}/sage"],
            tools=[look],
            think="low",
        )
        asked = sim.requests
        sim.reset()
        assert reply.text == "One pixel.", order
        assert [step.reply.provider for step in reply.steps] == list(order)
        assert [one.status for one in asked] == [200, 529, 200, 503, 500, 200], order
        last = str(asked[-1].json)
        assert "a picture of a" in last, order
        assert "a picture of b" in last, order
        assert not any(signature in last for signature in signatures(reply.turn))


@pytest.mark.parametrize("first", WIRES)
def test_thinking_is_given_back_to_its_maker_and_to_nobody_else(sim, first):
    """The conversation goes over, is answered there, and comes back: each gets its own signatures, and no other's."""
    for second in (wire for wire in WIRES if wire != first):
        session = llmkit.Session({"providers": {wire: provider(sim.url, wire) for wire in (first, second)}})
        sim.reset()
        asks = Say("I look.", "Let me think.", tools=[("look", {"at": "it"})])
        sim.script([asks, "A pixel.", asks, "A pixel still.", "It was a pixel."])
        talk = [llmkit.Message.user("What is there?")]
        signed = {}
        for wire in (first, second):
            reply = session.ask(talk, model=f"{wire}/sage", tools=[look], think="low")
            signed[wire] = signatures(reply.turn)
            talk += [*reply.turn, llmkit.Message.user("Look again.")]
        assert session.ask(talk, model=f"{first}/sage", tools=[look], think="low").text == "It was a pixel."
        asked = [str(one.json) for one in sim.requests]
        sim.reset()
        assert len(asked) == 5
        assert signed[first] or first == "chat", "which signs nothing"
        assert not any(own in body for own in signed[first] for body in asked[2:4]), (first, second)
        assert not any(own in asked[4] for own in signed[second]), (first, second)
        assert all(own in asked[1] for own in signed[first]), "within its own turn it is given back"


def signatures(turn):
    parts = [part for message in turn for part in message.parts]
    marks = ("signature", "encrypted")
    return {mark for part in parts for name in marks if (mark := getattr(part, name, None))}
