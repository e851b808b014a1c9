"""Azure OpenAI: the OpenAI wires at an endpoint of one's own, with a key or an Entra token.

Without ``api_version`` requests go to the versionless ``/openai/v1`` path; with one, to the older path that names
the deployment and the version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from llmkit.core.errors import MissingPackage
from llmkit.providers.clients import Clients, HttpExchange, Sealed
from llmkit.providers.openai import OpenAIProvider

if TYPE_CHECKING:
    from llmkit.core.request import Request

_SCOPE = "https://cognitiveservices.azure.com/.default"


@dataclass(frozen=True, kw_only=True)
class AzureProvider(OpenAIProvider):
    """A resource of Azure OpenAI. ``base_url`` is its endpoint; ``entra``: is the key a token?"""

    dialect: str = "azure"
    deployment: str | None = None
    api_version: str | None = None
    entra: bool = False

    def prepare(self, request: Request) -> dict[str, Any]:
        """The body; the model is the deployment's name."""
        body = super().prepare(request)
        return {**body, "model": self.deployment or request.model}

    async def count(self, request: Request, body: Mapping[str, Any], clients: Clients) -> HttpExchange:
        """Ask how many tokens a request is. It costs nothing."""
        return await super().count(request.with_(model=self.deployment or request.model), body, clients)

    def url(self, path: str, model: str = "") -> str:
        """Where a request of that path, for that deployment, goes."""
        if self.api_version is None:
            return f"{self.base_url}/openai/v1{path}"
        # Of the older paths, only chat names the deployment.
        middle = f"/deployments/{quote(model, safe='')}" if path == "/chat/completions" else ""
        return f"{self.base_url}/openai{middle}{path}?api-version={quote(self.api_version)}"

    async def _signed(self, clients: Clients) -> Sealed:
        common = clients.once(("openai", self.name, self.base_url), lambda: self._headers(clients))
        # A token may have to be fetched, which takes a while; other streams go on meanwhile.
        key = await asyncio.to_thread(self.key.get, self.name) if self.entra else self.key.get(self.name)
        signature = {"authorization": f"Bearer {key}"} if self.entra else {"api-key": key}
        return Sealed({**common, **signature, **self.headers})


def endpoint_of(written: str) -> str:
    """The endpoint in an address as manuals write it.

    >>> endpoint_of("https://mine.openai.azure.com/openai/v1/")
    'https://mine.openai.azure.com'
    """
    return written.rstrip("/").removesuffix("/v1").removesuffix("/openai")


def entra_token() -> Callable[[], str]:
    """Tokens of whoever is logged in, by the package ``azure-identity``."""
    try:
        from azure.identity import DefaultAzureCredential, get_bearer_token_provider  # type: ignore[import-not-found]
    except ImportError:
        raise MissingPackage(
            "The package azure-identity is not installed.",
            why="It fetches Entra tokens (`auth: entra`).",
            hint="`pip install azure-identity`, or pass a callable that gives a token as `api_key`. Nothing was sent.",
        ) from None
    provide: Callable[[], str] = get_bearer_token_provider(DefaultAzureCredential(), _SCOPE)
    return provide
