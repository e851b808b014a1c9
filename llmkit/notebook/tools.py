"""``-t NAME``: functions of the notebook as tools of one cell, looked up by name.

What makes a function a tool is ``engine/tools.py``'s business, whether it may run ``consent.py``'s.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.request import ToolSpec
from llmkit.engine.toolbox import Toolbox, as_toolbox
from llmkit.notebook.prompt import SHELL

_HINT = "Nothing was sent. -t takes the name of a function of yours, of an llmkit.tool, or of a list of them."


def tools_named(words: Sequence[str], names: Mapping[str, Any]) -> Toolbox:
    """The tools of these names; a list counts as all that is in it, and a dot leads into an object.

    >>> def ping(host: str) -> str: "Is it there?"
    >>> tools_named(["ping"], {"ping": ping}).specs[0].name
    'ping'
    """
    found: dict[int, Any] = {}  # by identity: a tool may be named twice, in a list and by itself
    for word in words:
        for one in _flat(_look_up(word, names)):
            if not (callable(one) or isinstance(one, ToolSpec | Mapping)):
                raise BadRequest(f"{word!r} is no tool, but holds a {type(one).__name__}.", hint=_HINT)
            found[id(one)] = one
    return as_toolbox(list(found.values()))


def names_in(said: Iterable[str]) -> tuple[str, ...]:
    """Names with commas or spaces between them, as a list.

    >>> names_in(["a,b", "c"])
    ('a', 'b', 'c')
    """
    return tuple(name for each in said for name in each.replace(",", " ").split())


def _look_up(word: str, names: Mapping[str, Any]) -> Any:
    first, *rest = word.split(".")
    if first not in names:
        functions = [n for n, v in names.items() if callable(v) and n not in SHELL]
        near = difflib.get_close_matches(first, functions, n=1)
        raise BadRequest(
            f"There is no function {word!r} to use as a tool.",
            why=f"Did you mean {near[0]!r}?" if near else "No variable has that name.",
            hint=_HINT,
        )
    value = names[first]
    for name in rest:
        if (value := getattr(value, name, None)) is None:
            raise BadRequest(f"There is no {name!r} in {word!r} to use as a tool.", hint=_HINT)
    return value


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _flat(each)
    else:
        yield value
