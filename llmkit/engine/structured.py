"""Answers after a schema: what a user may give as one, and how an answer becomes a value of it.

What a provider is sent is in ``structured_fit.py``; asking again after a wrong answer is ``call.py``'s.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from llmkit.core.errors import BadRequest, MissingPackage, SchemaError
from llmkit.core.reply import Reply
from llmkit.engine import structured_check as check
from llmkit.engine import structured_meta as meta
from llmkit.engine.structured_fit import may_be_null
from llmkit.engine.structured_partial import PartialJson
from llmkit.engine.structured_words import from_words

_WORDS = ("type", "$ref", "anyOf", "allOf", "oneOf", "enum", "const", "properties")
_GIVE = 'Give a pydantic model, a dataclass, a TypedDict, list[Model], a JSON schema or words like "name, age int".'
#: The one field of the object in which a list, or another value that is no object, is asked for.
_ITEMS = "items"


@dataclass(frozen=True, slots=True)
class Shape:
    """What an answer shall look like: the schema that is asked with, always an object's, and what makes values of
    its JSON. ``wrapped``: the value is the one field of that object."""

    schema: Mapping[str, Any] = field(hash=False)
    wrapped: bool = False
    make: Callable[[Any], Any] | None = field(default=None, repr=False)

    @property
    def lists(self) -> bool:
        """Is the value a list?"""
        return self.wrapped and self.schema["properties"][_ITEMS].get("type") == "array"

    def read(self, text: str) -> Any:
        """The value that an answer holds; :class:`SchemaError` says what is wrong with it."""
        try:
            return self._read(text)
        except RecursionError:
            raise mismatch(["it is nested too deeply"]) from None

    def _read(self, text: str) -> Any:
        value = _without_nulls(_loaded(text), self.schema, self.schema)
        if self.wrapped and isinstance(value, list):
            value = {_ITEMS: value}  # a model that was told in words may answer with the list itself
        if self.make is None:
            if wrong := check.problems(value, self.schema):
                raise mismatch(wrong)
            return value[_ITEMS] if self.wrapped else value
        if self.wrapped and not (isinstance(value, dict) and _ITEMS in value):
            raise mismatch(check.problems(value, self.schema) or ["it is of another kind"])
        try:
            return self.make(value[_ITEMS] if self.wrapped else value)
        except ValueError as error:
            raise mismatch(_told(error)) from None
        except Exception as error:
            raise _stumbled(error) from error

    def part(self, draft: PartialJson, text: str) -> Any:
        """The value as far as it is written: plain, and not checked yet."""
        value = draft.read(text)
        return value.get(_ITEMS) if self.wrapped and isinstance(value, dict) else value


def as_shape(given: Any) -> Shape | None:
    """The shape that a user means.

    >>> as_shape("name, age int").schema["required"]
    ['name', 'age']
    >>> as_shape(list[int]).read('{"items": [1, 2]}')
    [1, 2]
    """
    if given is None or isinstance(given, Shape):
        return given
    if isinstance(given, str):
        return _from_text(given)
    if isinstance(given, Mapping):
        return _shape(_checked(given))
    if isinstance(given, type) and not (
        is_dataclass(given) or getattr(given, "__annotations__", None) or hasattr(given, "model_json_schema")
    ):
        raise refused(f"{given.__name__} has no fields.")
    if not isinstance(given, type) and not hasattr(given, "__origin__") and not hasattr(given, "__args__"):
        raise refused(f"It is a value of the type {type(given).__name__}.")
    try:
        from pydantic import TypeAdapter
    except ImportError:
        raise MissingPackage(
            "A type as a schema needs pydantic.",
            why="It is not installed. Nothing was sent.",
            hint="`pip install pydantic`, or give a JSON schema as a dict.",
        ) from None
    try:
        adapter: Any = TypeAdapter(_readable(given))
        return _shape(adapter.json_schema(), adapter.validate_python)
    except Exception as error:  # noqa: BLE001 - whatever pydantic says of somebody's type
        raise refused(f"{type(error).__name__}: {str(error).splitlines()[0]}") from None


def _readable(kind: Any) -> Any:
    """The same type, with every TypedDict as pydantic wants it: before Python 3.12 it reads only those of
    typing_extensions."""
    if sys.version_info >= (3, 12):
        return kind
    if typing.is_typeddict(kind):
        from typing import NotRequired

        from typing_extensions import TypedDict

        hints = {name: _readable(hint) for name, hint in typing.get_type_hints(kind).items()}
        required = kind.__required_keys__
        fields = {name: hint if name in required else NotRequired[hint] for name, hint in hints.items()}
        return TypedDict(kind.__name__, fields)  # type: ignore[operator]  # its other form, at run time
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (list, tuple, dict, set) and inner:
        return origin[tuple(map(_readable, inner))]
    return kind


def refused(why: str) -> BadRequest:
    """The error for what is no schema."""
    return BadRequest("This schema can't be used.", why=why, hint=f"{_GIVE} Nothing was sent.")


def mismatch(problems: list[str]) -> SchemaError:
    """The error for an answer that is not as it should be."""
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    return SchemaError(
        "The answer does not follow the schema.",
        why=f"{'; '.join(problems[:5])}{more}."[:600],
        hint="The answer is in `error.partial`.",
    )


def _stumbled(error: Exception) -> SchemaError:
    """The error for a validator (or a ``__post_init__``) that fails in a way that says nothing of the answer."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(frame.filename)]
    where = (
        f" in {frames[-1].name}, line {frames[-1].lineno} of {Path(frames[-1].filename).name}"
        if frames
        else ""
    )
    return SchemaError(
        "The schema's own code could not check the answer.",
        why=f"It raised {type(error).__name__}: {str(error)[:200]}{where}.",
        hint="Mend it; a validator says that an answer is wrong by ValueError. The answer is in `error.partial`.",
    )


