"""Columns that grow piece by piece and end as typed pandas columns: words, counts, seconds, money, texts.

Which column is of which kind is said in ``frame.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from llmkit.ledger.schema import STATUSES

if TYPE_CHECKING:
    import pandas as pd


class Growing(Protocol):
    """A column that takes pieces, and is made when all of them are in."""

    def take(self, values: Sequence[Any]) -> None:
        """The next rows."""

    def made(self) -> pd.Series[Any]:
        """All of them, typed."""


class Words:
    """Few different values: a categorical, sorted (or in the order given)."""

    def __init__(self, known: Sequence[str] = ()) -> None:
        self._known = known
        self._codes: list[Any] = []
        self._table: dict[str, int] = {word: code for code, word in enumerate(known)}

    def take(self, values: Sequence[Any]) -> None:
        """The next rows."""
        import numpy as np
        import pandas as pd

        if len(values) and values.count(values[0]) == len(values):  # one word all along: the usual case
            code = -1 if values[0] is None else self._table.setdefault(values[0], len(self._table))
            self._codes.append(np.full(len(values), code, dtype="int32"))
            return
        codes, found = pd.factorize(np.array(values, dtype=object))
        places = [self._table.setdefault(word, len(self._table)) for word in found]
        self._codes.append(np.array([*places, -1], dtype="int32")[codes])  # -1 finds the last one: unknown

    def made(self) -> pd.Series[Any]:
        """A categorical."""
        import numpy as np
        import pandas as pd

        codes = np.concatenate(self._codes) if self._codes else np.array([], dtype="int32")
        names = list(self._table)
        order = list(range(len(names))) if self._known else sorted(range(len(names)), key=names.__getitem__)
        moved = np.empty(len(names) + 1, dtype="int32")
        moved[order] = range(len(names))
        moved[-1] = -1
        made = pd.Categorical.from_codes(
            moved[codes], categories=pd.Index([names[at] for at in order], dtype="object")
        )
        return pd.Series(made)


class Numbers:
    """Numbers, some of them unknown: Int64 for counts, float64 for anything else."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._parts: list[Any] = []

    def take(self, values: Sequence[Any]) -> None:
        """The next rows. No count of ours is beyond 2**53, so floats carry them unharmed."""
        import numpy as np

        self._parts.append(
            np.array(values, dtype="float64")
        )  # None becomes NaN; so does text become a number

    def made(self) -> pd.Series[Any]:
        """Int64, or float64 with NaN."""
        import numpy as np
        import pandas as pd

        numbers = np.concatenate(self._parts) if self._parts else np.array([], dtype="float64")
        if not self._whole:
            return pd.Series(numbers)
        unknown = np.isnan(numbers)
        return pd.Series(pd.arrays.IntegerArray(np.where(unknown, 0, numbers).astype("int64"), unknown))


class Moments:
    """UTC timestamps, from microseconds since 1970."""

    def __init__(self) -> None:
        self._parts: list[Any] = []

    def take(self, values: Sequence[Any]) -> None:
        """The next rows."""
        import numpy as np

        self._parts.append(np.asarray(values, dtype="float64").astype("int64"))

    def made(self) -> pd.Series[Any]:
        """datetime64[us, UTC]."""
        import numpy as np
        import pandas as pd

        whole = np.concatenate(self._parts) if self._parts else np.array([], dtype="int64")
        return pd.Series(whole.view("datetime64[us]")).dt.tz_localize("UTC")


class Plain:
    """Anything that only waits to be made in one go."""

    def __init__(self, make: Callable[[list[Any]], pd.Series[Any]]) -> None:
        self._make = make
        self._values: list[Any] = []

    def take(self, values: Sequence[Any]) -> None:
        """The next rows."""
        self._values.extend(values)

    def made(self) -> pd.Series[Any]:
        """What the given function makes of all of them."""
        return self._make(self._values)


def statuses() -> Words:
    """The status of an attempt: every status there is, in its order."""
    return Words(STATUSES)


def flags() -> Plain:
    """Yes or no."""

    def make(values: list[Any]) -> pd.Series[Any]:
        import numpy as np
        import pandas as pd

        return pd.Series(np.array(values, dtype="bool"))

    return Plain(make)


def texts() -> Plain:
    """Text that is different in every row."""

    def make(values: list[Any]) -> pd.Series[Any]:
        import pandas as pd

        return pd.Series(values, dtype="string")

    return Plain(make)


def exact() -> Plain:
    """Money as it was computed: Decimals, ``None`` where unknown."""

    def make(values: list[Any]) -> pd.Series[Any]:
        import pandas as pd

        return pd.Series([None if text is None else Decimal(text) for text in values], dtype="object")

    return Plain(make)
