"""What the writers of request bodies share: ids that match calls with results, and extra fields.

How a message looks on a wire is the business of that wire's file.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from llmkit.core.messages import Message, Part, ToolCallPart, ToolResultPart


def with_ids(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same messages, where every tool call and its result have an id in common.

    Some wires have no ids: there, results answer the calls of their name in the order of the calls.

    >>> turns = (Message.assistant(ToolCallPart(None, "f", {})), Message.tool(ToolResultPart(None, "1", "f")))
    >>> [part.id for turn in with_ids(turns) for part in turn.parts]
    ['call_1', 'call_1']
    """
    waiting: list[ToolCallPart] = []
    numbers = itertools.count(1)
    return tuple(
        Message(message.role, tuple(_with_id(part, waiting, numbers) for part in message.parts))
        for message in messages
    )


def _with_id(part: Part, waiting: list[ToolCallPart], numbers: Iterator[int]) -> Part:
    if isinstance(part, ToolCallPart):
        number = next(numbers)
        call = part if part.id else replace(part, id=f"call_{number}")
        waiting.append(call)
        return call
    if isinstance(part, ToolResultPart) and (answered := _answered(part, waiting)) is not None:
        waiting.remove(answered)
        return replace(part, id=answered.id, name=part.name or answered.name)
    return part


def _answered(result: ToolResultPart, waiting: list[ToolCallPart]) -> ToolCallPart | None:
    if result.id:
        return next((call for call in waiting if call.id == result.id), None)
    named = (call for call in waiting if call.name == result.name)
    return next(named, waiting[0] if waiting and not result.name else None)


def extended(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the caller's extra fields, which win; objects are merged, not replaced.

    >>> extended({"a": {"b": 1}}, {"a": {"c": 2}, "d": 3})
    {'a': {'b': 1, 'c': 2}, 'd': 3}
    """
    for name, value in extra.items():
        old = body.get(name)
        if isinstance(old, dict) and isinstance(value, Mapping):
            body[name] = extended(dict(old), value)
        else:
            body[name] = value
    return body


def closed_schema(schema: Any) -> Any:
    """The schema with ``additionalProperties: false`` on every object that doesn't say otherwise.

    >>> closed_schema({"type": "object", "properties": {}})
    {'type': 'object', 'properties': {}, 'additionalProperties': False}
    """
    if isinstance(schema, list | tuple):
        return [closed_schema(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {
        key: {name: closed_schema(item) for name, item in value.items()}
        if key in _NAMED and isinstance(value, Mapping)
        else value
        if key in _LITERAL
        else closed_schema(value)
        for key, value in schema.items()
    }
    if closed.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


#: Keys under which names are the caller's own, and keys whose values are no schemas.
_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_LITERAL = ("enum", "const", "default", "examples", "required")
