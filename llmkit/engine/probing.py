"""Is a provider there, and does it take the key? Asked without paying: by its list of models.

What is made of the answers, and what else may be wrong on this machine, is in ``health.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from llmkit.core.errors import AuthError, ConnectTimeout, LLMKitError, MissingPackage, PermissionDenied
from llmkit.engine.loop import IOThread
from llmkit.providers import listing
from llmkit.providers.base import Exchange, Lists, ProvesKey, Provider
from llmkit.wire.faults import from_response

if TYPE_CHECKING:
    from llmkit.providers.clients import Clients

#: A provider that says nothing for so long counts as not there.
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What one provider answered. ``None`` is unknown: not asked, or not to be told."""

    provider: str
    reachable: bool | None = None
    key_valid: bool | None = None
    #: Seconds by which its clock is ahead of ours.
    skew: float | None = None
    took: float | None = None
    error: LLMKitError | None = None
    #: Why something is unknown, in words.
    note: str = ""


async def probe(provider: Provider, clients: Clients, *, check_key: bool = False) -> Probe:
    """Ask one provider, on the I/O thread. Without ``check_key`` no key is sent."""
    if not isinstance(provider, Lists):
        return Probe(provider.name, note="its kind of provider can't be asked without asking a model")
    try:
        await clients.load(
            provider.package
        )  # takes seconds on a busy machine, which is not the provider's fault
        async with asyncio.timeout(PATIENCE):
            return await _asked(provider, provider.name, clients, check_key=check_key)
    except TimeoutError:
        silent = ConnectTimeout(
            f"{provider.name} said nothing within {PATIENCE:g} s.",
            why=f"It was looked for at {provider.base_url}.",
            hint="Check the address and the network (a proxy, a firewall).",
            provider=provider.name,
        )
        return Probe(provider.name, reachable=False, error=silent)
    except ImportError:
        missing = MissingPackage(
            f"{provider.name} can't be asked: the package {provider.package} is not installed.",
            hint=f"`pip install {provider.package}`.",
            provider=provider.name,
        )
        return Probe(provider.name, error=missing)
    except LLMKitError as error:
        return Probe(provider.name, reachable=False, error=error)


async def _asked(provider: Lists, name: str, clients: Clients, *, check_key: bool) -> Probe:
    began = time.monotonic()
    exchange = await provider.models(clients, signed=False)
    took = time.monotonic() - began
    skew = _skew(exchange.headers)
    body = await listing.whole(exchange)
    open_to_all = exchange.status == 200
    if exchange.status >= 500 or 300 <= exchange.status < 400:
        broken = from_response(exchange.status, exchange.headers, body)
        return Probe(name, reachable=True, skew=skew, took=took, error=broken)
    if not check_key:
        return Probe(name, reachable=True, skew=skew, took=took)
    try:
        asked = await _signed(provider, clients, open_to_all=open_to_all)
    except LLMKitError as error:  # no key, or one that can't be fetched
        return Probe(name, reachable=True, skew=skew, took=took, error=error)
    if asked is None:
        note = "its list is open to all, so it says nothing about the key"
        return Probe(name, reachable=True, skew=skew, took=took, note=note)
    exchange, body = asked, await listing.whole(asked)
    if exchange.status == 200:
        return Probe(name, reachable=True, key_valid=True, skew=skew, took=took)
    refused = from_response(exchange.status, exchange.headers, body)
    note = ""
    if exchange.status in (404, 405):
        note = "it has no list of models to try the key on (is the base URL right?)"
    elif isinstance(refused, PermissionDenied):
        note = f"the key may not list models, and may be good all the same: {refused.why or refused.what}"
    if note:
        return Probe(name, reachable=True, skew=skew, took=took, note=note)
    valid = False if isinstance(refused, AuthError) else None
    return Probe(name, reachable=True, key_valid=valid, skew=skew, took=took, error=refused)


async def _signed(provider: Lists, clients: Clients, *, open_to_all: bool) -> Exchange | None:
    """A request with the key that costs nothing; ``None`` where none would tell."""
    if not open_to_all:
        return await provider.models(clients)
    return await provider.account(clients) if isinstance(provider, ProvesKey) else None


def begin(providers: Mapping[str, Provider], *, check_key: bool = False) -> dict[str, Future[Probe]]:
    """Ask all of them at once; the answers come as futures, in the order given."""
    thread = IOThread.current()
    return {
        name: thread.submit(probe(provider, thread.clients, check_key=check_key))
        for name, provider in providers.items()
    }


def _skew(headers: Mapping[str, str]) -> float | None:
    """How far their clock is ahead. The header counts whole seconds, so the middle of one is meant."""
    try:
        theirs = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        return None
    return theirs + 0.5 - time.time()
