"""The line of ``%%llm``: its options, checked before anything is sent. What they do lives in ``magics.py``."""

from __future__ import annotations

import argparse
import difflib
import keyword
import math
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from IPython.core.magic_arguments import MagicArgumentParser

THINK = ("off", "low", "medium", "high", "max")
FLAGS = ("-q", "--quiet", "--raw", "--new", "--no-history", "--dry-run", "--bg", "--yes-tools")
VALUED = (
    "-a", "--attach", "-f", "--format", "--schema", "--compare", "--repeat",
    "-m", "--model", "-o", "--out", "-s", "--system", "-c", "--conversation", "--budget", "--max-tokens", "--tag",
    "--temperature", "--think", "--timeout", "-t", "--tool", "--max-rounds", "--task", "--strategy",
    "--fallback",
)  # fmt: skip
#: Options that do not go together. A comparison is no turn of a conversation, and has an answer for each model.
_AT_ODDS = (
    ("--no-history", "-c"), ("--no-history", "--new"),
    ("--compare", "MODEL"), ("--compare", "-m"), ("--compare", "-c"), ("--compare", "--new"), ("--compare", "-f"), ("--compare", "-t"),
    ("--repeat", "-c"), ("--repeat", "--new"), ("--repeat", "-f"), ("--repeat", "-t"),
    ("--bg", "-f"),
    *((many, way) for many in ("--compare", "--repeat") for way in ("--task", "--strategy", "--fallback")),
    ("--fallback", "--task"), ("--fallback", "--strategy"),
)  # fmt: skip
#: Options that may be set for all cells and have no other home: the rest is read where it is used.
_SETTLED = ("out", "attach", "schema", "compare", "fallback", "repeat", "bg", "dry_run", "new")
_FIELDS = {"-c": "conversation", "-f": "format", "-m": "model", "MODEL": "words", "-t": "tools"}
_VALUE = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|\S+)""")
_OPTION = re.compile(r"\s*(--?[A-Za-z][\w-]*)(=|(?=\s|\Z))")
_NAME = re.compile(r"[\w-]+")
_MOST_REPEATS = 100
#: Between models; one within the name of a simulated model (bench:tokens=40,rate=0) is not.
_COMMA = re.compile(r",(?![a-z]+=)")
USAGE = (
    "%%llm [MODEL] [OPTION …], and the prompt below it. %%llm? shows every option, %llm help every command."
)
#: Options that take all the words after them, up to the next option or the model.
_GREEDY = ("-a", "--attach", "-t", "--tool")


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
    tools: tuple[str, ...] = ()
    yes_tools: bool = False
    max_rounds: int | None = None
    task: str | None = None
    strategy: str | None = None
    fallback: tuple[str, ...] = ()
    compare: tuple[str, ...] = ()
    repeat: int | None = None
    bg: bool = False
    new: bool = False
    no_history: bool = False
    dry_run: bool = False
    raw: bool = False
    quiet: bool = False

    @property
    def several(self) -> bool:
        """Is it asked more than once, side by side?"""
        return bool(self.compare) or self.repeat is not None


def read_line(
    parser: MagicArgumentParser, line: str, is_model: Callable[[str], bool] = lambda _: False
) -> Line:
    """The line of a cell: options and a model. Whatever is wrong with it is one sentence and the usage.

    ``is_model`` tells the model from what else may follow ``-a`` or ``-t``.

    >>> from llmkit.notebook.magics import LLMMagics
    >>> read_line(LLMMagics.llm.parser, "sonnet -s 'Be terse' -o sky").system
    'Be terse'
    """
    try:
        words = shlex.split(line)
    except ValueError as error:  # an unclosed quote
        raise usage_error(f"{error}.") from None
    try:
        parsed = parser.parse_args(_spread(words, is_model))
    except UsageError as error:
        raise usage_error(f"{str(error).rstrip('.')}. {_meant(words)}") from None
    values = vars(parsed)
    if (name := values["conversation"]) is not None and not is_name(name):
        raise usage_error(f"-c takes the name of a conversation (letters, digits, - and _), not {name!r}")
    several = {
        name: tuple(values[name] or ()) for name in ("words", "attach", "compare", "fallback", "tools")
    }
    asked = _checked(Line(**{**values, **several}))
    if (odd := _at_odds(asked)) is not None:
        raise usage_error(f"{odd[0]} does not go with {odd[1]}")
    return asked


def _spread(words: list[str], is_model: Callable[[str], bool]) -> list[str]:
    """``-a one two`` as ``-a one -a two``, which is how argparse leaves the model alone."""
    out: list[str] = []
    greedy = ""
    for before, word in zip(["", *words], words, strict=False):
        if word.startswith("-") and word != "-":
            greedy = ""
        elif before in _GREEDY:
            greedy = before
        elif greedy and not is_model(word):
            out.append(greedy)
        else:
            greedy = ""
        out.append(word)
    return out


def _at_odds(asked: Line) -> tuple[str, str] | None:
    """Two options of a line that do not go together."""
    return next((pair for pair in _AT_ODDS if all(_is_given(asked, one) for one in pair)), None)


def settled(asked: Line, setting: Callable[[str], Any], *, on_a_line: bool = False) -> Line:
    """The line with what is set for all cells, where it says nothing itself. What doesn't go with its own words
    gives way, and a line in a loop keeps out of conversations.

    >>> settled(Line(), {"out": "answer", "compare": "sonnet,luna"}.get).compare
    ('sonnet', 'luna')
    >>> settled(Line(model="haiku"), {"compare": "sonnet,luna"}.get).compare
    ()
    """
    for name in _SETTLED:
        value = None if on_a_line and name == "new" else setting(name)
        if value is None or value is False or getattr(asked, name) not in (None, False, ()):
            continue
        if name in ("attach", "compare", "fallback"):
            words = (value,) if isinstance(value, str) else tuple(value)
            value = words if name == "attach" else models(",".join(words))
        given: dict[str, Any] = {name: value}
        fuller = replace(asked, **given)
        asked = asked if _at_odds(fuller) else _checked(fuller)
    return asked


def _checked(asked: Line) -> Line:
    if (name := asked.out) is not None and (not name.isidentifier() or keyword.iskeyword(name)):
        raise usage_error(f"-o takes the name of a variable, not {name!r}")
    return asked


def _meant(words: list[str]) -> str:
    for word in words:
        if word.startswith("--") and word not in (*FLAGS, *VALUED):
            near = difflib.get_close_matches(word, (*FLAGS, *VALUED), n=1)
            return f"Did you mean {near[0]}?" if near else ""
    return ""


def _is_given(asked: Line, option: str) -> bool:
    value = getattr(asked, _FIELDS.get(option, option.strip("-").replace("-", "_")))
    return value not in (None, False, (), "md" if option == "-f" else None)


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
    """What is wrong, that nothing came of it, and how it is written."""
    said = f"{what[:1].upper()}{what[1:]}".rstrip(". ")
    return UsageError(f"{said}{'' if said.endswith('?') else '.'}\nNothing was sent.\nUsage: {usage}")


def is_usage_error(error: BaseException) -> bool:
    """Is it one of ours? (A class of its own would not be shown as briefly: IPython asks for ``UsageError`` itself.)"""
    return isinstance(error, UsageError) and "\nUsage: %" in str(error)


def is_name(text: str) -> bool:
    """Can a conversation have this name?"""
    return _NAME.fullmatch(text) is not None


def _number(kind: Callable[[str], Any], words: str, fits: Callable[[Any], bool]) -> Callable[[str], Any]:
    """A reader of numbers that says in words what it takes."""

    def read(text: str) -> Any:
        try:
            number = kind(text)
        except ValueError:
            number = None
        if number is None or not fits(number):
            raise argparse.ArgumentTypeError(f"{text!r} is not {words}")
        return number

    return read


def _in_dollars(text: str) -> float:
    return float(text.removeprefix("$"))


heat = _number(float, "a number, 0 or above", lambda n: 0 <= n < math.inf)
positive = _number(float, "a number of seconds above 0", lambda n: 0 < n < math.inf)
dollars = _number(_in_dollars, "a number of dollars above 0", lambda n: 0 < n < math.inf)
whole = _number(int, "a number of tokens above 0", lambda n: n > 0)
rounds = _number(int, "a number of rounds above 0", lambda n: n > 0)
count = _number(int, f"a number from 1 to {_MOST_REPEATS}", lambda n: 1 <= n <= _MOST_REPEATS)


def models(text: str) -> tuple[str, ...]:
    """Several models, with commas between them, none twice.

    >>> models("sonnet,luna")
    ('sonnet', 'luna')
    """
    named = tuple(name.strip() for name in _COMMA.split(text))
    if not all(named) or len(set(named)) < len(named):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of different models, as in sonnet,luna")
    return named


def level(text: str) -> str | int:
    """How hard to think: a level, or a number of tokens."""
    if text in THINK:
        return text
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(THINK)}, nor a number of tokens")
