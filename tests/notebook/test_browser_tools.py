"""Tools in a real JupyterLab: the cell asks in its own input line, shows the calls, and can be stopped meanwhile."""

from __future__ import annotations

import pytest
from lab import code, opened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETUP = '''%load_ext llmkit
import llmkit.sim
from llmkit.sim import Say

def get_weather(city: str, days: int = 1) -> str:
    """The weather to come.

    Args:
        city: Where.
    """
    return f"21 °C and sunny in {city} <img src=x onerror=alert(1)>"

call = Say("Let me **look** that up.", tools=[("get_weather", {"city": "Oslo", "days": 2}), ("get_weather", {"city": "Rome"})])
llmkit.sim.default().script([call, "It is **21 °C** in both. No umbrella needed.", call, "never"])'''
ASK = "%%llm sim/bench:rate=60,ttft=500 -t get_weather\nDo I need an umbrella in Oslo or in Rome?"
QUESTION = ".jp-Stdin-input:enabled"


def test_a_cell_asks_before_a_tool_runs_and_keeps_what_came_of_it(browser, lab, screenshots):
    with opened(browser, lab, code(SETUP, ASK, f"{ASK} Again?")) as book:
        page = book.page
        page.evaluate("() => { window.ran = 0; window.alert = () => { window.ran += 1 } }")
        book.run(0)
        book.start(1)
        page.wait_for_selector(QUESTION)
        page.screenshot(path=screenshots / "asks.png")
        assert 'Run get_weather(city="Oslo", days=2)?' in page.locator(".jp-Stdin-prompt").last.inner_text()
        page.locator(".llmkit-tool", has_text="waits for your answer").first.wait_for()
        page.keyboard.type("a")
        page.keyboard.press("Enter")
        page.wait_for_selector(".llmkit-footer")
        book.finish(1)
        page.locator("details.llmkit-tool").first.click()
        page.screenshot(path=screenshots / "answered.png")
        words = book.cell(1).locator(".llmkit-reply").inner_text()
        assert words.index("look that up") < words.index("Rome") < words.index("21 °C in both")
        assert book.cell(1).locator("img").count() == 0
        assert page.evaluate("window.ran") == 0
        saved = book.save()
    shown = [output for output in saved.cells[1].outputs if output.output_type == "display_data"]
    assert [set(output.data) for output in shown] == [{"text/plain", "text/markdown", "text/html"}]
    assert "widgets" not in saved.metadata


def test_the_stop_button_works_while_a_question_stands(browser, lab, screenshots):
    with opened(browser, lab, code(SETUP, ASK, "print('went on', _llm.complete)")) as book:
        page = book.page
        book.run(0)
        book.start(1)
        page.wait_for_selector(QUESTION)
        page.screenshot(path=screenshots / "stop-asks.png")
        page.get_by_role("button", name="Stop this answer").click()
        page.wait_for_selector(".llmkit-footer")
        book.finish(1)
        page.screenshot(path=screenshots / "stop-asked.png")
        book.run(2)
        assert "went on False" in book.cell(2).inner_text()
