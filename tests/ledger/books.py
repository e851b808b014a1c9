"""Ledgers to read from: rows as plain words, settled like real ones; and hypothesis's random ones."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from llmkit.core.reply import Reply, Timing
from llmkit.core.usage import Cost, Usage
from llmkit.ledger import Ledger
from llmkit.ledger.accounts import Accounts

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_COUNTS = ("cache_read", "cache_write_5m", "cache_write_1h", "reasoning")


def add(
    ledger, *, cost="0.10", given=10, made=5, status="ok", source="provider", currency="USD", at=None, ttft=0.1, lasted=1.0, **more
):  # fmt: skip
    """One settled attempt."""
    counts = {name: more.pop(name) for name in _COUNTS if name in more}
    defaults = {"call": "c", "attempt": 1, "session": "s", "provider": "openai", "model": "gpt-6-luna"}
    name = ledger.begin(**(defaults | more))
    reply = Reply(
        usage=Usage(input=given, output=made, source=source, **counts),
        cost=Cost(None if cost is None else Decimal(cost), currency, "genai-prices"),
        timing=Timing(ttft, lasted),
    )
    ledger.settle(name, status=status, reply=reply)
    if at is not None:  # there is no other way to have a past
        ledger.flush()
        with ledger._lock:
            ledger._database().db.execute(
                "UPDATE attempts SET started = ? WHERE id = ?", (at.timestamp(), name)
            )
    return name


def accounts(ledger, **more):
    return Accounts(lambda: ledger, **more)


def book(path, rows):
    """A ledger with these rows, open."""
    ledger = Ledger.open(path)
    for row in rows:
        add(ledger, **row)
    return ledger


_counts = st.one_of(st.none(), st.integers(0, 10**6))
_costs = st.one_of(
    st.none(),
    st.integers(0, 10**9).map(lambda n: str(Decimal(n) / 10**8)),
    st.integers(0, 10**14).map(lambda n: str(Decimal(n) / 10**14)),  # finer than a unit
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "cost": _costs,
            "given": _counts,
            "made": _counts,
            "cache_read": _counts,
            "cache_write_5m": _counts,
            "tag": st.sampled_from([None, "a", "b", "c d"]),
            "model": st.sampled_from(["m1", "m2"]),
            "provider": st.sampled_from(["p", "q"]),
            "notebook": st.sampled_from([None, "n1", "n2"]),
            "cell": st.sampled_from([None, "x", "y"]),
            "status": st.sampled_from(["ok", "error", "cancelled", "cached"]),
            "attempt": st.integers(1, 3),
            "at": st.datetimes(datetime(2026, 10, 20), datetime(2026, 11, 20), timezones=st.just(UTC)),
        }
    ).map(lambda row: {**row, "reasoning": None if row["made"] is None else row["made"] // 2}),
    max_size=14,
)
