"""How often a growing answer may be sent to the page: at most 15 times a second and a tenth of its time.

Pure arithmetic with a clock that tests can replace. What is sent lives in ``live.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable

FRAMES_PER_SECOND = 15
DUTY = 0.1
#: What a page needs to lay out one character of text, and to take in one of HTML, in seconds (measured in
#: JupyterLab: ``benchmarks/page.py``).
SECONDS_PER_CHARACTER = 2e-6
SECONDS_PER_MARKUP = 4e-7


class Throttle:
    """Says when the next push may go out.

    >>> now = [0.0]
    >>> throttle = Throttle(clock=lambda: now[0])
    >>> throttle.ready()
    True
    >>> throttle.pushed(characters=100); throttle.ready()
    False
    >>> now[0] = 0.1; throttle.ready()
    True
    """

    __slots__ = ("_clock", "_duty", "_earliest", "_frame", "pushes")

    def __init__(
        self,
        *,
        frames_per_second: float = FRAMES_PER_SECOND,
        duty: float = DUTY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._frame = 1 / frames_per_second
        self._duty = duty
        self._clock = clock
        self._earliest = float("-inf")
        self.pushes = 0

    def ready(self) -> bool:
        """May something be pushed now?"""
        return self._clock() >= self._earliest

    def pushed(self, *, characters: int, markup: int = 0, seconds: float = 0.0) -> None:
        """Something was pushed: so many characters of text, in so many of HTML, which took the kernel so long."""
        cost = max(characters * SECONDS_PER_CHARACTER, markup * SECONDS_PER_MARKUP, seconds)
        self._earliest = self._clock() + max(self._frame, cost / self._duty)
        self.pushes += 1

    def slowed(self, frames_per_second: float) -> Throttle:
        """One with another pace that goes on from here."""
        other = Throttle(frames_per_second=frames_per_second, duty=self._duty, clock=self._clock)
        other.pushes = self.pushes
        return other
