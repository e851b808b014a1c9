"""``%%llm --task``, ``--strategy`` and ``%llm route``: the model of a cell picked by llmkit, and the table of why.

Picking is ``routing/``'s business; here is what it means for a cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmkit.engine.session import default_session
from llmkit.notebook.listing import Listing
from llmkit.routing.orchestrator import orchestrator
from llmkit.routing.strategies import STRATEGIES
from llmkit.routing.tasks import SYNONYMS, TASKS

if TYPE_CHECKING:
    from llmkit.core.route import Candidate, Route
    from llmkit.engine.session import Session
    from llmkit.engine.stream import Stream
    from llmkit.notebook.inquiry import Inquiry
    from llmkit.notebook.magics import LLMMagics

USAGE = "%llm route [TASK] [STRATEGY]"
_HEAD = ("", "model", "score", "quality", "cost", "seconds", "breaker", "why not")


def fitted(
    session: Session, inquiry: Inquiry, task: str | None, strategy: str | None, *, named: bool
) -> Inquiry:
    """The same inquiry with the model that fits the work, its words and its numbers. ``named``: the cell names a
    model; it comes first."""
    chosen = orchestrator(session)
    asked = {"preferred": inquiry.model if named else None, **_of(inquiry)}
    choice = chosen.choose(task, strategy, inquiry.messages, asked)
    first = choice.first
    provider, name = session.resolve(first)
    told = dict(choice.task.options)
    number: dict[str, Any] = {
        key: told[key] for key in ("temperature", "top_p", "max_tokens", "think") if key in told
    }
    return replace(
        inquiry,
        provider=provider,
        name=name,
        written=first if named else None,
        task=choice.route.task,
        strategy=choice.route.strategy,
        system=inquiry.system or choice.task.system,
        options={**number, **inquiry.options},
        timeout=inquiry.timeout or told.get("timeout"),
        tag=inquiry.tag or told.get("tag"),
        budget=inquiry.budget if inquiry.budget is not None else _dollars(told.get("budget")),
    )


def execute(session: Session, inquiry: Inquiry, messages: Any, **more: Any) -> Stream:
    """Send it along its route."""
    return orchestrator(session).execute(
        inquiry.task, inquiry.strategy, messages, preferred=inquiry.written, **more
    )


def route(magics: LLMMagics, words: list[str]) -> Listing:
    """The candidates for the last prompt, or for a short one: the first choice at the top, with its score, how
    well it fits, what it would cost, how long it takes (by your own ledger), and why others are out. Nothing is
    sent.
    """
    session = default_session()
    inquiry = magics.last
    task = next((word for word in words if word in _tasks()), inquiry.task if inquiry else None)
    strategy = next((word for word in words if word not in _tasks()), None)
    if strategy is None and not words and inquiry is not None:
        strategy = inquiry.strategy
    asked = {} if inquiry is None else _of(inquiry)
    messages = "A short question." if inquiry is None else inquiry.messages
    found = orchestrator(session).choose(task, strategy, messages, asked).route
    notes = [f"{found.task}, {found.strategy}: {_said(found)}"]
    if inquiry is None:
        notes.append("Nothing was asked yet: this is for a short question.")
    reply = magics.shell.user_ns.get("_llm") if magics.shell is not None else None
    if (went := getattr(reply, "route", None)) is not None and len(went.tried) > 1:
        notes.append(f"The last answer came by {went}.")
    rows = [_row(at, one) for at, one in enumerate(found.candidates, 1)]
    # What nobody has anything to say in is left out.
    shown = [at for at, name in enumerate(_HEAD) if not name or any(row[at] for row in rows)]
    return Listing(
        tuple(_HEAD[at] for at in shown), tuple(tuple(row[at] for at in shown) for row in rows), tuple(notes)
    )


def words() -> set[str]:
    """What may follow ``%llm route``, with dashes or with underscores."""
    own = default_session().registry.section("routing").get("strategies", ())
    return {*_tasks(), *_spelled((*STRATEGIES, *own))}


def _tasks() -> set[str]:
    return _spelled((*TASKS, *SYNONYMS, *default_session().registry.section("tasks")))


def _spelled(names: Iterable[str]) -> set[str]:
    return {way for name in names for way in (name, name.replace("-", "_"), name.replace("_", "-"))}


def _of(inquiry: Inquiry) -> dict[str, Any]:
    """What an inquiry needs of its model."""
    return {
        "system": inquiry.system,
        "tools": inquiry.tools,
        "schema": inquiry.schema,
        "tag": inquiry.tag,
        "budget": inquiry.budget,
        **inquiry.options,
    }


def _row(at: int, one: Candidate) -> tuple[str, ...]:
    cost = "" if one.cost is None else f"${one.cost:.2g}" if one.cost else "free"
    return (
        str(at) if one.eligible else "–",
        one.model,
        "" if one.score is None else f"{one.score + 0.0:.3g}",
        "" if one.quality is None else f"{one.quality:.2f}",
        f"{cost} (simulated)" if one.simulated and cost else cost,
        "" if one.latency is None else f"{one.latency:.1f}",
        one.breaker,
        "; ".join(one.reasons),
    )


def _said(found: Route) -> str:
    left = [one for one in found.candidates if one.eligible]
    if not left:
        return "no model fits."
    rest = len(found.candidates) - len(left)
    out = f"; {rest} {'is' if rest == 1 else 'are'} out" if rest else ""
    more = f"{len(left) - 1} more if it fails" if len(left) > 1 else "nobody else if it fails"
    return f"{left[0].model} is asked first, {more}{out}."


def _dollars(said: Any) -> float | None:
    return None if said is None else float(said)
