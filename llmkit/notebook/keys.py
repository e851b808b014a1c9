"""``%llm keys``: which keys are there, and setting or removing one. A key is asked for, and never read from a cell.

The command line does the same with the functions here. Where keys are kept is ``providers/keystore.py``'s.
"""

from __future__ import annotations

import contextlib
import getpass
import linecache
import re
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import StdinNotImplementedError

from llmkit.core.errors import BadRequest, MissingKey
from llmkit.engine.session import default_session
from llmkit.notebook.listing import Listing
from llmkit.notebook.options import usage_error
from llmkit.providers import keys as known
from llmkit.providers import keyshapes, keystore
from llmkit.providers.presets import PRESETS

if TYPE_CHECKING:
    from llmkit.notebook.magics import LLMMagics
    from llmkit.providers.registry import Registry

VERBS = ("list", "set", "remove")
USAGE = "%llm keys [list | set PROVIDER | remove PROVIDER]"
_TYPED = "A key was written into this cell."


def keys(magics: LLMMagics, words: list[str]) -> Listing:
    """List the keys, ask for one, or remove one."""
    match words:
        case [] | ["list"]:
            return listing(default_session().registry)
        case ["set", provider] if not is_key(provider):
            return said(set_key(default_session().registry, provider, _ask))
        case ["remove", provider] if not is_key(provider):
            return said(remove_key(default_session().registry, provider))
        case ["set", *rest] if len(rest) > 1 or any(map(is_key, rest)):
            _take_out_of_history(magics.shell, [known.learn(word) for word in rest if word not in PRESETS])
            provider = next((word for word in rest if word in PRESETS), "PROVIDER")
            raise BadRequest(
                f"{_TYPED} It was not set.",
                why="What stands in a cell is saved in the notebook, in its checkpoints and in IPython's history: "
                "count it as known to others.",
                hint=f"Delete it from the cell, revoke it at the provider, make a new one, and run `%llm keys set "
                f"{provider}`: that asks for it without showing it.",
            )
        case _:
            raise usage_error("%llm keys takes list, set PROVIDER or remove PROVIDER", USAGE)


def said(text: str) -> Listing:
    """One sentence."""
    return Listing((), (), (text,))


def listing(registry: Registry) -> Listing:
    """Every provider, the end of its key, and where that was found. Never a key."""
    rows = tuple((name, *registry.entry(name).key.shown()) for name in registry if name != "sim")
    ring = "The system's keyring" if keystore.has_keyring() else "This process (there is no keyring here)"
    notes = (
        f"Set one with `%llm keys set PROVIDER`, in a terminal `llmkit keys set PROVIDER`. {ring} keeps it.",
    )
    return Listing(("provider", "key", "from"), rows, notes)


def set_key(registry: Registry, provider: str, ask: Callable[[str], str]) -> str:
    """Ask for a provider's key and keep it; the result says where it is, in a sentence."""
    name = variable_of(registry, provider)
    value = ask(f"API key for {provider} (it is not shown): ").strip()
    if not value:
        raise MissingKey("No key was given.", why="The answer was empty.", hint="Nothing was changed.")
    if any(c.isspace() or not c.isprintable() or c in "\"'=" for c in value) or not value.isascii():
        raise BadRequest(
            "This can't be a key.",
            why="A key is one word of letters, digits and signs, without quotes or a name before it.",
            hint="Nothing was changed. Copy the key alone.",
        )
    known.learn(value)
    place = keystore.keep(name, value)
    told = f"The key of {provider} ({known.tail(value)}) is kept in {place}."
    if place == "this process":
        told += " There is no keyring that could keep it, so it is gone when this process ends."
    owner = keyshapes.whose(value) or ""
    if owner in PRESETS and name not in PRESETS[owner].env:
        told += f" It looks like a key of {owner}."
    found = keystore.find(name)
    if found is not None and found.value != value:
        told += f" But {found.place} is set too, and comes first: unset it for this one to be used."
    return told


def remove_key(registry: Registry, provider: str) -> str:
    """Remove what ``set_key`` kept; the result is a sentence."""
    name = variable_of(registry, provider)
    places = keystore.forget(name)
    told = (
        f"The key of {provider} is removed from {' and '.join(places)}."
        if places
        else f"No key of {provider} was kept."
    )
    if (left := keystore.find(name)) is not None:
        told += f" {left.place} still holds one; that is set outside llmkit."
    return told


def variable_of(registry: Registry, provider: str) -> str:
    """The name that a provider's key is kept under."""
    if provider not in registry and provider in PRESETS:
        key = known.Key(env=PRESETS[provider].env)
    else:
        key = registry.entry(provider).key
    if key.named is None:
        raise BadRequest(
            f"No key can be set for {provider}.",
            why="It needs none."
            if not key.needed
            else "Its configuration gives the key, or says how to get it.",
            hint="Write `api_key: ${NAME_OF_A_VARIABLE}` into its configuration to have it asked for by name.",
        )
    return key.named


def is_key(word: str) -> bool:
    """Is this a key rather than a provider's name?"""
    return keyshapes.whose(word) is not None or word in known.known_secrets()


def _ask(prompt: str) -> str:
    try:
        return getpass.getpass(prompt)
    except (StdinNotImplementedError, EOFError):  # nbclient, papermill: nobody to ask
        raise MissingKey(
            "The key can't be asked for here.",
            why="This front end takes no input.",
            hint="Set it in a terminal with `llmkit keys set PROVIDER`, or in the environment before the start.",
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
