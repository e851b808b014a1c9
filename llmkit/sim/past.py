"""An invented past: a month of calls that were never made, for trying tables, plots and the dashboard.

How it is made up is the ledger's business (``ledger/sample.py``), which is a room above this one.
"""

from __future__ import annotations

import os
from datetime import datetime
from importlib import import_module
from typing import Any


def history(
    path: str | os.PathLike[str] | None = None,
    *,
    days: int = 30,
    calls: int = 1500,
    seed: int = 1,
    until: datetime | None = None,
) -> Any:
    """A realistic past of ``days`` days: several models, notebooks and tags; caches, retries, errors, an odd call or two.

    The result answers like ``llmkit.usage``, for these calls alone; all of them are marked as simulated. They are kept
    in memory, or in a ledger file at ``path``. The same ``seed`` and ``until`` make the same rows again. Prices are
    those of the price list; speeds and failures are invented and say nothing about anybody's models.

    >>> book = llmkit.sim.history(days=30)          # doctest: +SKIP
    >>> book.by("model")                            # doctest: +SKIP
    >>> book.plot("cost", by="tag")                 # doctest: +SKIP
    """
    where = None if path is None else os.fspath(path)
    return import_module("llmkit.ledger.sample").history(
        where, days=days, calls=calls, seed=seed, until=until
    )
