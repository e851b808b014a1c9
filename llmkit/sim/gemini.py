"""The Gemini generateContent wire: documents and frames out, errors in Google's shape.

Requests come in through gemini_asks.py.
"""

from __future__ import annotations

from typing import Any

from llmkit.sim.bills import twist
from llmkit.sim.exchange import Answer, Ask, Call
from llmkit.sim.frames import Frame, Rendering, sse
from llmkit.sim.gemini_asks import check_thinking, parse, signature_of
from llmkit.sim.mint import Mint, sign
from llmkit.sim.tokens import pieces
from llmkit.sim.work import gemini_grounding, gemini_parts

__all__ = ["as_array", "check_thinking", "document", "error", "parse", "render", "usage"]

_GROUP = 12
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_STOPS = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "stop_sequence": "STOP",
    "tool_calls": "STOP",
    "refusal": "SAFETY",
    "content_filter": "PROHIBITED_CONTENT",
}


def usage(ask: Ask, answer: Answer, written: int) -> dict[str, Any]:
    """The bill so far: ``written`` tokens of the answer are out. Thoughts stand beside candidates."""
    n = answer.count
    made: dict[str, Any] = {
        "promptTokenCount": n.input,
        "candidatesTokenCount": written,
        "totalTokenCount": n.input + written + n.reasoning,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": n.input}],
    }
    if n.cache_read:
        made["cachedContentTokenCount"] = n.cache_read
        made["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": n.cache_read}]
    if n.reasoning:
        made["thoughtsTokenCount"] = n.reasoning
    if answer.usage_fault:
        return twist({k: v for k, v in made.items() if not isinstance(v, list)}, answer.usage_fault)
    return made


def _call_part(call: Call, index: int, answer: Answer, mint: Mint) -> dict[str, Any]:
    made = call.id or mint.call("call_", index, thought=bool(answer.thinking))
    part: dict[str, Any] = {"functionCall": {"name": call.name, "args": call.parsed, "id": made}}
    if index == 0 and answer.thinking:
        part["thoughtSignature"] = signature_of(call)
    return part


def _chunk(ask: Ask, answer: Answer, mint: Mint, parts: list[dict[str, Any]], written: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}],
        "modelVersion": ask.model.name,
        "responseId": mint.id("", length=23),
    }
    if bill := usage(ask, answer, written):
        made["usageMetadata"] = bill
    return made


def _finish(chunk: dict[str, Any], answer: Answer) -> dict[str, Any]:
    candidate = chunk["candidates"][0]
    candidate["finishReason"] = _STOPS[answer.stop]
    candidate |= gemini_grounding(answer.work)
    if answer.calls and answer.stop == "tool_calls":
        candidate["finishMessage"] = "Model generated function call(s)."
    if answer.stop in ("refusal", "content_filter") and not answer.text:
        del candidate["content"]
    return chunk


def _parts(ask: Ask, answer: Answer, mint: Mint) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if answer.thinking and ask.show_thinking:
        parts.append({"text": answer.thinking, "thought": True})
    parts += gemini_parts(answer.work)
    if answer.text:
        part: dict[str, Any] = {"text": answer.text}
        if answer.thinking:
            part["thoughtSignature"] = sign(answer.text)
        parts.append(part)
    parts += [_call_part(call, i, answer, mint) for i, call in enumerate(answer.calls)]
    return parts


def document(ask: Ask, answer: Answer, mint: Mint) -> dict[str, Any]:
    """The whole answer as one document."""
    if answer.stop == "content_filter" and not answer.text:
        return _blocked(ask, answer, mint)
    written = answer.count.output - answer.count.reasoning
    return _finish(_chunk(ask, answer, mint, _parts(ask, answer, mint), written), answer)


def _blocked(ask: Ask, answer: Answer, mint: Mint) -> dict[str, Any]:
    made = _chunk(ask, answer, mint, [], 0)
    del made["candidates"]
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **made}


def render(ask: Ask, answer: Answer, mint: Mint) -> Rendering:
    """The answer as a stream of documents, each with the bill so far."""
    frames: list[Frame] = []
    written = 0

    def add(parts: list[dict[str, Any]], tokens: int) -> None:
        frames.append(Frame(_event(_chunk(ask, answer, mint, parts, written)), tokens, "token"))

    group = ask.model.group or _GROUP
    if answer.stop == "content_filter" and not answer.text:
        frames.append(Frame(_event(_blocked(ask, answer, mint)), 0, "end"))
        return _rendering(ask, answer, mint, frames)
    if answer.thinking and ask.show_thinking:
        for piece, n in pieces(answer.thinking, group * 3):
            add([{"text": piece, "thought": True}], n)
    for part in gemini_parts(answer.work):
        add([part], 0)
    for piece, n in pieces(answer.text, group):
        written += n
        add([{"text": piece}], n)
    for i, call in enumerate(answer.calls):
        n = sum(size for _, size in pieces(call.arguments, 1))
        written += n
        add([_call_part(call, i, answer, mint)], n)
    closing: dict[str, Any] = {"text": ""}
    if answer.thinking and not answer.calls:
        closing["thoughtSignature"] = sign(answer.text)
    last = _finish(_chunk(ask, answer, mint, [closing], answer.count.output - answer.count.reasoning), answer)
    frames.append(Frame(_event(last), 0, "close"))
    return _rendering(ask, answer, mint, frames)


def _rendering(ask: Ask, answer: Answer, mint: Mint, frames: list[Frame]) -> Rendering:
    return Rendering(
        frames,
        text=lambda text, tokens: Frame(
            _event(_chunk(ask, answer, mint, [{"text": text}], tokens)), tokens, "token"
        ),
        error=lambda status, message: _event(error(status, message)),
        unknown=_event({"simUnknown": "ignore me"}),
    )


def as_array(rendering: Rendering) -> Rendering:
    """The same answer as this wire sends it where nobody asked for ``alt=sse``: one JSON array that
    grows."""
    shown = [f for f in rendering.frames if f.data.startswith(b"data: ")]
    frames = [
        Frame((b"[" if i == 0 else b",\r\n") + f.data[6:].strip(), f.tokens, f.kind)
        for i, f in enumerate(shown)
    ]
    rendering.frames = [*frames, Frame(b"\n]\n", 0, "end")]
    return rendering


def _event(value: Any) -> bytes:
    return sse(None, value)[:-2] + b"\r\n\r\n"


def error(
    status: int, message: str, kind: str = "", code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """An error in Google's shape."""
    made: dict[str, Any] = {
        "code": status,
        "message": message,
        "status": kind or _STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT"),
    }
    if code is not None:
        made["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": code,
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            }
        ]
    return {"error": made}
