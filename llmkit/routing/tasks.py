"""What a request is for: kinds of work, what each needs of a model, and what a configuration says of them.

Nothing is chosen here; that is ``rank.py``'s.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from llmkit.core.errors import BadRequest

#: Fields of a configuration's task that are options of the call.
OPTIONS = ("max_tokens", "temperature", "top_p", "think", "timeout", "budget", "tag", "schema")
_LISTS = ("models", "fallback", "needs", "prefer", "avoid", "strengths")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A kind of work. Everything in it may be said of a task of your own, too.

    ``strengths`` are the catalogue's words for what a model is good at; ``needs`` what it must be able to do
    ("vision", "tools", …) or a tag of its provider ("local", "eu"). ``model`` is asked first, ``models`` are the
    only ones that are asked, ``prefer`` and ``avoid`` name models or providers. ``quality`` (0 to 1) is the least
    that is good enough. ``answer`` is how many tokens its answers have, where the ledger does not know yet.

    >>> Task(name="haiku", strengths=("writing",), strategy="cost-optimized").strategy
    'cost-optimized'
    """

    name: str
    description: str = ""
    strengths: tuple[str, ...] = ()
    strategy: str = "balanced"
    needs: tuple[str, ...] = ()
    model: str | None = None
    models: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    provider: str | None = None
    prefer: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    quality: float | None = None
    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    answer: int = 500
    window: int = 0
    system: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def told(self, said: Mapping[str, Any]) -> Task:
        """The same with what was said of it: fields of a task, and options of its calls."""
        plain = {name: value for name, value in said.items() if value is not None}
        options = {**self.options, **{name: plain.pop(name) for name in OPTIONS if name in plain}}
        known = {each.name for each in fields(self)} - {"name", "options"}
        changes = {name: value for name, value in plain.items() if name in known}
        for name in _LISTS:
            if name in changes:
                value = changes[name]
                changes[name] = (value,) if isinstance(value, str) else tuple(value)
        if "strategy" not in changes and "model" in changes:
            changes["strategy"] = "failover"  # the model that was named comes first
        return replace(self, **changes, options=options)


def _task(name: str, description: str, *strengths: str, **more: Any) -> Task:
    return Task(name=name, description=description, strengths=strengths, **more)


_ALL = (
    _task("general", "anything"),
    _task("chat", "a talk, answered quickly", "speed", "writing", answer=300),
    _task("reasoning", "hard questions", "reasoning", strategy="performance-optimized", answer=1500),
    _task("planning", "what to do, in which order", "reasoning", "agents", strategy="performance-optimized"),
    _task("coding", "writing and changing code", "coding", strategy="performance-optimized", answer=1200),
    _task("implementation", "carrying out a plan in code", "coding", "agents", answer=2000),
    _task("qa", "checking the work of others", "reasoning", "coding", answer=800),
    _task(
        "creative", "texts that people like to read", "writing", strategy="performance-optimized", answer=1000
    ),
    _task("execution", "short, plain steps", "speed", "price", strategy="cost-optimized", answer=100),
    _task(
        "summarisation",
        "the same in fewer words",
        "price",
        "long-context",
        strategy="cost-optimized",
        answer=300,
    ),
    _task("extraction", "values out of texts", "price", "speed", strategy="cost-optimized", answer=200),
    _task("vision", "pictures", "vision", needs=("vision",), answer=300),
    _task("long_context", "very long inputs", "long-context", window=200_000, answer=800),
)


class Tasks(dict[str, Task]):
    """Tasks by name. What is put in may be written as a configuration would have it.

    >>> known = Tasks()
    >>> known["haiku"] = {"strengths": ["writing"], "temperature": 1}
    >>> known["haiku"].strengths, known["haiku"].options
    (('writing',), {'temperature': 1})
    """

    def __setitem__(self, name: str, task: Task | Mapping[str, Any]) -> None:
        super().__setitem__(name, task if isinstance(task, Task) else Task(name=name).told(task))


#: The kinds of work that are known. Add your own: ``TASKS["haiku"] = Task(name="haiku", strengths=("writing",))``.
TASKS = Tasks({task.name: task for task in _ALL})
#: Other words for them.
SYNONYMS = {
    "summarization": "summarisation",
    "long-context": "long_context",
    "plan": "planning",
    "implement": "implementation",
}


def task_of(name: str | Task | None, section: Mapping[str, Any], routing: Mapping[str, Any]) -> Task:
    """The task of that name, as the configuration's ``tasks`` and ``routing`` sections have it.

    >>> task_of("plan", {"plan": {"model": "sonnet", "temperature": 0.2}}, {}).options
    {'temperature': 0.2}
    """
    if isinstance(name, Task):
        return name.told({key: value for key, value in routing.items() if key == "avoid"})
    name = name or "general"
    if name not in TASKS and name not in section:
        name = name.strip().lower().replace(" ", "_")
    plain = name if name in TASKS else SYNONYMS.get(name, name)
    own = section.get(name) or section.get(plain)
    if plain not in TASKS and own is None:
        near = difflib.get_close_matches(name, [*TASKS, *section], n=2)
        raise BadRequest(
            f"There is no task {name!r}.",
            why=f"Did you mean {' or '.join(map(repr, near))}?" if near else "No known name is like it.",
            hint=f"Tasks are {', '.join(dict.fromkeys([*TASKS, *section]))}; your own go into the `tasks:` section "
            "of the configuration, or into llmkit.routing.TASKS. Nothing was sent.",
        )
    task = TASKS.get(plain, replace(TASKS["general"], name=name))
    if plain == "general" and own is None and routing.get("strategy") is None:
        return task.told(routing)
    # What is said of all tasks does not change what a task is for.
    whole = {key: value for key, value in routing.items() if key != "strategy" or plain == "general"}
    return task.told(whole).told(own or {})
