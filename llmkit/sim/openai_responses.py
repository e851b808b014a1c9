"""The OpenAI Responses wire: documents and frames out. Errors are those of the chat wire.

Requests come in through openai_responses_asks.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmkit.sim import openai_chat
from llmkit.sim.bills import twist
from llmkit.sim.exchange import Answer, Ask, Call
from llmkit.sim.frames import Frame, Rendering, dumps, sse
from llmkit.sim.mint import Mint, seal
from llmkit.sim.openai_responses_asks import check_thinking, parse
from llmkit.sim.tokens import pieces
from llmkit.sim.work import responses_items

__all__ = ["check_thinking", "document", "parse", "render", "usage"]


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
