"""Ids, signatures and sealed thinking: everything made up that must look real and come back unchanged.

All of it follows from what was asked, so the same request gets the same ids.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SALT = b"llmkit simulator, thinking\0"
#: Call ids that end so were made while thinking: in strict mode the thinking must come back with them.
THOUGHT_MARK = "T"


@dataclass(frozen=True, slots=True)
class Mint:
    """Makes the ids of one answer."""

    key: bytes
    created: int

    def id(self, prefix: str, what: object = "", length: int = 24) -> str:
        """An id, e.g. ``msg_01…``; the same for the same answer and ``what``."""
        number = int.from_bytes(hashlib.blake2b(f"{prefix}{what}".encode(), key=self.key).digest(), "big")
        letters = []
        for _ in range(length):
            number, rest = divmod(number, 62)
            letters.append(_ALPHABET[rest])
        return prefix + "".join(letters)

    def hex(self, prefix: str, what: object = "", length: int = 50) -> str:
        """An id in hexadecimal, e.g. ``resp_0af3…``."""
        return prefix + hashlib.blake2b(f"{prefix}{what}".encode(), key=self.key).hexdigest()[:length]

    def call(self, prefix: str, index: int, *, thought: bool) -> str:
        """The id of a tool call; marked where thinking led to it."""
        return self.id(prefix, ("call", index), 23) + (THOUGHT_MARK if thought else "n")


def sign(text: str) -> str:
    """The signature of a piece of thinking: only this very text has it."""
    return base64.b64encode(b"\x12\xb8\x01sim" + hashlib.sha512(_SALT + text.encode()).digest()).decode()


def seal(text: str) -> str:
    """Thinking that can't be read but proves to be ours (OpenAI's encrypted reasoning)."""
    body = hashlib.sha512(text.encode()).digest()
    return base64.urlsafe_b64encode(b"sim1" + body + hashlib.sha256(_SALT + body).digest()).decode()


def is_sealed(blob: str) -> bool:
    """Was this made by :func:`seal`, and not changed since?"""
    try:
        raw = base64.urlsafe_b64decode(blob.encode())
    except ValueError:
        return False
    body, mac = raw[4:68], raw[68:]
    return raw[:4] == b"sim1" and mac == hashlib.sha256(_SALT + body).digest()
