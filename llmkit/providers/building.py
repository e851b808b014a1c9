"""One entry of a configuration, made into a provider: its address, its key, its wire.

The form has been checked by ``schema.py``; here is what the values mean together. Which names there are is
the registry's business.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmkit.core.errors import BadEndpoint
from llmkit.core.request import Request
from llmkit.core.signal import Signal
from llmkit.providers import endpoints
from llmkit.providers.anthropic import AnthropicProvider
from llmkit.providers.azure import AzureProvider, endpoint_of, entra_token
from llmkit.providers.base import Provider
from llmkit.providers.clients import Sealed
from llmkit.providers.gemini import GeminiProvider
from llmkit.providers.keys import Key
from llmkit.providers.litellm import LiteLLMProvider
from llmkit.providers.local import LocalProvider
from llmkit.providers.openai import OpenAIProvider
from llmkit.providers.presets import APIS, PRESETS, Preset
from llmkit.providers.unusable import unusable
from llmkit.providers.vertex import VertexProvider, address_of, google_token

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}")
_VERSION = re.compile(r"(.*?)(?:/(v1(?:beta)?))?")


@dataclass(frozen=True)
class Entry:
    """A provider under the name the user knows it by, the model it uses when none is named, and what holds
    for its calls where they don't say."""

    provider: Provider
    default: str | None
    key: Key
    kind: str = ""
    max_tokens: int | None = None
    timeout: float | None = None

    def apply(self, request: Request) -> Request:
        """The request with what the configuration says of every call to this provider."""
        if self.max_tokens is not None and request.options.max_tokens is None:
            request = request.with_(options=replace(request.options, max_tokens=self.max_tokens))
        if self.timeout is not None and request.signal.remaining is None:
            request = request.with_(signal=request.signal | Signal.timeout(self.timeout))
        return request


def build(
    name: str,
    preset: Preset,
    fields: Mapping[str, Any],
    *,
    kind: str = "",
    connect: float,
    trusted: bool = True,
    trusted_hosts: tuple[str, ...] = (),
) -> Entry:
    """The provider of these fields. ``trusted``: did the user write them, or does a project's file say so?"""
    kind = kind or name
    if preset.sdk == "local":
        special = {
            field: fields[field]
            for field in ("path", "context", "threads", "gpu_layers", "chat_format")
            if fields.get(field)
        }
        return entry_of(LocalProvider(name=name, **special), fields, Key(needed=False), kind=kind)
    given = fields.get("api_key")
    base_url = str(fields.get("base_url") or preset.base_url)
    if preset.sdk == "azure":
        base_url = endpoint_of(str(fields.get("endpoint") or base_url))
    elif preset.sdk == "vertex":
        if not fields.get("project"):
            raise unusable(
                f"providers.{name} needs a `project`", "Vertex AI bills a project of Google Cloud."
            )
        base_url = base_url or address_of(str(fields.get("location") or "global"))
    if not base_url and preset.sdk != "litellm":
        raise unusable(f"providers.{name} needs a `base_url`", f"{kind} has no address of its own.")
    if preset.sdk == "litellm" and not trusted:
        _check_litellm(name, fields, base_url, trusted_hosts)
    own = base_url.rstrip("/") == preset.base_url.rstrip("/")
    if given is None:
        given = _usual_key(preset, fields, base_url, trusted=trusted)
    key, variable = key_of(
        given, preset.env if own else (), needed=preset.needs_key and (own or given is not None)
    )
    if preset.sdk == "litellm" and not base_url:
        return entry_of(_litellm(name, "", key, fields), fields, key, kind=kind)
    insecure = fields.get("allow_insecure") is True
    if insecure and not trusted and key.needed:
        raise unusable(
            f"providers.{name}.allow_insecure can't be said by a project's file",
            "A key would travel unencrypted.",
        )
    base_url = endpoints.check(base_url, has_key=key.needed or given is not None, allow_insecure=insecure)
    if variable:
        check_destination(variable, base_url, trusted=trusted, trusted_hosts=trusted_hosts)
    wire = _wire(name, preset, fields.get("api"))
    common: dict[str, Any] = {
        "name": name,
        "base_url": base_url,
        "key": key,
        "headers": Sealed(fields.get("headers") or {}),
        "connect": connect,
    }
    dialect = str(fields.get("dialect") or kind)
    provider: Provider
    match preset.sdk:
        case "openai" | "anthropic" | "gemini" if wire == "anthropic.messages":
            # Manuals write the address with and without the version; these wires put it into the path.
            common["base_url"] = base_url.removesuffix("/v1")
            provider = AnthropicProvider(dialect=dialect, **common)
        case "openai" | "anthropic" | "gemini" if wire == "gemini.generate":
            address, version = _VERSION.fullmatch(base_url).groups()  # type: ignore[union-attr]  # matches all
            common["base_url"] = address
            provider = GeminiProvider(dialect=dialect, **common, api_version=version or "v1beta")
        case "openai" | "anthropic" | "gemini":
            # At an address of its own it may be anything; the simulator's own headers then say what it is.
            simulated = kind == "sim" and not fields.get("base_url")
            provider = OpenAIProvider(wire=wire, dialect=dialect, simulated=simulated, **common)
        case "azure":
            common["dialect"] = dialect
            provider = AzureProvider(
                wire=wire,
                deployment=fields.get("deployment"),
                api_version=fields.get("api_version"),
                entra=fields.get("auth") == "entra",
                **common,
            )
        case "vertex":
            provider = VertexProvider(
                project=str(fields["project"]),
                location=str(fields.get("location") or "global"),
                api_version=str(fields.get("api_version") or "v1"),
                **common,
            )
        case "litellm":
            provider = _litellm(name, base_url, key, fields)
    return entry_of(provider, fields, key, kind=kind, default=preset.default)


