"""Run the shipped notebooks and save them with their outputs, as a reader without a key sees them.

    python scripts/save_notebooks.py [NOTEBOOK ...]

The simulator answers, the ledger is a fresh one, and each answer is kept in its final form. Figures of plotly get a
picture beside their data, for pages that don't draw them; that takes a Chromium.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
PLOTLY = "application/vnd.plotly.v1+json"


def add_pictures(notebook: Any) -> None:
    """A PNG beside each figure of plotly: JupyterLab adds one when it saves, a run without a page does not."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    figures = [output for output in outputs if PLOTLY in output.get("data", {})]
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not figures or chromium is None:
        return
    import plotly
    from playwright.sync_api import sync_playwright

    library = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<body></body>")
        page.add_script_tag(path=library)
        for output in figures:
            figure = {key: output["data"][PLOTLY][key] for key in ("data", "layout")}
            figure["layout"] = {**figure["layout"], "paper_bgcolor": "white", "plot_bgcolor": "white"}
            address = page.evaluate(
                "figure => Plotly.toImage(figure, {format: 'png', width: 900, height: 420})", figure
            )
            output["data"]["image/png"] = address.partition(",")[2]
        browser.close()


def main(paths: list[str]) -> int:
    """Run and save each; the exit code."""
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith("LLMKIT_")]:
        del os.environ[name]
    notebooks = [Path(path) for path in paths] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in notebooks:
        with tempfile.TemporaryDirectory() as home:
            os.environ.update(LLMKIT_DISPLAY="final", LLMKIT_HOME=home, IPYTHONDIR=home, PYTHONPATH=str(ROOT))
            notebook = nbformat.read(path, as_version=4)
            metadata = dict(notebook.metadata)
            client = NotebookClient(
                notebook, timeout=120, store_widget_state=False, record_timing=False, coalesce_streams=True
            )
            client.execute(cwd=str(path.parent))
            add_pictures(notebook)
            notebook.metadata.clear()
            notebook.metadata.update(metadata)  # not the version of the Python that happened to run it
            nbformat.write(notebook, path)
        sys.stdout.write(f"{path.name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
