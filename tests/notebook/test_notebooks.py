"""The notebooks that we ship run on a fresh machine without a key, and say what they are saved with."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import nbformat
import pytest
from kernel import ROOT
from nbclient import NotebookClient

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SANITISE = ROOT / "tests" / "notebook" / "data" / "nbval.cfg"


def timeless(cell):
    """A cell's outputs, whatever the clock said."""
    text = json.dumps(cell.get("outputs", []), sort_keys=True)
    return re.sub(r"[\d,]+ tok/s", "PACE tok/s", re.sub(r"\d[\d.]* s\b", "TIME s", text))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


@pytest.mark.parametrize("mode", ["live", "final"])
def test_it_runs_without_a_key_and_ends_with_what_is_saved(notebook, mode, kernel_environment, monkeypatch):
    for name, value in {**kernel_environment, "PYTHONPATH": str(ROOT), "LLMKIT_DISPLAY": mode}.items():
        monkeypatch.setenv(name, value)
    saved = nbformat.read(notebook, as_version=4)
    fresh = nbformat.read(notebook, as_version=4)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(fresh, timeout=120, store_widget_state=False, coalesce_streams=True).execute()
    for before, after in zip(saved.cells, fresh.cells, strict=True):
        assert timeless(before) == timeless(after)


def test_nbval_agrees_strictly(notebook, kernel_environment, tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    ran = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-c",
                str(tmp_path / "pytest.ini"),
                "-p",
                "no:cacheprovider",
            ),
            *("--nbval", "--nbval-current-env", f"--nbval-sanitize-with={SANITISE}", str(notebook)),
        ],
        env={**kernel_environment, "PYTHONPATH": str(ROOT), "LLMKIT_DISPLAY": "final"},
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-1000:]


def test_it_is_saved_with_answers_and_without_widgets_or_errors(notebook):
    book = nbformat.read(notebook, as_version=4)
    nbformat.validate(book)
    assert "widgets" not in book.metadata
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert "widget-view" not in json.dumps(outputs)
    for cell in book.cells:
        if cell.source.startswith("%%llm"):
            (output,) = cell.outputs
            assert {"text/plain", "text/markdown", "text/html"} == set(output.data)


def test_it_tells_nothing_about_the_machine_it_was_made_on(notebook):
    text = notebook.read_text("utf-8")
    for trace in ("/home/", "/root/", "/tmp/", "/work/", "127.0.0.1"):
        assert trace not in text
