"""``--schema VAR`` and ``-f FORMAT``: what an answer should look like, and what it is made into.

Pure but for imports: where the value goes and the next cell are ``magics.py``'s.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmkit.core.errors import BadRequest, LLMKitError, MissingPackage
from llmkit.core.reply import Reply

FORMATS = ("md", "text", "json", "code", "df")


@dataclass(frozen=True, slots=True)
class Shape:
    """The JSON schema that an answer must follow, and what reads its JSON into the user's own type."""

    schema: Mapping[str, Any] = field(hash=False)
    read: Callable[[str], Any] | None = None


def shape_of(name: str, names: Mapping[str, Any]) -> Shape:
    """The schema that a variable stands for: a JSON schema, a pydantic model, a dataclass or another type.

    >>> shape_of("s", {"s": {"type": "object", "properties": {}}}).schema["type"]
    'object'
    """
    if name not in names:
        raise BadRequest(f"There is no variable {name!r} for --schema.", hint="Nothing was sent.")
    given = names[name]
    if isinstance(given, Mapping):
        try:
            json.dumps(given)
        except (TypeError, ValueError) as error:
            raise _no_schema(name, str(error)) from None
        if not any(
            word in given for word in ("type", "$ref", "anyOf", "allOf", "oneOf", "enum", "properties")
        ):
            raise _no_schema(name, "It says nothing of a type.")
        return Shape(dict(given))
    if not isinstance(given, type) and not hasattr(given, "__origin__"):
        raise _no_schema(name, f"It is a {type(given).__name__}.")
    try:
        from pydantic import TypeAdapter
    except ImportError:
        raise MissingPackage(
            "A type as --schema needs pydantic.",
            why="It is not installed. Nothing was sent.",
            hint="`pip install pydantic`, or give a JSON schema as a dict.",
        ) from None
    if isinstance(given, type) and not (dataclasses.is_dataclass(given) or hasattr(given, "__annotations__")):
        raise _no_schema(name, f"{given.__name__} has no fields.")
    try:
        adapter: Any = TypeAdapter(given)
        return Shape(adapter.json_schema(), adapter.validate_json)
    except Exception as error:  # noqa: BLE001 - whatever pydantic says of somebody's type
        raise _no_schema(name, f"{type(error).__name__}: {str(error).splitlines()[0]}") from None


def _no_schema(name: str, why: str) -> BadRequest:
    return BadRequest(
        f"{name} can't be used as --schema.",
        why=f"{why} Nothing was sent.",
        hint="Give a JSON schema (a dict), a pydantic model or a dataclass.",
    )


def value_of(reply: Reply, wanted: str, shape: Shape | None = None) -> Any:
    """What an answer is made into; an :class:`LLMKitError` where it is not like that.

    >>> from llmkit.core.messages import Message
    >>> value_of(Reply(Message.assistant("[1, 2]")), "json")
    [1, 2]
    """
    match wanted:
        case "code":
            return reply.code.rstrip("\n")
        case "json":
            return _json(reply, shape)
        case "df":
            return _frame(_json(reply, None))
        case _:
            return reply.text


def _json(reply: Reply, shape: Shape | None) -> Any:
    try:
        value = reply.json
    except (ValueError, RecursionError) as error:
        raise LLMKitError(
            "The answer is not JSON.",
            why=f"{error}.",
            hint="The reply is in _llm. A schema (--schema) makes models write JSON.",
        ) from None
    if shape is None or shape.read is None:
        return value
    try:
        return shape.read(json.dumps(value))
    except ValueError as error:  # pydantic's ValidationError is one
        raise LLMKitError(
            "The answer does not follow the schema.",
            why=str(error).replace("\n", " ")[:300],
            hint="The reply is in _llm; _llm.json is what was written.",
        ) from None


def _frame(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, Mapping):
        lists = [item for item in value.values() if isinstance(item, list)]
        if len(value) == 1 and lists:  # {"rows": [...]}: the way to write a list where an object is asked for
            value = lists[0]
        elif not (lists and len(lists) == len(value)):
            value = [value]
    if not isinstance(value, list | Mapping):
        raise LLMKitError(
            "The answer is no table.",
            why=f"Its JSON is a {type(value).__name__}, not a list.",
            hint="The reply is in _llm.",
        )
    try:
        return pd.DataFrame(value)
    except (ValueError, TypeError) as error:
        raise LLMKitError("The answer is no table.", why=str(error), hint="The reply is in _llm.") from None
