"""How a cell ends that the kernel interrupted: in one line, and with what came kept."""

from __future__ import annotations

from typing import Any

from llmkit.core.reply import Reply
from llmkit.notebook.live import has_something


class Interrupted(KeyboardInterrupt):
    """The kernel was interrupted while a cell waited for a model; what came of it is in ``kept``."""

    def __init__(self, kept: Any, said: str) -> None:
        super().__init__("interrupted")
        self.kept = kept
        self._said = said

    @classmethod
    def answer(cls, partial: Reply, *places: str) -> Interrupted:
        """While an answer came, which is now in these variables.

        >>> Interrupted.answer(Reply())._render_traceback_()
        ['■ Interrupted before anything came.']
        """
        if not has_something(partial):
            return cls(partial, "Interrupted before anything came.")
        return cls(partial, f"Interrupted. The partial answer is in {' and '.join(places)}.")

    def _render_traceback_(self) -> list[str]:
        return [f"■ {self._said}"]
