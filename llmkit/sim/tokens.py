"""The simulator's tokenizer: a fixed rule of about four characters a token. No real model counts so.

It splits without loss: ``"".join(split(text)) == text``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r" ?[A-Za-z\u00c0-\u024f]{1,7}"  # a word, or a piece of a long one, with the space before it
    r"| ?[^\W\d_]{1,2}"  # other scripts: fewer characters a token
    r"|\d{1,3}"
    r"| ?[^\w\s]{1,3}"
    r"|_+|\s+"
)


def split(text: str) -> list[str]:
    """The tokens of a text.

    >>> split("Why is the sky blue?")
    ['Why', ' is', ' the', ' sky', ' blue', '?']
    """
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """How many tokens a text has."""
    return len(split(text))


def pieces(text: str, size: int) -> Iterator[tuple[str, int]]:
    """The text in pieces of ``size`` tokens, each with its number of tokens."""
    tokens = split(text)
    if size <= 1:
        for token in tokens:
            yield token, 1
        return
    for start in range(0, len(tokens), size):
        part = tokens[start : start + size]
        yield "".join(part), len(part)
