"""The Gemini generateContent wire, requests in. Answers go out in gemini.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmkit.sim.exchange import Ask, Call, Media, Reject, Thought, Tool, Turn
from llmkit.sim.frames import dumps
from llmkit.sim.media import from_base64
from llmkit.sim.mint import sign
from llmkit.sim.models import SimModel
from llmkit.sim.parameters import camel_keys

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
            if signature and signature not in (signature_of(call), *map(_standard, _ANYBODYS)):
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


#: Google's own words for calls of a history that another model made.
_ANYBODYS = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")


def signature_of(call: Call) -> str:
    """What a thought that led to this call is signed with."""
    return sign(f"{call.name} {dumps(call.parsed)}")


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
