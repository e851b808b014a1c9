"""How fast and how many at once: one limiter for each provider key, on the I/O thread.

First come, first served; a waiter that is cancelled gives its place back; a "429, come back later" pauses
everybody; what the provider's rate-limit headers say is learned.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

#: A provider that wants us back later than this is asked again all the same: whoever calls hears its "no"
#: (and when to come back) at once, instead of waiting without a word.
LONGEST_PAUSE = 60.0

#: Attempts at once to one provider key where nothing else is set: enough for grids, no flood.
CONCURRENCY = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """What the user sets; ``None`` is no limit."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    concurrency: int = CONCURRENCY


class Bucket:
    """So many a minute, in a steady flow with room for a burst of one minute's worth."""

    __slots__ = ("_at", "_level", "rate")

    def __init__(self, per_minute: float, now: float) -> None:
        self.rate = per_minute / 60
        self._level = per_minute
        self._at = now

    def wait(self, amount: float, now: float) -> float:
        """Seconds until so much may flow; more than fits at all waits for a full bucket."""
        self._fill(now)
        missing = min(amount, self.rate * 60) - self._level
        return max(0.0, missing / self.rate)

    def take(self, amount: float, now: float) -> None:
        """Let it flow; it may go below zero, and later ones wait longer."""
        self._fill(now)
        self._level -= amount

    def _fill(self, now: float) -> None:
        self._level = min(self.rate * 60, self._level + (now - self._at) * self.rate)
        self._at = now


class Limiter:
    """``async with limiter.slot(tokens): …`` waits its turn."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._requests = self._bucket(self._limits.requests_per_minute, now)
        self._tokens = self._bucket(self._limits.tokens_per_minute, now)
        self._running = 0
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()
        self._paused_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> int:
        """Attempts under way."""
        return self._running

    @property
    def paused(self) -> float:
        """Seconds for which the provider asked everybody to wait."""
        return max(0.0, self._paused_until - self._loop.time())

    @property
    def counts_tokens(self) -> bool:
        """Is there a limit on tokens?"""
        return self._tokens is not None

    @asynccontextmanager
    async def slot(self, tokens: float = 0.0) -> AsyncIterator[None]:
        """Wait for a place, hold it, give it back."""
        await self._enter(tokens)
        try:
            yield
        finally:
            self._running -= 1
            self._admit()

    def pause(self, seconds: float) -> None:
        """The provider asked everybody to wait."""
        if seconds <= LONGEST_PAUSE:
            self._paused_until = max(self._paused_until, self._loop.time() + seconds)

    def learn(self, rates: Mapping[str, Mapping[str, float]]) -> None:
        """What the provider's headers say of what is left: pause when nothing is."""
        for what in ("requests", "tokens", "input-tokens", "output-tokens"):
            rate = rates.get(what, {})
            if rate.get("remaining") == 0 and (reset := rate.get("reset", 0.0)) > 0:
                self.pause(reset)

    async def _enter(self, tokens: float) -> None:
        if not self._waiting and self._wait(tokens) <= 0:
            self._take(tokens)
            return
        place: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((place, tokens))
        self._admit()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._running -= 1  # admitted in the same moment: give it back
            else:
                self._waiting = deque(item for item in self._waiting if item[0] is not place)
            self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting:
            place, tokens = self._waiting[0]
            if place.done():
                self._waiting.popleft()
                continue
            wait = self._wait(tokens)
            if wait > 0:
                if wait != float("inf"):
                    self._look_again(wait)
                return
            self._waiting.popleft()
            self._take(tokens)
            place.set_result(None)

    def _wait(self, tokens: float) -> float:
        if self._running >= self._limits.concurrency:
            return float("inf")
        now = self._loop.time()
        return max(
            self._paused_until - now,
            self._requests.wait(1, now) if self._requests else 0.0,
            self._tokens.wait(tokens, now) if self._tokens else 0.0,
        )

    def _take(self, tokens: float) -> None:
        now = self._loop.time()
        self._running += 1
        if self._requests:
            self._requests.take(1, now)
        if self._tokens:
            self._tokens.take(tokens, now)

    def _look_again(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._admit)

    @staticmethod
    def _bucket(per_minute: float | None, now: float) -> Bucket | None:
        return None if per_minute is None else Bucket(per_minute, now)
