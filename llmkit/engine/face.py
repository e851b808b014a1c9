"""The module's own functions: the same as the methods of the default session."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from llmkit.engine.session import Prompt, default_session
from llmkit.engine.tape import Mode, Tape, Timing
from llmkit.ledger.accounts import Accounts

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.core.reply import Reply
    from llmkit.engine.estimate import Estimate
    from llmkit.engine.stream import Stream


def stream(prompt: Prompt, **more: Any) -> Stream:
    """Ask the default session, and get the answer as it is written. See ``Session.stream``.

    >>> for event in llmkit.stream("Why is the sky blue?", model="sim/swift"):  # doctest: +SKIP
    ...     print(event)
    """
    return default_session().stream(prompt, **more)


def ask(prompt: Prompt, **more: Any) -> Reply:
    """Ask the default session, and wait for the whole reply. See ``Session.stream`` for the options.

    >>> llmkit.ask("Why is the sky blue?", model="sim/swift").text  # doctest: +SKIP
    """
    return default_session().ask(prompt, **more)


def models(*words: str, refresh: bool = False, **filters: Any) -> pd.DataFrame:
    """The models that are known and what each can do: the compatibility matrix, as a DataFrame.

    >>> llmkit.models("sonnet", vision=True, sort="price")  # doctest: +SKIP
    """
    return default_session().models(*words, refresh=refresh, **filters)


def estimate(prompt: Prompt, **more: Any) -> Estimate:
    """How many tokens a call would send, how far off that may be, and what the call would cost. Nothing is sent,
    unless ``exact=True`` asks the provider to count. Takes what ``llmkit.ask`` takes.

    >>> print(llmkit.estimate("Why is the sky blue?", model="sonnet"))  # doctest: +SKIP
    """
    return default_session().estimate(prompt, **more)


def tape(
    path: str | os.PathLike[str] | None = None, mode: Mode = "auto", *, timing: Timing = "original"
) -> Tape | None:
    """Record the default session's calls beside the notebook, and replay them: no key, no cost.

    Holds from now on, or inside a ``with`` block. ``None`` or mode "off" takes the tape out.

    >>> with llmkit.tape("demo.llm.jsonl"):  # doctest: +SKIP
    ...     llmkit.ask("Why is the sky blue?")
    """
    session = default_session()
    if path is None or mode == "off":
        session.tape = None
        return None
    return Tape(path, mode, timing=timing).insert(session)


#: What was used and what it cost, by the default session's ledger. See ``Session.usage``.
usage = Accounts(
    lambda: default_session().ledger,
    budgets=lambda: default_session().usage.budgets,
    session=lambda: default_session().id,
    prices=lambda: default_session().prices,
)
