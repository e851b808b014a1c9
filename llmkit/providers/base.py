"""The contract between the engine and whoever carries a request to a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from llmkit.core.request import Request
    from llmkit.providers.clients import Clients


class Exchange(Protocol):
    """One HTTP answer that has begun: its status and headers, and its body as it comes."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's headers."""
        ...

    def chunks(self) -> AsyncGenerator[bytes]:
        """The body, in the pieces in which the network delivers it."""
        ...

    async def close(self) -> None:
        """Close the socket if the body is not read to its end. Safe to call twice."""
        ...


@runtime_checkable
class Lists(Protocol):
    """A provider that can say which models it has."""

    async def models(self, clients: Clients, *, signed: bool = True) -> Exchange:
        """Ask for its list, with the key or without."""
        ...


@runtime_checkable
class ProvesKey(Protocol):
    """A provider that may have a request which costs nothing and needs a good key."""

    async def account(self, clients: Clients) -> Exchange | None:
        """Ask whose key it is; ``None`` where there is no such request."""
        ...


class Provider(Protocol):
    """One place that serves models. The contract:

    * ``prepare`` runs in the caller's thread, does no I/O, and raises a :class:`ConfigError` for
      anything that can be known to be wrong before sending: no key, a part the wire has no word for.
    * ``open`` runs on the I/O thread. It sends the prepared body exactly once (SDK retries are off,
      redirects are refused, the base URL is explicit, the key is fetched now) and returns as soon as
      the response headers are in, whatever the status. It raises only llmkit errors, and
      ``asyncio.CancelledError``; being cancelled closes the socket.
    * Clients are made through ``clients`` on the I/O thread and reused; a provider object itself holds
      no client, no loop and no readable key, so it can be shared by threads, copied and pickled.
    * The response's bytes are read by ``wire`` and ``dialect``; a provider never looks into them.
    """

    @property
    def name(self) -> str:
        """What the user calls it."""
        ...

    @property
    def wire(self) -> str:
        """One of ``llmkit.wire.WIRES``."""
        ...

    @property
    def dialect(self) -> str:
        """Whose ways on that wire."""
        ...

    @property
    def base_url(self) -> str:
        """Where it is."""
        ...

    @property
    def simulated(self) -> bool:
        """Is it the simulator? Then nothing it says costs money."""
        ...

    @property
    def package(self) -> str:
        """The SDK that carries its calls; the engine imports it before the first one."""
        ...

    def prepare(self, request: Request) -> dict[str, Any]:
        """The body to send for this request."""
        ...

    async def open(self, request: Request, body: Mapping[str, Any], clients: Clients) -> Exchange:
        """Send it; the answer has begun when this returns."""
        ...
