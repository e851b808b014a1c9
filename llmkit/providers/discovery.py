"""Servers of models on this machine, found on the ports where they usually are. Only when somebody asks, and
only on loopback addresses."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmkit.core.errors import LLMKitError
from llmkit.models.catalogue import ModelFacts
from llmkit.providers import endpoints, listing
from llmkit.providers.openai import OpenAIProvider
from llmkit.providers.registry import Registry

if TYPE_CHECKING:
    from llmkit.providers.clients import Clients

#: A server of this machine answers at once, or isn't there.
PATIENCE = 1.0
_CONNECT = 0.3


@dataclass(frozen=True, slots=True)
class Found:
    """One server that answered."""

    provider: str
    base_url: str
    models: tuple[ModelFacts, ...]


async def look(registry: Registry, clients: Clients) -> list[Found]:
    """All that answer, in the order of the registry."""
    await clients.load("openai")
    here = {
        provider.base_url: dataclasses.replace(provider, connect=_CONNECT)
        for name in registry
        if name != "sim"
        and isinstance(provider := registry[name], OpenAIProvider)
        and endpoints.is_loopback(provider.base_url)
    }
    answers = await asyncio.gather(*(_knock(provider, clients) for provider in here.values()))
    return [found for found in answers if found is not None]


async def _knock(provider: OpenAIProvider, clients: Clients) -> Found | None:
    try:
        async with asyncio.timeout(PATIENCE):
            models = await listing.fetch(provider, clients)
    except (LLMKitError, TimeoutError):
        return None
    return Found(provider.name, provider.base_url, tuple(models))
