"""From profiles to a route: what is ruled out, what each is worth, in which order they are asked. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from llmkit.core.route import Candidate
from llmkit.routing.constraints import matches, reasons
from llmkit.routing.needs import Need
from llmkit.routing.profiles import Profile
from llmkit.routing.strategies import Asked, Strategy
from llmkit.routing.tasks import Task
from llmkit.routing.verdicts import Judged, Verdicts

#: Prices of answers, in dollars for a million tokens, between which makers rank their models.
_CHEAP, _DEAR = 0.1, 100.0
#: How much of the quality is what a model is known to be good at; the rest is where its maker puts it.
_KNOWN = 0.75
#: So many of your own judgements weigh as much as all that was known before.
_PRIOR = 8
#: From here on, being good with long inputs counts as well.
LONG = 100_000


def rank(
    profiles: Sequence[Profile],
    need: Need,
    task: Task,
    strategy: Strategy,
    asked: Asked,
    judged: Verdicts | None = None,
) -> tuple[Candidate, ...]:
    """All candidates: those that may be asked, the best first, then those that may not, with the reasons."""
    priors = {profile.model: _prior(profile, need, task) for profile in profiles} if judged else {}
    heard = {name: judged.evidence(name, priors.get) for name in priors} if judged else {}
    weighed = [weigh(profile, need, task, heard.get(profile.model)) for profile in profiles]
    left = [pair for pair in zip(weighed, profiles, strict=True) if pair[0].eligible]
    out = [one for one in weighed if not one.eligible]
    scores = strategy([one for one, _ in left], asked)
    scored = [
        (replace(one, score=float(score)), any(matches(name, profile) for name in task.prefer))
        for (one, profile), score in zip(left, scores, strict=True)
    ]
    scored.sort(key=lambda pair: (not pair[1], -(pair[0].score or 0.0)))
    return (*(one for one, _ in scored), *out)


def weigh(profile: Profile, need: Need, task: Task, judged: Judged | None = None) -> Candidate:
    """One model, looked at."""
    worth, grounds = quality(profile, need, task, judged)
    out = list(reasons(profile, need, task))
    if task.quality is not None and worth is not None and worth < task.quality and not out:
        out.append(f"its quality for this, {worth:.2f}, is below {task.quality:g}")
    pace = profile.pace
    return Candidate(
        model=profile.model,
        reasons=tuple(out),
        cost=profile.cost,
        worst=profile.worst,
        latency=None if pace is None else pace.seconds(need.answer),
        ttft=None if pace is None else pace.ttft,
        quality=worth,
        grounds=grounds,
        breaker=profile.health.state.value,
        local=profile.local,
        simulated=profile.simulated,
    )


def quality(
    profile: Profile, need: Need, task: Task, judged: Judged | None = None
) -> tuple[float | None, str]:
    """How well a model fits a task, from 0 to 1, and what that is made of: what the configuration says; else what it is
    known to be good at, where its maker's price puts it, and more and more what you found yourself. ``None`` where
    nothing is known of it."""
    if profile.told is not None:
        return profile.told, "your configuration"
    prior = _prior(profile, need, task)
    grounds = (
        [] if prior is None else [_strengths(profile, need, task), f"price class {_standing(profile):.2f}"]
    )
    if judged is None or not judged.of:
        return prior, "; ".join(grounds)
    before = 0.5 if prior is None else prior
    worth = (before * _PRIOR + judged.share * judged.of) / (_PRIOR + judged.of)
    return worth, "; ".join([*grounds, f"{judged.of} judgement{'' if judged.of == 1 else 's'} of yours"])


def _prior(profile: Profile, need: Need, task: Task) -> float | None:
    if profile.told is not None:
        return profile.told
    known = profile.facts.strengths
    if not known and profile.price is None:
        return None
    wanted = _wanted(need, task)
    fit = sum(word in known for word in wanted) / len(wanted) if wanted else 1.0
    return _KNOWN * fit + (1 - _KNOWN) * _standing(profile)


def _wanted(need: Need, task: Task) -> list[str]:
    return [*task.strengths, *(["long-context"] if need.most_tokens > LONG else [])]


def _strengths(profile: Profile, need: Need, task: Task) -> str:
    wanted = _wanted(need, task)
    if not wanted:
        return "no strength is asked for"
    has = [word for word in wanted if word in profile.facts.strengths]
    lacks = [word for word in wanted if word not in profile.facts.strengths]
    said = (
        f"{how} {' and '.join(words)}" for how, words in (("known for", has), ("not for", lacks)) if words
    )
    return ", ".join(said)


def _standing(profile: Profile) -> float:
    if not profile.price or profile.price <= 0:
        return 0.0
    place = math.log(float(profile.price) / _CHEAP) / math.log(_DEAR / _CHEAP)
    return min(1.0, max(0.0, place))
