"""Fields of a frame that hold words: which must be words, and which may be missing.

A wrong kind of value is a frame that can't be read; what follows from that is the business of ``reader.py``.
"""

from __future__ import annotations

from typing import Any


def words(value: Any) -> str:
    """Words, where words must be.

    >>> words("Hello")
    'Hello'
    """
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text should be")
    return value


def name_of(value: Any) -> str | None:
    """A name or an id, if there is one; some servers send numbers, or nothing between quotes.

    >>> name_of("chat-1"), name_of(7), name_of("")
    ('chat-1', '7', None)
    """
    return None if value is None or value == "" else str(value)
