"""A real JupyterLab in a real Chromium for the benchmarks that look at a page, and what a page's work is counted by."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests" / "notebook"
#: The messages that show something.
KINDS = ("display_data", "update_display_data", "comm_open", "comm_msg", "comm_close", "stream")

#: Notes the time between two frames, and every long task.
FRAMES = """() => {
  const seen = window.seen = { gaps: [], long: [] };
  let before = performance.now();
  const frame = () => {
    const now = performance.now();
    seen.gaps.push(now - before); before = now;
    seen.next = requestAnimationFrame(frame);
  };
  seen.next = requestAnimationFrame(frame);
  new PerformanceObserver(list => seen.long.push(...list.getEntries().map(e => e.duration))).observe({ type: "longtask" });
}"""


def helpers() -> Any:
    """What the tests open notebooks with."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    return importlib.import_module("lab")


@contextmanager
def opened_lab() -> Iterator[tuple[Any, Any]]:
    """A browser and a JupyterLab of its own, with no key and a ledger of its own."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("This needs a Chromium on the PATH.")
    from playwright.sync_api import sync_playwright

    module = helpers()
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    with tempfile.TemporaryDirectory(prefix="llmkit-benchmark-") as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=module.FLAGS)
        more = {"LLMKIT_HOME": f"{home}/llmkit", "LLMKIT_DISPLAY": "live"}
        lab = module.Lab(Path(home), {**environment, **more})
        try:
            yield browser, lab
        finally:
            lab.close()
            browser.close()


class Work:
    """How long a page's main thread was busy since it was made: ``own`` seconds on a processor, and ``wall`` seconds
    by the clock, in which it also waited for other programs."""

    def __init__(self, page: Any) -> None:
        self._meters = {}
        for name, domain in (("own", "threadTicks"), ("wall", "timeTicks")):
            meter = page.context.new_cdp_session(page)
            meter.send("Performance.enable", {"timeDomain": domain})
            self._meters[name] = (meter, _busy(meter))

    def seconds(self, name: str) -> float:
        """So far."""
        meter, before = self._meters[name]
        return _busy(meter) - before


def _busy(devtools: Any) -> float:
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))
