"""When to stop: one value that carries a deadline, a token limit and a stop button.

Thread-safe, and in seconds. A signal knows nothing of sockets or loops: whoever runs a call asks it
(`aborted`, `remaining`) or is told (`on_abort`). A timer exists only while somebody waits for one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from types import UnionType
from typing import Any

_TIMED_OUT = "timeout"


class Signal:
    """A stop signal.

    >>> stop = Signal.timeout(30) | Signal.token_limit(500)
    >>> stop.aborted
    False
    >>> stop.abort("enough")
    >>> stop.aborted, stop.reason
    (True, 'enough')
    """

    __slots__ = (
        "__weakref__",
        "_callbacks",
        "_children",
        "_deadline",
        "_held",
        "_lock",
        "_next",
        "_parents",
        "_reason",
        "_timer",
        "_tokens_left",
    )

    def __init__(self, *, deadline: float | None = None, tokens: int | None = None) -> None:
        self._lock = threading.RLock()
        self._deadline = deadline
        self._tokens_left = tokens
        self._reason: str | None = None
        self._callbacks: dict[int, Callable[[str], object]] = {}
        self._next = 0
        self._timer: threading.Timer | None = None
        self._parents: tuple[Signal, ...] = ()
        # Merged signals are told of an abort only as long as somebody else keeps them …
        self._children: weakref.WeakSet[Signal] = weakref.WeakSet()
        # … or somebody asked them to be told.
        self._held: set[Signal] = set()

    # -- making one ---------------------------------------------------------------------------

    @classmethod
    def never(cls) -> Signal:
        """One that stops only when ``abort`` is called."""
        return cls()

    @classmethod
    def timeout(cls, seconds: float) -> Signal:
        """One that stops by itself after so many seconds."""
        if not _is_number(seconds, int | float) or not seconds >= 0:
            raise ValueError(f"A timeout must be a number of seconds ≥ 0, not {seconds!r}.")
        return cls(deadline=None if seconds == math.inf else time.monotonic() + seconds)

    @classmethod
    def token_limit(cls, tokens: int) -> Signal:
        """One that stops once so many tokens have come (as counted by the stream that runs)."""
        if not _is_number(tokens, int) or tokens < 1:
            raise ValueError(f"A token limit must be at least 1 and whole, not {tokens!r}.")
        return cls(tokens=tokens)

    @classmethod
    def merge(cls, *signals: Signal) -> Signal:
        """One that stops as soon as any of these does."""
        for signal in signals:
            if not isinstance(signal, Signal):
                raise TypeError(f"Only signals can be merged, not {type(signal).__name__}.")
        merged = cls(deadline=min((d for s in signals if (d := s.deadline) is not None), default=None))
        merged._parents = signals
        for parent in signals:
            with parent._lock:
                parent._children.add(merged)
                reason = parent._reason
            if reason is not None:
                merged.abort(reason)
        return merged

    def __or__(self, other: Signal) -> Signal:
        if not isinstance(other, Signal):
            return NotImplemented
        return Signal.merge(self, other)

    # -- asking it ----------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """The moment it stops by itself, on ``time.monotonic()``'s clock."""
        return self._deadline

    @property
    def remaining(self) -> float | None:
        """Seconds left, or ``None`` without a deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @property
    def aborted(self) -> bool:
        """Has it stopped?"""
        if self._reason is not None:
            return True
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self.abort(_TIMED_OUT)
            return True
        return False

    @property
    def reason(self) -> str | None:
        """Why it stopped; ``None`` while it hasn't."""
        return self._reason if self.aborted else None

    @property
    def timed_out(self) -> bool:
        """Did the clock stop it (rather than somebody)?"""
        return self.reason == _TIMED_OUT

    # -- stopping it --------------------------------------------------------------------------

    def abort(self, reason: object = "aborted") -> None:
        """Stop. Only the first call counts; it tells everyone who asked to be told.

        The reason is kept as text. Everyone is told even if a callback fails; the first failure is raised
        afterwards.
        """
        reason = ("" if reason is None else str(reason)) or "aborted"
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            listeners = list(self._callbacks.values())
            listeners += [child.abort for child in self._children]
            self._callbacks.clear()
            self._held.clear()
            self._let_go()
        failures: list[Exception] = []
        for tell in listeners:
            try:
                tell(reason)
            except Exception as failure:  # noqa: BLE001 - one listener must not keep the others waiting
                failures.append(failure)
        if failures:
            raise failures[0]

    @property
    def counts_tokens(self) -> bool:
        """Has it, or one that it was merged from, a limit of tokens?"""
        return self._tokens_left is not None or any(parent.counts_tokens for parent in self._parents)

    def add_tokens(self, count: int) -> None:
        """Tell it that so many tokens came; a token limit stops when they are used up."""
        for signal in self._ancestry():
            signal._spend(count)

    def _ancestry(self) -> Iterable[Signal]:
        """This signal and all it was merged from, each once, however often it was merged in."""
        seen: dict[int, Signal] = {}
        left = [self]
        while left:
            signal = left.pop()
            if id(signal) not in seen:
                seen[id(signal)] = signal
                left.extend(signal._parents)
        return seen.values()

    def _spend(self, count: int) -> None:
        with self._lock:
            if self._tokens_left is None:
                return
            self._tokens_left -= count
            spent = self._tokens_left <= 0
        if spent:
            self.abort("token limit")

    # -- being told ---------------------------------------------------------------------------

    def on_abort(self, callback: Callable[[str], object], *, clock: bool = True) -> Callable[[], None]:
        """Call ``callback(reason)`` when it stops, from whichever thread stops it (at once, if it
        has). Returns a function that takes the wish back. ``clock=False``: the caller minds the
        deadline itself (an event loop does it without a thread)."""
        if self.aborted:
            callback(self._reason or "")
            return _nothing
        with self._lock:
            if self._reason is None:
                key = self._next
                self._next += 1
                self._callbacks[key] = callback
                self._hold_on()
                if clock:
                    self._start_timer()
                return lambda: self._forget(key)
        callback(self._reason)
        return _nothing

    async def wait(self) -> str:
        """Wait until it stops; the reason is the result."""
        loop = asyncio.get_running_loop()
        stopped: asyncio.Future[str] = loop.create_future()

        def settle(reason: str) -> None:
            if not stopped.done():
                stopped.set_result(reason)

        def tell(reason: str) -> None:
            # A loop that was closed has nobody waiting on it any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, reason)

        forget = self.on_abort(tell, clock=False)
        left = self.remaining
        clock = None if left is None else loop.call_later(left, self.abort, _TIMED_OUT)
        try:
            return await stopped
        finally:
            forget()
            if clock is not None:
                clock.cancel()

    def _forget(self, key: int) -> None:
        with self._lock:
            self._callbacks.pop(key, None)
            if not self._callbacks:
                self._let_go()

    def _hold_on(self) -> None:
        """Somebody wants to be told: what this was merged from must keep it alive until then."""
        for signal in self._ancestry():
            if signal is not self:
                with signal._lock:
                    if signal._reason is None:
                        signal._held.add(self)

    def _let_go(self) -> None:
        """Nobody waits any more: no timer, and nothing that keeps this alive."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for signal in self._ancestry():
            if signal is not self:
                with signal._lock:
                    signal._held.discard(self)

    def _start_timer(self) -> None:
        if self._timer is not None or self._deadline is None:
            return
        delay = max(0.0, self._deadline - time.monotonic())
        if delay <= threading.TIMEOUT_MAX:  # centuries are as good as never
            self._timer = threading.Timer(delay, self.abort, (_TIMED_OUT,))
            self._timer.daemon = True
            self._timer.start()

    def __repr__(self) -> str:
        if self.aborted:
            return f"<Signal aborted: {self._reason}>"
        left = self.remaining
        return "<Signal>" if left is None else f"<Signal {left:.1f}s left>"

    def __copy__(self) -> Signal:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Signal:
        return self


def _is_number(value: object, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _nothing() -> None:
    return None


class Controller:
    """The handle that stops one signal; give the signal away and keep this."""

    __slots__ = ("signal",)

    def __init__(self, signal: Signal) -> None:
        self.signal = signal

    def abort(self, reason: str = "aborted") -> None:
        """Stop the signal."""
        self.signal.abort(reason)


class SignalUtils:
    """The same signals under the names that some style guides use.

    >>> SignalUtils.never_abort().aborted
    False
    """

    @staticmethod
    def timeout(seconds: float) -> Signal:
        """See :meth:`Signal.timeout`."""
        return Signal.timeout(seconds)

    @staticmethod
    def never_abort() -> Signal:
        """See :meth:`Signal.never`."""
        return Signal.never()

    @staticmethod
    def timeout_with_controller(seconds: float) -> tuple[Signal, Controller]:
        """A signal with a timeout, and the handle that stops it earlier."""
        signal = Signal.timeout(seconds)
        return signal, Controller(signal)

    @staticmethod
    def merge(*signals: Signal) -> Signal:
        """See :meth:`Signal.merge`."""
        return Signal.merge(*signals)

    @staticmethod
    def token_limit(tokens: int) -> Signal:
        """See :meth:`Signal.token_limit`."""
        return Signal.token_limit(tokens)
