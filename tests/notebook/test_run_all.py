"""*Run All*, twice in one kernel: both times it shows what is saved, and nothing is paid.

The installed kernel runs some of the notebooks here (`make notebooks` compares all of them once); with the kernels that
``make kernels`` makes, each of them runs all.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest
from kernel import ROOT, Kernel
from timeless import is_compared, timeless

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: Read when tests are collected, because every test runs without the developer's settings.
FOLDER = os.environ.get("LLMKIT_KERNELS", "")
RUNS = [
    *(
        pytest.param(sys.executable, path, id=f"installed-{path.stem}")
        for path in NOTEBOOKS
        if path.stem[:2] in ("00", "04") and not FOLDER
    ),
    *(
        pytest.param(
            str(python),
            path,
            id=f"{python.parent.parent.name}-{path.stem}",
            marks=pytest.mark.xdist_group(python.parent.parent.name),
        )
        for python in sorted(Path(FOLDER).glob("*/bin/python"))
        if FOLDER
        for path in NOTEBOOKS
    ),
]


def run_all(kernel, cells):
    """Run every code cell, as *Run All* of JupyterLab does; what each shows, and of errors whether they were meant."""
    shown = []
    for cell in cells:
        ran = kernel.run(cell.source, cell.id)
        meant = "raises-exception" in cell.metadata.get("tags", ())
        assert (ran.status == "error") == meant, (
            cell.source,
            ran.error if ran.status == "error" else "no error",
        )
        shown.append(timeless(ran.saved) if is_compared(cell) else "")
    return shown


@pytest.mark.parametrize(("python", "path"), RUNS)
def test_twice_it_shows_what_is_saved_and_costs_nothing(
    python, path, kernel_environment, tmp_path, monkeypatch
):
    monkeypatch.chdir(path.parent)
    book = nbformat.read(path, as_version=4)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    saved = [timeless(cell.outputs) if is_compared(cell) else "" for cell in cells]
    own = {"LLMKIT_HOME": str(tmp_path / "llmkit"), "LLMKIT_DISPLAY": "final", "LLMKIT_SIM_PACE": "8"}
    kernel = Kernel({**kernel_environment, **own}, python)
    try:
        first, second = run_all(kernel, cells), run_all(kernel, cells)
        paid = kernel.value("[float(cost) for cost in llmkit.usage()['cost']]")  # of what was not simulated
    finally:
        kernel.close()
    for at, cell in enumerate(cells):
        assert first[at] == second[at], cell.source
        assert first[at] == saved[at], cell.source
    assert [cost for cost in paid if cost != 0] == []  # (a connection that was refused cost nothing)
