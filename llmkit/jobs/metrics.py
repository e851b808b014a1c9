"""What an answer can be scored by: a name, a pattern, or a function of the user's own; each gives a number or nothing.

Scoring a grid and what comes of it is the business of ``scores.py``.
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from llmkit.core.errors import BadRequest
from llmkit.jobs.grid import Cell
from llmkit.jobs.words import in_common, rouge_l

_FENCE = re.compile(r"^```[^\n`]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
#: What a function may ask for by the names of its parameters, besides the answer's text.
_GIVEN = ("expected", "prompt", "reply", "data", "cell")


@dataclass(frozen=True, slots=True)
class Metric:
    """A way to score: ``of(cell, expected)``. ``expects`` says that nothing can be said without an expected answer."""

    name: str
    of: Callable[[Cell, Any], float | None]
    expects: bool = False
    #: Its name among ``METRICS``, by which it is found again when a saved grid is read.
    known_as: str = ""


def exact(answer: str, expected: Any) -> float:
    """1 where the answer is the expected text, spaces around it aside.

    >>> exact(" Paris ", "Paris"), exact("Paris.", "Paris")
    (1.0, 0.0)
    """
    return float(answer.strip() == str(expected).strip())


def contains(answer: str, expected: Any) -> float:
    """1 where the expected text stands somewhere in the answer, in whatever case.

    >>> contains("It is PARIS, I think.", "Paris")
    1.0
    """
    return float(str(expected).casefold() in answer.casefold())


def regex(answer: str, expected: Any) -> float:
    """1 where the pattern is found in the answer.

    >>> regex("The answer is 42.", r"[0-9]+")
    1.0
    """
    return float(re.search(expected, answer) is not None)


def json_equal(answer: str, expected: Any) -> float:
    """1 where both are the same as JSON, whatever the order of keys and the spaces; a fenced block is unwrapped.

    >>> json_equal('{"b": 2.0, "a": 1}', {"a": 1, "b": 2})
    1.0
    """
    try:
        return float(_same(_json(answer), _json(expected) if isinstance(expected, str) else expected))
    except ValueError:
        return 0.0


def rouge(answer: str, expected: Any) -> float:
    """How much of both runs in the same order, from 0 to 1 (ROUGE-L, its F measure)."""
    return rouge_l(answer, str(expected))


def words(answer: str, expected: Any) -> float:
    """How many words both share, from 0 to 1, in whatever order (ROUGE-1, its F measure)."""
    return in_common(answer, str(expected))


METRICS: Final[Mapping[str, Callable[[str, Any], float]]] = MappingProxyType(
    {function.__name__: function for function in (exact, contains, regex, json_equal, rouge, words)}
)


def as_metric(given: Any, name: str | None = None) -> Metric:
    """The metric that a user means: its name, a compiled pattern or one as text, or a function.

    >>> as_metric("rouge").name, as_metric(re.compile("[0-9]+")).name, as_metric(len).name
    ('rouge', 'regex', 'len')
    """
    if isinstance(given, Metric):
        return given
    if isinstance(given, str) and given in METRICS:
        function = METRICS[given]
        return Metric(
            name or given, lambda cell, expected: function(cell.text, expected), expects=True, known_as=given
        )
    if isinstance(given, str | re.Pattern):
        return _pattern(given, name)
    if callable(given):
        return Metric(name or _name_of(given), _asking(given))
    raise BadRequest(
        f"{given!r} is no way to score.", hint=f"Give a function, a pattern, or one of {', '.join(METRICS)}."
    )


def _pattern(given: str | re.Pattern[str], name: str | None) -> Metric:
    if isinstance(given, str):
        near = difflib.get_close_matches(given, METRICS, n=1, cutoff=0.7)
        if near or not given:
            raise BadRequest(
                f"There is no metric {given!r}.",
                why=f"Did you mean {near[0]!r}?" if near else "",
                hint=f"Metrics are {', '.join(METRICS)}; a pattern can be given as re.compile(…).",
            )
    try:
        pattern = re.compile(given)
    except re.error as error:
        raise BadRequest(
            f"{given!r} is neither a metric nor a regular expression.",
            why=f"As a pattern: {error}.",
            hint=f"Metrics are {', '.join(METRICS)}.",
        ) from None
    return Metric(name or "regex", lambda cell, _: float(pattern.search(cell.text) is not None))


def _asking(function: Callable[..., Any]) -> Callable[[Cell, Any], float | None]:
    """A user's function, given what it asks for by the names of its parameters; the first is the answer's text."""
    if inspect.iscoroutinefunction(function):
        raise BadRequest("A function that scores can't be async.", hint="Write it with a plain def.")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some built-in functions tell nothing
        return lambda cell, _: _number(function(cell.text))
    plain = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    by_name = [one.name for one in parameters if one.name in _GIVEN and one.kind is not one.POSITIONAL_ONLY]
    first = bool(plain) and plain[0].name not in by_name
    second = len(plain) > 1 and not by_name and first and plain[1].default is inspect.Parameter.empty

    def of(cell: Cell, expected: Any) -> float | None:
        reply = cell.reply
        known = {
            "expected": expected,
            "prompt": cell.question.label,
            "reply": reply,
            "data": None if reply is None else reply.data,
            "cell": cell,
        }
        given = [cell.text] if first else []
        if second:
            given.append(expected)
        return _number(function(*given, **{name: known[name] for name in by_name}))

    return of


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise TypeError(f"it gave {type(value).__name__}, not a number")
    number = float(value)
    return None if number != number else number  # noqa: PLR0124  NaN


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return "score" if name == "<lambda>" else str(name)


def _json(text: str) -> Any:
    fenced = _FENCE.search(text)
    return json.loads(fenced.group(1) if fenced else text)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
