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
from timeless import is_compared, timeless

from llmkit.notebook.magics import LLMMagics

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: Those whose every cell is the magic's are run here, live; `make notebooks` runs all, in their final form.
LIVE = [path for path in NOTEBOOKS if path.stem in ("00_quickstart", "01_cell_magic")]
SANITISE = ROOT / "tests" / "notebook" / "data" / "nbval.cfg"


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
            assert timeless(before.get("outputs", [])) == timeless(after.get("outputs", [])), before.source


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


def words_of(source):
    """Prose alone: no code, no addresses of links."""
    return re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", source, flags=re.DOTALL)


def test_its_prose_holds_no_numbers_for_they_are_computed_in_cells(notebook):
    book = nbformat.read(notebook, as_version=4)
    prose = [words_of(cell.source) for cell in book.cells if cell.cell_type == "markdown"]
    assert [text for text in prose if re.search(r"\d", text)] == []


def test_the_one_on_the_cell_names_every_option():
    book = nbformat.read(next(path for path in NOTEBOOKS if path.stem == "01_cell_magic"), as_version=4)
    text = "\n".join(cell.source for cell in book.cells)
    told = {option for action in LLMMagics.llm.parser._actions for option in action.option_strings}
    told &= set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))
    unsaid = [
        a.option_strings for a in LLMMagics.llm.parser._actions if not told.intersection(a.option_strings)
    ]
    assert [options for options in unsaid if options] == []


#: They break the simulator on purpose, look at what this machine has, or take whatever models have keys.
NO_SWITCH = {"06_routing_and_failover", "07_providers_and_config", "09_reliability"}
#: What is about the simulator itself: its floods, its slow writer, its thoughts, its money, its bytes.
ON_PURPOSE = ("sim/bench", "sim/slow", "sim/scholar", 'tag="loop"', '"model": "sim/swift"')


def test_one_line_changes_it_to_a_real_provider(notebook):
    """Everything else says MODEL or names none; `--compare` and `--fallback` name those of one cell."""
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    lines = [line for cell in cells for line in cell.source.splitlines()]
    switches = [line for line in lines if re.search(r"# (with a key|with keys|yours):", line)]
    if notebook.stem in NO_SWITCH:
        assert switches == []
        return
    assert len(switches) == 1
    named = [line for line in lines if re.search(r"\bsim/|[\"' ](sage|swift|scholar|poet|coder)\b", line)]
    allowed = (*switches, *ON_PURPOSE, "--compare", "--fallback")
    assert [line for line in named if not any(words in line for words in allowed)] == []


def test_it_tells_nothing_about_the_machine_it_was_made_on(notebook):
    text = notebook.read_text("utf-8")
    for trace in ("/home/", "/root/", "/tmp/", "/work/", "127.0.0.1"):
        assert trace not in text
