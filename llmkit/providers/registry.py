"""Names to providers: the presets, the simulator, and what a config adds.

``Registry.resolve`` turns what a user writes (``sonnet``, ``openai/gpt-6-luna``, ``mine/some-model``)
into a provider and a model name. Aliases and what is known of models live in ``models/``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmkit.core.errors import ConfigError, UnknownModel, UnknownProvider
from llmkit.providers import endpoints, yamlfile
from llmkit.providers.anthropic import AnthropicProvider
from llmkit.providers.base import Provider
from llmkit.providers.clients import Sealed
from llmkit.providers.gemini import GeminiProvider
from llmkit.providers.keys import Key
from llmkit.providers.openai import OpenAIProvider
from llmkit.providers.presets import APIS, PRESETS, SYNONYMS, Preset
from llmkit.providers.tuning import SECTIONS, tuning

_FIELDS = {
    "type", "api", "base_url", "api_key", "headers", "dialect", "default_model", "allow_insecure",
    "limits", "timeouts",
}  # fmt: skip
_WORDS = ("type", "api", "base_url", "dialect", "default_model")
_REFERENCE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_VERSION = re.compile(r"(.*?)(?:/(v1(?:beta)?))?")
#: Sections that are the engine's and the notebook's business.
_SETTINGS = {"prices", "budgets", "cache", "cell"}
_SECTIONS = {"providers", "aliases", "default_model", *_SETTINGS, *SECTIONS}


@dataclass(frozen=True)
class Entry:
    """A provider under the name the user knows it by, and the model it uses when none is named."""

    provider: Provider
    default: str | None
    key: Key

    def check(self, model: str) -> None:
        """Refuse a name that can't be right: the simulator knows all of its models, and others may have
        newer ones than we know."""
        if not self.provider.simulated:
            return
        from llmkit.sim.models import MODELS, known

        if known(model) is not None:
            return
        names = [name.removeprefix("sim/") for name in MODELS]
        near = difflib.get_close_matches(re.split("[:@]", model.lower())[0], names, n=2)
        raise UnknownModel(
            f"The simulator has no model named {model!r}.",
            why=f"Did you mean {' or '.join(f'{self.provider.name}/{name}' for name in near)}?"
            if near
            else "None of its models has a name like it.",
            hint=f"Its models are {', '.join(f'{self.provider.name}/{name}' for name in names)}. "
            "Nothing was sent.",
            provider=self.provider.name,
            model=model,
        )


class Registry:
    """The providers of a session.

    >>> "anthropic" in Registry()
    True
    """

    def __init__(self, config: Mapping[str, Any] | str | Path | None = None) -> None:
        plain = load(config)
        #: The file that it was read from, if it was one.
        self.source = Path(config) if isinstance(config, str | Path) else None
        if unknown := set(plain) - _SECTIONS:
            raise _bad(
                f"unknown section {min(unknown)!r}", f"The sections are {', '.join(sorted(_SECTIONS))}."
            )
        self.aliases: Mapping[str, str] = _texts("aliases", plain.get("aliases"))
        default = plain.get("default_model")
        if default is not None and not isinstance(default, str):
            raise _bad("default_model is no text", f"It is {type(default).__name__}.")
        self.default_model: str | None = default
        providers = _named("providers", plain.get("providers"))
        self.tuning = tuning(plain)
        self.settings: Mapping[str, Any] = {name: plain[name] for name in _SETTINGS if plain.get(name)}
        self._entries: dict[str, Entry] = {}
        self._configured: list[str] = []
        for name, preset in PRESETS.items():
            if preset.base_url:
                self._entries[name] = _entry(name, preset, {}, self.tuning.connect)
        for name, fields in providers.items():
            self._entries[name] = _from_config(name, fields, self.tuning.connect_for(name))
            self._configured.append(name)

    def __contains__(self, name: object) -> bool:
        return name in ("sim", *self._entries) or SYNONYMS.get(str(name)) in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._entries, "sim"]))

    def __getitem__(self, name: str) -> Provider:
        return self.entry(name).provider

    def entry(self, name: str) -> Entry:
        """The provider of that name; :class:`UnknownProvider` with the nearest names if there is none."""
        if name in self._entries:
            return self._entries[name]
        if name == "sim":
            return _entry(name, _simulator(), {}, self.tuning.connect_for(name))
        if (same := SYNONYMS.get(name)) in self._entries:
            return self._entries[str(same)]
        near = difflib.get_close_matches(name.lower(), list(self), n=3)
        raise UnknownProvider(
            f"There is no provider named {name!r}.",
            why=f"Did you mean {' or '.join(repr(n) for n in near)}?"
            if near
            else "No known name is like it.",
            hint=f"The providers are {', '.join(self)}. Nothing was sent.",
            provider=name,
        )

    def ready(self) -> tuple[str, ...]:
        """Those that can be called now, the configured ones first, then those whose key is set."""
        keyed = [n for n, entry in self._entries.items() if entry.key.needed and entry.key.present]
        return tuple(dict.fromkeys([*(n for n in self._configured if self._entries[n].key.present), *keyed]))


def load(config: Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    """A config as plain values: a mapping, or a YAML file's."""
    if config is None:
        return {}
    if isinstance(config, Mapping):
        return dict(config)
    if not isinstance(config, str | Path) or not str(config).strip():
        raise _bad(
            f"it is {type(config).__name__}, not a mapping or a file's path"
            if config != ""
            else "its path is empty",
            'For example {"providers": {…}} or "llmkit.yaml".',
        )
    path = Path(config)
    plain = yamlfile.read(path)
    if not isinstance(plain, dict | None):
        raise _bad(f"{path} holds no mapping", "A config is a mapping with a `providers` section.")
    return plain or {}


