"""What a configuration may say, as data, and what is wrong with one that says something else.

Only the form is looked at: names, kinds and ranges. What the values mean (an address that is refused, a key
that is missing) is for those who use them. Where a file says it is the business of ``config.py``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from llmkit.providers import plugins
from llmkit.providers.presets import APIS, PRESETS, SYNONYMS
from llmkit.wire import dialects

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that can't be used: where it is, what it is, what to write instead."""

    path: Path
    what: str
    fix: str

    @property
    def where(self) -> str:
        """The path as it is written: "providers.mine.base_url"."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Text:
    """Text; one of ``choices``, if there are any."""

    choices: tuple[str, ...] = ()
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number, from ``low`` (or above it)."""

    low: float = 0.0
    above: bool = False
    whole: bool = False
    high: float = math.inf


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    item: Kind


@dataclass(frozen=True, slots=True)
class Named:
    """A mapping whose names are the user's own."""

    item: Kind


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping whose names are ours. ``open``: it may hold others too."""

    fields: Mapping[str, Kind] = field(default_factory=dict)
    open: bool = False


@dataclass(frozen=True, slots=True)
class Either:
    """Any of these kinds."""

    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """A day, as YAML reads one or as text."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever it is, somebody else looks at it."""


@dataclass(frozen=True, slots=True)
class OneProvider:
    """The fields of a provider, which depend on its type."""


Kind = Text | Flag | Number | Many | Named | Fields | Either | Day | Anything | OneProvider

_POSITIVE = Number(above=True)
_COUNT = Number(low=1, whole=True)
_THINK = Either((Text(choices=("off", "low", "medium", "high", "max")), Number(whole=True)))
_TEXTS = Either((Text(), Many(Text())))
_TIMEOUTS = Fields({"first_byte": _POSITIVE, "idle": _POSITIVE, "connect": _POSITIVE})
_ASKING: Mapping[str, Kind] = {
    "system": Text(),
    "temperature": Number(high=2),
    "top_p": Number(above=True, high=1),
    "max_tokens": _COUNT,
    "think": _THINK,
    "timeout": _POSITIVE,
    "budget": Either((Number(), Text())),
    "tag": Text(),
}
#: Fields that every provider has.
COMMON: Mapping[str, Kind] = {
    "type": Text(),
    "api": Text(choices=tuple(APIS)),
    "base_url": Text(),
    "api_key": Text(secret=True),
    "headers": Named(Text(secret=True)),
    "dialect": Text(choices=tuple(dict.fromkeys((*PRESETS, *dialects.names())))),
    "default_model": Text(),
    "max_tokens": _COUNT,
    "timeout": _POSITIVE,
    "max_retries": Number(whole=True),
    "allow_insecure": Flag(),
    "tags": _TEXTS,
    "limits": Fields(
        {"requests_per_minute": _POSITIVE, "tokens_per_minute": _POSITIVE, "concurrency": _COUNT}
    ),
    "timeouts": _TIMEOUTS,
}
#: Fields of one type alone.
SPECIAL: Mapping[str, Mapping[str, Kind]] = {
    "azure": {
        "endpoint": Text(),
        "deployment": Text(),
        "api_version": Text(),
        "auth": Text(choices=("key", "entra")),
    },
    "vertex": {"project": Text(), "location": Text(), "api_version": Text()},
    "local": {
        "path": Text(),
        "context": _COUNT,
        "threads": _COUNT,
        "gpu_layers": Number(low=-1, whole=True),
        "chat_format": Text(),
    },
    "litellm": {"params": Anything()},
}
MODEL: Mapping[str, Kind] = {
    **dict.fromkeys(("context_window", "max_input", "max_output"), _COUNT),
    **dict.fromkeys(("tools", "parallel_tools", "structured", "vision", "pdf", "audio", "sampling"), Flag()),
    **dict.fromkeys(("thinking", "efforts", "strengths"), Many(Text())),
    "retires": Day(),
    "retired": Flag(),
    "deprecated": Flag(),
    "successor": Text(),
}
_ROUTE: Mapping[str, Kind] = {
    **_ASKING,
    "model": Text(),
    "models": _TEXTS,
    "provider": Text(),
    "strategy": Text(),
    "weights": Named(Number()),
    "fallback": _TEXTS,
    "needs": _TEXTS,
    "prefer": _TEXTS,
    "avoid": _TEXTS,
    "quality": Number(high=1),
    "strengths": Many(Text()),
    "window": _COUNT,
    "answer": _COUNT,
}
#: What cells of a notebook do where they don't say; ``notebook/defaults.py`` has the same names.
CELL: Mapping[str, Kind] = {
    **{name: kind for name, kind in _ASKING.items() if name != "top_p"},
    "task": Text(),
    "strategy": Text(),
    "model": Text(),
    "budget": _POSITIVE,
    **dict.fromkeys(("raw", "quiet", "maths", "history", "new", "bg", "dry_run", "yes_tools"), Flag()),
    **dict.fromkeys(("tools", "attach", "compare", "fallback"), _TEXTS),
    **dict.fromkeys(("max_rounds", "repeat"), _COUNT),
    **dict.fromkeys(("conversation", "out", "schema"), Text()),
    "format": Text(choices=("md", "text", "json", "code", "df")),
    "display": Text(choices=("live", "html", "final", "none")),
}
SECTIONS: Mapping[str, Kind] = {
    "providers": Named(OneProvider()),
    "aliases": Named(Text()),
    "default_model": Text(),
    "models": Named(Fields(MODEL)),
    "prices": Named(Anything()),
    "budgets": Named(Either((Number(), Text()))),
    "cache": Either((Flag(), Fields({"path": Text(), "ttl": _POSITIVE, "max_bytes": _COUNT}))),
    "retry": Fields({"attempts": _COUNT, "base": Number(), "cap": Number()}),
    "timeouts": _TIMEOUTS,
    "breaker": Fields({"threshold": _COUNT, "cooldown": Number()}),
    "cell": Fields(CELL),
    "compare": Fields({"confirm": Number()}),
    "tasks": Named(Fields({**_ROUTE, "description": Text(), "schema": Anything()})),
    "agents": Named(Fields({**_ROUTE, "description": Text(), "task": Text(), "tools": _TEXTS})),
    "routing": Fields(
        {
            **_ROUTE,
            "strategies": Named(Anything()),
            "max_attempts": _COUNT,
            "local_tags": _TEXTS,
            "learn": Flag(),
            "qualities": Named(Either((Number(high=1), Named(Number(high=1))))),
        }
    ),
    "trusted_hosts": _TEXTS,
}


