"""The OpenAI Responses wire: requests in, documents and frames out. Errors are those of the chat wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmkit.sim import openai_chat
from llmkit.sim.bills import twist
from llmkit.sim.dialects import Dialect
from llmkit.sim.exchange import Answer, Ask, Call, Media, Role, Thought, Tool, Turn
from llmkit.sim.frames import Frame, Rendering, dumps, sse
from llmkit.sim.media import from_url
from llmkit.sim.mint import THOUGHT_MARK, Mint, is_sealed, seal
from llmkit.sim.models import SimModel
from llmkit.sim.openai_chat_asks import bad
from llmkit.sim.tokens import pieces
from llmkit.sim.work import responses_items

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


# -- requests in ------------------------------------------------------------------------------


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


# -- answers out ------------------------------------------------------------------------------


def usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    """The bill."""
    n = answer.count
    made: dict[str, Any] = {
        "input_tokens": n.input,
        "input_tokens_details": {"cached_tokens": n.cache_read, "cache_write_tokens": n.cache_write},
        "output_tokens": n.output,
        "output_tokens_details": {"reasoning_tokens": n.reasoning},
        "total_tokens": n.input + n.output,
    }
    return twist(made, answer.usage_fault)


def _response(ask: Ask, mint: Mint, status: str) -> dict[str, Any]:
    body = ask.body
    return {
        "id": mint.hex("resp_0"),
        "object": "response",
        "created_at": mint.created,
        "status": status,
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": ask.max_tokens,
        "max_tool_calls": None,
        "model": ask.model.name,
        "output": [],
        "parallel_tool_calls": ask.parallel,
        "previous_response_id": None,
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": ask.effort if ask.think else None, "summary": None},
        "safety_identifier": None,
        "service_tier": "auto" if status == "in_progress" else "default",
        "store": body.get("store", True),
        "temperature": 1.0 if ask.temperature is None else ask.temperature,
        "text": body.get("text") or {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": body.get("metadata") or {},
    }


def _reasoning_item(ask: Ask, answer: Answer, mint: Mint) -> dict[str, Any]:
    item: dict[str, Any] = {"id": mint.hex("rs_0"), "type": "reasoning", "summary": []}
    if ask.show_thinking:
        item["summary"] = [{"type": "summary_text", "text": answer.thinking}]
    if ask.body.get("store") is False or "reasoning.encrypted_content" in (ask.body.get("include") or ()):
        item["encrypted_content"] = seal(answer.thinking)
    return item


def _message_item(answer: Answer, mint: Mint) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
    if answer.stop == "refusal":
        part = {"type": "refusal", "refusal": answer.text}
    cut = answer.stop in ("length", "content_filter")
    return {
        "id": mint.hex("msg_0"),
        "type": "message",
        "status": "incomplete" if cut else "completed",
        "content": [part],
        "role": "assistant",
    }


def _call_item(call: Call, index: int, answer: Answer, mint: Mint) -> dict[str, Any]:
    return {
        "id": mint.hex("fc_0", index),
        "type": "function_call",
        "status": "incomplete" if answer.stop == "length" else "completed",
        "arguments": call.arguments,
        "call_id": call.id or mint.call("call_", index, thought=bool(answer.thinking)),
        "name": call.name,
    }


def _items(ask: Ask, answer: Answer, mint: Mint) -> list[dict[str, Any]]:
    items = []
    if answer.thinking:
        items.append(_reasoning_item(ask, answer, mint))
    items += responses_items(answer.work, mint)
    if answer.text or not answer.calls:
        items.append(_message_item(answer, mint))
    items += [_call_item(call, i, answer, mint) for i, call in enumerate(answer.calls)]
    return items


def _final(ask: Ask, answer: Answer, mint: Mint, items: list[dict[str, Any]]) -> dict[str, Any]:
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(answer.stop)
    made = _response(ask, mint, "incomplete" if reason else "completed")
    made["output"] = items
    made["completed_at"] = None if reason else mint.created + 1
    made["incomplete_details"] = {"reason": reason} if reason else None
    made["usage"] = usage(ask, answer) or None
    return made


def document(ask: Ask, answer: Answer, mint: Mint) -> dict[str, Any]:
    """The whole answer as one response."""
    return _final(ask, answer, mint, _items(ask, answer, mint))


class _Events:
    """Numbers the events of one stream as they are made."""

    def __init__(self, group: int) -> None:
        self.number = 0
        self.group = group
        self.frames: list[Frame] = []

    def add(self, event: str, tokens: int = 0, kind: Any = "open", **fields: Any) -> None:
        self.frames.append(self.make(event, tokens, kind, **fields))

    def make(self, event: str, tokens: int = 0, kind: Any = "open", **fields: Any) -> Frame:
        data = {"type": event, **fields, "sequence_number": self.number}
        self.number += 1
        return Frame(sse(event, data), tokens, kind)

    def deltas(self, event: str, text: str, **fields: Any) -> None:
        # The number differs in every frame, so the text can't be the only hole: it is put together here.
        head = f'event: {event}\ndata: {{"type":"{event}","delta":'
        tail = "," + dumps(fields)[1:-1]
        obfuscation = "aK3dR5gH7jW9xT2b"
        number = self.number
        add = self.frames.append
        for piece, n in pieces(text, self.group):
            pad = obfuscation[: 16 - (5 * number) % 16]
            frame = f'{head}{dumps(piece)}{tail},"obfuscation":"{pad}","sequence_number":{number}}}\n\n'
            add(Frame(frame.encode(), n, "token"))
            number += 1
        self.number = number


def render(ask: Ask, answer: Answer, mint: Mint) -> Rendering:
    """The answer as a stream."""
    events = _Events(ask.model.group or 1)
    started = _response(ask, mint, "in_progress")
    events.add("response.created", response=started)
    events.add("response.in_progress", response=started)
    items = _items(ask, answer, mint)
    last_message = ("", 0)
    for index, item in enumerate(items):
        _WRITERS.get(item["type"], _write_work)(events, index, item)
        if item["type"] == "message":
            last_message = (item["id"], index)
    final = _final(ask, answer, mint, items)
    events.add(f"response.{final['status']}", 0, "end", response=final)

    def text(more: str, tokens: int) -> Frame:
        return events.make(
            "response.output_text.delta",
            tokens,
            "token",
            item_id=last_message[0],
            output_index=last_message[1],
            content_index=0,
            delta=more,
            logprobs=[],
        )

    return Rendering(
        events.frames,
        text=text,
        error=lambda status, message: (
            events.make(
                "error",
                code="server_error" if status >= 500 else "rate_limit_exceeded",
                message=message,
                param=None,
            ).data
        ),
        unknown=sse(
            "response.sim_unknown",
            {"type": "response.sim_unknown", "note": "ignore me", "sequence_number": 0},
        ),
    )


def _write_reasoning(events: _Events, index: int, item: dict[str, Any]) -> None:
    place = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    events.add("response.output_item.added", item={**item, "summary": []}, output_index=index)
    for part in item["summary"]:
        empty = {"type": "summary_text", "text": ""}
        events.add("response.reasoning_summary_part.added", part=empty, **place)
        events.deltas("response.reasoning_summary_text.delta", part["text"], **place)
        events.add("response.reasoning_summary_text.done", 0, "other", text=part["text"], **place)
        events.add("response.reasoning_summary_part.done", 0, "other", part=part, **place)
    events.add("response.output_item.done", 0, "other", item=item, output_index=index)


def _write_message(events: _Events, index: int, item: dict[str, Any]) -> None:
    (part,) = item["content"]
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    refused = part["type"] == "refusal"
    field, name = ("refusal", "response.refusal") if refused else ("text", "response.output_text")
    opened = {**item, "status": "in_progress", "content": []}
    events.add("response.output_item.added", item=opened, output_index=index)
    events.add("response.content_part.added", part={**part, field: ""}, **place)
    more: dict[str, Any] = {} if refused else {"logprobs": []}
    events.deltas(f"{name}.delta", part[field], **place, **more)
    events.add(f"{name}.done", 0, "other", **{field: part[field]}, **place, **more)
    events.add("response.content_part.done", 0, "other", part=part, **place)
    events.add("response.output_item.done", 0, "close", item=item, output_index=index)


def _write_call(events: _Events, index: int, item: dict[str, Any]) -> None:
    place = {"item_id": item["id"], "output_index": index}
    opened = {**item, "status": "in_progress", "arguments": ""}
    events.add("response.output_item.added", item=opened, output_index=index)
    events.deltas("response.function_call_arguments.delta", item["arguments"], **place)
    events.add("response.function_call_arguments.done", 0, "other", arguments=item["arguments"], **place)
    events.add("response.output_item.done", 0, "close", item=item, output_index=index)


def _write_work(events: _Events, index: int, item: dict[str, Any]) -> None:
    begun = {"id": item["id"], "type": item["type"], "status": "in_progress"}
    events.add("response.output_item.added", item=begun, output_index=index)
    for state in ("in_progress", "completed"):
        events.add(f"response.{item['type']}.{state}", item_id=item["id"], output_index=index)
    events.add("response.output_item.done", 0, "other", item=item, output_index=index)


_WRITERS: Mapping[str, Callable[[_Events, int, dict[str, Any]], None]] = {
    "reasoning": _write_reasoning,
    "message": _write_message,
    "function_call": _write_call,
}

error = openai_chat.error
