"""What a long answer costs the page: a real JupyterLab in Chromium, with the live pane and without it.

    python -m benchmarks.page [--tokens 20000] [--rate 500] [--shape mixed] [--without-pane] [--json]

The simulator streams an answer into a ``%%llm`` cell; a page of Chromium watches. Printed: display messages and
bytes on the websocket, the page's busy time (``TaskDuration``) of all the time, the longest gap between two
frames and how many were over 50 and 200 ms, and how long after the last token left the simulator the whole text
stood on the page. A machine with other work to do shows larger gaps: read them beside an idle page's, and beside
the longest task in the page's own time on a processor, which other work does not lengthen.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.browser import FRAMES, KINDS, Work, helpers, opened_lab

END = "ThisIsTheEnd"

_PROSE = "The quick brown fox **jumps** over the lazy dog, and then it `returns` to where it began. "
_CODE = "for number in range(10):\n    total = total + number * number  # and so on\nprint(total)\n"
_LIST = "- An item with *some* words in it, of which there are about a dozen\n"
_TABLE = "| some value | another value | and a third |\n"
_HEAD = "| one | two | three |\n|---|---|---|\n"
_SECTION = f"## A heading\n\n{_PROSE * 3}\n\n{_LIST * 4}\n```python\n{_CODE * 3}```\n\n{_HEAD}{_TABLE * 4}\n"

#: What comes first, what is repeated, and what comes last.
SHAPES = {
    "mixed": ("", _SECTION, ""),
    "prose": ("", f"{_PROSE * 4}\n\n", ""),
    "line": ("", _PROSE, ""),
    "code": ("```python\n", _CODE, "```\n"),
    "list": ("", _LIST, ""),
    "table": (_HEAD, _TABLE, ""),
}

#: Notes when the whole text stood on the page, and when its final form did.
WATCH = """end => {
  const seen = Object.assign(window.seen, { done: 0, swapped: 0 });
  new MutationObserver(() => {
    if (seen.swapped) return;
    const words = document.querySelector(".jp-OutputArea .llmkit-md");
    if (!seen.done && words?.textContent.includes(end)) seen.done = Date.now();
    if (seen.done && document.querySelector(".llmkit-footer")) seen.swapped = Date.now();
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


LOAD = """%load_ext llmkit
import llmkit.sim
from pathlib import Path
from llmkit.sim import Say
text = Path("answer.md").read_text("utf-8")
llmkit.sim.default().script(lambda ask: Say(text))
print(len(text))"""
#: The journal's own clock is monotonic; this is the same moment as a page would tell it.
ENDED = "seen = llmkit.sim.default().requests[-1]\nprint(1000 * (seen.at + seen.ended - seen.started))"


def answer(shape: str, tokens: int) -> str:
    """An answer of about that many simulated tokens, whose last word is ``END``."""
    from llmkit.sim.tokens import count

    first, again, last = SHAPES[shape]
    return f"{first}{again * max(1, tokens // count(again))}{last}\n\n{END}\n"


def measure(
    browser: Any,
    lab: Any,
    *,
    shape: str,
    tokens: int,
    rate: float,
    pane: bool = True,
    picture: Path | None = None,
) -> dict[str, float]:
    """Stream one such answer into a cell of a new notebook, and say what the page had to do for it."""
    opened, code = helpers().opened, helpers().code
    text = answer(shape, tokens)
    (lab.books / "answer.md").write_text(text, "utf-8")
    load = LOAD if pane else f"{LOAD}\n%config LLMKit.display = 'html'"
    ask = f"%%llm sim/bench:rate={rate:g},ttft=0,tokens=1000000 --max-tokens 100000\nSay it."
    with opened(browser, lab, code(load, ask, ENDED), "page.ipynb") as book:
        book.run(0)
        book.page.evaluate(FRAMES)
        book.page.evaluate(WATCH, END)
        work = Work(book.page)
        browser.start_tracing(page=book.page, categories=["toplevel"])
        book.frames.clear()
        book.start(1)
        began = book.page.evaluate("performance.now()")
        # Looking from outside costs the page time as well, so it is asked seldom.
        book.page.wait_for_function("() => window.seen.swapped", polling=500, timeout=120_000)
        took = (book.page.evaluate("performance.now()") - began) / 1000
        busy = work.seconds("own")
        longest = _longest_task(browser.stop_tracing())
        seen = book.page.evaluate("cancelAnimationFrame(window.seen.next), window.seen")
        size, messages = sum(map(len, book.frames)), book.messages(*KINDS)
        if picture is not None:
            book.page.screenshot(path=picture)
        book.finish(1)
        book.run(2)
        ended = float(book.cell(2).locator(".jp-OutputArea-output").inner_text())
        kept = book.save().cells[1].outputs
    gaps = sorted(seen["gaps"])
    plain = "".join(output.data.get("text/plain", "") for output in kept)
    return {
        "characters": len(text),
        "seconds": round(took, 1),
        "messages": messages,
        "MB": round(size / 1e6, 2),
        "page busy s": round(busy, 2),
        "gaps > 50 ms": sum(gap > 50 for gap in gaps),
        "gaps > 200 ms": sum(gap > 200 for gap in gaps),
        "longest gap ms": round(gaps[-1]),
        "longest task ms": round(max(seen["long"], default=0)),
        "longest task, own ms": round(longest),
        "text after ms": round(seen["done"] - ended),
        "final form after ms": round(seen["swapped"] - ended),
        "times in what is saved": plain.count(END),
    }


def _longest_task(trace: bytes) -> float:
    """Milliseconds on a processor of the longest task of any page's main thread."""
    events = json.loads(trace)["traceEvents"]
    pages = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = (
        event for event in events if "RunTask" in event["name"] and (event["pid"], event["tid"]) in pages
    )
    return max((task.get("tdur", 0) / 1000 for task in tasks), default=0.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=500, help="tokens a second")
    parser.add_argument("--shape", choices=[*SHAPES, "all"], default="mixed")
    parser.add_argument("--without-pane", action="store_true", help="only as a page without widgets gets it")
    parser.add_argument("--with-pane", action="store_true", help="only with the live pane")
    parser.add_argument("--screenshots", type=Path, help="a folder for a picture of each")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    asked = parser.parse_args()
    shapes = list(SHAPES) if asked.shape == "all" else [asked.shape]
    ways = [True] if asked.with_pane else [False] if asked.without_pane else [True, False]
    with opened_lab() as (browser, lab):
        for shape in shapes:
            for pane in ways:
                name = f"{shape}-{'pane' if pane else 'html'}"
                picture = asked.screenshots / f"{name}.png" if asked.screenshots else None
                found = measure(
                    browser,
                    lab,
                    shape=shape,
                    tokens=asked.tokens,
                    rate=asked.rate,
                    pane=pane,
                    picture=picture,
                )
                told = "\n".join(f"  {what:24}{value:>12,}" for what, value in found.items())
                print(json.dumps({"name": name, **found}) if asked.json else f"{name}\n{told}", flush=True)


if __name__ == "__main__":
    main()
