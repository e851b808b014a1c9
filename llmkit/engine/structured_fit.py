"""A JSON schema cut to what a provider enforces, as data for each: the rest is told to the model in words, noted,
and checked when the answer is there. Where a provider can't follow the schema at all, it goes into the prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmkit.core.request import Request
from llmkit.engine.structured_check import resolve

#: Words with the names of a schema's parts under them, and words whose values are no schemas.
_NAMED = ("properties", "$defs", "definitions")
_LITERAL = ("enum", "const", "required", "type", "format", "pattern", "description", "title")


@dataclass(frozen=True, slots=True)
class Subset:
    """What one provider takes of JSON schema. ``words`` are those it enforces; ``formats`` those of texts."""

    name: str
    words: frozenset[str]
    formats: frozenset[str] | None = None
    every_field: bool = False  # all fields must be required; what may be missing may be null instead
    closed: bool = False  # objects must name all their fields
    recursion: bool = True


_COMMON = {
    "type",
    "title",
    "description",
    "properties",
    "required",
    "items",
    "enum",
    "anyOf",
    "additionalProperties",
}
_REFS = {"$ref", "$defs", "definitions"}
_NUMBERS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_LISTS = {"minItems", "maxItems"}

# Anthropic: as ``transform_schema`` of its SDK has it. OpenAI: its manual of structured outputs. Gemini: the
# comment on ``response_json_schema`` in its SDK.
_SUBSETS: Mapping[str, Subset] = {
    "anthropic.messages": Subset(
        "Anthropic",
        frozenset(_COMMON | _REFS | {"const", "allOf"}),
        frozenset(
            {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
        ),
        closed=True,
        recursion=False,
    ),
    "openai": Subset(
        "OpenAI",
        frozenset(_COMMON | _REFS | _NUMBERS | _LISTS | {"const", "pattern"}),
        frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}),
        every_field=True,
    ),
    "gemini.generate": Subset(
        "Gemini",
        frozenset(_COMMON | _REFS | _LISTS | {"minimum", "maximum", "oneOf", "prefixItems"}),
        frozenset({"date-time", "date", "time"}),
    ),
}
#: Models of the time before structured answers.
_TOO_OLD = re.compile(
    r"openai/(gpt-3\.5|gpt-4(-\d|-turbo|-32k|$)|gpt-4o-2024-05-13|o1-mini|o1-preview)"
    r"|anthropic/claude-([123]|instant|(opus|sonnet)-4-(0|2025))"
    r"|gemini/gemini-(1\.|pro)"
)
#: Servers that read schemas on another of their wires alone.
_NO_MODE = {("anthropic.messages", "llamacpp")}
#: Told to a model that has no such mode.
_IN_WORDS = "Answer only with JSON that follows this JSON schema, with no other words around it:\n"


def fit(
    request: Request, wire: str, dialect: str, full_name: str, *, in_words: bool
) -> tuple[Request, list[str]]:
    """The request with a schema that its provider takes. ``in_words``: this model refused schemas before."""
    schema = request.schema
    if schema is None:
        return request, []
    subset = _SUBSETS.get("openai" if dialect in ("openai", "azure") and wire.startswith("openai") else wire)
    why = ""
    if in_words or (wire, dialect) in _NO_MODE:
        why = "it has no mode for it"
    elif _TOO_OLD.match(full_name):
        why = "it is older than that mode"
    elif subset is not None and subset.closed and is_open(schema, schema):
        why = f"{subset.name} takes only objects whose fields are all named"
    elif subset is not None and not subset.recursion and is_recursive(schema, schema):
        why = f"{subset.name} takes no schema that holds itself"
    if why:
        told = "\n\n".join(
            text for text in (request.system, _IN_WORDS + json.dumps(schema, ensure_ascii=False)) if text
        )
        note = f"The schema was told to {full_name} in words ({why}); the answer was checked here."
        return request.with_(schema=None, system=told), [note]
    if subset is None:
        return request, []
    cut = _Cut(subset, schema)
    fitted = cut.node(schema if is_recursive(schema, schema) else inlined(schema, schema))
    notes = []
    if cut.lost:
        notes.append(
            f"{subset.name} does not enforce {', '.join(sorted(cut.lost))}; the answer was checked here."
        )
    return request.with_(schema=fitted), notes


def inlined(schema: Any, root: Mapping[str, Any]) -> Any:
    """The schema with what it refers to put in its place. For schemas that do not hold themselves."""
    if isinstance(schema, list):
        return [inlined(item, root) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    schema = resolve(schema, root)
    return {
        key: value if key in _LITERAL else {n: inlined(v, root) for n, v in value.items()} if key == "properties" else inlined(value, root)
        for key, value in schema.items()
        if key not in ("$defs", "definitions")
    }  # fmt: skip


def is_recursive(schema: Any, root: Mapping[str, Any], inside: tuple[str, ...] = ()) -> bool:
    """Does a part of it refer to what it is a part of?"""
    if isinstance(schema, list):
        return any(is_recursive(item, root, inside) for item in schema)
    if not isinstance(schema, Mapping):
        return False
    if isinstance(ref := schema.get("$ref"), str):
        return ref in inside or is_recursive(resolve({"$ref": ref}, root), root, (*inside, ref))
    inner = (value for key, value in schema.items() if key not in (*_LITERAL, "$defs", "definitions"))
    named = schema.get("properties")
    return any(
        is_recursive(value, root, inside)
        for value in (*inner, *(named.values() if isinstance(named, Mapping) else ()))
    )


def is_open(schema: Any, root: Mapping[str, Any], depth: int = 0) -> bool:
    """Is there an object in it whose fields are not named?"""
    if isinstance(schema, list):
        return any(is_open(item, root, depth) for item in schema)
    if not isinstance(schema, Mapping) or depth > 30:
        return False
    schema = resolve(schema, root)
    if schema.get("type") == "object" and not schema.get("properties"):
        return schema.get("additionalProperties") is not False
    if isinstance(schema.get("additionalProperties"), Mapping):
        return True
    named = schema.get("properties") or {}
    parts = (schema.get(key) for key in ("items", "anyOf", "oneOf", "allOf"))
    return any(is_open(part, root, depth + 1) for part in (*parts, *named.values()))


class _Cut:
    """Cuts a schema to a subset, and remembers what was lost."""

    def __init__(self, subset: Subset, root: Mapping[str, Any]) -> None:
        self.subset = subset
        self.open = is_open(root, root)
        self.lost: set[str] = set()

    def node(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self.node(item) for item in schema]
        if not isinstance(schema, Mapping):
            return schema
        made: dict[str, Any] = {}
        told: list[str] = []
        for key, value in schema.items():
            if key == "oneOf" and "oneOf" not in self.subset.words:
                made["anyOf"] = self.node(value)
            elif key == "const" and "const" not in self.subset.words:
                made["enum"] = [value]
            elif key == "format" and self.subset.formats is not None:
                if value in self.subset.formats:
                    made[key] = value
                else:
                    told.append(f"format: {value}")
                    self.lost.add(f"the format {value!r}")
            elif key in _NAMED and key in (*self.subset.words, "properties") and isinstance(value, Mapping):
                made[key] = {name: self.node(inner) for name, inner in value.items()}
            elif key in self.subset.words:
                made[key] = value if key in _LITERAL else self.node(value)
            elif key == "minItems" and value in (0, 1) and self.subset.closed:
                made[key] = value
            elif key not in ("default", "examples", "$schema", "$id"):
                told.append(f"{key}: {json.dumps(value, default=str)}")
                self.lost.add(key)
        if told:
            made["description"] = "\n\n".join(
                filter(None, (made.get("description"), f"{{{', '.join(told)}}}"))
            )
        if self.subset.every_field and not self.open and isinstance(made.get("properties"), dict):
            required = set(made.get("required") or ())
            made["properties"] = {
                name: inner if name in required else _or_null(inner)
                for name, inner in made["properties"].items()
            }
            made["required"] = list(made["properties"])
            made["additionalProperties"] = False
        return made


def _or_null(schema: Any) -> Any:
    """The same, or nothing."""
    if not isinstance(schema, Mapping) or may_be_null(schema):
        return schema
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" not in schema and "const" not in schema:
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [dict(schema), {"type": "null"}]}


def may_be_null(schema: Mapping[str, Any]) -> bool:
    """Is null a value of it?"""
    kind = schema.get("type")
    return (
        kind == "null"
        or (isinstance(kind, list) and "null" in kind)
        or None in (schema.get("enum") or ())
        or any(isinstance(part, Mapping) and may_be_null(part) for part in schema.get("anyOf") or ())
        or not schema
    )
