"""Characters that act without being seen: terminal escapes, controls, bidi overrides, invisible letters.

Escapes and controls are removed; what is merely invisible is written out, so that a reader sees that it
is there. Joiners, marks and selectors that real scripts and emoji need are left alone. Markup is not the
business of this file: see ``safe.py``.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: An operating system command, a device string, a control sequence, or any other escape. A sequence
#: that has not ended yet is dropped as far as it goes, so that half of one never shows.
_ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|\x1b?\Z|(?=[\x1b\n]))"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|(?=[^ -~])|\Z)"
    r"|\x1b[ -/]*(?:[0-~]|\Z)?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NEWLINES = re.compile(r"\r\n?|[\u2028\u2029\x85]")

#: The three flags whose emoji are spelled with tag characters (England, Scotland, Wales).
_TAG_FLAGS = ("gbeng", "gbsct", "gbwls")
_TAGS = re.compile(r"(\U0001f3f4?)([\U000e0000-\U000e007f]+)")

#: Format characters that print something, or that many people's everyday text holds.
_PRINTED = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_NEAR = 16
_SUSPECT = re.compile(
    "[\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U000110bd\U000110cd\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e0fff]"
)


def to_text(text: str) -> str:
    """Text for a terminal or for ``text/plain``: no escapes, no controls but tab and newline.

    >>> to_text("\\x1b[31mred\\x1b[0m \\x07bell")
    'red bell'
    >>> to_text("user\\u202etxt.exe")
    'user⟨U+202E⟩txt.exe'
    """
    if text.isascii() and text.isprintable():
        return text
    text = _NEWLINES.sub("\n", text)
    text = _ESCAPES.sub("", text)
    text = _CONTROLS.sub("", text)
    return text if text.isascii() else reveal(text)


def reveal(text: str) -> str:
    """Write out what is invisible: ``⟨U+202E⟩``; a message in tag characters becomes readable."""
    text = _TAGS.sub(_spell_tags, text)
    return _SUSPECT.sub(_write_out, text)


def strip_tags(text: str) -> tuple[str, int]:
    """Without Unicode tag characters (a way to hide orders in data), and how many there were."""
    kept = _TAGS.sub(lambda m: m[0] if _is_flag(m) else m[1], text)
    return kept, len(text) - len(kept)


def _is_flag(match: re.Match[str]) -> bool:
    spelled = "".join(chr(ord(c) - 0xE0000) for c in match[2][:-1])
    return bool(match[1]) and spelled in _TAG_FLAGS and match[2][-1] == "\U000e007f"


def _spell_tags(match: re.Match[str]) -> str:
    if _is_flag(match):
        return match[0]
    spelled = "".join(
        chr(ord(c) - 0xE0000) if 0xE0020 <= ord(c) < 0xE007F else f" U+{ord(c):05X} " for c in match[2]
    )
    return f"{match[1]}⟨hidden: {spelled.strip()}⟩"


def _write_out(match: re.Match[str]) -> str:
    text, at = match.string, match.start()
    char = match[0]
    return (
        char
        if _belongs(char, text[max(0, at - _NEAR) : at], text[at + 1 : at + 2])
        else f"⟨U+{ord(char):04X}⟩"
    )


def _belongs(char: str, near: str, after: str) -> bool:
    """Is this invisible character at home between these?"""
    code, before = ord(char), near[-1:]
    if char in _PRINTED:
        return True
    if char in _BLANK_LETTERS:
        return False
    if code == 0x00AD:  # a soft hyphen, within a word
        return before.isalpha() and after.isalpha()
    if code in (0x200C, 0x200D):  # joiners: in scripts that join, and between emoji
        return _joins(before) and (_joins(after) or not after or (code == 0x200C and after.isspace()))
    if code in (0x200E, 0x200F, 0x061C):  # directional marks, near right-to-left writing
        return _right_to_left(after) or any(_right_to_left(one) for one in near)
    if 0xFE00 <= code <= 0xFE0F:  # how the character before it is to look
        return bool(before) and not before.isspace() and not _selects(before)
    if 0xE0100 <= code <= 0xE01EF:  # ideographic variants
        return unicodedata.category(before or " ") == "Lo" and not _selects(before)
    if 0x180B <= code <= 0x180D or code == 0x180F:  # Mongolian variants
        return _joins(before)
    return False


def _selects(char: str) -> bool:
    return 0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF


def _right_to_left(char: str) -> bool:
    return bool(char) and unicodedata.bidirectional(char) in ("R", "AL")


@lru_cache(maxsize=512)
def _joins(char: str) -> bool:
    """Letters and signs of scripts that use joiners, and emoji."""
    if not char:
        return False
    code = ord(char)
    if 0x0590 <= code <= 0x1CFF or 0xA800 <= code <= 0xABFF or 0x10A00 <= code <= 0x11FFF:
        return unicodedata.category(char)[0] in "LM"
    return code in (0xFE0F, 0x20E3) or 0x2190 <= code <= 0x2BFF or 0x1F000 <= code <= 0x1FAFF
