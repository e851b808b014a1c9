"""The quickstart in a real JupyterLab, seen through a real Chromium: text grows, and is saved once."""

from __future__ import annotations

import nbformat
import pytest
from kernel import ROOT
from lab import WATCH, code, opened

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def quickstart():
    """The cells of the quickstart, without outputs."""
    cells = nbformat.read(ROOT / "notebooks" / "00_quickstart.ipynb", as_version=4).cells
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return cells


def test_the_quickstart_grows_before_ones_eyes_and_is_saved_once(browser, lab, screenshots):
    lab.theme("Light")
    cells = quickstart()
    asks = [at for at, cell in enumerate(cells) if cell.source.startswith("%%llm")]
    load = next(at for at, cell in enumerate(cells) if "%load_ext" in cell.source)
    with opened(browser, lab, cells) as book:
        book.run(load)
        book.page.evaluate(WATCH)
        book.start(asks[0])
        book.page.wait_for_function("() => window.lengths.length > 3")
        book.page.screenshot(path=screenshots / "growing.png")
        book.wait_idle()
        book.page.wait_for_selector(".llmkit-footer")
        lengths = book.page.evaluate("window.lengths")
        assert len([n for n in lengths if n < max(lengths)]) >= 3
        book.page.wait_for_function("() => !document.querySelector('.llmkit-live')")
        for at in range(asks[0] + 1, len(cells)):
            if cells[at].cell_type == "code":
                book.run(at)
        for count, at in enumerate(asks):
            book.cell(at).scroll_into_view_if_needed()
            book.cell(at).screenshot(path=screenshots / f"answer{count}.png")
        book.page.evaluate("document.querySelector('.jp-WindowedPanel-outer, .jp-Notebook').scrollTop = 0")
        book.page.wait_for_timeout(300)
        book.page.screenshot(path=screenshots / "quickstart.png")
        saved = book.save()
    for at in asks:
        (output,) = saved.cells[at].outputs
        assert set(output.data) == {"text/plain", "text/markdown", "text/html"}
    answer = saved.cells[asks[0]].outputs[0].data["text/plain"].splitlines()[0]
    assert (
        lab.books.joinpath("book.ipynb").read_text("utf-8").count(f'"{answer}\\n",\n') == 2
    )  # plain, Markdown
    assert "widgets" not in saved.metadata


def test_an_interrupt_from_the_toolbar_leaves_the_partial_answer_and_one_line(browser, lab, screenshots):
    cells = code("%load_ext llmkit", "%%llm sim/bench:tokens=100000,rate=60,ttft=0\nWhy is the sky blue?")
    with opened(browser, lab, cells) as book:
        book.run(0)
        book.page.evaluate(WATCH)
        book.start(1)
        book.page.wait_for_function("() => window.lengths.length > 2")
        book.page.keyboard.press("Escape")
        book.page.keyboard.press("i")
        book.page.keyboard.press("i")
        book.page.wait_for_selector("text=Interrupted. The partial answer is in _llm.")
        book.wait_idle()
        book.page.screenshot(path=screenshots / "interrupted.png")
        saved = book.save()
    shown, error = saved.cells[1].outputs
    assert "■ Interrupted" in shown.data["text/plain"]
    assert len(str(error)) < 1000


def test_an_error_on_the_pages_console_fails_the_test_that_saw_it(browser, lab):
    with pytest.raises(AssertionError, match="page's console"), opened(browser, lab, code("1")) as book:
        book.page.evaluate("console.error('planted')")


FORMULAS = r"""%load_ext llmkit
import llmkit.sim
from llmkit.sim import Say
formula = r"So $e^{i\pi} + 1 = 0$, which costs $5, not $6, and $\href{javascript:alert(1)}{x}$ stays as it is. "
_ = llmkit.sim.default().script(lambda ask: Say(formula * 20))"""
TYPESET = "() => document.querySelectorAll('.llmkit-md mjx-container').length"
#: Notes a formula that is typeset before the answer has its footer, and so its end.
EARLY = """() => {
  window.early = 0;
  new MutationObserver(() => {
    if (!document.querySelector('.llmkit-footer') && document.querySelector('.llmkit-md mjx-container'))
      window.early += 1;
  }).observe(document.body, {childList: true, subtree: true});
}"""


@pytest.mark.parametrize("setting", ["live", "html"])
def test_formulas_are_typeset_if_asked_once_the_answer_is_complete_and_prices_never(
    browser, lab, screenshots, setting
):
    asks = "%%llm sim/bench:rate=200,ttft=0,tokens=1000\nSay it."
    setup = f"{FORMULAS}\n%config LLMKit.display = '{setting}'\n%config LLMKit.maths = True"
    off = "%config LLMKit.maths = False\n_llm"
    with opened(browser, lab, code(setup, asks, off)) as book:
        book.run(0)
        book.page.evaluate(WATCH)
        book.page.evaluate(EARLY)
        book.start(1)
        book.page.wait_for_selector(".llmkit-footer")
        lengths = book.page.evaluate("window.lengths")
        assert len([n for n in lengths if n < max(lengths)]) > 1, "it grew"
        assert book.page.evaluate("window.early") == 0
        book.finish(1)
        book.page.wait_for_function(f"{TYPESET.removesuffix('.length')}.length === 20")
        book.page.screenshot(path=screenshots / f"formulas-{setting}.png")
        shown = book.page.locator(".llmkit-md").inner_text()
        assert "which costs $5, not $6, and $\\href{javascript:alert(1)}{x}$ stays" in shown
        assert book.page.locator(".llmkit-md mjx-container a").count() == 0
        book.run(2)
        assert book.page.evaluate(TYPESET) == 20
        assert "So $e^{i\\pi} + 1 = 0$" in book.page.locator(".llmkit-md").last.inner_text()
