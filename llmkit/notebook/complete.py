"""Completion on the line of ``%%llm``: options, models, levels. The magic itself lives in ``magics.py``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from llmkit.core.errors import ConfigError
from llmkit.engine.session import default_session
from llmkit.models.aliases import ALIASES
from llmkit.notebook.commands import COMMANDS
from llmkit.notebook.formats import FORMATS
from llmkit.notebook.options import FLAGS, THINK, VALUED

if TYPE_CHECKING:
    from IPython.core.completer import SimpleMatcherResult

_LINE = re.compile(r"\s*(?:[\w, ]+=\s*)?(%%?)llm\s+(.*)\Z", re.DOTALL)
_OPTIONS = tuple(name for name in sorted((*FLAGS, *VALUED)) if name.startswith("--"))


def candidates(before: str, models: list[str]) -> tuple[str, list[str]]:
    """The word being written and what it may become, for a line up to the cursor.

    >>> candidates("%%llm --thi", [])
    ('--thi', ['--think'])
    >>> candidates("%%llm son", ["sonnet", "luna"])
    ('son', ['sonnet'])
    """
    found = _LINE.match(before)
    if found is None:
        return "", []
    words = found[2].split()
    word = words.pop() if words and not found[2][-1].isspace() else ""
    previous = words[-1] if words else ""
    if previous in ("-m", "--model"):
        offered = models
    elif previous == "--think":
        offered = list(THINK)
    elif previous in ("-f", "--format"):
        offered = list(FORMATS)
    elif found[1] == "%" and not words and not word.startswith("-"):
        offered = [*COMMANDS, *models]
    elif words == ["use"]:
        offered = models
    elif word.startswith("-"):
        offered = list(_OPTIONS)
    elif previous not in VALUED and found[1] == "%%" and not _has_word(words):
        offered = models
    else:
        return word, []
    return word, [name for name in offered if name.startswith(word)]


def _has_word(words: list[str]) -> bool:
    """Is there a word that is neither an option nor an option's value?"""
    return any(not w.startswith("-") and (n == 0 or words[n - 1] not in VALUED) for n, w in enumerate(words))


@context_matcher()
def llm_matcher(context: CompletionContext) -> SimpleMatcherResult:
    """IPython's matcher (API version 2)."""
    lines = context.full_text.split("\n")
    line = lines[context.cursor_line] if context.cursor_line < len(lines) else ""
    before = line[: context.cursor_position]
    word, names = candidates(before, model_names() if "llm" in before else [])
    return {
        "completions": [SimpleCompletion(text=name, type="llm") for name in names],
        "matched_fragment": word,
        "suppress": bool(names),
    }


def model_names() -> list[str]:
    """The names that people write: aliases, a config's own, and what they stand for."""
    try:
        own = default_session().registry.aliases
    except ConfigError:  # a broken config is told of when a model is asked, not while typing
        own = {}
    return sorted({*ALIASES, *ALIASES.values(), *own, *own.values()})
