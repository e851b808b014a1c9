"""Our notebooks as a visitor goes through them, in a real JupyterLab: run all, watch, click, stop, vote, filter, save,
and open again where no kernel is. What the page's console complains of fails them, and so does a page that looks
grossly unlike what it did (``pictures.py``). ``LLMKIT_SCREENSHOTS`` names a folder that keeps the pictures."""

from __future__ import annotations

import shutil

import nbformat
import pytest
from kernel import ROOT
from lab import WATCH, code, opened, reopened
from pictures import check

pytestmark = [pytest.mark.browser, pytest.mark.slow]

QUICK = 'import os\nos.environ["LLMKIT_SIM_PACE"] = "6"'


def notebook(name, *, first="", changed=()):
    """The cells of a notebook that we ship, without outputs; lines of it changed as a reader might."""
    cells = nbformat.read(next((ROOT / "notebooks").glob(f"{name}_*.ipynb")), as_version=4).cells
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        for old, new in (*changed, ("../docs/pictures/", "")):
            cell.source = cell.source.replace(old, new)
    return [*code(*([first] if first else [])), *cells]


def place(cells, beginning):
    """Where the cell is that begins so."""
    return next(at for at, cell in enumerate(cells) if cell.source.startswith(beginning))


def unexpected(saved):
    """Errors that are saved in cells that don't say they raise."""
    return [
        output.evalue
        for cell in saved.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", ())
    ]


def picture(book, at, path):
    """A cell's picture, looked at."""
    book.cell(at).scroll_into_view_if_needed()
    book.page.mouse.move(0, 0)
    book.page.wait_for_timeout(300)
    book.cell(at).screenshot(path=path)
    check(path)


def test_the_cell_is_stopped_by_its_button_run_again_and_read_without_a_kernel(browser, lab, screenshots):
    lab.theme("Light")
    cells = notebook("01")
    slow, quick = len(cells), len(cells) + 1
    cells += code(*(f"%config LLMKit.model = '{name}'" for name in ("sim/sage:rate=1,ttft=0", "sage")))
    sky, chat = place(cells, "%%llm -o sky"), place(cells, "%llm chat")
    for drawn in (ROOT / "docs" / "pictures").glob("*.png"):
        shutil.copy(drawn, lab.books)
    with opened(browser, lab, cells, "cell.ipynb") as book:
        book.run(place(cells, "import pandas"))
        book.run(slow)
        book.page.evaluate(WATCH)
        book.start(sky)
        book.page.wait_for_function("() => window.lengths.length > 1")
        book.cell(sky).locator(".llmkit-stop").click()
        book.finish(sky)
        assert "Stopped. This is the answer as far as it came." in book.cell(sky).inner_text()
        book.cell(sky).screenshot(path=screenshots / "cell-stopped.png")
        book.run(quick)
        book.run(sky)
        assert "as far as it came" not in book.cell(sky).inner_text()
        picture(book, sky, screenshots / "cell-answered.png")
        for at in (place(cells, "%%llm -c names --new"), place(cells, "%%llm -c names\n"), chat):
            book.run(at)
        picture(book, chat, screenshots / "cell-conversation.png")
        saved = book.save()
    assert unexpected(saved) == []
    assert "Ada" in saved.cells[chat].outputs[0].data["text/plain"]
    with reopened(browser, lab, "cell.ipynb", kernel=False) as book:
        assert "scatters short waves" in book.cell(sky).inner_text()
        picture(book, sky, screenshots / "cell-answered.png")


def test_models_are_compared_watched_and_voted_on_by_hand(browser, lab, screenshots):
    from playwright.sync_api import expect  # it is there if there is a browser

    cells = notebook("02")
    ask, blind = place(cells, "cmp = llmkit.compare"), place(cells, "blind = llmkit.compare")
    with opened(browser, lab, cells, "compare.ipynb") as book:
        page = book.page
        book.begin_all()
        page.wait_for_function(
            "() => document.querySelectorAll('.llmkit-cmp-pane[data-status=running]').length > 1",
        )
        page.screenshot(path=screenshots / "compare-watched.png")
        book.wait_idle(120_000)
        shown = book.cell(ask).locator(".llmkit-cmp")
        picture(book, ask, screenshots / "compare-asked.png")
        shown.get_by_role("button", name="Hide who wrote what until there is a vote").click()
        shown.get_by_text("Answer A", exact=True).first.wait_for()
        expect(shown).not_to_contain_text("scholar")
        page.keyboard.press("1")
        shown.get_by_text("★ voted best").wait_for()
        expect(shown).to_contain_text("sim/")
        page.screenshot(path=screenshots / "compare-voted.png")
        saved = book.save()
    assert unexpected(saved) == []
    assert len(saved.cells[blind].outputs) == 1
    with reopened(browser, lab, "compare.ipynb", kernel=False) as book:
        assert "Rayleigh scattering" in book.cell(ask).inner_text()
        book.cell(ask).screenshot(path=screenshots / "compare-kept.png")


def test_a_month_of_costs_is_drawn_filtered_and_kept(browser, lab, screenshots):
    from playwright.sync_api import expect  # it is there if there is a browser

    dashboard = "llmkit.sim.history(days=30, calls=400).dashboard()"  # a month that ends today
    cells = [*notebook("03", first=QUICK), *code(dashboard)]
    plots = [at for at, cell in enumerate(cells) if cell.source.startswith("book.plot(")]
    board = len(cells) - 1
    with opened(browser, lab, cells, "costs.ipynb") as book:
        book.run_all()
        for at in plots:
            book.cell(at).scroll_into_view_if_needed()
            book.cell(at).locator(".js-plotly-plot .main-svg").first.wait_for()
        picture(book, plots[0], screenshots / "costs-by-day.png")
        shown = book.cell(board)
        names = shown.locator(".llmkit-name:visible")
        names.filter(has_text="gpt-6-luna").first.wait_for()
        tiles = shown.locator(".llmkit-dashboard .llmkit-tiles")
        before = tiles.inner_text()
        shown.get_by_label("provider").select_option("anthropic")
        names.filter(has_text="gpt-6-luna").first.wait_for(state="hidden")
        expect(tiles).not_to_have_text(before, use_inner_text=True)
        shown.screenshot(path=screenshots / "costs-filtered.png")
        saved = book.save()
    assert unexpected(saved) == []
    with reopened(browser, lab, "costs.ipynb", kernel=False) as book:
        book.cell(plots[0]).locator(".js-plotly-plot .main-svg, img").first.wait_for()
        picture(book, plots[0], screenshots / "costs-by-day.png")


def test_an_outage_is_played_live_and_told(browser, lab, screenshots):
    cells = notebook("06", first=QUICK)
    told, rows = place(cells, 'for event in session.stream("Why is'), place(cells, "rows = session.usage(")
    with opened(browser, lab, cells, "routing.ipynb") as book:
        book.run_all()
        picture(book, told, screenshots / "routing-outage.png")
        picture(book, rows, screenshots / "routing-rows.png")
        saved = book.save()
    assert unexpected(saved) == []
    words = saved.cells[told].outputs[0].text
    assert words.startswith("→ first/m did not answer")
    assert "answered by second/m" in words
    with reopened(browser, lab, "routing.ipynb", kernel=False) as book:
        assert "answered by second/m" in book.cell(told).inner_text()
        picture(book, told, screenshots / "routing-outage.png")
