"""``df.llm.map(...)``: the same as ``llmkit.map(df, ...)``, where pandas is at hand. Nothing is imported for it."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_NAME = "llm"


class Accessor:
    """What llmkit does with a DataFrame."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def map(self, template: str, **more: Any) -> pd.DataFrame:
        """Ask a question for every row; see ``llmkit.map``.

        >>> df.llm.map("Classify: {review}", model="luna")  # doctest: +SKIP
        """
        answered: pd.DataFrame = import_module("llmkit.jobs.map").map(self._frame, template, **more)
        return answered


def register_llm(*_: Any) -> bool:
    """Give DataFrames ``.llm`` if pandas is loaded; is it there now? Someone else's ``.llm`` is left alone."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "api"):
        return False
    if not hasattr(pandas.DataFrame, _NAME):
        pandas.api.extensions.register_dataframe_accessor(_NAME)(Accessor)
    return True
