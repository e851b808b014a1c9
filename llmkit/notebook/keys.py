"""``%llm keys``: which keys are there, and setting or removing one. A key is asked for, and never read from a cell.

Setting and removing is ``providers/keycare.py``'s, which the command line uses too.
"""

from __future__ import annotations

import contextlib
import getpass
import linecache
import re
import sqlite3
from typing import TYPE_CHECKING, Any

from IPython.core.error import StdinNotImplementedError

from llmkit.core.errors import BadRequest, MissingKey
from llmkit.engine.session import default_session
from llmkit.notebook.keytable import listing
from llmkit.notebook.listing import Listing
from llmkit.notebook.options import usage_error
from llmkit.providers import keys as known
from llmkit.providers.keycare import is_key, remove_key, set_key
from llmkit.providers.presets import PRESETS

if TYPE_CHECKING:
    from llmkit.notebook.magics import LLMMagics

VERBS = ("list", "set", "remove")
USAGE = "%llm keys [list | set PROVIDER | remove PROVIDER]"
_TYPED = "A key was written into this cell."


def keys(magics: LLMMagics, words: list[str]) -> Listing:
    """`%llm keys set anthropic` asks for a key without showing it, `%llm keys remove anthropic` removes it, `%llm keys`
    says where each was found. A key is never written into a cell.
    """
    typed = words[1:] if words[:1] == ["set"] and len(words) > 2 else list(filter(is_key, words))
    if typed:
        providers = [word for word in words if word in PRESETS or word in default_session().registry]
        secrets = [word for word in typed if word not in providers and len(word) >= 8]
        _take_out_of_history(magics.shell, [known.learn(one) for one in secrets])
        provider = providers[0] if providers else "PROVIDER"
        raise BadRequest(
            f"{_TYPED} It was not set.",
            why="What stands in a cell is saved in the notebook, in its checkpoints and in IPython's history: "
            "count it as known to others.",
            hint=f"Delete it from the cell, revoke it at the provider, make a new one, and run `%llm keys set "
            f"{provider}`: that asks for it without showing it.",
        )
    match words:
        case [] | ["list"]:
            return listing(default_session().registry)
        case ["set", provider]:
            return said(set_key(default_session().registry, provider, _ask))
        case ["remove", provider]:
            return said(remove_key(default_session().registry, provider))
        case _:
            raise usage_error("%llm keys takes list, set PROVIDER or remove PROVIDER", USAGE)


def is_command(rest: list[str]) -> bool:
    """Do these words after ``keys`` make a command? What looks like setting a key is none that a model should read."""
    return (
        len(rest) <= 1
        or rest[0] in VERBS
        or (rest[0] in PRESETS and len(rest) == 2)
        or any(map(is_key, rest))
    )


def said(text: str) -> Listing:
    """One sentence."""
    return Listing((), (), (text,))


def _ask(prompt: str) -> str:
    try:
        return getpass.getpass(prompt)
    except (StdinNotImplementedError, EOFError):  # nbclient, papermill: nobody to ask
        raise MissingKey(
            "The key can't be asked for here.",
            why="This front end takes no input.",
            hint="Set it in the environment before the start, or in a terminal with `llmkit keys set PROVIDER` (which "
            "needs a keyring).",
        ) from None


def _take_out_of_history(shell: Any, typed: list[str]) -> None:
    """Forget lines that hold a key, as far as IPython lets us: in this session, on disk and in tracebacks."""
    instead = "# a line that held a key"
    history = shell.history_manager

    def clean(text: Any) -> Any:
        return instead if isinstance(text, str) and any(word in text for word in typed) else text

    for lines in (history.input_hist_parsed, history.input_hist_raw):
        lines[:] = map(clean, lines)
    for name in [name for name in shell.user_ns if re.fullmatch(r"_i+|_i\d+", name)]:
        shell.user_ns[name] = clean(shell.user_ns[name])
    for name in ("_i00", "_i", "_ii", "_iii"):
        setattr(history, name, clean(getattr(history, name)))
    for name, kept in list(linecache.cache.items()):
        if len(kept) == 4 and any(clean(line) != line for line in kept[2]):
            linecache.cache[name] = (kept[0], kept[1], [f"{instead}\n"] * len(kept[2]), kept[3])
    if history.enabled:
        with contextlib.suppress(sqlite3.Error):  # a history that can't be written holds no key either
            history.writeout_cache()
            with history.db:
                for word in typed:
                    history.db.execute(
                        "UPDATE history SET source = ?, source_raw = ? WHERE session = ? AND instr(source_raw, ?)",
                        (instead, instead, history.session_number, word),
                    )
