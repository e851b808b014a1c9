"""DataFrames and Series of pandas and polars as Markdown tables: capped, with their types, and with a note of what was cut.

Other values are ``prompt.py``'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROWS, COLUMNS, CELL = 20, 12, 200
_KINDS = ("DataFrame", "Series", "LazyFrame")


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a table that is shown, as text, and how large the whole is."""

    head: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    height: int
    width: int


def is_table(value: Any) -> bool:
    """Is it a DataFrame or a Series? Asks by name, so that nothing is imported for it."""
    room = (type(value).__module__ or "").partition(".")[0]
    named = {kind.__name__ for kind in type(value).__mro__}
    return (room in ("pandas", "polars") or "NDFrame" in named) and bool(named.intersection(_KINDS))


def table(value: Any, source: str = "value") -> tuple[str, list[str]]:
    """At most 20 rows and 12 columns as a Markdown table, and notes for the user.

    >>> import pandas as pd
    >>> print(table(pd.DataFrame({"city": ["Oslo"], "x": [1.5]}))[0])
    | city (str) | x (float64) |
    | --- | --- |
    | Oslo | 1.5 |
    """
    cut = _of_polars(value) if (type(value).__module__ or "").startswith("polars") else _of_pandas(value)
    shape = f"{cut.height:,} rows × {cut.width:,} columns"
    if not cut.height or not cut.width:
        named = ", ".join(
            f"{name} ({kind})" if kind else name for name, kind in zip(cut.head, cut.types, strict=True)
        )
        return f"(an empty table: {shape}{f'; columns: {named}' if named else ''})", []
    head = [f"{name} ({kind})" if kind else name for name, kind in zip(cut.head, cut.types, strict=True)]
    lines = [_row(head), _row(["---"] * len(head)), *(_row(cells) for cells in cut.rows)]
    told = []
    if cut.height > ROWS:
        told.append(f"{ROWS} of {cut.height:,} rows")
    if cut.width > COLUMNS:
        told.append(f"{COLUMNS} of {cut.width:,} columns")
    if not told:
        return "\n".join(lines), []
    said = " and ".join(told)
    return "\n".join([*lines, "", f"({said} shown)"]), [f"{{{{ {source} }}}}: {said} were sent."]


def _of_pandas(value: Any) -> Cut:
    frame = value.to_frame(name="value" if value.name is None else value.name) if value.ndim == 1 else value
    shown = frame.iloc[:ROWS, :COLUMNS]
    index = frame.index
    plain = type(index).__name__ == "RangeIndex" and index.name is None
    labels = [] if plain else ["" if name is None else str(name) for name in index.names]
    rows = []
    for at in range(len(shown)):
        label = shown.index[at]
        left = [] if plain else list(label) if len(labels) > 1 else [label]
        rows.append(tuple(_cell(one) for one in (*left, *(shown.iat[at, n] for n in range(shown.shape[1])))))
    return Cut(
        head=(*labels, *(_label(column) for column in shown.columns)),
        types=(*[""] * len(labels), *(_kind(kind) for kind in shown.dtypes)),
        rows=tuple(rows),
        height=frame.shape[0],
        width=frame.shape[1],
    )


def _of_polars(value: Any) -> Cut:
    if type(value).__name__ == "LazyFrame":
        value = value.collect()
    frame = value.to_frame() if type(value).__name__ == "Series" else value
    shown = frame[:ROWS, :COLUMNS]
    return Cut(
        head=tuple(shown.columns),
        types=tuple(_kind(kind) for kind in shown.dtypes),
        rows=tuple(tuple(_cell(one) for one in row) for row in shown.rows()),
        height=frame.height,
        width=frame.width,
    )


def _label(column: Any) -> str:
    return " / ".join(str(level) for level in column) if isinstance(column, tuple) else str(column)


def _kind(kind: Any) -> str:
    """A type in a few letters: a category's values are not part of its name."""
    name = str(kind)
    return type(kind).__name__ if len(name) > 30 else name


def _row(cells: tuple[str, ...] | list[str]) -> str:
    kept = (" ".join(cell.split("\n")).replace("\r", " ").replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(kept)} |"


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"
