"""Who may talk to the simulator: loopback only, no web pages, no foreign names. Pure functions.

A page in a browser can reach 127.0.0.1, by its own scripts or by rebinding a name of its own: the Host
and Origin headers tell.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from llmkit.core.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SECRET_WORDS = ("auth", "key", "token", "secret", "cookie", "credential", "password")
BAD_KEY = "bad-key"


def check_bind(host: str, token: str | None) -> None:
    """Only loopback addresses, unless there is a token that every request must carry."""
    if host not in LOOPBACK and not token:
        raise ConfigError(
            f"The simulator won't listen on {host}.",
            why="Anyone who reaches that address could use it; it listens on loopback only.",
            hint="Leave host out, or give a token that clients must send as their API key.",
        )


def refusal(headers: Mapping[str, str], port: int, *, open_host: bool = False) -> str | None:
    """Why a request is not let in, or ``None``."""
    ours = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
    host = headers.get("host", "").lower()
    if not open_host and host not in ours:
        return "The Host header does not name this simulator."
    origin = headers.get("origin")
    if origin is not None and (
        urlsplit(origin).netloc.lower() not in ours | {host} or not origin.startswith("http")
    ):
        return "Requests from web pages of other origins are refused."
    return None


def key_of(headers: Mapping[str, str], query: str) -> str:
    """The API key, wherever the wire puts it."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer:
        return bearer.strip()
    for name in ("x-api-key", "x-goog-api-key", "api-key"):
        if name in headers:
            return headers[name]
    return (parse_qs(query).get("key") or [""])[0]


def same(given: str, token: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.encode(), token.encode())


def is_secret(name: str) -> bool:
    """Does a header or a query parameter of this name carry a secret?"""
    return any(word in name.lower() for word in _SECRET_WORDS)


def public_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers whose values may be kept."""
    return {name: value for name, value in headers.items() if not is_secret(name)}


def public_target(target: str) -> str:
    """The path and query, without the values of secret parameters."""
    path, mark, query = target.partition("?")
    if not mark:
        return path
    pairs = (pair.partition("=") for pair in query.split("&"))
    return path + "?" + "&".join(f"{k}=…" if is_secret(k) else f"{k}{eq}{v}" for k, eq, v in pairs)
