"""What a job has cost so far, counted as its calls end. Simulated money is never added to real money."""

from __future__ import annotations

from decimal import Decimal

from llmkit.core.usage import Cost
from llmkit.jobs.pump import Errand


class Tally:
    """What calls cost, counted as they end."""

    def __init__(self) -> None:
        self._real = self._simulated = Decimal(0)
        self._unpriced = 0
        self._estimated = False

    def add(self, errand: Errand) -> None:
        """Count a call that ended."""
        reply = errand.reply
        if reply is None or errand.status in ("refused", "unsent"):
            return
        self._estimated |= reply.cost.estimated
        if reply.cost.amount is None:
            self._unpriced += 1
        elif reply.simulated:
            self._simulated += reply.cost.amount
        else:
            self._real += reply.cost.amount

    def told(self) -> list[str]:
        """In words."""
        told = [str(Cost(self._real, estimated=self._estimated))] if self._real else []
        if self._simulated:
            told.append(f"{Cost(self._simulated)} simulated")
        if self._unpriced:
            told.append(f"{self._unpriced:,} unpriced")
        return told
