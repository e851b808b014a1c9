"""``%llm log``: the last calls of this session from the ledger, and one of them in full."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest
from llmkit.engine.session import default_session
from llmkit.notebook.listing import Listing, short
from llmkit.notebook.static import seconds

if TYPE_CHECKING:
    from llmkit.notebook.magics import LLMMagics

USAGE = "%llm log [N | ID]"
_USUAL, _MOST = 10, 1000
_TAIL = 6  # letters of an id that people can tell apart


def is_log(words: list[str]) -> bool:
    """Do these words after ``log`` make a command?"""
    return len(words) <= 1


def log(_: LLMMagics, words: list[str]) -> Listing:
    """The last N attempts as a table, or one attempt in full."""
    session = default_session()
    word = words[0] if words else str(_USUAL)
    rows = list(session.ledger.rows(session=session.id, simulated=True))
    if word.isdigit() and int(word) <= _MOST:
        return recent(rows, int(word))
    found = [row for row in rows if _is_called(row, word)]
    if not found:  # a request id from a mail, of a session long over
        found = [row for row in session.ledger.rows(simulated=True) if _is_called(row, word)]
    if len(found) == 1 or len({row["call"] for row in found}) == 1:
        return in_full(found)
    raise BadRequest(
        f"{len(found)} calls are called {word!r}." if found else f"There is no call {word!r}.",
        hint="`%llm log` lists the last ones; give more letters of the id, or the request id.",
    )


def recent(rows: list[dict[str, Any]], count: int) -> Listing:
    """The last attempts, one a line."""
    shown = rows[len(rows) - min(count, len(rows)) :]
    if not shown:
        return Listing((), (), ("Nothing was asked in this session yet.",))
    lines = tuple(
        (
            _time(row["started"]).strftime("%H:%M:%S"),
            f"{row['provider']}/{row['model']}",
            _status(row),
            f"{_number(_input(row))} → {_number(row['output'])}",
            _cost(row),
            seconds(row["duration"]) if row["duration"] is not None else "",
            short(row["request_id"] or "", 28),
            row["id"][-_TAIL:],
            short(row["error"] or "", 60),
        )
        for row in shown
    )
    more = (
        f"The last {len(shown)} of {len(rows)} attempts of this session. " if len(rows) > len(shown) else ""
    )
    head = ("at", "model", "status", "tokens", "cost", "took", "request", "id", "error")
    return Listing(head, lines, (f"{more}One in full: %llm log ID.",))


def in_full(rows: list[dict[str, Any]]) -> Listing:
    """All that is known of a call's attempts; what is unknown is left out."""
    lines: list[tuple[str, str]] = []
    for row in rows:
        if lines:
            lines.append(("", ""))
        for name, value in row.items():
            if value is None or (name in ("simulated", "estimated") and not value):
                continue
            if name in ("started", "settled"):
                value = _time(value).isoformat(sep=" ", timespec="milliseconds")  # noqa: PLW2901
            lines.append((name, str(value)))
    return Listing(("", ""), tuple(lines), ("Prompts and answers are not kept in the ledger.",))


def _is_called(row: dict[str, Any], word: str) -> bool:
    if word in (row["request_id"], row["response_id"], row["call"]):
        return True
    return len(word) >= 4 and (row["id"].endswith(word) or row["id"].startswith(word))


def _time(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone()


def _status(row: dict[str, Any]) -> str:
    route = row["route"] or ""
    again = f" (attempt {row['attempt']})" if row["attempt"] and row["attempt"] > 1 else ""
    again = f" ({route})" if route.startswith("round ") else again
    return f"{row['status']}{again}"


def _input(row: dict[str, Any]) -> int | None:
    kinds = [row[name] for name in ("input", "cache_read", "cache_write_5m", "cache_write_1h")]
    known = [count for count in kinds if count is not None]
    return sum(known) if known else None


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _cost(row: dict[str, Any]) -> str:
    if row["simulated"]:
        return "simulated"
    if row["cost"] is None:
        return "unpriced"
    about = "~" if row["usage_source"] == "estimated" else ""
    return (
        f"{about}{'$' if row['currency'] in (None, 'USD') else row['currency'] + ' '}{float(row['cost']):.4g}"
    )
