"""Providers of other packages: the entry points ``llmkit.providers``.

An entry point names a function ``make(name, settings) -> Provider``: ``name`` is what the user calls it,
``settings`` what the configuration says of it. It is loaded when its provider is first asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from llmkit.core.errors import ConfigError, LLMKitError
from llmkit.providers.building import Entry, entry_of, key_of

GROUP = "llmkit.providers"


@functools.cache
def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> tuple[str, ...]:
    """The types of provider that installed packages bring."""
    return tuple(_found())


def forget() -> None:
    """Look again, as after an installation in a running kernel."""
    _found.cache_clear()


def build(kind: str, name: str, fields: Mapping[str, Any]) -> Entry:
    """Ask the package for a provider. Whatever it does wrong is named with the package's name."""
    point = _found()[kind]
    key, _ = key_of(fields.get("api_key"), (), needed=False)
    try:
        provider = point.load()(name, {**fields, "api_key": key})
    except LLMKitError:
        raise
    except Exception as error:
        whose = point.dist.name if point.dist is not None else point.value
        raise ConfigError(
            f"The provider {name!r} could not be made.",
            why=f"{whose} ({point.value}) failed with {type(error).__name__}: {error}",
            hint="That package is not part of llmkit: ask its authors. Nothing was sent.",
        ) from error
    check(name, provider, f"{point.value} made something")
    return entry_of(provider, fields, key, kind=kind, default=getattr(provider, "default_model", None))


def check(name: str, provider: object, whose: str) -> None:
    """Refuse what lacks a part that every provider has; ``whose`` begins the sentence that says so."""
    parts = ("wire", "dialect", "base_url", "prepare", "open", "name", "simulated", "package")
    if missing := [part for part in parts if not hasattr(provider, part)]:
        raise ConfigError(
            f"The provider {name!r} can't be used.",
            why=f"{whose} without {', '.join(missing)}.",
            hint="What a provider must have is in `llmkit.providers.base`. Nothing was sent.",
        )
