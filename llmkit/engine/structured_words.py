"""A schema in a few words: ``"name, age int, tags list"``. What other schemas may be is in ``structured.py``."""

from __future__ import annotations

import re
from typing import Any

from llmkit.core.errors import BadRequest

_TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "text": {"type": "string"},
    "string": {"type": "string"},
    "int": {"type": "integer"},
    "integer": {"type": "integer"},
    "float": {"type": "number"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "list": {"type": "array", "items": {"type": "string"}},
}
_FIELD = re.compile(
    r"\s*(?P<name>\w+)(?P<optional>\?)?(?:\s+(?P<kind>[^:]+?))?\s*(?::\s*(?P<about>.*?))?\s*", re.DOTALL
)
_LIST = re.compile(r"list\s*(?:\[\s*(?P<of>[^\]]+?)\s*\]|of\s+(?P<these>\w+))")
_FORM = 'For example "name, age int, tags list, mood good|bad, born date: the day of birth".'


def from_words(text: str) -> dict[str, Any]:
    """The JSON schema that these words mean.

    Fields stand apart by commas, or one on a line, where a description may hold commas. A field is text unless a type
    follows: int, float, bool, date, datetime, list, ``list[int]``, or the words that are allowed (``good|bad``).
    ``name?`` may be missing. Brackets around all of it mean a list of such things.

    >>> from_words("name, age int")["properties"]["age"]
    {'type': 'integer'}
    >>> from_words("[city, people int]")["type"]
    'array'
    """
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        return {"type": "array", "items": from_words(inner[1:-1])}
    properties: dict[str, Any] = {}
    required = []
    for field in _fields(inner):
        found = _FIELD.fullmatch(field)
        if found is None:
            raise _bad(text, f"{field.strip()!r} is no field.")
        name = found["name"]
        if name in properties:
            raise _bad(text, f"There are two fields {name!r}.")
        properties[name] = _kind(found["kind"] or "str", text)
        if found["about"]:
            properties[name] = {**properties[name], "description": found["about"]}
        if not found["optional"]:
            required.append(name)
    if not properties:
        raise _bad(text, "It names no field.")
    return {"type": "object", "properties": properties, "required": required}


def _fields(text: str) -> list[str]:
    separator = r"\n" if "\n" in text else r",(?![^\[]*\])"
    return [field.rstrip(", \t") for field in re.split(separator, text) if field.strip(", \t")]


def _kind(word: str, whole: str) -> dict[str, Any]:
    word = word.strip()
    if "|" in word:
        return {"type": "string", "enum": [choice.strip() for choice in word.split("|") if choice.strip()]}
    if (found := _LIST.fullmatch(word)) is not None:
        return {"type": "array", "items": _kind(found["of"] or found["these"], whole)}
    if word not in _TYPES:
        raise _bad(whole, f"{word!r} is no type; types are {', '.join(_TYPES)}.")
    return dict(_TYPES[word])


def _bad(text: str, why: str) -> BadRequest:
    shown = text if len(text) <= 60 else f"{text[:59]}…"
    return BadRequest(f"schema={shown!r} can't be read.", why=why, hint=f"{_FORM} Nothing was sent.")
