"""``benchmark``: one model at several providers (or several models), one call at a time: which is quicker, dearer, down?

Rounds are interleaved, so that a slow minute is slow for all; the first ones warm up connections and are not counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest
from llmkit.core.signal import Signal
from llmkit.engine import known
from llmkit.engine.budget import Budget
from llmkit.engine.session import Prompt, Session, default_session
from llmkit.engine.stream import Stream
from llmkit.engine.whereabouts import cell_id
from llmkit.jobs import table
from llmkit.jobs.answers import Answers
from llmkit.jobs.differences import of_games, sentences
from llmkit.jobs.games import Game
from llmkit.jobs.grid import Cell, Question, as_models, at_once_from, check, label_of, spelt
from llmkit.jobs.pump import Errand, Watcher, run
from llmkit.jobs.report import Report, Reported, dollars, figure, span
from llmkit.jobs.screen import progress_of
from llmkit.jobs.statistics import quantile, quantile_interval, wilson

if TYPE_CHECKING:
    import pandas as pd

#: Long enough to show a pace, short enough to be cheap.
PROMPT: Final = "Explain in about 150 words how tides come about. Plain text, no headings, no lists."
MAX_TOKENS: Final = 400
COLUMNS: Final = (
    *("model", "n", "ok", "error_rate", "error_low", "error_high"),
    *("ttft_p50", "ttft_low", "ttft_high", "ttft_p95"),
    *("tokens_per_s_p50", "tokens_per_s_low", "tokens_per_s_high"),
    *("duration_p50", "cost", "cost_mean", "cost_per_1k_output", "unpriced", "simulated"),
)
#: What names say of a model that is served as it usually is: of several, the one that says nothing else is meant.
_USUAL: Final = frozenset(
    ("chat", "fp8", "hf", "instant", "instruct", "it", "latest", "maas", "turbo", "versatile")
)
#: What rounds are won by: a column, what it is called, and which end of it is the better one.
_RACES: Final = (("ttft", "time to first token", True), ("tokens_per_s", "tokens per second", False))


class Benchmark(Answers, Reported):
    """What was measured. ``df`` has every call, ``summary()`` a row for each, ``plot()`` a picture.

    >>> llmkit.benchmark("llama-3.3-70b", via=["groq", "openrouter"], repeats=20)  # doctest: +SKIP
    """

    def __init__(
        self, cells: Sequence[Cell], *, warmups: Sequence[Cell], at_once: int, session: Session
    ) -> None:
        super().__init__(cells, session=session)
        #: The calls that were not counted.
        self.warmups = tuple(warmups)
        self._at_once = at_once

    def summary(self) -> pd.DataFrame:
        """One row for each: errors, time to the first token and pace (medians with 95 % intervals), cost.

        An interval end is missing where so few calls can't bound it; ``ttft_p95`` needs many calls to mean much.
        """
        frame: pd.DataFrame = table.to_frame([self._row(model) for model in self.models], COLUMNS)
        return frame

    def _row(self, model: str) -> dict[str, Any]:
        rows = [table.record(cell) for cell in self.cells if cell.model == model]
        whole = [row for row in rows if row["status"] == "ok"]
        failed = sum(row["status"] == "error" for row in rows)
        sent = [row for row in rows if row["simulated"] is not None]
        priced = [row for row in sent if row["cost"] is not None]
        metered = [row for row in whole if row["cost"] is not None and row["output"]]
        errors = wilson(failed, failed + len(whole))
        ttft = quantile_interval([row["ttft"] for row in whole if row["ttft"] is not None])
        pace = quantile_interval([row["tokens_per_s"] for row in whole if row["tokens_per_s"] is not None])
        dollars = sum((row["cost"] for row in metered), Decimal(0))
        return {
            "model": model,
            "n": len(rows),
            "ok": len(whole),
            "error_rate": errors.value,
            "error_low": errors.low,
            "error_high": errors.high,
            "ttft_p50": ttft.value,
            "ttft_low": ttft.low,
            "ttft_high": ttft.high,
            "ttft_p95": quantile([row["ttft"] for row in whole if row["ttft"] is not None], 0.95),
            "tokens_per_s_p50": pace.value,
            "tokens_per_s_low": pace.low,
            "tokens_per_s_high": pace.high,
            "duration_p50": quantile([row["duration"] for row in whole if row["duration"] is not None], 0.5),
            "cost": sum((row["cost"] for row in priced), Decimal(0)) if priced else None,
            "cost_mean": dollars / len(metered) if metered else None,
            "cost_per_1k_output": 1000 * dollars / sum(row["output"] for row in metered) if metered else None,
            "unpriced": len(sent) - len(priced),
            "simulated": any(row["simulated"] for row in sent),
        }

    def races(self) -> list[str]:
        """Who was quicker, round by round, in sentences."""
        said = []
        for column, called, lower in _RACES:
            values: dict[int, dict[str, float]] = {}
            for cell in self.cells:
                figure_of = table.record(cell)[column] if cell.status == "ok" else None
                if figure_of is not None:
                    values.setdefault(cell.question.repeat, {})[cell.model] = figure_of
            games = [
                Game(a, b, 0.5 if seen[a] == seen[b] else float((seen[a] < seen[b]) == lower), number)
                for number, seen in values.items()
                for a, b in combinations([model for model in self.models if model in seen], 2)
            ]
            repeats = max((cell.question.repeat for cell in self.cells), default=1)
            said += sentences(of_games(called, games), repeats, unit="rounds")
        return said

    def report(self) -> Report:
        """Medians with intervals, and which differences are more than chance."""
        how = "one call at a time" if self._at_once == 1 else f"{self._at_once} calls at a time"
        rounds = len({cell.question.repeat for cell in self.cells})
        told = [
            f"{_many(rounds, 'round')}, {how}, in turns; {_many(len(self.warmups), 'call')} to warm up not counted. "
            "Medians with 95 % intervals."
        ]
        if again := sum((cell.reply.attempts if cell.reply else 1) > 1 for cell in self.cells):
            told.append(f"{_many(again, 'call')} had to be tried again; the waiting is part of the times.")
        if self.interrupted:
            told.append("It was interrupted; these are the calls that came through.")
        rows = []
        for row in (self._row(model) for model in self.models):
            rate = figure(row["error_rate"], ".0%")
            rows.append(
                (
                    row["model"],
                    f"{row['ok']} of {row['n']}",
                    f"{rate} ({span(row['error_low'], row['error_high'], '.0%')})" if rate != "–" else rate,
                    _with(row, "ttft", ".2f"),
                    figure(row["ttft_p95"], ".2f"),
                    _with(row, "tokens_per_s", ",.0f"),
                    dollars(row["cost_mean"]),
                    dollars(row["cost_per_1k_output"]),
                )
            )
        head = ("model", "whole", "errors", "TTFT (s)", "p95", "tokens/s", "a call", "1,000 tokens out")
        return Report("Benchmark", (*told, *self.races()), head, tuple(rows))

    def progress(self) -> str:
        """How far it is, in a line."""
        over = sum(cell.errand.over for cell in (*self.warmups, *self.cells))
        failed = sum(cell.status == "error" for cell in self.cells)
        told = f"benchmark: {over} of {len(self.warmups) + len(self.cells)} calls"
        return f"{told} · {failed} failed" if failed else told

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return Reported._repr_mimebundle_(self, include, exclude)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _with(row: Mapping[str, Any], name: str, form: str) -> str:
    value = figure(row[f"{name}_p50"], form)
    return value if value == "–" else f"{value} ({span(row[f'{name}_low'], row[f'{name}_high'], form)})"


def benchmark(
    model: str | Iterable[str],
    via: Iterable[str] | Mapping[str, str] | None = None,
    *,
    prompt: Prompt = PROMPT,
    repeats: int = 20,
    warmup: int = 1,
    max_tokens: int = MAX_TOKENS,
    max_concurrency: int = 1,
    budget: float | str | Decimal | Budget | None = None,
    timeout: float | None = None,
    signal: Signal | None = None,
    tag: str | None = "benchmark",
    progress: bool = True,
    session: Session | None = None,
    **more: Any,
) -> Benchmark:
    """Measure how fast, how dear and how reliable a model is at several providers.

    ``via`` names the providers; each is asked for its list where the model's name is not known there, and
    ``via={"groq": "llama-3.3-70b-versatile"}`` says the name yourself. Without ``via``, ``model`` may be several
    names. Every round asks all of them, in turns; ``warmup`` rounds are not counted. Nothing is answered from a cache.
    Ctrl-C keeps what is measured.

    >>> bench = llmkit.benchmark(["sim/swift", "sim/sage"], repeats=5)  # doctest: +SKIP
    >>> bench.summary()  # doctest: +SKIP
    >>> bench.plot("latency")  # doctest: +SKIP
    """
    spelt(more, benchmark)
    place = session or default_session()
    for name, number, least in (("repeats", repeats, 1), ("warmup", warmup, 0)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise BadRequest(
                f"{name} must be a whole number from {least}, not {number!r}.", hint="Nothing was sent."
            )
    at_once = at_once_from(max_concurrency)
    models = as_models(model) if via is None else _named_at(place, model, via)
    held = Budget.of_call(budget)
    common: dict[str, Any] = {
        "max_tokens": max_tokens,
        "timeout": timeout,
        "tag": tag,
        "cell": cell_id(),
        **more,
    }
    for name in models:
        check(place, prompt, model=name, more=common)
    label = label_of(prompt)
    cells: list[Cell] = []
    for turn in range(-warmup + 1, repeats + 1):
        shift = turn % len(models)
        for name in (*models[shift:], *models[:shift]):
            begin = _beginning(
                place, prompt, name, {**common, "cache": False, "sample": turn, "budget": held}
            )
            cells.append(Cell(len(cells), Question(prompt, label, name, repeat=turn), Errand(begin)))
    places = {name: number for number, name in enumerate(models)}
    counted = sorted(
        (cell for cell in cells if cell.question.repeat > 0),
        key=lambda cell: (cell.question.repeat, places[cell.model]),
    )
    warmups = [cell for cell in cells if cell.question.repeat <= 0]
    made = Benchmark(counted, warmups=warmups, at_once=at_once, session=place)
    watcher = progress_of(made.progress) if progress else Watcher()
    watcher.start()
    stop = Signal.never() if signal is None else signal | Signal.never()
    made.interrupted = run([cell.errand for cell in cells], at_once=at_once, stop=stop, watcher=watcher)
    watcher.end()
    return made


def _beginning(
    session: Session, prompt: Prompt, model: str, given: Mapping[str, Any]
) -> Callable[[Signal], Stream]:
    return lambda stop: session.stream(prompt, model=model, signal=stop, **given)


def _named_at(
    session: Session, model: str | Iterable[str], via: Iterable[str] | Mapping[str, str]
) -> list[str]:
    """What the model is called at each provider."""
    if not isinstance(model, str):
        raise BadRequest("via= measures one model.", hint="Name one, or leave via= out. Nothing was sent.")
    if isinstance(via, Mapping):
        return as_models(f"{place}/{name}" for place, name in via.items())
    places = as_models(via)
    for place in places:
        session.registry.entry(place)  # or it says which names are near
    return as_models(f"{place}/{name_at(session, model, place)}" for place in places)


def name_at(session: Session, model: str, place: str) -> str:
    """What a provider calls a model: the name as it is, or the one of its models that has it in its name. Of several
    it is the one that is served as usual ("-instruct", "-versatile"), and not a variant ("-specdec", ":free").

    Where nothing is known of it the provider is asked for its list; where that says nothing, the name is taken as it is.
    """
    wanted = model.rpartition("/")[2] if model.partition("/")[0] == place else model
    if wanted in _known_at(session, place):
        return wanted
    known.refresh(session, place)
    there = _known_at(session, place)
    if wanted in there or not there:
        return wanted
    listed = session.catalogue.listed(place)
    near = _like(wanted, listed) or _like(wanted, there)
    if not near:
        return wanted
    if len(usual := [name for name in near if _is_usual(name, wanted)]) == 1:
        return usual[0]
    shortest = min(near, key=len)
    if all(name.startswith(shortest) for name in near):
        return shortest
    raise BadRequest(
        f"{place} has {len(near)} models like {wanted!r}.",
        why=f"They are {', '.join(sorted(near)[:8])}.",
        hint=f'Say which: via={{"{place}": "{shortest}"}}. Nothing was sent.',
    )


def _known_at(session: Session, place: str) -> list[str]:
    return [name.partition("/")[2] for name in session.catalogue.names() if name.startswith(f"{place}/")]


def _like(wanted: str, names: Iterable[str]) -> list[str]:
    """The names that have all parts of the wanted one, in its order."""
    return [name for name in names if _found(wanted, name)]


def _is_usual(name: str, wanted: str) -> bool:
    found = _found(wanted, name)
    return found is not None and set(_parts(name.casefold()[found.end() :])) <= _USUAL


def _found(wanted: str, name: str) -> re.Match[str] | None:
    pattern = r"[-_:/ .]+".join(map(re.escape, _parts(wanted.casefold())))
    return re.search(rf"(?<![a-z0-9.]){pattern}(?![a-z0-9.])", name.casefold())


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[-_:/ ]+", name) if part]