def problems(plain: Any) -> list[Problem]:
    """All that is wrong with the form of a configuration, in the order in which it is written.

    >>> [problem.what for problem in problems({"providers": {"openai": {"ap": "chat"}}})]
    ["providers.openai has an unknown field 'ap'"]
    """
    if not isinstance(plain, Mapping):
        return [
            Problem((), "it holds no mapping", "A configuration is a mapping with a `providers` section.")
        ]
    return list(_of_fields((), plain, SECTIONS, "section"))


def _look(path: Path, value: Any, kind: Kind) -> Iterator[Problem]:
    where = ".".join(path)
    match kind:
        case Anything():
            return
        case Text(choices, secret):
            if callable(value) and secret:
                return
            if not isinstance(value, str):
                fix = (
                    "Write it as ${NAME_OF_A_VARIABLE}."
                    if path[-1:] == ("api_key",)
                    else 'Put it in "quotes".'
                )
                yield Problem(path, f"{where} is no text, but {_kind(value)}", fix)
            elif "\n" in value and secret:
                yield Problem(path, f"{where} is not one line of text", "Put it in quotes, on one line.")
            elif choices and value not in choices:
                yield Problem(path, f"{where} can't be {value!r}", _one_of(value, choices))
            elif "${" in value and path[0] == "providers" and path[-1] != "api_key":
                yield Problem(
                    path, f"{where} holds a reference", "Only `api_key` is filled in from the environment."
                )
        case Flag():
            if not isinstance(value, bool):
                yield Problem(
                    path, f"{where} is neither true nor false", "Write true or false, without quotes."
                )
        case Number():
            yield from _of_number(path, value, kind)
        case Many(item):
            if not isinstance(value, list | tuple):
                yield Problem(path, f"{where} is no list, but {_kind(value)}", "Write it as [one, another].")
                return
            for at, one in enumerate(value):
                yield from _look((*path, str(at)), one, item)
        case Named(item):
            if not isinstance(value, Mapping):
                yield Problem(
                    path, f"{where} is no mapping, but {_kind(value)}", "Each entry needs a name of its own."
                )
                return
            for name, one in value.items():
                if not isinstance(name, str) or not name.strip():
                    yield Problem(
                        path, f"{where} has an entry named {name!r}", "A name is text: put it in quotes."
                    )
                else:
                    yield from _look((*path, name), one, item)
        case Fields(fields, more):
            if not isinstance(value, Mapping):
                yield Problem(
                    path, f"{where} is no mapping, but {_kind(value)}", f"Its fields are {', '.join(fields)}."
                )
            else:
                yield from _of_fields(path, value, fields, "field", more=more)
        case Either(kinds):
            found = [list(_look(path, value, one)) for one in kinds]
            if all(found):
                # The kind that came furthest is the one that was meant.
                yield from max(found, key=lambda list_: max(len(problem.path) for problem in list_))
        case Day():
            if not _is_day(value):
                shown = repr(value) if isinstance(value, int | float | str) else _kind(value)
                yield Problem(path, f"{where} can't be {shown}", "It is a day, like 2026-11-20.")
        case OneProvider():
            yield from _of_provider(path, value)


