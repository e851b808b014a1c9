"""API keys: whose they are, how they are fetched, and that they are never shown.

A key is fetched at the moment it is needed, from a callable, a config's literal, or the place it is kept in
(``keystore.py``), and lives in no attribute that a repr, a traceback or a pickle would show.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterable
from typing import Any

from llmkit.core.errors import MissingKey
from llmkit.models import catalogue
from llmkit.providers import keystore

_MASK = "•••"
_SHORTEST = 8  # shorter ones are found everywhere
_LONG = 20  # of such a key, the last four letters may be shown
_ENDINGS = ("_API_KEY", "_AUTH_TOKEN")
_used: set[str] = set()  # keys that were found, to be recognised also when the variable has changed
_literal: dict[str, str] = {}  # a config's own keys by their handle; the only place they are kept
_handles = itertools.count()  # one each, also where two threads make keys at once


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
            self._handle = f"key-{next(_handles)}"
            _literal[self._handle] = literal

    @property
    def present(self) -> bool:
        """Is there a key (or none needed)? A callable is taken at its word until it is called."""
        return not self.needed or self._fetch is not None or self._find() is not None

    @property
    def named(self) -> str | None:
        """The variable it can be kept under; ``None`` for a key that the configuration gives itself."""
        return self.env[0] if self.env and self._fetch is None and self._handle is None else None

    def shown(self) -> tuple[str, str]:
        """Its end (or that there is none) and its place, for people. Never the key.

        >>> Key(env=("NO_SUCH_KEY_SET",)).shown()
        ('missing', '$NO_SUCH_KEY_SET')
        """
        if self._fetch is not None:
            return "asked for at each call", "a callable of the configuration"
        if (found := self._find()) is None:
            place = " or ".join(f"${name}" for name in self.env)
            return ("missing", place or "the configuration") if self.needed else ("not needed", place)
        return tail(found.value), found.place

    def get(self, provider: str, model: str = "") -> str:
        """The key itself, for the moment of signing; raises :class:`MissingKey` with what to do.

        ``model`` is what was to be asked: a name that nobody knows may be why this provider was meant at all.
        """
        if self._fetch is not None:
            return learn(_called(self._fetch, provider))
        if (found := self._find()) is not None:
            return found.value
        if not self.needed:
            return "none"
        why = "The configuration gives none."
        todo = "Write `api_key: ${NAME_OF_A_VARIABLE}` into the configuration"
        if self.env:
            why = f"{' and '.join(self.env)} {'is' if len(self.env) == 1 else 'are'} not set."
            todo = (
                f"`%llm keys set {provider}` in a notebook or `llmkit keys set {provider}` in a terminal asks for "
                f"it without showing it (or `export {self.env[0]}=…` before starting Jupyter)"
            )
        raise MissingKey(
            f"There is no API key for {provider}.",
            why=f"{why} {_meant(provider, model)}".strip(),
            hint=f"{todo}; or ask the built-in simulator, `sim/swift`, which answers without a key.",
            provider=provider,
            model=model or None,
        )

    def _find(self) -> keystore.Found | None:
        if self._handle is not None:
            literal = _literal.get(self._handle)
            return None if literal is None else keystore.Found(literal, "the configuration")
        for name in self.env:
            if (found := keystore.find(name)) is not None:
                learn(found.value)
                return found
        return None

    def __repr__(self) -> str:
        where = " or ".join(f"${name}" for name in self.env) or ("a callable" if self._fetch else "config")
        return f"<Key from {where}: {'set' if self.present else 'missing'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (self.env, self.needed))


def tail(value: str) -> str:
    """What may be shown of a key: its end, where that leaves enough of it unsaid.

    >>> tail("made-up-key-0123456789"), tail("short")
    ('…6789', 'set')
    """
    return f"…{value[-4:]}" if len(value) >= _LONG else "set"


def _called(fetch: Callable[[], str], provider: str) -> str:
    """What a configuration's callable gives. Its own words are not repeated: they may hold the key."""
    try:
        given: Any = fetch()
    except Exception as error:  # noqa: BLE001 - somebody's own code
        why, given = f"It raised {type(error).__name__}.", None
    else:
        why = f"It gave {'an empty text' if isinstance(given, str) else type(given).__name__}."
    if isinstance(given, str) and given.strip():
        return given.strip()
    if callable(close := getattr(given, "close", None)):
        close()  # a coroutine that nobody will await
    raise MissingKey(
        f"The callable that supplies the key of {provider} gave none.",
        why=why,
        hint="It is a function without arguments that returns the key as text (not an async one). Nothing was sent.",
        provider=provider,
    )


def learn(value: str) -> str:
    """Remember a key, so that it is masked from now on."""
    _used.add(value)
    return value


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


#: What was known when somebody last asked (the environment, how many other keys), and the keys there were:
#: asking again costs a comparison and no search.
_seen: tuple[Any, int, int, tuple[str, ...]] = (None, 0, 0, ())


def _known() -> tuple[str, ...]:
    """Every known key, the longest first, because one may begin with another."""
    global _seen
    # The mapping under os.environ: comparing it whole is exact, and much quicker than reading it.
    now = getattr(os.environ, "_data", None) or dict(os.environ)
    environment, used, literal, secrets = _seen
    if now != environment or used != len(_used) or literal != len(_literal):
        marks = now.copy(), len(_used), len(_literal)  # taken first: what comes in between is seen next time
        secrets = tuple(sorted(_search(), key=len, reverse=True))
        _seen = (*marks, secrets)
    return secrets


def _search() -> frozenset[str]:
    names = {name for name in os.environ if name.endswith(_ENDINGS)}
    found = {os.environ.get(name, "").strip() for name in names | _other_names()}
    found |= _used.union(_literal.values())
    return frozenset(secret for secret in found if len(secret) >= _SHORTEST)


def known_secrets() -> frozenset[str]:
    """Every key that this process knows: to recognise, never to show."""
    return frozenset(_known())


def mask(text: str) -> str:
    """The text without any known key.

    >>> mask("nothing secret")
    'nothing secret'
    """
    for secret in _known():
        if secret in text:
            text = text.replace(secret, _MASK)
    return text


def mask_growing(text: str, letters: int = 0) -> str:
    """The same for a text that more will come to: an end that may become a key waits until that is known, but for
    its first ``letters``, which are no secret (where they can be taken back, no word lacks its last one meanwhile).

    >>> mask_growing("Nothing secret. ")
    'Nothing secret. '
    """
    may_be = max((_overlap(text, secret) for secret in _known()), default=0)
    end = len(text) - max(0, may_be - letters)
    for secret in _known():  # one that is there whole is masked whole, also where its end may begin another
        if -1 < text.find(secret, max(0, end - len(secret) + 1)) < end:
            end = text.find(secret, max(0, end - len(secret) + 1)) + len(secret)
            break
    return mask(text[:end])


def _overlap(text: str, secret: str) -> int:
    """How many characters of the text's end a key begins with."""
    return next((n for n in range(len(secret) - 1, 0, -1) if text.endswith(secret[:n])), 0)
