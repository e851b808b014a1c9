"""OpenAI's Responses API, written: a request as this wire's body. Stateless: nothing is left with the
server, so everything that it must know again (reasoning, its own tools' items) goes back with it.

Reading lives in ``openai_responses.py``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection
from typing import Any, assert_never

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
from llmkit.core.request import Options, Request
from llmkit.wire import dialects
from llmkit.wire.bodies import extended, with_ids
from llmkit.wire.dialects import Dialect
from llmkit.wire.openai_media import data_url
from llmkit.wire.openai_options import (
    check,
    empty_file,
    image_url,
    level,
    no_place,
    schema_format,
    stray_result,
)
from llmkit.wire.server_tools import server_tools

_WIRE = "openai.responses"
#: Families that never reason; they refuse to be asked for encrypted reasoning.
_NO_REASONING = re.compile(r"(^|/|\.)(gpt-3|gpt-4|chatgpt-)")


def body(request: Request, *, dialect: Dialect | str | None = None) -> dict[str, Any]:
    """The body of this request.

    >>> from llmkit.core.signal import Signal
    >>> asked = Request(model="m", messages=(Message.user("hi"),), signal=Signal.never(), stream=False)
    >>> body(asked)["input"]
    [{'role': 'user', 'content': 'hi'}]
    """
    check(request)
    speech = dialects.get(dialect)
    made: dict[str, Any] = {"model": request.model, "input": _input(request.messages, speech), "store": False}
    if request.system:
        made["instructions"] = request.system
    made |= _options(request, speech)
    if request.tools or request.server_tools:
        made["tools"] = server_tools(request, _WIRE) + [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description or None,
                "parameters": dict(tool.parameters),
                "strict": tool.strict,
            }
            for tool in request.tools
        ]
        if request.tool_choice is not None:
            made["tool_choice"] = _choice(request.tool_choice)
    if request.schema is not None:
        form = schema_format(request.schema)
        made["text"] = {"format": {"type": "json_schema", **form}}
        if speech.chat_schema:
            made["response_format"] = {"type": "json_schema", "json_schema": form}
    if request.stream:
        made["stream"] = True
    return extended(made, request.options.extra)


def _options(request: Request, dialect: Dialect) -> dict[str, Any]:
    options: Options = request.options
    for name, value in (("stop sequences", options.stop), ("seed", options.seed)):
        if value is not None and value != ():
            raise BadRequest(
                f"The Responses API knows no {name}.",
                hint="Leave it out, or use this model over chat completions (`api: chat`).",
            )
    named = {
        "max_output_tokens": options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
    }
    made: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if options.think is not None:
        how = level(options.think)
        if word := dialect.efforts.get(how):
            made["reasoning"] = {"effort": word}
            if dialect.summaries and how != "off":
                made["reasoning"]["summary"] = "auto"
    if dialect.encrypted_reasoning and not _NO_REASONING.search(request.model):
        made["include"] = ["reasoning.encrypted_content"]
    return made


def _choice(choice: str) -> Any:
    match choice:
        case "auto" | "none":
            return choice
        case "any":
            return "required"
        case name:
            return {"type": "function", "name": name}


def _input(messages: tuple[Message, ...], dialect: Dialect) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    turns = with_ids(messages)
    free = {call.id for message in turns for call in message.tool_calls if call.free_text}
    for message in turns:
        match message.role:
            case "system" | "user" | "tool":
                made += _turn(message, free)
            case "assistant":
                made += _assistant(message, dialect)
            case _:
                assert_never(message.role)
    return made


def _turn(message: Message, free: Collection[str | None]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    rest: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolResultPart):
            made.append(_result(part, "custom_tool_call" if part.id in free else "function_call"))
        elif isinstance(part, OpaquePart) and part.wire == _WIRE:
            made.append(dict(part.raw))
        else:
            rest.append(part)
    if rest or not made:
        role = "system" if message.role == "system" else "user"
        content: Any = [_content(part, role) for part in rest]
        if len(rest) <= 1 and all(isinstance(part, TextPart) for part in rest):
            content = message.text
        made.append({"role": role, "content": content})
    return made


def _result(part: ToolResultPart, answers: str) -> dict[str, Any]:
    if not part.id:
        raise stray_result(part.name)
    text = f"Error: {part.content}" if part.is_error else part.content
    output: Any = text
    if part.images:
        output = [{"type": "input_text", "text": text}, *(_content(image, "tool") for image in part.images)]
    return {"type": f"{answers}_output", "call_id": part.id, "output": output}


def _assistant(message: Message, dialect: Dialect) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for part in message.parts:
        match part:
            case TextPart():
                if part.text:
                    text = {"type": "output_text", "text": part.text}
                    if made and made[-1].get("type") == "message":
                        made[-1]["content"].append(text)
                    else:
                        made.append({"type": "message", "role": "assistant", "content": [text]})
            case ThinkingPart():
                made += _thinking(part, dialect)
            case ToolCallPart():
                call = {"call_id": part.id, "name": part.name}
                if part.free_text:
                    made.append({"type": "custom_tool_call", **call, "input": part.arguments_json})
                else:
                    made.append({"type": "function_call", **call, "arguments": part.arguments_json})
            case ImagePart():
                made.append(_own_image(part, made))
            case OpaquePart():
                if part.wire == _WIRE:
                    made.append(dict(part.raw))
            case FilePart():
                raise no_place("files", "assistant")
            case ToolResultPart():
                raise no_place("tool results", "assistant", "Put them into a message of the role 'tool'.")
            case _:
                assert_never(part)
    return [item for item in made if item.get("type") != "image_generation_call" or item.get("result")]


def _thinking(part: ThinkingPart, dialect: Dialect) -> list[dict[str, Any]]:
    """Reasoning goes back encrypted, or as text where the server has open weights; what is neither
    can't be known again by a server that kept nothing."""
    if part.encrypted and part.id:
        summary = [{"type": "summary_text", "text": part.text}] if part.text else []
        item = {"type": "reasoning", "id": part.id, "summary": summary}
        return [{**item, "encrypted_content": part.encrypted}]
    if part.text and dialect.open_reasoning:
        content = [{"type": "reasoning_text", "text": part.text}]
        return [
            {"type": "reasoning", **({"id": part.id} if part.id else {}), "summary": [], "content": content}
        ]
    return []


