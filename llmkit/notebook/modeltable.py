"""The table of models, as ``%llm models`` and ``llmkit models`` show it. Which models is ``engine/known.py``."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from llmkit.engine import known
from llmkit.notebook.listing import Listing

if TYPE_CHECKING:
    from llmkit.engine.session import Session

HEAD = ("model", "alias", "context", "sees", "tools", "thinks", "$/M in", "$/M out", "")


def model_table(session: Session, words: Sequence[str]) -> Listing:
    """The models that these words and filters ask for."""
    return table_of(session, known.Wanted.parse(words))


def table_of(session: Session, wanted: known.Wanted) -> Listing:
    """The models that are wanted, as a table."""
    if wanted.local:
        return _local(session)
    notes = known.refresh(session, wanted.provider) if wanted.live else []
    found = known.rows(session, wanted)
    if not found:
        notes.append("No known model is like that; an unknown one may be asked all the same.")
    return Listing(HEAD, tuple(_row(row) for row in found), tuple(notes))


def _row(row: known.Row) -> tuple[str, ...]:
    facts, price = row.facts, row.price
    thinks = "?" if facts.thinking is None else ", ".join(facts.efforts or facts.thinking) or "no"
    return (
        facts.name,
        ", ".join(row.aliases),
        "?" if facts.context_window is None else f"{facts.context_window:,}",
        _word(facts.vision),
        _word(facts.tools),
        thinks,
        _money(None if price is None else price.input, free=facts.provider == "sim"),
        _money(None if price is None else price.output, free=facts.provider == "sim"),
        facts.remark(),
    )


def _local(session: Session) -> Listing:
    servers = known.local(session)
    rows = tuple((f"{one.provider}/{facts.model}", one.base_url) for one in servers for facts in one.models)
    quiet = tuple(
        f"{one.provider} answers at {one.base_url}, and serves no model." for one in servers if not one.models
    )
    if not servers:
        quiet = (
            "Nothing answers on the usual ports of Ollama, vLLM, LM Studio and llama.cpp on this machine.",
        )
    return Listing(("model", "at"), rows, quiet)


def _word(known: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[known]


def _money(amount: Decimal | None, *, free: bool = False) -> str:
    if amount is None:
        return "free" if free else "?"
    return f"{amount.normalize():f}"
