"""One growing answer of a comparison: its words as safe HTML, piece by piece, and what it is doing just now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from llmkit.core.events import (
    Done,
    Event,
    Failed,
    Rerouted,
    Retrying,
    ServerTool,
    Text,
    Thinking,
    ToolCall,
    ToolCallDelta,
    ToolResult,
)
from llmkit.notebook.incremental import LETTERS, Incremental
from llmkit.notebook.safe import WRAPPER, render
from llmkit.notebook.static import seconds
from llmkit.providers.keys import mask, mask_growing


class Growing:
    """Takes the events of one answer.

    >>> growing = Growing()
    >>> growing.take([Text("**Yes**")]); growing.doing
    'writing'
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        #: The words as HTML; another one where they begin anew.
        self.page = Incremental()
        self._doing = ""
        self._behind = False
        self._kept: tuple[object, str] | None = None
        #: Is this the whole of an answer that is over?
        self.ended = False

    @property
    def length(self) -> int:
        """How many characters came."""
        return sum(map(len, self._parts))

    @property
    def doing(self) -> str:
        """What it is doing, in a word or two."""
        return self._doing or ("writing" if self._parts else "waiting")

    @property
    def frozen(self) -> str:
        """The HTML of the blocks that are finished."""
        self._catch_up()
        return self.page.frozen

    @property
    def tail(self) -> str:
        """The HTML of the rest."""
        self._catch_up()
        return self.page.tail

    def html(self) -> str:
        """All of it as safe HTML."""
        return f"{WRAPPER}{self.frozen}{self.tail}</div>" if self._parts else ""

    def finished(self, text: str) -> Growing:
        """The same as the whole text is rendered: itself, or another one where piece by piece it came out different."""
        whole = render(mask(text)) if text else ""
        if self.frozen + self.tail == whole:
            self.ended = True
            return self
        other = Growing()
        other._parts, other.page.frozen, other.ended = [text], whole, True
        return other

    def take(self, batch: Sequence[Event]) -> None:
        """Some events."""
        for event in batch:
            match event:
                case Text(text):
                    self._parts.append(text)
                    self._behind = True
                    self._doing = ""
                case Thinking():
                    self._doing = "thinking"
                case ToolCallDelta(_, _, name):
                    self._doing = f"asking for {name}" if name else self._doing
                case ToolCall(_, name, _):
                    self._doing = f"asking for {name}"
                case ToolResult(_, name, _, is_error):
                    self._doing = f"{name} {'failed' if is_error else 'answered'}"
                case ServerTool(_, name, _, state):
                    self._doing = name if state == "running" else f"{name} {state}"
                case Retrying(attempt, delay, error):
                    self._doing = f"{error.what} Attempt {attempt + 1} in {seconds(delay)}."
                case Rerouted(origin, target, why, anew):
                    if anew:
                        self._parts, self.page, self._behind = [], Incremental(), False
                    self._doing = f"{origin} → {target}: {why}"
                case Done() | Failed():
                    pass
                case _:
                    assert_never(event)
        self._kept = None

    def kept(self, state: object, make: Callable[[], str]) -> str:
        """What was made of it in that state, or is made now: nothing is made twice while nothing comes."""
        if self._kept is None or self._kept[0] != state:
            self._kept = (state, make())
        return self._kept[1]

    def _text(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def _catch_up(self) -> None:
        if self._behind:
            self.page.update(mask_growing(self._text(), LETTERS))
            self._behind = False
