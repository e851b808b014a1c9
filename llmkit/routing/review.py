"""What routing was worth: what each strategy would have cost for the calls that were made, and how fast it would have
been; and which cheaper models your own judgements call equal. Nothing is sent.

It is arithmetic over the ledger's tokens: that another model would have written as much, and as well, is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from llmkit.core.errors import LLMKitError
from llmkit.engine.session import Session
from llmkit.ledger.query import Filter, Moment
from llmkit.ledger.reader import read
from llmkit.ledger.words import money
from llmkit.models.rates import Rates, rates_of
from llmkit.routing.experience import Experience
from llmkit.routing.needs import Need
from llmkit.routing.orchestrator import Orchestrator, orchestrator
from llmkit.routing.pool import offered
from llmkit.routing.profiles import Profile, profile
from llmkit.routing.rank import rank
from llmkit.routing.strategies import STRATEGIES, Asked
from llmkit.routing.tasks import Task, task_of
from llmkit.routing.verdicts import Judged, Verdicts

if TYPE_CHECKING:
    import pandas as pd

#: Strategies that can be asked after the fact; the others depend on what was going on.
COMPARED = ("cost-optimized", "balanced", "performance-optimized", "latency-optimized", "local-first")
#: So many calls are looked at, spread evenly over all of them.
_LOOKED_AT = 400
_COLUMNS = (
    "provider",
    "model",
    "status",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "cost",
    "currency",
    "duration",
    "route",
)
#: A share of wins this much lower is still called equal, where there are so many judgements of both.
_EQUAL, _ENOUGH = 0.05, 10
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Line:
    """One strategy: what it would have cost and how long it would have taken, on average. ``regret`` is how much more
    the calls did cost than they would have."""

    strategy: str
    cost: Decimal | None
    seconds: float | None
    regret: Decimal | None
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Used:
    model: str
    tokens: int
    answer: int
    cost: Decimal | None
    seconds: float | None
    task: Task


@dataclass(frozen=True, slots=True)
class Report:
    """``calls`` that were made, of which ``looked_at`` were priced again; ``lines`` by strategy (the first is what was
    done), and ``suggestions`` in words."""

    calls: int
    looked_at: int
    lines: tuple[Line, ...]
    suggestions: tuple[str, ...] = ()

    @property
    def df(self) -> pd.DataFrame:
        """One row for each strategy; none where there was no call."""
        from llmkit.ledger.frame import pandas

        rows = [
            {
                "strategy": line.strategy,
                "cost": _number(line.cost),
                "seconds": line.seconds,
                "regret": _number(line.regret),
                "models": ", ".join(line.models),
            }
            for line in (self.lines if self.calls else ())
        ]
        made: pd.DataFrame = pandas().DataFrame(
            rows, columns=["strategy", "cost", "seconds", "regret", "models"]
        )
        return made

    def __str__(self) -> str:
        if not self.calls:
            return "\n".join([self._told, *self.suggestions])
        head = ("strategy", "cost", "mean time", "would have saved", "models")
        rows = [head, *(_cells(line) for line in self.lines)]
        widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([self._told, *lines, *self.suggestions])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.calls:
            return f'<div class="tex2jax_ignore mathjax_ignore">{escape(self._told)}</div>'
        head = "".join(
            f'<th style="text-align:left">{name}</th>'
            for name in ("strategy", "cost", "mean time", "would have saved", "models")
        )
        cells = [
            [f'<td style="text-align:left">{escape(cell)}</td>' for cell in _cells(line)]
            for line in self.lines
        ]
        rows = "".join(f"<tr>{''.join(line)}</tr>" for line in cells)
        notes = "".join(f"<div>{escape(note)}</div>" for note in (self._told, *self.suggestions))
        return (
            f'<div class="tex2jax_ignore mathjax_ignore">{notes}'
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )

    @property
    def _told(self) -> str:
        if not self.calls:
            return "No call to look at yet: nothing was asked in that time (simulated calls count with simulated=True)."
        of = "" if self.looked_at == self.calls else f" of {self.calls:,}"
        return f"{self.looked_at:,}{of} call{'' if self.calls == 1 else 's'}, priced again for the models that can be asked now (an estimate)."


def report(
    since: Moment | None = "30d",
    *,
    session: Session | None = None,
    models: Iterable[str] = (),
    simulated: bool = False,
) -> Report:
    """What each strategy would have cost, and how fast it would have been, for the calls since then.

    >>> llmkit.routing.report("7d")  # doctest: +SKIP
    """
    chosen = orchestrator(session)
    session = chosen.session
    calls = _calls(session, since, simulated=simulated)
    step = max(1, -(-len(calls) // _LOOKED_AT))
    looked = calls[::step]
    profiles = _profiles(
        session, [*models] or [*offered(session), *dict.fromkeys(one.model for one in calls)]
    )
    if not simulated:
        profiles = [one for one in profiles if not one.simulated]
    rates = {one.model: _rates(session, one) for one in profiles}
    done = Line(
        "as it was",
        _sum(one.cost for one in looked),
        _mean([one.seconds for one in looked]),
        None,
        tuple(sorted({one.model for one in looked})),
    )
    lines = [done, *(_line(name, looked, profiles, rates, chosen, done.cost) for name in COMPARED)]
    return Report(len(calls), len(looked), tuple(lines), tuple(_suggestions(calls, rates, chosen.verdicts)))


def _calls(session: Session, since: Moment | None, *, simulated: bool) -> list[_Used]:
    found: list[_Used] = []
    tasks: dict[str, Task] = {}
    for piece in read(session.ledger, Filter(since=since, simulated=simulated, status="ok"), _COLUMNS):
        for values in zip(*(piece[name] for name in _COLUMNS), strict=True):
            row = dict(zip(_COLUMNS, values, strict=True))
            if row["input"] is None or row["output"] is None:
                continue
            name = str(row["route"] or "").partition("/")[0]
            if name not in tasks:
                tasks[name] = _task(session, name)
            cost = Decimal(str(row["cost"])) if row["cost"] is not None and row["currency"] == "USD" else None
            found.append(
                _Used(
                    f"{row['provider']}/{row['model']}",
                    int(row["input"]) + int(row["cache_read"] or 0) + int(row["cache_write"] or 0),
                    int(row["output"]),
                    cost,
                    row["duration"],
                    tasks[name],
                )
            )
    return found


def _task(session: Session, name: str) -> Task:
    """What a call was for, as its row says; in general, where that says nothing (or nothing that is known still)."""
    sections = session.registry.section("tasks"), session.registry.section("routing")
    try:
        return task_of(name, *sections)
    except LLMKitError:
        return task_of(None, *sections)


def _profiles(session: Session, names: Sequence[str]) -> list[Profile]:
    known = Experience.read(session.ledger)
    made = (profile(session, name, Need(), known, named=True) for name in dict.fromkeys(names))
    return [one for one in made if not one.problem and one.key]


def _rates(session: Session, one: Profile) -> Rates | None:
    try:
        provider, model = session.resolve(one.model)
    except LLMKitError:
        return None
    at = datetime.now(UTC)
    return rates_of(provider.name, model, at=at, base_url=provider.base_url, overrides=session.prices)


def _price(rates: Rates | None, used: _Used) -> Decimal | None:
    if rates is None or rates.currency != "USD":
        return None
    return (rates["input"] * used.tokens + rates["output"] * used.answer) / _MILLION


def _line(
    name: str,
    looked: Sequence[_Used],
    profiles: Sequence[Profile],
    rates: dict[str, Rates | None],
    chosen: Orchestrator,
    done: Decimal | None,
) -> Line:
    costs: list[Decimal | None] = []
    seconds: list[float | None] = []
    models: dict[str, int] = {}
    for used in looked:
        need = Need(tokens=used.tokens, most_tokens=used.tokens, answer=used.answer, longest=used.answer or 1)
        priced = [replace(one, cost=_price(rates[one.model], used)) for one in profiles]
        found = rank(priced, need, used.task, STRATEGIES[name], Asked(), chosen.verdicts)
        first = next((one for one in found if one.eligible), None)
        costs.append(None if first is None else first.cost)
        seconds.append(None if first is None else first.latency)
        if first is not None:
            models[first.model] = models.get(first.model, 0) + 1
    cost = _sum(costs)
    regret = None if cost is None or done is None else done - cost
    return Line(name, cost, _mean(seconds), regret, tuple(sorted(models, key=lambda one: -models[one])))


def _suggestions(calls: Sequence[_Used], rates: dict[str, Rates | None], said: Verdicts) -> Iterable[str]:
    used = {one.model: [each for each in calls if each.model == one.model] for one in calls}
    if used and not said:
        yield "Which cheaper models are as good for you, comparisons tell: vote, judge or score (llmkit.compare(…))."
    for model, of in used.items():
        if not (paid := _sum(each.cost for each in of)):
            continue
        best: tuple[Decimal, str, tuple[Judged, Judged]] | None = None
        for other in said.models:
            found = None if other == model else said.between(model, other)
            price = _sum(_price(rates.get(other), each) for each in of)
            if found is None or price is None or price >= paid or min(one.of for one in found) < _ENOUGH:
                continue
            if found[1].share >= found[0].share - _EQUAL and (best is None or price < best[0]):
                best = (price, other, found)
        if best is not None:
            price, other, (mine, its) = best
            yield (
                f"{other} instead of {model}: its {len(of):,} calls would have cost about {money(price)}, not "
                f"{money(paid)}, and you found it as good ({its.share:.0%} of {its.of} against {mine.share:.0%} "
                f"of {mine.of})."
            )


def _sum(costs: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; unknown if one is."""
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


def _mean(seconds: Sequence[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    return sum(known) / len(known) if known and len(known) == len(seconds) else None


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.strategy,
        "unknown" if line.cost is None else money(line.cost),
        "unknown" if line.seconds is None else f"{line.seconds:.1f} s",
        "" if line.regret is None else f"{'-' if line.regret < 0 else ''}{money(abs(line.regret))}",
        ", ".join(line.models[:3]) + (" …" if len(line.models) > 3 else ""),
    )
