"""HTTP clients that live as long as the I/O thread, and what their failures mean.

The SDKs' own aiohttp transport carries everything: a token costs about a quarter of what it costs over
httpx2. One pool serves all OpenAI-like providers and Gemini; Anthropic's SDK brings its own. An official
client says how its requests look (address, headers, auth scheme) and owns the pool; the request goes
straight into that pool, because the SDKs' own request functions take a third longer, write prompts to the
debug log, and hang the request with its key on every exception. Nothing here knows a wire or a model.
"""

from __future__ import annotations

import asyncio
import functools
import json
import ssl
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator, Mapping
from contextlib import aclosing
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from llmkit.core import errors as e
from llmkit.providers.tuning import CONNECT_SECONDS

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")
#: A body of more bytes goes out in pieces.
_AT_ONCE = 256 * 1024


class Clients:
    """Makes each client once, on first use, and closes them all at the end."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}
        self._loaded: set[str] = set()
        self._loading = asyncio.Lock()

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """The client of that key, made by ``make`` the first time."""
        if key not in self._made:
            self._made[key] = make()
        client: T = self._made[key]
        return client

    async def load(self, package: str) -> None:
        """Import an SDK without holding up the loop: that takes a second, and other calls may be
        streaming."""
        if package in self._loaded:
            return
        async with self._loading:
            await asyncio.to_thread(import_module, package)
            self._loaded.add(package)

    async def close(self) -> None:
        """Close every client that was made."""
        made, self._made = list(self._made.values()), {}
        for client in made:
            closer = getattr(client, "aclose", None) or getattr(client, "close", None)
            if closer is not None:
                await closer()

    def http(self) -> httpx2.AsyncClient:
        """The shared pool."""
        return self.once("http", _http)


def settings() -> dict[str, Any]:
    """What every HTTP client of ours is made with: no redirects, no read timeout of its own (deadlines
    and idle times are the engine's), room for many streams."""
    import httpx2

    return {
        "follow_redirects": False,
        "timeout": httpx2.Timeout(None, connect=CONNECT_SECONDS),
        "limits": httpx2.Limits(max_connections=1000, max_keepalive_connections=100),
    }


def _http() -> httpx2.AsyncClient:
    import openai

    return openai.DefaultAioHttpClient(**settings())


class Sealed(dict[str, str]):
    """Headers that hold a key: no repr shows it, so no traceback, and no pickle takes it along."""

    def __repr__(self) -> str:
        return f"<headers {', '.join(self)}>"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), ())

    def __copy__(self) -> Sealed:
        return self

    def __deepcopy__(self, memo: Any) -> Sealed:
        return self


