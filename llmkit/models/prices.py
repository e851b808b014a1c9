"""What one call cost. Unknown is unknown, with the reason; it is never 0.

Whose figure counts: the user's own prices, then the provider's figure in its answer, then the price
list (``pricelist.py``). Always from the usage of one call, never from summed tokens: prices have tiers.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from importlib import import_module
from typing import Any

from llmkit.core.errors import ConfigError
from llmkit.core.usage import Cost, Usage
from llmkit.models.pricelist import Listed, Unlisted, list_price

#: "provider/model" (``*`` allowed) -> prices in a million tokens; see :func:`cost_of`.
Overrides = Mapping[str, Mapping[str, Any]]

_MILLION = Decimal(1_000_000)
_RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
_OVERRIDE_KEYS = (*_RATES, "cache_write", "currency")


def cost_of(
    usage: Usage,
    *,
    provider: str,
    model: str,
    at: datetime,
    asked: str | None = None,
    provider_cost: Decimal | float | str | None = None,
    base_url: str | None = None,
    overrides: Overrides | None = None,
) -> Cost:
    """The cost of one call made at that moment.

    ``model`` is the name that served the call; where no list knows it, the name ``asked`` for is tried.

    ``overrides`` are the user's own prices for a million tokens: ``{"ollama/*": {"input": 0, "output": 0}}``;
    a cache class without a price of its own costs what ``input`` costs. They may name the model as it was asked for.

    >>> used = Usage(input=1000, output=100, source="provider")
    >>> print(cost_of(used, provider="anthropic", model="claude-sonnet-5-5", at=datetime(2026, 11, 20)))
    $0.003
    """
    cost = _own_cost(usage, provider, (model, asked or model), overrides)
    if cost is None:
        cost = _simulated(usage, provider, model)
    if cost is None:
        listed = _listed(usage, provider, (model, asked or model), at, base_url)
        figure = _figure(provider_cost)
        cost = listed if figure is None else _as_reported(figure, listed)
        if figure is not None and provider == "litellm":
            cost = replace(cost, note="By LiteLLM's own table of prices.", estimated=True)
    if cost.source != "provider" and usage.source == "estimated" and cost.known:
        cost = replace(cost, estimated=True)
    return cost


def worst_case(
    provider: str,
    model: str,
    input_tokens: int,
    max_output: int | None,
    *,
    at: datetime | None = None,
    base_url: str | None = None,
    service_tier: str | None = None,
    overrides: Overrides | None = None,
) -> Cost:
    """The most that a request may cost: nothing read from a cache, all of it written to one, and an
    answer as long as it may be. Unknown where the price or the longest answer is unknown."""
    if max_output is None:
        from llmkit.models.catalogue import facts

        max_output = facts(provider, model).max_output
    if max_output is None:
        return Cost(note=f"It is unknown how long an answer of {provider}/{model} may be; set max_tokens.")
    worst: Cost | None = None
    for put_in in ("input", "cache_write_5m"):
        counts = {"input": 0, put_in: input_tokens}
        usage = Usage(**counts, output=max_output, service_tier=service_tier, source="estimated")
        moment = datetime.now(UTC) if at is None else at
        cost = cost_of(
            usage, provider=provider, model=model, at=moment, base_url=base_url, overrides=overrides
        )
        if cost.amount is None:
            return cost
        if worst is None or worst.amount is None or cost.amount > worst.amount:
            worst = cost
    assert worst is not None  # noqa: S101 - two rounds, each sets it or returns
    return worst


def _listed(usage: Usage, provider: str, names: tuple[str, str], at: datetime, base_url: str | None) -> Cost:
    if missing := _missing(usage):
        return Cost(note=missing)
    served, asked = names
    found = list_price(usage, provider=provider, model=served, at=at, base_url=base_url)
    if isinstance(found, Unlisted) and asked != served:
        found = list_price(usage, provider=provider, model=asked, at=at, base_url=base_url)
    match found:
        case Unlisted(why):
            return Cost(note=f"{why} A price of your own can be set.")
        case Listed(amount, as_of, caveats):
            note = "; ".join(caveats) + ("." if caveats else "")
            return Cost(amount, "USD", "genai-prices", as_of, estimated=bool(caveats), note=note)


def _missing(usage: Usage) -> str:
    for side in ("input", "output"):
        if getattr(usage, side) is None:
            return f"The number of {side} tokens is unknown."
    return ""


def _as_reported(figure: Decimal, listed: Cost) -> Cost:
    note = ""
    if listed.amount is not None and listed.currency == "USD":
        gap = figure - listed.amount
        if abs(gap) > listed.amount * Decimal("0.05"):
            percent = f" ({gap / listed.amount:+.0%})" if listed.amount else ""
            note = f"The provider's figure differs from the list price {listed}{percent}."
    return Cost(figure, "USD", "provider", note=note)


def _figure(given: Decimal | float | str | None) -> Decimal | None:
    if given is None or isinstance(given, bool):
        return None
    try:
        figure = Decimal(str(given))
    except InvalidOperation:
        return None
    return figure if figure.is_finite() and figure >= 0 else None


def _simulated(usage: Usage, provider: str, model: str) -> Cost | None:
    if provider != "sim" and not model.startswith("sim/"):
        return None
    price = import_module("llmkit.sim.models").price(model)
    if price is None:
        return Cost(note=f"The simulated model {model!r} has no price.")
    rates = {
        "input": Decimal(price.input),
        "output": Decimal(price.output),
        "cache_read": Decimal(price.cache_read),
        "cache_write_5m": Decimal(price.cache_write),
        "cache_write_1h": Decimal(price.cache_write),
    }
    return _at_rates(usage, rates, Cost(source="simulated"))


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """A price that the user wrote: for which name (or pattern), dollars for a million of each class."""

    key: str
    rates: Mapping[str, Decimal]
    currency: str


def own_price(name: str, overrides: Overrides | None) -> OwnPrice | None:
    """The user's own price for "provider/model"; ``None`` where there is none.

    >>> own_price("ollama/qwen3", {"ollama/*": {"input": 0, "output": 0}}).key
    'ollama/*'
    """
    key = _matching(name, overrides or {})
    if key is None:
        return None
    given = (overrides or {})[key]
    return OwnPrice(key, _rates(key, given), str(given.get("currency", "USD")))


def _own_cost(
    usage: Usage, provider: str, names: tuple[str, str], overrides: Overrides | None
) -> Cost | None:
    found = [(name, own_price(name, overrides)) for name in (f"{provider}/{name}" for name in names)]
    # A name written out says more than a pattern.
    first = sorted(found, key=lambda one: one[1] is None or one[1].key != one[0])
    own = next((own for _, own in first if own is not None), None)
    if own is None:
        return None
    return _at_rates(usage, own.rates, Cost(source="override", currency=own.currency))


def _at_rates(usage: Usage, rates: Mapping[str, Decimal], frame: Cost) -> Cost:
    if missing := _missing(usage):
        return Cost(note=missing)
    amount = sum((rates[name] * (getattr(usage, name) or 0) for name in _RATES), Decimal(0)) / _MILLION
    return replace(frame, amount=amount)


def _matching(name: str, overrides: Overrides) -> str | None:
    if name in overrides:
        return name
    fitting = [pattern for pattern in overrides if fnmatch.fnmatchcase(name, pattern)]
    return max(fitting, key=len, default=None)


def _rates(key: str, given: Mapping[str, Any]) -> dict[str, Decimal]:
    if unknown := sorted(set(given) - set(_OVERRIDE_KEYS)):
        raise ConfigError(
            f"The price of {key!r} can't be used.",
            why=f"It has no part named {', '.join(unknown)}.",
            hint=f"A price is made of {', '.join(_OVERRIDE_KEYS)}, for a million tokens each.",
        )
    rates = {name: _figure(given[name]) for name in given if name != "currency"}
    bad = sorted(name for name, rate in rates.items() if rate is None)
    bad += [name for name in ("input", "output") if name not in rates]
    if bad:
        raise ConfigError(
            f"The price of {key!r} can't be used.",
            why=f"Missing, or not a number ≥ 0: {', '.join(bad)}.",
            hint='Write it like {"input": "0.10", "output": "0.50"}: dollars for a million tokens.',
        )
    known = {name: rate for name, rate in rates.items() if rate is not None}
    written = known.pop("cache_write", known["input"])
    defaults = {"cache_read": known["input"], "cache_write_5m": written, "cache_write_1h": written}
    return defaults | known
