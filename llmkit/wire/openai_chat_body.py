"""OpenAI's Chat Completions, written: a request's messages, tools and options as this wire's body.

What one server wants otherwise comes from ``dialects.py``; reading lives in ``openai_chat.py``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
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
from llmkit.core.request import Options, Request, ToolSpec
from llmkit.wire import dialects
from llmkit.wire.bodies import extended, with_ids
from llmkit.wire.dialects import Dialect
from llmkit.wire.openai_media import data_url
from llmkit.wire.openai_options import (
    check,
    empty_file,
    image_url,
    no_place,
    schema_format,
    stray_result,
    thinking,
)
from llmkit.wire.server_tools import server_tools

_WIRE = "openai.chat"


def body(request: Request, *, dialect: Dialect | str | None = None) -> dict[str, Any]:
    """The body of this request.

    >>> from llmkit.core.signal import Signal
    >>> asked = Request(model="m", messages=(Message.user("hi"),), signal=Signal.never(), stream=False)
    >>> body(asked)
    {'model': 'm', 'messages': [{'role': 'user', 'content': 'hi'}]}
    """
    check(request)
    speech = dialects.get(dialect)
    made: dict[str, Any] = {"model": request.model, "messages": _Writer(speech).messages(request)}
    made |= _options(request.options, speech)
    tools = [_tool(tool) for tool in request.tools] + server_tools(request, _WIRE, speech.name)
    if tools:
        made["tools"] = tools
        if request.tool_choice is not None:
            made["tool_choice"] = _choice(request.tool_choice, speech)
    if request.schema is not None:
        if speech.schema == "json_schema":
            made["response_format"] = {"type": "json_schema", "json_schema": schema_format(request.schema)}
        else:
            made["response_format"] = {"type": "json_object"}
    if request.stream:
        made["stream"] = True
        if speech.stream_usage:
            made["stream_options"] = {"include_usage": True}
    return extended(made, request.options.extra)


def _options(options: Options, dialect: Dialect) -> dict[str, Any]:
    made = {
        dialect.max_tokens: options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "stop": list(options.stop) or None,
        dialect.seed: options.seed,
    }
    return {k: v for k, v in made.items() if v is not None} | thinking(options.think, dialect)


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": dict(tool.parameters)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _choice(choice: str, dialect: Dialect) -> Any:
    if choice in ("auto", "none"):
        return choice
    if choice == "any":
        return dialect.any_tool
    return {"type": "function", "function": {"name": choice}}


class _Writer:
    """Writes the messages of one request."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def messages(self, request: Request) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        if system := self._system(request):
            made.append({"role": "system", "content": system})
        messages = with_ids(request.messages)
        for message, tools_used in zip(messages, _tool_turns(messages), strict=True):
            match message.role:
                case "system":
                    made.append({"role": "system", "content": self._content(message.parts, "system")})
                case "user" | "tool":
                    made += self._turn(message)
                case "assistant":
                    made += self._assistant(message, tools_used=tools_used)
                case _:
                    assert_never(message.role)
        return made

    def _system(self, request: Request) -> str:
        parts = [request.system] if request.system else []
        if request.schema is not None and self.dialect.schema == "json_object":
            schema = json.dumps(request.schema, ensure_ascii=False)
            parts.append(f"Answer only with JSON that follows this JSON schema:\n{schema}")
        return "\n\n".join(parts)

    def _turn(self, message: Message) -> list[dict[str, Any]]:
        """A user's turn, or the results of tools. Results come first: they belong to the calls before."""
        made: list[dict[str, Any]] = []
        rest: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResultPart):
                if not part.id:
                    raise stray_result(part.name)
                text = f"Error: {part.content}" if part.is_error else part.content
                made.append({"role": "tool", "tool_call_id": part.id, "content": text})
                if part.images:
                    # Tool messages hold text only on this wire; the pictures follow as the user's.
                    rest += [TextPart(f"Pictures from the tool {part.name or part.id}:"), *part.images]
            else:
                rest.append(part)
        if rest or not made:
            made.append({"role": "user", "content": self._content(rest, "user")})
        return made

    def _assistant(self, message: Message, *, tools_used: bool) -> list[dict[str, Any]]:
        made: dict[str, Any] = {"role": "assistant", "content": None}
        text: list[str] = []
        thoughts: list[str] = []
        images: list[ImagePart] = []
        calls: list[dict[str, Any]] = []
        for part in message.parts:
            match part:
                case TextPart():
                    text.append(part.text)
                case ThinkingPart():
                    thoughts.append(part.text)
                case ToolCallPart():
                    calls.append(self._call(part))
                case ImagePart():
                    images.append(part)
                case FilePart():
                    if not (part.file_id and part.media_type.startswith("audio/")):
                        raise no_place("files", "assistant")
                    made["audio"] = {"id": part.file_id}
                case OpaquePart():
                    if part.wire == _WIRE and part.kind == "reasoning_details" and self.dialect.details_back:
                        made["reasoning_details"] = part.raw["reasoning_details"]
                case ToolResultPart():
                    raise no_place("tool results", "assistant", "Put them into a message of the role 'tool'.")
                case _:
                    assert_never(part)
        made["content"] = "".join(text) if text or not (calls or "audio" in made) else None
        if calls:
            made["tool_calls"] = calls
        if tools_used and "reasoning_details" not in made:
            self._think_back("".join(thoughts), made)
        urls = [{"type": "image_url", "image_url": {"url": image_url(image)}} for image in images]
        if urls and self.dialect.details_back:
            made["images"] = urls
        elif urls:
            # The model's own pictures can only be shown to it as the user's.
            return [{"role": "user", "content": urls}, made]
        return [made]

    def _think_back(self, thoughts: str, made: dict[str, Any]) -> None:
        match self.dialect.thinking_back:
            case None:
                return
            case "content":
                if thoughts:
                    inner = [{"type": "text", "text": thoughts}]
                    made["content"] = [
                        {"type": "thinking", "thinking": inner},
                        *([{"type": "text", "text": made["content"]}] if made["content"] else []),
                    ]
            case name:
                if thoughts:
                    made[name] = thoughts

    def _call(self, call: ToolCallPart) -> dict[str, Any]:
        if call.free_text:
            custom = {"name": call.name, "input": call.arguments_json}
            return {"id": call.id, "type": "custom", "custom": custom}
        function = {"name": call.name, "arguments": call.arguments_json}
        made: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
        if call.signature and self.dialect.call_signatures:
            made["extra_content"] = {"google": {"thought_signature": call.signature}}
        return made

    def _content(self, parts: Sequence[Part], role: str) -> str | list[dict[str, Any]]:
        if all(isinstance(part, TextPart) for part in parts) and len(parts) <= 1:
            return "".join(part.text for part in parts if isinstance(part, TextPart))
        return [self._part(part, role) for part in parts]

    def _part(self, part: Part, role: str) -> dict[str, Any]:
        match part:
            case TextPart():
                return {"type": "text", "text": part.text}
            case ImagePart():
                detail = {"detail": part.detail} if part.detail else {}
                return {"type": "image_url", "image_url": {"url": image_url(part), **detail}}
            case FilePart():
                return self._file(part)
            case OpaquePart() if part.wire == _WIRE:
                return dict(part.raw)
            case ThinkingPart() | ToolCallPart() | ToolResultPart() | OpaquePart():
                raise no_place(f"part of the type {type(part).__name__}", role)
            case _:
                assert_never(part)

    def _file(self, part: FilePart) -> dict[str, Any]:
        kind = part.media_type.partition("/")[0]
        if part.file_id:
            return {"type": "file", "file": {"file_id": part.file_id}}
        if part.data is None:
            if not part.url:
                raise empty_file(part.name)
            if kind in ("image", "video"):
                return {"type": f"{kind}_url", f"{kind}_url": {"url": part.url}}
            if not self.dialect.file_urls:
                raise BadRequest("This API takes no files by URL.", hint="Read the file and pass its bytes.")
            return {"type": "file", "file": {"filename": part.name or "file", "file_data": part.url}}
        match kind:
            case "image" | "video":
                return {"type": f"{kind}_url", f"{kind}_url": {"url": data_url(part.data, part.media_type)}}
            case "audio":
                sound = base64.b64encode(part.data).decode("ascii")
                return {"type": "input_audio", "input_audio": {"data": sound, "format": _sound(part)}}
            case "text":
                # Only PDF is a file to this API; text is shown as text.
                words = part.data.decode("utf-8", "replace")
                return {"type": "text", "text": f"{part.name or 'File'}:\n{words}"}
            case _:
                file = {"filename": part.name or "file", "file_data": data_url(part.data, part.media_type)}
                return {"type": "file", "file": file}


def _sound(part: FilePart) -> str:
    name = part.media_type.partition("/")[2].removeprefix("x-")
    return {"mpeg": "mp3", "wave": "wav", "vnd.wave": "wav"}.get(name, name)


def _tool_turns(messages: Iterable[Message]) -> list[bool]:
    """For each message: does its turn, from one user's message to the next, use tools?"""
    turns: list[list[Message]] = [[]]
    for message in messages:
        if message.role == "user" and not any(isinstance(part, ToolResultPart) for part in message.parts):
            turns.append([])
        turns[-1].append(message)
    return [used for turn in turns for used in [any(m.tool_calls for m in turn)] * len(turn)]
