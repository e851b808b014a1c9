"""What a session has cost so far, for the line under an answer. Simulated calls cost nothing and are not in it."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING

from llmkit.core.errors import LLMKitError
from llmkit.core.usage import Cost
from llmkit.engine.session import default_session
from llmkit.ledger.query import Filter

if TYPE_CHECKING:
    from llmkit.core.reply import Reply
    from llmkit.engine.session import Session

#: A session of so many calls that reading them takes longer is not summed up after every cell.
_LONGEST_SECONDS = 0.2


class Spending:
    """Adds up a session, as long as that is quick."""

    def __init__(self) -> None:
        self._slow = ""

    def after(self, reply: Reply, session: Session | None = None) -> str:
        """The sum in words, once there was more than this reply; what has no price makes it "at least".

        >>> from llmkit.core.reply import Reply
        >>> Spending().after(Reply(simulated=True))
        ''
        """
        if reply.simulated:
            return ""
        session = session or default_session()
        if self._slow == session.id or session.ledger.resting:
            return ""
        began = time.monotonic()
        try:
            rows = session.ledger.columns(Filter(session=session.id, since=session.began))
        except LLMKitError:  # the team's ledger is away, as its own notice says
            return ""
        if time.monotonic() - began > _LONGEST_SECONDS:
            self._slow = session.id
        calls = list(zip(rows["cost"], rows["currency"], rows["usage_source"], strict=True))
        known = [
            (Decimal(cost), source) for cost, unit, source in calls if cost is not None and unit == "USD"
        ]
        if not known or len(calls) <= reply.attempts:
            return ""
        whole = Cost(
            sum((cost for cost, _ in known), Decimal(0)),
            estimated=any(source == "estimated" for _, source in known),
        )
        return f"session {'at least ' if len(known) < len(calls) else ''}{whole}"


spending = Spending()
