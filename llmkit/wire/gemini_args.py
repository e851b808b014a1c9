"""A tool call's arguments that arrive in pieces, each with the JSON path of where it belongs.

What a frame is, and when a call is whole, is the business of ``gemini.py``.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"]+) | \[(?P<index>\d{1,6})\] | \['(?P<single>(?:[^'\\]|\\.)*)'\]"""
    r"""| \[(?P<double>"(?:[^"\\]|\\.)*")\]""",
    re.VERBOSE,
)
#: A list is filled from its beginning; a piece far behind its end is none.
_FURTHEST = 1000


class ArgumentsDraft:
    """Arguments on their way.

    >>> draft = ArgumentsDraft()
    >>> draft.add({"jsonPath": "$.steps[0].text", "stringValue": "Bo", "willContinue": True})
    >>> draft.add({"jsonPath": "$.steps[0].text", "stringValue": "il"})
    >>> draft.value
    {'steps': [{'text': 'Boil'}]}
    """

    __slots__ = ("_open", "value")

    def __init__(self) -> None:
        self.value: dict[str, Any] = {}
        self._open: str | None = None  # the path whose text goes on

    def add(self, piece: dict[str, Any]) -> None:
        """The next piece. A string may come in several, the others come whole."""
        path = piece["jsonPath"]
        goes_on = path == self._open
        self._open = path if piece.get("willContinue") else None
        if "stringValue" in piece:
            self._put(steps(path), str(piece["stringValue"]), goes_on=goes_on)
        elif "numberValue" in piece:
            self._put(steps(path), piece["numberValue"], goes_on=False)
        elif "boolValue" in piece:
            self._put(steps(path), piece["boolValue"], goes_on=False)
        elif "nullValue" in piece:
            self._put(steps(path), None, goes_on=False)

    def _put(self, path: list[str | int], value: Any, *, goes_on: bool) -> None:
        here: Any = self.value
        for step, following in itertools.pairwise(path):
            here = _inside(here, step, [] if isinstance(following, int) else {})
        *_, last = path
        if goes_on:
            value = _inside(here, last, "") + value
        _set(here, last, value)


def steps(path: str) -> list[str | int]:
    """A JSON path in steps.

    >>> steps("$.a[0]['b c']")
    ['a', 0, 'b c']
    """
    found: list[str | int] = []
    at = 1 if path.startswith("$") else 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise ValueError(f"Not a JSON path: {path!r:.100}.")
        at = step.end()
        if step["index"] is not None:
            found.append(int(step["index"]))
        elif step["double"] is not None:
            found.append(json.loads(step["double"]))
        elif step["single"] is not None:
            found.append(re.sub(r"\\(.)", r"\1", step["single"]))
        else:
            found.append(step["name"])
    if not found or isinstance(found[0], int):
        raise ValueError(f"Not the path of an argument: {path!r:.100}.")
    return found


def _inside(here: Any, step: str | int, new: Any) -> Any:
    """What is there; or ``new``, put there."""
    if isinstance(here, dict) and isinstance(step, str):
        return here.setdefault(step, new)
    if isinstance(here, list) and isinstance(step, int):
        if step >= len(here) or here[step] is None:
            _set(here, step, new)
        return here[step]
    raise ValueError(f"{step!r:.100} does not fit what came before.")


def _set(here: Any, step: str | int, value: Any) -> None:
    if isinstance(here, dict) and isinstance(step, str):
        here[step] = value
    elif isinstance(here, list) and isinstance(step, int) and step <= len(here) + _FURTHEST:
        here.extend([None] * (step + 1 - len(here)))
        here[step] = value
    else:
        raise ValueError(f"{step!r:.100} does not fit what came before.")
