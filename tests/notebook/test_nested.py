"""``llmkit.nested.enable()`` in a real kernel: tools bound to the kernel's own loop work, and cells go on as before."""

from __future__ import annotations

import pytest

pytest.importorskip("nest_asyncio2", reason="nest-asyncio2 is not installed here")

BOUND = """
import asyncio, llmkit
from llmkit.sim import Say

bound, mine = asyncio.Lock(), asyncio.get_event_loop()

async def lookup(city: str) -> str:
    "What is known of a city."
    async with bound:
        await asyncio.sleep(0.05)
        return f"on the kernel's loop: {asyncio.get_running_loop() is mine}"

def say():
    llmkit.sim.default().script([Say(tools=[("lookup", {"city": "Oslo"})]), "That is all."])
"""


@pytest.fixture(scope="module", autouse=True)
def nested(kernel):
    assert kernel.run(BOUND).status == "ok"
    assert kernel.run("print(llmkit.nested.enable().enabled)").stdout == "True\n"


def test_a_tool_bound_to_the_kernels_loop_runs_there_once_loops_are_nested(kernel):
    kernel.run("say()")
    ran = kernel.run("%%llm sim/sage -t lookup --yes-tools --no-history -o found\nOslo?")
    assert ran.status == "ok", ran.messages
    assert kernel.value("found.text") == "That is all."
    assert kernel.value("found.steps[0].results[0].content") == "on the kernel's loop: True"


def test_the_cells_after_it_run_in_order_and_can_be_interrupted(kernel):
    assert (
        kernel.run("async def main():\n    return 'pasted'\nprint(asyncio.run(main()))").stdout == "pasted\n"
    )
    assert kernel.run("await asyncio.sleep(0.01)\nprint('awaited')").stdout == "awaited\n"
    cell = kernel.send("%%llm sim/bench:tokens=100000,rate=100,ttft=0 --no-history\nA long story, please.")
    kernel.wait_for(cell, "update_display_data", "writing")
    kernel.interrupt()
    assert kernel.finish(cell).status == "error"
    assert kernel.value("(_llm.complete, 1 + 1)") == (False, 2)
