"""What a session used, by model: a small table that needs no pandas. The sums of ``usage()`` are the ledger's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from llmkit.ledger.words import money

HEAD: Final = ("model", "attempts", "in", "out", "cost")
_NEEDED: Final = (
    *("provider", "model", "simulated", "currency", "status", "cost"),
    *("input", "cache_read", "cache_write_5m", "cache_write_1h", "output"),
)
_IN: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h")


def by_model(columns: Mapping[str, list[Any]]) -> tuple[tuple[str, ...], ...]:
    """One row for each model, the dearest first, over the columns of a ledger. A replay used no tokens.

    >>> from llmkit.ledger import Ledger
    >>> from llmkit.ledger.query import Filter
    >>> by_model(Ledger.open(":memory:").columns(Filter()))
    ()
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for values in zip(*(columns[name] for name in _NEEDED), strict=True):
        attempt = dict(zip(_NEEDED, values, strict=True))
        group = tuple(attempt[name] for name in ("provider", "model", "simulated"))
        groups[*group, attempt["currency"] or "USD"].append(attempt)
    rows = []
    for (provider, model, simulated, currency), attempts in groups.items():
        costs = [Decimal(str(one["cost"])) for one in attempts if one["cost"] is not None]
        said = _said(costs, len(attempts) - len(costs), currency)
        told = (f"{len(attempts):,}", _tokens(attempts, _IN), _tokens(attempts, ("output",)))
        marked = f"{said} (simulated)" if simulated else said
        rows.append((sum(costs, Decimal(0)), (f"{provider}/{model}", *told, marked)))
    rows.sort(key=lambda row: -row[0])
    return tuple(row for _, row in rows)


def _said(costs: list[Decimal], unpriced: int, currency: str) -> str:
    if not costs:
        return "unpriced"
    cost = money(sum(costs, Decimal(0)))
    told = cost if currency == "USD" else f"{cost[1:]} {currency}"
    return f"{told} and {unpriced} unpriced" if unpriced else told


def _tokens(attempts: Iterable[Mapping[str, Any]], names: tuple[str, ...]) -> str:
    """The sum of what is known; "?" where nothing is."""
    known = [
        0 if one["status"] == "cached" else one[name]
        for one in attempts
        for name in names
        if one["status"] == "cached" or one[name] is not None
    ]
    return f"{sum(known):,}" if known else "?"
