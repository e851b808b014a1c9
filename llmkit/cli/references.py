"""Names in a configuration that lead nowhere: of models, providers, tasks and strategies.

Each is well formed (that is ``providers/schema.py``'s business), and would only fail when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest, UnknownModel, UnknownProvider
from llmkit.providers.schema import Problem

if TYPE_CHECKING:
    from llmkit.engine.session import Session

_ROUTES = ("agents", "tasks")


def dangling(session: Session) -> Iterator[Problem]:
    """All of them, each with the path where it is written."""
    registry = session.registry
    whole = registry.config.plain
    for alias, name in registry.aliases.items():
        yield from _model(session, ("aliases", alias), name)
    yield from _model(session, ("default_model",), registry.default_model)
    yield from _model(session, ("cell", "model"), registry.section("cell").get("model"))
    yield from _strategy(session, ("cell", "strategy"), registry.section("cell").get("strategy"))
    yield from _route(session, ("routing",), registry.section("routing"))
    for section in _ROUTES:
        for name, fields in registry.section(section).items():
            yield from _route(session, (section, name), fields or {})
    tasks = whole.get("tasks") or {}
    for name, fields in registry.section("agents").items():
        yield from _task(tasks, ("agents", name, "task"), (fields or {}).get("task"))
    yield from _task(tasks, ("cell", "task"), registry.section("cell").get("task"))


def _route(session: Session, path: tuple[str, ...], fields: Mapping[str, Any]) -> Iterator[Problem]:
    if (provider := fields.get("provider")) is not None and provider not in session.registry:
        yield _problem(
            (*path, "provider"), provider, f"The providers here are {', '.join(session.registry)}."
        )
        return
    if provider is None:  # with one, the names are that provider's own
        for field in ("model", "models", "fallback"):
            given = fields.get(field) or ()
            for name in (given,) if isinstance(given, str) else given:
                yield from _model(session, (*path, field), name)
    yield from _strategy(session, (*path, "strategy"), fields.get("strategy"))


def _model(session: Session, path: tuple[str, ...], name: str | None) -> Iterator[Problem]:
    if not name or name.startswith("sim/"):  # the simulator is not started for this
        return
    try:
        session.resolve(name)
    except (UnknownModel, UnknownProvider) as error:
        yield _problem(path, name, f"{error.why} A model is an alias or provider/model.")


def _strategy(session: Session, path: tuple[str, ...], name: str | None) -> Iterator[Problem]:
    if not name:
        return
    from llmkit.routing.strategies import strategy_of

    try:
        strategy_of(name, session.registry.section("routing").get("strategies"))
    except BadRequest as error:
        fix = f"{error.why} One that a program adds to STRATEGIES is known only there."
        yield _problem(path, name, fix)


def _task(own: Mapping[str, Any], path: tuple[str, ...], name: str | None) -> Iterator[Problem]:
    if not name:
        return
    from llmkit.routing.tasks import task_of

    try:
        task_of(name, own, {})
    except BadRequest as error:
        yield _problem(path, name, error.why)


def _problem(path: tuple[str, ...], name: str, fix: str) -> Problem:
    return Problem(path, f"{'.'.join(path)} leads nowhere: {name!r}", fix)
