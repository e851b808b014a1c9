"""What a call used and what it cost. Unknown is ``None``, never 0.

The token classes don't overlap, so they can be added and priced one by one. How each provider's
own counting becomes these classes is the business of the reader of that wire, and of nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Literal

UsageSource = Literal["provider", "estimated", "unknown"]
CostSource = Literal["provider", "genai-prices", "override", "simulated", "not-billed", "unknown"]


@dataclass(frozen=True, slots=True, repr=False)
class Usage:
    """Tokens, by class.

    ``input`` is what was neither read from nor written to a cache. ``cache_write_5m`` is the
    short-lived class of cache writes (Anthropic's 5 minutes, OpenAI's default), ``cache_write_1h``
    the long-lived one. ``reasoning`` is a part of ``output``: never add the two.

    >>> Usage(input=10, cache_read=5, output=7, reasoning=3).total_input
    15
    """

    input: int | None = None
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    input_audio: int | None = None
    output_audio: int | None = None
    input_image: int | None = None
    output_image: int | None = None
    web_searches: int | None = None
    service_tier: str | None = None
    source: UsageSource = "unknown"

    @property
    def cache_write(self) -> int | None:
        """All cache writes together."""
        return _sum(self.cache_write_5m, self.cache_write_1h)

    @property
    def total_input(self) -> int | None:
        """Everything that went in. Unknown if the uncached part is unknown."""
        if self.input is None:
            return None
        return self.input + (self.cache_read or 0) + (self.cache_write or 0)

    @property
    def total_output(self) -> int | None:
        """Everything that came out, thinking included."""
        return self.output

    @property
    def total(self) -> int | None:
        """In and out together."""
        if self.total_input is None or self.output is None:
            return None
        return self.total_input + self.output

    def __repr__(self) -> str:
        return f"Usage({', '.join(f'{name}={value!r}' for name, value in self.to_json().items())})"

    def to_json(self) -> dict[str, Any]:
        """Only what is known, and where it came from."""
        return {f.name: v for f in fields(self) if (v := getattr(self, f.name)) is not None}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Usage:
        """The inverse of :meth:`to_json`; what a later version adds is passed over."""
        return cls(**{f.name: plain[f.name] for f in fields(cls) if f.name in plain})


def add_usages(usages: Sequence[Usage]) -> Usage:
    """What several calls used together. What is unknown of one is unknown of all.

    >>> add_usages([Usage(input=1, output=2, source="provider"), Usage(input=3, output=4, source="provider")]).input
    4
    """
    if not usages:
        return Usage()
    sums: dict[str, int | None] = {
        name: _sum(*(getattr(usage, name) for usage in usages)) for name in _CLASSES
    }
    for name in ("input", "output"):
        if any(getattr(usage, name) is None for usage in usages):
            sums[name] = None
    tiers = {usage.service_tier for usage in usages}
    sources: tuple[UsageSource, ...] = ("unknown", "estimated", "provider")
    weakest = next(source for source in sources if any(usage.source == source for usage in usages))
    return Usage(**sums, service_tier=tiers.pop() if len(tiers) == 1 else None, source=weakest)


_CLASSES = tuple(f.name for f in fields(Usage) if f.name not in ("service_tier", "source"))


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class Cost:
    """Money for one call, computed once from that call's usage, never from summed tokens.

    ``amount`` is ``None`` where it is unknown; ``note`` then says why.

    >>> print(Cost(Decimal("0.0123"), source="genai-prices"))
    $0.0123
    """

    amount: Decimal | None = None
    currency: str = "USD"
    source: CostSource = "unknown"
    price_date: str | None = None
    estimated: bool = False
    note: str = ""

    @property
    def known(self) -> bool:
        """Is there a figure at all?"""
        return self.amount is not None

    def __str__(self) -> str:
        if self.amount is None:
            return "unpriced"
        sign = "~" if self.estimated else ""
        if self.currency != "USD":
            return f"{sign}{_short(self.amount)} {self.currency}"
        return f"{sign}${_short(self.amount)}"

    def to_json(self) -> dict[str, Any]:
        """Exact: the amount travels as text."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["amount"] = None if self.amount is None else str(self.amount)
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Cost:
        """The inverse of :meth:`to_json`."""
        amount = plain.get("amount")
        return cls(**{**plain, "amount": None if amount is None else Decimal(amount)})


def add_costs(costs: Sequence[Cost]) -> Cost:
    """What several calls cost together; unknown if that of one is.

    >>> print(add_costs([Cost(Decimal("0.5"), source="override"), Cost(Decimal("1"), source="override")]))
    $1.50
    """
    if len(costs) == 1:
        return costs[0]
    unknown = [cost for cost in costs if cost.amount is None]
    if unknown or not costs:
        return Cost(note=unknown[0].note if unknown else "")
    if len({cost.currency for cost in costs}) > 1:
        return Cost(note="its parts are in several currencies")
    billed = [cost for cost in costs if cost.source != "not-billed"] or list(costs)
    dates = {cost.price_date for cost in billed}
    return Cost(
        sum((cost.amount for cost in costs if cost.amount is not None), Decimal(0)),
        costs[0].currency,
        billed[-1].source,
        dates.pop() if len(dates) == 1 else None,
        any(cost.estimated for cost in costs),
        "; ".join(dict.fromkeys(cost.note for cost in costs if cost.note)),
    )


def _short(amount: Decimal) -> str:
    """Enough digits to mean something, no more: 0.0000123, 0.0012, 0.50, 1.20."""
    if amount == 0:
        return "0"
    if abs(amount) >= 1:
        return f"{amount:.2f}"
    whole, _, digits = f"{amount:.{2 - amount.adjusted()}f}".partition(".")
    return f"{whole}.{digits.rstrip('0'):0<2}"
