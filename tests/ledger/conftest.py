"""A ledger in a file of its own, and programs that write to one from other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmkit.ledger import Ledger

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "ledger.db"


@pytest.fixture
def ledger(path):
    with Ledger.open(path) as opened:
        yield opened


@pytest.fixture
def begin():
    """Begin an attempt with everything that doesn't matter filled in."""

    def begin(ledger, **more):
        defaults = {"call": "c", "attempt": 1, "session": "s", "provider": "openai", "model": "gpt-6-luna"}
        return ledger.begin(**(defaults | more))

    return begin


@pytest.fixture
def program(tmp_path):
    """Start a Python program in another process."""
    running = []

    def start(code, *arguments, **more):
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
            env=env,
            **more,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()
