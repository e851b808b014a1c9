"""Which models are candidates where nobody names them: the current ones of every provider that can be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmkit.models import aliases
from llmkit.models.model import Model
from llmkit.providers.presets import PRESETS

if TYPE_CHECKING:
    from llmkit.engine.session import Session
    from llmkit.routing.tasks import Task


def pool(session: Session, task: Task, preferred: str | None = None) -> dict[str, bool]:
    """The names of the candidates, and whether somebody named them: the preferred one, those of the task, those of
    the configuration; else what the aliases stand for, the providers' defaults and the models described in
    ``models:``. Where no provider is ready: the simulator's."""
    first = [] if preferred is None else [preferred]
    if task.models or task.model:
        own = [*([task.model] if task.model else []), *task.models]
        if task.provider is not None:
            own = [name if "/" in name else Model(name).via(task.provider) for name in own]
        named = [*first, *own, *task.fallback]
        return _once(session, named, named=True)
    found = {**_once(session, first, named=True)}
    for name, said in {
        **_once(session, list(task.fallback), named=True),
        **_once(session, offered(session), named=False),
    }.items():
        found.setdefault(name, said)
    return found


def offered(session: Session) -> list[str]:
    """What every provider offers that is current: those that are ready, and those that the configuration names and
    that only want a key. Where none is ready: the simulator's."""
    from llmkit.sim.models import MODELS

    known = session.registry
    ready = known.ready()
    names: list[str] = []
    if not ready:
        names += [name for name, model in MODELS.items() if model.strengths]
    for place in dict.fromkeys((*ready, *known.configured)):
        entry = known.entry(place)
        if entry.provider.simulated and entry.kind == "sim":
            names += [
                name.replace("sim/", f"{place}/", 1) for name, model in MODELS.items() if model.strengths
            ]
        elif entry.default and _serves_it(session, place):
            names.append(f"{place}/{entry.default}")
        listed = [*known.aliases.values(), *aliases.ALIASES.values(), *known.section("models")]
        names += [name for name in listed if name.partition("/")[0] == place and "*" not in name]
    if session.default_model:
        names.append(session.default_model)
    return names


def _serves_it(session: Session, place: str) -> bool:
    """A provider's own default model is there at its own address; elsewhere only if somebody says so."""
    entry, fields = session.registry.entry(place), session.registry.section("providers").get(place) or {}
    preset = PRESETS.get(entry.kind)
    if fields.get("default_model") or preset is None or preset.default is None:
        return True
    return not fields.get("base_url") or str(fields["base_url"]).rstrip("/") == preset.base_url.rstrip("/")


def _once(session: Session, names: list[str], *, named: bool) -> dict[str, bool]:
    """Each model once, however it is written."""
    found: dict[str, bool] = {}
    for name in names:
        full = aliases.resolve(session.registry.aliases.get(name, name))
        found.setdefault(full, named)
    return found
