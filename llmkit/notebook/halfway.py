"""Markdown that stops in the middle, as if its writer had ended it there: what an answer shows while it comes.

Half of "**bold**" is "**bo", and a list that begins looks like the rule under a heading: for a moment the page would
show marks that mean nothing, or jump. Nothing here is about safety, and nothing of it is kept: what comes out is
rendered as all text is, and the whole answer is rendered as it was written.
"""

from __future__ import annotations

import re

#: A lone mark at the beginning of the last line: an item, a heading or a quotation to be, or a rule that is none.
_BLOCK_TO_BE = re.compile(r"(?:\A|(?<=\n))[ \t]*(?:-{1,2}|=+|[*+]|#{1,6}|>|\d{1,9}[.)]|\|)[ \t]*\Z")
#: Marks at the very end with nothing that they could close: their words are still to come.
_MARKS_TO_BE = re.compile(r"(?:\A|(?<=[\s(\[{\"'“‘|>]))[*_~`]+\Z")
#: A link whose address is being written.
_LINK_TO_BE = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*\Z")
_CODE = re.compile(r"\\.|(`+)", re.DOTALL)
_STRONG = re.compile(r"\\.|\*\*", re.DOTALL)
#: Bold words are few: stars that are not closed after so many characters mean something else.
_BOLD = 120


def ended(text: str) -> str:
    """The text with what is open in its last block closed, and marks that have no words yet left out.

    >>> ended("Light is **scat"), ended("It is `1/λ"), ended("So:\\n-"), ended("See [the manual](https://do")
    ('Light is **scat**', 'It is `1/λ`', 'So:\\n', 'See the manual')
    """
    text = _MARKS_TO_BE.sub("", _BLOCK_TO_BE.sub("", text))
    begin = text.rfind("\n\n") + 1
    block = _LINK_TO_BE.sub(r"\1", text[begin:])
    if block.rpartition("\n")[2].startswith(("    ", "\t")):
        return text  # code, mostly
    words, code = _without_code(block)
    if code:
        return text[:begin] + block + (code if not block.endswith("`") else "")
    return text[:begin] + block + _strong_end(words)


def _without_code(block: str) -> tuple[str, str]:
    """The block with its code left out, and what closes the code that it ends in."""
    words, at = "", 0
    while found := _CODE.search(block, at):
        words += block[at : found.start()]
        marks, at = found.group(1), found.end()
        if not marks:
            words += found.group(0)
            continue
        end = re.compile(rf"(?<!`){marks}(?!`)").search(block, at)
        if end is None:
            return words, marks
        at = end.end()
    return words + block[at:], ""


def _strong_end(words: str) -> str:
    """What closes the bold words that the text ends in."""
    marks = [found for found in _STRONG.finditer(words) if found.group(0) == "**"]
    if len(marks) % 2 == 0:
        return ""
    last = marks[-1]
    before, after = words[: last.start()][-1:], words[last.end() :]
    opens = after[:1].strip() and not before.isalnum()
    if not opens or len(after) > _BOLD or "\n" in after:
        return ""
    return "*" if after.endswith("*") else "**"
