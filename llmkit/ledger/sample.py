"""A month that never was: the calls of a small team, for trying tables, plots and dashboards without spending.

What people do is data (:data:`_WORKS`); chance comes from a seed, so that the same seed and the same end make the same
rows. Prices are those of the price list; speeds and failures are invented, and say nothing about anybody's models.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from math import exp, log
from typing import Any, Final

from llmkit.core import errors as e
from llmkit.core.errors import BadRequest
from llmkit.core.reply import Reply, StopReason, Timing
from llmkit.core.usage import Cost, Usage
from llmkit.ledger import entry
from llmkit.ledger.accounts import Accounts
from llmkit.ledger.allowance import Allowance
from llmkit.ledger.process import this_process
from llmkit.ledger.query import Filter
from llmkit.ledger.schema import Status
from llmkit.ledger.store import Ledger
from llmkit.models.prices import cost_of

_SONNET, _HAIKU = ("anthropic", "claude-sonnet-5-5"), ("anthropic", "claude-haiku-5-5")
_LUNA, _TERRA = ("openai", "gpt-6-luna"), ("openai", "gpt-6.1-terra")
_FLASH, _OPEN, _OWN = ("gemini", "gemini-3.8-flash"), ("groq", "openai/gpt-oss-120b"), ("ollama", "qwen3:8b")

#: Invented: seconds to the first token, and tokens a second.
_PACE: Final = {
    _SONNET: (0.9, 75),
    _HAIKU: (0.45, 160),
    _LUNA: (0.6, 140),
    _TERRA: (1.4, 60),
    _FLASH: (0.5, 190),
    _OPEN: (0.25, 420),
    _OWN: (1.1, 28),
}
#: Who reads prompts from a cache, and whether writing to it is counted.
_CACHES: Final = {"anthropic": True, "openai": False, "gemini": False}
_REASONS: Final = (_SONNET, _TERRA, _FLASH, _OPEN)


@dataclass(frozen=True, slots=True)
class _Work:
    """Something people do: where, with which models, how long its prompts and answers are, how often and when."""

    notebook: str | None
    tag: str | None
    models: Mapping[tuple[str, str], float]
    prompt: int
    answer: int
    share: float
    burst: tuple[int, int] = (1, 6)
    hours: tuple[int, int] = (8, 18)
    days: tuple[float, ...] = (1, 1.1, 1, 1, 0.8, 0.1, 0.1)
    cached: float = 0.0
    replayed: float = 0.0
    cells: tuple[str, ...] = field(default=())


_WORKS: Final = (
    _Work(
        "work/reviews.ipynb",
        "reviews",
        {_LUNA: 5, _HAIKU: 3, _FLASH: 2},
        prompt=420,
        answer=60,
        share=0.42,
        burst=(12, 45),
        replayed=0.06,
        cells=("9d3f01aa", "c21b77e0"),
    ),
    _Work(
        "work/report.ipynb",
        "report",
        {_SONNET: 6, _TERRA: 2},
        prompt=9_000,
        answer=900,
        share=0.2,
        cached=0.8,
        cells=("04a7be11", "5be0c9d2", "77f1a3c8"),
    ),
    _Work(
        "research/papers.ipynb",
        "papers",
        {_FLASH: 4, _SONNET: 1},
        prompt=24_000,
        answer=700,
        share=0.1,
        cached=0.4,
        cells=("e8812f4b", "3c90d6aa"),
    ),
    _Work(
        "scratch.ipynb",
        None,
        {_SONNET: 3, _LUNA: 3, _FLASH: 2, _OWN: 2},
        prompt=300,
        answer=380,
        share=0.18,
        days=(1, 1, 1, 1, 1, 0.5, 0.4),
        hours=(8, 22),
        cells=("1f6e0b52", "a90c44d7", "d2b81e35", "60fa93c1"),
    ),
    _Work(
        None,
        "nightly",
        {_OPEN: 3, _LUNA: 1},
        prompt=1_500,
        answer=220,
        share=0.1,
        burst=(4, 12),
        hours=(2, 3),
        days=(1, 1, 1, 1, 1, 1, 1),
    ),
)
#: What goes wrong, how often (of a thousand), and how the row then ends. Who was too fast is asked once more.
_TROUBLE: Final[tuple[tuple[Status, int, e.LLMKitError], ...]] = (
    ("error", 22, e.RateLimited("Too many requests.", why="The provider's limit of requests a minute was reached.")),
    ("error", 8, e.Overloaded("The provider is overloaded.", why="It answered with 529.")),
    ("cancelled", 14, e.Aborted("Stopped.", why="The Stop button was clicked.")),
    ("truncated", 4, e.TruncatedStream("The answer broke off.", why="The connection was closed before its end.")),
    ("error", 3, e.ContextLengthError("The prompt is too long.", why="It is longer than the model's context.")),
    ("unknown_billed", 1, e.IdleTimeout("No more bytes came for 60 s.")),
)  # fmt: skip


def history(
    path: str | None = None,
    *,
    days: int = 30,
    calls: int = 1500,
    seed: int = 1,
    until: datetime | None = None,
) -> Accounts:
    """The accounts of an invented past; see ``llmkit.sim.history``.

    >>> book = history(days=7, calls=40)
    >>> book.total().attempts > 35, int(book()["simulated"].sum()) == len(book())
    (True, True)
    """
    for name, number, most in (("days", days, 3650), ("calls", calls, 1_000_000)):
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
            raise BadRequest(
                f"{name}={number!r} makes no history.", hint=f"{name} is a whole number from 1 to {most:,}."
            )
    end = (until or datetime.now(UTC)).astimezone(UTC)
    ledger = Ledger.open(path if path is not None else ":memory:")
    rows = sorted(_rows(random.Random(seed), end, days, calls), key=lambda row: str(row["id"]))  # noqa: S311 - no secret
    ledger.write(rows)
    last = next((str(row["session"]) for row in reversed(rows)), None)
    wanted = Filter(simulated=True)
    book = Accounts(lambda: ledger, wanted=wanted)
    return Accounts(lambda: ledger, wanted=wanted, session=lambda: last, budgets=lambda: _budgets(book, end))


# -- when ------------------------------------------------------------------------------------------


def _rows(dice: random.Random, end: datetime, days: int, calls: int) -> Iterator[entry.Row]:
    """As many calls as are wanted, in bursts; a retry adds an attempt."""
    left, number = calls, 0
    works = [work.share / (sum(work.burst) / 2) for work in _WORKS]
    weekdays = [end.date() - timedelta(days=ago) for ago in range(days)]
    odd = {dice.randrange(calls) for _ in range(max(1, calls // 600))}
    while left:
        work = dice.choices(_WORKS, works)[0]
        day = dice.choices(weekdays, [work.days[one.weekday()] or 0.01 for one in weekdays])[0]
        first, last = work.hours
        at = datetime.combine(day, time(), UTC) + timedelta(hours=dice.triangular(first, last))
        session = f"{dice.getrandbits(48):012x}"
        where = (session, dice.choice(work.cells) if work.cells else None)
        model = dice.choices(list(work.models), list(work.models.values()))[0]
        for turn in range(min(left, dice.randint(*work.burst))):
            number, left = number + 1, left - 1
            at += timedelta(seconds=dice.expovariate(1 / (2 if work.burst[0] > 6 else 90)))
            if at >= end:  # the future is not invented
                at -= timedelta(days=days) * ((at - end) // timedelta(days=days) + 1)
            yield from _call(dice, work, model, where, at, turn, long=25 if number in odd else 1)


# -- what ------------------------------------------------------------------------------------------


def _call(
    dice: random.Random,
    work: _Work,
    model: tuple[str, str],
    where: tuple[str, str | None],
    at: datetime,
    turn: int,
    *,
    long: int,
) -> Iterator[entry.Row]:
    call = f"{dice.getrandbits(96):024x}"
    for attempt in (1, 2, 3):
        status, error = _ending(dice, work, model)
        if long > 1:
            status, error = "ok", None
        reply = _reply(dice, work, model, at, status, turn, long, error)
        row = entry.opening(
            id=f"{int(at.timestamp() * 1000):012x}{dice.getrandbits(80):020x}",
            call=call,
            attempt=attempt,
            session=where[0],
            provider=model[0],
            model=model[1],
            notebook=work.notebook,
            cell=where[1],
            tag=work.tag,
            simulated=True,
            writer=this_process(),
            mask=str,
        )
        row |= entry.settlement(
            status=status,
            reply=reply,
            error=error,
            cost=_cost(reply, model, status, at),
            measured=None,
            mask=str,
        )
        took = timedelta(seconds=float(row["duration"] or 0))
        yield row | {"started": at.timestamp(), "settled": (at + took).timestamp()}
        if not isinstance(error, e.RateLimited | e.Overloaded):
            return
        at += took + timedelta(seconds=dice.uniform(1, 4))


def _ending(dice: random.Random, work: _Work, model: tuple[str, str]) -> tuple[Status, e.LLMKitError | None]:
    if dice.random() < work.replayed:
        return "cached", None
    number = dice.randrange(1000)
    for status, share, error in _TROUBLE:
        if model != _OWN and number < share:
            return status, error
        number -= share
    return "ok", None


def _reply(
    dice: random.Random,
    work: _Work,
    model: tuple[str, str],
    at: datetime,
    status: Status,
    turn: int,
    long: int,
    error: e.LLMKitError | None,
) -> Reply:
    first, rate = _PACE[model]
    ttft = _around(dice, first * (1.25 if 14 <= at.hour <= 17 else 1))  # the afternoon is slower
    given, made = round(_around(dice, work.prompt) * long), max(1, round(_around(dice, work.answer) * long))
    if status in ("error", "unknown_billed"):
        waited = 60 + ttft if status == "unknown_billed" else ttft / 3
        return Reply(provider=model[0], model=model[1], timing=Timing(None, waited), simulated=True)
    if status in ("cancelled", "truncated"):
        made = max(1, round(made * dice.uniform(0.1, 0.8)))
    usage: dict[str, Any] = {"output": made, "source": "estimated" if status in ("cancelled", "truncated") else "provider"}  # fmt: skip
    kept = round(given * work.cached) if given > 1024 else 0
    if kept and model[0] in _CACHES:
        given -= kept
        usage["cache_write_5m" if turn == 0 and _CACHES[model[0]] else "cache_read"] = kept
    if model in _REASONS and work.answer > 200:
        usage["reasoning"] = round(made * dice.uniform(0.2, 0.6))
    timing = Timing(0.001, 0.004) if status == "cached" else Timing(ttft, ttft + made / _around(dice, rate))
    return Reply(
        provider=model[0],
        model=model[1],
        usage=Usage(input=given, **usage),
        stop_reason=StopReason("stop" if error is None else "error"),
        timing=timing,
        simulated=True,
    )


def _cost(reply: Reply, model: tuple[str, str], status: str, at: datetime) -> Cost:
    if status == "cached":
        return Cost(Decimal(0), source="not-billed", note="replayed from the cache")
    if status == "error":
        return Cost(Decimal(0), source="not-billed", note="The provider refused it.")
    return cost_of(reply.usage, provider=model[0], model=model[1], at=at)


def _around(dice: random.Random, middle: float) -> float:
    return exp(dice.gauss(log(middle), 0.35))


# -- budgets ---------------------------------------------------------------------------------------


def _budgets(book: Accounts, end: datetime) -> tuple[Allowance, ...]:
    """Two that somebody might have set: for the day and for a tag."""
    midnight = datetime.combine(end.date(), time(), UTC)
    spent = book.total(since=midnight).cost or Decimal(0)
    tagged = book.total(tag="report").cost or Decimal(0)
    tomorrow = midnight + timedelta(days=1)
    return (
        Allowance(name="day", limit=Decimal(2), spent=spent, since=midnight, resets=tomorrow, simulated=True),
        Allowance(name="report", limit=Decimal(20), spent=tagged, tag="report", simulated=True),
    )
