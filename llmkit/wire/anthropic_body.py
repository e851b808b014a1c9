"""Anthropic's Messages wire, written: a request's messages, tools and options as this wire's body.

Reading lives in ``anthropic.py``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, assert_never

from llmkit.core.errors import BadRequest
from llmkit.core.messages import (
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from llmkit.wire.bodies import closed_schema, extended, with_ids
from llmkit.wire.server_tools import server_tools

if TYPE_CHECKING:
    from llmkit.core.request import Request
    from llmkit.wire.dialects import Dialect

WIRE = "anthropic.messages"
#: What the API must be told and nobody wants to: room enough, and no model of today has less.
DEFAULT_MAX_TOKENS = 16_000
_SMALL = ((re.compile(r"claude-3-(opus|sonnet|haiku)"), 4096), (re.compile(r"claude-3-5"), 8192))
#: Models that think by a budget of tokens; later ones decide for themselves, and are told an effort.
_BUDGETED = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(?![-.][6-9](\D|$)))")
_BUDGETS: Mapping[str, int] = {"low": 2048, "medium": 8192, "high": 16_384, "max": 32_768}
_LEAST_BUDGET = 1024
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_CITATIONS = (
    "char_location",
    "page_location",
    "content_block_location",
    "web_search_result_location",
    "search_result_location",
)


def body(
    request: Request,
    *,
    dialect: Dialect | str | None = None,  # noqa: ARG001 - the same on every server of this wire
) -> dict[str, Any]:
    """The request body. (Sampling parameters are written as given: newer API versions refuse them,
    and to leave them out is for those who know the model and the version.)"""
    options = request.options
    written: dict[str, Any] = {"model": request.model, "max_tokens": options.max_tokens}
    if system := _system(request):
        written["system"] = system
    written["messages"] = list(_turns(with_ids(request.messages)))
    if options.temperature is not None:
        written["temperature"] = options.temperature
    if options.top_p is not None:
        written["top_p"] = options.top_p
    if options.stop:
        written["stop_sequences"] = list(options.stop)
    _write_thinking(request, written)
    if written["max_tokens"] is None:
        written["max_tokens"] = _room(request.model, written.get("thinking", {}).get("budget_tokens", 0))
    if request.schema is not None:
        form = {"type": "json_schema", "schema": closed_schema(request.schema)}
        written.setdefault("output_config", {})["format"] = form
    if request.tools:
        written["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
            | ({"strict": True} if tool.strict else {})
            for tool in request.tools
        ]
    if own := server_tools(request, WIRE):
        written["tools"] = [*written.get("tools", ()), *own]
    match request.tool_choice:
        case None:
            pass
        case "auto" | "any" | "none" as choice:
            written["tool_choice"] = {"type": choice}
        case name:
            written["tool_choice"] = {"type": "tool", "name": name}
    if request.stream:
        written["stream"] = True
    return extended(written, options.extra)


def _room(model: str, budget: int) -> int:
    small = next((size for pattern, size in _SMALL if pattern.search(model)), None)
    return small or DEFAULT_MAX_TOKENS + budget


def _write_thinking(request: Request, written: dict[str, Any]) -> None:
    match request.options.think:
        case None:
            return
        case "off":
            written["thinking"] = {"type": "disabled"}
            return
        case int() as budget:
            pass
        case level if _BUDGETED.search(request.model):
            budget = _BUDGETS[level]
        case level:
            written["thinking"] = {"type": "adaptive", "display": "summarized"}
            written["output_config"] = {"effort": level}
            return
    limit = request.options.max_tokens
    if isinstance(request.options.think, str) and limit is not None:
        budget = min(budget, limit // 2)
    if budget < _LEAST_BUDGET or (limit is not None and budget >= limit):
        raise BadRequest(
            "The thinking budget does not fit this request.",
            why=f"Anthropic wants at least {_LEAST_BUDGET} tokens, and fewer than max_tokens; "
            f"this would be {budget}, with max_tokens {limit}.",
            hint="Raise max_tokens, or set think to a number between the two.",
        )
    written["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _system(request: Request) -> str:
    said = [request.system or "", *(m.text for m in request.messages if m.role == "system")]
    return "\n\n".join(text for text in said if text.strip())


def _turns(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """User and assistant in turn: results of tools are the user's, and neighbours become one."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [block for part in message.parts for block in _blocks_of(part, role)]
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"].extend(blocks)
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks_of(part: Part, role: str) -> list[dict[str, Any]]:
    """The blocks that a part becomes: mostly one; none where this wire has no place for it."""
    match part:
        case TextPart(text, citations):
            if not text.strip():
                return []  # the API refuses blank text
            block: dict[str, Any] = {"type": "text", "text": text}
            ours = [dict(citation) for citation in citations if citation.get("type") in _CITATIONS]
            return [block | {"citations": ours} if ours and role == "assistant" else block]
        case ImagePart() | FilePart() if role == "assistant":
            return [{"type": "text", "text": f"[{part.media_type}, not shown here]"}]
        case ImagePart():
            return [_image(part)]
        case FilePart():
            return [_file(part)]
        case ThinkingPart(text, signature, encrypted, id):
            if id is not None:
                return []  # another provider's
            if encrypted is not None:
                return [{"type": "redacted_thinking", "data": encrypted}]
            if signature is None:
                return []  # unsigned thinking is not accepted
            return [{"type": "thinking", "thinking": text, "signature": signature}]
        case ToolCallPart():
            arguments = (
                {"unparsed": part.arguments} if isinstance(part.arguments, str) else dict(part.arguments)
            )
            return [{"type": "tool_use", "id": _id(part.id), "name": part.name, "input": arguments}]
        case ToolResultPart():
            content: Any = part.content
            if part.images:
                said = [{"type": "text", "text": part.content}] if part.content.strip() else []
                content = [*said, *(_image(image) for image in part.images)]
            result = {"type": "tool_result", "tool_use_id": _id(part.id), "content": content}
            return [result | {"is_error": True} if part.is_error else result]
        case OpaquePart(wire, _, raw):
            return [dict(raw)] if wire == WIRE else []
    assert_never(part)


