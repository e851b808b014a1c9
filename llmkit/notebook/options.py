"""The line of ``%%llm``: its options, checked before anything is sent. What they do lives in ``magics.py``."""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from IPython.core.magic_arguments import MagicArgumentParser

THINK = ("off", "low", "medium", "high", "max")
FLAGS = ("-q", "--quiet", "--raw", "--new", "--no-history", "--dry-run")
VALUED = (
    "-a", "--attach", "-f", "--format", "--schema",
    "-m", "--model", "-o", "--out", "-s", "--system", "-c", "--conversation", "--budget", "--max-tokens", "--tag",
    "--temperature", "--think", "--timeout",
)  # fmt: skip
_VALUE = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|\S+)""")
_OPTION = re.compile(r"\s*(--?[A-Za-z][\w-]*)(=|(?=\s|\Z))")
_NAME = re.compile(r"[\w-]+")
USAGE = (
    "%%llm [MODEL] [-s SYSTEM] [-c CONVERSATION] [--new | --no-history] [-o VAR] [-a FILE|URL|VAR] "
    "[--schema VAR] [-f md|text|json|code|df] [--temperature F] [--max-tokens N] [--think LEVEL] [--timeout S] [--budget USD] [--tag T] [--raw] [--dry-run] [-q]"
)


@dataclass(frozen=True, slots=True)
class Line:
    """What the line of a cell asks for."""

    words: tuple[str, ...] = ()
    model: str | None = None
    system: str | None = None
    out: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    think: str | int | None = None
    timeout: float | None = None
    tag: str | None = None
    budget: float | None = None
    conversation: str | None = None
    attach: tuple[str, ...] = ()
    schema: str | None = None
    format: str | None = None
    new: bool = False
    no_history: bool = False
    dry_run: bool = False
    raw: bool = False
    quiet: bool = False


def read_line(parser: MagicArgumentParser, line: str) -> Line:
    """The line of a cell: options and a model. Whatever is wrong with it is one sentence and the usage.

    >>> from llmkit.notebook.magics import LLMMagics
    >>> read_line(LLMMagics.llm.parser, "sonnet -s 'Be terse' -o sky").system
    'Be terse'
    """
    try:
        parsed = parser.parse_args(shlex.split(line))
    except ValueError as error:  # an unclosed quote
        raise usage_error(f"{error}.") from None
    except UsageError as error:
        raise usage_error(str(error)) from None
    values = vars(parsed)
    if (name := values["out"]) is not None and not name.isidentifier():
        raise usage_error(f"-o takes the name of a variable, not {name!r}.")
    if (name := values["conversation"]) is not None and not is_name(name):
        raise usage_error(f"-c takes the name of a conversation (letters, digits, - and _), not {name!r}")
    if values["no_history"] and (values["conversation"] or values["new"]):
        raise usage_error(f"--no-history does not go with {'--new' if values['new'] else '-c'}")
    return Line(**{**values, "words": tuple(values["words"]), "attach": tuple(values["attach"] or ())})


def read_prompt_line(parser: MagicArgumentParser, line: str) -> tuple[Line, str]:
    """The line of ``%llm``: options first, then the prompt, letter by letter as it was written.

    >>> from llmkit.notebook.magics import LLMMagics
    >>> read_prompt_line(LLMMagics.llm.parser, "-o x What's 'this'?")[1]
    "What's 'this'?"
    """
    at = 0
    while (option := _OPTION.match(line, at)) is not None:
        if option[1] not in (*FLAGS, *VALUED):
            raise usage_error(f"There is no option {option[1]}")
        at = option.end()
        if option[1] in VALUED and (value := _VALUE.match(line, at)) is not None:
            at = value.end()
    prompt = line[at:].strip()
    if prompt.startswith("-- "):
        prompt = prompt[3:].lstrip()
    elif late := next((word for word in prompt.split() if word in (*FLAGS, *VALUED)), None):
        raise usage_error(f"Options come before the prompt (a prompt that holds {late} is written after --)")
    return read_line(parser, line[:at]), prompt


def usage_error(what: str, usage: str = USAGE) -> UsageError:
    """One line that says what is wrong and how it is written."""
    return UsageError(f"{what[:1].upper()}{what[1:].rstrip('.')}. Usage: {usage}")


def is_name(text: str) -> bool:
    """Can a conversation have this name?"""
    return _NAME.fullmatch(text) is not None


def positive(text: str) -> float:
    """A number of seconds."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number


def dollars(text: str) -> float:
    """An amount of money."""
    number = float(text.removeprefix("$"))
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of dollars above 0")
    return number


def whole(text: str) -> int:
    """A number of tokens."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of tokens above 0")
    return number


def level(text: str) -> str | int:
    """How hard to think: a level, or a number of tokens."""
    if text in THINK:
        return text
    if text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(THINK)}, nor a number of tokens")


def configured_level(text: str) -> str | int | None:
    """The level of ``%config LLMMagics.think``, where one is set."""
    if not text:
        return None
    try:
        return level(text)
    except argparse.ArgumentTypeError as error:
        raise usage_error(f"%config LLMMagics.think: {error}") from None
