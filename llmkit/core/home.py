"""Where llmkit's own data lives on this machine, and how a path is shown. Paths only; nothing is opened here.

``LLMKIT_HOME`` names the directory; without it, it is the platform's place for user data.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


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


def seen_from_home(path: Path) -> str:
    """A path as people write it: with ``~`` for the user's own directory."""
    try:
        home = Path.home()
    except RuntimeError:  # nobody's home, as in some containers
        return str(path)
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)
