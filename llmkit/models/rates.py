"""What one more token of each class costs: the rates behind a price, found by asking the price itself.

Between its steps (days, times of the day, long prompts) every price is linear in its token counts. So the
difference that one token makes is the rate, whosever price it is: a list's, the user's own or the simulator's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from llmkit.core.usage import Usage
from llmkit.models.prices import Overrides, cost_of

_MILLION: Final = Decimal(1_000_000)
#: The classes, and what else has to be there for one such token: audio is a part of the input, and so on.
CLASSES: Final[Mapping[str, str | None]] = {
    "input": None,
    "cache_read": None,
    "cache_write_5m": None,
    "cache_write_1h": None,
    "output": None,
    "reasoning": "output",
    "input_audio": "input",
    "output_audio": "output",
    "input_image": "input",
    "output_image": "output",
    "web_searches": None,
}


class Rates(dict[str, Decimal]):
    """Dollars for a million of each class; of a part (``reasoning``, ``input_audio``, …) what it costs on top.

    ``price_date``, ``source`` and ``estimated`` are those of the price they were read from.
    """

    source = "unknown"
    price_date: str | None = None
    estimated = False
    currency = "USD"
    note = ""


def rates_of(provider: str, model: str, *, at: datetime, prompt: int = 0, **more: Any) -> Rates | None:
    """The rates for a prompt longer than that many tokens; ``None`` where no price is known.

    ``more`` is what ``cost_of`` takes: ``asked``, ``base_url``, ``overrides``, and ``service_tier``.

    >>> from datetime import UTC
    >>> rates = rates_of("anthropic", "claude-haiku-5-5", at=datetime(2026, 11, 20, tzinfo=UTC))
    >>> print(rates["input"], rates["output"], rates_of("nobody", "x", at=datetime.now(UTC)))
    0.1 0.5 None
    """
    rates, _ = rates_or_reason(provider, model, at=at, prompt=prompt, **more)
    return rates


def rates_or_reason(
    provider: str,
    model: str,
    *,
    at: datetime,
    prompt: int = 0,
    asked: str | None = None,
    base_url: str | None = None,
    service_tier: str | None = None,
    overrides: Overrides | None = None,
) -> tuple[Rates | None, str]:
    """The same, and in words why there are none."""

    def price(**counts: int) -> Any:
        used = Usage(**{"input": 0, "output": 0, **counts}, service_tier=service_tier, source="provider")
        return cost_of(
            used, provider=provider, model=model, at=at, asked=asked, base_url=base_url, overrides=overrides
        )

    long = prompt + 1 if prompt else 0
    whole = price(input=long)
    if whole.amount is None:
        return None, whole.note
    rates = Rates()
    rates.source, rates.price_date, rates.currency = whole.source, whole.price_date, whole.currency
    rates.estimated, rates.note = whole.estimated, whole.note
    for name, of in CLASSES.items():
        counts = {"input": long}
        if of is not None:
            counts[of] = counts.get(of, 0) + 1
        before = price(**counts)
        counts[name] = counts.get(name, 0) + 1
        after = price(**counts)
        if before.amount is None or after.amount is None:
            return None, before.note or after.note
        rates[name] = ((after.amount - before.amount) * _MILLION).normalize() + 0
    return rates, ""