def _from_config(name: str, fields: Any, connect: float) -> Entry:
    where = f"providers.{name}"
    if not isinstance(fields, Mapping):
        raise _bad(f"{where} is no mapping", "Give at least its `type`.")
    if unknown := set(fields) - _FIELDS:
        raise _bad(f"{where} has an unknown field {min(unknown)!r}", f"Fields: {', '.join(sorted(_FIELDS))}.")
    _check_kinds(where, fields)
    kind = fields.get("type", name)
    kind = SYNONYMS.get(kind, kind)
    if kind == "sim":
        return _entry(name, _simulator(), fields, connect, kind)
    if kind not in PRESETS:
        near = difflib.get_close_matches(str(kind), PRESETS, n=2)
        raise _bad(f"{where} has the unknown type {kind!r}", f"Nearest: {', '.join(near)}." if near else "")
    return _entry(name, PRESETS[kind], fields, connect, kind)


def _entry(
    name: str, preset: Preset, fields: Mapping[str, Any], connect: float, kind: str | None = None
) -> Entry:
    kind = kind or name
    base_url = str(fields.get("base_url") or preset.base_url)
    if not base_url:
        raise _bad(f"providers.{name} needs a `base_url`", f"{kind} has no address of its own.")
    given = fields.get("api_key")
    own = base_url.rstrip("/") == preset.base_url.rstrip("/")
    # A key from the environment belongs to its provider's own host: another host gets a key only if
    # the config names it.
    reference = _REFERENCE.fullmatch(given) if isinstance(given, str) else None
    key = Key(
        env=(reference[1],) if reference else preset.env if own else (),
        literal=given if isinstance(given, str) and not reference else None,
        fetch=given if callable(given) else None,
        needed=preset.needs_key and (own or given is not None),
    )
    base_url = endpoints.check(
        base_url,
        has_key=key.needed or given is not None,
        allow_insecure=fields.get("allow_insecure") is True,
    )
    if reference:
        endpoints.check_key(reference[1], base_url, homes=_homes(reference[1]))
    wire = preset.wire
    if api := fields.get("api"):
        if api not in APIS:
            raise _bad(f"providers.{name} has the unknown api {api!r}", f"Known: {', '.join(APIS)}.")
        wire = APIS[api]
    common: dict[str, Any] = {
        "name": name,
        "base_url": base_url,
        "key": key,
        "headers": Sealed(fields.get("headers") or {}),
        "connect": connect,
    }
    dialect = str(fields.get("dialect") or kind)
    provider: Provider
    match preset.sdk:
        case "openai":
            # At an address of its own it may be anything; the simulator's own headers then say what it is.
            simulated = kind == "sim" and not fields.get("base_url")
            provider = OpenAIProvider(wire=wire, dialect=dialect, simulated=simulated, **common)
        case "anthropic":
            # Manuals write the address with and without the version; these wires put it into the path.
            common["base_url"] = base_url.removesuffix("/v1")
            provider = AnthropicProvider(**common)
        case "gemini":
            address, version = _VERSION.fullmatch(base_url).groups()  # type: ignore[union-attr]  # matches all
            common["base_url"] = address
            provider = GeminiProvider(**common, api_version=version or "v1beta")
    default = fields.get("default_model") or preset.default
    return Entry(provider, default, key)