def _wire(name: str, preset: Preset, api: Any) -> str:
    """The wire that a provider is spoken to over. The OpenAI-like ones may have several; the others have one."""
    if not api or APIS[api] == preset.wire:
        return preset.wire
    several = {"openai": tuple(APIS), "azure": ("chat", "responses")}.get(preset.sdk, ())
    if api not in several:
        own = next(short for short, wire in APIS.items() if wire == preset.wire)
        raise unusable(
            f"providers.{name}.api can't be {api!r}",
            f"It is one of {', '.join(several)}." if several else f"This provider speaks {own!r} alone.",
        )
    return APIS[api]


def _litellm(name: str, base_url: str, key: Key, fields: Mapping[str, Any]) -> LiteLLMProvider:
    return LiteLLMProvider(name=name, base_url=base_url, key=key, params=fields.get("params") or {})


def _check_litellm(
    name: str, fields: Mapping[str, Any], base_url: str, trusted_hosts: tuple[str, ...]
) -> None:
    """LiteLLM takes keys from the environment by itself: a project's file can't say where they go."""
    if fields.get("params"):
        raise unusable(
            f"providers.{name}.params can't be said by a project's file",
            "LiteLLM might send a key of the environment where they say. If you trust it, write it into your own file",
        )
    elsewhere = base_url and not endpoints.is_loopback(base_url)
    if (
        elsewhere
        and fields.get("api_key") in (None, "none")
        and not endpoints.is_trusted(base_url, trusted_hosts)
    ):
        raise unusable(
            f"providers.{name}.base_url can't be said by a project's file without an `api_key`",
            f"LiteLLM would send {endpoints.host_of(base_url)} a key that it finds in the environment",
        )


def _usual_key(preset: Preset, fields: Mapping[str, Any], base_url: str, *, trusted: bool) -> Any:
    """Where the key of a provider without an address of its own comes from, if nothing is said."""
    host = endpoints.host_of(base_url)
    if preset.sdk == "vertex" and host.endswith("aiplatform.googleapis.com"):
        return google_token()
    if preset.sdk == "azure" and host.endswith(".azure.com") and trusted:
        return entra_token() if fields.get("auth") == "entra" else "${AZURE_OPENAI_API_KEY}"
    return None


def entry_of(
    provider: Provider, fields: Mapping[str, Any], key: Key, *, kind: str, default: str | None = None
) -> Entry:
    """A provider with what the configuration says of its calls."""
    return Entry(
        provider,
        fields.get("default_model") or default,
        key,
        kind,
        None if fields.get("max_tokens") is None else int(fields["max_tokens"]),
        None if fields.get("timeout") is None else float(fields["timeout"]),
    )


def key_of(given: Any, env: tuple[str, ...], *, needed: bool) -> tuple[Key, str | None]:
    """How to get the key that is written so, and the variable that the writer named.

    >>> key_of("${NO_SUCH_VARIABLE:-none}", (), needed=True)[0].get("mine")
    'none'
    """
    if callable(given):
        return Key(fetch=given, needed=needed), None
    reference = _REFERENCE.fullmatch(given) if isinstance(given, str) else None
    if reference is None:
        if isinstance(given, str) and "${" in given:
            raise unusable(
                "an api_key is no reference that can be read", "Write ${NAME} or ${NAME:-otherwise}."
            )
        # A key from the environment belongs to its provider's own host: another host gets a key only if
        # the config names it.
        return Key(env=env, literal=given, needed=needed), None
    name, _, otherwise = reference.groups()
    if otherwise is None:  # who names a variable means a key, also where a server might do without
        return Key(env=(name,)), name
    return Key(fetch=_or_else(name, otherwise), needed=needed and bool(otherwise)), name


def check_destination(
    variable: str, base_url: str, *, trusted: bool, trusted_hosts: tuple[str, ...] = ()
) -> None:
    """May the key in that variable be sent there?"""
    homes = [preset.base_url for preset in PRESETS.values() if variable in preset.env and preset.base_url]
    if endpoints.is_trusted(base_url, trusted_hosts):
        return
    endpoints.check_key(variable, base_url, homes=homes)
    if not trusted and not homes and not endpoints.is_loopback(base_url):
        host = endpoints.host_of(base_url)
        raise BadEndpoint(
            f"The key in ${variable} is not sent to {host}.",
            why="A project's file says so, and it may come from anybody.",
            hint=f"If you trust that host, add `trusted_hosts: [{host}]` to your own configuration, or "
            f"`export LLMKIT_TRUSTED_HOSTS={host}`.",
        )


def _or_else(name: str, otherwise: str) -> Callable[[], str]:
    return lambda: os.environ.get(name, "").strip() or otherwise
