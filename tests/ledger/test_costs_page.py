"""The page on costs tells the truth: its Python runs from top to bottom, and the plots and reports it names are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from llmkit.ledger.accounts import Accounts
from llmkit.ledger.gallery import PLOTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "costs.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_its_python_runs_to_the_end(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LLMKIT_HOME": str(tmp_path), "HOME": str(tmp_path)}
    environment = {name: value for name, value in environment.items() if not name.endswith("_API_KEY")}
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


def test_it_names_every_plot_and_every_question():
    assert [kind for kind in PLOTS if f"`{kind}`" not in PAGE] == []
    questions = [name for name in vars(Accounts) if not name.startswith("_")]
    assert [
        name for name in questions if name not in PAGE and name not in ("ledger", "session", "prices")
    ] == []
