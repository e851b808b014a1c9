"""The dashboard in a real JupyterLab: controls change tiles, table and plot; it opens down to a call; it is kept as figures."""

from __future__ import annotations

import pytest
from lab import code, opened, reopened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETUP = """import llmkit
from datetime import UTC, datetime
book = llmkit.sim.history(days=20, calls=400, until=datetime.now(UTC))
board = book.dashboard(live=True)
board"""
CALL = """row = book.ledger.begin(call="c", attempt=1, session="s", provider="p", model="brand-new", simulated=True)
book.ledger.settle(row, status="ok")"""


def test_a_dashboard_is_driven_by_hand_and_kept_as_figures(browser, lab, screenshots):
    from playwright.sync_api import expect  # it is there if there is a browser

    lab.theme("Dark")
    with opened(browser, lab, code(SETUP, CALL)) as book:
        book.page.set_viewport_size({"width": 1180, "height": 1500})
        book.run(0)
        shown = book.cell(0)
        tiles, names = shown.locator(".llmkit-dashboard .llmkit-tiles"), shown.locator(".llmkit-name:visible")
        shown.locator(".js-plotly-plot .bars").first.wait_for()
        assert shown.locator(".llmkit-twin").is_hidden()
        before = tiles.inner_text(), names.all_inner_texts()
        book.page.screenshot(path=screenshots / "dashboard.png")

        shown.get_by_label("provider").select_option("anthropic")
        expect(names).to_have_count(2)  # rows change one after the other
        assert set(names.all_inner_texts()) == {"claude-sonnet-5-5", "claude-haiku-5-5"} < set(before[1])
        expect(tiles).not_to_have_text(before[0], use_inner_text=True)

        shown.get_by_label("provider").select_option("openai")  # and one more
        names.filter(has_text="gpt-6-luna").first.wait_for()
        shown.get_by_role("button", name="openai ×").click()
        expect(names).to_have_count(2)

        names.filter(has_text="claude-haiku-5-5").click()
        book.page.get_by_text("page 1 of").wait_for()
        names.first.click()
        call = shown.locator(".llmkit-call")
        call.wait_for()
        assert "claude-haiku-5-5" in call.inner_text()
        shown.get_by_role("button", name="‹ Back").click()
        call.wait_for(state="hidden")
        shown.get_by_role("button", name="‹ Back").click()

        shown.get_by_label("provider").select_option("any")
        names.filter(has_text="gpt-6-luna").first.wait_for()
        shown.get_by_label("plot", exact=True).select_option("Latency")
        shown.locator(".js-plotly-plot .boxlayer").first.wait_for()
        book.run(1)
        names.filter(has_text="brand-new").wait_for()  # it has seen the new call by itself
        book.page.screenshot(path=screenshots / "dashboard-live.png")
        saved = book.save()
    live, twin = saved.cells[0].outputs
    assert live.data["text/plain"] == ""
    assert "brand-new" in twin.data["text/html"]
    with reopened(browser, lab, kernel=False) as book:
        book.page.locator(".llmkit-twin").wait_for()
        assert "brand-new" in book.page.locator(".llmkit-twin").inner_text()
    lab.theme("Light")
