"""What comparisons and people said of models, as a share of what could be won and of how many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmkit.core.errors import BadRequest

#: What a bare share counts for: as much as a small comparison.
_GAMES = 10


def verdicts(judged: Any) -> dict[str, tuple[float, int]]:
    """Model -> (share, of how many). A comparison's wins count, where it has votes or verdicts; else its scores.

    >>> verdicts({"sim/sage": 0.75})
    {'sim/sage': (0.75, 10)}
    """
    if isinstance(judged, Mapping):
        return {str(name): _share(value) for name, value in judged.items()}
    summary = getattr(judged, "summary", None)
    if summary is None:
        raise BadRequest(
            f"Nothing can be learnt from {type(judged).__name__}.",
            hint="Pass a judged comparison, or a mapping of models to shares from 0 to 1.",
        )
    found: dict[str, tuple[float, int]] = {}
    for row in summary().to_dict("records"):
        games = sum(int(row[name]) for name in ("wins", "losses", "ties") if _is_number(row.get(name)))
        if games and _is_number(rate := row.get("win_rate")):
            found[str(row["model"])] = (float(rate), games)
        elif scores := [row[name] for name in row if str(name).startswith("score") and _is_number(row[name])]:
            mean = sum(scores) / len(scores)
            if 0 <= mean <= 1:
                found[str(row["model"])] = (float(mean), int(row.get("ok") or 1))
    if not found:
        raise BadRequest(
            "The comparison says nothing of who was better.",
            hint="Vote (`cmp.vote(…)`), judge (`cmp.judge(…)`) or score (`cmp.score(…)`) first.",
        )
    return found


def _share(value: Any) -> tuple[float, int]:
    share, of = value if isinstance(value, tuple) else (value, _GAMES)
    if not _is_number(share) or not 0 <= share <= 1 or of < 1:
        raise BadRequest(f"A share is a number from 0 to 1, not {value!r}.")
    return float(share), int(of)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124
