"""Where a call is made from: which notebook, which of its cells.

Looked up when a call begins, and only in a kernel; IPython is never imported for it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from llmkit.core.home import seen_from_home


def kernel_shell() -> Any | None:
    """The shell of the notebook kernel we run in, if we run in one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if hasattr(shell, "kernel") else None


def cell_id(shell: Any | None = None) -> str | None:
    """The front end's id of the cell that runs, where there is one: it finds the calls in ``usage()``."""
    shell = shell or kernel_shell()
    if shell is None:
        return None
    parent = getattr(shell, "parent_header", None) or getattr(shell, "get_parent", dict)() or {}
    metadata = parent.get("metadata") or {}
    found = metadata.get("cellId") or metadata.get("cell_id")
    return str(found) if found else None


def cell_name(cell: str | None) -> str | None:
    """The cell that runs, as its user knows it, and its id in brackets; elsewhere what the caller called it."""
    shell = kernel_shell()
    if shell is None:
        return cell
    number = f"In[{shell.execution_count}]"
    return number if cell in (None, number) else f"{number} ({cell})"


def notebook_path() -> str | None:
    """The notebook that the kernel runs for, as Jupyter's server or VS Code names it; ``~`` is the user's home."""
    shell = kernel_shell()
    if shell is None:
        return None
    named = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    if not isinstance(named, str) or not Path(named).suffix:  # a console has no file
        return None
    return seen_from_home(Path(named))
