"""Names that nothing else has, in this process or any other.

Drawn from a generator of our own: asking the system for randomness is a system call, which lets other
threads run first, and seeding Python's own generator (``random.seed(0)``) must not make two calls alike.
"""

from __future__ import annotations

import os
import random

_draw = random.Random()  # noqa: S311 - names, no secrets


def fresh_id(bits: int = 128) -> str:
    """So many random bits, as lower-case hexadecimal digits.

    >>> len(fresh_id()), len(fresh_id(48))
    (32, 12)
    """
    return f"{_draw.getrandbits(bits):0{bits // 4}x}"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_draw.seed)
