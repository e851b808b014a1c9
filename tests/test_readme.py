"""The README tells the truth: its Python runs, its commands exist, its files are there."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """All Python of the README, one block after the other in a process of its own, as a reader would."""
    home = tmp_path_factory.mktemp("home")
    marked = [f"print('== {number}')\n{block}" for number, block in enumerate(BLOCKS)]
    script = home / "readme.py"
    script.write_text("\n".join(marked), "utf-8")
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "LLMKIT_HOME": str(home), "HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", str(script)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
        timeout=120,
        check=False,
    )


def said_by(ran, text):
    """What the block with this text printed."""
    number = next(number for number, block in enumerate(BLOCKS) if text in block)
    return ran.stdout.partition(f"== {number}\n")[2].partition("\n== ")[0]


def test_there_is_python_in_it():
    assert len(BLOCKS) >= 5


def test_its_python_runs_to_the_end(ran):
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("== ") >= len(BLOCKS)


def test_asking_answers_and_says_that_it_was_simulated(ran):
    assert said_by(ran, "print(reply.text)").rstrip().endswith("True")


def test_a_stream_ends_with_its_time_and_tokens(ran):
    assert re.search(r"\d+\.\d s, \d+ tokens", said_by(ran, "case llmkit.Done(reply)"))


def test_a_mistyped_option_is_answered_with_the_right_one(ran):
    assert "Did you mean 'temperature'?" in said_by(ran, "temprature")


def test_every_call_of_it_is_in_the_ledger(ran):
    before = BLOCKS[: next(n for n, block in enumerate(BLOCKS) if "llmkit.usage" in block)]
    calls = sum(block.count("llmkit.ask(") + block.count("llmkit.stream(") for block in before)
    refused = 1
    assert said_by(ran, "llmkit.usage").count(" ok ") == calls - refused


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_two_commands_stand_in_it_and_exist(command):
    assert command in README
    assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_the_extras_it_names_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    install = README.partition("## Install\n")[2].partition("\nKeys ")[0]
    named = set(re.findall(r"\.\[(\w+)\]", install)) | set(re.findall(r"`(\w+)`", install))
    assert named == set(extras)


def test_the_files_it_points_to_are_there():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