def _homes(variable: str) -> list[str]:
    """The addresses of the providers whose key that variable holds."""
    return [preset.base_url for preset in PRESETS.values() if variable in preset.env and preset.base_url]


def _check_kinds(where: str, fields: Mapping[str, Any]) -> None:
    """Every field is of its kind. A key's own value is never quoted."""
    for field in _WORDS:
        if fields.get(field) is not None and not isinstance(fields[field], str):
            raise _bad(f"{where}.{field} is no text", f"It is {type(fields[field]).__name__}.")
    given = fields.get("api_key")
    if given is not None and not isinstance(given, str) and not callable(given):
        raise _bad(f"{where}.api_key is no text", "Write it as ${NAME_OF_A_VARIABLE}.")
    if isinstance(given, str) and "${" in given and not _REFERENCE.fullmatch(given):
        raise _bad(f"{where}.api_key mixes a reference with other text", "Write ${NAME_OF_A_VARIABLE} alone.")
    if not isinstance(fields.get("allow_insecure", False), bool):
        raise _bad(f"{where}.allow_insecure is neither true nor false", "Leave it out, or write true.")
    headers = fields.get("headers") or {}
    if not isinstance(headers, Mapping):
        raise _bad(f"{where}.headers is no mapping", "Write a name and a value for each.")
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str) or "\n" in value or "\r" in value:
            raise _bad(f"{where}.headers.{name} is not one line of text", "Put it in quotes.")
        if "${" in value:
            raise _bad(f"{where}.headers.{name} holds a reference", "Only `api_key` is filled in.")


def _simulator() -> Preset:
    # The simulator starts with the first call that needs it, never before.
    from llmkit.sim import default

    return Preset("openai", default().url + "/v1", needs_key=False, default="swift")


def _named(section: str, given: Any) -> Mapping[str, Any]:
    """A section whose entries have names."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise _bad(f"{section} is no mapping", f"It is {type(given).__name__}; each entry needs a name.")
    for name in given:
        if not isinstance(name, str) or not name.strip():
            raise _bad(f"{section} has an entry named {name!r}", "A name is text.")
    return given


def _texts(section: str, given: Any) -> dict[str, str]:
    """A section of names and texts."""
    named = _named(section, given)
    for name, value in named.items():
        if not isinstance(value, str):
            raise _bad(f"{section}.{name} is no text", f"It is {type(value).__name__}.")
    return dict(named)


def _bad(what: str, why: str) -> ConfigError:
    return ConfigError(f"The configuration can't be used: {what}.", why=why, hint="Nothing was sent.")
