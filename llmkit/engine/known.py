"""The table of models: what each can do, what it costs, who says so; filtered by words as people write them.

What is known of one model lives in ``models/``; asking providers for their lists is in ``providers/listing.py``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.engine.loop import IOThread
from llmkit.models import pricelist
from llmkit.models.aliases import ALIASES
from llmkit.models.catalogue import ABILITIES, ModelFacts
from llmkit.models.filters import FLAGS, SORTS
from llmkit.models.prices import Overrides, own_price
from llmkit.providers import discovery, listing

if TYPE_CHECKING:
    from llmkit.engine.session import Session

USAGE = "[WORD ...] [--vision --tools --pdf --audio --structured --thinking] [--provider NAME] [--sort COLUMN] [--all] [--local | --live]"


@dataclass(frozen=True, slots=True)
class Row:
    """One model in the table."""

    facts: ModelFacts
    aliases: tuple[str, ...]
    price: pricelist.PerMillion | None

    @property
    def price_source(self) -> str | None:
        """Who says what it costs."""
        return None if self.price is None else f"{self.price.source} {self.price.since}".strip()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which models, in which order.

    >>> Wanted.parse(["sonnet", "--vision", "--sort", "price"]).sort
    'price'
    """

    words: tuple[str, ...] = ()
    can: tuple[str, ...] = ()
    provider: str | None = None
    sort: str = "name"
    retired: bool = False
    local: bool = False
    live: bool = False

    @classmethod
    def parse(cls, words: Sequence[str]) -> Wanted:
        """What is written after ``%llm models`` or ``llmkit models``."""
        plain: list[str] = []
        can: list[str] = []
        more: dict[str, Any] = {}
        rest = iter(words)
        for word in rest:
            name, _, given = word.partition("=")
            if word in FLAGS:
                can.append(FLAGS[word])
            elif word in ("--local", "--live", "--all"):
                more["retired" if word == "--all" else word[2:]] = True
            elif name in ("--provider", "--sort"):
                value = given or next(rest, "")
                if not value or (name == "--sort" and value not in SORTS):
                    allowed = "Sort by " + ", ".join(SORTS) if name == "--sort" else "Name a provider"
                    raise BadRequest(f"{name} {value} is not understood.", why=f"{allowed}.", hint=USAGE)
                more[name[2:]] = value
            elif word.startswith("-"):
                near = difflib.get_close_matches(
                    word, [*FLAGS, "--local", "--live", "--all", "--provider", "--sort"], n=1
                )
                why = f"Did you mean {near[0]}?" if near else "No filter is named like it."
                raise BadRequest(f"There is no filter {word}.", why=why, hint=USAGE)
            else:
                plain.append(word)
        return cls(tuple(plain), tuple(can), **more)

    @classmethod
    def of(cls, words: Sequence[str], filters: Mapping[str, Any]) -> Wanted:
        """The same, from a function's arguments."""
        names = (*FLAGS.values(), "provider", "sort", "retired")
        for name in filters:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                why = f"Did you mean {near[0]!r}?" if near else "No filter is named like it."
                raise BadRequest(
                    f"There is no filter {name!r}.", why=why, hint=f"Filters are {', '.join(names)}."
                )
        written = list(words)
        for name, value in filters.items():
            flag = next((flag for flag, ability in FLAGS.items() if ability == name), f"--{name}")
            if value is True:
                written.append("--all" if name == "retired" else flag)
            elif name in ("provider", "sort") and value:
                written += [flag, str(value)]
        return cls.parse(written)


def rows(session: Session, wanted: Wanted) -> list[Row]:
    """The models that are wanted, sorted."""
    short: dict[str, list[str]] = {}
    for alias, full in {**ALIASES, **session.registry.aliases}.items():
        short.setdefault(full, []).append(alias)
    found = []
    for full in session.catalogue.names(retired=wanted.retired):
        place, _, name = full.partition("/")
        if wanted.provider is not None and place != wanted.provider:
            continue
        called = tuple(sorted(short.get(full, [])))
        if not all(word.lower() in f"{full} {' '.join(called)}".lower() for word in wanted.words):
            continue
        facts = session.catalogue.facts(place, name)
        if all(getattr(facts, ability) for ability in wanted.can):
            found.append(Row(facts, called, _price(facts, session.prices)))
    return sorted(found, key=_ORDER[wanted.sort])


