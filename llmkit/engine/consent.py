"""Whether a tool may run: who is asked, call by call, and what the answer means. How a user is asked in a
notebook is the business of ``notebook/consent.py``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from llmkit.core.events import ToolCall

Answer = bool | str | None
#: Asked before a call: ``True`` runs it, ``"always"`` it and all others of that tool; anything else refuses,
#: and a text says why.
Consent = Callable[[ToolCall], Answer | Awaitable[Answer]]

ALWAYS = "always"


class Permissions:
    """What was allowed once and for all in one call."""

    def __init__(self) -> None:
        self._always: set[str] = set()

    def has(self, name: str) -> bool:
        """May this tool run without asking?"""
        return name in self._always

    def take(self, name: str, answer: object) -> str | None:
        """What an answer means: ``None`` for yes, else why not (perhaps nothing).

        >>> Permissions().take("f", True), Permissions().take("f", "Not on Sundays.")
        (None, 'Not on Sundays.')
        """
        if answer is True:
            return None
        if answer == ALWAYS:
            self._always.add(name)
            return None
        return answer if isinstance(answer, str) else ""
