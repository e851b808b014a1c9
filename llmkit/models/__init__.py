"""What is known of models: names, aliases, facts, prices. ``llmkit.models()`` is the table of it all.

>>> llmkit.models("sonnet", vision=True, sort="price")  # doctest: +SKIP
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """This package, which the face also offers as a function of the same name."""

    def __call__(self, *words: str, **filters: Any) -> Any:
        """The models that are known, as a DataFrame; see ``Session.models``."""
        return import_module("llmkit.engine.face").models(*words, **filters)


sys.modules[__name__].__class__ = _Room
