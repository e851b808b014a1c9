"""Gemini's generateContent wire, written: a request's messages, tools and options as this wire's body.

Model and streaming are in the URL, so the body has neither. Reading lives in ``gemini.py``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
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
from llmkit.wire.bodies import extended, with_ids
from llmkit.wire.server_tools import server_tools

if TYPE_CHECKING:
    from llmkit.core.request import Request
    from llmkit.wire.dialects import Dialect

WIRE = "gemini.generate"
#: The kind of an opaque part that is a signature after a part which is no tool call.
SIGNATURE = "signature"
#: Up to 2.5, thinking is told a budget of tokens; later models are told a level.
_BUDGETED = re.compile(r"gemini-(1|2)")
_BUDGETS: Mapping[str, int] = {"off": 0, "low": 1024, "medium": 8192, "high": 24_576, "max": 24_576}
_LEVELS: Mapping[str, str] = {
    "off": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "max": "HIGH",
}
#: 2.5 Pro takes budgets of 128 to 32,768 tokens, 2.5 Flash up to 24,576 (Google's guide to thinking).
_LEAST_OF_PRO, _MOST_OF_PRO = 128, 32_768
#: Models that refuse a tool call of the history without a signature; the word stands for calls that
#: have none because another model made them.
_SIGNING = re.compile(r"gemini-[3-9]")
_UNSIGNED = "skip_thought_signature_validator"


def body(
    request: Request,
    *,
    dialect: Dialect | str | None = None,  # noqa: ARG001 - the same on every server of this wire
) -> dict[str, Any]:
    """The request body. The model, and whether to stream, are in the URL."""
    written: dict[str, Any] = {"contents": _contents(request)}
    said = [request.system or "", *(m.text for m in request.messages if m.role == "system")]
    if system := "\n\n".join(text for text in said if text.strip()):
        written["systemInstruction"] = {"parts": [{"text": system}]}
    if config := _config(request):
        written["generationConfig"] = config
    if request.tools:
        written["tools"] = [
            {
                "functionDeclarations": [
                    {
                        "name": tool.name,
                        "description": tool.description,
                        "parametersJsonSchema": dict(tool.parameters),
                    }
                    for tool in request.tools
                ]
            }
        ]
    if own := server_tools(request, WIRE):
        written["tools"] = [*written.get("tools", ()), *own]
    if (choice := request.tool_choice) is not None:
        mode: dict[str, Any] = {"mode": choice.upper()}
        if choice not in ("auto", "any", "none"):
            mode = {"mode": "ANY", "allowedFunctionNames": [choice]}
        written["toolConfig"] = {"functionCallingConfig": mode}
    return extended(written, request.options.extra)


def _config(request: Request) -> dict[str, Any]:
    options = request.options
    config: dict[str, Any] = {
        "maxOutputTokens": options.max_tokens,
        "temperature": options.temperature,
        "topP": options.top_p,
        "stopSequences": list(options.stop) or None,
        "seed": options.seed,
    }
    if options.think is not None:
        config["thinkingConfig"] = _thinking(options.think, request.model)
    if request.schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = dict(request.schema)
    return {name: value for name, value in config.items() if value is not None}


def _thinking(think: str | int, model: str) -> dict[str, Any]:
    shown = think not in ("off", 0)
    if isinstance(think, int):
        return {"thinkingBudget": think, "includeThoughts": shown}
    if not _BUDGETED.search(model):
        return {"thinkingLevel": _LEVELS[think], "includeThoughts": shown}
    budget = _BUDGETS[think]
    if "-pro" in model:  # the larger models of that time always think a little, and may think longer
        budget = _MOST_OF_PRO if think == "max" else max(budget, _LEAST_OF_PRO)
    return {
        "thinkingBudget": budget,
        "includeThoughts": shown,
    }


def _contents(request: Request) -> list[dict[str, Any]]:
    """User and model in turn; neighbours of one role become one."""
    own_ids = {
        part.id
        for message in request.messages
        for part in message.parts
        if isinstance(part, ToolCallPart | ToolResultPart) and part.id
    }
    contents: list[dict[str, Any]] = []
    for message in with_ids(request.messages):
        if message.role == "system":
            continue
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, own_ids)
        if role == "model" and _SIGNING.search(request.model):
            _vouch(parts)
        if not parts:
            continue
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"].extend(parts)
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _vouch(parts: list[dict[str, Any]]) -> None:
    calls = [part for part in parts if "functionCall" in part]
    if calls and not any("thoughtSignature" in part for part in calls):
        calls[0]["thoughtSignature"] = _UNSIGNED


def _parts(message: Message, own_ids: set[str]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    thought: ThinkingPart | None = None
    for part in message.parts:
        if isinstance(part, OpaquePart) and part.wire == WIRE and part.kind == SIGNATURE:
            if thought is not None:
                parts.append({"text": thought.text, "thought": True, **part.raw})
            elif parts:
                parts[-1].update(part.raw)
            thought = None
            continue
        # Thinking goes back only where a signature asks for it, and that stands right behind it.
        thought = part if isinstance(part, ThinkingPart) else None
        parts.extend(_part(part, own_ids))
    return parts


def _part(part: Part, own_ids: set[str]) -> list[dict[str, Any]]:
    """What a part becomes: mostly one; none where this wire has no place for it."""
    match part:
        case TextPart(text):
            return [{"text": text}] if text else []
        case ImagePart() | FilePart():
            return [_media(part)]
        case ThinkingPart():
            return []
        case ToolCallPart():
            arguments = (
                {"unparsed": part.arguments} if isinstance(part.arguments, str) else dict(part.arguments)
            )
            call: dict[str, Any] = {"name": part.name, "args": arguments}
            if part.id in own_ids:
                call["id"] = part.id
            signed = {"thoughtSignature": part.signature} if part.signature else {}
            return [{"functionCall": call, **signed}]
        case ToolResultPart():
            if not part.name:
                raise BadRequest(
                    "A tool's result answers no call of this conversation.",
                    why=f"Gemini matches results by the tool's name, and the call {part.id!r} is not there.",
                    hint="Keep the assistant's message with the call, or give the result its name.",
                )
            answer: dict[str, Any] = {"name": part.name, "response": _response(part)}
            if part.id in own_ids:
                answer["id"] = part.id
            return [{"functionResponse": answer}, *(_media(image) for image in part.images)]
        case OpaquePart(wire, _, raw):
            return [dict(raw)] if wire == WIRE else []
    assert_never(part)


def _response(result: ToolResultPart) -> dict[str, Any]:
    """A result as the object that this API wants."""
    if result.is_error:
        return {"error": result.content}
    try:
        value = json.loads(result.content)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"result": result.content}


def _media(part: ImagePart | FilePart) -> dict[str, Any]:
    if part.data is not None:
        data = base64.b64encode(part.data).decode("ascii")
        return {"inlineData": {"mimeType": part.media_type, "data": data}}
    uri = part.url or (part.file_id if isinstance(part, FilePart) else None)
    if uri is None:
        what = "picture" if isinstance(part, ImagePart) else "file"
        raise BadRequest(
            f"A {what} of this request is empty.",
            why="It has neither data nor a URL.",
            hint="Give it one of them.",
        )
    return {"fileData": {"mimeType": part.media_type, "fileUri": uri}}
