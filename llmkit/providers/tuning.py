"""The numbers that a config may set for the engine: limits, retries, timeouts, the breaker. Checked here by
name and range; what they mean is the engine's business.

    retry: {attempts: 3, base: 0.5, cap: 8}
    timeouts: {first_byte: 120, idle: 60, connect: 5}
    breaker: {threshold: 5, cooldown: 30}
    providers:
      mine:
        limits: {requests_per_minute: 60, tokens_per_minute: 100000, concurrency: 4}
        timeouts: {first_byte: 300}
        max_retries: 0
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmkit.providers.unusable import unusable

CONNECT_SECONDS = 5.0

_LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrency")
_RETRY = ("attempts", "base", "cap")
_TIMEOUTS = ("first_byte", "idle", "connect")
_BREAKER = ("threshold", "cooldown")
#: The sections of a config that are read here.
SECTIONS = ("retry", "timeouts", "breaker")
_WHOLE = {"attempts", "concurrency", "threshold"}
_MAY_BE_ZERO = {"base", "cap", "cooldown"}


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a config sets; what it leaves out keeps the engine's own value. ``limits`` and ``timeouts_of``
    are by provider."""

    retry: Mapping[str, Any] = field(default_factory=dict)
    timeouts: Mapping[str, float] = field(default_factory=dict)
    breaker: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    timeouts_of: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    connect: float = CONNECT_SECONDS
    connect_of: Mapping[str, float] = field(default_factory=dict)
    attempts_of: Mapping[str, int] = field(default_factory=dict)

    def connect_for(self, provider: str) -> float:
        """How long a connection to this provider may take."""
        return self.connect_of.get(provider, self.connect)


def tuning(config: Mapping[str, Any]) -> Tuning:
    """Read these sections of a config.

    >>> tuning({"retry": {"attempts": 2}}).retry
    {'attempts': 2}
    """
    timeouts = _numbers("timeouts", config.get("timeouts"), _TIMEOUTS)
    limits: dict[str, Mapping[str, Any]] = {}
    timeouts_of: dict[str, Mapping[str, float]] = {}
    connect_of: dict[str, float] = {}
    attempts_of: dict[str, int] = {}
    for name, fields in (config.get("providers") or {}).items():
        if not isinstance(fields, Mapping):
            continue  # the registry complains of it
        if fields.get("max_retries") is not None:
            attempts_of[name] = 1 + int(fields["max_retries"])
        if "limits" in fields:
            limits[name] = _numbers(f"providers.{name}.limits", fields["limits"], _LIMITS)
        if "timeouts" in fields:
            own = timeouts | _numbers(f"providers.{name}.timeouts", fields["timeouts"], _TIMEOUTS)
            if "connect" in own:
                connect_of[name] = own["connect"]
            timeouts_of[name] = _silences(own)
    return Tuning(
        retry=_numbers("retry", config.get("retry"), _RETRY),
        timeouts=_silences(timeouts),
        breaker=_numbers("breaker", config.get("breaker"), _BREAKER),
        limits=limits,
        timeouts_of=timeouts_of,
        connect=timeouts.get("connect", CONNECT_SECONDS),
        connect_of=connect_of,
        attempts_of=attempts_of,
    )


def _silences(timeouts: Mapping[str, float]) -> dict[str, float]:
    return {name: seconds for name, seconds in timeouts.items() if name != "connect"}


def _numbers(where: str, given: Any, names: tuple[str, ...]) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise unusable(f"{where} is no mapping", f"Its fields are {', '.join(names)}.")
    made: dict[str, Any] = {}
    for name, value in given.items():
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1)
            raise unusable(
                f"{where} has an unknown field {name!r}",
                f"Did you mean {near[0]!r}?" if near else f"Its fields are {', '.join(names)}.",
            )
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        least = 0 if name in _MAY_BE_ZERO else 1 if name in _WHOLE else math.ulp(0.0)
        if not number or value < least or (name in _WHOLE and value != int(value)):
            raise unusable(f"{where}.{name} can't be {value!r}", _wanted(name))
        made[name] = int(value) if name in _WHOLE else float(value)
    return made


def _wanted(name: str) -> str:
    if name in _WHOLE:
        return "It is a whole number, 1 or more."
    return "It is a number, 0 or more." if name in _MAY_BE_ZERO else "It is a number above 0."
