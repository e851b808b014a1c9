"""``%%llm --compare`` and ``--repeat``: one cell's question to several models, or several times.

Asking is ``jobs/compare.py``'s business, and how it looks ``compare.py``'s; here is what a cell's line means there.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmkit.engine.budget import budget
from llmkit.engine.session import default_session
from llmkit.notebook.interrupted import Interrupted

if TYPE_CHECKING:
    from llmkit.jobs.compare import Comparison
    from llmkit.notebook.inquiry import Inquiry


def inquiries(inquiry: Inquiry, models: Iterable[str]) -> list[Inquiry]:
    """The same question for each of the models; for its own where none are named."""
    asked = []
    for model in models:
        provider, name = default_session().resolve(model)
        asked.append(replace(inquiry, provider=provider, name=name, written=model))
    return asked or [inquiry]


def begin(asked: list[Inquiry], repeats: int, display: str, *, block: bool = True) -> Comparison:
    """Ask them all, and see the answers come, while the cell waits or not (``--bg``); a budget is for all of them together."""
    from llmkit.jobs.compare import compare

    one = asked[0]
    purse: AbstractContextManager[Any] = nullcontext() if one.budget is None else budget(one.budget)
    with purse:
        return compare(
            [one.asked],
            [each.written or each.model for each in asked],
            system=one.system,
            schema=one.schema,
            repeats=repeats,
            timeout=one.timeout,
            tag=one.tag,
            display=display,
            block=block,
            **one.options,
        )


def follow(comparison: Comparison, out: str | None) -> None:
    """An interrupted comparison ends its cell, so that Run All stops."""
    if comparison.interrupted:
        kept = f" in {out}: {out}.rerun() asks what is missing" if out else ""
        raise Interrupted(comparison, f"Interrupted. What was done is kept{kept}.")
