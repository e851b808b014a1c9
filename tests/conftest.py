"""What holds for every test: a clean environment, a home of its own, and no network beyond this machine."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# The same examples every time, however long they take: what new ones find belongs to whoever looks for it, and not
# to whoever happens to change something. ``--hypothesis-profile=default`` looks for new ones.
hypothesis.settings.register_profile(
    "the same for all",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("the same for all")

NO_PROXY = "127.0.0.1,localhost,::1"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
SECRETS = ("_API_KEY", "_AUTH_TOKEN", "_ACCESS_TOKEN", "_API_TOKEN")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class ReachedOut(BaseException):
    """A test tried to leave this machine. Not an Exception, so that no code under test can swallow it."""


def _stays_here(host: Any) -> bool:
    if host is None or host in ("", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _check(host: Any, what: str) -> None:
    if not _stays_here(host):
        raise ReachedOut(
            f"A test tried to {what} {host!r}. Tests talk to 127.0.0.1 only: use the `simulator` fixture."
        )


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """In this process nothing connects to, or looks up, anything but loopback."""
    patch = pytest.MonkeyPatch()
    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        _check(host, "look up")
        return look_up(host, *args, **kwargs)

    def guard(name: str) -> None:
        plain = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: Any, *args: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                _check(address[0], "connect to")
            return plain(self, address, *args)

        patch.setattr(socket.socket, name, guarded)

    guard("connect")
    guard("connect_ex")
    patch.setattr(socket, "getaddrinfo", guarded_look_up)
    # Child processes can't be patched, so they get a proxy that refuses: what leaves, fails at once.
    for name in PROXIES:
        patch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        patch.setenv(name, NO_PROXY)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No keys, no settings of the developer's, and a home for llmkit that is this test's own."""
    for name in list(os.environ):
        if (name.startswith("LLMKIT_") and name != "LLMKIT_CORPUS") or name.upper().endswith(SECRETS):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("LLMKIT_HOME", str(home))
    monkeypatch.setenv("LLMKIT_LEDGER", str(home / "ledger.sqlite"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")  # never the developer's
    return home


@pytest.fixture
def child_environment() -> dict[str, str]:
    """The environment for a child process: this test's, with a way out that leads nowhere."""
    away = dict.fromkeys(PROXIES, "http://127.0.0.1:9")
    return {**os.environ, **away, "NO_PROXY": NO_PROXY, "no_proxy": NO_PROXY}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Any]:
    """A running simulator, for the whole module: a loopback server that speaks every wire."""
    from llmkit.sim import Simulator

    with Simulator() as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; without one the test is skipped and says so."""
    for name in CHROMIUMS:
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
