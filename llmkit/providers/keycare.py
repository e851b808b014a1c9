"""Setting and removing a provider's key: checked, kept, and told of in a sentence that doesn't show it.

Who is asked for it, and how, is the business of the notebook and the command line; where it is kept ``keystore.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llmkit.core.errors import BadRequest, MissingKey
from llmkit.providers import keys as known
from llmkit.providers import keyshapes, keystore
from llmkit.providers.presets import PRESETS

if TYPE_CHECKING:
    from llmkit.providers.registry import Registry


def set_key(registry: Registry, provider: str, ask: Callable[[str], str]) -> str:
    """Ask for a provider's key and keep it; the result says where it is, in a sentence."""
    name = variable_of(registry, provider)
    value = ask(f"API key for {provider} (it is not shown): ").strip()
    if not value:
        raise MissingKey("No key was given.", why="The answer was empty.", hint="Nothing was changed.")
    if any(c.isspace() or not c.isprintable() or c in "\"'=" for c in value) or not value.isascii():
        raise BadRequest(
            "This can't be a key.",
            why="A key is one word of letters, digits and signs, without quotes or a name before it.",
            hint="Nothing was changed. Copy the key alone.",
        )
    known.learn(value)
    place = keystore.keep(name, value)
    told = f"The key of {provider} ({known.tail(value)}) is kept in {place}."
    if place == "this process":
        told += (
            " There is no keyring that could keep it, so it is gone when this process ends."
            f" To have it there every time, set ${name} before Jupyter starts."
        )
    owner = keyshapes.whose(value) or ""
    if owner in PRESETS and name not in PRESETS[owner].env:
        told += f" It looks like a key of {owner}."
    found = keystore.find(name)
    if found is not None and found.value != value:
        told += f" But {found.place} is set too, and comes first: unset it for this one to be used."
    return told


def remove_key(registry: Registry, provider: str) -> str:
    """Remove what ``set_key`` kept; the result is a sentence."""
    name = variable_of(registry, provider)
    places = keystore.forget(name)
    told = (
        f"The key of {provider} is removed from {' and '.join(places)}."
        if places
        else f"No key of {provider} was kept."
    )
    if (left := keystore.find(name)) is not None:
        told += f" {left.place} still holds one; that is set outside llmkit."
    return told


def variable_of(registry: Registry, provider: str) -> str:
    """The name that a provider's key is kept under."""
    if provider not in registry and provider in PRESETS:
        key = known.Key(env=PRESETS[provider].env)
    else:
        key = registry.entry(provider).key
    if key.named is None:
        raise BadRequest(
            f"No key can be set for {provider}.",
            why="It needs none."
            if not key.needed
            else "Its configuration gives the key, or says how to get it.",
            hint="Write `api_key: ${NAME_OF_A_VARIABLE}` into its configuration to have it asked for by name.",
        )
    return key.named


def is_key(word: str) -> bool:
    """Is this a key rather than a provider's name?"""
    return keyshapes.whose(word) is not None or word in known.known_secrets()
