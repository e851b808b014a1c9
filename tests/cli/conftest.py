"""Shared by the tests of the command line: a way to run a command in this process."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest

from llmkit.cli import main


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """Standard input that is a keyboard: nothing is read from it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command as a shell would, with a session of its own; ``stdin`` is what comes through a pipe."""
    monkeypatch.chdir(tmp_path)

    def run(*words, stdin=None):
        monkeypatch.setattr("llmkit.engine.session._default", None)
        pipe = Terminal() if stdin is None else io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
        monkeypatch.setattr("sys.stdin", pipe)
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as left:
            code = left.code
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run
