"""Which addresses a prompt and a key may be sent to. Checks on a base URL; nothing is looked up."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from llmkit.core.errors import BadEndpoint

_LOCAL_NAMES = {"localhost", "localhost.localdomain"}
_METADATA_NAMES = {"metadata", "metadata.google.internal", "instance-data"}
_METADATA_ADDRESSES = {ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")}


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
    if "\\" in base_url or any(letter.isspace() or not letter.isprintable() for letter in base_url):
        raise _refuse(base_url, "it holds a character that programs read differently")
    if url.query or url.fragment:
        raise _refuse(base_url, "it holds a query; the path of each call is put behind it")
    if _is_metadata(url.hostname):
        raise _refuse(base_url, "link-local addresses (cloud metadata) are never called")
    if url.scheme == "http" and has_key and not allow_insecure and not is_loopback(base_url):
        raise _refuse(base_url, "a key would travel unencrypted; use https:// or set `allow_insecure: true`")
    return base_url.rstrip("/")


def is_loopback(base_url: str) -> bool:
    """Does it stay on this machine?"""
    host = urlsplit(base_url).hostname or ""
    address = _address(host)
    return host in _LOCAL_NAMES or (address is not None and address.is_loopback)


def check_key(variable: str, base_url: str, *, homes: Iterable[str]) -> None:
    """May the key in that environment variable be sent there? A configuration may come from anybody, so it
    alone can't send a provider's key to a host that isn't the provider's: ``LLMKIT_TRUSTED_HOSTS`` can."""
    host = urlsplit(base_url).hostname or ""
    if is_loopback(base_url) or _trusted(host):
        return
    known = [urlsplit(home).hostname for home in homes]
    if host in known or (variable == "AZURE_OPENAI_API_KEY" and host.endswith(".azure.com")):
        return
    if not known and variable.endswith("_API_KEY") and variable != "AZURE_OPENAI_API_KEY":
        return
    raise BadEndpoint(
        f"The key in ${variable} is not sent to {host}.",
        why=f"It belongs to {known[0]}."
        if known
        else "Its name doesn't say that it is an API key of that host.",
        hint=f"If you trust that host, say so outside the configuration: `export LLMKIT_TRUSTED_HOSTS={host}`.",
    )


def host_of(base_url: str) -> str:
    """The host of an address."""
    return urlsplit(base_url).hostname or ""


def is_trusted(base_url: str, hosts: Iterable[str] = ()) -> bool:
    """Does the user vouch for that host, in LLMKIT_TRUSTED_HOSTS or in their own configuration?"""
    return _trusted(host_of(base_url), hosts)


def _trusted(host: str, more: Iterable[str] = ()) -> bool:
    named = os.environ.get("LLMKIT_TRUSTED_HOSTS", "").replace(",", " ").split()
    trusted = [name.lower() for name in (*named, *more)]
    return any(host == name or (name.startswith("*.") and host.endswith(name[1:])) for name in trusted)


def _is_metadata(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host.rstrip(".") in _METADATA_NAMES
    return address.is_link_local or address in _METADATA_ADDRESSES


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that the name is, in any of the ways in which the system's resolver reads one."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))  # 2852039166, 0xa9fea9fe, 169.254.43518
        except (OSError, ValueError):
            return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _refuse(base_url: str, why: str) -> BadEndpoint:
    url = base_url.rsplit("@", maxsplit=1)[-1]
    return BadEndpoint(
        f"The base URL {url!r} is refused.",
        why=f"{why[:1].upper()}{why[1:]}.",
        hint="Nothing was sent. Mend `base_url` in the configuration.",
    )
