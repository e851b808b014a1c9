"""OpenAI and everything that speaks its wires, over the official ``openai`` client.

The client signs and carries; its typed event classes are not used (they cost ten times the reading).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmkit import wire as wires
from llmkit.core.errors import LLMKitError
from llmkit.providers.clients import Clients, HttpExchange, settings, transport_error
from llmkit.providers.keys import Key

if TYPE_CHECKING:
    import openai

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

    def prepare(self, request: Request) -> dict[str, Any]:
        """The body; raises before anything is sent if the request or the key is no good."""
        if self.key.needed:
            self.key.get(self.name)
        return wires.write(self.wire, request, dialect=self.dialect)

    async def open(self, request: Request, body: Mapping[str, Any], clients: Clients) -> HttpExchange:
        """Send it once."""
        import openai

        client = clients.once(("openai", self.name, self.base_url), lambda: self._client(clients))
        try:
            stream = await client.post(
                _PATHS[self.wire],
                body=dict(body),
                cast_to=object,
                stream=True,
                stream_cls=openai.AsyncStream[object],
                options={"headers": dict(self.headers)},
            )
        except openai.APIStatusError as error:
            return HttpExchange(error.response)
        except LLMKitError:
            raise
        except Exception as error:
            raise transport_error(error, self.base_url) from None
        return HttpExchange(stream.response)

    def _client(self, clients: Clients) -> openai.AsyncOpenAI:
        import openai

        async def key() -> str:  # asked for by the client at every request
            return self.key.get(self.name)

        return openai.AsyncOpenAI(
            api_key=key,
            base_url=self.base_url,
            organization=None,
            project=None,
            max_retries=0,
            timeout=settings()["timeout"],
            http_client=clients.http(),
        )
