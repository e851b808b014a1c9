"""A route as a table: a DataFrame for people who go on with it, rows for those who read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmkit.core.route import Candidate, Route
from llmkit.ledger.frame import pandas

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.routing.needs import Need

COLUMNS = (
    *("rank", "model", "eligible", "why_not", "score", "quality", "cost", "worst_case", "latency", "ttft"),
    *("breaker", "budget_left", "local", "simulated", "quality_from"),
)


def frame(route: Route, need: Need) -> pd.DataFrame:
    """One row for each candidate. What is unknown is empty."""
    pd = pandas()
    made = pd.DataFrame(
        [_row(at, one, need) for at, one in enumerate(route.candidates, 1)], columns=list(COLUMNS)
    )
    numbers = ("score", "quality", "cost", "worst_case", "latency", "ttft", "budget_left")
    return made.astype({**dict.fromkeys(numbers, "float64"), "rank": "Int64"})


def _row(at: int, one: Candidate, need: Need) -> dict[str, Any]:
    left = need.left_simulated if one.simulated else need.left
    return {
        "rank": at if one.eligible else None,
        "model": one.model,
        "eligible": one.eligible,
        "why_not": "; ".join(one.reasons),
        "score": one.score,
        "quality": one.quality,
        "cost": None if one.cost is None else float(one.cost),
        "worst_case": None if one.worst is None else float(one.worst),
        "latency": one.latency,
        "ttft": one.ttft,
        "breaker": one.breaker,
        "budget_left": None if left is None else float(left),
        "local": one.local,
        "simulated": one.simulated,
        "quality_from": one.grounds,
    }
