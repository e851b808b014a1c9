"""The live pane in a real JupyterLab: a Stop button that works, few messages, and nothing of it that is saved."""

from __future__ import annotations

import time

import pytest
from lab import WATCH, code, opened, reopened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

JOURNAL = "import llmkit.sim\n[(seen.outcome, seen.tokens_sent) for seen in llmkit.sim.default().requests]"
#: When the last byte left the simulator, by the clock that a page has, too.
LAST = "seen = llmkit.sim.default().requests[-1]\n1000 * (seen.at + seen.ended - seen.started)"
STOP = ".llmkit-pane .llmkit-stop"


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_stop_button_stops_an_answer_of_minutes_and_the_notebook_goes_on(
    browser, lab, screenshots, theme
):
    lab.theme(theme)
    cells = code(
        "%load_ext llmkit",
        "%%llm sim/bench:tokens=60000,rate=100,ttft=0 -o part\nTell me all about it.",
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
        book.page.wait_for_function("() => window.lengths.length > 12")
        book.page.screenshot(path=screenshots / f"pane-{theme.lower()}.png")
        button = book.page.get_by_role("button", name="Stop this answer")
        button.focus()
        before = time.monotonic()
        book.page.keyboard.press("Enter")
        book.page.wait_for_selector(".llmkit-footer")
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


def test_a_thousand_tokens_a_second_are_few_messages_and_no_word_is_lost(browser, lab, screenshots):
    from playwright.sync_api import expect  # it is there if there is a browser

    lab.theme("Light")
    cells = code(
        "%load_ext llmkit\nimport llmkit.sim",
        "%%llm sim/bench:tokens=4000,rate=1000,ttft=0\nTell me all about it.",
        "_llm.text, _llm.timing.duration",
        LAST,
    )
    with opened(browser, lab, cells) as book:
        book.run(0)
        book.page.evaluate(WATCH)
        book.frames.clear()
        book.start(1)
        book.page.wait_for_selector(STOP)
        book.page.wait_for_selector(".llmkit-footer")
        book.wait_idle()
        messages = book.messages("display_data", "update_display_data", "comm_open", "comm_msg", "comm_close")
        size = sum(map(len, book.frames))
        print(f"{messages} messages, {size:,} bytes, {len(book.frames)} frames in all")
        shown = book.page.locator(".llmkit-md").inner_text()
        lengths, whole = book.page.evaluate("[window.lengths, window.whole]")
        expect(book.page.locator(".llmkit-pane, .llmkit-live")).to_have_count(0)
        book.run(2)
        book.run(3)
        saved = book.save()
    last = float(saved.cells[3].outputs[0].data["text/plain"])
    print(f"the last of the text was on the page {whole - last:.0f} ms after the last token")
    text, seconds = eval(saved.cells[2].outputs[0].data["text/plain"], {"__builtins__": {}})
    longer = max(1, seconds / 4)  # four seconds' worth of tokens, which take a busy simulator longer
    assert 3 < messages <= 70 * longer
    assert size <= 1_000_000 * longer
    assert len(lengths) > 3
    (output,) = saved.cells[1].outputs
    assert len(text) > 14_000
    plain = text.replace("`", "").replace("*", "").split()
    assert shown.split() == plain
    assert output.data["text/plain"].count(text.strip()) == 1
    assert "widgets" not in saved.metadata
    with reopened(browser, lab, kernel=False) as book:
        assert lab.kernels() == []
        assert book.page.locator(".llmkit-md").inner_text().split() == plain
        book.page.screenshot(path=screenshots / "reopened.png")


PARAGRAPHS = """%load_ext llmkit
import llmkit.sim
from llmkit.sim import Say
kinds = ["Paragraph {n}. " + "It goes on for a while. " * 12, "- Item {n}\\n- and another", "```python\\nline({n})\\n```"]
text = "\\n\\n".join(kind.format(n=n) for n in range(400) for kind in kinds)
llmkit.sim.default().script(lambda ask: Say(text))"""
#: What stands a third down the page, and where; all of them say different things.
READING = """() => {
  const all = [...document.querySelectorAll(".llmkit-md")].at(-1).querySelectorAll("p, li, pre");
  const one = [...all].find(node => node.getBoundingClientRect().top > 300);
  return [one.textContent.trim(), one.getBoundingClientRect().top];
}"""


@pytest.mark.parametrize("setting", ["live", "html"])
def test_a_reader_keeps_the_place_while_the_answer_grows_and_when_it_ends(browser, lab, screenshots, setting):
    asks = "%%llm sim/bench:rate=800,ttft=0,tokens=1000000 --max-tokens 90000\nSay it."
    with opened(browser, lab, code(f"{PARAGRAPHS}\n%config LLMKit.display = '{setting}'", asks)) as book:
        book.run(0)
        book.page.evaluate(WATCH)
        book.start(1)
        book.page.wait_for_function("() => window.lengths.at(-1) > 6000")
        book.page.mouse.move(500, 500)
        book.page.mouse.wheel(0, 900)
        book.page.wait_for_timeout(500)
        reading, before = book.page.evaluate(READING), book.page.evaluate("window.lengths.at(-1)")
        book.page.wait_for_function(f"() => window.lengths.at(-1) > {before} + 2000")
        assert book.page.locator(".llmkit-live").count() == 1
        assert (book.messages("comm_open") == 0) is (setting == "html")
        growing = book.page.evaluate(READING)
        lab.interrupt()  # which touches nothing on the page
        book.page.wait_for_selector(".llmkit-footer")
        book.wait_idle()
        book.page.wait_for_timeout(200)
        ended = book.page.evaluate(READING)
        book.page.screenshot(path=screenshots / f"reading-{setting}.png")
    assert reading[0].startswith(("Paragraph", "Item", "line"))
    assert growing == reading
    assert ended[0] == reading[0]
    assert abs(ended[1] - reading[1]) < 8


def test_every_answer_of_a_loop_has_a_button_of_its_own(browser, lab):
    from playwright.sync_api import expect  # it is there if there is a browser

    cells = code(
        "%load_ext llmkit",
        "for at in range(2):\n    reply = %llm -m sim/bench:tokens=60000,rate=100,ttft=0 Tell me\n    print(at, reply.complete)",
    )
    with opened(browser, lab, cells) as book:
        book.run(0)
        book.start(1)
        for at in range(2):
            book.page.locator(STOP).click()
            book.page.wait_for_selector(f"text={at} False")
        book.wait_idle()
        expect(book.page.locator(".llmkit-footer")).to_have_count(2)
        expect(book.page.locator(STOP)).to_have_count(0)
