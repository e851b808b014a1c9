"""Choosing a model: tasks, strategies, hard constraints, and an orchestrator that says why.

>>> from llmkit.routing import STRATEGIES, TASKS
>>> TASKS["coding"].strategy in STRATEGIES
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmkit.core.route import Candidate, Route
    from llmkit.routing.constraints import CONSTRAINTS
    from llmkit.routing.orchestrator import Orchestrator, orchestrator
    from llmkit.routing.strategies import STRATEGIES, Asked
    from llmkit.routing.tasks import TASKS, Task

_HOMES = {
    "Asked": "llmkit.routing.strategies",
    "CONSTRAINTS": "llmkit.routing.constraints",
    "Candidate": "llmkit.core.route",
    "Orchestrator": "llmkit.routing.orchestrator",
    "Route": "llmkit.core.route",
    "STRATEGIES": "llmkit.routing.strategies",
    "TASKS": "llmkit.routing.tasks",
    "Task": "llmkit.routing.tasks",
    "orchestrator": "llmkit.routing.orchestrator",
}

__all__ = [
    "CONSTRAINTS",
    "STRATEGIES",
    "TASKS",
    "Asked",
    "Candidate",
    "Orchestrator",
    "Route",
    "Task",
    "orchestrator",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
