"""docs/compare.md: its Python runs from top to bottom, and it names every plot, metric, figure and column."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from llmkit.jobs.best import FIGURES
from llmkit.jobs.metrics import METRICS
from llmkit.jobs.plots import PLOTS
from llmkit.jobs.summary import SUMMARY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compare.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_its_python_runs_to_the_end(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LLMKIT_HOME": str(tmp_path), "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join([*BLOCKS, "print('the end')"])],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith("the end\n")
    assert "has a position bias" in ran.stdout


def test_it_names_what_there_is():
    named = [*PLOTS, *FIGURES]
    assert [name for name in named if f'"{name}"' not in PAGE] == []
    written = [*METRICS, *(column for column in SUMMARY if column != "model")]
    assert [name for name in written if f"`{name}`" not in PAGE] == []
