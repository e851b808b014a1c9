"""What a comparison costs the page: eight answers at once in a real JupyterLab in Chromium.

    python -m benchmarks.compare_page [--panes 8] [--rate 200] [--seconds 20] [--screenshots FOLDER] [--json]

The simulator streams into ``llmkit.compare(..., block=False)``; a page of Chromium watches. Halfway a reader scrolls
one pane up, stops another, and runs a cell. Printed: messages and bytes on the websocket, the page's task time
(``TaskDuration``) as a share of all the time, by the clock and as processor time (what other programs take is not the
page's doing), gaps between frames, whether any word was lost, whether the reader kept the place, and whether the other cell ran.
A machine with other work to do shows larger gaps.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from benchmarks.browser import FRAMES, KINDS, Work, helpers, opened_lab

GOING = "() => !document.querySelector('.llmkit-cmp-progress') || document.querySelector('.llmkit-cmp-progress').hidden"
TEXTS = "import json; print(json.dumps([[cell.status, cell.text] for cell in cmp]))"


def measure(
    browser: Any,
    lab: Any,
    *,
    panes: int = 8,
    rate: float = 200,
    seconds: float = 20,
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Compare so many answers in a new notebook, and say what the page had to do for it."""
    module = helpers()
    tokens = int(rate * seconds)
    models = [f"sim/bench:tokens={tokens + n},rate={rate:g},ttft=0" for n in range(panes)]
    ask = f"cmp = llmkit.compare('Tell me all about it.', {models!r}, block=False, max_tokens=100_000)"
    cells = module.code("%load_ext llmkit\nimport llmkit", ask, "6 * 7", TEXTS)
    with module.opened(browser, lab, cells, "compare.ipynb") as book:
        page = book.page
        book.run(0)
        page.evaluate(FRAMES)
        work = Work(page)
        book.frames.clear()
        began = page.evaluate("performance.now()")
        book.start(1)
        page.wait_for_selector(".llmkit-cmp-pane", timeout=20_000)
        page.wait_for_timeout(seconds * 400)
        body = page.locator(".llmkit-cmp-body").nth(1)
        body.evaluate("node => { node.scrollTop = 40 }")
        book.run(2)
        answered = book.cell(2).locator(".jp-OutputArea-output").inner_text()
        going = not page.evaluate(GOING)
        if panes > 2:
            page.locator(".llmkit-cmp-pane").nth(2).get_by_role("button", name="Stop:").click()
        if pictures is not None:
            page.screenshot(path=pictures / "compare-streaming.png")
        page.wait_for_function(GOING, polling=500, timeout=120_000)
        took = (page.evaluate("performance.now()") - began) / 1000
        own, wall = work.seconds("own"), work.seconds("wall")
        seen = page.evaluate("cancelAnimationFrame(window.seen.next), window.seen")
        size, messages = sum(map(len, book.frames)), book.messages(*KINDS)
        page.wait_for_timeout(500)
        kept = body.evaluate("node => node.scrollTop")
        shown = page.locator(".llmkit-cmp-body .llmkit-md").all_inner_texts()
        book.run(3)
        cells_ = json.loads(book.cell(3).locator(".jp-OutputArea-output").inner_text())
        saved = book.save()
        if pictures is not None:
            page.screenshot(path=pictures / "compare-done.png")
    with module.reopened(browser, lab, "compare.ipynb") as book:
        book.page.wait_for_timeout(500)
        twin = book.page.locator(".llmkit-compare .llmkit-md").all_inner_texts()
        if pictures is not None:
            book.page.screenshot(path=pictures / "compare-reopened.png")
    gaps = sorted(seen["gaps"])
    words = [_words(text) for _, text in cells_]
    return {
        "seconds": round(took, 1),
        "characters": sum(len(text) for _, text in cells_),
        "messages": messages,
        "messages a second": round(messages / took, 1),
        "MB": round(size / 1e6, 2),
        "page tasks %": round(100 * wall / took, 1),
        "page tasks, own time %": round(100 * own / took, 1),
        "gaps > 50 ms": sum(gap > 50 for gap in gaps),
        "gaps > 200 ms": sum(gap > 200 for gap in gaps),
        "longest gap ms": round(gaps[-1]),
        "longest task ms": round(max(seen["long"], default=0)),
        "panes without a word lost": sum(map(_same, words, map(str.split, shown))),
        "the same when reopened": sum(map(_same, words, map(str.split, twin))),
        "reader kept the place": kept == 40,
        "another cell ran meanwhile": answered == "42" and going,
        "statuses": ", ".join(
            f"{[s for s, _ in cells_].count(s)} {s}" for s in dict.fromkeys(s for s, _ in cells_)
        ),
        "widget state saved": "widgets" in saved.metadata,
    }


def _words(text: str) -> list[str]:
    return re.sub(r"[`*]", "", text).split()


def _same(one: list[str], other: list[str]) -> bool:
    return bool(one) and one == other


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--panes", type=int, default=8)
    parser.add_argument("--rate", type=float, default=200, help="tokens a second, in each pane")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--screenshots", type=Path, help="a folder for pictures")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    asked = parser.parse_args()
    with opened_lab() as (browser, lab):
        found = measure(
            browser,
            lab,
            panes=asked.panes,
            rate=asked.rate,
            seconds=asked.seconds,
            pictures=asked.screenshots,
        )
    told = "\n".join(f"  {what:28}{value!s:>14}" for what, value in found.items())
    print(json.dumps(found) if asked.json else told, flush=True)


if __name__ == "__main__":
    main()
