"""For the reference: the examples of docstrings become blocks of code, without what only doctest reads."""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)
_FOR_DOCTEST = re.compile(r"\s*# doctest: \S+.*$", re.MULTILINE)


class Examples(griffe.Extension):
    """Named in mkdocs.yml."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Each object, when it was read."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """A docstring whose examples are fenced.

    >>> print(fenced(">>> 1 + 1  # doctest: +SKIP"))
    ```pycon
    >>> 1 + 1
    ```
    """
    return _EXAMPLE.sub(lambda found: f"```pycon\n{_FOR_DOCTEST.sub('', found[0])}\n```", text)
