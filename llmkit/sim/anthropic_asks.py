"""The Anthropic Messages wire, requests in. Answers go out in anthropic.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from llmkit.sim.exchange import Ask, Call, Media, Reject, Thought, Tool, Turn
from llmkit.sim.frames import dumps
from llmkit.sim.media import from_base64, from_url
from llmkit.sim.mint import THOUGHT_MARK, sign
from llmkit.sim.models import SimModel

#: From this version of the API on, sampling parameters are refused.
NO_SAMPLING = "2026-10-21"


def parse(
    body: Mapping[str, Any], headers: Mapping[str, str], model: SimModel, name: str, *, counting: bool = False
) -> Ask:
    """The request, or :class:`Reject` in the words of the real API."""
    version = headers.get("anthropic-version")
    if version is None:
        raise Reject(400, "anthropic-version: header is required")
    if version >= NO_SAMPLING:
        for key in ("temperature", "top_p", "top_k"):
            if key in body:
                raise Reject(400, f"{key}: Extra inputs are not permitted")
    max_tokens = body.get("max_tokens")
    if not counting:
        if max_tokens is None:
            raise Reject(400, "max_tokens: Field required")
        if not _is_int(max_tokens):
            raise Reject(400, "max_tokens: Input should be a valid integer")
        if max_tokens < 1:
            raise Reject(400, "max_tokens: Input should be greater than or equal to 1")
        if max_tokens > model.max_output:
            raise Reject(
                400,
                f"max_tokens: {max_tokens} > {model.max_output}, which is the maximum allowed number of "
                f"output tokens for {name}",
            )
    turns = _turns(body.get("messages"), system_role=version >= NO_SAMPLING)
    _check_tool_pairs(turns)
    thinking = body.get("thinking")
    think, show = _thinking(thinking, max_tokens, model)
    config = body.get("output_config")
    config = config if isinstance(config, dict) else {}
    fmt = config.get("format")
    choice, parallel = _tool_choice(body.get("tool_choice"))
    return Ask(
        wire="anthropic.messages",
        name=name,
        model=model,
        turns=turns,
        system=_system(body.get("system")),
        stream=body.get("stream") is True,
        tools=_tools(body.get("tools")),
        tool_choice=choice,
        parallel=parallel,
        schema=fmt.get("schema") if isinstance(fmt, dict) else None,
        max_tokens=max_tokens,
        stop=tuple(s for s in body.get("stop_sequences") or () if isinstance(s, str) and s),
        temperature=body.get("temperature"),
        think=think,
        show_thinking=show,
        effort=str(config.get("effort") or "medium"),
        cached_prefix=_cached_prefix(body),
        body=body,
    )


def _thinking(value: Any, max_tokens: int | None, model: SimModel) -> tuple[bool, bool]:
    if value is None:
        return model.thinks, True
    if not isinstance(value, dict) or value.get("type") not in (
        "enabled",
        "adaptive",
        "disabled",
        "between_tools",
    ):
        raise Reject(
            400,
            "thinking.type: Input should be 'enabled', 'adaptive', 'between_tools' or 'disabled'",
        )
    if value["type"] == "enabled":
        budget = value.get("budget_tokens")
        if not _is_int(budget):
            raise Reject(400, "thinking.enabled.budget_tokens: Field required")
        if budget < 1024:
            raise Reject(400, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if max_tokens is not None and budget >= max_tokens:
            raise Reject(
                400, "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our docs."
            )
    return value["type"] != "disabled", value.get("display") != "omitted"


def _turns(messages: Any, *, system_role: bool) -> tuple[Turn, ...]:
    if messages is None:
        raise Reject(400, "messages: Field required")
    if not isinstance(messages, list):
        raise Reject(400, "messages: Input should be a valid list")
    if not messages:
        raise Reject(400, "messages: at least one message is required")
    roles = ("user", "assistant", "system") if system_role else ("user", "assistant")
    turns = []
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            raise Reject(400, f"messages.{i}: Input should be a valid dictionary")
        if message.get("role") not in roles:
            options = " or ".join(f"'{r}'" for r in roles)
            raise Reject(400, f"messages.{i}.role: Input should be {options}")
        turns.append(_turn(message, i))
    return tuple(turns)


def _turn(message: dict[str, Any], i: int) -> Turn:
    content = message.get("content")
    if isinstance(content, str):
        if not content:
            raise Reject(400, f"messages.{i}: text content blocks must be non-empty")
        return Turn(message["role"], content)
    if not isinstance(content, list):
        raise Reject(400, f"messages.{i}.content: Input should be a valid string or list")
    texts: list[str] = []
    media: list[Media] = []
    calls: list[Call] = []
    results: list[tuple[str, str]] = []
    thoughts: list[Thought] = []
    for j, block in enumerate(content):
        where = f"messages.{i}.content.{j}"
        kind = block.get("type") if isinstance(block, dict) else None
        match kind:
            case "text":
                if not block.get("text"):
                    raise Reject(400, f"{where}: text content blocks must be non-empty")
                texts.append(str(block["text"]))
            case "image" | "document":
                if kind == "document" and message["role"] == "assistant":
                    raise Reject(400, f"{where}: document blocks are not permitted in assistant messages")
                media.append(_source(block.get("source"), where))
            case "thinking":
                thought = Thought(str(block.get("thinking") or ""), str(block.get("signature") or ""))
                if thought.signature != sign(thought.text):
                    raise Reject(400, f"{where}: Invalid `signature` in `thinking` block")
                thoughts.append(thought)
            case "redacted_thinking":
                thoughts.append(Thought("", str(block.get("data") or "")))
            case "tool_use":
                calls.append(Call(str(block.get("name")), dumps(block.get("input")), str(block.get("id"))))
            case "tool_result":
                results.append((str(block.get("tool_use_id")), _result_text(block.get("content"))))
            case _:
                raise Reject(
                    400,
                    f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected "
                    "tags: 'document', 'image', 'redacted_thinking', 'text', 'thinking', 'tool_result', "
                    "'tool_use'",
                )
    return Turn(
        message["role"], "\n".join(texts), tuple(media), tuple(calls), tuple(results), tuple(thoughts)
    )


def _source(source: Any, where: str) -> Media:
    if not isinstance(source, dict):
        raise Reject(400, f"{where}.source: Field required")
    match source.get("type"):
        case "base64":
            return from_base64(source.get("data"), source.get("media_type"))
        case "url":
            return from_url(source.get("url"))
        case "text":
            return Media("text/plain", len(str(source.get("data"))))
        case "content" | "file":
            return Media("file")
        case other:
            raise Reject(400, f"{where}.source: Input tag '{other}' does not match any of the expected tags")


def _result_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(b.get("text", f"[{b.get('type')}]")) for b in content if isinstance(b, dict))
    return ""


def _check_tool_pairs(turns: tuple[Turn, ...]) -> None:
    """Each call has its result in the very next message, and each result its call before."""
    for i, turn in enumerate(turns):
        asked = {c.id for c in turns[i - 1].calls} if i else set()
        for call_id, _ in turn.results:
            if call_id not in asked:
                raise Reject(
                    400,
                    f"messages.{i}.content: unexpected `tool_use_id` found in `tool_result` blocks: {call_id}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the previous "
                    "message.",
                )
        if turn.calls and i + 1 < len(turns):
            missing = {c.id for c in turn.calls} - {call_id for call_id, _ in turns[i + 1].results}
            if missing:
                raise Reject(
                    400,
                    f"messages.{i + 1}: `tool_use` ids were found without `tool_result` blocks immediately "
                    f"after: {', '.join(sorted(missing))}. Each `tool_use` block must have a corresponding "
                    "`tool_result` block in the next message.",
                )


def check_thinking(ask: Ask) -> None:
    """Strict mode: an assistant turn whose calls were thought out begins with its thinking."""
    for i, turn in enumerate(ask.turns):
        if any(c.id.endswith(THOUGHT_MARK) for c in turn.calls) and not turn.thoughts:
            raise Reject(
                400,
                f"messages.{i}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
                "`tool_use`. When `thinking` is enabled, a final `assistant` message must start with a "
                "thinking block.",
            )


def _system(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(str(b.get("text", "")) for b in value if isinstance(b, dict))
    return value if isinstance(value, str) else ""


def _tools(value: Any) -> tuple[Tool, ...]:
    tools = []
    for i, tool in enumerate(value or ()):
        if not isinstance(tool, dict):
            raise Reject(400, f"tools.{i}: Input should be a valid dictionary")
        if tool.get("type", "custom") != "custom":
            continue  # the provider's own tools: nothing of ours to call
        if not tool.get("name"):
            raise Reject(400, f"tools.{i}.custom.name: Field required")
        if not isinstance(tool.get("input_schema"), dict):
            raise Reject(400, f"tools.{i}.custom.input_schema: Field required")
        tools.append(Tool(str(tool["name"]), str(tool.get("description") or ""), tool["input_schema"]))
    return tuple(tools)


def _tool_choice(value: Any) -> tuple[str, bool]:
    if not isinstance(value, dict):
        return "auto", True
    choice = str(value.get("name") if value.get("type") == "tool" else value.get("type") or "auto")
    return choice, not value.get("disable_parallel_tool_use")


def _cached_prefix(body: Mapping[str, Any]) -> str:
    """The text up to the last ``cache_control``: what this request wants cached, if anything."""
    seen: list[str] = []
    covered = 0
    for part in _marked_parts(body):
        marked = isinstance(part, dict) and part.get("cache_control")
        plain = {k: v for k, v in part.items() if k != "cache_control"} if isinstance(part, dict) else part
        seen.append(dumps(plain))
        if marked:
            covered = len(seen)
    if body.get("cache_control"):
        covered = len(seen)
    return "".join(seen[:covered])


def _marked_parts(body: Mapping[str, Any]) -> list[Any]:
    parts: list[Any] = list(body.get("tools") or ())
    system = body.get("system")
    parts += system if isinstance(system, list) else [system] if system else []
    for message in body.get("messages") or ():
        content = message.get("content") if isinstance(message, dict) else None
        parts += content if isinstance(content, list) else [content]
    return parts


def _is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
