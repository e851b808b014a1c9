"""The usage table as a file: CSV, Excel, Parquet or JSON lines.

Text that a spreadsheet would take for a formula gets an apostrophe before it: tags, model names and error texts
come from outside. Parquet and JSON hold what the table holds, unchanged.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest, MissingPackage

if TYPE_CHECKING:
    import pandas as pd

#: What a cell must not begin with in a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_XLSX_ROWS: Final = 1_048_575


def export(frame: pd.DataFrame, kind: str, path: str | os.PathLike[str]) -> Path:
    """Write a usage table; the path is the result. A file that is there already is replaced only when all is written."""
    kind, target = place(kind, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The ending stays last, for those who look at it to know the kind.
    draft = target.with_name(f".{target.stem}-{os.getpid()}.part.{kind}")
    try:
        _WRITERS[kind](frame, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def place(kind: str, path: str | os.PathLike[str] | None) -> tuple[str, Path]:
    """Which kind of file is meant, and where: without a path, a name that nobody has here yet.

    >>> place("csv", "november.csv") == place("november.csv", None) == ("csv", Path("november.csv"))
    True
    """
    if path is None and kind not in _WRITERS and Path(kind).suffix.lstrip(".").lower() in _WRITERS:
        kind, path = Path(kind).suffix.lstrip(".").lower(), kind
    if kind not in _WRITERS:
        raise BadRequest(f"Usage can't be exported as {kind!r}.", hint=f"Use {', '.join(_WRITERS)}.")
    if path is None:
        names = (
            Path(f"usage{number}.{kind}")
            for number in itertools.chain([""], (f"-{n}" for n in itertools.count(2)))
        )
        path = next(name for name in names if not name.exists())
    file = Path(path).expanduser()
    if file.is_dir():
        raise BadRequest(f"{file} is a folder.", hint=f"Name a file in it: {file / f'usage.{kind}'}.")
    return kind, file


def harmless(value: Any) -> Any:
    """A cell that a spreadsheet takes for text.

    >>> harmless("=1+1"), harmless("gpt-6"), harmless(-1)
    ("'=1+1", 'gpt-6', -1)
    """
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _csv(frame: pd.DataFrame, path: Path) -> None:
    for_spreadsheets(frame).to_csv(path, index=False, encoding="utf-8")


def _xlsx(frame: pd.DataFrame, path: Path) -> None:
    if len(frame) > _XLSX_ROWS:
        raise BadRequest(
            f"{len(frame):,} rows are too many for one sheet.",
            hint="Filter them (since=...), or export as csv or parquet.",
        )
    plain = for_spreadsheets(frame)
    for name, column in plain.items():
        if hasattr(column.dtype, "tz"):
            plain[name] = column.dt.tz_localize(None)  # Excel knows no time zones; all of ours are UTC
        elif _is_text(column):
            plain[name] = column.astype("object").map(_printable)
    try:
        plain.to_excel(path, index=False, sheet_name="usage")
    except ImportError:
        raise _missing("xlsx", "openpyxl") from None


def _parquet(frame: pd.DataFrame, path: Path) -> None:
    plain = frame.copy()
    if "cost_exact" in plain.columns:
        plain["cost_exact"] = plain["cost_exact"].map(lambda cost: None if cost is None else str(cost))
    try:
        plain.to_parquet(path, index=False)
    except ImportError:
        raise _missing("parquet", "pyarrow") from None


def _json(frame: pd.DataFrame, path: Path) -> None:
    plain = frame.copy()
    if "cost_exact" in plain.columns:
        plain["cost_exact"] = plain["cost_exact"].map(lambda cost: None if cost is None else str(cost))
    plain.to_json(path, orient="records", lines=True, date_format="iso", date_unit="us", double_precision=15)


def for_spreadsheets(frame: pd.DataFrame) -> pd.DataFrame:
    """The same table with no text in it that a spreadsheet would run."""
    plain = frame.copy()
    for name, column in plain.items():
        if _is_text(column):
            plain[name] = column.astype("object").map(harmless, na_action="ignore")
    return plain


def _is_text(column: pd.Series[Any]) -> bool:
    return column.dtype == object or str(column.dtype) in ("category", "string", "str")


def _printable(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return "".join(sign for sign in value if sign.isprintable() or sign in "\n\t")


def _missing(kind: str, package: str) -> MissingPackage:
    return MissingPackage(
        f"Exporting {kind} needs {package}.",
        why="It is not installed.",
        hint='Install it: `pip install "llmkit[export]"`.',
    )


_WRITERS: Final[Mapping[str, Callable[[Any, Path], None]]] = {
    "csv": _csv,
    "xlsx": _xlsx,
    "parquet": _parquet,
    "json": _json,
}
