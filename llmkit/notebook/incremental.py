"""A growing answer rendered piece by piece: finished blocks are frozen, only the tail is rendered again.

The pieces are for the eye while an answer streams. Where a block can only be understood with what comes
later (a link defined further down, a list that turns out loose), the whole text rendered at the end
is the truth; ``finish`` gives that. What is half written is shown as if it ended there (``halfway.py``).
"""

from __future__ import annotations

import re

from llmkit.notebook.halfway import ended

_FENCE = re.compile(r"( {0,3}(?:(?:[-*+>]|\d{1,9}[.)])[ \t]+)*)(`{3,}(?=[^`]*$)|~{3,})")
#: What may go on with the block before the blank line (a number alone may yet become an item's).
_CONTINUES = re.compile(r"[ \t]|[-*+](?:\s|$)|\d{1,9}(?:[.)](?:\s|$)|$)|[|>]")
_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")

#: So many of what may become a key are shown meanwhile: no word lacks its last letter while a model pauses.
LETTERS = 3
#: A tail longer than this is cut at the next line, so that one push never costs more than this much.
TAIL = 8_192


class Incremental:
    """Feed it the text so far; it gives safe HTML for all of it.

    >>> page = Incremental()
    >>> page.update("One.\\n\\nTw") == to_html("One.\\n\\nTw")  # doctest: +SKIP
    True

    ``frozen`` is the HTML that never changes again, ``tail`` the HTML of the rest, ``rendered`` how many
    characters have been parsed so far (which is what an update costs).
    """

    __slots__ = ("_carry", "_cut", "frozen", "rendered", "tail")

    def __init__(self) -> None:
        self.frozen = ""
        self.tail = ""
        self.rendered = 0
        self._cut = 0  # where in the text the tail begins
        self._carry = ""  # what a tail that was cut within a block needs to be understood

    def update(self, text: str) -> str:
        """The HTML for ``text`` so far, which is what was given before and more."""
        from llmkit.notebook.safe import WRAPPER

        while (cut := _boundary(text, self._cut, self._carry)) is not None:
            end, carry, closing = cut
            self.frozen += self._render(self._carry + text[self._cut : end] + closing)
            self._cut, self._carry = end, carry
        rest = so_far(self._carry + text[self._cut :])
        self.tail = self._render(rest) if rest[len(self._carry) :].strip() else ""
        return f"{WRAPPER}{self.frozen}{self.tail}</div>"

    def finish(self, text: str) -> str:
        """The whole text, rendered whole."""
        from llmkit.notebook.safe import to_html

        return to_html(text)

    def _render(self, text: str) -> str:
        from llmkit.notebook.safe import render

        self.rendered += len(text)
        return render(text)


def _boundary(text: str, start: int, carry: str) -> tuple[int, str, str] | None:
    """Where the tail that begins at ``start`` can be cut: the end of the piece, what the next one must
    carry, and what closes this one. ``None`` while it can't be cut yet."""
    fence = _fence_of(carry)
    at = start
    header = carry if carry and not fence else ""
    previous = ""
    blank = None  # where the last blank line outside a fence ended
    while (newline := text.find("\n", at)) != -1:
        line = text[at:newline]
        if fence is None and blank is not None and line.strip():
            if not _CONTINUES.match(line):
                return blank, "", ""
            blank = None
        opened = _FENCE.match(line)
        if fence is None and opened:
            fence = line
        elif fence is not None and _closes(line, fence):
            fence = None
        elif fence is None:
            if not line.strip():
                blank, header = newline + 1, ""
            elif "|" in previous and _RULE.match(line):
                header = f"{previous}\n{line}\n"
        previous = line
        at = newline + 1
        if at - start > TAIL:
            return (at, _reopened(fence), fence_end(fence)) if fence else (at, header, "")
    if blank is not None and (last := text[at:]).strip() and not _CONTINUES.match(last):
        return blank, "", ""
    if len(text) - at > TAIL:  # one endless line
        space = text.rfind(" ", at, at + TAIL)
        end = space + 1 if space > at else at + TAIL
        return (end, _reopened(fence), "\n" + fence_end(fence)) if fence else (end, header, "")
    return None


def so_far(text: str) -> str:
    """The text as it is shown while more is to come: code in a fence as it is, what is open elsewhere closed.

    >>> so_far("Light is **scat"), so_far("```python\\nx = a **"), so_far("```\\nx\\n``")
    ('Light is **scat**', '```python\\nx = a **', '```\\nx\\n')
    """
    fence = None
    for line in text.split("\n"):
        if fence is not None:
            fence = None if _closes(line, fence) else fence
        elif _FENCE.match(line):
            fence = line
    if fence is None:
        return ended(text)
    before, newline, last = text.rpartition("\n")
    closing = newline and last != fence and set(last.strip()) == {fence_end(fence)[0]}
    return before + newline if closing else text


def _fence_of(carry: str) -> str | None:
    line = carry.partition("\n")[0]
    return line if _FENCE.match(line) else None


def _closes(line: str, fence: str) -> bool:
    opened = _FENCE.match(fence)
    if opened is None:
        return True
    before, marks = opened.groups()
    inside = len(before) if before.strip() else 0  # the fence of a list's item closes further in
    bare = line.strip().removeprefix("> ")
    indent = len(line) - len(line.lstrip())
    return indent < 4 + inside and len(bare) >= len(marks) and set(bare) == {marks[0]}


def _reopened(fence: str) -> str:
    """The line that opens the same fence again in the next piece, now at the margin."""
    opened = _FENCE.match(fence)
    return (fence[opened.start(2) :] if opened else fence) + "\n"


def fence_end(fence: str) -> str:
    """The line that closes a fence."""
    opened = _FENCE.match(fence)
    return (opened.group(2) if opened else "```") + "\n"
