"""The small commands of ``%llm``: the model, money, the tape, the cache, and what is set."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

from llmkit.core.errors import BadRequest
from llmkit.engine import health
from llmkit.engine.budget import Budget
from llmkit.engine.cache import Cache
from llmkit.engine.health import Report
from llmkit.engine.session import default_session
from llmkit.engine.tape import Mode, Tape
from llmkit.ledger.allowance import Allowance
from llmkit.ledger.query import Filter
from llmkit.ledger.words import money
from llmkit.notebook import background, defaults
from llmkit.notebook.account import HEAD, by_model
from llmkit.notebook.listing import Listing
from llmkit.notebook.modeltable import model_table
from llmkit.notebook.options import usage_error

if TYPE_CHECKING:
    from llmkit.notebook.magics import LLMMagics

TAPE_USAGE = "%llm tape [PATH [--mode auto|record|replay] | off]"

DOCTOR_USAGE = "%llm doctor [--check]"
STOP_USAGE = "%llm stop [all | N]"
_NOTHING_RUNS = "Nothing runs in the background."


def said(*notes: str) -> Listing:
    """A sentence or two, and no table."""
    return Listing((), (), notes)


def use(magics: LLMMagics, words: list[str]) -> Listing:
    """The model of every cell that names none."""
    if not words:
        provider, name = default_session().resolve(magics.defaults.value("model"))
        return said(f"Cells that name no model ask {provider.name}/{name}.")
    provider, name = default_session().resolve(words[0])
    magics.defaults.put("model", words[0])
    return said(f"Cells that name no model now ask {provider.name}/{name}.")


def models(_: LLMMagics, words: list[str]) -> Listing:
    """The models that are known, filtered; with --local or --live, those that servers list now."""
    return model_table(default_session(), words)


def doctor(_: LLMMagics, words: list[str]) -> Report:
    """Look at everything a call needs. --check also tries each key, by a request that costs nothing."""
    return health.doctor(check="--check" in words)


def usage(_: LLMMagics, __: list[str]) -> Listing:
    """This session by model. Simulated spending stands apart: it is marked, and in no total. All that was ever asked
    is a DataFrame, `llmkit.usage(since="yesterday", simulated=True)`.
    """
    session = default_session()
    rows = by_model(session.ledger.columns(Filter(session=session.id, simulated=True)))
    return Listing(HEAD, rows, () if rows else ("Nothing was asked in this session yet.",))


def budget(_: LLMMagics, words: list[str]) -> Listing:
    """`%llm budget 2/day` sets one, `%llm budget 0.50/reviews` one for calls with that tag, `%llm budget off day` lifts
    one, `%llm budget` shows them. A call that could cost more than is left is not sent; simulated calls don't count.
    """
    session = default_session()
    if words[:1] == ["off"]:
        per = words[1] if len(words) > 1 else "session"
        there = [one.per for one in session.budgets]
        if words[1:] and per not in there:
            raise BadRequest(
                f"There is no budget {per!r}.",
                why=f"Budgets are set per {', '.join(there) or 'nothing yet'}.",
                hint="`%llm budget` shows them.",
            )
        session.budget(None, per=per)
    elif words:
        wanted = Budget.parse(" ".join(words))
        session.budget(wanted.limit, per=wanted.per)
    rows = tuple(
        (one.name, money(one.limit), money(one.spent), money(one.left), bar(one.share), resets(one))
        for one in session.usage.budgets
    )
    notes = [] if rows else ["No budget is set."]
    if rows and not all(one.simulated for one in session.budgets):
        notes.append(
            'Simulated calls don\'t count; `llmkit.default_session().budget(2, per="day", simulated=True)` counts them, too.'
        )
    return Listing(("per", "limit", "spent", "left", "", "resets"), rows, tuple(notes))


def bar(share: float, width: int = 12) -> str:
    """How full it is, in letters.

    >>> bar(0.5, 4), bar(2.0, 4)
    ('██░░ 50%', '████ 200%')
    """
    full = min(width, int(share * width + 0.5))
    return f"{'█' * full}{'░' * (width - full)} {share:.0%}"


def resets(one: Allowance) -> str:
    """When it begins anew."""
    if one.resets is None:
        return "with the session" if one.session else "never"
    left = one.resets - datetime.now(UTC)
    minutes = max(0, int(left.total_seconds() // 60))
    return f"in {minutes // 60} h {minutes % 60:02d} min (midnight UTC)"


def is_budget(words: list[str]) -> bool:
    """Do these words make a command of ``%llm budget``, and no prompt?"""
    return len(words) <= 1 or words[0] == "off" or re.match(r"\$?[\d.]", words[0]) is not None


def tape(_: LLMMagics, words: list[str]) -> Listing:
    """`%llm tape demo.llm.jsonl` replays what is on it and records what is not, so that the notebook runs again with no
    key. With `--mode replay` nobody is asked, with `--mode record` everything is asked anew; `%llm tape off` takes it out.
    """
    session = default_session()
    match words:
        case []:
            pass
        case ["off"]:
            session.tape = None
        case [path]:
            Tape(path).insert(session)
        case [path, "--mode", mode] if mode in get_args(Mode):
            Tape(path, mode).insert(session)  # type: ignore[arg-type]  # it was just looked up
        case _:
            raise usage_error(f"%llm tape {' '.join(words)} is not understood", TAPE_USAGE)
    now = session.tape
    return said("No tape is in." if now is None else f"The tape {now.path} is in (mode {now.mode}).")


def cache(_: LLMMagics, words: list[str]) -> Listing:
    """Answer the same question from disk, or don't."""
    session = default_session()
    match words:
        case ["on"]:
            session.cache = session.cache or Cache(tell=session.notice)
        case ["off"]:
            session.cache = None
        case [other]:
            raise BadRequest(
                f"%llm cache takes on or off, not {other!r}.",
                hint="`%llm cache` alone says which it is.",
            )
    now = session.cache
    return said(
        "The cache is off." if now is None else f"The cache is on: {now.hits} hits, {now.misses} misses."
    )


