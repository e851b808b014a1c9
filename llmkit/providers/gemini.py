"""Google Gemini with an API key, straight over the shared HTTP pool.

google-genai has no door to the raw bytes: through its typed stream a token costs about fourteen times
what it costs here (``benchmarks/token_path.py`` measures both). The wire with an API key is one header
and one URL, so the SDK is kept for what it is needed for: Vertex credentials, files, batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from llmkit.providers.clients import Clients, HttpExchange, Sealed, get, post
from llmkit.providers.counting import countable
from llmkit.providers.server import Server

if TYPE_CHECKING:
    from llmkit.core.request import Request


@dataclass(frozen=True, kw_only=True)
class GeminiProvider(Server):
    """The Gemini API."""

    wire: str = "gemini.generate"
    dialect: str = "gemini"
    package: str = "openai"
    api_version: str = "v1beta"

    async def open(self, request: Request, body: Mapping[str, Any], clients: Clients) -> HttpExchange:
        """Send it once."""
        verb = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
        return await post(
            clients.http(), self.url(request.model, verb), await self._signed(), body, connect=self.connect
        )

    async def count(self, request: Request, body: Mapping[str, Any], clients: Clients) -> HttpExchange:
        """Ask how many tokens a request is. It costs nothing."""
        url = self.url(request.model, "countTokens")
        return await post(
            clients.http(), url, await self._signed(), self.countable(request, body), connect=self.connect
        )

    def countable(self, request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
        """What is sent to be counted."""
        return countable(self.wire, body, request.model.removeprefix("models/"))

    def url(self, model: str, verb: str) -> str:
        """Where a request to do that with a model goes."""
        name = model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
        kind, _, own = name.partition("/")
        return f"{self.base_url}/{self.api_version}/{kind}/{quote(own, safe='')}:{verb}"

    async def models(self, clients: Clients, *, signed: bool = True) -> HttpExchange:
        """Ask for its list of models, with the key or without."""
        url = f"{self.base_url}/{self.api_version}/models?pageSize=1000"
        headers = await self._signed() if signed else Sealed()
        return await get(clients.http(), url, headers, connect=self.connect)

    async def _signed(self) -> Sealed:
        key = {"content-type": "application/json", "x-goog-api-key": self.key.get(self.name)}
        return Sealed({**key, **self.headers})
