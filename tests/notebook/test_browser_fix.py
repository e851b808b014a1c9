"""A cell that fails, ``%llm fix`` and what it puts below, in a real JupyterLab."""

from __future__ import annotations

import pytest
from lab import code, opened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = (
    "%load_ext llmkit",
    "prices = {'tea': 3, 'milk': None}\ntotal = sum(prices.values())",
    "%llm fix sim/coder",
    "from matplotlib.figure import Figure\nfig = Figure(figsize=(3, 2))\nfig.subplots().bar(['tea', 'milk'], [3, 1])",
    "%%llm sonnet --dry-run\nWhat does {{ fig }} show?",
    "%%llm sim/swift --dry-run\nWhy? {{ Err }}",
    "%llm log",
    "%llm keys",
)


def test_fix_explains_and_puts_a_cell_below_that_has_not_run(browser, lab, screenshots):
    with opened(browser, lab, code(*CELLS)) as book:
        for at in range(3):
            book.run(at)
        book.page.wait_for_selector(".llmkit-footer")
        book.page.wait_for_timeout(500)
        book.page.screenshot(path=screenshots / "fix.png")
        for at in range(4, 9):
            book.run(at)
        book.page.wait_for_timeout(500)
        book.cell(8).scroll_into_view_if_needed()
        book.page.screenshot(path=screenshots / "fix-rest.png")
        saved = book.save()
    assert len(saved.cells) == len(CELLS) + 1
    assert saved.cells[3].execution_count is None
    assert saved.cells[3].source.strip()
    assert "[image/png, " in saved.cells[5].outputs[0].text
    assert "TypeError: unsupported operand" in saved.cells[6].outputs[0].text
    assert "sim/coder" in saved.cells[7].outputs[0].data["text/plain"]
