"""What response headers tell: request ids, rate limits, when to come back. Pure functions.

Waiting, limiting and retrying live in the engine.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

Headers = Mapping[str, str]

_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-groq-request-id",
    "x-ms-request-id",
    "x-amzn-requestid",
    "mistral-correlation-id",
    "cf-ray",
)
_LIMIT = re.compile(
    r"^(?:anthropic-|x-)?ratelimit-"
    r"(?:(?P<k1>limit|remaining|reset)-(?P<w1>[a-z0-9-]+)|(?P<w2>[a-z0-9-]+)-(?P<k2>limit|remaining|reset))$"
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|d|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    """The same headers with lower-case names."""
    return {str(k).lower(): str(v) for k, v in headers.items()} if headers else {}


def request_id(headers: Headers) -> str | None:
    """The id to tell a provider's support."""
    return next((headers[name] for name in _REQUEST_IDS if name in headers), None)


def rate_limits(headers: Headers, now: float | None = None) -> dict[str, dict[str, float]]:
    """What is left of which limit: ``{"requests": {"limit": …, "remaining": …, "reset": seconds}}``.

    >>> rate_limits({"x-ratelimit-remaining-tokens": "1200", "x-ratelimit-reset-tokens": "1m2s"})
    {'tokens': {'remaining': 1200.0, 'reset': 62.0}}
    """
    found: dict[str, dict[str, float]] = {}
    for name, text in headers.items():
        if (match := _LIMIT.match(name)) is None:
            continue
        what = match["w1"] or match["w2"]
        key = match["k1"] or match["k2"]
        value = _reset(text, now) if key == "reset" else number(text)
        if value is not None:
            found.setdefault(what, {})[key] = value
    return found


def retry_after(headers: Headers, now: float | None = None) -> float | None:
    """Seconds the server asks us to wait; ``None`` where it says nothing usable.

    >>> retry_after({"retry-after-ms": "1500"}), retry_after({"retry-after": "nan"})
    (1.5, None)
    """
    if (ms := number(headers.get("retry-after-ms"))) is not None and ms >= 0:
        return ms / 1000
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if (seconds := number(text)) is not None:
        return seconds if seconds >= 0 else None
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    wait = when.timestamp() - (time.time() if now is None else now)
    return wait if wait >= 0 else None


def should_retry(headers: Headers) -> bool | None:
    """The server's own word on whether to try again."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())


def number(text: Any) -> float | None:
    """A finite number, or nothing."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def duration(text: str) -> float | None:
    """Seconds in ``"1m2.5s"``, ``"250ms"``, ``"23s"``."""
    found = _DURATION.findall(text)
    return sum(float(n) * _SECONDS[unit] for n, unit in found) if found else None


def _reset(text: str, now: float | None) -> float | None:
    now = time.time() if now is None else now
    if (seconds := number(text)) is not None:
        # Some tell seconds, some the moment itself, in seconds or milliseconds since 1970.
        moment = seconds / 1000 if seconds > 1e12 else seconds
        return max(0.0, moment - now) if moment > 1e9 else max(0.0, seconds)
    if (seconds := duration(text)) is not None and "T" not in text:
        return seconds
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, when.timestamp() - now)
