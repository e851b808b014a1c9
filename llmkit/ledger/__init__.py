"""The ledger: one honest row for each attempt, and its readings as numbers and DataFrames."""

from __future__ import annotations

from llmkit.ledger.query import Filter
from llmkit.ledger.schema import STATUSES, Status
from llmkit.ledger.store import Ledger

__all__ = ["STATUSES", "Filter", "Ledger", "Status"]
