"""What a block of code cost: every call that is begun inside it, by whoever, is told apart from all others.

Like a budget's, a block belongs to the thread or task that opened it (``contextvars``): asyncio tasks begun inside
belong to it, threads begun inside do not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from typing import TYPE_CHECKING

from llmkit.ledger.accounts import Accounts
from llmkit.ledger.sums import Total
from llmkit.ledger.words import money

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.ledger.store import Ledger


class Track:
    """The calls of a block. While it runs, and after it, it says what they cost so far.

    >>> Track("nothing yet").usage is None
    True
    """

    def __init__(self, tag: str | None = None) -> None:
        self.tag = tag
        self._calls: list[str] = []
        self._ledger: Ledger | None = None
        self._began = time.monotonic()
        self._took: float | None = None

    @property
    def calls(self) -> int:
        """How many calls were begun."""
        return len(self._calls)

    @property
    def seconds(self) -> float:
        """How long the block has run."""
        return time.monotonic() - self._began if self._took is None else self._took

    @property
    def usage(self) -> Accounts | None:
        """The accounts of these calls alone: ``track.usage.by("model")``. ``None`` before the first call."""
        ledger = self._ledger
        if ledger is None:
            return None
        return Accounts(lambda: ledger).where(call=tuple(self._calls))

    @property
    def df(self) -> pd.DataFrame | None:
        """The attempts as a DataFrame, simulated ones too; ``None`` before the first call."""
        return None if self.usage is None else self.usage(simulated=True)

    def total(self, *, simulated: bool = False) -> Total | None:
        """The sum; ``None`` before the first call. Simulated spending is not money unless it is asked for."""
        return None if self.usage is None else self.usage.total(simulated=simulated)

    def note(self, call: str, ledger: Ledger) -> None:
        """One more call."""
        self._calls.append(call)
        self._ledger = ledger

    def close(self) -> None:
        """The block is over."""
        self._took = time.monotonic() - self._began

    def __str__(self) -> str:
        name = f"{self.tag}: " if self.tag else ""
        if self.usage is None:
            return f"{name}no calls · {self.seconds:.1f} s"
        whole, real = self.usage.total(simulated=True), self.usage.total()
        told = [f"{self.calls:,} call{'' if self.calls == 1 else 's'}"]
        if whole.attempts > self.calls:
            told.append(f"{whole.attempts:,} attempts")
        counts = ["?" if count is None else f"{count:,}" for count in (whole.input, whole.output)]
        told += [f"{counts[0]} → {counts[1]} tokens", f"{self.seconds:.1f} s"]
        if real.attempts:
            told.append(_cost(real))
        if whole.attempts > real.attempts:
            told.append(
                f"{_cost(self.usage.where(simulated=True).total())} simulated"
                if not real.attempts
                else "and simulated calls"
            )
        return name + " · ".join(told)

    def __repr__(self) -> str:
        return f"<track {self}>"

    def _repr_html_(self) -> str:
        return f'<div style="font-size:.85em;opacity:.8">{escape(str(self))}</div>'


def _cost(total: Total) -> str:
    if total.cost is None:
        return "unpriced"
    about = "~" if total.estimated else ""
    more = f" and {total.unpriced:,} unpriced" if total.unpriced else ""
    return f"{about}{money(total.cost)}{more}"


_open: ContextVar[tuple[Track, ...]] = ContextVar("llmkit_tracks", default=())


def note(call: str, ledger: Ledger) -> None:
    """Tell the blocks around the caller of a call."""
    for each in _open.get():
        each.note(call, ledger)


def tag_of_block() -> str | None:
    """The tag of the innermost block that has one: that of calls which have none."""
    return next((each.tag for each in reversed(_open.get()) if each.tag), None)


@contextmanager
def track(tag: str | None = None) -> Iterator[Track]:
    """What everything called inside the block costs, also what other people's code asks through llmkit.

    Calls without a tag get this one.

    >>> with track("reviews") as t:
    ...     pass
    >>> t.calls
    0
    """
    made = Track(tag)
    token = _open.set((*_open.get(), made))
    try:
        yield made
    finally:
        made.close()
        _open.reset(token)
