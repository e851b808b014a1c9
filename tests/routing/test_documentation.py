"""docs/routing.md: its Python runs, its configuration is one, and it names what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from llmkit.providers.schema import problems
from llmkit.routing import STRATEGIES, TASKS
from llmkit.routing.tasks import task_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "routing.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_its_python_runs_one_block_after_the_other(tmp_path):
    code = "\n".join(blocks("python"))
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "LLMKIT_HOME": str(tmp_path), "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = ran.stdout.splitlines()
    assert said[0] == re.search(r"# (coding, .*)", code)[1]
    assert "['ok']" in said
    assert "sunny in Paris" in ran.stdout
    assert "'plan'" in said[-1]


def test_its_configuration_is_one():
    (written,) = blocks("yaml")
    config = yaml.safe_load(written)
    assert problems(config) == []
    assert task_of("plan", config["tasks"], config["routing"]).fallback == ("sonnet", "sol")


@pytest.mark.parametrize("name", [*TASKS, *STRATEGIES])
def test_every_task_and_strategy_stands_in_it(name):
    assert f"`{name}`" in PAGE