def priced(session: Session, wanted: Wanted) -> list[Row]:
    """The models that are wanted; where none is known, those that the words name as "provider/model" all the same,
    for a price list knows more models than a catalogue does."""
    if found := rows(session, wanted):
        return found
    named = [word.partition("/") for word in wanted.words if "/" in word]
    facts = [session.catalogue.facts(place, name) for place, _, name in named]
    return [
        row for row in (Row(one, (), _price(one, session.prices)) for one in facts) if row.price is not None
    ]


def _price(facts: ModelFacts, overrides: Overrides | None) -> pricelist.PerMillion | None:
    """The user's own price first, then the provider's own listing, then the price list."""
    if (own := own_price(facts.name, overrides)) is not None:
        source = "override" if own.currency == "USD" else f"override, in {own.currency}"
        return pricelist.PerMillion(own.rates["input"], own.rates["output"], "", source)
    if facts.price_in is not None or facts.price_out is not None:
        return pricelist.PerMillion(facts.price_in, facts.price_out, "", facts.source)
    return pricelist.per_million(facts.provider, facts.model)


_LAST = float("inf")
_ORDER: dict[str, Callable[[Row], Any]] = {
    "name": lambda row: row.facts.name,
    "price": lambda row: (
        _LAST if row.price is None or row.price.output is None else row.price.output,
        row.facts.name,
    ),
    "context": lambda row: (-(row.facts.context_window or 0), row.facts.name),
    "output": lambda row: (-(row.facts.max_output or 0), row.facts.name),
    "age": lambda row: (row.facts.retires is None, str(row.facts.retires), row.facts.name),
}


def frame(found: Iterable[Row]) -> Any:
    """The compatibility matrix: one row for each model, one column for each thing it can or can't do."""
    import pandas as pd

    table = [
        {
            "model": row.facts.name,
            "provider": row.facts.provider,
            "alias": ", ".join(row.aliases),
            "age": row.facts.age(),
            "context": row.facts.context_window,
            "max_output": row.facts.max_output,
            **{ability: getattr(row.facts, ability) for ability in ABILITIES},
            "sampling": row.facts.sampling,
            "thinking": None if row.facts.thinking is None else ", ".join(row.facts.thinking) or "no",
            "efforts": None if row.facts.efforts is None else ", ".join(row.facts.efforts),
            "strengths": ", ".join(row.facts.strengths),
            "price_in": None if row.price is None or row.price.input is None else float(row.price.input),
            "price_out": None if row.price is None or row.price.output is None else float(row.price.output),
            "price_source": row.price_source,
            "retires": row.facts.retires,
            "successor": row.facts.successor,
            "source": row.facts.source or None,
        }
        for row in found
    ]
    made = pd.DataFrame(table, columns=list(table[0]) if table else _COLUMNS)
    kinds = dict.fromkeys(("context", "max_output"), "Int64") | dict.fromkeys(
        (*ABILITIES, "sampling"), "boolean"
    )
    return made.astype({**kinds, "price_in": "Float64", "price_out": "Float64"})


_COLUMNS = [
    "model", "provider", "alias", "age", "context", "max_output", *ABILITIES, "sampling", "thinking", "efforts",
    "strengths", "price_in", "price_out", "price_source", "retires", "successor", "source",
]  # fmt: skip


def refresh(session: Session, provider: str | None = None) -> list[str]:
    """Ask the providers whose key is there for their own lists; in words, what each said."""
    names = [provider] if provider else list(session.registry.ready())
    said = []
    clients = IOThread.current().clients
    asked = [
        (name, IOThread.current().submit(listing.fetch(session.registry[name], clients))) for name in names
    ]
    for name, answer in asked:
        try:
            said.append(f"{name} lists {session.catalogue.learn(answer.result(60))} models.")
        except LLMKitError as error:
            said.append(f"{name} gave no list: {error.what} {error.why}".strip())
    return said or ["No provider has a key here, so none was asked."]


def local(session: Session) -> list[discovery.Found]:
    """The servers of this machine that answer on their usual ports, and what they serve."""
    thread = IOThread.current()
    found = thread.submit(discovery.look(session.registry, thread.clients)).result(30)
    for server in found:
        session.catalogue.learn(server.models)
    return found
