"""Lists of models, as each provider writes them. What there is to list: models.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from llmkit.sim.dialects import Dialect
from llmkit.sim.exchange import Wire
from llmkit.sim.models import MODELS, SimModel


def listing(wire: Wire, dialect: Dialect, name: str = "") -> dict[str, Any] | None:
    """The list, or one entry of it where a name is given (``None`` if there is no such model)."""
    write = _entry(wire, dialect)
    if name:
        model = MODELS.get(name) or MODELS.get(f"sim/{name}")
        return None if model is None else write(model)
    entries = [write(model) for model in MODELS.values()]
    match wire:
        case "gemini.generate":
            return {"models": entries}
        case "anthropic.messages":
            first, last = entries[0]["id"], entries[-1]["id"]
            return {"data": entries, "has_more": False, "first_id": first, "last_id": last}
        case _:
            return {"object": "list", "data": entries}


def _entry(wire: Wire, dialect: Dialect) -> Callable[[SimModel], dict[str, Any]]:
    if wire == "gemini.generate":
        return _gemini
    if wire == "anthropic.messages":
        return _anthropic
    return _openrouter if dialect.name == "openrouter" else _openai


def _openai(model: SimModel) -> dict[str, Any]:
    return {"id": model.name, "object": "model", "created": 1790000000, "owned_by": "llmkit-simulator"}


def _openrouter(model: SimModel) -> dict[str, Any]:
    prices: Mapping[str, str] = {}
    if model.price is not None:
        fields = {
            "prompt": model.price.input,
            "completion": model.price.output,
            "input_cache_read": model.price.cache_read,
            "input_cache_write": model.price.cache_write,
        }
        prices = {key: format(Decimal(value) / 1_000_000, "f") for key, value in fields.items()}
    return {
        "id": model.name,
        "name": f"Simulator: {model.name}",
        "created": 1790000000,
        "description": model.summary,
        "context_length": model.context,
        "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
        "pricing": prices,
        "top_provider": {"context_length": model.context, "max_completion_tokens": model.max_output},
        "supported_parameters": ["max_tokens", "reasoning", "response_format", "seed", "stop", "tools"],
    }


def _anthropic(model: SimModel) -> dict[str, Any]:
    yes = {"supported": True}
    return {
        "type": "model",
        "id": model.name,
        "display_name": f"Simulator: {model.name}",
        "created_at": "2026-09-21T00:00:00Z",
        "max_input_tokens": model.context,
        "max_tokens": model.max_output,
        "capabilities": {
            "batch": {"supported": False},
            "citations": {"supported": False},
            "effort": {**yes, "low": yes, "medium": yes, "high": yes},
            "image_input": yes,
            "pdf_input": yes,
            "structured_outputs": yes,
            "thinking": {**yes, "types": {"adaptive": yes, "enabled": yes, "disabled": yes}},
        },
    }


def _gemini(model: SimModel) -> dict[str, Any]:
    return {
        "name": f"models/{model.name}",
        "version": "1",
        "displayName": f"Simulator: {model.name}",
        "description": model.summary,
        "inputTokenLimit": model.context,
        "outputTokenLimit": model.max_output,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": True,
    }
