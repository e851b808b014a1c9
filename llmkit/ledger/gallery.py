"""All plots by name: what each reads, what it may be asked, and how ``usage.plot(...)`` gets from a name to a figure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest
from llmkit.ledger import plots, plots_speed
from llmkit.ledger.figure import empty
from llmkit.ledger.frame import KINDS, frame_of
from llmkit.ledger.palette import STATUS_COLOURS, Palette
from llmkit.ledger.query import Filter
from llmkit.ledger.sums import NEEDED, TIMES

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.ledger.accounts import Accounts


@dataclass(frozen=True, slots=True)
class Plot:
    """One kind of plot: ``reads`` are its columns, ``options`` what ``plot(...)`` hands on to it."""

    draw: Callable[..., Any]
    reads: tuple[str, ...]
    title: str
    options: tuple[str, ...] = ()


PLOTS: Final[Mapping[str, Plot]] = {
    "cost": Plot(plots.cost, ("started", *NEEDED), "Cost over time", ("by", "freq")),
    "tokens": Plot(plots.tokens, ("started", *NEEDED), "Tokens by class", ("freq",)),
    "latency": Plot(plots_speed.latency, ("status", "ttft", "duration", "output"), "Latency", ("by",)),
    "frontier": Plot(
        plots_speed.frontier, ("model", "status", "cost", "ttft", "duration", "output"), "Cost against speed"
    ),
    "status": Plot(plots_speed.status, ("started", "status", "attempt"), "How attempts ended", ("freq",)),
    "budget": Plot(
        plots.budget, ("started", "cost", "session", "tag", "simulated"), "What is left of the budgets"
    ),
    "hours": Plot(plots.hours, ("started", "cost"), "Cost by weekday and hour", ("tz",)),
    "tree": Plot(plots.tree, ("notebook", "cell", "model", *NEEDED), "Cost by notebook, cell and model"),
    "session": Plot(plots.session, ("started", "model", "cost"), "Cost of this session so far"),
}


#: What people call some of them.
_CALLED: Final = {
    **dict.fromkeys(("heatmap", "heat map", "hour", "weekday"), "hours"),
    **dict.fromkeys(("treemap", "notebook", "notebooks", "cells"), "tree"),
    **dict.fromkeys(("cumulative", "total", "running"), "session"),
    **dict.fromkeys(("burndown", "burn-down", "budgets"), "budget"),
    **dict.fromkeys(("errors", "retries", "statuses"), "status"),
    **dict.fromkeys(("ttft", "speed", "tokens_per_second"), "latency"),
    **dict.fromkeys(("pareto", "cost_speed"), "frontier"),
}


def draw(
    book: Accounts, kind: str, *, png: bool | None = None, frame: pd.DataFrame | None = None, **asked: Any
) -> Any:
    """The figure of that name; what is no option of it is a filter. ``frame``: the rows that the filters find, where
    somebody has read them already."""
    if kind not in PLOTS:
        named = {**dict.fromkeys(PLOTS), **_CALLED}
        near = [_CALLED.get(name, name) for name in difflib.get_close_matches(kind.lower(), named, n=1)]
        raise BadRequest(
            f"There is no plot {kind!r}.",
            why=f"Did you mean {near[0]!r}?" if near else "",
            hint=f"Plots: {', '.join(PLOTS)}.",
        )
    plot = PLOTS[kind]
    options = {name: asked.pop(name) for name in plot.options if name in asked}
    group = options.get("by", "model")
    if not isinstance(group, str) or group not in KINDS:
        raise BadRequest(
            f"Can't group a plot by {group!r}.",
            why="Time goes along the axis."
            if group in TIMES
            else "A plot is grouped by one column of usage().",
            hint="For example by='model', freq='D'.",
        )
    reads = dict.fromkeys([*plot.reads, *([group] if "by" in plot.options else [])])
    extra: dict[str, Any] = {}
    if kind == "session":
        asked.setdefault("session", book.session)
    if kind == "budget":
        extra["budgets"] = book.budgets
        asked.setdefault("simulated", any(one.simulated for one in extra["budgets"]))
    if frame is None:
        frame = book(columns=list(reads), **asked)
    if kind == "budget" and not extra["budgets"]:
        return empty(
            plot.title, "No budget is set. llmkit.default_session().budget(2, per='day') sets one.", frame
        )
    if frame.empty:
        return empty(plot.title, _nothing(book, asked), frame)
    made = plot.draw(frame, _palette(book, group), **options, **extra)
    if not len(made.table) and kind != "budget":
        return empty(plot.title, "None of these calls has the figures that this plot needs.", made.table)
    made._png = png
    return made


def _palette(book: Accounts, group: str) -> Palette:
    """From the whole ledger, whatever is filtered: so a model keeps its colour from plot to plot."""
    names: pd.DataFrame = frame_of(book.ledger, Filter(simulated=True), [group])
    return Palette(
        (str(name) for name in names[group].dropna().drop_duplicates()),
        STATUS_COLOURS if group == "status" else None,
    )


def _nothing(book: Accounts, asked: dict[str, Any]) -> str:
    if asked.get("simulated"):
        return "There are no calls to draw yet."
    simulated = len(book(columns=["model"], **(asked | {"simulated": True})))
    if not simulated:
        return "There are no calls to draw yet."
    return f"There are no real calls to draw. ({simulated:,} simulated ones are left out; simulated=True draws them.)"
