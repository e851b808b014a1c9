"""OpenAI and everything that speaks its wires, over the official ``openai`` client.

The client says how requests look and owns the pool (``clients.py``); its typed event classes are not used
(they cost ten times the reading).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmkit import wire as wires
from llmkit.providers.clients import Clients, HttpExchange, Sealed, get, post
from llmkit.providers.counting import countable
from llmkit.providers.server import Server, headers_of

if TYPE_CHECKING:
    from llmkit.core.request import Request

_PATHS = {"openai.chat": "/chat/completions", "openai.responses": "/responses"}

#: Where a key is asked about, by dialect: at those whose list of models is open to all.
_ACCOUNTS = {"openrouter": "/key"}


@dataclass(frozen=True, kw_only=True)
class OpenAIProvider(Server):
    """A server that speaks Chat Completions or Responses."""

    wire: str = "openai.chat"
    dialect: str = "openai"
    package: str = "openai"

    async def open(self, request: Request, body: Mapping[str, Any], clients: Clients) -> HttpExchange:
        """Send it once."""
        url = self.url(_PATHS[self.wire], str(body.get("model", "")))
        return await post(clients.http(), url, await self._signed(clients), body, connect=self.connect)

    async def count(self, request: Request, body: Mapping[str, Any], clients: Clients) -> HttpExchange:
        """Ask how many tokens a request is. It costs nothing. Only the Responses API can tell."""
        if self.wire != "openai.responses":
            body = wires.write("openai.responses", request, dialect=self.dialect)
        plain = countable("openai.responses", body, request.model)
        url = self.url("/responses/input_tokens")
        return await post(clients.http(), url, await self._signed(clients), plain, connect=self.connect)

    async def models(self, clients: Clients, *, signed: bool = True) -> HttpExchange:
        """Ask for its list of models, with the key or without."""
        headers = await self._signed(clients) if signed else Sealed()
        return await get(clients.http(), self.url("/models"), headers, connect=self.connect)

    async def account(self, clients: Clients) -> HttpExchange | None:
        """Ask whose key it is, where that is a request of its own."""
        if (path := _ACCOUNTS.get(self.dialect)) is None:
            return None
        return await get(clients.http(), self.url(path), await self._signed(clients), connect=self.connect)

    def url(self, path: str, model: str = "") -> str:
        """Where a request of that path goes."""
        return self.base_url + path

    async def _signed(self, clients: Clients) -> Sealed:
        common = clients.once(("openai", self.name, self.base_url), lambda: self._headers(clients))
        return Sealed({**common, "authorization": f"Bearer {self.key.get(self.name)}", **self.headers})

    def _headers(self, clients: Clients) -> dict[str, str]:
        """The headers that the official client sends, without its key."""
        import openai

        client = openai.AsyncOpenAI(
            api_key="fetched-for-each-request", base_url=self.base_url, http_client=clients.http()
        )
        return headers_of(client)
