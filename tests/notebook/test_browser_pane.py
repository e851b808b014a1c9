"""The live pane in a real JupyterLab: a Stop button that works, few messages, and nothing of it that is saved."""

from __future__ import annotations

import json
import time

import nbformat
import pytest
from lab import WATCH, code, opened, reopened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

JOURNAL = "import llmkit.sim\n[(seen.outcome, seen.tokens_sent) for seen in llmkit.sim.default().requests]"
STOP = ".llmkit-pane .llmkit-stop"


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_stop_button_stops_an_answer_of_a_minute_and_the_notebook_goes_on(browser, lab, screenshots, theme):
    lab.theme(theme)
    cells = code(
        "%load_ext llmkit",
        "%%llm sim/bench:tokens=6000,rate=100,ttft=0 -o part\nTell me all about it.",
        "print('went on with', part.complete, part is _llm)",
        JOURNAL,
    )
    with opened(browser, lab, cells) as book:
        book.run(0)
        book.page.evaluate(WATCH)
        book.start(1)
        book.page.wait_for_selector(STOP)
        book.page.keyboard.press("Escape")
        book.cell(2).locator(".jp-InputArea").click()
        book.page.keyboard.press("Control+Enter")  # waits its turn
        book.page.wait_for_function("() => window.lengths.length > 12", timeout=30_000)
        book.page.screenshot(path=screenshots / f"pane-{theme.lower()}.png")
        button = book.page.get_by_role("button", name="Stop this answer")
        button.focus()
        before = time.monotonic()
        book.page.keyboard.press("Enter")
        book.page.wait_for_selector(".llmkit-footer", timeout=20_000)
        waited = time.monotonic() - before
        book.wait_idle()
        book.page.wait_for_selector("text=went on with False True")
        book.page.screenshot(path=screenshots / f"stopped-{theme.lower()}.png")
        book.run(3)
        saved = book.save()
    print(f"stopped after {waited:.2f} s")
    (shown,) = saved.cells[1].outputs
    assert shown.output_type == "display_data"
    assert set(shown.data) == {"text/plain", "text/markdown", "text/html"}
    assert "■ Stopped. This is the answer as far as it came." in shown.data["text/plain"]
    assert "client_closed" in saved.cells[3].outputs[0].data["text/plain"]
    assert "widgets" not in saved.metadata
