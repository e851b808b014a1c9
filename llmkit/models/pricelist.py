"""The list prices of genai-prices, asked offline: which list applies, and what it says for one call.

The package (1.6 MB of data) is imported with the first question. What a call cost all in all, with the
provider's own figure and the user's prices, is decided in ``prices.py``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmkit.core.usage import Usage
from llmkit.models import priceupdate
from llmkit.models.names import SYNONYMS, home_of, vendor_of

if TYPE_CHECKING:
    from genai_prices import types

#: Our names of providers, and those of genai-prices.
PRICE_LISTS: Mapping[str, str] = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "aws",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral",
    "moonshot": "moonshotai",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "vertex": "google",
    "xai": "x-ai",
    "zai": "zai",
}

#: Words of providers for "nothing special".
_STANDARD_TIERS = frozenset({"", "standard", "default", "auto", "on_demand", "standard_only", "unspecified"})


@dataclass(frozen=True, slots=True)
class Listed:
    """A list price for one call. ``caveats`` make it an estimate and say why."""

    amount: Decimal
    as_of: str
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unlisted:
    """No list price, and why."""

    why: str


def list_price(
    usage: Usage, *, provider: str, model: str, at: datetime, base_url: str | None = None
) -> Listed | Unlisted:
    """What the price list says for this call, at that moment, at that address."""
    provider, model, base_url = _direct(provider, model, base_url)
    chosen = _price_list(provider, model, base_url)
    if isinstance(chosen, Unlisted):
        return chosen
    list_id, caveats = chosen
    name = model.removeprefix("models/")
    try:
        seller, entry = _snapshot().find_provider_model(name, None, list_id, None)
    except LookupError:
        return Unlisted(f"No price is known for {provider}/{name}.")
    moment = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    context, remark = _context(usage.service_tier, list_id, seller, entry, moment)
    try:
        calculation = entry.calc_price(
            _as_priced(usage), seller, genai_request_timestamp=moment, price_context=context
        )
    except ValueError as error:
        return Unlisted(f"The usage of this call can't be priced: {error}.")
    if calculation.model_price.input_mtok is None and calculation.model_price.output_mtok is None:
        return Unlisted(f"{provider}/{name} is not priced by the token.")
    if remark:
        caveats = (*caveats, remark)
    if usage.web_searches and calculation.model_price.web_searches_kcount is None:
        caveats = (*caveats, f"The {usage.web_searches} web searches have no list price and are not counted")
    return Listed(calculation.total_price, _as_of(), caveats)


@dataclass(frozen=True, slots=True)
class Steps:
    """Where the price of a model changes: days (UTC), times of the day, and prompts longer than so many tokens."""

    days: tuple[date, ...] = ()
    times: tuple[time, ...] = ()
    tokens: tuple[int, ...] = ()


def steps(provider: str, model: str, base_url: str | None = None) -> Steps:
    """Where the list price of a model changes; nowhere for what is not listed.

    >>> steps("gemini", "gemini-3.8-flash").days[-1]
    datetime.date(2027, 1, 1)
    """
    chosen = _price_list(provider, model, base_url)
    if isinstance(chosen, Unlisted):
        return Steps()
    try:
        _, entry = _snapshot().find_provider_model(model.removeprefix("models/"), None, chosen[0], None)
    except LookupError:
        return Steps()
    conditions = [*(entry.prices if isinstance(entry.prices, list) else ()), *(entry.price_variants or ())]
    prices = [entry.prices] if not isinstance(entry.prices, list) else []
    prices += [condition.prices for condition in conditions]
    limits = [condition.constraint for condition in conditions if condition.constraint is not None]
    return Steps(
        tuple(sorted({limit.start_date for limit in limits if hasattr(limit, "start_date")})),
        tuple(
            sorted(
                {
                    moment.replace(tzinfo=None)
                    for limit in limits
                    if hasattr(limit, "start_time")
                    for moment in (limit.start_time, limit.end_time)
                }
            )
        ),
        tuple(
            sorted(
                {
                    tier.start
                    for price in prices
                    for value in vars(price).values()
                    for tier in getattr(value, "tiers", ())
                }
            )
        ),
    )


def names_at(provider: str) -> list[str]:
    """The models that the price list of a provider names."""
    seller = _seller(provider)
    return [] if seller is None else [model.id for model in seller.models]


@dataclass(frozen=True, slots=True)
class PerMillion:
    """What a million tokens cost, in dollars, before any tier; ``since`` is the day of the list.

    A class of cached tokens that has no price of its own (``None``) costs what ``input`` costs. ``long_from``: prompts
    of more tokens than that cost more. ``changes``: the day from which other prices are announced.
    """

    input: Decimal | None
    output: Decimal | None
    since: str
    source: str = "genai-prices"
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    long_from: int | None = None
    changes: date | None = None


def per_million(provider: str, model: str, at: datetime | None = None) -> PerMillion | None:
    """The plain list price of a model, or ``None`` where no list has one.

    >>> per_million("openai", "gpt-4o").input
    Decimal('2.5')
    """
    provider, model, _ = _direct(provider, model, None)
    seller = _seller(provider)
    entry = None if seller is None else seller.find_model(model.removeprefix("models/"))
    if entry is None:
        return None
    moment = datetime.now(UTC) if at is None else at
    price = entry.get_prices(moment)
    base = {name: _base(getattr(price, f"{name}_mtok", None)) for name in _MILLIONS}
    if base["input"] is None and base["output"] is None:
        return None
    tiers = [tier.start for value in vars(price).values() for tier in getattr(value, "tiers", ())]
    return PerMillion(
        base["input"],
        base["output"],
        _as_of(),
        cache_read=base["cache_read"],
        cache_write_5m=base["cache_write"],
        cache_write_1h=base["cache_write_1h"] if base["cache_write_1h"] is not None else base["cache_write"],
        long_from=min(tiers, default=None),
        changes=next((day for day in steps(provider, model).days if day > moment.date()), None),
    )


#: What genai-prices calls the classes of tokens.
_MILLIONS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")


def _direct(provider: str, model: str, base_url: str | None) -> tuple[str, str, str | None]:
    """Whose model it is that LiteLLM hands a call on to; any other call as it is."""
    if provider != "litellm":
        return provider, model, base_url
    place, slash, name = model.partition("/")
    place = place.partition("_")[0]  # vertex_ai, azure_ai, together_ai, …
    if slash and place in PRICE_LISTS:
        return place, name, None
    return home_of(model) or provider, model, None


def _base(price: Any) -> Decimal | None:
    """A price, or that of its first tier."""
    base: Decimal | None = getattr(price, "base", price)
    return base


def _seller(provider: str) -> Any:
    list_id = PRICE_LISTS.get(SYNONYMS.get(provider, provider))
    return next((seller for seller in _snapshot().providers if seller.id == list_id), None)


def _price_list(provider: str, model: str, base_url: str | None) -> tuple[str, tuple[str, ...]] | Unlisted:
    own = PRICE_LISTS.get(SYNONYMS.get(provider, provider))
    if not base_url:
        return (own, ()) if own is not None else Unlisted(f"There is no price list for {provider!r}.")
    sellers = [seller.id for seller in _snapshot().providers if re.match(seller.api_pattern, base_url)]
    if sellers:
        return (own if own is not None and own in sellers else sellers[0], ())
    # Whoever serves a closed model at an address of his own hands the call on to its vendor (a gateway).
    vendor = vendor_of(model.removeprefix("models/"))
    if vendor is None or vendor not in PRICE_LISTS:
        return Unlisted(f"No price list knows {_host(base_url)}.")
    return PRICE_LISTS[vendor], (f"The list price of {vendor}; {_host(base_url)} may charge otherwise",)


def _context(
    tier: str | None, list_id: str, seller: types.Provider, entry: types.ModelInfo, at: datetime
) -> tuple[dict[str, str] | None, str]:
    word = (tier or "").lower().removeprefix("service_tier_")
    if word in _STANDARD_TIERS:
        return None, ""
    if word == "batch":
        context = {"processing": "batch"}
    elif word == "fast" and list_id == "anthropic":
        context = {"speed": "fast"}
    else:
        context = {"service_tier": word}
    own = any(entry is model for model in seller.models)  # a list borrowed from another seller has no tiers
    for variant in (entry.price_variants or ()) if own else ():
        active = variant.constraint is None or variant.constraint.active(at)
        if active and variant.when == context:
            return context, ""
    return None, f"No price is known for the service tier {word!r}; this is the standard price"


def _as_priced(usage: Usage) -> Any:
    from genai_prices import Usage as Priced

    given, made = usage.total_input or 0, usage.output or 0
    counts: dict[str, int | None] = {
        "input_tokens": given,
        "output_tokens": made,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "cache_write_5m_tokens": usage.cache_write_5m,
        "cache_write_1h_tokens": usage.cache_write_1h,
        "input_audio_tokens": _part(usage.input_audio, usage.input),
        "output_audio_tokens": _part(usage.output_audio, made),
        "input_image_tokens": _part(usage.input_image, usage.input),
        "output_image_tokens": _part(usage.output_image, made),
        "output_reasoning_tokens": _part(usage.reasoning, made),
        "web_searches": usage.web_searches,
    }
    # Our audio and image tokens are parts of the uncached input: none of them was in the cache.
    for kind in ("audio", "image"):
        if counts[f"input_{kind}_tokens"] and (usage.cache_read or usage.cache_write):
            counts[f"cache_{kind}_read_tokens"] = counts[f"cache_{kind}_write_tokens"] = 0
    return Priced(**{name: count for name, count in counts.items() if count is not None})


def _part(count: int | None, whole: int | None) -> int | None:
    """A part can't be more than its whole, whatever a server says."""
    return None if count is None or whole is None else min(count, whole)


def _snapshot() -> Any:
    from genai_prices.data_snapshot import get_snapshot

    priceupdate.bring_in()
    return get_snapshot()


def forget_day() -> None:
    """Another list is in force: its day is looked up anew."""
    _as_of.cache_clear()


@functools.cache
def _as_of() -> str:
    """The day of the list's latest change that is not still to come."""
    days = {
        condition.constraint.start_date
        for seller in _snapshot().providers
        for model in seller.models
        for condition in (
            *(model.prices if isinstance(model.prices, list) else ()),
            *(model.price_variants or ()),
        )
        if hasattr(condition.constraint, "start_date")
    }
    today = datetime.now(UTC).date()
    return str(max((day for day in days if day <= today), default=""))


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url