def bg(_: LLMMagics, __: list[str]) -> Listing:
    """The answers that come in the background."""
    rows = tuple(
        (str(number), job.model, job.question, f"{len(job.text):,}", f"{job.seconds:.0f} s")
        for number, job in enumerate(background.running(), 1)
    )
    notes = ("%llm stop stops them all, %llm stop N one.",) if rows else (_NOTHING_RUNS,)
    return Listing(("", "model", "question", "characters", "for"), rows, notes)


def stop(_: LLMMagics, words: list[str]) -> Listing:
    """Stop what runs in the background: one, by its number in ``%llm bg``, or all of it."""
    jobs = background.running()
    match words:
        case [] | ["all"]:
            chosen = jobs
        case [number] if number.isdigit() and 1 <= int(number) <= len(jobs):
            chosen = (jobs[int(number) - 1],)
        case _:
            raise usage_error(f"%llm stop {' '.join(words)} stops nothing: {len(jobs)} run", STOP_USAGE)
    for job in chosen:
        job.stop()
    return said(*(f"Stopped: {job.question} ({job.model})" for job in chosen) if chosen else (_NOTHING_RUNS,))


def config(magics: LLMMagics, __: list[str]) -> Listing:
    """What cells do where they don't say, and who said so."""
    rows = []
    for name in defaults.names():
        now = magics.defaults.in_force(name)
        rows.append((name, "" if now.value in ("", None) else repr(now.value), now.origin, helps(name)))
    return Listing(
        ("setting", "value", "from", ""),
        tuple(rows),
        (
            "Set one with %config LLMKit.NAME = VALUE, or in the `cell:` section of llmkit.yaml "
            f"(here, or as {defaults.users_file()}).",
        ),
    )


def helps(name: str) -> str:
    """What a setting is for."""
    return str(defaults.LLMKit.class_own_traits()[name].help)
