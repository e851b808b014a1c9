"""Figures as people read them: dollars with as many digits as they need, and counted attempts."""

from __future__ import annotations

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
