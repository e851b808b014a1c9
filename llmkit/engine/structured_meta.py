"""Is a JSON schema one? Its words and their values, seen before anything is sent.

Whether a value follows a schema is ``structured_check.py``'s business. What is wrong is told by its place, and not
quoted but for the words of a type: a schema may hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: Words whose value is a schema, a list of schemas, or schemas by name.
_ONE = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else")
_CHOICES = ("anyOf", "allOf", "oneOf")
_SEVERAL = (*_CHOICES, "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs", "definitions")
_TYPES = frozenset(("object", "array", "string", "number", "integer", "boolean", "null"))


def fault(schema: Mapping[str, Any]) -> str | None:
    """The first thing that makes this no JSON schema, with its place; ``None`` if it is one.

    >>> fault({"type": "object", "properties": {"age": {"type": "int"}}})
    "properties.age.type is 'int', which is none of array, boolean, integer, null, number, object, string"
    """
    return next(_faults(schema, schema, ""), None)


def _faults(schema: Any, root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        yield f"{at} is no schema, but a {type(schema).__name__}"
        return
    dot = f"{at}." if at else ""
    for word, value in schema.items():
        place = f"{dot}{word}"
        if word in _ONE and not (word == "items" and isinstance(value, list)):
            yield from _faults(value, root, place)
        elif word in _SEVERAL or word == "items":  # a list of items: as drafts before 2020 write a tuple
            if not isinstance(value, list) or (not value and word in _CHOICES):
                yield f"{place} must be a list of schemas"
                return
            for number, each in enumerate(value):
                yield from _faults(each, root, f"{place}[{number}]")
        elif word in _NAMED:
            if not isinstance(value, Mapping):
                yield f"{place} must be schemas by name"
                return
            for name, each in value.items():
                yield from _faults(each, root, f"{place}.{name}")
        elif (says := _wrong(word, value, root)) is not None:
            yield f"{place} {says}"


def _wrong(word: str, value: Any, root: Mapping[str, Any]) -> str | None:
    match word:
        case "type":
            kinds = value if isinstance(value, list) else [value]
            odd = [kind for kind in kinds if not isinstance(kind, str) or kind not in _TYPES]
            if not odd:
                return None
            word = f"{odd[0]!r}, which" if isinstance(odd[0], str) and odd[0].isalpha() else "something that"
            return f"is {word} is none of {', '.join(sorted(_TYPES))}"
        case "$ref":
            return None if isinstance(value, str) and _there(value, root) else "points to nothing in it"
        case "pattern":
            try:
                re.compile(value)
            except (re.error, TypeError) as error:
                return f"is no regular expression: {error}"
            return None
        case "enum":
            return None if isinstance(value, list) and value else "must be a list of values"
        case "required":
            whole = isinstance(value, list) and all(isinstance(name, str) for name in value)
            return None if whole else "must be a list of names"
        case _ if (rule := _NUMBERS.get(word)) is not None:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return None if number and rule(value) else "is no such number"
        case _:
            return None


def _size(value: float) -> bool:
    return value >= 0 and value == int(value)


def _any(_: float) -> bool:
    return True


_NUMBERS: Mapping[str, Callable[[float], bool]] = {
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _size
    ),
    **dict.fromkeys(("minimum", "maximum"), _any),
    "multipleOf": lambda value: value > 0,
}


def _there(ref: str, root: Mapping[str, Any]) -> bool:
    """Does the reference lead to a part of this schema? What is elsewhere is not fetched."""
    if not ref.startswith("#"):
        return False
    target: Any = root
    for step in ref[1:].strip("/").split("/"):
        if step:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, Mapping) or name not in target:
                return False
            target = target[name]
    return isinstance(target, Mapping | bool)
