"""A newer price list than the installed one: fetched when a user asks for it, kept in a file, used until the package is
newer. Nothing is ever fetched by itself.

The list is genai-prices' own, from its own address and read by its own code. What prices mean is ``pricelist.py``'s
business.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmkit.core.errors import ConnectError, LLMKitError
from llmkit.core.home import data_directory

_log = logging.getLogger("llmkit")
_FILE = "prices.json"
_MOST_BYTES = 50_000_000
_lock = threading.Lock()
_looked = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an update brought."""

    models: int
    before: int
    at: datetime

    def __str__(self) -> str:
        change = f" ({self.models - self.before:+,})" if self.models != self.before else ""
        return f"Prices of {self.models:,} models{change}, fetched {self.at:%Y-%m-%d %H:%M} UTC."


def where() -> Path:
    """The file that holds them."""
    return data_directory() / _FILE


def update(url: str | None = None, *, timeout: float = 30.0) -> Fetched:
    """Fetch the list as it is published now, and use it from now on. Where that fails, nothing changes."""
    from genai_prices.data_snapshot import get_snapshot
    from genai_prices.update_prices import DEFAULT_UPDATE_URL

    address = url or DEFAULT_UPDATE_URL
    content = _get(address, timeout)
    try:
        raw = json.loads(content)
        made = _read(raw)
    except Exception as failure:  # noqa: BLE001 - whatever is wrong with it
        raise LLMKitError(
            "The price list can't be used.",
            why=f"What came from {_bare(address)} is none ({type(failure).__name__}). The prices are as they were.",
            hint="Try again later, or write the prices you need into llmkit.yaml (`prices:`).",
        ) from None
    bring_in()
    before, now = _count(get_snapshot()), datetime.now(UTC)
    _keep({"package": _package(), "fetched": now.isoformat(), "providers": raw})
    _use(made)
    return Fetched(_count(made), before, now)


def reset() -> bool:
    """Back to the list that came with the package; true if there was another."""
    from genai_prices.data_snapshot import set_custom_snapshot

    there = where().exists()
    where().unlink(missing_ok=True)
    set_custom_snapshot(None)
    _forget_day()
    return there


def bring_in() -> None:
    """Use the list that was fetched before, if there is one for this version of the package. Looked for once."""
    global _looked
    if _looked:
        return
    with _lock:
        if _looked:
            return
        file = where()
        try:
            kept = json.loads(file.read_text("utf-8"))
            if kept["package"] == _package():  # a newer package brings newer prices
                _use(_read(kept["providers"]))
        except FileNotFoundError:
            return
        except Exception as failure:  # noqa: BLE001 - a broken file must not take the prices away
            _log.warning(
                "llmkit: the prices in %s can't be read (%s); those of the package are used.", file, failure
            )
        finally:
            _looked = True  # not before: other threads would price with the package's list meanwhile


def fetched() -> datetime | None:
    """When the list in force was fetched; ``None`` for the one that came with the package."""
    from genai_prices.data_snapshot import get_snapshot

    bring_in()
    snapshot = get_snapshot()
    if not snapshot.from_auto_update:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError):
        return datetime.fromisoformat(json.loads(where().read_text("utf-8"))["fetched"])
    return None


def _get(url: str, timeout: float) -> bytes:
    import httpx2

    try:
        with httpx2.stream("GET", url, timeout=timeout, follow_redirects=True) as answer:
            answer.raise_for_status()
            content = b""
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > _MOST_BYTES:
                    raise ValueError("too long")
            return content
    except (httpx2.HTTPError, ValueError) as failure:
        raise ConnectError(
            "The price list could not be fetched.",
            why=f"{_bare(url)}: {type(failure).__name__}. The prices are as they were.",
            hint="Is there a way to the internet? The list that came with the package needs none.",
        ) from None


def _read(raw: Any) -> Any:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import _providers_from_raw

    if not isinstance(raw, list) or not raw:
        raise ValueError("no list of providers")
    return DataSnapshot(_providers_from_raw(raw), from_auto_update=True)


def _use(snapshot: Any) -> None:
    from genai_prices.data_snapshot import set_custom_snapshot

    set_custom_snapshot(snapshot)
    _forget_day()


def _forget_day() -> None:
    from llmkit.models import pricelist

    pricelist.forget_day()


def _keep(value: dict[str, Any]) -> None:
    file = where()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.write_text(json.dumps(value), "utf-8")
    draft.replace(file)


def _count(snapshot: Any) -> int:
    return sum(len(seller.models) for seller in snapshot.providers)


def _package() -> str:
    from importlib.metadata import version

    return version("genai-prices")


def _bare(url: str) -> str:
    parts = urlsplit(url)  # without what may hold a key
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
