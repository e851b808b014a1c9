"""A judgement as it was saved with its answers: what judges said, to be read and counted, not to be asked again.

The file it stands in is ``baseline.py``'s business, what verdicts come to ``judgement.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest
from llmkit.core.reply import Reply
from llmkit.jobs.grid import Cell
from llmkit.jobs.judge import Outlook
from llmkit.jobs.verdicts import Opinion, Verdict

if TYPE_CHECKING:
    from llmkit.jobs.judgement import Judgement


@dataclass(frozen=True, slots=True)
class Minutes:
    """What a bench has heard, in the place of the bench."""

    criterion: str
    judges: tuple[str, ...]
    outlook: Outlook
    paid: list[str]
    problems: list[str]
    owners: Mapping[str, str]
    heard: tuple[Verdict, ...]
    interrupted: bool = False
    begun: bool = True
    replies: Sequence[Reply] = ()

    def verdicts(self) -> list[Verdict]:
        """What the judges said."""
        return list(self.heard)

    def own(self, models: Iterable[str]) -> dict[str, str]:
        """Which judge was itself one of the models."""
        there = set(models)
        return {judge: model for judge, model in self.owners.items() if model in there}

    def hear(self, **_: Any) -> None:
        """Judges that were not asked by this comparison can't be asked again by it."""
        raise BadRequest(
            "A saved judgement can't be asked again.",
            hint=f"Judge the saved answers anew: .judge({self.criterion!r}, by=…). Nothing was sent.",
        )


def written(judgement: Judgement, cells: Sequence[Cell]) -> dict[str, Any]:
    """A judgement of these cells as plain data; cells are named by their places."""
    places = {cell: place for place, cell in enumerate(cells)}
    looked = judgement.estimate
    return {
        "criterion": judgement.criterion,
        "judges": list(judgement.judges),
        "expected": {
            "calls": looked.calls,
            "tokens": looked.tokens,
            "cost": None if looked.cost is None else str(looked.cost),
            "simulated": looked.simulated,
        },
        "paid": judgement.cost,
        "problems": judgement.problems,
        "own": {one.judge: one.model for one in judgement.favours},
        "verdicts": [
            {
                "judge": one.judge,
                "a": places[one.a],
                "b": places[one.b],
                "straight": _plain(one.straight),
                "swapped": _plain(one.swapped),
                "same": one.same,
            }
            for one in judgement.verdicts
            if one.a in places and one.b in places
        ],
    }


def read(plain: Mapping[str, Any], cells: Sequence[Cell]) -> Minutes:
    """The same again."""
    expected = plain["expected"]
    cost = expected["cost"]
    return Minutes(
        criterion=plain["criterion"],
        judges=tuple(plain["judges"]),
        outlook=Outlook(
            expected["calls"],
            expected["tokens"],
            None if cost is None else Decimal(cost),
            expected["simulated"],
        ),
        paid=list(plain["paid"]),
        problems=list(plain["problems"]),
        owners=dict(plain["own"]),
        heard=tuple(
            Verdict(
                one["judge"],
                cells[one["a"]],
                cells[one["b"]],
                _opinion(one["straight"]),
                _opinion(one["swapped"]),
                one["same"],
            )
            for one in plain["verdicts"]
        ),
    )


def _plain(opinion: Opinion | None) -> list[str] | None:
    return None if opinion is None else [opinion.choice, opinion.reason]


def _opinion(plain: Sequence[Any] | None) -> Opinion | None:
    return None if plain is None else Opinion(*plain)
