"""Which addresses a prompt and a key may be sent to. Pure checks on a base URL."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from llmkit.core.errors import BadEndpoint

_LOCAL_NAMES = {"localhost", "localhost.localdomain"}


def check(base_url: str, *, has_key: bool, allow_insecure: bool = False) -> str:
    """The URL without a trailing slash, or :class:`BadEndpoint` with the reason.

    >>> check("http://127.0.0.1:8000/v1/", has_key=True)
    'http://127.0.0.1:8000/v1'
    """
    try:
        url = urlsplit(base_url)
        port = url.port
    except ValueError as error:
        raise _refuse(base_url, str(error)) from None
    if url.scheme not in ("http", "https"):
        raise _refuse(base_url, "it must begin with https:// (or http:// for this machine)")
    if not url.hostname:
        raise _refuse(base_url, "it names no host")
    if url.username is not None or url.password is not None:
        raise _refuse(base_url, "it holds a user name: the real host is what follows the @")
    if port == 0:
        raise _refuse(base_url, "port 0 is no port")
    if "$" in base_url or "{" in base_url:
        raise _refuse(base_url, "it holds a placeholder; only key fields are filled in")
    address = _address(url.hostname)
    if address is not None and address.is_link_local:
        raise _refuse(base_url, "link-local addresses (cloud metadata) are never called")
    if url.scheme == "http" and has_key and not allow_insecure and not is_loopback(base_url):
        raise _refuse(base_url, "a key would travel unencrypted; use https:// or set `allow_insecure: true`")
    return base_url.rstrip("/")


def is_loopback(base_url: str) -> bool:
    """Does it stay on this machine?"""
    host = urlsplit(base_url).hostname or ""
    address = _address(host)
    return host in _LOCAL_NAMES or (address is not None and address.is_loopback)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refuse(base_url: str, why: str) -> BadEndpoint:
    url = base_url.rsplit("@", maxsplit=1)[-1]
    return BadEndpoint(
        f"The base URL {url!r} is refused.",
        why=f"{why[:1].upper()}{why[1:]}.",
        hint="Nothing was sent. Mend `base_url` in the configuration.",
    )
