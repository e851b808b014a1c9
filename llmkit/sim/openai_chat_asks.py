"""The OpenAI Chat Completions wire, requests in. Answers go out in openai_chat.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmkit.sim.dialects import Dialect
from llmkit.sim.exchange import Ask, Call, Media, Reject, Role, Thought, Tool, Turn
from llmkit.sim.media import from_base64, from_url
from llmkit.sim.mint import THOUGHT_MARK
from llmkit.sim.models import SimModel

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def parse(
    body: Mapping[str, Any], headers: Mapping[str, str], model: SimModel, name: str, dialect: Dialect
) -> Ask:
    """The request, or :class:`Reject` in the words of the real API."""
    turns = _turns(body.get("messages"))
    _check_tool_pairs(turns)
    for key in ("max_tokens", "max_completion_tokens", "n"):
        value = body.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise bad(
                f"Invalid '{key}': integer below minimum value. Expected a value >= 1.",
                key,
                "integer_below_min_value",
            )
    if body.get("n", 1) not in (1, None):
        raise bad("The simulator gives one choice an answer: n must be 1.", "n", "unsupported_value")
    temperature = body.get("temperature")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
        raise bad(
            f"Invalid 'temperature': {temperature!r}. Expected a value between 0 and 2.",
            "temperature",
            "decimal_above_max_value",
        )
    stream = body.get("stream") is True
    options = body.get("stream_options")
    if options is not None and not stream:
        raise bad(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options"
        )
    fmt = body.get("response_format")
    fmt = fmt if isinstance(fmt, dict) else {}
    schema = None
    if fmt.get("type") == "json_schema":
        schema = (fmt.get("json_schema") or {}).get("schema")
        if not isinstance(schema, dict):
            raise bad(
                "Missing required parameter: 'response_format.json_schema.schema'.",
                "response_format.json_schema.schema",
                "missing_required_parameter",
            )
    stop = body.get("stop")
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        choice = (choice.get("function") or {}).get("name") or "any"
    think, effort = _effort(body, model)
    return Ask(
        wire="openai.chat",
        name=name,
        model=model,
        turns=tuple(t for t in turns if t.role != "system"),
        system="\n".join(t.text for t in turns if t.role == "system"),
        dialect=dialect,
        stream=stream,
        tools=_tools(body.get("tools"), dialect),
        tool_choice="any" if choice == "required" else str(choice or "auto"),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=schema,
        json_mode=fmt.get("type") == "json_object",
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stop=(stop,) if isinstance(stop, str) else tuple(s for s in stop or () if isinstance(s, str)),
        seed=body["seed"] if isinstance(body.get("seed"), int) else 0,
        temperature=temperature,
        think=think,
        show_thinking=bool(dialect.reasoning) and body.get("reasoning_format") != "hidden",
        effort=effort,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        body=body,
    )


def bad(message: str, param: str | None = None, code: str | None = None) -> Reject:
    """A 400 in OpenAI's words."""
    return Reject(400, message, kind="invalid_request_error", code=code, param=param)


def _effort(body: Mapping[str, Any], model: SimModel) -> tuple[bool, str]:
    """OpenAI's ``reasoning_effort``, OpenRouter's ``reasoning``, DeepSeek's ``thinking``."""
    asked: Any = body.get("reasoning_effort")
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict):
        asked = reasoning.get("effort") or ("medium" if reasoning.get("enabled", True) else "none")
    thinking = body.get("thinking")
    if isinstance(thinking, dict):
        asked = "none" if thinking.get("type") == "disabled" else asked or "medium"
    if asked is None:
        return model.thinks, "medium"
    return asked != "none", str(asked)


