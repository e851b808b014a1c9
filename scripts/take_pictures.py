"""Take the pictures of docs/pictures in a real JupyterLab, in a Chromium; the simulator answers.

    python scripts/take_pictures.py [NAME ... | --all FOLDER]

``--all`` runs every shipped notebook instead and pictures its end, into a folder of yours, to look at; what the page's
console complains of is printed.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "notebook"))
from lab import FLAGS, Lab, code, opened, reopened  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
LOAD = "%load_ext llmkit"


def stop(browser: Any, lab: Lab) -> None:
    """An answer under way, with its Stop button."""
    with opened(browser, lab, code(LOAD, "%%llm scholar\nWhy is the sky blue?")) as book:
        book.run(0)
        book.start(1)
        book.page.wait_for_function("() => document.body.innerText.includes('Rayleigh')", timeout=30_000)
        book.page.wait_for_timeout(900)
        book.cell(1).screenshot(path=PICTURES / "stop.png")
        book.finish(1)


def streaming(browser: Any, lab: Lab) -> None:
    """An answer as it grows, until its Stop button is clicked: a picture that moves, at the pace of the page."""
    warm = f"{LOAD}\n%llm -q -m swift --no-history Hello"  # so that the clock of the picture is an answer's alone
    with opened(browser, lab, code(warm, "%%llm sage -o sky\nWhy is the sky blue?")) as book:
        book.run(0)
        page, cell = book.page, book.cell(1)
        page.set_viewport_size({"width": 1000, "height": 900})
        cell.scroll_into_view_if_needed()
        box = cell.bounding_box()
        clip = {"x": box["x"], "y": box["y"], "width": box["width"], "height": 330}
        frames, began = [(page.screenshot(clip=clip), time.monotonic())], time.monotonic()
        book.start(1)
        while time.monotonic() - began < 30:
            frames.append((page.screenshot(clip=clip), time.monotonic()))
            if "At sunset" in cell.inner_text():
                cell.locator(".llmkit-stop").click()
                break
            page.wait_for_timeout(40)
        book.finish(1)
        page.mouse.move(0, 0)
        page.wait_for_timeout(300)
        frames.append((page.screenshot(clip=clip), time.monotonic()))
    write_moving(frames, PICTURES / "streaming.gif")


def write_moving(frames: list[tuple[bytes, float]], path: Path) -> None:
    """A GIF of what was seen when; the first is held for a moment, the last for a while."""
    from PIL import Image

    seen = [Image.open(io.BytesIO(frame)).convert("RGB") for frame, _ in frames]
    palette = seen[-2].quantize(64)
    drawn = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in seen]
    times = [time for _, time in frames]
    shown = [max(40, round(1000 * (after - before))) for before, after in pairwise(times)]
    drawn[0].save(
        path, save_all=True, append_images=drawn[1:], duration=[1000, *shown[1:], 3500], loop=0, optimize=True
    )


def conversation(browser: Any, lab: Lab) -> None:
    """Two turns, of which the second knows the first."""
    cells = code(LOAD, "%%llm sage\nHello, my name is Ada.", "%%llm\nWhat is my name?")
    with opened(browser, lab, cells) as book:
        for at in range(3):
            book.run(at)
        book.page.screenshot(path=PICTURES / "conversation.png", clip=around(book, 1, 2))


def compare(browser: Any, lab: Lab) -> None:
    """Three models at once, under way."""
    cells = code(LOAD, "%%llm --compare swift,sage,scholar\nWhy is the sky blue?")
    with opened(browser, lab, cells) as book:
        book.run(0)
        book.start(1)
        book.page.wait_for_function(
            "() => document.body.innerText.split('Sunlight').length > 2", timeout=30_000
        )
        book.cell(1).screenshot(path=PICTURES / "compare.png")
        book.finish(1)


def costs(browser: Any, lab: Lab) -> None:
    """An invented month."""
    ask = (
        "from datetime import UTC, datetime\nimport llmkit\n"
        "book = llmkit.sim.history(days=30, until=datetime(2026, 11, 20, 18, tzinfo=UTC))"
    )
    plot = 'book.plot("cost", by="model", freq="D", simulated=True)'
    with opened(browser, lab, code(ask, plot)) as book:
        book.run(0)
        book.run(1)
        book.page.wait_for_selector(".js-plotly-plot", timeout=30_000)
        book.page.wait_for_timeout(1500)
        book.cell(1).screenshot(path=PICTURES / "costs.png")


def around(book: Any, first: int, last: int) -> dict[str, float]:
    """The rectangle of some cells."""
    boxes = [book.cell(at).bounding_box() for at in (first, last)]
    top, bottom = boxes[0]["y"], boxes[1]["y"] + boxes[1]["height"]
    return {"x": boxes[0]["x"], "y": top, "width": boxes[0]["width"], "height": bottom - top}


def everything(browser: Any, lab: Lab, folder: Path) -> None:
    """Each shipped notebook, run from top to bottom; the end of it, and whatever the console complained of."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(path, lab.books / path.name)
        try:
            with reopened(browser, lab, path.name) as book:
                book.page.keyboard.press("Escape")
                book.page.get_by_role("menuitem", name="Run", exact=True).click()
                book.page.get_by_text("Run All Cells", exact=True).click()
                book.page.wait_for_timeout(1500)
                book.page.wait_for_function(
                    "() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.getAttribute('data-status') === 'idle'",
                    timeout=90_000,
                )
                book.page.wait_for_timeout(1000)
                book.page.screenshot(path=folder / f"{path.stem}.png")
        except AssertionError as error:
            sys.stdout.write(f"{path.name}: {error}\n")
        lab.rest()


def main(arguments: list[str]) -> int:
    """Take them; the exit code."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.stderr.write("There is no Chromium on this machine.\n")
        return 1
    PICTURES.mkdir(exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LLMKIT_")}
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        lab = Lab(Path(home), {**clean, "LLMKIT_HOME": f"{home}/llmkit", "LLMKIT_DISPLAY": "live"})
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            if arguments[:1] == ["--all"]:
                folder = Path(arguments[1])
                folder.mkdir(exist_ok=True)
                everything(browser, lab, folder)
            else:
                for take in (streaming, stop, conversation, compare, costs):
                    if not arguments or take.__name__ in arguments:
                        take(browser, lab)
        finally:
            browser.close()
            lab.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
