"""Completion in a cell of ``%%llm``: what may stand on its line, and the expressions in its ``{{ }}``.

Nothing is sent, and nothing of the user's is run: expressions are left to IPython's own completer and its guarded
policy, and of variables only the names and types are looked at. What the options mean lives in ``options.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, IPCompleter, SimpleCompletion, context_matcher
from IPython.core.getipython import get_ipython

from llmkit.core.errors import ConfigError
from llmkit.engine.session import default_session
from llmkit.models.aliases import ALIASES
from llmkit.models.catalogue import known_models
from llmkit.notebook.commands import COMMANDS
from llmkit.notebook.formats import FORMATS
from llmkit.notebook.options import FLAGS, THINK, VALUED
from llmkit.routing.strategies import STRATEGIES
from llmkit.routing.tasks import TASKS

if TYPE_CHECKING:
    from IPython.core.completer import SimpleMatcherResult

_LINE = re.compile(r"\s*(?:[\w, ]+=\s*)?(%%?)llm\s+(.*)\Z", re.DOTALL)
_OPTIONS = tuple(name for name in sorted((*FLAGS, *VALUED)) if name.startswith("--"))
_ALTERNATIVE = re.compile(r"(?:^|[\[|]\s*)([A-Za-z]+)")
_MOST_FILES = 200


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to complete with: the names of this kernel."""

    models: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    conversations: tuple[str, ...] = ()

    def called(self, fits: Callable[[Any], bool]) -> list[str]:
        """The variables of that kind."""
        return [name for name, value in self.variables.items() if fits(value)]


def _is_value(value: Any) -> bool:
    return not (issubclass(type(value), type | ModuleType) or callable(value))


