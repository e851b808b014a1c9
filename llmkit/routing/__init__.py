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
    from llmkit.routing.agent import Agent
    from llmkit.routing.constraints import CONSTRAINTS
    from llmkit.routing.orchestrator import Orchestrator
    from llmkit.routing.review import report
    from llmkit.routing.strategies import STRATEGIES, Asked
    from llmkit.routing.tasks import TASKS, Task

_HOMES = {
    "Agent": "llmkit.routing.agent",
    "Asked": "llmkit.routing.strategies",
    "CONSTRAINTS": "llmkit.routing.constraints",
    "Candidate": "llmkit.core.route",
    "Orchestrator": "llmkit.routing.orchestrator",
    "Route": "llmkit.core.route",
    "STRATEGIES": "llmkit.routing.strategies",
    "TASKS": "llmkit.routing.tasks",
    "Task": "llmkit.routing.tasks",
    "report": "llmkit.routing.review",
}

__all__ = [
    "CONSTRAINTS",
    "STRATEGIES",
    "TASKS",
    "Agent",
    "Asked",
    "Candidate",
    "Orchestrator",
    "Route",
    "Task",
    "report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