def _own_image(part: ImagePart, made: list[dict[str, Any]]) -> dict[str, Any]:
    """The model's own picture: back into the item that it came in, else shown as the user's."""
    if part.data and made and made[-1].get("type") == "image_generation_call" and "result" not in made[-1]:
        return {**made.pop(), "status": "completed", "result": base64.b64encode(part.data).decode("ascii")}
    return {"role": "user", "content": [_content(part, "assistant")]}


def _content(part: Part, role: str) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            return {"type": "input_image", "image_url": image_url(part), "detail": part.detail or "auto"}
        case FilePart():
            return _file(part)
        case ThinkingPart() | ToolCallPart() | ToolResultPart() | OpaquePart():
            raise no_place(f"part of the type {type(part).__name__}", role)
        case _:
            assert_never(part)


def _file(part: FilePart) -> dict[str, Any]:
    is_image = part.media_type.startswith("image/")
    if part.file_id:
        return {"type": "input_image" if is_image else "input_file", "file_id": part.file_id}
    if is_image:
        return _content(ImagePart(part.data, part.media_type, part.url), "user")
    if part.media_type.startswith(("audio/", "video/")):
        raise BadRequest(
            "The Responses API takes no sound and no video.",
            hint="Use this model over chat completions (`api: chat`), or another model.",
        )
    name = {"filename": part.name or "file"}
    if part.data:
        return {"type": "input_file", **name, "file_data": data_url(part.data, part.media_type)}
    if part.url:
        return {"type": "input_file", "file_url": part.url}
    raise empty_file(part.name)
