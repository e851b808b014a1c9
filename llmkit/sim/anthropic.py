"""The Anthropic Messages wire: documents and frames out, errors in its shape.

Requests come in through anthropic_asks.py.
"""

from __future__ import annotations

from typing import Any

from llmkit.sim.anthropic_asks import check_thinking, parse
from llmkit.sim.bills import twist
from llmkit.sim.exchange import Answer, Ask
from llmkit.sim.frames import Frame, Rendering, dumps, holed, sse
from llmkit.sim.mint import Mint, sign
from llmkit.sim.tokens import pieces
from llmkit.sim.work import anthropic_blocks

__all__ = ["check_thinking", "document", "error", "parse", "render", "usage"]

_GROUP = 3
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    "content_filter": "refusal",
}


def usage(answer: Answer, *, output: int | None = None) -> dict[str, Any]:
    """The bill; ``input_tokens`` leaves out what the cache read or wrote."""
    n = answer.count
    made: dict[str, Any] = {
        "input_tokens": n.input - n.cache_read - n.cache_write,
        "cache_creation_input_tokens": n.cache_write,
        "cache_read_input_tokens": n.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": n.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": n.output if output is None else output,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }
    if n.reasoning and output is None:
        made["output_tokens_details"] = {"thinking_tokens": n.reasoning}
    return twist(made, answer.usage_fault)


def _blocks(ask: Ask, answer: Answer, mint: Mint) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if answer.thinking:
        shown = answer.thinking if ask.show_thinking else ""
        blocks.append({"type": "thinking", "thinking": shown, "signature": sign(shown)})
    blocks += anthropic_blocks(answer.work, mint)
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    for i, call in enumerate(answer.calls):
        made = call.id or mint.call("toolu_01", i, thought=bool(answer.thinking))
        blocks.append({"type": "tool_use", "id": made, "name": call.name, "input": call})
    return blocks


def _message(ask: Ask, mint: Mint) -> dict[str, Any]:
    return {
        "model": ask.model.name,
        "id": mint.id("msg_01", length=22),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }


def _ending(answer: Answer) -> dict[str, Any]:
    details = None
    if answer.stop in ("refusal", "content_filter"):
        details = {"type": "refusal", "category": "cyber", "explanation": "The simulator was told to refuse."}
    return {
        "stop_reason": _STOPS[answer.stop],
        "stop_sequence": answer.stop_sequence,
        "stop_details": details,
    }


def document(ask: Ask, answer: Answer, mint: Mint) -> dict[str, Any]:
    """The whole answer as one message."""
    content = []
    for block in _blocks(ask, answer, mint):
        is_call = block["type"] in ("tool_use", "server_tool_use")
        content.append({**block, "input": block["input"].parsed} if is_call else block)
    made = {**_message(ask, mint), "content": content, **_ending(answer)}
    if bill := usage(answer):
        made["usage"] = bill
    return made


def render(ask: Ask, answer: Answer, mint: Mint) -> Rendering:
    """The answer as a stream."""
    start = _message(ask, mint)
    if bill := usage(answer, output=1):
        start["usage"] = bill
    frames = [Frame(sse("message_start", {"type": "message_start", "message": start}))]
    group = ask.model.group or _GROUP
    blocks = _blocks(ask, answer, mint)
    for index, block in enumerate(blocks):
        frames += _block_frames(index, block, group)
        if index == 0:
            frames.insert(2, Frame(b'event: ping\ndata: {"type": "ping"}\n\n'))
    delta: dict[str, Any] = {"type": "message_delta", "delta": _ending(answer)}
    if bill := usage(answer):
        delta["usage"] = {k: v for k, v in bill.items() if k not in ("service_tier", "inference_geo")}
        delta["usage"].pop("cache_creation", None)
    frames.append(Frame(sse("message_delta", delta), 0, "close"))
    frames.append(Frame(sse("message_stop", {"type": "message_stop"}), 0, "end"))
    last = max(len(blocks) - 1, 0)
    return Rendering(
        frames,
        text=lambda text, tokens: Frame(_delta(last, {"type": "text_delta", "text": text}), tokens, "token"),
        error=lambda status, message: sse("error", error(status, message)),
        ping=b'event: ping\ndata: {"type": "ping"}\n\n',
    )


def _block_frames(index: int, block: dict[str, Any], group: int) -> list[Frame]:
    frames = []

    def opening(content: dict[str, Any]) -> Frame:
        return Frame(
            sse(
                "content_block_start",
                {"type": "content_block_start", "index": index, "content_block": content},
            )
        )

    match block["type"]:
        case "thinking":
            frames.append(opening({"type": "thinking", "thinking": "", "signature": ""}))
            frames += _deltas(index, "thinking_delta", "thinking", block["thinking"], group)
            signature = {"type": "signature_delta", "signature": block["signature"]}
            frames.append(Frame(_delta(index, signature), 0, "other"))
        case "text":
            frames.append(opening({"type": "text", "text": ""}))
            frames += _deltas(index, "text_delta", "text", block["text"], group)
        case kind if kind.endswith("_tool_result"):
            frames.append(opening(block))
        case _:
            frames.append(opening({**block, "input": {}}))
            if block["input"].arguments != "{}":
                frames.append(Frame(_delta(index, {"type": "input_json_delta", "partial_json": ""})))
                frames += _deltas(index, "input_json_delta", "partial_json", block["input"].arguments, group)
    frames.append(
        Frame(sse("content_block_stop", {"type": "content_block_stop", "index": index}), 0, "other")
    )
    return frames


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    return sse("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})


def _deltas(index: int, kind: str, field: str, text: str, group: int) -> list[Frame]:
    before, after = holed(
        "content_block_delta",
        lambda hole: {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: hole}},
    )
    # Today's servers pad their frames with blanks, so that a frame's length says less about its text.
    ends = [after.replace("\n\n", " " * ((7 * i) % 16) + "\n\n") for i in range(16)]
    return [
        Frame(f"{before}{dumps(piece)}{ends[i & 15]}".encode(), n, "token")
        for i, (piece, n) in enumerate(pieces(text, group))
    ]


def error(
    status: int, message: str, kind: str = "", code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """An error in Anthropic's shape."""
    kind = kind or _ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": "req_011simulated",
    }
