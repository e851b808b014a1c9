"""``%llm use``, ``%llm models``, …: what a line asks of llmkit itself rather than of a model.

Here is which line is a command and what the small ones do. Longer ones have files of their own.
"""

from __future__ import annotations

import difflib
import inspect
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmkit.engine.known import USAGE
from llmkit.notebook import chat as chats
from llmkit.notebook import fix as fixing
from llmkit.notebook import history, routes, settings
from llmkit.notebook import keys as keyring
from llmkit.notebook.listing import Listing
from llmkit.notebook.options import usage_error

if TYPE_CHECKING:
    from llmkit.notebook.magics import LLMMagics

Claims = Callable[[list[str]], bool]


@dataclass(frozen=True, slots=True)
class Command:
    """One word of ``%llm``. ``claims`` says which words after it make a command of the line, and no prompt."""

    run: Callable[[LLMMagics, list[str]], Any]
    usage: str
    summary: str
    claims: Claims = lambda rest: len(rest) <= 1
    most: int | None = 0


def read_command(line: str) -> tuple[Command, list[str]] | None:
    """The command that a line is, or ``None`` for a prompt.

    Commands are English words, and a prompt may begin with one: "explain how a kettle works" is a prompt.

    >>> read_command("reset")[0].usage
    '%llm reset [NAME]'
    >>> read_command("reset the password of a user, in Django") is None
    True
    """
    try:
        words = shlex.split(line)
    except ValueError:  # an apostrophe: prose
        return None
    if not words or words[0] not in COMMANDS:
        if len(words) == 1 and (near := difflib.get_close_matches(words[0], COMMANDS, n=1, cutoff=0.75)):
            raise usage_error(
                f"Did you mean %llm {near[0]}? (A prompt of that word is written after --)", "%llm help"
            )
        return None
    command, rest = COMMANDS[words[0]], words[1:]
    if not command.claims(rest):
        return None
    if command.most is not None and len(rest) > command.most:
        raise usage_error(
            f"%llm {words[0]} takes no {rest[command.most]!r} (a prompt of these words is written after --)",
            command.usage,
        )
    return command, rest


def _help(_: LLMMagics, words: list[str]) -> Listing:
    """This list, or what one command does."""
    if words:
        if (command := COMMANDS.get(words[0])) is None:
            near = difflib.get_close_matches(words[0], COMMANDS, n=1)
            instead = f"; did you mean {near[0]!r}?" if near else ""
            raise usage_error(f"There is no command {words[0]!r}{instead}", _HELP)
        told = inspect.getdoc(command.run) or ""
        return Listing((), (), (command.usage, f"{command.summary[:1].upper()}{command.summary[1:]}.", told))
    rows = tuple((command.usage, command.summary) for command in COMMANDS.values())
    return Listing(
        ("command", "what it does"),
        rows,
        ("%llm help COMMAND says more of one; %%llm? shows the options of a cell.",),
    )


_HELP = "%llm help [COMMAND]"
COMMANDS: dict[str, Command] = {
    "use": Command(settings.use, "%llm use [MODEL]", "the model of cells that name none", most=1),
    "models": Command(
        settings.models,
        f"%llm models {USAGE}",
        "the models that are known, what they can do and cost",
        claims=lambda _: True,
        most=None,
    ),
    "keys": Command(
        keyring.keys,
        keyring.USAGE,
        "which keys are there; set or remove one",
        claims=keyring.is_command,
        most=None,
    ),
    "doctor": Command(
        settings.doctor,
        settings.DOCTOR_USAGE,
        "is everything in place: keys, providers, clock, ledger, versions",
        claims=lambda rest: rest in ([], ["--check"]),
        most=1,
    ),
    "fix": Command(
        fixing.fix,
        fixing.FIX_USAGE,
        "explain the last exception and put a corrected cell below",
        claims=fixing.is_fix,
        most=None,
    ),
    "explain": Command(
        fixing.explain,
        fixing.EXPLAIN_USAGE,
        "explain the last cell, a cell, or something by its name",
        claims=fixing.is_explain,
        most=None,
    ),
    "log": Command(history.log, history.USAGE, "the last calls of this session, or one in full", most=1),
    "route": Command(
        routes.route,
        routes.USAGE,
        "which models could answer the last prompt, and why the first does",
        claims=lambda rest: routes.words().issuperset(rest),
        most=2,
    ),
    "usage": Command(settings.usage, "%llm usage", "what this session used, by model"),
    "budget": Command(
        settings.budget,
        "%llm budget [AMOUNT[/day|/session|/TAG] | off [PER]]",
        "what may be spent",
        claims=settings.is_budget,
        most=None,
    ),
    "chat": Command(
        chats.chat,
        chats.USAGE,
        "the turns of a conversation and their cost; keep, load or fork it",
        claims=lambda rest: len(rest) <= 1 or rest[0] in chats.VERBS,
        most=None,
    ),
    "reset": Command(chats.reset, "%llm reset [NAME]", "forget a conversation", most=1),
    "tape": Command(
        settings.tape,
        settings.TAPE_USAGE,
        "record calls beside the notebook, and replay them",
        claims=lambda rest: len(rest) <= 1 or rest[1].startswith("--"),
        most=None,
    ),
    "cache": Command(settings.cache, "%llm cache [on | off]", "answer the same question from disk", most=1),
    "bg": Command(settings.bg, "%llm bg", "the answers that come in the background (--bg)"),
    "stop": Command(
        settings.stop,
        settings.STOP_USAGE,
        "stop answers in the background",
        claims=lambda rest: not rest or rest[0] == "all" or rest[0].isdigit(),
        most=1,
    ),
    "config": Command(settings.config, "%llm config", "what cells do where they don't say"),
    "help": Command(_help, _HELP, "this list, or what one command does", most=1),
}
