"""What the bodies of both OpenAI wires share: how hard to think, schemas, checks before sending."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.messages import ImagePart
from llmkit.core.request import Request, Think
from llmkit.wire.bodies import closed_schema
from llmkit.wire.dialects import Dialect
from llmkit.wire.openai_media import data_url

_LEVELS = ("off", "low", "medium", "high", "max")
#: Up to how many thinking tokens a budget counts as which level.
_BUDGETS = ((0, "off"), (2_048, "low"), (12_288, "medium"))
#: What each level is in tokens, for servers that are asked in tokens.
_TOKENS: Mapping[str, int] = {"low": 2_048, "medium": 8_192, "high": 24_576, "max": 65_536}


def check(request: Request) -> None:
    """Refuse what no server could answer, before anything is sent."""
    if not request.messages:
        raise BadRequest(
            "There is nothing to send.", why="The request has no messages.", hint="Pass a prompt."
        )
    choice = request.tool_choice
    names = {tool.name for tool in request.tools}
    if choice in (None, "auto", "none") or (choice == "any" and names) or choice in names:
        return
    raise BadRequest(
        f"The model can't be made to use {'a tool' if choice == 'any' else repr(choice)}.",
        why=f"The tools of this request are: {', '.join(sorted(names)) or 'none'}.",
        hint="Pass the tool in `tools`, or set `tool_choice` to auto, any, none or a tool's name.",
    )


def level(think: Think) -> str:
    """A thinking budget as a level; a level stays as it is.

    >>> level(0), level(1000), level(20_000), level("high")
    ('off', 'low', 'high', 'high')
    """
    if isinstance(think, bool) or (think not in _LEVELS and not isinstance(think, int)):
        raise BadRequest(
            f"`think` can't be {think!r}.", hint=f"Use {', '.join(_LEVELS)}, or a number of tokens."
        )
    if isinstance(think, str):
        return think
    return next((name for limit, name in _BUDGETS if think <= limit), "high")


def thinking(think: Think | None, dialect: Dialect) -> dict[str, Any]:
    """The fields of a chat body that say how hard to think, as this server wants them.

    >>> from llmkit.wire.dialects import get
    >>> thinking("low", get("openai")), thinking("off", get("zai"))
    ({'reasoning_effort': 'low'}, {'thinking': {'type': 'disabled'}})
    """
    if think is None:
        return {}
    how = level(think)
    on = how != "off"
    word = dialect.efforts.get(how)
    effort = {"reasoning_effort": word} if word else {}
    match dialect.think:
        case "effort":
            return effort
        case "reasoning":
            if isinstance(think, int) and on:
                return {"reasoning": {"max_tokens": think}}
            return {"reasoning": {"effort": word} if on else {"enabled": False}}
        case "thinking":
            return {"thinking": {"type": "enabled" if on else "disabled"}, **effort}
        case "enable":
            budget = {"thinking_budget": think if isinstance(think, int) else _TOKENS[how]} if on else {}
            return {"enable_thinking": on, **budget}
        case "template":
            return {"chat_template_kwargs": {"enable_thinking": on}, **effort}
        case "none":
            raise BadRequest(
                f"{dialect.name} can't be told how hard to think.",
                hint="Leave `think` out, or pass the server's own field in `extra`.",
            )


def schema_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Name, schema and strictness of a structured answer. Strict only where every field is required:
    the API refuses other schemas outright.

    >>> schema_format({"type": "object", "title": "My label", "properties": {}})["name"]
    'My_label'
    """
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", str(schema.get("title") or "")).strip("_")[:64]
    closed = closed_schema(schema)
    strict = _is_strict(closed)
    return {"name": name or "answer", "schema": closed if strict else dict(schema), "strict": strict}


def _is_strict(node: Any) -> bool:
    if isinstance(node, Mapping):
        if "properties" in node or node.get("type") == "object":
            properties = node.get("properties") or {}
            closed = node.get("additionalProperties") is False
            if not closed or set(node.get("required") or ()) != set(properties):
                return False
        return all(_is_strict(value) for value in node.values())
    if isinstance(node, Iterable) and not isinstance(node, str | bytes):
        return all(_is_strict(value) for value in node)
    return True


def image_url(image: ImagePart) -> str:
    """Where the picture is: its own URL, or its bytes as one."""
    if image.data:
        return data_url(image.data, image.media_type)
    if image.url:
        return image.url
    raise BadRequest(
        "A picture in the request is empty.",
        why="It has neither bytes nor a URL.",
        hint="Give it one of them.",
    )


def empty_file(name: str | None) -> BadRequest:
    """The error for a file with nothing in it."""
    return BadRequest(
        f"The file {name or 'of the request'} is empty.",
        why="It has neither bytes, nor a URL, nor a file id.",
        hint="Give it one of them.",
    )


def stray_result(name: str) -> BadRequest:
    """The error for a tool's result that answers nothing."""
    return BadRequest(
        f"The result of the tool {name!r} belongs to no call.",
        why="It has no id, and no call before it waits for a result.",
        hint="Send the model's message with the call before the result.",
    )


def no_place(what: str, role: str, hint: str = "") -> BadRequest:
    """The error for a part that this wire can't carry in such a message."""
    return BadRequest(
        f"This API takes no {what} in a message of the role {role!r}.",
        hint=hint or "Move it into a user's message, or use a model of another provider.",
    )
