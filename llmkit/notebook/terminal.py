"""The answer in an IPython terminal: plain text as it comes, then one line about it.

What a model writes could move the cursor, set the title or fill the clipboard; it is cleaned on the way
(``visible.py``), also where an escape sequence is cut in two by the network; a key that it repeats is masked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from llmkit.notebook.static import footer
from llmkit.notebook.visible import to_text
from llmkit.providers.keys import mask, mask_growing

if TYPE_CHECKING:
    from llmkit.core.reply import Reply

#: Whether one of these shows depends on what comes after it.
_UNDECIDED = re.compile("[\r\U0001f3f4\u00ad\u200b-\u200f\u061c\ufe00-\ufe0f\U000e0000-\U000e0fff]+\\Z")


class TextFeed:
    """Text in pieces, clean text out: what comes out is what ``to_text`` makes of the whole, without keys.

    >>> feed = TextFeed()
    >>> feed.take("a\\x1b[3") + feed.take("1mb") + feed.end()
    'ab'
    """

    __slots__ = ("_line", "_said")

    def __init__(self) -> None:
        self._line = ""  # raw, since the last newline
        self._said = 0  # how much of that line, cleaned, has been given out

    def take(self, piece: str) -> str:
        """Some more text; gives what can be shown for certain."""
        self._line += piece
        whole, newline, rest = self._line.rpartition("\n")
        out = ""
        if newline:
            out = to_text(mask(whole + newline))[self._said :]
            self._line, self._said = rest, 0
        clean = to_text(mask_growing(_UNDECIDED.sub("", self._line)))
        out += clean[self._said :]
        self._said = max(self._said, len(clean))
        return out

    def end(self) -> str:
        """What is left."""
        clean = to_text(mask(self._line))[self._said :]
        self._line, self._said = "", 0
        return clean


class TerminalView:
    """Writes the answer as it comes, and a footer."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._feed = TextFeed()
        self._begun = False

    def text(self, piece: str) -> None:
        """Some more of the answer."""
        if shown := self._feed.take(piece):
            self._begun = True
            self._write(shown)

    def note(self, words: str) -> None:
        """A line of ours (another attempt, another model, a tool)."""
        self._write(f"{self._feed.end()}{chr(10) if self._begun else ''}… {to_text(words)}\n")
        self._begun = False

    def leave_question(self) -> None:
        """The user was asked something, and is not waited for any more: go on on a line of its own."""
        self._write("\n")

    def end(self, reply: Reply, said: str = "", more: str = "") -> None:
        """The last line."""
        self._write(self._feed.end())
        if self._begun:
            self._write("\n")
        for call in reply.tool_calls:
            self._write(f"[asks for {to_text(call.name)}({to_text(call.arguments_json)})]\n")
        if said:
            self._write(f"■ {to_text(said)}\n")
        self._write(f"— {footer(reply, more)}\n")


def to_stdout(text: str) -> None:
    """Text on a terminal, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()
