"""A budget as the ledger sees it: for what, how much, since when. Keeping money from being spent is not done here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """So many dollars for a stretch of time, a session or a tag.

    ``filters`` are those of ``usage()`` that find what counts against it.
    """

    name: str
    limit: Decimal
    spent: Decimal
    held: Decimal = Decimal(0)
    since: datetime | None = None
    resets: datetime | None = None
    session: str | None = None
    tag: str | None = None
    simulated: bool = False

    @property
    def left(self) -> Decimal:
        """What may still be spent; never less than nothing."""
        return max(self.limit - self.spent - self.held, Decimal(0))

    @property
    def share(self) -> float:
        """How much of it is spent: 1.0 is all.

        >>> Allowance(name="day", limit=Decimal(2), spent=Decimal("0.5")).share
        0.25
        """
        return float(self.spent / self.limit)
