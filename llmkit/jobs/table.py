"""A comparison as rows: records, DataFrames and files. Unknown figures stay unknown (``None``, NaN).

The summary by model is ``summary.py``'s; how a comparison looks in a notebook is ``notebook/compare.py``'s.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llmkit.ledger.frame import pandas as pandas_for

if TYPE_CHECKING:
    from llmkit.jobs.grid import Cell

COLUMNS = (
    "prompt",
    "model",
    "system",
    "temperature",
    "repeat",
    "answer",
    "status",
    "error",
    "input",
    "output",
    "cost",
    "ttft",
    "duration",
    "tokens_per_s",
    "stop_reason",
    "simulated",
    "served",
    "attempts",
    "thinking",
    "vote",
)
#: Columns of whole numbers, and of text; every other column is of floats.
_COUNTS = frozenset(
    (
        "repeat",
        "input",
        "output",
        "attempts",
        "n",
        "ok",
        "unpriced",
        "wins",
        "losses",
        "ties",
        "changed",
        "broken",
        "mended",
    )
)
_TEXTS = frozenset(
    (
        *("prompt", "model", "system", "answer", "status", "error", "stop_reason", "served", "thinking"),
        *("vote", "wins_by", "problem", "change"),
        *("answer_before", "answer_after", "status_before", "status_after"),
    )
)
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def record(cell: Cell) -> dict[str, Any]:
    """One cell as a row; ``cost`` is exact."""
    asked, reply = cell.question, cell.reply
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {
        "prompt": asked.label,
        "model": asked.model,
        "system": asked.system,
        "temperature": asked.temperature,
        "repeat": asked.repeat,
        "status": cell.status,
        "error": None if cell.error is None else str(cell.error),
    }
    if reply is not None:
        row |= {
            "answer": reply.text if reply.text or cell.status == "ok" else None,
            "input": reply.usage.total_input,
            "output": reply.usage.output,
            "cost": reply.cost.amount,
            "ttft": reply.timing.ttft,
            "duration": reply.timing.duration,
            "tokens_per_s": reply.timing.tokens_per_second(reply.usage.output),
            "stop_reason": str(reply.stop_reason) if cell.status == "ok" else None,
            "simulated": reply.simulated,
            "served": reply.model,
            "attempts": reply.attempts,
            "thinking": reply.thinking or None,
        }
    return row


def to_frame(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> Any:
    """Rows as a DataFrame: counts nullable, all other figures floats with NaN where they are unknown."""
    pd = pandas()
    frame = pd.DataFrame.from_records(list(rows), columns=list(columns))
    for name in columns:
        if name in _COUNTS:
            frame[name] = frame[name].astype("Int64")
        elif name == "simulated":
            frame[name] = frame[name].astype("boolean")
        elif name in _TEXTS:
            frame[name] = frame[name].astype("object").where(frame[name].notna(), None)
        else:
            frame[name] = frame[name].map(as_float).astype("float64")
    return frame


def as_float(value: Any) -> float:
    """A figure for a column of floats; unknown is NaN."""
    return float("nan") if value is None or value != value else float(value)  # noqa: PLR0124  NaN


def to_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Rows as CSV that a spreadsheet may open: text that would be a formula there is quoted by an apostrophe.

    >>> to_csv([{"answer": "=1+1", "cost": -1}], ["answer", "cost"]).splitlines()
    ['answer,cost', "'=1+1,-1"]
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if row[name] is None else harmless(row[name]) for name in columns])
    return out.getvalue()


def harmless(value: Any) -> Any:
    """Text that no spreadsheet takes for a formula; anything else as it is."""
    if isinstance(value, str) and (value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA)):
        return f"'{value}"
    return value


def to_json(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as JSON; money as text, as it is exact there."""
    return json.dumps(list(rows), ensure_ascii=False, indent=2, default=str)


def pandas() -> Any:
    """The pandas module, or an error that says how to get it."""
    return pandas_for("This table")
