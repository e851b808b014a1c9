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
#: Those whose every cell is the magic's are run here, live; `make notebooks` runs all, in their final form.
LIVE = [path for path in NOTEBOOKS if path.stem in ("00_quickstart", "01_cell_magic")]
SANITISE = ROOT / "tests" / "notebook" / "data" / "nbval.cfg"


#: What the clock says, what is guessed, and the blanks and lines that make columns of it.
TIMES = (
    (r"\d[\d.]* s\b", "TIME s"),
    (r"[\d,]+ tok/s", "PACE tok/s"),
    (r" {2,}", "  "),
    ("─{2,}", "──"),
    (r'style=\\"[^"]*\\"', "STYLE"),  # how it looks is tried elsewhere
    (r"(tokens in: \d|cost: ~\$)[^\\]*", "GUESSED"),  # which gets better with every call
)


def timeless(cell):
    """A cell's outputs, whatever the clock said; of an error its words, of a picture that there is one."""
    kept = []
    for output in cell.get("outputs", []):
        data = {
            kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")
        }
        kept.append((output.output_type, data, output.get("text"), output.get("ename"), output.get("evalue")))
    text = json.dumps(kept, sort_keys=True, ensure_ascii=False)
    for pattern, word in TIMES:
        text = re.sub(pattern, word, text)
    return text


def is_compared(cell):
    """Some outputs say what is so on this machine, or what the catalogue knows today."""
    return "nbval-ignore-output" not in cell.metadata.get("tags", ())


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


@pytest.mark.parametrize("notebook", LIVE, ids=lambda path: path.stem)
def test_it_runs_without_a_key_and_ends_with_what_is_saved(notebook, kernel_environment, monkeypatch):
    more = {"PYTHONPATH": str(ROOT), "LLMKIT_DISPLAY": "live", "LLMKIT_SIM_PACE": "8"}
    for name, value in {**kernel_environment, **more}.items():
        monkeypatch.setenv(name, value)
    saved = nbformat.read(notebook, as_version=4)
    fresh = nbformat.read(notebook, as_version=4)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(fresh, timeout=120, store_widget_state=False, coalesce_streams=True).execute()
    for before, after in zip(saved.cells, fresh.cells, strict=True):
        if is_compared(before):
            assert timeless(before) == timeless(after), before.source


def test_nbval_agrees_strictly(kernel_environment, tmp_path):
    """The shortest of them here, for the sanitisers; `make notebooks` has them all."""
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
            *("--nbval", "--nbval-current-env", f"--nbval-sanitize-with={SANITISE}", str(NOTEBOOKS[0])),
        ],
        env={
            **kernel_environment,
            "PYTHONPATH": str(ROOT),
            "LLMKIT_DISPLAY": "final",
            "LLMKIT_SIM_PACE": "8",
        },
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-1000:]


def test_it_is_saved_with_answers_and_without_widgets_or_surprises(notebook):
    book = nbformat.read(notebook, as_version=4)
    nbformat.validate(book)
    assert "widgets" not in book.metadata
    for cell in book.cells:
        outputs = cell.get("outputs", [])
        assert "widget-view" not in json.dumps(outputs)
        failed = [output for output in outputs if output.output_type == "error"]
        assert bool(failed) == ("raises-exception" in cell.metadata.get("tags", ())), cell.source
        if cell.cell_type == "code" and "-q" not in cell.source and cell.source.startswith("%%llm"):
            assert outputs, cell.source


def test_its_links_lead_somewhere(notebook):
    book = nbformat.read(notebook, as_version=4)
    text = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [link for link in links if not (notebook.parent / link).exists()] == []


def test_it_tells_nothing_about_the_machine_it_was_made_on(notebook):
    text = notebook.read_text("utf-8")
    for trace in ("/home/", "/root/", "/tmp/", "/work/", "127.0.0.1"):
        assert trace not in text
