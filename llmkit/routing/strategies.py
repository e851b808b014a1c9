"""What a route is chosen by: small functions that score the candidates that are left. The highest is asked first.

Add your own: ``STRATEGIES["mine"] = lambda found, asked: [-float(one.worst or 0) for one in found]``.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.route import Candidate

#: What the balanced strategy weighs where nothing is said.
WEIGHTS: Mapping[str, float] = {"quality": 0.5, "cost": 0.3, "speed": 0.2}
#: Seconds that a model is given credit for which never answered here, and the like for money.
_UNKNOWN_SECONDS = 8.0
_FREE = 1e-9


@dataclass(frozen=True, slots=True)
class Asked:
    """What a strategy may look at besides the candidates: the weights, the given order, how many requests
    these models have shared before, who answered this conversation last, and dice."""

    weights: Mapping[str, float] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    turn: int = 0
    last: str | None = None
    dice: random.Random = field(default_factory=random.Random)


Strategy = Callable[[Sequence[Candidate], Asked], Sequence[float]]


def cost_optimized(found: Sequence[Candidate], asked: Asked) -> Sequence[float]:
    """The cheapest for this request; what has no price comes last."""
    return [-float("inf") if one.cost is None else -float(one.cost) for one in found]


def performance_optimized(found: Sequence[Candidate], asked: Asked) -> Sequence[float]:
    """The one that fits the task best."""
    return [one.quality or 0.0 for one in found]


def latency_optimized(found: Sequence[Candidate], asked: Asked) -> Sequence[float]:
    """The one whose whole answer is there first, by your own ledger."""
    return [-_seconds(one) for one in found]


def balanced(found: Sequence[Candidate], asked: Asked) -> Sequence[float]:
    """Quality, cost and speed together, each against the best there is. ``weights`` shift it."""
    weights = {**WEIGHTS, **{name: n for name, n in asked.weights.items() if name in WEIGHTS}}
    costs = [None if one.cost is None else max(float(one.cost), _FREE) for one in found]
    cheapest = min((cost for cost in costs if cost is not None), default=_FREE)
    soonest = min((_seconds(one) for one in found), default=1.0)
    best = max((one.quality or 0.0 for one in found), default=0.0) or 1.0
    return [
        weights["quality"] * (one.quality or 0.0) / best
        + weights["cost"] * (0.0 if cost is None else cheapest / cost)
        + weights["speed"] * soonest / _seconds(one)
        for one, cost in zip(found, costs, strict=True)
    ]


def failover(found: Sequence[Candidate], asked: Asked) -> Sequence[float]:
    """In the order given; what was not named comes last."""
    places = {name: -float(at) for at, name in enumerate(asked.order)}
    return [places.get(one.model, -float(len(places))) for one in found]


def round_robin(found: Sequence[Candidate], asked: Asked) -> Sequence[float]:
    """Each in its turn: the same model at several keys, regions or endpoints."""
    return [-float((at - asked.turn) % len(found)) for at in range(len(found))]


def weighted(found: Sequence[Candidate], asked: Asked) -> Sequence[float]:
    """By lot, as often as its weight says (by model or provider; 1 where nothing is said)."""
    shares = [
        asked.weights.get(one.model, asked.weights.get(one.model.partition("/")[0], 1.0)) for one in found
    ]
    return [asked.dice.random() ** (1 / share) if share > 0 else -1.0 for share in shares]


def sticky(found: Sequence[Candidate], asked: Asked) -> Sequence[float]:
    """Whoever answered this conversation last (its prompt cache is warm); else balanced."""
    scores = balanced(found, asked)
    return [score + 10.0 * (one.model == asked.last) for one, score in zip(found, scores, strict=True)]


def local_first(found: Sequence[Candidate], asked: Asked) -> Sequence[float]:
    """What stays on this machine before what does not; then the best."""
    return [10.0 * one.local + (one.quality or 0.0) for one in found]


def cascade(found: Sequence[Candidate], asked: Asked) -> Sequence[float]:
    """The cheapest first; a dearer one where the check of its answer says no."""
    return cost_optimized(found, asked)


#: Every strategy by its name.
STRATEGIES: dict[str, Strategy] = {
    "balanced": balanced,
    "cost-optimized": cost_optimized,
    "performance-optimized": performance_optimized,
    "latency-optimized": latency_optimized,
    "failover": failover,
    "round-robin": round_robin,
    "weighted": weighted,
    "sticky": sticky,
    "local-first": local_first,
    "cascade": cascade,
}


def strategy_of(name: str, own: Mapping[str, Any] | None = None) -> tuple[str, Strategy]:
    """The strategy of that name, however it is written. ``own`` are those of a configuration: weights of the balanced
    one under a name.

    >>> strategy_of("cost_optimized")[0], strategy_of("cost")[0]
    ('cost-optimized', 'cost-optimized')
    """
    if own and isinstance(weights := own.get(name), Mapping):
        return name, lambda found, asked: balanced(found, replace(asked, weights=weights))
    plain = name.strip().lower().replace("_", "-").replace("optimised", "optimized")
    known = {full.replace("_", "-"): full for full in STRATEGIES}
    for full in (plain, f"{plain}-optimized"):
        if full in known:
            return known[full], STRATEGIES[known[full]]
    near = difflib.get_close_matches(plain, [*STRATEGIES, *(own or ())], n=2)
    raise BadRequest(
        f"There is no strategy {name!r}.",
        why=f"Did you mean {' or '.join(map(repr, near))}?" if near else "No known name is like it.",
        hint=f"Strategies are {', '.join([*STRATEGIES, *(own or ())])}. Nothing was sent.",
    )


def _seconds(one: Candidate) -> float:
    return _UNKNOWN_SECONDS if one.latency is None else max(one.latency, 0.01)
