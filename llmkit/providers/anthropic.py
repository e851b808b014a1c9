"""Anthropic, and servers that speak its Messages wire, over the official ``anthropic`` client."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import MissingPackage
from llmkit.providers.clients import Clients, HttpExchange, Sealed, get, post, settings
from llmkit.providers.counting import countable
from llmkit.providers.server import Server, headers_of

if TYPE_CHECKING:
    import httpx2

    from llmkit.core.request import Request


@dataclass(frozen=True, kw_only=True)
class AnthropicProvider(Server):
    """A server that speaks the Messages API."""

    wire: str = "anthropic.messages"
    dialect: str = "anthropic"
    package: str = "anthropic"

    def prepare(self, request: Request) -> dict[str, Any]:
        """The body; raises before anything is sent if the request or the key is no good."""
        if "anthropic" not in sys.modules and find_spec("anthropic") is None:
            raise MissingPackage(
                "The official Anthropic SDK is not installed.",
                why="It carries the calls to Claude models.",
                hint='Install it: `pip install "llmkit[anthropic]"`.',
            )
        return super().prepare(request)

    async def open(self, request: Request, body: Mapping[str, Any], clients: Clients) -> HttpExchange:
        """Send it once."""
        url = self.base_url + "/v1/messages"
        return await post(self._http(clients), url, self._signed(clients), body, connect=self.connect)

    async def count(self, request: Request, body: Mapping[str, Any], clients: Clients) -> HttpExchange:
        """Ask how many tokens a request is. It costs nothing."""
        url = self.base_url + "/v1/messages/count_tokens"
        plain = countable(self.wire, body, request.model)
        return await post(self._http(clients), url, self._signed(clients), plain, connect=self.connect)

    async def models(self, clients: Clients, *, signed: bool = True) -> HttpExchange:
        """Ask for its list of models, with the key or without."""
        url = self.base_url + "/v1/models?limit=1000"
        headers = self._signed(clients) if signed else Sealed({"anthropic-version": "2023-06-01"})
        return await get(self._http(clients), url, headers, connect=self.connect)

    def _signed(self, clients: Clients) -> Sealed:
        common = clients.once(("anthropic", self.name, self.base_url), lambda: self._headers(clients))
        return Sealed({**common, "authorization": f"Bearer {self.key.get(self.name)}", **self.headers})

    def _headers(self, clients: Clients) -> dict[str, str]:
        """The headers that the official client sends, without its key."""
        import anthropic

        client = anthropic.AsyncAnthropic(
            api_key="fetched-for-each-request", base_url=self.base_url, http_client=self._http(clients)
        )
        return headers_of(client)

    @staticmethod
    def _http(clients: Clients) -> httpx2.AsyncClient:
        import anthropic

        return clients.once("anthropic-http", lambda: anthropic.DefaultAioHttpClient(**settings()))
