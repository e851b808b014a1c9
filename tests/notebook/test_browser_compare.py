"""A comparison in a real JupyterLab: panes that live, a reader who is left in peace, a vote, and what is kept of it."""

from __future__ import annotations

import re

import pytest
from lab import code, opened, reopened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG = "sim/bench:tokens=2000,rate=200,ttft=0"
ENDLESS = "sim/bench:tokens=100000,rate=100,ttft=0"
BROKEN = "sim/bench:tokens=9,rate=0@status=500"
GOING = "() => !document.querySelector('.llmkit-cmp-progress').hidden"
DONE = "() => document.querySelector('.llmkit-cmp-progress').hidden"


def words(text):
    return re.sub(r"[`*]", "", text).split()


def test_a_comparison_lives_while_other_cells_run_and_is_read_without_a_kernel(browser, lab, screenshots):
    from playwright.sync_api import expect  # it is there if there is a browser

    lab.theme("Light")
    ask = f"cmp = llmkit.compare('Tell me.', ['sim/sage', '{LONG}', '{ENDLESS}', '{BROKEN}'], block=False)"
    tell = (
        "[c.status for c in cmp], [(v.kind, v.winner, v.blind) for v in cmp.votes], best.text == cmp[0].text"
    )
    cells = code("%load_ext llmkit\nimport llmkit", ask, "6 * 7", "cmp[1].text", tell)
    with opened(browser, lab, cells, "compare.ipynb") as book:
        page = book.page
        book.run(0)
        book.start(1)
        pane = page.locator(".llmkit-cmp-pane")
        body = pane.nth(1).locator(".llmkit-cmp-body")
        page.wait_for_function(
            "() => { const b = document.querySelectorAll('.llmkit-cmp-body')[1]; return b && b.scrollTop > 200 }",
        )
        page.screenshot(path=screenshots / "compare-streaming.png")

        body.evaluate("node => { node.scrollTop = 60 }")  # the reader goes back
        book.run(2)
        assert book.cell(2).locator(".jp-OutputArea-output").inner_text() == "42"
        assert page.evaluate(GOING)
        page.get_by_role("button", name=f"Stop: {ENDLESS}").click()
        pane.nth(2).get_by_text("■ stopped").wait_for()
        assert pane.nth(1).get_attribute("data-status") in ("running", "ok"), "the others are left alone"
        page.wait_for_function(DONE)
        page.wait_for_timeout(300)
        assert body.evaluate("node => node.scrollTop") == 60
        book.run(3)
        whole = eval(book.cell(3).locator(".jp-OutputArea-output").inner_text(), {"__builtins__": {}})
        assert len(whole) > 7_000
        assert body.inner_text().split() == words(whole)
        page.screenshot(path=screenshots / "compare-done.png")

        page.get_by_role("button", name="Keep in a variable: sim/sage").click()
        page.keyboard.press("Enter")
        page.get_by_text("sim/sage is in best").wait_for()
        page.get_by_role("button", name="Hide who wrote what until there is a vote").click()
        page.locator(".llmkit-cmp").get_by_text("Answer A", exact=True).first.wait_for()
        output = book.cell(1).locator(".jp-OutputArea-child").first
        hidden = output.evaluate("node => node.outerHTML")
        assert [name for name in ("sage", "bench", "TTFT", "$0") if name in hidden] == []
        page.screenshot(path=screenshots / "compare-blind.png")
        at = next(n for n in range(4) if "simulated model" in pane.nth(n).inner_text())
        page.locator(".llmkit-cmp-said").click()  # anywhere in it, and the keys are the vote's
        page.keyboard.press(str(at + 1))
        pane.nth(at).get_by_text("★ voted best").wait_for()
        assert "sim/sage" in pane.nth(at).inner_text()
        book.run(4)
        said = book.cell(4).locator(".jp-OutputArea-output").inner_text()
        assert eval(said, {"__builtins__": {}}) == (
            ["ok", "ok", "cancelled", "error"],
            [("win", "sim/sage", True)],
            True,
        )
        page.set_viewport_size({"width": 640, "height": 900})
        tabs = page.locator(".llmkit-cmp-tabs").get_by_role("tab")
        tabs.first.wait_for()
        expect(page.locator(".llmkit-cmp-pane:visible")).to_have_count(1)
        tabs.nth(2).click()
        pane.nth(2).wait_for()
        page.screenshot(path=screenshots / "compare-narrow.png")
        saved = book.save()
    (kept,) = saved.cells[1].outputs
    assert set(kept.data) == {"text/plain", "text/markdown", "text/html"}
    assert "widgets" not in saved.metadata
    with reopened(browser, lab, "compare.ipynb", kernel=False) as book:
        assert book.page.locator(".llmkit-cmp").count() == 0
        assert "★ voted best" in book.page.locator(".llmkit-compare").inner_text()
        book.page.screenshot(path=screenshots / "compare-reopened.png")
    lab.rest()


def test_many_prompts_are_a_table_that_the_keyboard_walks(browser, lab, screenshots):
    from playwright.sync_api import expect  # it is there if there is a browser

    lab.theme("Dark")
    ask = "grid = llmkit.compare([f'Question {n}?' for n in range(6)], ['sim/swift', 'sim/sage'], max_concurrency=4, blind=True)"
    # An answer before it, whose pane came and went: a page that is loaded again must not wait for that.
    before = "%load_ext llmkit\nimport llmkit\nreply = %llm -m sim/bench:tokens=60,rate=60,ttft=0 Go on."
    with opened(browser, lab, code(before, ask), "matrix.ipynb") as book:
        page = book.page
        book.run(0)
        book.start(1)
        page.wait_for_selector(".llmkit-cmp-mark[data-status=ok]")
        page.screenshot(path=screenshots / "compare-matrix-streaming.png")
        book.finish(1)
        page.locator(".llmkit-cmp-mark").first.click()
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        page.locator(".llmkit-cmp-label", has_text="Question 3?").wait_for()
        page.wait_for_function(
            "() => document.querySelector('.llmkit-cmp-body').innerText.includes('Question 3')",
        )
        expect(page.locator("tr[aria-selected=true]")).to_contain_text("Question 3?")
        expect(page.locator(".llmkit-cmp-mark[data-status=ok]")).to_have_count(12)
        page.screenshot(path=screenshots / "compare-matrix.png")

        # One click, and from there vote after vote by key, though every step draws the answers anew.
        for number, pressed in ((3, None), (4, "2"), (5, "1")):
            page.locator(".llmkit-cmp-label", has_text=f"Question {number}?").wait_for(timeout=10_000)
            page.locator(".llmkit-cmp-said", has_text="Which is best?").wait_for(timeout=10_000)
            if pressed:
                page.keyboard.press(pressed)
            else:
                page.locator(".llmkit-cmp-best").first.click()
            page.locator(".llmkit-cmp-said", has_text="Voted: sim/").wait_for(timeout=10_000)
            page.keyboard.press("n")
        page.get_by_text("3 of 6 voted").wait_for(timeout=10_000)
        page.screenshot(path=screenshots / "compare-matrix-voted.png")
        for number in (4, 3):
            page.keyboard.press("p")
            page.locator(".llmkit-cmp-label", has_text=f"Question {number}?").wait_for(timeout=10_000)

        book.save()
        page.goto(f"{lab.url}/doc/tree/matrix.ipynb?reset", wait_until="domcontentloaded")
        # The same kernel, another page: it lives on where it was.
        page.locator(".llmkit-cmp-label", has_text="Question 3?").wait_for()
        expect(page.locator(".llmkit-cmp-mark[data-status=ok]")).to_have_count(12)
