"""API keys: where they come from, and that they are never shown.

A key is fetched at the moment it is needed, from a callable, the environment or a config's literal, and
lives in no attribute that a repr, a traceback or a pickle would show.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from typing import Any

from llmkit.core.errors import MissingKey
from llmkit.models import catalogue

_MASK = "•••"
_ENDINGS = ("_API_KEY", "_AUTH_TOKEN")
_used: set[str] = set()  # keys that were sent, to be recognised also when the variable has changed
_literal: dict[str, str] = {}  # a config's own keys by their handle; the only place they are kept


class Key:
    """How to get one key. Holds no key itself.

    >>> Key(env=("NO_SUCH_KEY_SET",)).present
    False
    """

    __slots__ = ("_fetch", "_handle", "env", "needed")

    def __init__(
        self,
        *,
        env: Iterable[str] = (),
        literal: str | None = None,
        fetch: Callable[[], str] | None = None,
        needed: bool = True,
    ) -> None:
        self.env = tuple(env)
        self.needed = needed
        self._fetch = fetch
        self._handle: str | None = None
        if literal:
            self._handle = f"key-{len(_literal)}"
            _literal[self._handle] = literal

    @property
    def present(self) -> bool:
        """Is there a key (or none needed)?"""
        return not self.needed or bool(self._find())

    def get(self, provider: str, model: str = "") -> str:
        """The key itself, for the moment of signing; raises :class:`MissingKey` with what to do.

        ``model`` is what was to be asked: a name that nobody knows may be why this provider was meant at all.
        """
        if found := self._find():
            _used.add(found)
            return found
        if not self.needed:
            return "none"
        why = "The configuration gives none."
        todo = "Write `api_key: ${NAME_OF_A_VARIABLE}` into the configuration"
        if self.env:
            name = self.env[0]
            why = f"{' and '.join(self.env)} {'is' if len(self.env) == 1 else 'are'} not set."
            todo = (
                f"Set it before starting Jupyter (`export {name}=…`), or here without showing it: "
                f"`import os, getpass; os.environ[{name!r}] = getpass.getpass()`"
            )
        raise MissingKey(
            f"There is no API key for {provider}.",
            why=f"{why} {_meant(provider, model)}".strip(),
            hint=f"{todo}; or ask the built-in simulator, `sim/swift`, which answers without a key.",
            provider=provider,
            model=model or None,
        )

    def _find(self) -> str | None:
        if self._fetch is not None:
            return self._fetch()
        if self._handle is not None:
            return _literal.get(self._handle)
        return next((value for name in self.env if (value := os.environ.get(name, "").strip())), None)

    def __repr__(self) -> str:
        where = " or ".join(f"${name}" for name in self.env) or ("a callable" if self._fetch else "config")
        return f"<Key from {where}: {'set' if self.present else 'missing'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (self.env, self.needed))


def _meant(provider: str, model: str) -> str:
    """A question about the model's name, where the catalogue knows only others like it."""
    if not model or catalogue.facts(provider, model).known:
        return ""
    near = [name.removeprefix(f"{provider}/") for name in catalogue.nearest(f"{provider}/{model}")]
    return f"Did you mean {' or '.join(near)}?" if near and model not in near else ""


def _rebuild(env: tuple[str, ...], needed: bool) -> Key:
    return Key(env=env, needed=needed)


@functools.cache
def _other_names() -> frozenset[str]:
    """The variables of the presets that their ending doesn't give away."""
    from llmkit.providers.presets import PRESETS

    return frozenset(n for preset in PRESETS.values() for n in preset.env if not n.endswith(_ENDINGS))


def known_secrets() -> frozenset[str]:
    """Every key that this process knows: to recognise, never to show."""
    names = {name for name in os.environ if name.endswith(_ENDINGS)}
    found = {os.environ.get(name, "").strip() for name in names | _other_names()}
    found |= _used.union(_literal.values())
    return frozenset(secret for secret in found if len(secret) >= 8)


def mask(text: str) -> str:
    """The text without any known key.

    >>> mask("nothing secret")
    'nothing secret'
    """
    for secret in sorted(known_secrets(), key=len, reverse=True):  # one may begin with another
        if secret in text:
            text = text.replace(secret, _MASK)
    return text