def _image(part: ImagePart) -> dict[str, Any]:
    if part.data is None:
        if part.url is None:
            raise _nothing("picture")
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    if part.media_type not in _IMAGES:
        raise BadRequest(
            f"Anthropic takes no pictures of the type {part.media_type}.",
            why=f"It takes {', '.join(_IMAGES)}.",
            hint="Convert the picture to PNG first.",
        )
    return {"type": "image", "source": _base64(part.media_type, part.data)}


def _file(part: FilePart) -> dict[str, Any]:
    kind = "image" if part.media_type.startswith("image/") else "document"
    title = {"title": part.name} if part.name and kind == "document" else {}
    source: dict[str, Any]
    if part.file_id is not None:
        source = {"type": "file", "file_id": part.file_id}
    elif part.url is not None:
        source = {"type": "url", "url": part.url}
    elif part.data is None:
        raise _nothing("file")
    elif part.media_type == "application/pdf" or kind == "image":
        source = _base64(part.media_type, part.data)
    elif part.media_type.startswith("text/") or part.media_type == "application/json":
        text = part.data.decode("utf-8", "replace")
        source = {"type": "text", "media_type": "text/plain", "data": text}
    else:
        raise BadRequest(
            f"Anthropic takes no files of the type {part.media_type}.",
            why="It takes PDF, text and pictures.",
            hint="Turn the file into text first.",
        )
    return {"type": kind, "source": source, **title}


def _base64(media_type: str, data: bytes) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode("ascii")}


def _nothing(what: str) -> BadRequest:
    return BadRequest(
        f"A {what} of this request is empty.",
        why="It has neither data nor a URL.",
        hint="Give it one of them.",
    )


def _id(id: str | None) -> str:
    """A tool call's id as this API accepts it; calls of other providers may have other characters."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", id or "call")
