"""A provider's own list of its models: asked for, read whole, and made into facts.

Each wire writes its list in its own way; what a list doesn't say is unknown. Nothing is asked unless somebody
calls :func:`fetch`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import ConfigError, MalformedStream
from llmkit.models.catalogue import ModelFacts
from llmkit.providers.base import Exchange, Lists, Provider
from llmkit.wire.faults import from_response

if TYPE_CHECKING:
    from llmkit.providers.clients import Clients

_LONGEST = 20_000_000


async def fetch(provider: Provider, clients: Clients) -> list[ModelFacts]:
    """What the provider says it has; an llmkit error if it says nothing of use."""
    if not isinstance(provider, Lists):
        raise ConfigError(
            f"{provider.name} has no list of models to ask for.",
            why="Its kind of provider offers none.",
            hint="Name a model yourself: any may be asked.",
            provider=provider.name,
        )
    await clients.load(provider.package)
    exchange = await provider.models(clients)
    body = await whole(exchange)
    if exchange.status != 200:
        raise from_response(exchange.status, exchange.headers, body)
    try:
        return read(provider.name, json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise MalformedStream(
            f"The list of models of {provider.name} can't be read.",
            why=f"{type(error).__name__}: {error}",
            hint="Is the base URL that of an API? Any model may be asked all the same.",
            provider=provider.name,
        ) from None


async def whole(exchange: Exchange) -> bytes:
    """The whole body of an answer, which is then closed."""
    body = bytearray()
    try:
        async with aclosing(exchange.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > _LONGEST:
                    break
    finally:
        await exchange.close()
    return bytes(body)


def read(provider: str, plain: Any) -> list[ModelFacts]:
    """A list, however it is written.

    >>> [facts.name for facts in read("mine", {"data": [{"id": "some-model"}]})]
    ['mine/some-model']
    """
    entries: Iterable[Mapping[str, Any]] = (
        plain if isinstance(plain, list) else plain.get("data") or plain.get("models") or []
    )
    return [_facts(provider, entry) for entry in entries if entry.get("id") or entry.get("name")]


def _facts(provider: str, entry: Mapping[str, Any]) -> ModelFacts:
    name = str(entry.get("id") or entry["name"]).removeprefix("models/")
    can = entry.get("capabilities")
    known = (
        _gemini(entry)
        if "inputTokenLimit" in entry
        else _anthropic(can)
        if isinstance(can, Mapping)
        else _openrouter(entry)
    )
    sizes = {
        "context_window": entry.get("context_length")
        or entry.get("context_window")
        or entry.get("max_model_len")
        or entry.get("max_input_tokens"),
        "max_input": entry.get("max_input_tokens"),
        "max_output": entry.get("max_tokens") or entry.get("max_completion_tokens"),
    }
    ends = (
        entry.get("retires_at")
        or entry.get("shutdown_date")
        or entry.get("deprecation")
        or entry.get("expiration_date")
    )
    known = {
        **{field: count for field, count in sizes.items() if isinstance(count, int) and count > 0},
        **{field: value for field, value in known.items() if value is not None},
    }
    return ModelFacts(
        provider=provider,
        model=name,
        known=True,
        retires=_day(ends),
        source=f"{provider}'s own list, {datetime.now(UTC).date()}",
        **known,
    )


def _anthropic(can: Mapping[str, Any]) -> dict[str, Any]:
    def yes(name: str) -> bool | None:
        told = can.get(name)
        return bool(told.get("supported")) if isinstance(told, Mapping) else None

    kinds = {"adaptive": "adaptive", "enabled": "budget"}
    types = (can.get("thinking") or {}).get("types") or {}
    thinking = [kinds[name] for name, told in types.items() if name in kinds and told.get("supported")]
    words = [
        name
        for name, told in (can.get("effort") or {}).items()
        if isinstance(told, Mapping) and told.get("supported")
    ]
    if words:
        thinking.append("effort")
    if thinking and "disabled" in types and not types["disabled"].get("supported"):
        thinking.append("always")
    return {
        "vision": yes("image_input"),
        "pdf": yes("pdf_input"),
        "structured": yes("structured_outputs"),
        "thinking": tuple(thinking) if can.get("thinking") else None,
        "efforts": tuple(words) or None,
    }


def _gemini(entry: Mapping[str, Any]) -> dict[str, Any]:
    room, answer = entry.get("inputTokenLimit"), entry.get("outputTokenLimit")
    return {
        "context_window": room,
        "max_output": answer,
        "thinking": None if entry.get("thinking") else () if entry.get("thinking") is False else None,
    }


def _openrouter(entry: Mapping[str, Any]) -> dict[str, Any]:
    shape, top, prices = (_mapping(entry.get(name)) for name in ("architecture", "top_provider", "pricing"))
    takes = entry.get("supported_parameters")
    inputs = shape.get("input_modalities")
    known: dict[str, Any] = {
        "max_output": top.get("max_completion_tokens"),
        "price_in": _per_million(prices.get("prompt")),
        "price_out": _per_million(prices.get("completion")),
    }
    if isinstance(inputs, list):
        known |= {"vision": "image" in inputs, "pdf": "file" in inputs, "audio": "audio" in inputs}
    if isinstance(takes, list):
        known |= {
            "tools": "tools" in takes,
            "structured": "structured_outputs" in takes or "response_format" in takes,
            "sampling": "temperature" in takes,
            "thinking": ("effort",) if "reasoning" in takes else (),
        }
    return known


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _per_million(price: Any) -> Decimal | None:
    """A price for one token, for a million; OpenRouter writes -1 where it depends."""
    if price is None:
        return None
    with contextlib.suppress(InvalidOperation):
        amount = Decimal(str(price)) * 1_000_000
        if amount >= 0:
            return amount.normalize() + 0
    return None


def _day(told: Any) -> date | None:
    if isinstance(told, int | float) and not isinstance(told, bool):
        return datetime.fromtimestamp(told, UTC).date()
    if isinstance(told, str):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(told[:10])
    return None
