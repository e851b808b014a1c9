"""``--schema VAR`` and ``-f FORMAT``: what an answer should look like, and what it is made into.

Pure but for imports: where the value goes and the next cell are ``magics.py``'s.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from llmkit.core.errors import BadRequest, LLMKitError, NotJson, SchemaError
from llmkit.core.reply import Reply
from llmkit.engine.structured import Shape, as_shape, plain

_SCHEMAS = 'Give a JSON schema (a dict), a pydantic model, a dataclass, or words: "name, age int".'
FORMATS = ("md", "text", "json", "code", "df")


def shape_of(name: str, names: Mapping[str, Any]) -> Shape:
    """The shape that a variable stands for: a JSON schema, a pydantic model, a dataclass or another type; or, where
    no variable can be called that, the words of a schema themselves.

    >>> shape_of("s", {"s": {"type": "object", "properties": {}}}).schema["type"]
    'object'
    """
    if name not in names and name.isidentifier():
        near = difflib.get_close_matches(name, [n for n in names if not n.startswith("_")], n=1)
        raise BadRequest(
            f"There is no variable {name!r} for --schema.",
            why=f"{f'Did you mean {near[0]!r}? ' if near else ''}Nothing was sent.",
            hint=_SCHEMAS,
        )
    try:
        shape = as_shape(names.get(name, name))
    except BadRequest as error:
        raise _no_schema(name, error.why) from None
    if shape is None:
        raise _no_schema(name, "It is None.")
    return shape


def _no_schema(name: str, why: str) -> BadRequest:
    return BadRequest(
        f"{name} can't be used as --schema.",
        why=f"{why} Nothing was sent.",
        hint=_SCHEMAS,
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
            return _frame(reply.data if reply.data is not None else _json(reply, None))
        case _:
            return reply.text


def _json(reply: Reply, shape: Shape | None) -> Any:
    if shape is not None:
        try:
            return shape.read(reply.text)
        except SchemaError as error:
            error.hint = "The reply is in _llm; _llm.text is what was written."
            raise
    try:
        return reply.json
    except NotJson as error:
        error.hint = "The reply is in _llm. A schema (--schema) makes models write JSON."
        raise


def _frame(value: Any) -> Any:
    import pandas as pd

    value = plain(value)
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