async def post(
    client: httpx2.AsyncClient,
    url: str,
    headers: Sealed,
    body: Mapping[str, Any],
    *,
    connect: float = CONNECT_SECONDS,
) -> HttpExchange:
    """Send a body once; the answer has begun when this returns."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    try:
        sending = _request(client, url, headers, content, connect)
        return HttpExchange(await client.send(sending, stream=True))
    except Exception as error:  # noqa: BLE001 - whatever the HTTP stack raises becomes ours
        failure = transport_error(error, url, connect=connect)
    # Raised out here, it has no context: the original holds the request, and that the key.
    raise failure


async def get(
    client: httpx2.AsyncClient, url: str, headers: Sealed, *, connect: float = CONNECT_SECONDS
) -> HttpExchange:
    """Ask for something that is there; the answer has begun when this returns."""
    patience = type(client.timeout)(10 * connect, connect=connect)
    try:
        asking = client.build_request("GET", url, headers=headers, timeout=patience)
        return HttpExchange(await client.send(asking, stream=True))
    except Exception as error:  # noqa: BLE001 - whatever the HTTP stack raises becomes ours
        failure = transport_error(error, url, connect=connect)
    raise failure


def _request(
    client: httpx2.AsyncClient, url: str, headers: Sealed, content: bytes, connect: float
) -> httpx2.Request:
    """What ``client.build_request`` makes of these, without parsing the address and merging the client's
    settings anew each time: that takes longer than all that llmkit does before it."""
    import httpx2

    large = len(content) > _AT_ONCE  # written in one go, it would hold up the other streams
    length = {"content-length": str(len(content))} if large else {}
    own = {name.lower(): value for name, value in headers.items()}
    return httpx2.Request(
        "POST",
        _parsed(url),
        content=_pieces(content) if large else content,
        headers=Sealed({**client.headers, **own, **length}),
        cookies=client.cookies,
        extensions={"timeout": {**client.timeout.as_dict(), "connect": connect}},
    )


async def _pieces(content: bytes) -> AsyncGenerator[bytes]:
    for at in range(0, len(content), _AT_ONCE):
        yield content[at : at + _AT_ONCE]


@functools.lru_cache(maxsize=64)
def _parsed(url: str) -> httpx2.URL:
    import httpx2

    return httpx2.URL(url)


class HttpExchange:
    """An :class:`~llmkit.providers.base.Exchange` over an unread HTTP response."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        # The response's own mapping decodes every name and value anew at each look.
        self.headers: Mapping[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw
        }
        self._response = response

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body's bytes, decompressed."""
        response = self._response
        failure: e.LLMKitError | None = None
        try:
            async with aclosing(response.aiter_bytes()) as body:
                async for chunk in body:
                    yield chunk
        except Exception as error:  # noqa: BLE001 - whatever the HTTP stack raises becomes ours
            failure = transport_error(error, str(response.url), sent=True)
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Give the connection back, or close it if there is more to come."""
        await self._response.aclose()


def transport_error(
    error: BaseException, url: str, *, sent: bool = False, connect: float = CONNECT_SECONDS
) -> e.LLMKitError:
    """A failure of the network, as one of our errors. ``sent``: had the response already begun?"""
    causes = list(_causes(error))
    names = {type(cause).__name__ for cause in causes}
    target = urlsplit(url)
    where = target.hostname or url
    if target.port:
        where = f"{where}:{target.port}"
    said = next((text for cause in reversed(causes) if (text := " ".join(str(cause).split()))), "")
    if any(isinstance(c, ssl.SSLError | ssl.CertificateError) for c in causes) and not sent:
        return e.TlsError(
            f"No secure connection to {where}.",
            why=said,
            hint="Check the address, the clock and the certificates; trying again won't help.",
        )
    if names & {"gaierror", "ClientConnectorDNSError"}:
        return e.ConnectError(
            f"The host {target.hostname} could not be found.",
            why=said,
            hint="Check the base URL for a typo, and the network.",
        )
    if names & {"ProxyError", "ClientProxyConnectionError", "ClientHttpProxyError"}:
        return e.ConnectError(
            f"The proxy in the way to {where} failed.",
            why=said,
            hint="Check HTTPS_PROXY and HTTP_PROXY.",
        )
    if not sent and names & {"ConnectionRefusedError", "ClientConnectorError"}:
        return e.ConnectError(
            f"Nobody answers at {where}.",
            why=said,
            hint="Is the server running, and the base URL right?",
        )
    if not sent and names & {"ConnectionTimeoutError", "ServerTimeoutError", "TimeoutError"}:
        return e.ConnectTimeout(
            f"{where} did not answer within {connect:g} s.",
            hint="Check the address and the network (a proxy, a firewall).",
        )
    if sent:
        return e.TruncatedStream(
            "The connection broke before the answer was complete.",
            why=said or type(error).__name__,
            hint="What arrived is kept in `error.partial`. Run it again for the whole answer.",
        )
    return e.TransportError(
        f"The connection to {where} broke before an answer came.",
        why=said or type(error).__name__,
        hint="The request may have been received, and billed.",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        if isinstance(inner := getattr(current, "os_error", None), BaseException):
            yield inner
        if isinstance(inner := getattr(current, "certificate_error", None), BaseException):
            yield inner
        current = current.__cause__ or current.__context__