def _is_tool(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(_is_tool(each) for each in value)
    return callable(value) and not issubclass(type(value), type)


def _is_schema(value: Any) -> bool:
    return issubclass(type(value), type | dict)


#: What may follow an option.
_VALUES: dict[str, Callable[[Known, str], Iterable[str]]] = {
    "--model": lambda known, _: known.models,
    "--compare": lambda known, _: known.models,
    "--fallback": lambda known, _: known.models,
    "--think": lambda _, __: THINK,
    "--task": lambda _, __: (*TASKS, *default_session().registry.section("tasks")),
    "--strategy": lambda _, __: STRATEGIES,
    "--format": lambda _, __: FORMATS,
    "--out": lambda known, _: known.called(_is_value),
    "--attach": lambda known, word: [*known.called(_is_value), *_files(word)],
    "--schema": lambda known, _: known.called(_is_schema),
    "--tool": lambda known, _: known.called(_is_tool),
    "--conversation": lambda known, _: known.conversations,
}
_SHORT = {
    "-m": "--model", "-f": "--format", "-o": "--out", "-a": "--attach", "-t": "--tool", "-c": "--conversation",
}  # fmt: skip
#: What the words in capitals of a command's usage stand for.
_STAND_FOR: dict[str, Callable[[Known, str], Iterable[str]]] = {
    "MODEL": lambda known, _: known.models,
    "NAME": lambda known, _: known.conversations,
    "COMMAND": lambda _, __: COMMANDS,
    "TASK": lambda _, __: TASKS,
    "STRATEGY": lambda _, __: STRATEGIES,
    "FILE": lambda _, word: _files(word),
    "PATH": lambda _, word: _files(word),
}


def candidates(before: str, known: Known) -> tuple[str, list[str]]:
    """The word being written and what it may become, for a line up to the cursor.

    >>> candidates("%%llm --thi", Known())
    ('--thi', ['--think'])
    >>> candidates("%%llm --compare luna,son", Known(models=("sonnet", "luna")))
    ('son', ['sonnet'])
    """
    found = _LINE.match(before)
    if found is None:
        return "", []
    words = found[2].split()
    word = words.pop() if words and not found[2][-1].isspace() else ""
    option = words[-1] if words else ""
    option = _SHORT.get(option, option)
    if option in ("--compare", "--fallback", "--tool"):
        word = word.rpartition(",")[2]
    offered: Iterable[str]
    if option in _VALUES:
        offered = _VALUES[option](known, word)
    elif option in VALUED:
        offered = ()
    elif found[1] == "%" and not words and not word.startswith("-"):
        offered = [*COMMANDS, *known.models]
    elif found[1] == "%" and len(words) == 1 and words[0] in COMMANDS:
        offered = _arguments(words[0], known, word)
    elif word.startswith("-"):
        offered = _OPTIONS
    elif found[1] == "%%" and not _has_word(words):
        offered = known.models
    else:
        offered = ()
    return word, [name for name in dict.fromkeys(offered) if name.startswith(word) and name != word]


def _arguments(command: str, known: Known, word: str) -> list[str]:
    """What may follow a command, as its usage says."""
    rest = COMMANDS[command].usage.partition(command)[2].strip()
    offered: list[str] = []
    for name in _ALTERNATIVE.findall(rest):
        if name in _STAND_FOR:
            offered += _STAND_FOR[name](known, word)
        elif name.islower():
            offered.append(name)
    return offered


def _has_word(words: list[str]) -> bool:
    """Is there a word that is neither an option nor an option's value?"""
    return any(not w.startswith("-") and (n == 0 or words[n - 1] not in VALUED) for n, w in enumerate(words))


def _files(word: str) -> list[str]:
    """The files and directories that begin like this. Names with spaces are for quotes, and not offered."""
    folder, slash, begun = word.rpartition("/")
    try:
        places = sorted(Path(f"{folder}{slash}" or ".").iterdir())
    except OSError:
        return []
    found = [place for place in places if place.name.startswith(begun) and " " not in place.name]
    return [
        f"{folder}{slash}{place.name}{'/' if place.is_dir() else ''}"
        for place in found[:_MOST_FILES]
        if begun or not place.name.startswith(".")
    ]


def expression(before: str) -> str | None:
    """The expression being written in ``{{ }}``, up to the cursor; ``None`` outside of braces.

    >>> expression("Use {{ df.he"), expression("Use {{ df }} and"), expression("Write \\\\{{ df")
    ('df.he', None, None)
    """
    opened = before.rfind("{{")
    if opened == -1 or "}}" in before[opened:] or before[:opened].endswith("\\"):
        return None
    return before[opened + 2 :].rpartition("\n")[2].lstrip()


@context_matcher()
def llm_matcher(context: CompletionContext) -> SimpleMatcherResult:
    """IPython's matcher (API version 2)."""
    lines = context.full_text.split("\n")[: context.cursor_line + 1]
    lines[-1] = lines[-1][: context.cursor_position]
    in_cell = lines[0].lstrip().startswith("%%llm")
    word, kind = "", "llm"
    names: list[str] = []
    if in_cell or "%llm" in lines[-1]:
        inside = expression("\n".join(lines[1:] if in_cell else lines[-1:]))
        if inside is not None and (len(lines) > 1 or not in_cell):
            word, names = _of_expression(inside)
            kind = "instance"
        elif len(lines) == 1 or not in_cell:
            word, names = candidates(lines[-1], what_is_known())
    return {
        "completions": [SimpleCompletion(text=name, type=kind) for name in names],
        "matched_fragment": word,
        "suppress": bool(names),
    }


_second: list[IPCompleter] = []


def _of_expression(text: str) -> tuple[str, list[str]]:
    """What IPython would offer for this expression on a line of its own.

    A second completer of the same configuration is asked, for the first one is just at work.
    """
    shell = get_ipython()
    if shell is None:
        return "", []
    if not _second or _second[0].shell is not shell:
        _second[:] = [
            IPCompleter(
                shell=shell, namespace=shell.user_ns, global_namespace=shell.user_global_ns, parent=shell
            )
        ]
    word, names = _second[0].complete(line_buffer=text, cursor_pos=len(text))
    return word, [name for name in names if not name.startswith("%")]


def what_is_known() -> Known:
    """The names of this kernel: models, the user's variables, conversations."""
    shell = get_ipython()
    if shell is None:
        return Known(models=model_names())
    hidden = shell.user_ns_hidden
    variables = {
        name: value
        for name, value in list(shell.user_ns.items())
        if not name.startswith("_") and name not in hidden and not issubclass(type(value), ModuleType)
    }
    magics = shell.magics_manager.registry.get("LLMMagics")
    talks = () if magics is None else tuple(sorted(name for name in magics.conversations if name))
    return Known(model_names(), variables, talks)


def model_names() -> tuple[str, ...]:
    """The names that people write: aliases, a config's own, what they stand for, and every known model."""
    try:
        registry = default_session().registry
        own = dict(registry.aliases)
        # The simulator is looked up nowhere here: that would start it.
        presets = ((name, registry.entry(name).default) for name in registry if name != "sim")
        own |= {f"{name}/{default}": "" for name, default in presets if default}
    except ConfigError:  # a broken config is told of when a model is asked, not while typing
        own = {}
    aliases = sorted({*ALIASES, *(name for name in own if "/" not in name)})
    full = sorted({*ALIASES.values(), *own, *filter(None, own.values()), *known_models()} - {*aliases})
    return (*aliases, *full)
