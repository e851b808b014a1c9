"""Is what a cell shows just now collected by something that takes no updates? Then it is shown once, at the end."""

from __future__ import annotations

import sys
from typing import Any


def is_captured(shell: Any) -> bool:
    """Does ``%%capture`` collect outputs just now? It would keep every update."""
    return type(shell.display_pub).__name__ == "CapturingDisplayPublisher"


def takes_no_updates(shell: Any) -> bool:
    """Would what is shown now stay as it is first shown? So it is in ``%%capture``, and in a widget for outputs
    (``with widgets.Output():``): what is sent again goes by the cell, and that widget doesn't see it."""
    return is_captured(shell) or _in_a_widget(shell)


def _in_a_widget(shell: Any) -> bool:
    widgets = sys.modules.get("ipywidgets")
    if widgets is None:
        return False
    parent: Any = getattr(shell, "get_parent", dict)() or {}
    request = (parent.get("header") or {}).get("msg_id")
    alive = getattr(sys.modules["ipywidgets.widgets.widget"], "_instances", {})
    return any(isinstance(one, widgets.Output) and one.msg_id == request for one in list(alive.values()))
