"""Maths in a model's Markdown: where it begins and ends, and which of it a page may typeset.

TeX survives as it was written: no underscore of it becomes emphasis, no ``\\(`` loses its backslash. A page
typesets only what is made of words that are known to do nothing else (no links, classes, styles, macros); the
rest is shown as its source. A price is not maths. How both are written out is ``safe.py``'s and ``source.py``'s.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from llmkit.notebook.maths_words import ENVIRONMENTS, WORDS

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

#: Longer ones are text.
LONGEST = 2_000
#: So many of one answer are typeset: each costs the page some milliseconds.
MOST = 300
_DEEPEST = 20

_CLOSE = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
_ENVIRONMENT = re.compile(r"\\begin\{([a-zA-Z]+\*?)\}")
_COMMAND = re.compile(r"\\([a-zA-Z]+|.)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]{2,}")
_TAG = re.compile(r"<[a-zA-Z/!?]")
#: What tells TeX from a sentence between two dollar signs.
_TEX = re.compile(r"\\[a-zA-Z]|[\^_=]")
_SIGNS = frozenset("\\{}|,;:!> %&#_")


def may_typeset(tex: str) -> bool:
    """Is this TeX, between its delimiters, made of nothing but what is known to be harmless?

    >>> may_typeset(r"\\frac{a_1}{b^2}"), may_typeset(r"\\href{javascript:alert(1)}{x}")
    (True, False)
    """
    if len(tex) > LONGEST or _TAG.search(tex) or re.search(r"\\\\\s*\[", tex):
        return False
    for found in _COMMAND.finditer(tex):
        name = found[1]
        if name not in (WORDS if name.isalpha() else _SIGNS):
            return False
        if name in ("begin", "end"):
            environment = re.match(r"\{([a-zA-Z]+\*?)\}", tex[found.end() :])
            if environment is None or environment[1] not in ENVIRONMENTS:
                return False
    return _is_balanced(_COMMAND.sub(" ", tex))


def _is_balanced(bare: str) -> bool:
    """Do the braces of TeX without its commands pair, and is there no comment, parameter or dollar in it?"""
    depth = 0
    for character in bare:
        if character in "%#$":
            return False
        depth += (character == "{") - (character == "}")
        if not 0 <= depth <= _DEEPEST:
            return False
    return depth == 0


def typesets(written: str, env: MutableMapping[str, Any]) -> bool:
    """Does a page typeset this (with its delimiters)? Counts as it goes, in what is rendered along."""
    if not env.get("typeset") or not may_typeset(inside(written)):
        return False
    env["typeset"] -= 1
    return True


def inside(written: str) -> str:
    """Maths without its delimiters; an environment is its own.

    >>> inside("$x$"), inside("$$ x $$")
    ('x', ' x ')
    """
    opening = next((mark for mark in _CLOSE if written.startswith(mark)), "")
    return written[len(opening) : len(written) - len(opening)]


def add_maths(made: MarkdownIt) -> None:
    """Teach a parser where maths is: tokens ``maths`` within a line, and ``maths_block``."""
    made.inline.ruler.before("escape", "maths", _within_a_line)
    made.block.ruler.before(
        "fence",
        "maths_block",
        _on_lines_of_its_own,
        {"alt": ["paragraph", "reference", "blockquote", "list"]},
    )


def _within_a_line(state: StateInline, silent: bool) -> bool:
    at, text = state.pos, state.src
    if text[at] not in "$\\":
        return False
    opening = text[at : at + 2] if text[at : at + 2] in _CLOSE else text[at]
    if opening not in _CLOSE:
        return False
    start = at + len(opening)
    end = _end(text, opening, start, state.posMax)
    if end == -1 or not _is_tex(text, opening, start, end):
        return False
    stop = end + len(opening)
    if not silent:
        state.push("maths", "", 0).content = text[at:stop]
    state.pos = stop
    return True


def _end(text: str, opening: str, start: int, last: int) -> int:
    """Where what was opened is closed; -1 where it isn't, or is empty."""
    closing = _CLOSE[opening]
    end = text.find(closing, start, min(last, start + LONGEST))
    while closing.startswith("$") and end > 0 and text[end - 1] == "\\":
        end = text.find(closing, end + 1, min(last, start + LONGEST))
    return end if end != -1 and text[start:end].strip() else -1


def _is_tex(text: str, opening: str, start: int, end: int) -> bool:
    """Is this TeX, and no price, no variable of a shell, no bracket that was escaped?"""
    between = text[start:end]
    padded = between[0].isspace(), between[-1].isspace()
    if opening == "$" and (any(padded) or text[end + 1 : end + 2].isalnum()):
        return False
    if opening == "\\[" and not all(padded):
        return False
    return _says_something(opening, between)


def _says_something(opening: str, between: str) -> bool:
    """Is there TeX, and not only words? ("[Your name]" may well have been escaped.)"""
    if opening in ("\\[", "\\(", "$") and _WORD.search(between):
        return bool(_TEX.search(between))
    return bool(between.strip())


def _on_lines_of_its_own(state: StateBlock, start: int, last: int, silent: bool) -> bool:
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    if not first.startswith(("$$", "\\[", "\\begin{")) or state.is_code_block(start):
        return False
    if first.startswith("\\begin"):
        named = _ENVIRONMENT.match(first)
        opening, closing = (named[0], f"\\end{{{named[1]}}}") if named else ("", "")
    else:
        opening, closing = first[:2], _CLOSE[first[:2]]
    begins = state.bMarks[start] + state.tShift[start] + len(opening)
    # Looked for first: many that are opened and never closed would each be followed to the end of the text.
    if not opening or state.src.find(closing, begins, begins + 2 * LONGEST) == -1:
        return False
    for line in range(start, last):
        if state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return False
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()
        after = text[len(opening) :] if line == start else text
        if closing in after:
            return after.endswith(closing) and _keep(state, start, line + 1, opening, silent=silent)
    return False


def _keep(state: StateBlock, start: int, end: int, opening: str, *, silent: bool) -> bool:
    written = state.getLines(start, end, state.blkIndent, False).strip()
    if len(written) > LONGEST or not _says_something(opening, inside(written)):
        return False
    if not silent:
        token = state.push("maths_block", "", 0)
        token.content, token.block, token.map = written, True, [start, end]
        state.line = end
    return True
