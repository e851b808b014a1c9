"""Where the ledger's file lives. Paths only; nothing is opened here.

``LLMKIT_LEDGER`` names the file (or ":memory:"), ``LLMKIT_HOME`` the directory of all of llmkit's
data; without either it is the platform's place for user data.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

MEMORY = ":memory:"
FILE_NAME = "ledger.db"


def data_directory(environ: Mapping[str, str] | None = None, platform: str | None = None) -> Path:
    """The directory for llmkit's own data.

    >>> data_directory({"LLMKIT_HOME": "/srv/llm"}).as_posix()
    '/srv/llm'
    """
    environ = os.environ if environ is None else environ
    platform = sys.platform if platform is None else platform
    if home := environ.get("LLMKIT_HOME"):
        return Path(home).expanduser()
    if platform == "win32":
        base = environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = environ.get("XDG_DATA_HOME") or "~/.local/share"
        if not Path(base).expanduser().is_absolute():  # the XDG rule: a relative one doesn't count
            base = "~/.local/share"
    return Path(base).expanduser() / "llmkit"


def ledger_path(environ: Mapping[str, str] | None = None) -> str:
    """The ledger's file, or ":memory:"."""
    environ = os.environ if environ is None else environ
    named = environ.get("LLMKIT_LEDGER")
    if named == MEMORY:
        return MEMORY
    if named:
        return str(Path(named).expanduser())
    return str(data_directory(environ) / FILE_NAME)
