"""A cell whose first model fails, in a real JupyterLab: the answer comes from another, and the page says so."""

from __future__ import annotations

import pytest
from lab import code, opened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETUP = """%load_ext llmkit
import llmkit, llmkit.sim
from llmkit.routing import TASKS, Task
llmkit.default_session().registry.register("north", {
    "type": "openai", "base_url": llmkit.sim.default().url + "/v1", "api_key": "k" * 20,
    "headers": {"x-sim-fault": "status=503"}})
TASKS["talk"] = Task(name="talk", models=("north/swift", "sim/sage"), strategy="failover")
def weather(city: str) -> str:
    "The weather in a city."
    return f"sunny in {city}"
agent = llmkit.Agent("sim/tooler", tools=[weather])"""


def test_an_answer_that_moved_its_table_and_an_agent(browser, lab, screenshots):
    lab.theme("Light")
    cells = code(
        SETUP,
        "%%llm --task talk -o moved\nWhy is the sky blue?",
        "%llm route",
        "_ = agent.run('What is the weather in Paris?')",
        "(moved.route.tried[0].outcome, moved.provider)",
    )
    with opened(browser, lab, cells) as book:
        for number in range(5):
            book.run(number)
        book.page.screenshot(path=screenshots / "routes.png")
        saved = book.save()
    (shown,) = saved.cells[1].outputs
    assert "north/swift" in shown.data["text/html"], "the saved answer says who did not answer"
    assert "sim/sage" in saved.cells[2].outputs[0].data["text/plain"]
    assert "sunny in Paris" in saved.cells[3].outputs[-1].data["text/plain"]
    assert saved.cells[4].outputs[0].data["text/plain"] == "('overloaded', 'sim')"
