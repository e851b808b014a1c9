"""The Gemini generateContent wire: requests in, documents and frames out, errors in Google's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmkit.sim.bills import twist
from llmkit.sim.exchange import Answer, Ask, Call, Media, Reject, Thought, Tool, Turn
from llmkit.sim.frames import Frame, Rendering, dumps, sse
from llmkit.sim.media import from_base64
from llmkit.sim.mint import Mint, sign
from llmkit.sim.models import SimModel
from llmkit.sim.parameters import camel_keys
from llmkit.sim.tokens import pieces
from llmkit.sim.work import gemini_grounding, gemini_parts

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
_FIELDS = {
    "contents",
    "model",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "safetySettings",
    "cachedContent",
    "labels",
    "serviceTier",
    "store",
    "generateContentRequest",
}


# -- requests in ------------------------------------------------------------------------------


def parse(
    body: Mapping[str, Any], headers: Mapping[str, str], model: SimModel, name: str, *, stream: bool
) -> Ask:
    """The request, or :class:`Reject` in the words of the real API."""
    body = camel_keys(body)
    for key in body:
        if key not in _FIELDS:
            raise Reject(400, f'Invalid JSON payload received. Unknown name "{key}": Cannot find field.')
    config = body.get("generationConfig")
    config = camel_keys(config)
    thinking = config.get("thinkingConfig")
    thinking = camel_keys(thinking)
    level = str(thinking.get("thinkingLevel") or "medium").lower()
    think = model.thinks
    if thinking:
        off = thinking.get("thinkingBudget") == 0 or level == "none"
        think = not off
    choice, allowed = _tool_config(body.get("toolConfig"))
    tools = _tools(body.get("tools"))
    if allowed:
        tools = tuple(t for t in tools if t.name in allowed)
    is_json = config.get("responseMimeType") == "application/json"
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    limit = config.get("maxOutputTokens")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise Reject(
            400,
            "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be "
            "positive.",
        )
    instruction = body.get("systemInstruction")
    system = ""
    if isinstance(instruction, dict):
        system = "\n".join(str(p.get("text", "")) for p in instruction.get("parts") or ())
    return Ask(
        wire="gemini.generate",
        name=name,
        model=model,
        turns=_turns(body.get("contents")),
        system=system,
        stream=stream,
        tools=tools,
        tool_choice=choice,
        schema=schema if isinstance(schema, dict) else None,
        json_mode=is_json and schema is None,
        max_tokens=limit,
        stop=tuple(s for s in config.get("stopSequences") or () if isinstance(s, str) and s),
        seed=config["seed"] if isinstance(config.get("seed"), int) else 0,
        temperature=config.get("temperature"),
        think=think,
        show_thinking=thinking.get("includeThoughts") is True,
        effort=level,
        include_usage=True,
        body=body,
    )


def _turns(contents: Any) -> tuple[Turn, ...]:
    if not contents:
        raise Reject(400, "* GenerateContentRequest.contents: contents is not specified\n")
    if isinstance(contents, dict):
        contents = [contents]
    if not isinstance(contents, list):
        raise Reject(400, "Invalid value at 'contents': expected a list.")
    return tuple(_turn(content, i) for i, content in enumerate(contents))


def _turn(content: Any, i: int) -> Turn:
    if not isinstance(content, dict):
        raise Reject(400, f"Invalid value at 'contents[{i}]': expected an object.")
    role = content.get("role", "user")
    if role not in ("user", "model", "function"):
        raise Reject(400, "Please use a valid role: user, model.")
    texts: list[str] = []
    media: list[Media] = []
    calls: list[Call] = []
    results: list[tuple[str, str]] = []
    thoughts: list[Thought] = []
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts:
        raise Reject(
            400, f"* GenerateContentRequest.contents[{i}].parts: contents.parts must not be empty.\n"
        )
    for j, raw in enumerate(parts):
        if not isinstance(raw, dict):
            raise Reject(400, f"Invalid value at 'contents[{i}].parts[{j}]': expected an object.")
        part = camel_keys(raw)
        signature = _standard(part.get("thoughtSignature"))
        if "functionCall" in part:
            function = part["functionCall"]
            call = Call(str(function.get("name")), dumps(function.get("args") or {}), str(function.get("id")))
            if signature and signature != _signature(call):
                raise Reject(400, "Thought signature is not valid.")
            thoughts += [Thought("", signature)] if signature else []
            calls.append(call)
        elif "functionResponse" in part:
            reply = part["functionResponse"]
            given = reply.get("response")
            if isinstance(given, dict) and len(given) == 1:
                given = next(iter(given.values()))
            text = given if isinstance(given, str) else dumps(given)
            results.append((str(reply.get("id") or reply.get("name")), text))
        elif "inlineData" in part:
            blob = camel_keys(part["inlineData"])
            media.append(from_base64(blob.get("data"), blob.get("mimeType")))
        elif "fileData" in part:
            media.append(Media("file", url=str(part["fileData"].get("fileUri", ""))))
        elif part.get("thought"):
            thoughts.append(Thought(str(part.get("text", "")), signature))
        elif "text" in part:
            texts.append(str(part["text"]))
    return Turn(
        "assistant" if role == "model" else "user",
        "\n".join(texts),
        tuple(media),
        tuple(calls),
        tuple(results),
        tuple(thoughts),
    )


def _standard(signature: Any) -> str:
    """Bytes go over this wire in either base64 alphabet."""
    return signature.replace("-", "+").replace("_", "/") if isinstance(signature, str) else ""


def check_thinking(ask: Ask) -> None:
    """Strict mode: the first call of each of the model's turns carries its thought signature."""
    for i, turn in enumerate(ask.turns):
        if turn.calls and not any(t.signature for t in turn.thoughts):
            raise Reject(
                400,
                "Function call is missing a thought_signature in functionCall parts. This is required for "
                "tools to work correctly, and missing thought_signature may lead to degraded model "
                f"performance. Additional data, function call `{turn.calls[0].name}`, position {i + 1}.",
            )


def _tool_config(value: Any) -> tuple[str, list[str]]:
    config = camel_keys(value)
    calling = config.get("functionCallingConfig")
    calling = camel_keys(calling)
    mode = str(calling.get("mode") or "AUTO").upper()
    choice = {"ANY": "any", "NONE": "none", "VALIDATED": "auto"}.get(mode, "auto")
    return choice, list(calling.get("allowedFunctionNames") or ())


def _tools(value: Any) -> tuple[Tool, ...]:
    tools = []
    for group in value or ():
        declared = camel_keys(group).get("functionDeclarations")
        for raw in declared or ():
            tool = camel_keys(raw)
            if not tool.get("name"):
                raise Reject(
                    400, "* GenerateContentRequest.tools[0].function_declarations[0].name: required\n"
                )
            schema = tool.get("parametersJsonSchema") or tool.get("parameters") or {"type": "object"}
            tools.append(Tool(str(tool["name"]), str(tool.get("description") or ""), schema))
    return tuple(tools)


# -- answers out ------------------------------------------------------------------------------


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


def _signature(call: Call) -> str:
    return sign(f"{call.name} {dumps(call.parsed)}")


def _call_part(call: Call, index: int, answer: Answer, mint: Mint) -> dict[str, Any]:
    made = call.id or mint.call("call_", index, thought=bool(answer.thinking))
    part: dict[str, Any] = {"functionCall": {"name": call.name, "args": call.parsed, "id": made}}
    if index == 0 and answer.thinking:
        part["thoughtSignature"] = _signature(call)
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
