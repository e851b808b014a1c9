"""The ledger as a DataFrame with one row for each attempt: which columns there are, and of what kind.

Filters run in SQL (``query.py``), only the columns that are wanted are read (``reader.py``). Sums over a frame
live in ``sums.py``, pictures in ``plots.py``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest, MissingPackage
from llmkit.ledger import typed
from llmkit.ledger.query import Filter
from llmkit.ledger.reader import ways
from llmkit.ledger.store import Ledger

if TYPE_CHECKING:
    import pandas as pd


def _count() -> typed.Growing:
    return typed.Numbers(whole=True)


def _number() -> typed.Growing:
    return typed.Numbers(whole=False)


#: The columns of the frame, in the order people read them, and what each is made by.
KINDS: Final[Mapping[str, Callable[[], typed.Growing]]] = {
    "started": typed.Moments,
    "session": typed.Words,
    "notebook": typed.Words,
    "cell": typed.Words,
    "tag": typed.Words,
    "provider": typed.Words,
    "model": typed.Words,
    "status": typed.statuses,
    "attempt": _count,
    "input": _count,
    "output": _count,
    "cache_read": _count,
    "cache_write": _count,
    "reasoning": _count,
    "cost": _number,
    "cost_source": typed.Words,
    "usage_source": typed.Words,
    "ttft": _number,
    "duration": _number,
    "simulated": typed.flags,
    "estimated": typed.flags,
    "stop_reason": typed.Words,
    "model_served": typed.Words,
    "service_tier": typed.Words,
    "cache_write_5m": _count,
    "cache_write_1h": _count,
    "input_audio": _count,
    "output_audio": _count,
    "input_image": _count,
    "output_image": _count,
    "web_searches": _count,
    "currency": typed.Words,
    "cost_note": typed.texts,
    "price_date": typed.texts,
    "route": typed.Words,
    "endpoint": typed.Words,
    "error_kind": typed.Words,
    "error": typed.texts,
    "call": typed.texts,
    "id": typed.texts,
    "request_id": typed.texts,
    "response_id": typed.texts,
    "bytes_in": _count,
    "bytes_out": _count,
    "prompt_hash": typed.texts,
}
COLUMNS: Final = tuple(KINDS)


def usage(
    store: Ledger,
    wanted: Filter | None = None,
    *,
    decimal: bool = False,
    columns: str | Sequence[str] | None = None,
    **filters: Any,
) -> pd.DataFrame:
    """One row for each attempt that the filters (those of :class:`Filter`) find, in the order they began.

    Times are UTC, token counts nullable integers, ``cost`` a float with NaN where it is unknown;
    ``decimal=True`` adds ``cost_exact`` with Decimals. Simulated attempts only with ``simulated=True``.
    ``columns`` reads only these, which is quicker for many rows.

    >>> frame = usage(Ledger.open(":memory:"))
    >>> len(frame), str(frame["input"].dtype)
    (0, 'Int64')
    """
    chosen = COLUMNS if columns is None else (columns,) if isinstance(columns, str) else columns
    names = tuple(dict.fromkeys(chosen))
    if unknown := [name for name in names if name not in KINDS]:
        raise BadRequest(
            f"The usage table has no column {unknown[0]!r}.", hint=f"Its columns are: {', '.join(COLUMNS)}."
        )
    return frame_of(store, (wanted or Filter()).narrowed(**filters), names, decimal=decimal)


def frame_of(
    store: Ledger, wanted: Filter, names: Iterable[str], *, decimal: bool = False, ordered: bool = True
) -> pd.DataFrame:
    """These columns of the attempts that a filter finds; also "marks", a number that sums are made with.

    ``ordered=False`` saves the time of putting them in order where order means nothing.

    >>> list(frame_of(Ledger.open(":memory:"), Filter(), ["model", "cost"]).columns)
    ['model', 'cost']
    """
    pd = pandas()
    names = list(names)
    kinds = {name: KINDS.get(name, _number) for name in dict.fromkeys(["started"] * ordered + names)}
    growing = {name: kind() for name, kind in kinds.items()}
    numbers = {name for name, column in growing.items() if isinstance(column, typed.Numbers | typed.Moments)}
    read = {*kinds, *(["cost"] if decimal else [])}
    for way in ways(store, wanted, sorted(read), numbers=numbers - ({"cost"} if decimal else set())):
        growing = {name: kind() for name, kind in kinds.items()}
        money = typed.exact() if decimal else None
        try:
            for piece in way():
                for name, column in growing.items():
                    column.take(piece[name])
                if money is not None:
                    money.take(piece["cost"])
        except sqlite3.Error:
            continue
        break
    made = {name: column.made() for name, column in growing.items()}
    frame = pd.DataFrame({name: made[name] for name in names})
    if money is not None:
        frame["cost_exact"] = money.made()
    if ordered and not made["started"].is_monotonic_increasing:  # several kernels wrote at once
        frame = frame.take(made["started"].argsort(kind="stable")).reset_index(drop=True)
    return frame


def pandas(what: str = "The usage table") -> Any:
    """The package, or an error that says what to install; ``what`` needs it."""
    try:
        import pandas as pd
    except ImportError:
        raise MissingPackage(
            f"{what} needs pandas.",
            why="It is not installed.",
            hint='Install it: `pip install "llmkit[data]"`.',
        ) from None
    return pd
