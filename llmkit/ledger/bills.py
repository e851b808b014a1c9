"""How providers write their bills: which column of a console's CSV holds what. Data, and where it was learnt.

The columns were compared with exports of 2025 and 2026 that users of these consoles have described:
OpenAI: platform.openai.com, Usage, Export, "Cost" (``line_item`` is empty unless grouped by line item).
Anthropic: platform.claude.com, Cost, Export.
Google: the Cloud console's Billing, "Cost table" (after some lines about the invoice, a line for each SKU and project
of the whole month, then its rounding error and its total) and "Reports" grouped by SKU, with dates or without;
https://docs.cloud.google.com/billing/docs/how-to/cost-table. Its days are those of US Pacific time.

Reading such a file and comparing it with the ledger is the business of ``reconcile.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """How one provider writes its bill: which column holds what (the first that is there counts). Columns are named
    in lower case, for consoles are not always of one mind about capitals."""

    name: str
    #: The providers of our ledger whose calls it bills.
    providers: tuple[str, ...]
    #: What a line of columns must have to be one of these.
    known_by: tuple[str, ...]
    day: tuple[str, ...]
    cost: tuple[str, ...]
    item: tuple[str, ...]
    #: The last day of what a line is about, where lines may be about several.
    until: tuple[str, ...] = ()
    #: Only lines where this column holds one of these words (in lower case) count.
    only: tuple[str, tuple[str, ...]] | None = None
    #: A line with something in this column is a credit, which pays for calls and is none.
    credit: str = ""
    #: Where the currency of a line is written; where there is none, it is dollars.
    currency: tuple[str, ...] = ()
    #: The time zone of its days.
    zone: str = "UTC"


_GOOGLE_SERVICES: Final = ("gemini", "generative language", "vertex ai", "agent platform")
_GOOGLE_COSTS: Final = (
    *("unrounded subtotal ($)", "unrounded cost ($)", "subtotal ($)", "cost ($)", "cost"),
)

BILLS: Final = (
    Bill(
        name="OpenAI",
        providers=("openai",),
        known_by=("amount_value",),
        day=("start_time_iso", "start_time"),
        cost=("amount_value",),
        item=("line_item",),
        currency=("amount_currency",),
    ),
    Bill(
        name="Anthropic",
        providers=("anthropic",),
        known_by=("usage_date_utc", "cost_usd", "token_type"),
        day=("usage_date_utc",),
        cost=("cost_usd",),
        item=("model",),
    ),
    Bill(
        name="Gemini",
        providers=("gemini", "vertex", "google"),
        known_by=("sku description", "usage start date"),
        day=("usage start date",),
        until=("usage end date",),
        cost=_GOOGLE_COSTS,
        item=("sku description",),
        only=("service description", _GOOGLE_SERVICES),
        credit="credit type",
        zone="America/Los_Angeles",
    ),
    Bill(
        name="Gemini",
        providers=("gemini", "vertex", "google"),
        known_by=("sku description", "date"),
        day=("date",),
        cost=_GOOGLE_COSTS,
        item=("sku description",),
        only=("service description", _GOOGLE_SERVICES),
        zone="America/Los_Angeles",
    ),
)
