"""JSON that is valid for a schema, with values that fit the prompt where that is easy.

Not a validator. What it doesn't know (``not``, ``if``, most patterns) it leaves unheeded.
"""

from __future__ import annotations

import math
import operator
import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from llmkit.sim import labels, phrasebook

_DEPTH = 12
_FORMATS = {
    "date": "2026-11-20",
    "date-time": "2026-11-20T09:30:00Z",
    "time": "09:30:00Z",
    "email": "ada@example.org",
    "uri": "https://example.org/a",
    "url": "https://example.org/a",
    "uuid": "3f2b8c1e-5d4a-4c7b-9e1f-0a6d8b7c5e42",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
    "hostname": "example.org",
    "duration": "PT30M",
}
_SAMPLES = (
    "a",
    "A1",
    "abc",
    "ABC",
    "12",
    "123",
    "1234",
    "12345",
    "ABC-123",
    "2026-11-20",
    "a@b.org",
    "+15550100",
)


def example(schema: Mapping[str, Any], prompt: str, dice: random.Random) -> Any:
    """A value that the schema allows.

    >>> example({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    ...         "seven is 7", random.Random(1))
    {'n': 7}
    """
    return _Generator(schema, prompt, dice).value(schema, "", 0)


class _Generator:
    """Fills a schema from one prompt: its numbers and names are handed out in order."""

    def __init__(self, root: Mapping[str, Any], prompt: str, dice: random.Random) -> None:
        self.root = root
        self.prompt = prompt
        self.dice = dice
        self.numbers = [float(n) for n in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w-])", prompt)]
        self.names = names_in(prompt)
        self.places = places_in(prompt)

    def value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return name or "anything"
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.enum(list(schema["enum"]))
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                options = [o for o in schema[key] if self.resolved(o).get("type") != "null"]
                rest = {k: v for k, v in schema.items() if k != key}
                return self.value({**rest, **self.resolved((options or schema[key])[0])}, name, depth)
        if schema.get("allOf"):
            return self.value(self.merged(schema), name, depth)
        match self.type_of(schema):
            case "object":
                return self.object(schema, name, depth)
            case "array":
                return self.array(schema, name, depth)
            case "integer" | "number" as kind:
                return self.number(schema, kind == "integer", name)
            case "boolean":
                return labels.yes_no(self.prompt)
            case "null":
                return None
            case _:
                return self.string(schema, name)

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#"):
                return schema
            target: Any = self.root
            for part in filter(None, reference[1:].split("/")):
                key = part.replace("~1", "/").replace("~0", "~")
                target = target.get(key, {}) if isinstance(target, Mapping) else {}
            schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
        return schema

    def merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        whole: dict[str, Any] = {k: v for k, v in schema.items() if k != "allOf"}
        for raw in schema["allOf"]:
            part = self.resolved(raw)
            part = self.merged(part) if part.get("allOf") else part
            for key, value in part.items():
                if key == "properties":
                    whole[key] = {**whole.get(key, {}), **value}
                elif key == "required":
                    whole[key] = [*whole.get(key, ()), *value]
                else:
                    whole.setdefault(key, value)
        return whole

    @staticmethod
    def type_of(schema: Mapping[str, Any]) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((k for k in kind if k != "null"), "null")
        if isinstance(kind, str):
            return kind.lower()  # Gemini's own schemas shout
        if "properties" in schema:
            return "object"
        return "array" if "items" in schema else "string"

    def enum(self, values: list[Any]) -> Any:
        texts = [v for v in values if isinstance(v, str)]
        if texts:
            named = [t for t in texts if re.search(rf"\b{re.escape(t)}\b", self.prompt, re.IGNORECASE)]
            if len(named) == 1:
                return named[0]
            return labels.choose(texts, self.prompt)
        return values[0]

    def object(self, schema: Mapping[str, Any], name: str, depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = set(schema.get("required") or ())
        filled = {}
        for key, inner in properties.items():
            if depth < _DEPTH / 2 or key in required:
                filled[key] = self.value(inner, key, depth + 1)
        for key in required - set(properties):
            filled[key] = self.value(schema.get("additionalProperties") or {}, key, depth + 1)
        if not properties and isinstance(schema.get("additionalProperties"), Mapping):
            filled[name or "key"] = self.value(schema["additionalProperties"], name, depth + 1)
        return filled

    def array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        if schema.get("prefixItems"):
            return [self.value(item, name, depth + 1) for item in schema["prefixItems"]]
        least = int(schema.get("minItems") or 0)
        most = int(schema.get("maxItems", max(least, 3)))
        if depth > _DEPTH:
            return [] if least == 0 else [self.value(schema.get("items"), name, depth + 1)] * least
        size = max(least, min(most, 2 if depth < 4 else 1))
        singular = name.removesuffix("s")
        items: list[Any] = []
        for index in range(size):
            item = self.value(schema.get("items"), singular, depth + 1)
            if schema.get("uniqueItems") and item in items:
                item = f"{item} {index + 1}" if isinstance(item, str) else item
            items.append(item)
        return items

    def number(self, schema: Mapping[str, Any], whole: bool, name: str) -> int | float:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        step = schema.get("multipleOf") or (1 if whole else None)
        fits = [n for n in self.numbers if self.allows(n, schema, whole)]
        if fits:
            self.numbers.remove(fits[0])
            return int(fits[0]) if whole else fits[0]
        if isinstance(low, int | float) and isinstance(high, int | float):
            share = labels.rating(self.prompt, 0, 10) / 10
            value = low + (0.1 + 0.8 * share) * (high - low)
        else:
            value = low + 1 if low is not None else high - 1 if high is not None else self.dice.randint(1, 40)
        if step:
            value = math.ceil(value / step) * step
            if high is not None and value > high:
                value -= step
        return int(value) if whole else round(float(value), 4)

    @staticmethod
    def allows(number: float, schema: Mapping[str, Any], whole: bool) -> bool:
        if whole and not number.is_integer():
            return False
        checks: tuple[tuple[str, Callable[[float, float], bool]], ...] = (
            ("minimum", operator.ge),
            ("maximum", operator.le),
            ("exclusiveMinimum", operator.gt),
            ("exclusiveMaximum", operator.lt),
            ("multipleOf", lambda value, step: value % step == 0),
        )
        return all(
            check(number, schema[key]) for key, check in checks if isinstance(schema.get(key), int | float)
        )

    def string(self, schema: Mapping[str, Any], name: str) -> str:
        if pattern := schema.get("pattern"):
            if (found := re.search(pattern.strip("^$"), self.prompt)) and re.search(pattern, found[0]):
                return found[0]
            return next((s for s in _SAMPLES if re.search(pattern, s)), "a")
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        text = self.named(name.lower(), str(schema.get("description") or "").lower())
        least, most = int(schema.get("minLength") or 0), schema.get("maxLength")
        text = text.ljust(least, ".")
        return text[: int(most)] if most is not None else text

    def named(self, name: str, description: str) -> str:
        """A string for a property, by what it is called."""
        hint = f"{name} {description}"
        if re.search(r"sentiment|label|category|mood", hint):
            return labels.sentiment(self.prompt)[0]
        if re.search(r"city|place|location|town|destination", hint):
            return self.places.pop(0) if self.places else "Paris"
        if re.search(r"country", hint):
            return next((c for c in phrasebook.CAPITALS if c.lower() in self.prompt.lower()), "France")
        if re.search(r"\bname|person|author|who\b", hint):
            return self.names.pop(0) if self.names else "Ada"
        if re.search(r"date|day|when", hint):
            return _FORMATS["date"]
        if re.search(r"unit", hint):
            return "celsius"
        if re.search(r"winner|best|choice|preferred", hint):
            return self.dice.choice(("A", "B"))
        if re.search(r"query|question|search|text|input|message|content", name):
            return self.prompt.strip()[:200] or "hello"
        if re.search(r"expression|formula|calc", hint):
            found = labels.arithmetic(self.prompt)
            return found[0] if found else "2 + 2"
        if re.search(r"reason|why|explanation|summary|description|comment|note|thought", hint):
            return "A simulated judgement, from the words of the prompt."
        words = re.findall(r"[^\W\d_]{4,}", self.prompt)
        return self.dice.choice(words) if words else name or "text"


def places_in(text: str) -> list[str]:
    """Cities named in a text: capitals first known by heart, then capitalised words after "in"."""
    known = set(phrasebook.CAPITALS.values())
    found = [c for c in re.findall(r"[A-Z][\w-]+(?: [A-Z][\w-]+)*", text) if c in known]
    found += re.findall(r"\b(?:in|for|of|at|to|from|and|,)\s+([A-Z][\w-]+(?: [A-Z][\w-]+)*)", text)
    return list(dict.fromkeys(found))


def names_in(text: str) -> list[str]:
    """Capitalised words that are not places and don't merely begin a sentence."""
    places = set(places_in(text)) | set(phrasebook.CAPITALS)
    found = re.findall(r"(?:\b(?:named|called|is|am|for|by|with|and|of)\s+|(?<=[a-z,] ))([A-Z][a-z]+)", text)
    return [n for n in dict.fromkeys(found) if n not in places] or list(dict.fromkeys(found))
