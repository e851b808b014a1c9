"""A model as it is just now, for one request: what is known of it, how it is doing, what it would take.

A profile is a plain value, so that choosing needs neither a network nor a clock. What is done with it is
``constraints.py``'s and ``rank.py``'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import LLMKitError
from llmkit.core.usage import Cost, Usage
from llmkit.engine import adapt
from llmkit.engine.failover import Health
from llmkit.models import aliases
from llmkit.models.catalogue import ModelFacts
from llmkit.models.prices import cost_of, worst_case
from llmkit.providers.endpoints import is_loopback
from llmkit.routing.experience import Experience, Pace

if TYPE_CHECKING:
    from llmkit.engine.session import Session
    from llmkit.providers.base import Provider
    from llmkit.routing.needs import Need


#: So many answers of a model, and their middle says how long its next one will be; a few may have been odd.
_ENOUGH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One model. ``named``: somebody asked for it by name. ``price`` is dollars for a million tokens of answer."""

    model: str
    provider: str
    facts: ModelFacts
    key: bool = True
    tags: frozenset[str] = frozenset()
    simulated: bool = False
    named: bool = False
    health: Health = Health()  # noqa: RUF009 - a frozen value
    cost: Decimal | None = None
    worst: Decimal | None = None
    price: Decimal | None = None
    pace: Pace | None = None
    #: How well it fits the task, where the configuration says so.
    told: float | None = None
    problem: str = ""

    @property
    def local(self) -> bool:
        """Does nothing leave this machine?"""
        return "local" in self.tags


def profile(
    session: Session,
    name: str,
    need: Need,
    known: Experience,
    *,
    named: bool = False,
    bounds: bool = True,
    task: str = "",
) -> Profile:
    """The model of that name, as that session knows it; with ``bounds``, what it may cost at worst (which takes as long
    to work out as all the rest)."""
    try:
        provider, model = session.resolve(name)
    except LLMKitError as error:
        place, _, model = name.partition("/")
        unknown = ModelFacts(provider=place, model=model)
        return Profile(model=name, provider=place, facts=unknown, named=named, problem=error.what)
    full = f"{provider.name}/{model}"
    pace = known.pace(full)
    seen = pace is not None and pace.calls >= _ENOUGH
    answer = pace.output if seen and pace is not None and pace.output is not None else need.answer
    if need.longest is not None:
        answer = min(answer, need.longest)
    used = Usage(input=need.tokens, output=int(answer), source="estimated")
    where: dict[str, Any] = {"base_url": provider.base_url, "overrides": session.prices}
    now = datetime.now(UTC)
    cost = cost_of(used, provider=provider.name, model=model, at=now, **where)
    worst = worst_case(provider.name, model, need.most_tokens, need.longest, **where) if bounds else Cost()
    long = Usage(input=0, output=1_000_000, source="estimated")
    price = cost_of(long, provider=provider.name, model=model, at=now, **where)
    return Profile(
        model=full,
        provider=provider.name,
        facts=facts_of(session, provider, model),
        key=session.registry.entry(provider.name).key.present,
        tags=_tags(session, provider),
        simulated=provider.simulated,
        named=named,
        health=session.gates.health(provider.name, model),
        cost=cost.amount if cost.currency == "USD" else None,
        worst=worst.amount if worst.currency == "USD" else None,
        price=price.amount,
        pace=pace,
        told=_told(session, full, task),
    )


def _told(session: Session, model: str, task: str) -> float | None:
    """What the configuration says of a model's quality: for every task, or for this one."""
    for name, said in (session.registry.section("routing").get("qualities") or {}).items():
        if aliases.resolve(session.registry.aliases.get(name, name)) == model:
            found = said.get(task) if isinstance(said, Mapping) else said
            return None if found is None else float(found)
    return None


def facts_of(session: Session, provider: Provider, model: str) -> ModelFacts:
    """What is known of a model, by the name the user knows its provider by, by whose ways it speaks, or by its
    maker's."""
    for place in (provider.name, provider.dialect):
        if (found := session.catalogue.facts(place, model)).known:
            return found
    return adapt.knowledge(provider, model)


def _tags(session: Session, provider: Provider) -> frozenset[str]:
    fields = session.registry.section("providers").get(provider.name) or {}
    said = fields.get("tags") or ()
    tags = {said} if isinstance(said, str) else set(said)
    return frozenset(tags | ({"local"} if provider.simulated or is_loopback(provider.base_url) else set()))
