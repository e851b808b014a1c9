"""One line that says how far a job is: sent again now and then, and left standing at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from llmkit.jobs.pump import Watcher
from llmkit.notebook.captured import takes_no_updates
from llmkit.notebook.live import DisplayOutput, Mode, Output, mode_of
from llmkit.notebook.look import QUIET
from llmkit.notebook.safe import escape
from llmkit.notebook.throttle import Throttle

_FRAMES_PER_SECOND = 4


def display_for(line: Callable[[], str], shell: Any) -> Watcher:
    """The line of a job in a kernel, as ``LLMKIT_DISPLAY`` says."""
    mode = mode_of()
    return ProgressLine(line, mode="final" if mode == "live" and takes_no_updates(shell) else mode)


class ProgressLine(Watcher):
    """Shows what ``line()`` says, at most a few times a second and only when that is something new."""

    def __init__(
        self,
        line: Callable[[], str],
        *,
        mode: Mode = "live",
        output: Output | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line = line
        self._mode = mode
        self._output = output or DisplayOutput()
        self._throttle = Throttle(frames_per_second=_FRAMES_PER_SECOND, clock=clock)
        self._shown = ""

    def start(self) -> None:
        """The first sign of life."""
        if self._mode == "live":
            self._output.show(self._bundle())

    def look(self) -> None:
        """Send the line again, if it is time and it has changed."""
        if self._mode == "live" and self._throttle.ready() and self._line() != self._shown:
            self._output.update(self._bundle())
            self._throttle.pushed(characters=len(self._shown))

    def end(self) -> None:
        """The last state of it."""
        if self._mode == "live":
            self._output.update(self._bundle())
        elif self._mode == "final":
            self._output.show(self._bundle())

    def _bundle(self) -> dict[str, str]:
        self._shown = self._line()
        return {
            "text/plain": self._shown,
            "text/html": f'<div class="llmkit-progress tex2jax_ignore mathjax_ignore" style="{QUIET}">{escape(self._shown)}</div>',
        }
