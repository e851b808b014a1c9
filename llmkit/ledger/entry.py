"""One row as it is written: what is known when an attempt begins, and what when it is settled.

Pure: values in, plain columns out. Numbers that make no sense become "unknown", free text is masked
and cut, prompts and answers never come in. The file they go to lives in ``store.py``.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NotRequired, TypedDict
from urllib.parse import urlsplit, urlunsplit

from llmkit.core.errors import LLMKitError
from llmkit.core.ids import fresh_id
from llmkit.core.reply import Reply
from llmkit.core.usage import Cost, Usage
from llmkit.ledger.process import ProcessMark
from llmkit.ledger.schema import COLUMNS, STATUSES, Status

Row = dict[str, Any]
Mask = Callable[[str], str]

ERROR_LENGTH = 300
_TEXT_LENGTH = 500
_BIGGEST = 2**53  # beyond it JSON and float64 lose count; no honest usage is that big
_EMPTY: Row = dict.fromkeys(COLUMNS)
_COUNTS = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "input_audio",
    "output_audio",
    "input_image",
    "output_image",
    "web_searches",
)
_LIKELY_KEYS = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-|pk-|rk-|key-|xai-|gsk_|hf_|ghp_|github_pat_|AIza|AKIA|ya29\.)[-_A-Za-z0-9]{16,}"
    r"|(?i:(?<=bearer )|(?<=api[-_]key[=:])|(?<=[?&]key=))[^\s&\"']{8,}"
)


def mask_likely_keys(text: str) -> str:
    """The mask where none was given: hides what looks like a key.

    >>> mask_likely_keys("Incorrect API key: sk-proj-0123456789abcdef.")
    'Incorrect API key: •••.'
    """
    return _LIKELY_KEYS.sub("•••", text)


def new_id() -> str:
    """A name for an attempt: unique across processes, forks and machines, and sorted by time."""
    return f"{time.time_ns() // 1_000_000:012x}{fresh_id(80)}"


class Opening(TypedDict):
    """What is known of an attempt whose bytes are about to leave."""

    call: str
    attempt: int
    session: str
    provider: str
    model: str
    endpoint: NotRequired[str | None]
    notebook: NotRequired[str | None]
    cell: NotRequired[str | None]
    tag: NotRequired[str | None]
    route: NotRequired[str | None]
    prompt_hash: NotRequired[str | None]
    simulated: NotRequired[bool]


class Ending(TypedDict):
    """What is known of an attempt that ended."""

    status: Status
    reply: NotRequired[Reply | None]
    error: NotRequired[LLMKitError | None]
    cost: NotRequired[Cost | None]
    bytes_in: NotRequired[int | None]
    bytes_out: NotRequired[int | None]
    estimated_input: NotRequired[int | None]


def opening(
    *,
    id: str,
    writer: ProcessMark,
    mask: Mask,
    call: str,
    attempt: int,
    session: str,
    provider: str,
    model: str,
    endpoint: str | None = None,
    notebook: str | None = None,
    cell: str | None = None,
    tag: str | None = None,
    route: str | None = None,
    prompt_hash: str | None = None,
    simulated: bool = False,
) -> Row:
    """The row of an attempt whose bytes are about to leave."""
    row = dict(_EMPTY)
    row.update(
        id=id,
        call=_text(call) or "",
        attempt=_count(attempt) or 0,
        started=time.time(),
        session=_text(session) or "",
        notebook=_text(notebook),
        cell=_text(cell),
        tag=_masked(tag, mask),
        provider=_text(provider) or "",
        model=_text(model) or "",
        endpoint=_masked(_bare_url(endpoint), mask),
        route=_masked(route, mask),
        status="pending",
        usage_source="unknown",
        cost_source="unknown",
        estimated=0,
        prompt_hash=_text(prompt_hash),
        simulated=int(simulated),
        pid=writer.pid,
        host=writer.host,
        process=writer.process,
    )
    return row


def settlement(
    *,
    status: str,
    measured: float | None,
    mask: Mask,
    reply: Reply | None = None,
    error: LLMKitError | None = None,
    cost: Cost | None = None,
    bytes_in: int | None = None,
    bytes_out: int | None = None,
    estimated_input: int | None = None,
) -> Row:
    """The columns that settling an attempt fills in.

    ``measured`` is the ledger's own duration, for a reply that has none.
    """
    reply = reply if reply is not None else (error.partial if error is not None else None)
    row: Row = {
        "settled": time.time(),
        "status": status if status in STATUSES else "error",
        "bytes_in": _count(bytes_in),
        "bytes_out": _count(bytes_out),
        "estimated_input": _count(estimated_input),
        "duration": _seconds(measured),
    }
    if error is not None:
        row |= {
            "error_kind": error.kind,
            "error": _masked(str(error), mask, ERROR_LENGTH),
            "request_id": _masked(error.request_id, mask),
        }
    if reply is not None:
        row |= _of_reply(reply, row, mask)
        cost = cost if cost is not None else reply.cost
    if cost is not None:
        row |= _of_cost(cost, mask)
    return row


def _of_reply(reply: Reply, so_far: Mapping[str, Any], mask: Mask) -> Row:
    ttft, duration = _seconds(reply.timing.ttft), _seconds(reply.timing.duration)
    row: Row = {
        "model_served": _text(reply.model),
        "stop_reason": str(reply.stop_reason),
        "response_id": _masked(reply.id, mask),
        "request_id": _masked(reply.request_id, mask) or so_far.get("request_id"),
        "ttft": ttft,
        "duration": duration if duration is not None else so_far.get("duration"),
    }
    if reply.simulated:
        row["simulated"] = 1
    return row | _of_usage(reply.usage)


def _of_usage(usage: Usage) -> Row:
    row: Row = {name: _count(getattr(usage, name)) for name in _COUNTS}
    row["service_tier"] = _text(usage.service_tier)
    row["usage_source"] = usage.source
    return row


def _of_cost(cost: Cost, mask: Mask) -> Row:
    amount, note = cost.amount, cost.note
    if amount is not None and not (amount.is_finite() and amount >= 0):
        amount, note = None, f"The figure {amount} is no price. {note}".strip()
    return {
        "cost": None if amount is None else format(amount, "f"),
        "currency": None if amount is None else cost.currency,
        "cost_source": cost.source if amount is not None else "unknown",
        "cost_note": _masked(note or None, mask),
        "price_date": _text(cost.price_date),
        "estimated": int(cost.estimated),
    }


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _BIGGEST:
        return None
    return value


def _seconds(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value >= 0 else None


def _text(value: object, length: int = _TEXT_LENGTH) -> str | None:
    if value is None:
        return None
    # Half a surrogate pair can't be stored; a notebook's path may well hold one.
    return str(value).encode("utf-8", "replace").decode("utf-8")[:length]


def _masked(value: str | None, mask: Mask, length: int = _TEXT_LENGTH) -> str | None:
    # Masked before it is cut: half a key is no longer recognised, and still a secret.
    if value is None:
        return None
    try:
        return _text(mask(str(value)), length)
    except Exception as failure:  # noqa: BLE001 - the mask is somebody else's; unmasked text stays off the disk
        return f"(left out: the mask failed with {type(failure).__name__})"


def _bare_url(url: str | None) -> str | None:
    """Without user name, password, query and fragment: these may carry keys."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return None
