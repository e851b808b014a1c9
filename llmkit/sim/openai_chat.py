"""The OpenAI Chat Completions wire and its dialects: documents and frames out, errors.

Requests come in through openai_chat_asks.py.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from llmkit.sim.bills import twist
from llmkit.sim.dialects import Dialect
from llmkit.sim.exchange import Answer, Ask, Call
from llmkit.sim.frames import Frame, Rendering, dumps, holed, sse
from llmkit.sim.mint import Mint
from llmkit.sim.models import SimPrice
from llmkit.sim.openai_chat_asks import check_thinking, parse
from llmkit.sim.tokens import pieces
from llmkit.sim.work import executed_tools

__all__ = ["check_thinking", "document", "error", "parse", "render", "usage"]

_STOPS = {
    "stop": "stop",
    "length": "length",
    "stop_sequence": "stop",
    "tool_calls": "tool_calls",
    "refusal": "stop",
    "content_filter": "content_filter",
}
_NO_PRICE = SimPrice("1.00", "0.10", "1.00", "4.00")


def usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    """The bill, with this dialect's fields and its own idea of where reasoning belongs."""
    n, d = answer.count, ask.dialect
    output = n.output - n.reasoning if d.reasoning_outside_output else n.output
    made: dict[str, Any] = {
        "prompt_tokens": n.input,
        "completion_tokens": output,
        "total_tokens": n.input + n.output,
    }
    if d.cache_fields:
        made["prompt_tokens_details"] = {"cached_tokens": n.cache_read, "audio_tokens": 0}
    if d.cache_fields == "details+hit/miss":
        made["prompt_cache_hit_tokens"] = n.cache_read
        made["prompt_cache_miss_tokens"] = n.input - n.cache_read
    if d.counts_reasoning:
        made["completion_tokens_details"] = {
            "reasoning_tokens": n.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
    if d.x_groq:
        made |= {"queue_time": 0.004, "prompt_time": 0.012, "completion_time": 0.11, "total_time": 0.122}
    match d.cost:
        case "usage.cost":
            made["cost"] = float(_cost(ask, answer))
            made["is_byok"] = False
            made["cost_details"] = {"upstream_inference_cost": made["cost"]}
        case "cost_in_usd_ticks":
            made["num_sources_used"] = 0
            made["cost_in_usd_ticks"] = int(_cost(ask, answer) * 10**10)
    return twist(made, answer.usage_fault)


def _cost(ask: Ask, answer: Answer) -> Decimal:
    price = ask.model.price or _NO_PRICE
    n = answer.count
    return (
        Decimal(price.input) * (n.input - n.cache_read)
        + Decimal(price.cache_read) * n.cache_read
        + Decimal(price.output) * n.output
    ) / 1_000_000


def _envelope(ask: Ask, mint: Mint, kind: str) -> dict[str, Any]:
    d = ask.dialect
    made: dict[str, Any] = {
        "id": mint.id(d.id_prefix, length=29),
        "object": kind,
        "created": mint.created,
        "model": ask.model.name,
    }
    if d.provider:
        made["provider"] = d.provider
    if d.name == "openai":
        made["service_tier"] = "default"
    if d.fingerprint or d.name == "openai":
        made["system_fingerprint"] = d.fingerprint
    return made


def _finish(ask: Ask, answer: Answer) -> str:
    return ask.dialect.stop if _STOPS[answer.stop] == "stop" else _STOPS[answer.stop]


def _call_ids(answer: Answer, mint: Mint) -> list[str]:
    return [c.id or mint.call("call_", i, thought=bool(answer.thinking)) for i, c in enumerate(answer.calls)]


def document(ask: Ask, answer: Answer, mint: Mint) -> dict[str, Any]:
    """The whole answer as one chat completion."""
    d = ask.dialect
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if d.name in ("openai", "azure"):
        message |= {"refusal": None, "annotations": []}
    if answer.stop == "refusal":
        message |= {"content": None, "refusal": answer.text}
    thinking = answer.thinking if ask.show_thinking else ""
    if thinking and d.reasoning == "parts":
        message["content"] = [_thinking_part(thinking), {"type": "text", "text": answer.text}]
    elif thinking:
        message |= _reasoning(d, thinking)
    if answer.calls:
        message["content"] = answer.text or None
        message["tool_calls"] = [
            {"id": made, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for made, c in zip(_call_ids(answer, mint), answer.calls, strict=True)
        ]
    message |= executed_tools(answer.work)
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": _finish(ask, answer)}
    if d.name in ("openai", "azure", "groq", "deepseek"):
        choice["logprobs"] = None
    if d.native_finish:
        choice["native_finish_reason"] = _STOPS[answer.stop]
    made = {**_envelope(ask, mint, "chat.completion"), "choices": [choice]}
    if bill := usage(ask, answer):
        made["usage"] = bill
        if d.x_groq:
            made["x_groq"] = {"id": mint.id("req_01", "groq", 26)}
    return made


def _thinking_part(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _reasoning(d: Dialect, text: str) -> dict[str, Any]:
    made: dict[str, Any] = {d.reasoning: text}
    if d.reasoning_details:
        made["reasoning_details"] = [
            {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}
        ]
    return made


class _Chunks:
    """Writes the chunks of one answer."""

    def __init__(self, ask: Ask, mint: Mint) -> None:
        self.d = ask.dialect
        self.ask = ask
        self.base = _envelope(ask, mint, "chat.completion.chunk")
        self.include_usage = ask.include_usage or self.d.usage_unasked

    def chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "delta": delta}
        if self.d.name in ("openai", "groq", "deepseek"):
            choice["logprobs"] = None
        if self.d.finish_null or finish:
            choice["finish_reason"] = finish
        if self.d.native_finish:
            choice["native_finish_reason"] = finish
        made = {**self.base, "choices": [choice], **more}
        if self.d.usage_null and self.include_usage:
            made.setdefault("usage", None)
        if self.d.obfuscation:
            made["obfuscation"] = "sim0"
        return made

    def one(self, delta: dict[str, Any], tokens: int = 0) -> Frame:
        return Frame(sse(None, self.chunk(delta)), tokens, "token" if tokens else "open")

    def many(self, text: str, build: Any, group: int) -> list[Frame]:
        before, after = holed(None, lambda hole: self.chunk(build(hole)))
        ends = [after]
        if self.d.obfuscation:
            ends = [
                after.replace('"sim0"', f'"{"q8Zt3vLm0RxK2wYd"[: 16 - (5 * i) % 16]}"') for i in range(16)
            ]
        turn = len(ends)
        return [
            Frame(f"{before}{dumps(piece)}{ends[i % turn]}".encode(), n, "token")
            for i, (piece, n) in enumerate(pieces(text, group))
        ]


def render(ask: Ask, answer: Answer, mint: Mint) -> Rendering:
    """The answer as a stream."""
    d = ask.dialect
    chunks = _Chunks(ask, mint)
    group = ask.model.group or 1
    frames: list[Frame] = []
    if d.comment:
        frames.append(Frame(f": {d.comment}\n\n".encode()))
    if d.filter_frame:
        blank = {**chunks.base, "id": "", "object": "", "model": "", "created": 0, "choices": []}
        frames.append(
            Frame(
                sse(
                    None,
                    {**blank, "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]},
                )
            )
        )
    first: dict[str, Any] = {"role": "assistant", "content": ""}
    if d.name == "openai":
        first["refusal"] = None
    more: dict[str, Any] = {"x_groq": {"id": mint.id("req_01", "groq", 26)}} if d.x_groq else {}
    frames.append(Frame(sse(None, chunks.chunk(first, **more))))
    if answer.thinking and ask.show_thinking:
        frames += chunks.many(answer.thinking, _thinking_delta(d), group)
    if tools := executed_tools(answer.work):
        frames.append(Frame(sse(None, chunks.chunk(tools))))
    if answer.stop == "refusal":
        frames += chunks.many(answer.text, lambda hole: {"refusal": hole}, group)
    else:
        frames += chunks.many(answer.text, lambda hole: {"content": hole}, group)
    for i, (made, call) in enumerate(zip(_call_ids(answer, mint), answer.calls, strict=True)):
        frames += _call_frames(chunks, i, made, call, group)
    frames += _closing(chunks, answer, mint)
    return Rendering(
        frames,
        text=lambda text, tokens: chunks.one({"content": text}, tokens),
        error=lambda status, message: sse(None, _error_chunk(chunks, status, message)),
        unknown=sse(None, {"object": "chat.sim.unknown", "choices": [], "note": "ignore me"}),
        ping=f": {d.comment or 'keep-alive'}\n\n".encode(),
    )


def _thinking_delta(d: Dialect) -> Any:
    if d.reasoning == "parts":
        return lambda hole: {"content": [_thinking_part(hole)]}
    if d.reasoning_details:
        # The text goes out once in each field; the second is left to the whole document.
        return lambda hole: {"content": "", "reasoning": hole}
    return lambda hole: {d.reasoning: hole}


def _call_frames(chunks: _Chunks, index: int, made: str, call: Call, group: int) -> list[Frame]:
    d = chunks.d
    place = {"index": index} if d.index_in_calls else {}

    def delta(function: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"tool_calls": [{**place, **more, "function": function}]}

    if d.whole_arguments:
        whole = {"name": call.name, "arguments": call.arguments}
        return [
            chunks.one(delta(whole, id=made, type="function"), sum(n for _, n in pieces(call.arguments, 1)))
        ]
    opening = chunks.one(delta({"name": call.name, "arguments": ""}, id=made, type="function"))
    return [opening, *chunks.many(call.arguments, lambda hole: delta({"arguments": hole}), group)]


def _closing(chunks: _Chunks, answer: Answer, mint: Mint) -> list[Frame]:
    ask, d = chunks.ask, chunks.d
    bill = usage(ask, answer) if chunks.include_usage else {}
    last: dict[str, Any] = {}
    if d.usage == "last chunk" and bill:
        last["usage"] = bill
        if d.x_groq:
            last["x_groq"] = {"id": mint.id("req_01", "groq", 26), "usage": bill}
    frames = [Frame(sse(None, chunks.chunk({}, _finish(ask, answer), **last)), 0, "close")]
    if d.usage == "own chunk" and bill:
        frames.append(Frame(sse(None, {**chunks.base, "choices": [], "usage": bill}), 0, "close"))
    frames.append(Frame(b"data: [DONE]\n\n", 0, "end"))
    return frames


def _error_chunk(chunks: _Chunks, status: int, message: str) -> dict[str, Any]:
    if chunks.d.native_finish:
        return {
            **chunks.base,
            "error": {"code": status, "message": message, "metadata": {"error_type": "provider_unavailable"}},
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        }
    return error(status, message)


def error(
    status: int,
    message: str,
    kind: str = "",
    code: str | None = None,
    param: str | None = None,
    dialect: Dialect | None = None,
) -> dict[str, Any]:
    """An error in OpenAI's shape, or in the shape this dialect gives it."""
    style = dialect.errors if dialect is not None else "openai"
    if style == "detail":
        return {"detail": message}
    if style == "code":
        return {"error": {"message": message, "code": status}}
    usual_kind, usual_code = {
        401: ("invalid_request_error", "invalid_api_key"),
        402: ("insufficient_credits", "insufficient_credits"),
        404: ("invalid_request_error", "model_not_found"),
        429: ("requests", "rate_limit_exceeded"),
    }.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    inner = {"message": message, "type": kind or usual_kind, "param": param, "code": code or usual_code}
    if style == "object":
        inner["code"] = str(status)
        return {"object": "error", **inner, "error": inner}
    return {"error": inner}
