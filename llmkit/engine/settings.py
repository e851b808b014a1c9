"""What a configuration says of money and memory: prices of one's own, budgets, the cache.

Providers, aliases, limits and timeouts are read in ``providers/``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from llmkit.core.errors import BadRequest, ConfigError
from llmkit.engine.cache import Cache
from llmkit.engine.purse import Purse
from llmkit.models.prices import Overrides, own_price
from llmkit.providers.unusable import unusable

_CACHE = {"path", "ttl", "max_bytes"}


def apply(
    written: Mapping[str, Any], purse: Purse, tell: Callable[[str], object]
) -> tuple[Overrides | None, Cache | None]:
    """Set the budgets; the prices and the cache are the result."""
    for per, usd in _mapping("budgets", written.get("budgets", {})).items():
        try:
            purse.set(usd, per=str(per))
        except BadRequest as error:
            raise unusable(f"budgets.{per} is no budget", f"{error.what} {error.hint}") from None
    prices = _mapping("prices", written.get("prices", {}))
    for name, price in prices.items():
        _mapping(f"prices.{name}", price)
        if not re.search(r"[/*?\[]", name):
            raise unusable(
                f"prices.{name} names no model",
                f"Write it as provider/model, or with a star: {f'*/{name}'!r}.",
            )
        try:
            own_price(name, prices)
        except ConfigError as error:  # now, and not when the answer is there and paid for
            raise unusable(f"prices.{name} is no price", f"{error.why} {error.hint}") from None
    return prices or None, _cache(written.get("cache", False), tell)


def _cache(given: Any, tell: Callable[[str], object]) -> Cache | None:
    if isinstance(given, bool):
        return Cache(tell=tell) if given else None
    fields = _mapping("cache", given)
    if unknown := set(fields) - _CACHE:
        raise unusable(
            f"cache has an unknown field {min(unknown)!r}", f"Fields: {', '.join(sorted(_CACHE))}."
        )
    for name in ("ttl", "max_bytes"):
        value = fields.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise unusable(f"cache.{name} is no number", "Write seconds, or bytes.")
    return Cache(tell=tell, **fields)


def _mapping(where: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise unusable(f"{where} is no mapping", "See docs/budgets.md and docs/tape.md.")
    return given
