"""``%%llm_cost``: run a cell as it is, and say what its calls cost.

What is counted, and how, is ``engine/track.py``'s.
"""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.magic import Magics, cell_magic, magics_class, no_var_expand

from llmkit.engine.track import track
from llmkit.notebook.visible import to_text


class CellFailed(Exception):
    """The cell below ``%%llm_cost`` failed; its own traceback is shown already."""

    def _render_traceback_(self) -> list[str]:
        return []


@magics_class
class CostMagics(Magics):
    """What a cell costs."""

    @no_var_expand
    @cell_magic
    def llm_cost(self, line: str, cell: str) -> None:
        """Run the cell, then say what its calls to models cost, in one line.

        %%llm_cost [TAG]: calls without a tag get this one. The figures are kept in _llm_cost.
        """
        shell: Any = self.shell
        with track(line.strip() or None) as tracked:
            shell.user_ns["_llm_cost"] = tracked
            result = shell.run_cell(cell)
        sys.stdout.write(to_text(f"— {tracked}\n"))
        if result.error_before_exec or result.error_in_exec:
            raise CellFailed
