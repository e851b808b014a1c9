"""How far judges agree beyond what chance would make them: Cohen's kappa for two, Fleiss' for more. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def cohen_kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    """Agreement of two judges on the same cases: 1 is full, 0 what chance gives; ``None`` where that can't be told
    (no case, or both always say the same).

    >>> cohen_kappa(["win", "win", "tie", "loss"], ["win", "tie", "tie", "loss"])
    0.6363636363636364
    """
    if len(one) != len(other):
        raise ValueError("Both judges must have judged the same cases.")
    n = len(one)
    if not n:
        return None
    agreed = sum(a == b for a, b in zip(one, other, strict=True)) / n
    left, right = Counter(one), Counter(other)
    by_chance = sum(left[word] * right[word] for word in left) / n**2
    return None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)


def fleiss_kappa(cases: Sequence[Sequence[Hashable]]) -> float | None:
    """Agreement of any number of judges, each case judged by as many; ``None`` where that can't be told.

    >>> fleiss_kappa([["win", "win", "win"], ["tie", "tie", "loss"], ["loss", "loss", "loss"]])
    0.6538461538461537
    """
    if not cases:
        return None
    judges = len(cases[0])
    if any(len(case) != judges for case in cases):
        raise ValueError("Each case must be judged by as many.")
    if judges < 2:
        return None
    said: Counter[Hashable] = Counter()
    agreed = 0.0
    for case in cases:
        counts = Counter(case)
        said.update(counts)
        agreed += sum(count * (count - 1) for count in counts.values()) / (judges * (judges - 1))
    agreed /= len(cases)
    by_chance = sum((count / (len(cases) * judges)) ** 2 for count in said.values())
    return None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)


def in_words(kappa: float | None) -> str:
    """What a kappa is called (after Landis and Koch).

    >>> in_words(0.65), in_words(1.0), in_words(-0.1), in_words(None)
    ('substantial', 'full', 'none', 'not known')
    """
    if kappa is None:
        return "not known"
    if kappa == 1:
        return "full"
    names = ((0.8, "almost full"), (0.6, "substantial"), (0.4, "moderate"), (0.2, "fair"), (0.0, "slight"))
    return next((name for least, name in names if kappa > least), "none")
