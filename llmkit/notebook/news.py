"""What a session has to tell (a budget's alert, trouble with the ledger): one quiet line at the end of the cell it happened in.

Whatever a cell did, ``%%llm``, ``compare``, ``map`` or a function of its own that asks, it is told once, there.
"""

from __future__ import annotations

import sys
from typing import Any

from llmkit.engine import session
from llmkit.notebook.look import QUIET
from llmkit.notebook.safe import escape
from llmkit.notebook.visible import to_text


def tell_news(_: Any = None) -> None:
    """For ``post_run_cell``. A session that nobody has needed yet has nothing to tell, and isn't made."""
    if not (news := session.pending_news()):
        return
    from IPython.core.getipython import get_ipython

    lines = [f"note: {to_text(one)}" for one in news]
    if not hasattr(get_ipython(), "kernel"):
        sys.stdout.write("\n".join((*lines, "")))
        return
    from IPython.display import display

    html = "".join(
        f'<div class="llmkit-news tex2jax_ignore mathjax_ignore" style="{QUIET}">{escape(line)}</div>'
        for line in lines
    )
    display({"text/plain": "\n".join(lines), "text/html": html}, raw=True)
