"""What the past would have cost with another model: the same tokens, another price list.

An honest "what if" says what it can't know: attempts without token counts, and that another model would have
counted and written other tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any, Final, Literal

from llmkit.core.errors import BadRequest, UnknownModel
from llmkit.ledger.sums import exact_sums
from llmkit.ledger.words import attempts
from llmkit.models import aliases, catalogue
from llmkit.models.bulk import price_many
from llmkit.models.prices import Overrides
from llmkit.models.rates import CLASSES, rates_or_reason

if TYPE_CHECKING:
    import pandas as pd

NEEDS: Final = ("started", "provider", "model", "status", "service_tier", "cost", "currency", *CLASSES)
#: Attempts that no model worked on: another one would not have been paid either.
_IDLE: Final = ("cached", "refused", "pending")


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer. ``table`` has a line for each model that was used; ``skipped`` says which attempts aren't in it.

    ``cost`` and ``instead`` are sums over the same attempts: those whose cost is known on both sides.
    """

    model: str
    attempts: int
    cost: Decimal
    instead: Decimal
    skipped: Mapping[str, int]
    table: pd.DataFrame

    @property
    def saved(self) -> Decimal:
        """What would have been saved; less than nothing if it had been dearer."""
        return self.cost - self.instead

    def __str__(self) -> str:
        if not self.attempts and not self.skipped:
            return "There are no attempts to price."
        if not self.attempts:
            return "\n".join(["None of the attempts can be compared.", *self._left_out()])
        share = f" ({self.instead / self.cost - 1:+.0%})" if self.cost else ""
        lines = [
            f"{attempts(self.attempts)} cost ${float(self.cost):.4f}; with {self.model} they would have cost "
            f"${float(self.instead):.4f}{share}, for the same tokens.",
            *self._left_out(),
        ]
        return "\n".join(lines)

    def _left_out(self) -> list[str]:
        return [f"Left out: {count:,}. {why}" for why, count in self.skipped.items()]

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        lines = "<br>".join(escape(line) for line in str(self).splitlines())
        table = self.table.to_html(index=False, border=0)
        return f'<div class="tex2jax_ignore mathjax_ignore"><p>{lines}</p>{table}</div>'


def what_if(
    frame: pd.DataFrame,
    model: str,
    *,
    at: Literal["now", "then"] = "now",
    prices: Overrides | None = None,
) -> WhatIf:
    """Price the attempts of a usage table as if ``model`` had answered, at today's prices or at those of then."""
    import numpy as np
    import pandas as pd

    if at not in ("now", "then"):
        raise BadRequest(f"at={at!r} is no time of prices.", hint='Use at="now" or at="then".')
    provider, name = _named(model)
    moment = datetime.now(UTC)
    rates, why = rates_or_reason(provider, name, at=moment, overrides=prices)
    if rates is None:
        raise UnknownModel(
            f"What {model!r} would have cost can't be told.",
            why=" ".join(
                [
                    why if provider else "No known name is like it.",
                    *([f"Did you mean {' or '.join(near)}?"] if (near := catalogue.nearest(model)) else []),
                ]
            ),
            hint="Name it by an alias (sonnet, luna, …) or as provider/model.",
            model=model,
        )
    idle = frame["status"].isin(_IDLE)
    rows = frame[~idle].reset_index(drop=True)
    # Tiers are each provider's own; a batch or flex call is compared at the plain price of the other.
    priced = price_many(
        rows.drop(columns="service_tier"),
        provider=provider,
        model=name,
        at=moment if at == "now" else None,
        overrides=prices,
    )
    both = (
        rows["cost"].notna().to_numpy()
        & ~np.isnan(priced.cost)
        & (rows["currency"].isna() | (rows["currency"] == "USD")).to_numpy()
    )
    skipped = dict(priced.reasons)
    if unknown := int((~both & ~np.isnan(priced.cost)).sum()):
        skipped["What they did cost is unknown, or not in dollars."] = unknown
    if idle.any():
        skipped["No model worked on them (replayed, refused or not yet settled)."] = int(idle.sum())
    table = rows[both].assign(instead=priced.cost[both])
    lines = (
        table.groupby(["provider", "model"], observed=True)
        .agg(attempts=("cost", "size"), cost=("cost", "sum"), instead=("instead", "sum"))
        .reset_index()
    )
    lines["saved"] = lines["cost"] - lines["instead"]
    lines = lines.sort_values("saved", ascending=False, kind="stable").reset_index(drop=True)
    return WhatIf(
        model=f"{provider}/{name}",
        attempts=int(both.sum()),
        cost=_sum(rows["cost"].to_numpy(dtype="float64")[both]),
        instead=_sum(priced.cost[both]),
        skipped=skipped,
        table=pd.DataFrame(lines),
    )


def _named(model: str) -> tuple[str, str]:
    provider, slash, name = model.partition("/")
    if slash:
        return provider, name
    place, name = aliases.split(model)
    return place or "", name


def _sum(costs: Any) -> Decimal:
    import numpy as np

    (found,), _ = exact_sums(costs, np.zeros(len(costs), dtype="int64"), 1)
    return found or Decimal(0)