def _turns(messages: Any) -> tuple[Turn, ...]:
    if messages is None:
        raise bad("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not isinstance(messages, list):
        raise bad("Invalid type for 'messages': expected an array of objects.", "messages", "invalid_type")
    if not messages:
        raise bad(
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
            "messages",
            "empty_array",
        )
    return tuple(_turn(message, f"messages[{i}]") for i, message in enumerate(messages))


def _turn(message: Any, where: str) -> Turn:
    if not isinstance(message, dict):
        raise bad(f"Invalid type for '{where}': expected an object.", where, "invalid_type")
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise bad(
            f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', "
            "'tool', and 'developer'.",
            f"{where}.role",
            "invalid_value",
        )
    text, media, thoughts = _content(message.get("content"), f"{where}.content")
    if role == "user" and message.get("content") is None:
        raise bad(
            f"Invalid value for 'content': expected a string, got null. ({where})", f"{where}.content", None
        )
    calls = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not call.get("id"):
            raise bad(f"Missing required parameter: '{where}.tool_calls[0].function'.", where)
        calls.append(Call(str(function.get("name")), str(function.get("arguments", "")), str(call["id"])))
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(reasoning, str) and reasoning:
        thoughts.append(Thought(reasoning))
    if role in ("tool", "function"):
        return Turn("tool", results=((str(message.get("tool_call_id") or message.get("name")), text),))
    return Turn(_ROLES[role], text, tuple(media), tuple(calls), (), tuple(thoughts))


def _content(content: Any, where: str) -> tuple[str, list[Media], list[Thought]]:
    if content is None:
        return "", [], []
    if isinstance(content, str):
        return content, [], []
    if not isinstance(content, list):
        raise bad(
            f"Invalid type for '{where}': expected one of a string or array of objects.",
            where,
            "invalid_type",
        )
    texts: list[str] = []
    media: list[Media] = []
    thoughts: list[Thought] = []
    for i, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        match kind:
            case "text" | "refusal":
                texts.append(str(part.get(kind, "")))
            case "image_url":
                image = part.get("image_url")
                media.append(from_url(image.get("url") if isinstance(image, dict) else image))
            case "file":
                file = part.get("file") or {}
                media.append(from_url(file["file_data"]) if "file_data" in file else Media("file"))
            case "input_audio":
                audio = part.get("input_audio") or {}
                media.append(from_base64(audio.get("data"), f"audio/{audio.get('format')}"))
            case "thinking":
                inner = part.get("thinking") or ()
                thoughts.append(Thought("".join(str(t.get("text", "")) for t in inner)))
            case _:
                raise bad(
                    f"Invalid value: '{kind}'. Supported values are: 'text', 'image_url', 'input_audio', "
                    "'refusal', and 'file'.",
                    f"{where}[{i}].type",
                    "invalid_value",
                )
    return "\n".join(texts), media, thoughts


def _check_tool_pairs(turns: tuple[Turn, ...]) -> None:
    waiting: set[str] = set()
    for i, turn in enumerate(turns):
        if turn.results:
            if not waiting:
                raise bad(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
                    "message with 'tool_calls'.",
                    f"messages.[{i}].role",
                )
            waiting -= {call_id for call_id, _ in turn.results}
            if not waiting:
                waiting = {""}  # answered; more results for the same message are let through
            continue
        if waiting - {""}:
            raise bad(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to "
                "each 'tool_call_id'. The following tool_call_ids did not have response messages: "
                + ", ".join(sorted(waiting - {""})),
                f"messages.[{i}].role",
            )
        waiting = {c.id for c in turn.calls}


def check_thinking(ask: Ask) -> None:
    """Strict mode, on servers that want their reasoning back in tool turns."""
    if not ask.dialect.needs_reasoning_back:
        return
    for turn in ask.turns:
        if any(c.id.endswith(THOUGHT_MARK) for c in turn.calls) and not turn.thoughts:
            raise bad(
                "Missing `reasoning_content` field in the assistant message of a tool turn. "
                "Pass the reasoning back unchanged."
            )


def _tools(value: Any, dialect: Dialect) -> tuple[Tool, ...]:
    tools = []
    for i, tool in enumerate(value or ()):
        if dialect.own_tools and isinstance(tool, dict) and tool.get("type") not in (None, "function"):
            continue  # the server's own: nothing of ours to call
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not function.get("name"):
            raise bad(
                f"Missing required parameter: 'tools[{i}].function'.",
                f"tools[{i}].function",
                "missing_required_parameter",
            )
        tools.append(
            Tool(
                str(function["name"]),
                str(function.get("description") or ""),
                function.get("parameters") or {"type": "object", "properties": {}},
            )
        )
    return tuple(tools)
