"""Where a job is shown: in a notebook's cell, on a terminal, or nowhere.

The notebook's rooms are above this one: they are asked by name, when a job starts. What a terminal gets is here:
one line on stderr that is written over.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, TextIO

from llmkit.engine.whereabouts import kernel_shell
from llmkit.jobs.pump import Watcher

_SECONDS_BETWEEN = 0.2


def in_notebook(module: str, *given: Any) -> Watcher:
    """A display of the notebook's room, by the name of its module."""
    watcher: Watcher = import_module(f"llmkit.notebook.{module}").display_for(*given)
    return watcher


def progress_of(line: Callable[[], str]) -> Watcher:
    """A display of one line that says how far a job is, wherever it runs."""
    shell = kernel_shell()
    return TerminalLine(line) if shell is None else in_notebook("progress", line, shell)


class TerminalLine(Watcher):
    """One line on a terminal, written over a few times a second; silent where stderr is not a terminal."""

    def __init__(
        self,
        line: Callable[[], str],
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line = line
        self._stream = stream or sys.stderr
        self._clock = clock
        self._next = float("-inf")
        self._width = 0
        self._on = bool(self._stream is not None and self._stream.isatty())

    def look(self) -> None:
        """Write the line over, if it is time."""
        if self._on and self._clock() >= self._next:
            self._next = self._clock() + _SECONDS_BETWEEN
            self._write("\r")

    def end(self) -> None:
        """Leave its last state standing."""
        if self._on:
            self._write("\n")

    def _write(self, ending: str) -> None:
        line = self._line()
        self._stream.write(f"\r{line:<{self._width}}{ending}")
        self._stream.flush()
        self._width = len(line)
