"""Does a value follow a JSON schema? The words of the schemas that models are asked with, and no others.

Types of the user's own are read by pydantic (``structured.py``); this is for schemas that are plain mappings.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
}
_MOST = 20
_BOUNDS: tuple[tuple[str, str, Callable[[float, float], bool]], ...] = (
    ("minimum", "≥", operator.ge),
    ("maximum", "≤", operator.le),
    ("exclusiveMinimum", ">", operator.gt),
    ("exclusiveMaximum", "<", operator.lt),
)


def problems(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """What is wrong with the value, each with its place; none if it follows the schema.

    >>> problems({"age": "7"}, {"type": "object", "properties": {"age": {"type": "integer"}}})
    ["age: should be integer, is '7'"]
    """
    found = []
    for problem in _check(value, schema, schema, "", 0):
        found.append(problem)
        if len(found) == _MOST:
            break
    return found


def resolve(schema: Any, root: Mapping[str, Any]) -> Any:
    """The schema that a reference points to."""
    for _ in range(20):
        if not isinstance(schema, Mapping) or not isinstance(ref := schema.get("$ref"), str):
            return schema
        target: Any = root
        for step in ref.removeprefix("#").strip("/").split("/"):
            target = target.get(step.replace("~1", "/").replace("~0", "~"), {}) if step else target
        schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
    return {}


def _check(value: Any, schema: Any, root: Mapping[str, Any], at: str, depth: int) -> Iterator[str]:
    if schema is False:
        yield f"{at or 'the answer'}: nothing is allowed here"
    schema = resolve(schema, root)
    if not isinstance(schema, Mapping) or depth > 60:
        return
    where = at or "the answer"
    for name in ("anyOf", "oneOf"):
        tries = [list(_check(value, choice, root, at, depth + 1)) for choice in schema.get(name, ())]
        if tries and all(tries):
            yield min(tries, key=len)[0]
    for part in schema.get("allOf", ()):
        yield from _check(value, part, root, at, depth + 1)
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds or ())
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{where}: should be {' or '.join(kinds)}, is {_shown(value)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: should be one of {', '.join(map(_shown, schema['enum']))}, is {_shown(value)}"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: should be {_shown(schema['const'])}, is {_shown(value)}"
    match value:
        case dict():
            yield from _object(value, schema, root, at, depth)
        case list():
            yield from _size(len(value), schema, "Items", "items", where)
            for number, item in enumerate(value):
                yield from _check(item, schema.get("items", {}), root, f"{at}[{number}]", depth + 1)
        case str():
            yield from _size(len(value), schema, "Length", "characters", where)
            if isinstance(pattern := schema.get("pattern"), str) and not re.search(pattern, value):
                yield f"{where}: should match {pattern!r}"
        case int() | float() if not isinstance(value, bool):
            yield from _number(value, schema, where)


def _object(
    value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], at: str, depth: int
) -> Iterator[str]:
    properties = schema.get("properties") or {}
    dot = f"{at}." if at else ""
    for name in schema.get("required") or ():
        if name not in value:
            yield f"{dot}{name}: is missing"
    more = schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in properties:
            yield from _check(item, properties[name], root, f"{dot}{name}", depth + 1)
        elif more is False:
            yield f"{dot}{name}: is not asked for"
        else:
            yield from _check(item, more, root, f"{dot}{name}", depth + 1)


def _size(size: int, schema: Mapping[str, Any], what: str, unit: str, where: str) -> Iterator[str]:
    least, most = schema.get(f"min{what}", 0), schema.get(f"max{what}", math.inf)
    if not least <= size <= most:
        bound = f"at least {least}" if size < least else f"at most {most}"
        yield f"{where}: should have {bound} {unit}, has {size}"


def _number(value: float, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    for word, says, holds in _BOUNDS:
        limit = schema.get(word)
        if isinstance(limit, int | float) and not holds(value, limit):
            yield f"{where}: should be {says} {limit}, is {value}"


def _is(value: Any, kind: str) -> bool:
    match kind:
        case "integer":
            return (isinstance(value, int) and not isinstance(value, bool)) or (
                isinstance(value, float) and value.is_integer()
            )
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, _KINDS.get(kind, (object,)))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
