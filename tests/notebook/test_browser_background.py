"""Answers in the background and side by side in a real JupyterLab: other cells run, and each answer stays in its place."""

from __future__ import annotations

import pytest
from lab import code, opened, reopened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STOP = ".llmkit-pane .llmkit-stop"


def test_an_answer_grows_in_its_cell_while_another_cell_runs(browser, lab, screenshots):
    lab.theme("Light")
    cells = code(
        "%load_ext llmkit",
        "%%llm sim/bench:tokens=60000,rate=100,ttft=0 --bg -o job\nTell me all about it.",
        "print('the second cell ran,', job.state)",
        "%llm bg",
        "%%llm sim/swift@status=401 --bg\nTell me.",
        "print(job.reply().complete)",
    )
    with opened(browser, lab, cells) as book:
        book.run(0)
        book.run(1)
        book.page.wait_for_selector(STOP)
        book.run(2)
        book.run(3)
        book.run(4)
        book.cell(4).locator("text=AuthError").wait_for()
        book.page.screenshot(path=screenshots / "background.png")
        assert "the second cell ran, running" in book.cell(2).inner_text()
        shown = book.cell(1).locator(".jp-OutputArea")
        assert shown.locator(".llmkit-pane").count() == 1
        shown.locator(".llmkit-stop").click()
        shown.locator(".llmkit-footer").wait_for()
        book.run(5)
        book.page.screenshot(path=screenshots / "background-stopped.png")
        saved = book.save()
    (answer,) = saved.cells[1].outputs
    assert set(answer.data) == {"text/plain", "text/markdown", "text/html"}
    assert "■ Stopped. This is the answer as far as it came." in answer.data["text/plain"]
    assert saved.cells[2].outputs[0].text == "the second cell ran, running\n"
    assert saved.cells[5].outputs[0].text == "False\n"
    assert "widgets" not in saved.metadata


def test_a_cell_compares_models_and_reads_without_a_kernel(browser, lab, screenshots):
    lab.theme("Dark")
    cells = code("%load_ext llmkit", "%%llm --compare swift,sage --repeat 2 -o cmp\nWhy is the sky blue?")
    with opened(browser, lab, cells) as book:
        book.run(0)
        book.run(1)
        book.page.locator(".llmkit-compare").wait_for(state="attached")  # the living one stands over it
        book.page.screenshot(path=screenshots / "compared.png")
        saved = book.save()
    (shown,) = saved.cells[1].outputs
    assert set(shown.data) == {"text/plain", "text/markdown", "text/html"}
    with reopened(browser, lab) as book:
        assert "sage" in book.page.locator(".llmkit-compare").inner_text()
    lab.theme("Light")
