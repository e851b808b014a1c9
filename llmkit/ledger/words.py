"""Figures as people read them: dollars with as many digits as they need, counted attempts, stretches of time."""

from __future__ import annotations

import math
from decimal import Decimal


def money(value: float | Decimal) -> str:
    """Dollars with as many digits as they need, however small.

    >>> money(1234.5), money(0.00123), money(0.0000097), money(0)
    ('$1,234.50', '$0.0012', '$0.0000097', '$0')
    """
    if not value:
        return "$0"
    if abs(float(value)) >= 0.1:
        return f"${value:,.2f}"
    return f"${Decimal(f'{value:.2g}'):f}"


def attempts(count: int) -> str:
    """So many attempts, in words.

    >>> attempts(1), attempts(1200)
    ('1 attempt', '1,200 attempts')
    """
    return f"{count:,} attempt{'' if count == 1 else 's'}"


def stretch(seconds: float) -> str:
    """A stretch of time, rounded up.

    >>> stretch(61), stretch(3599.5), stretch(86400)
    ('61 s', '60 min', '24 h')
    """
    if seconds <= 120:
        return f"{math.ceil(seconds)} s"
    for unit, name, most in ((60, "min", 7200), (3600, "h", 172_800)):
        if seconds <= most:
            return f"{math.ceil(seconds / unit)} {name}"
    return f"{math.ceil(seconds / 86_400):,} days"
