"""Each model of a grid in a line: how many, how fast, how long, how dear, how often it won. Pure.

Rows and DataFrames are ``table.py``'s. Unknown figures stay unknown, and a sum says how many are missing from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any

from llmkit.jobs.games import Game, record_of
from llmkit.jobs.statistics import quantile, spread, wilson
from llmkit.jobs.table import record
from llmkit.jobs.words import Bag, shared

if TYPE_CHECKING:
    from llmkit.jobs.grid import Cell

SUMMARY = (
    *("model", "n", "ok", "error_rate", "error_low", "error_high"),
    *("ttft_mean", "ttft_sd", "ttft_p50", "ttft_p95"),
    *("tokens_per_s_mean", "tokens_per_s_sd", "tokens_per_s_p50"),
    *("output", "cost", "cost_mean", "unpriced", "length_mean", "length_sd"),
    *("agreement", "consistency"),
    *("wins", "losses", "ties", "win_rate", "win_low", "win_high", "wins_by", "simulated"),
)


def summarize(
    cells: Iterable[Cell],
    *,
    games: Sequence[Game] = (),
    wins_by: str | None = None,
    scores: Mapping[str, Mapping[Cell, float | None]] | None = None,
    alike: bool = False,
) -> list[dict[str, Any]]:
    """One row for each model, in the order of the grid. Times and lengths are of whole answers only; money and
    tokens of everything that was sent.

    ``agreement`` is how many of its words an answer shares with the other models' answers to the same question,
    ``consistency`` the same between the repeats of one question; both are looked at only where ``alike`` is asked
    for, since that takes long for large grids. ``wins`` are those of ``games``.
    """
    cells = list(cells)
    models = dict.fromkeys(cell.model for cell in cells)
    whole = [cell for cell in cells if cell.status == "ok"]
    shares = _alike(whole) if alike else {}
    rows = []
    for model in models:
        row = _figures(model, [cell for cell in cells if cell.model == model])
        won = record_of(model, games)
        rate = won.rate
        row |= shares.get(model, {"agreement": None, "consistency": None})
        row |= {
            "wins": won.wins if games else None,
            "losses": won.losses if games else None,
            "ties": won.ties if games else None,
            "win_rate": rate.value,
            "win_low": rate.low,
            "win_high": rate.high,
            "wins_by": wins_by if games else None,
        }
        for name, values in (scores or {}).items():
            known = [value for cell, value in values.items() if cell.model == model and value is not None]
            row[name] = fmean(known) if known else None
        rows.append(row)
    return rows


def _figures(model: str, cells: Sequence[Cell]) -> dict[str, Any]:
    rows = [record(cell) for cell in cells]
    whole = [row for row in rows if row["status"] == "ok"]
    failed = sum(row["status"] == "error" for row in rows)
    sent = [row for row in rows if row["simulated"] is not None]
    costs = [row["cost"] for row in sent if row["cost"] is not None]
    answered = [row["cost"] for row in whole if row["cost"] is not None]
    ttft = [row["ttft"] for row in whole if row["ttft"] is not None]
    pace = [row["tokens_per_s"] for row in whole if row["tokens_per_s"] is not None]
    output = [row["output"] for row in sent if row["output"] is not None]
    lengths = [len(row["answer"] or "") for row in whole]
    errors = wilson(failed, failed + len(whole))
    return {
        "model": model,
        "n": len(rows),
        "ok": len(whole),
        "error_rate": errors.value,
        "error_low": errors.low,
        "error_high": errors.high,
        "ttft_mean": fmean(ttft) if ttft else None,
        "ttft_sd": spread(ttft),
        "ttft_p50": quantile(ttft, 0.5),
        "ttft_p95": quantile(ttft, 0.95),
        "tokens_per_s_mean": fmean(pace) if pace else None,
        "tokens_per_s_sd": spread(pace),
        "tokens_per_s_p50": quantile(pace, 0.5),
        "output": sum(output) if output else None,
        "cost": sum(costs, Decimal(0)) if costs else None,
        "cost_mean": sum(answered, Decimal(0)) / len(answered) if answered else None,
        "unpriced": len(sent) - len(costs),
        "length_mean": fmean(lengths) if lengths else None,
        "length_sd": spread(lengths),
        "simulated": any(row["simulated"] for row in sent),
    }


def _alike(cells: Sequence[Cell]) -> dict[str, dict[str, float | None]]:
    """How alike the answers to one question are: between models, and between a model's own repeats."""
    questions: dict[object, list[Cell]] = {}
    for cell in cells:
        questions.setdefault(cell.question.row[:-1], []).append(cell)
    others: dict[str, list[float]] = {}
    own: dict[str, list[float]] = {}
    for asked_alike in questions.values():
        bags = [(cell, Bag.of(cell.text)) for cell in asked_alike]
        for (one, left), (other, right) in combinations(bags, 2):
            if one.model == other.model:
                own.setdefault(one.model, []).append(shared(left, right))
            elif one.question.repeat == other.question.repeat:
                much = shared(left, right)
                for cell in (one, other):
                    others.setdefault(cell.model, []).append(much)
    return {
        model: {
            "agreement": fmean(others[model]) if model in others else None,
            "consistency": fmean(own[model]) if model in own else None,
        }
        for model in dict.fromkeys(cell.model for cell in cells)
    }
