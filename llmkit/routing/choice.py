"""A route before anything is sent, with what it was chosen by; and the error where nobody is left to ask.

How it comes about is ``orchestrator.py``'s, what is done with it the engine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmkit.core.errors import BadRequest, BudgetExceeded
from llmkit.core.route import Candidate, Route
from llmkit.engine.budget import Budget
from llmkit.routing.needs import Need
from llmkit.routing.tasks import Task


@dataclass(frozen=True, slots=True)
class Choice:
    """A route before anything is sent, and what it was chosen by."""

    route: Route
    task: Task
    need: Need
    budgets: tuple[Budget, ...] = ()
    #: What the conversation is known by: how it began.
    conversation: int = 0

    @property
    def targets(self) -> tuple[str, ...]:
        """Those that may be asked, the best first."""
        return tuple(one.model for one in self.route.candidates if one.eligible)

    @property
    def first(self) -> str:
        """The first choice; an error with every reason if nothing fits."""
        if not self.targets:
            raise _nobody(self)
        return self.targets[0]


def _nobody(choice: Choice) -> BadRequest | BudgetExceeded:
    dropped: Sequence[Candidate] = choice.route.candidates
    told = (
        "\n".join(f"{one.model}: {'; '.join(one.reasons)}" for one in dropped) or "There are no candidates."
    )
    poor = bool(dropped) and all("is left" in reason for one in dropped for reason in one.reasons)
    kind = BudgetExceeded if poor else BadRequest
    return kind(
        f"No model fits this request ({choice.task.name}, {choice.route.strategy}).",
        why=told,
        hint="Nothing was sent. `explain(...)` shows the candidates; set a key, name models, or ask for less.",
    )
