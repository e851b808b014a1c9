"""How long an attempt may be silent: until its first token, and then between tokens.

Neither headers nor keep-alives are tokens. One timer an attempt, whatever the number of tokens; the overall deadline is
the signal's, not kept here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from llmkit.core import errors as e

#: After the answer is known to be whole, how long to wait for what may follow (its usage).
DRAIN_SECONDS = 1.0

#: A look that comes later than this was held up with its thread, and so was whatever has come meanwhile: that is read
#: before anybody is said to have been silent.
_LATE_SECONDS, _CATCH_UP_SECONDS = 0.05, 0.25


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: until the first token of the answer (a model may think long before it), and between one
    token and the next."""

    first_byte: float = 120.0
    idle: float = 60.0


class Watch:
    """An async context around one attempt; inside it, call :meth:`heard` when a token comes.

    Leaving it by silence raises :class:`FirstByteTimeout` or :class:`IdleTimeout`, or sets ``drained``
    where the answer was whole already.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._limit = patience.first_byte
        self._heard = self._loop.time()
        self._answered = False
        self._talking = False
        self._draining = False
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.drained = False

    def heard(self) -> None:
        """A token came."""
        if self._draining:
            return
        self._heard = self._loop.time()
        if not self._talking:
            self._talking = True
            self._limit = self._patience.idle
            self._look()

    def answered(self) -> None:
        """The response began. That is no token: the wait for the first one goes on."""
        self._answered = True

    def drain(self) -> None:
        """The answer is whole; wait a moment for what may follow it."""
        if not self._draining:
            self._draining = True
            self._limit = DRAIN_SECONDS
            self._heard = self._loop.time()
            self._look()

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._look()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            if self._draining:
                self.drained = True
                return True
            raise self._silence() from None
        return False

    def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        now = self._loop.time()
        left = self._heard + self._limit - now
        if left <= 0 and now - self._due < _LATE_SECONDS:
            self._timeout.reschedule(now)
        else:
            self._due = now + (left if left > 0 else _CATCH_UP_SECONDS)
            self._timer = self._loop.call_at(self._due, self._look)

    def _silence(self) -> e.LLMKitError:
        if self._talking:
            return e.IdleTimeout(
                f"The model said nothing for {self._patience.idle:g} s in the middle of its answer.",
                why="The connection was open, but no token came.",
                hint="What arrived is kept in `error.partial`. Run it again for the whole answer.",
            )
        return e.FirstByteTimeout(
            f"No answer began within {self._patience.first_byte:g} s.",
            why="The server took the request and then sent no word of an answer; it may be billed."
            if self._answered
            else "The request was sent; it may have been received, and billed.",
            hint="Try again, or give a slow model more time (`timeouts: {first_byte: 300}` in the config).",
        )
