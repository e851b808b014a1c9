"""Where keys are kept by the name of their variable: the environment, this process, the system's keyring.

They are asked in that order. Nothing here writes a file: a keyring that would (a plain-text one) counts as none.
Whose key it is, and that it is never shown, is the business of ``keys.py``.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any

SERVICE = "llmkit"
#: A keyring may be a daemon's: it is asked about one name at most this often.
FRESH_FOR = 10.0  # seconds
_NO_KEYRINGS = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")

_held: dict[str, str] = {}
_asked: dict[str, tuple[float, str | None]] = {}
_lock = threading.RLock()


@dataclass(frozen=True, slots=True)
class Found:
    """A key and the place it was found in. The key is in no repr."""

    value: str = field(repr=False)
    place: str


def find(name: str) -> Found | None:
    """The key of that variable.

    >>> find("NO_SUCH_KEY_SET") is None
    True
    """
    if value := os.environ.get(name, "").strip():
        return Found(value, f"${name}")
    if value := _held.get(name, ""):
        return Found(value, "this process")
    if kept := _from_keyring(name):
        return Found(kept, "the system keyring")
    return None


def keep(name: str, value: str) -> str:
    """Keep a key in the system's keyring, or in this process where there is none; the result says where."""
    with _lock:
        _asked.pop(name, None)
        _held.pop(name, None)
        if (ring := _keyring()) is not None:
            try:
                ring.set_password(SERVICE, name, value)
            except Exception:  # noqa: BLE001 - a locked, refusing or broken keyring is as good as none
                _held[name] = value
                return "this process"
            return "the system keyring"
        _held[name] = value
        return "this process"


def forget(name: str) -> tuple[str, ...]:
    """Remove a key from this process and the keyring; the places it was in. The environment is not ours."""
    places = []
    with _lock:
        if _held.pop(name, None):
            places.append("this process")
        _asked.pop(name, None)
        if _from_keyring(name) and (ring := _keyring()) is not None:
            ring.delete_password(SERVICE, name)
            places.append("the system keyring")
        _asked.pop(name, None)
    return tuple(places)


def has_keyring() -> bool:
    """Is there a keyring that keeps what it is given, and not in plain text?"""
    return _keyring() is not None


def _from_keyring(name: str) -> str | None:
    now = time.monotonic()
    with _lock:
        known = _asked.get(name)
        if known is not None and now - known[0] < FRESH_FOR:
            return known[1]
        value: str | None = None
        if (ring := _keyring()) is not None:
            try:
                value = (ring.get_password(SERVICE, name) or "").strip() or None
            except Exception:  # noqa: BLE001 - a locked or broken keyring is as good as none
                value = None
        _asked[name] = (now, value)
        return value


def _keyring() -> Any | None:
    """The first real backend, or ``None``."""
    try:
        import keyring
    except ImportError:
        return None
    try:
        backend: Any = keyring.get_keyring()
        several = list(getattr(backend, "backends", None) or [backend])
    except Exception:  # noqa: BLE001 - whatever a backend of somebody's raises while it loads
        return None
    return next((one for one in several if _is_real(type(one))), None)


def _is_real(kind: type) -> bool:
    return not any(
        base.__module__.startswith(_NO_KEYRINGS) or "plaintext" in base.__name__.lower()
        for base in kind.__mro__
    )
