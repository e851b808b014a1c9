"""The OpenAI Responses wire, requests in. Answers go out in openai_responses.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmkit.sim.dialects import Dialect
from llmkit.sim.exchange import Ask, Call, Media, Role, Thought, Tool, Turn
from llmkit.sim.media import from_url
from llmkit.sim.mint import THOUGHT_MARK, is_sealed
from llmkit.sim.models import SimModel
from llmkit.sim.openai_chat_asks import bad

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


def parse(
    body: Mapping[str, Any], headers: Mapping[str, str], model: SimModel, name: str, dialect: Dialect
) -> Ask:
    """The request, or :class:`Reject` in the words of the real API."""
    if (previous := body.get("previous_response_id")) is not None:
        raise bad(
            f"Previous response with id '{previous}' not found.",
            "previous_response_id",
            "previous_response_not_found",
        )
    turns = _turns(body.get("input"))
    instructions = body.get("instructions")
    limit = body.get("max_output_tokens")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise bad(
            "Invalid 'max_output_tokens': integer below minimum value.",
            "max_output_tokens",
            "integer_below_min_value",
        )
    text = body.get("text")
    fmt = text.get("format") if isinstance(text, dict) else None
    fmt = fmt if isinstance(fmt, dict) else {}
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        choice = choice.get("name") or "any"
    reasoning = body.get("reasoning")
    reasoning = reasoning if isinstance(reasoning, dict) else {}
    effort = reasoning.get("effort")
    system = [t.text for t in turns if t.role == "system"]
    return Ask(
        wire="openai.responses",
        name=name,
        model=model,
        turns=tuple(t for t in turns if t.role != "system"),
        system="\n".join(([instructions] if isinstance(instructions, str) else []) + system),
        dialect=dialect,
        stream=body.get("stream") is True,
        tools=_tools(body.get("tools")),
        tool_choice="any" if choice == "required" else str(choice or "auto"),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=fmt.get("schema") if fmt.get("type") == "json_schema" else None,
        json_mode=fmt.get("type") == "json_object",
        max_tokens=limit,
        temperature=body.get("temperature"),
        think=model.thinks if effort is None else effort != "none",
        show_thinking=bool(reasoning.get("summary")),
        effort=str(effort or "medium"),
        include_usage=True,
        body=body,
    )


def _turns(value: Any) -> tuple[Turn, ...]:
    if value is None:
        raise bad("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    if isinstance(value, str):
        return (Turn("user", value),)
    if not isinstance(value, list):
        raise bad(
            "Invalid type for 'input': expected one of a string or an array of items.",
            "input",
            "invalid_type",
        )
    turns: list[Turn] = []
    for i, item in enumerate(value):
        if not isinstance(item, dict):
            raise bad(f"Invalid type for 'input[{i}]': expected an object.", f"input[{i}]", "invalid_type")
        turns.append(_item(item, f"input[{i}]"))
    _check_tool_pairs(turns)
    return tuple(turns)


def _item(item: dict[str, Any], where: str) -> Turn:
    match item.get("type", "message"):
        case "message":
            role = item.get("role")
            if not isinstance(role, str) or role not in _ROLES:
                raise bad(
                    f"Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', "
                    "and 'user'.",
                    f"{where}.role",
                    "invalid_value",
                )
            text, media = _content(item.get("content"), where)
            return Turn(_ROLES[role], text, tuple(media))
        case "function_call":
            call = Call(str(item.get("name")), str(item.get("arguments", "")), str(item.get("call_id")))
            return Turn("assistant", calls=(call,))
        case "function_call_output":
            output = item.get("output")
            text = output if isinstance(output, str) else _content(output, where)[0]
            return Turn("tool", results=((str(item.get("call_id")), text),))
        case "reasoning":
            sealed = item.get("encrypted_content")
            if isinstance(sealed, str) and not is_sealed(sealed):
                raise bad(
                    f"The encrypted content for item {item.get('id')} could not be verified. Reason: "
                    "Encrypted content could not be decrypted or parsed.",
                    None,
                    "invalid_encrypted_content",
                )
            parts = item.get("summary") or ()
            summary = "".join(str(p.get("text", "")) for p in parts if isinstance(p, dict))
            return Turn("assistant", thoughts=(Thought(summary, str(sealed or item.get("id") or "")),))
        case kind:
            raise bad(
                f"Invalid value: '{kind}'. Supported values are: 'message', 'function_call', "
                "'function_call_output', and 'reasoning'.",
                f"{where}.type",
                "invalid_value",
            )


def _content(content: Any, where: str) -> tuple[str, list[Media]]:
    if isinstance(content, str):
        return content, []
    texts: list[str] = []
    media: list[Media] = []
    for i, part in enumerate(content or ()):
        kind = part.get("type") if isinstance(part, dict) else None
        match kind:
            case "input_text" | "output_text":
                texts.append(str(part.get("text", "")))
            case "refusal":
                texts.append(str(part.get("refusal", "")))
            case "input_image":
                url = part.get("image_url")
                media.append(from_url(url) if url else Media("image"))
            case "input_file":
                data = part.get("file_data")
                media.append(from_url(data) if data else Media("file"))
            case _:
                raise bad(
                    f"Invalid value: '{kind}'. Supported values are: 'input_text', 'input_image', "
                    "'output_text', 'refusal', and 'input_file'.",
                    f"{where}.content[{i}].type",
                    "invalid_value",
                )
    return "\n".join(texts), media


def _check_tool_pairs(turns: list[Turn]) -> None:
    calls = {c.id for t in turns for c in t.calls}
    results = {call_id for t in turns for call_id, _ in t.results}
    for call_id in sorted(results - calls):
        raise bad(f"No tool call found for function call output with call_id {call_id}.", "input")
    for call_id in sorted(calls - results):
        raise bad(f"No tool output found for function call {call_id}.", "input")


def check_thinking(ask: Ask) -> None:
    """Strict mode: a call that was thought out comes back together with its reasoning item."""
    thought = False
    for turn in ask.turns:
        if turn.thoughts:
            thought = any(t.signature for t in turn.thoughts)
        elif turn.role != "assistant":
            thought = False
        for call in turn.calls:
            if call.id.endswith(THOUGHT_MARK) and not thought:
                raise bad(
                    f"Item '{call.id}' of type 'function_call' was provided without its required "
                    "'reasoning' item.",
                    "input",
                )


def _tools(value: Any) -> tuple[Tool, ...]:
    tools = []
    for i, tool in enumerate(value or ()):
        if not isinstance(tool, dict) or tool.get("type") != "function":
            continue
        if not tool.get("name"):
            raise bad(
                f"Missing required parameter: 'tools[{i}].name'.",
                f"tools[{i}].name",
                "missing_required_parameter",
            )
        schema = tool.get("parameters") or {"type": "object", "properties": {}}
        tools.append(Tool(str(tool["name"]), str(tool.get("description") or ""), schema))
    return tuple(tools)