def _is_theirs(filename: str) -> bool:
    import pydantic

    ours = (Path(__file__).parent, Path(pydantic.__file__).parent)
    return not any(Path(filename).is_relative_to(place) for place in ours)


def wish_for_repair(why: str) -> str:
    """What a model is told whose answer was wrong."""
    return (
        f"Your answer does not follow the JSON schema: {why}\n"
        "Answer again: the whole JSON, corrected, and nothing else."
    )


def frame(reply: Reply) -> Any:
    """A reply's data as a DataFrame: a row for each item of a list, or one row."""
    import pandas as pd

    value = reply.data if reply.data is not None else reply.json
    table = plain(value)
    if isinstance(table, Mapping):
        lists = [item for item in table.values() if isinstance(item, list)]
        table = lists[0] if len(table) == 1 and lists else [table]
    if not isinstance(table, list):
        table = [table]
    rows = [item if isinstance(item, Mapping) else {"value": item} for item in table]
    return pd.DataFrame(rows)


def plain(value: Any) -> Any:
    """A value of a user's type as lists and mappings."""
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if is_dataclass(value) and not isinstance(value, type):
        from dataclasses import asdict

        return asdict(value)
    return value


def _from_text(given: str) -> Shape:
    if not given.strip().startswith("{"):
        return _shape(from_words(given))
    try:
        plain = json.loads(given)
    except ValueError as error:
        raise refused(f"It is text that is no JSON: {error}.") from None
    return _shape(_checked(plain))


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema that can be sent. Its content is never quoted: it may hold a secret."""
    try:
        if not all(isinstance(key, str) for key in given):
            raise TypeError("its keys must be text")
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise refused(f"It can't be written as JSON: {error}.") from None
    if not any(word in given for word in _WORDS):
        raise refused("It says nothing of a type.")
    if (wrong := meta.fault(given)) is not None:
        raise refused(f"It is no JSON schema: {wrong}.")
    return dict(given)


def _shape(schema: dict[str, Any], make: Callable[[Any], Any] | None = None) -> Shape:
    root = check.resolve(schema, schema)
    if root.get("type") == "object" or (
        "properties" in root and "type" not in root
    ):  # an object at the root, written out
        return Shape({**root, "type": "object"}, make=make)
    named: dict[str, Any] = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    inner = {key: value for key, value in schema.items() if key not in named}
    wrapped: dict[str, Any] = {"type": "object", "properties": {_ITEMS: inner}, "required": [_ITEMS], **named}
    return Shape(wrapped, wrapped=True, make=make)


_FENCED = re.compile(r"```[ \t]*\w*[ \t]*\n(.*?)```", re.DOTALL)


def _loaded(text: str) -> Any:
    """The JSON of an answer, also where there are words or a fence around it."""
    first = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    last = max(text.rfind("}"), text.rfind("]"))
    fenced = _FENCED.search(text)
    tries = [text, *([fenced[1]] if fenced else []), *([text[first : last + 1]] if 0 <= first < last else [])]
    why = "it is empty"
    for attempt in filter(str.strip, tries):
        try:
            return json.loads(attempt)
        except (ValueError, RecursionError) as error:
            why = str(error)
    raise mismatch([f"It is not JSON: {why}"])


def _without_nulls(value: Any, schema: Any, root: Mapping[str, Any]) -> Any:
    """Fields that may be missing and were written as null, because the provider wants every field."""
    schema = check.resolve(schema, root)
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, list):
        return [_without_nulls(item, schema.get("items"), root) for item in value]
    named = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(named, Mapping):
        return value
    required = schema.get("required") or ()
    return {
        name: _without_nulls(item, named.get(name), root)
        for name, item in value.items()
        if item is not None
        or name in required
        or name not in named
        or may_be_null(check.resolve(named[name], root))
    }


def _told(error: ValueError) -> list[str]:
    """What pydantic says, one line for each problem, with none of its links."""
    if not hasattr(error, "errors"):
        return [str(error).splitlines()[0]]
    return [
        f"{'.'.join(map(str, problem['loc'])) or 'the answer'}: {problem['msg']}"
        for problem in error.errors()
    ]
