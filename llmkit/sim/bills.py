"""Odd bills: usage objects as faults want them. The honest ones are written by the wires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ODD: Mapping[str, Any] = {
    "nan": float("nan"),
    "negative": -10,
    "string": "twelve",
    "bool": True,
    "huge": 10**18,
    "null": None,
}
USAGE_FAULTS = ("none", *_ODD)


def twist(usage: dict[str, Any], fault: str) -> dict[str, Any]:
    """The usage with every number replaced as the fault says; ``none`` leaves nothing."""
    if not fault:
        return usage
    if fault == "none":
        return {}
    return {key: _odd(value, _ODD[fault]) for key, value in usage.items()}


def _odd(value: Any, instead: Any) -> Any:
    if isinstance(value, dict):
        return {key: _odd(inner, instead) for key, inner in value.items()}
    return instead if isinstance(value, int | float) and not isinstance(value, bool) else value
