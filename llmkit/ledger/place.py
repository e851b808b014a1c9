"""Where the ledger's file lives. Paths only; nothing is opened here.

``LLMKIT_LEDGER`` names the file (or ":memory:"); without it, it is in the directory of all of llmkit's data.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from llmkit.core.home import data_directory

MEMORY = ":memory:"
FILE_NAME = "ledger.db"
__all__ = ["FILE_NAME", "MEMORY", "data_directory", "ledger_path"]


def ledger_path(environ: Mapping[str, str] | None = None) -> str:
    """The ledger's file, or ":memory:"."""
    environ = os.environ if environ is None else environ
    named = environ.get("LLMKIT_LEDGER")
    if named == MEMORY:
        return MEMORY
    if named:
        return str(Path(named).expanduser())
    return str(data_directory(environ) / FILE_NAME)
