"""Anthropic, and servers that speak its Messages wire, over the official ``anthropic`` client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmkit import wire as wires
from llmkit.core.errors import LLMKitError, MissingPackage
from llmkit.providers.clients import Clients, HttpExchange, settings, transport_error
from llmkit.providers.keys import Key

if TYPE_CHECKING:
    import anthropic

    from llmkit.core.request import Request


@dataclass(frozen=True)
class AnthropicProvider:
    """A server that speaks the Messages API."""

    name: str
    base_url: str
    key: Key
    wire: str = "anthropic.messages"
    dialect: str = "anthropic"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    simulated: bool = False

    def prepare(self, request: Request) -> dict[str, Any]:
        """The body; raises before anything is sent if the request or the key is no good."""
        from importlib.util import find_spec

        if find_spec("anthropic") is None:
            raise MissingPackage(
                "The official Anthropic SDK is not installed.",
                why="It carries the calls to Claude models.",
                hint='Install it: `pip install "llmkit[anthropic]"`.',
            )
        if self.key.needed:
            self.key.get(self.name)
        return wires.write(self.wire, request, dialect=self.dialect)

    async def open(self, request: Request, body: Mapping[str, Any], clients: Clients) -> HttpExchange:
        """Send it once."""
        import anthropic

        client = clients.once(("anthropic", self.name, self.base_url), lambda: self._client(clients))
        headers = {"Authorization": f"Bearer {self.key.get(self.name)}", **self.headers}
        try:
            stream = await client.post(
                "/v1/messages",
                body=dict(body),
                cast_to=object,
                stream=True,
                stream_cls=anthropic.AsyncStream[object],
                options={"headers": headers},
            )
        except anthropic.APIStatusError as error:
            return HttpExchange(error.response)
        except LLMKitError:
            raise
        except Exception as error:
            raise transport_error(error, self.base_url) from None
        return HttpExchange(stream.response)

    def _client(self, clients: Clients) -> anthropic.AsyncAnthropic:
        import anthropic

        http = clients.once("anthropic-http", lambda: anthropic.DefaultAioHttpClient(**settings()))
        return anthropic.AsyncAnthropic(
            # The real key travels in each request's own header: fetched then, kept nowhere.
            api_key="set-for-each-request",
            base_url=self.base_url,
            max_retries=0,
            timeout=settings()["timeout"],
            http_client=http,
        )
