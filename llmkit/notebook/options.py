"""The line of ``%%llm``: its options, checked before anything is sent. What they do lives in ``magics.py``."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from IPython.core.magic_arguments import MagicArgumentParser

THINK = ("off", "low", "medium", "high", "max")
USAGE = (
    "%%llm [MODEL] [-s SYSTEM] [-o VAR] [--temperature F] [--max-tokens N] "
    "[--think LEVEL] [--timeout S] [--tag T] [--raw] [-q]"
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
    raw: bool = False
    quiet: bool = False


def read_line(parser: MagicArgumentParser, line: str) -> Line:
    """Parse the line; whatever is wrong with it is one sentence and the usage.

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
    return Line(**{**values, "words": tuple(values["words"])})


def usage_error(what: str) -> UsageError:
    """One line that says what is wrong and how it is written."""
    return UsageError(f"{what[:1].upper()}{what[1:].rstrip('.')}. Usage: {USAGE}")


def positive(text: str) -> float:
    """A number of seconds."""
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
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
