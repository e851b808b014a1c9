"""A question on a line of ``%llm`` is a question for the model, not for IPython's help.

IPython reads a line that ends in "?" as a wish for help. This input transformer turns such a line of
``%llm`` into the call that IPython would make of it without the mark. Only that line is touched.
"""

from __future__ import annotations

import re

_QUESTION = re.compile(r"(\s*(?:[\w.,\[\]'\" ]+=\s*)?)%llm[ \t]+(\S.*\?)\s*\Z")


def keep_question_marks(lines: list[str]) -> list[str]:
    """For ``input_transformers_cleanup``.

    >>> keep_question_marks(["r = %llm Why?\\n"])
    ["r = get_ipython().run_line_magic('llm', 'Why?')\\n"]
    >>> keep_question_marks(["%llm?\\n"])
    ['%llm?\\n']
    """
    if lines and lines[0].lstrip().startswith("%%"):
        return lines  # the body of a cell magic is that magic's business
    return [_QUESTION.sub(_as_call, line) if "%llm" in line else line for line in lines]


def _as_call(match: re.Match[str]) -> str:
    return f"{match[1]}get_ipython().run_line_magic('llm', {match[2]!r})\n"
