"""OpenAI and everything that speaks its wires, over the official ``openai`` client.

The client says how requests look and owns the pool (``clients.py``); its typed event classes are not used
(they cost ten times the reading).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmkit import wire as wires
from llmkit.providers.clients import Clients, HttpExchange, Sealed, post
from llmkit.providers.keys import Key
from llmkit.providers.tuning import CONNECT_SECONDS

if TYPE_CHECKING:
    from llmkit.core.request import Request

_PATHS = {"openai.chat": "/chat/completions", "openai.responses": "/responses"}


@dataclass(frozen=True)
class OpenAIProvider:
    """A server that speaks Chat Completions or Responses."""

    name: str
    base_url: str
    key: Key
    wire: str = "openai.chat"
    dialect: str = "openai"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    simulated: bool = False
    connect: float = CONNECT_SECONDS
    package: str = "openai"

    def prepare(self, request: Request) -> dict[str, Any]:
        """The body; raises before anything is sent if the request or the key is no good."""
        if self.key.needed:
            self.key.get(self.name)
        return wires.write(self.wire, request, dialect=self.dialect)

    async def open(self, request: Request, body: Mapping[str, Any], clients: Clients) -> HttpExchange:
        """Send it once."""
        common = clients.once(("openai", self.name, self.base_url), lambda: self._headers(clients))
        headers = Sealed({**common, "authorization": f"Bearer {self.key.get(self.name)}", **self.headers})
        return await post(
            clients.http(), self.base_url + _PATHS[self.wire], headers, body, connect=self.connect
        )

    def _headers(self, clients: Clients) -> dict[str, str]:
        """The headers that the official client sends, without its key."""
        import openai

        client = openai.AsyncOpenAI(
            api_key="fetched-for-each-request", base_url=self.base_url, http_client=clients.http()
        )
        return {
            name: value
            for name, value in client.default_headers.items()
            if isinstance(value, str) and name.lower() not in ("authorization", "api-key")
        }
