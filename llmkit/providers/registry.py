"""Names to providers: the presets, the simulator, what a config adds, and what other packages bring.

``Registry.entry`` finds the provider of a name; how one is made of its fields is ``building.py``, and which
files a config is made of ``config.py``. Aliases and what is known of models live in ``models/``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmkit.core.errors import LLMKitError, UnknownModel, UnknownProvider
from llmkit.core.request import Request
from llmkit.providers import config as configs
from llmkit.providers import plugins
from llmkit.providers.base import Provider
from llmkit.providers.building import Entry, build, entry_of
from llmkit.providers.config import Config
from llmkit.providers.keys import Key
from llmkit.providers.presets import PRESETS, SYNONYMS, Preset
from llmkit.providers.tuning import tuning
from llmkit.providers.unusable import unusable

#: Sections that are the engine's and the notebook's business.
_SETTINGS = ("prices", "budgets", "cache")


#: Providers without an address: there whenever their package is.
_ANYWHERE = ("local", "litellm")


class Registry:
    """The providers of a session.

    >>> "anthropic" in Registry()
    True
    """

    def __init__(self, config: Mapping[str, Any] | str | Path | Config | None = None) -> None:
        whole = configs.load(config).checked()
        plain = whole.plain
        #: Where everything is from; keys are masked in it.
        self.config = whole.without_keys()
        self.aliases: Mapping[str, str] = dict(plain.get("aliases") or {})
        self.default_model: str | None = plain.get("default_model")
        self.settings: Mapping[str, Any] = {name: plain[name] for name in _SETTINGS if plain.get(name)}
        try:
            self.tuning = tuning(plain)
        except LLMKitError as error:
            raise self.located(error) from None
        self._entries: dict[str, Entry] = {}
        self._configured: list[str] = []
        for name, preset in PRESETS.items():
            if preset.base_url or preset.sdk in _ANYWHERE:
                self._entries[name] = build(name, preset, {}, connect=self.tuning.connect)
        for name, fields in (plain.get("providers") or {}).items():
            try:
                self._entries[name] = self._from_config(name, fields)
            except LLMKitError as error:
                raise self.config.source_of("providers", name).located(error, ("providers", name)) from None
            self._configured.append(name)

    def section(self, name: str) -> Mapping[str, Any]:
        """A section of the configuration, as plain values: ``cell``, ``tasks``, ``agents``, ``routing``, …"""
        found = self.config.plain.get(name)
        return found if isinstance(found, Mapping) else {}

    def __contains__(self, name: object) -> bool:
        if name in ("sim", *self._entries) or SYNONYMS.get(str(name)) in self._entries:
            return True
        return str(name) in plugins.names()

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._entries, *plugins.names(), "sim"]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, name: str) -> Provider:
        return self.entry(name).provider

    @property
    def configured(self) -> tuple[str, ...]:
        """Those that the configuration, or the program, added."""
        return tuple(self._configured)

    def register(
        self, name: str, provider: Provider | Mapping[str, Any], *, default: str | None = None
    ) -> None:
        """Add a provider: an object that keeps the contract of ``providers/base.py``, or its fields as a
        configuration writes them.

        >>> registry = Registry()
        >>> registry.register("mine", {"type": "compatible", "base_url": "http://127.0.0.1:1/v1"})
        >>> registry["mine"].base_url
        'http://127.0.0.1:1/v1'
        """
        if isinstance(provider, Mapping):
            Config((configs.Source("given", {"providers": {name: provider}}),)).checked()
            entry = self._from_config(name, provider)
        else:
            plugins.check(name, provider, f"It is {type(provider).__name__}")
            entry = entry_of(provider, {"default_model": default}, Key(needed=False), kind=name)
        self._entries[name] = entry
        if name not in self._configured:
            self._configured.append(name)

    def entry(self, name: str) -> Entry:
        """The provider of that name; :class:`UnknownProvider` with the nearest names if there is none."""
        if name in self._entries:
            return self._entries[name]
        if name == "sim":
            return build(name, _simulator(), {}, connect=self.tuning.connect_for(name))
        if (same := SYNONYMS.get(name)) in self._entries:
            return self._entries[str(same)]
        if name in plugins.names():
            self._entries[name] = entry = plugins.build(name, name, {})
            return entry
        near = difflib.get_close_matches(name.lower(), list(self), n=3)
        raise UnknownProvider(
            f"There is no provider named {name!r}.",
            why=f"Did you mean {' or '.join(repr(n) for n in near)}?"
            if near
            else "No known name is like it.",
            hint=f"The providers are {', '.join(self)}. Nothing was sent.",
            provider=name,
        )

    def applied(self, provider: Provider, request: Request) -> Request:
        """The request with what the configuration says of every call to that provider."""
        entry = self._entries.get(provider.name)
        return request if entry is None else entry.apply(request)

    def ready(self) -> tuple[str, ...]:
        """Those that can be called now, the configured ones first, then those whose key is set."""
        keyed = [n for n, entry in self._entries.items() if entry.key.needed and entry.key.present]
        return tuple(dict.fromkeys([*(n for n in self._configured if self._entries[n].key.present), *keyed]))

    def _from_config(self, name: str, fields: Mapping[str, Any]) -> Entry:
        source = self.config.source_of("providers", name)
        connect = self.tuning.connect_for(name)
        kind = fields.get("type", name)
        kind = SYNONYMS.get(kind, kind)
        if kind == "sim":
            return build(name, _simulator(), fields, kind=kind, connect=connect)
        if kind in PRESETS:
            return build(
                name,
                PRESETS[kind],
                fields,
                kind=kind,
                connect=connect,
                trusted=source.trusted,
                trusted_hosts=self._trusted_hosts(),
            )
        if kind in plugins.names():
            return plugins.build(kind, name, fields)
        near = difflib.get_close_matches(str(kind), [*PRESETS, *plugins.names(), "sim"], n=2)
        raise unusable(
            f"providers.{name}.type is unknown: {kind!r}",
            f"Did you mean {' or '.join(repr(n) for n in near)}?"
            if near
            else f"Known: {', '.join(PRESETS)}, sim.",
        )

    def _trusted_hosts(self) -> tuple[str, ...]:
        hosts = self.config.plain.get("trusted_hosts") or ()
        return (hosts,) if isinstance(hosts, str) else tuple(hosts)

    def located(self, error: LLMKitError) -> LLMKitError:
        """An error about the configuration, with the file and the line that it is about."""
        for source in reversed(self.config.sources):
            error = source.located(error)
        return error


def check_model(entry: Entry, model: str) -> None:
    """Refuse a name that can't be right: the simulator knows all of its models, and others may have newer
    ones than we know."""
    provider = entry.provider
    if not provider.simulated:
        return
    from llmkit.sim.models import MODELS, known

    if known(model) is not None:
        return
    names = [name.removeprefix("sim/") for name in MODELS]
    near = difflib.get_close_matches(re.split("[:@]", model.lower())[0], names, n=2)
    raise UnknownModel(
        f"The simulator has no model named {model!r}.",
        why=f"Did you mean {' or '.join(f'{provider.name}/{name}' for name in near)}?"
        if near
        else "None of its models has a name like it.",
        hint=f"Its models are {', '.join(f'{provider.name}/{name}' for name in names)}. Nothing was sent.",
        provider=provider.name,
        model=model,
    )


def _simulator() -> Preset:
    # The simulator starts with the first call that needs it, never before.
    from llmkit.sim import default

    return Preset("openai", default().url + "/v1", needs_key=False, default="swift")
