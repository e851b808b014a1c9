"""What a grid of calls will send and cost, before the first one is sent; and whether to ask first.

Estimating one call is the engine's business; here are many of them added up, real and simulated money apart.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.core.usage import Cost
from llmkit.engine.session import Session
from llmkit.engine.whereabouts import kernel_shell

if TYPE_CHECKING:
    from llmkit.jobs.grid import Question

#: An answer as long as many are: what the likely cost is reckoned with.
LIKELY_TOKENS = 1_000
#: Dollars above which it is asked first, where the configuration doesn't say.
CONFIRM = 1.0
#: More than so many different questions are not looked at one by one.
_MOST = 64
#: What an estimate wants to know of a call, besides its options.
_SHAPING = ("system", "tools", "tool_choice", "schema")


@dataclass(frozen=True, slots=True)
class Preview:
    """Calls, tokens and dollars of a grid. ``least`` is the questions alone, ``likely`` with 1,000 tokens an answer (fewer where that is the limit),
    ``most`` with the longest answers; ``unpriced`` calls are in none of them, and simulated ones cost nothing."""

    calls: int
    models: int
    tokens: int
    least: Decimal | None
    likely: Decimal | None
    most: Decimal | None
    unpriced: int
    simulated: int

    def __str__(self) -> str:
        calls = f"{self.calls:,} call{'' if self.calls == 1 else 's'}"
        told = [
            f"{calls} to {self.models} model{'' if self.models == 1 else 's'}",
            f"~{self.tokens:,} tokens in",
        ]
        if self.least is not None:
            told.append(f"{_money(self.least)} for the questions")
        if self.likely is not None and self.likely != self.most:
            told.append(f"{_money(self.likely)} with {LIKELY_TOKENS:,} tokens an answer")
        if self.most is not None:
            told.append(f"at most {_money(self.most)}")
        told += [f"{self.unpriced:,} unpriced"] if self.unpriced else []
        told += [f"{self.simulated:,} simulated"] if self.simulated else []
        return " · ".join(told)


def _money(amount: Decimal) -> str:
    return str(Cost(amount, estimated=True))


def preview(session: Session, questions: Iterable[Question], given: Mapping[str, Any]) -> Preview:
    """Look at what will be asked. Nothing is sent."""
    asked = list(questions)
    counts = Counter((question.place, question.model, question.system) for question in asked)
    one = {(question.place, question.model, question.system): question for question in asked}
    step = max(1, -(-len(one) // _MOST))
    looked = list(one)[::step]
    share = Decimal(len(asked)) / sum(counts[key] for key in looked)
    tokens = 0
    unpriced = simulated = 0
    least = likely = most = Decimal(0)
    bounded = priced = False
    options = _of_an_estimate(given)
    for key in looked:
        question, times = one[key], counts[key]
        try:
            found = session.estimate(question.prompt, model=question.model, system=question.system, **options)
        except LLMKitError:  # what can't be looked at may still be asked (from a tape)
            unpriced += times
            continue
        tokens += found.tokens * times
        if found.least.source == "simulated":
            simulated += times
        elif found.least.amount is None:
            unpriced += times
        else:
            priced = True
            least += found.least.amount * times
            if found.most.amount is not None and found.max_output:
                bounded = True
                answer = (found.most.amount - found.least.amount) / found.max_output
                likely += (found.least.amount + answer * min(LIKELY_TOKENS, found.max_output)) * times
                most += found.most.amount * times

    def scaled(amount: Decimal) -> Decimal:
        return amount * share

    return Preview(
        calls=len(asked),
        models=len({question.model for question in asked}),
        tokens=int(tokens * share),
        least=scaled(least) if priced else None,
        likely=scaled(likely) if bounded else None,
        most=scaled(most) if bounded else None,
        unpriced=int(unpriced * share),
        simulated=int(simulated * share),
    )


def _of_an_estimate(given: Mapping[str, Any]) -> dict[str, Any]:
    stream = inspect.signature(Session.stream).parameters.values()
    taken = {one.name for one in stream if one.kind is one.KEYWORD_ONLY} - set(_SHAPING)
    return {name: value for name, value in given.items() if name not in (*taken, "system")}


def threshold(session: Session, confirm: float | bool | None) -> float | None:
    """The dollars above which it is asked first: as the caller says, else the configuration; ``None`` for never."""
    if confirm is False:
        return None
    if confirm is True:
        return 0.0
    if confirm is None:
        return float(session.registry.section("compare").get("confirm", CONFIRM))
    if not isinstance(confirm, int | float) or confirm < 0:
        raise BadRequest(
            f"confirm must be dollars, True or False, not {confirm!r}.", hint="Nothing was sent."
        )
    return float(confirm)


def agreed(seen: Preview, above: float | None) -> bool:
    """May it be sent? Asked only where it is likely to cost more than that, and where somebody can answer."""
    if above is None or seen.likely is None or seen.likely <= Decimal(str(above)) or not _somebody_is_there():
        return True
    try:
        said = input(f"{seen}\nSend them? [y/N] ")
    except EOFError:
        return False
    return said.strip().casefold() in ("y", "yes")


def _somebody_is_there() -> bool:
    shell = kernel_shell()
    if shell is not None:
        return bool(getattr(shell.kernel, "_allow_stdin", False))
    return sys.stdin is not None and sys.stdin.isatty()
