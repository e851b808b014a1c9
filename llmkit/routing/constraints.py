"""What rules a model out, whatever speaks for it: one small function for each, and a reason in words.

A function gives the reason, or ``None`` where the model may stay. What is not known of a model does not speak for
it: where a picture goes along, a model of which nobody knows whether it sees is out, unless it was named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from llmkit.models.catalogue import ABILITIES
from llmkit.routing.needs import Need
from llmkit.routing.profiles import Profile
from llmkit.routing.tasks import Task

Constraint = Callable[[Profile, Need, Task], str | None]

_WORDS = {
    "vision": "sees pictures",
    "pdf": "reads PDFs",
    "audio": "hears",
    "tools": "calls tools",
    "parallel_tools": "calls several tools at once",
    "structured": "follows a schema",
    "thinking": "thinks",
}
#: Prompts up to here fit every model of today.
_SHORT = 8_000


def known(profile: Profile, need: Need, task: Task) -> str | None:
    """Is there such a model?"""
    return profile.problem or None


def key(profile: Profile, need: Need, task: Task) -> str | None:
    """Is there a key?"""
    return None if profile.key else f"there is no key for {profile.provider}"


def allowed(profile: Profile, need: Need, task: Task) -> str | None:
    """Did the user say no to it, or yes to another provider?"""
    if task.provider is not None and profile.provider != task.provider and not profile.named:
        return f"only {task.provider} is asked"
    by = next((name for name in task.avoid if matches(name, profile)), None)
    return None if by is None else f"{by} is avoided"


def age(profile: Profile, need: Need, task: Task) -> str | None:
    """Is it still to be had?"""
    match profile.facts.age():
        case "retired":
            return profile.facts.remark() or "it is retired"
        case "ageing" if not profile.named:
            return profile.facts.remark() or "it is an older model"
        case _:
            return None


def abilities(profile: Profile, need: Need, task: Task) -> str | None:
    """Can it do what is needed?"""
    for word in sorted(need.needs):
        if word == "thinking":
            ways = profile.facts.thinking
            can = None if ways is None else bool(ways)
        elif word in ABILITIES:
            can = getattr(profile.facts, word)
        else:
            continue
        if can is False:
            return f"it is not known as one that {_WORDS[word]}"
        if can is None and not profile.named:
            return f"it is not known whether it {_WORDS[word]}"
    return None


def place(profile: Profile, need: Need, task: Task) -> str | None:
    """Is it where the request may go?"""
    wanted = sorted(need.needs - {*ABILITIES, "thinking"})
    missing = next((tag for tag in wanted if tag not in profile.tags), None)
    if missing is None:
        return None
    return "it is not on this machine" if missing == "local" else f"its provider has no tag {missing!r}"


def room(profile: Profile, need: Need, task: Task) -> str | None:
    """Does the prompt fit, with a margin, and the answer after it?"""
    window, most = profile.facts.context_window, profile.facts.max_input
    answer = need.answer if need.longest is None else need.longest
    if profile.facts.max_output is not None:
        answer = min(answer, profile.facts.max_output)
    if most is not None and need.most_tokens > most:
        return (
            f"about {need.tokens:,} tokens (with a margin {need.most_tokens:,}) go in, and it takes {most:,}"
        )
    if window is None:
        short = need.most_tokens + answer <= _SHORT and not need.window
        return None if short or profile.named else "its context window is not known"
    if need.most_tokens + answer > window:
        return f"{need.most_tokens + answer:,} tokens (with a margin) don't fit its window of {window:,}"
    return f"its window of {window:,} is short of {need.window:,}" if window < need.window else None


def money(profile: Profile, need: Need, task: Task) -> str | None:
    """Does its worst case fit what the budgets leave?"""
    left = need.left_simulated if profile.simulated else need.left
    if left is None:
        return None
    if profile.worst is None:
        lenient = profile.named and not need.priced
        return (
            None
            if lenient
            else "what it may cost is not known (no price, or no longest answer), and there is a budget"
        )
    return None if profile.worst <= left else f"it may cost {_sum(profile.worst)}, and {_sum(left)} is left"


def _sum(dollars: Decimal) -> str:
    return f"${dollars:.4f}" if dollars >= 1 else f"${Decimal(f'{dollars:.4g}'):f}"


def wellbeing(profile: Profile, need: Need, task: Task) -> str | None:
    """Is it left alone just now?"""
    return None if profile.health.available else str(profile.health)


#: All of them, in the order in which they are told. Add your own: ``CONSTRAINTS["mine"] = function``.
CONSTRAINTS: dict[str, Constraint] = {
    "known": known,
    "key": key,
    "allowed": allowed,
    "age": age,
    "abilities": abilities,
    "place": place,
    "room": room,
    "money": money,
    "wellbeing": wellbeing,
}


def reasons(
    profile: Profile, need: Need, task: Task, constraints: Mapping[str, Constraint] = CONSTRAINTS
) -> tuple[str, ...]:
    """Why a model is out; nothing if it may stay."""
    if profile.problem:
        return (profile.problem,)
    found = (constraint(profile, need, task) for constraint in constraints.values())
    return tuple(reason for reason in found if reason)


def matches(name: str, profile: Profile) -> bool:
    """Does that name mean this model: its own, its provider's, or the model's alone?"""
    return name in (profile.model, profile.provider, profile.facts.model)