def _of_fields(
    path: Path, value: Mapping[Any, Any], fields: Mapping[str, Kind], noun: str, *, more: bool = False
) -> Iterator[Problem]:
    for name, one in value.items():
        if name in fields:
            if one is not None:
                yield from _look((*path, name), one, fields[name])
        elif not more:
            where = f"{'.'.join(path)} has an unknown {noun}" if path else f"there is an unknown {noun}"
            yield Problem((*path, str(name)), f"{where} {name!r}", _one_of(str(name), tuple(fields)))


def _of_provider(path: Path, value: Any) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(
            path, f"{'.'.join(path)} is no mapping, but {_kind(value)}", "Give at least its `type`."
        )
        return
    if "/" in path[-1] or path[-1] != path[-1].strip() or not path[-1]:
        fix = "A model is named provider/model: give the provider a name without / and without blanks around it."
        yield Problem(path, f"{'.'.join(path)} has a name that no model could be asked under", fix)
    kind = value.get("type", path[-1])
    kind = SYNONYMS.get(kind, kind) if isinstance(kind, str) else kind
    # A type that is none of ours may be that of a package, which knows its own fields.
    stranger = kind in plugins.names()
    if "type" not in value and kind not in PRESETS and kind != "sim" and not stranger:
        yield Problem(path, f"{'.'.join(path)} needs a `type`", f"Known: {', '.join(PRESETS)}, sim.")
    special = SPECIAL.get(kind, {}) if isinstance(kind, str) else {}
    yield from _of_fields(path, value, {**COMMON, **special}, "field", more=stranger)
    given = value.get("api_key")
    if (
        isinstance(given, str)
        and "${" in given
        and not (given.startswith("${") and given.count("${") == 1 and given.endswith("}"))
    ):
        yield Problem(
            (*path, "api_key"),
            f"{'.'.join(path)}.api_key mixes a reference with other text",
            "Write ${NAME_OF_A_VARIABLE} alone.",
        )


def _of_number(path: Path, value: Any, kind: Number) -> Iterator[Problem]:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    fits = number and kind.low <= value <= kind.high and not (kind.above and value == kind.low)
    if fits and not (kind.whole and value != int(value)):
        return
    if kind.whole:
        wanted = f"It is a whole number, {kind.low:g} or more."
    elif kind.high < math.inf:
        wanted = f"It is a number {'above' if kind.above else 'from'} {kind.low:g} {'up ' if kind.above else ''}to {kind.high:g}."
    else:
        wanted = "It is a number above 0." if kind.above else "It is a number, 0 or more."
    shown = repr(value) if isinstance(value, int | float | str) else _kind(value)
    yield Problem(path, f"{'.'.join(path)} can't be {shown}", wanted)


def _is_day(value: Any) -> bool:
    try:
        return type(value) is date or date.fromisoformat(value) is not None
    except (TypeError, ValueError):
        return False


def _one_of(wrong: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(wrong.lower(), names, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names)}."


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        tuple: "a list",
        dict: "a mapping",
    }
    return names.get(type(value), type(value).__name__)
