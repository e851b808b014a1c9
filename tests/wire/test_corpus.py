"""Recorded answers of real providers, read by every wire, whatever the bytes are split into.

The recordings are not part of the project: LLMKIT_CORPUS says where they are, and without them this
file is skipped. What is made of hand-written streams lives in the other files of this directory.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmkit import wire
from llmkit.core.errors import LLMKitError
from llmkit.core.messages import OpaquePart, ThinkingPart, ToolCallPart
from llmkit.core.reply import Reply

_PROJECT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("LLMKIT_CORPUS") or _PROJECT / "../shared/corpus")
SEEDS = range(20)

#: Recordings that expect one thing that the answer does not say: which, and why. All else is compared.
KNOWN_WRONG: dict[str, tuple[str, str]] = {
    "gms-4b877aa": ("tool_calls", "one call streamed in pieces of its arguments counts as a call a piece"),
    "oc-snowflake-2cd8870": ("tool_calls", "an empty legacy function_call beside the real one is no call"),
    "oc-azureai-4654f61": ("usage", "more was read from the cache than went in; classes can't overlap"),
    "oc-openrouter-5e812a4": ("usage", "the same tokens count as read from the cache and written to it"),
}

_WIRES = {
    "openai-compatible": "openai.chat",
    "openai-responses-compatible": "openai.responses",
    "anthropic-compatible": "anthropic.messages",
    "gemini.generateContent": "gemini.generate",
    "gemini.streamGenerateContent": "gemini.generate",
}


def _exchanges() -> list[Any]:
    found = []
    for path in sorted(CORPUS.rglob("*.json")):
        exchange = json.loads(path.read_bytes())
        if not isinstance(exchange, dict) or "expected" not in exchange:
            continue
        if exchange["wire"].startswith("aux:"):
            continue
        found.append(pytest.param(exchange, id=exchange["id"]))
    return found


EXCHANGES = _exchanges() if CORPUS.is_dir() else []
pytestmark = pytest.mark.skipif(not EXCHANGES, reason=f"no recorded exchanges at {CORPUS} (LLMKIT_CORPUS)")


def _read(exchange: dict[str, Any], chunks: Iterable[bytes]) -> Reply | LLMKitError:
    name, _, who = exchange["wire"].partition(":")
    response = exchange["response"]
    try:
        return wire.read(
            _WIRES.get(name, name),
            chunks,
            dialect=who or None,
            stream=response["sse"],
            status=response["status"],
            headers=response["headers"],
        )
    except LLMKitError as error:
        return error


def _body(exchange: dict[str, Any]) -> bytes:
    body: str = exchange["response"]["body"]
    return body.encode("utf-8")


def _bytewise(body: bytes) -> Iterator[bytes]:
    return (body[i : i + 1] for i in range(len(body)))


def _at_random(body: bytes, seed: int) -> Iterator[bytes]:
    dice = random.Random(seed)
    widest = dice.choice((4, 40, 400, 4000))
    at = 0
    while at < len(body):
        width = dice.randint(0, widest)  # an empty read happens, too
        yield body[at : at + width]
        at += width


def _essence(outcome: Reply | LLMKitError) -> Any:
    """What must not depend on the split. (Rate limits may tell the time left, which runs.)"""
    if isinstance(outcome, LLMKitError):
        partial = None if outcome.partial is None else _essence(outcome.partial)
        return type(outcome), outcome.what, outcome.why, outcome.code, partial
    return outcome.with_(raw={k: v for k, v in outcome.raw.items() if k != "rate_limits"})


def _signatures(reply: Reply) -> int:
    """Signatures of thoughts, on whichever part they are kept."""
    return sum(
        (isinstance(part, ThinkingPart | ToolCallPart) and part.signature is not None)
        or (isinstance(part, OpaquePart) and "thoughtSignature" in part.raw)
        for part in reply.message.parts
    )


def _server_tools(reply: Reply) -> list[str]:
    blocks = [part for part in reply.message.parts if isinstance(part, OpaquePart)]
    return [str(part.raw.get("name") or part.kind) for part in blocks if part.kind == "server_tool_use"]


_COUNTS: dict[str, Callable[[Reply], Any]] = {
    "thinking_signatures": _signatures,
    "thought_signatures": _signatures,
    "redacted_thinking_blocks": lambda reply: sum(
        isinstance(part, ThinkingPart) and part.encrypted is not None for part in reply.message.parts
    ),
    "refusal": lambda reply: reply.refusal,
}
_USAGE = ("total_input", "total_output", "cache_read", "cache_write", "reasoning")


def _told(reply: Reply, expected: dict[str, Any], wire_name: str) -> dict[str, Any]:
    """The reply in the words of ``expected``."""
    usage = {name: getattr(reply.usage, name) for name in _USAGE}
    told: dict[str, Any] = {
        "text": reply.text,
        "thinking": reply.thinking,
        "tool_calls": [
            {"id": call.id or None, "name": call.name or None, "arguments": call.arguments}
            for call in reply.tool_calls
        ],
        "stop_class": str(reply.stop_reason),
        "stop_reason": reply.stop_reason.provider
        if expected["stop_reason"] is None
        else reply.stop_reason == expected["stop_reason"],
        "usage": usage,
        "usage_source": reply.usage.source,
        "model": reply.model or None,
        "response_id": reply.id or None,
    }
    told |= {name: count(reply) for name, count in _COUNTS.items() if name in expected}
    if "server_tool_calls" in expected and wire_name.startswith("anthropic"):
        told["server_tool_calls"] = _server_tools(reply)
    return told


def _wanted(expected: dict[str, Any], wire_name: str) -> dict[str, Any]:
    usage = expected["usage"]
    wanted: dict[str, Any] = {
        "text": expected["text"],
        "thinking": expected["thinking"],
        "tool_calls": [
            {"id": call["id"] or None, "name": call["name"] or None, "arguments": call["arguments"]}
            for call in expected["tool_calls"]
        ],
        "stop_class": expected["stop_class"],
        "stop_reason": None if expected["stop_reason"] is None else True,
        "usage": {name: None if usage is None else usage[name] for name in _USAGE},
        "usage_source": "unknown" if usage is None else "provider",
        "model": expected["model"] or None,
        "response_id": expected["response_id"] or None,
    }
    wanted |= {name: expected[name] for name in _COUNTS if name in expected}
    if "server_tool_calls" in expected and wire_name.startswith("anthropic"):
        wanted["server_tool_calls"] = expected["server_tool_calls"]
    return wanted


def _flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_recorded_answer_is_read_as_it_was_meant(exchange: dict[str, Any]) -> None:
    expected = exchange["expected"]
    outcome = _read(exchange, [_body(exchange)])
    if expected["error"] is None:
        if isinstance(outcome, LLMKitError):
            raise outcome
        told, wanted = _told(outcome, expected, exchange["wire"]), _wanted(expected, exchange["wire"])
        if exchange["id"] in KNOWN_WRONG:
            field, why = KNOWN_WRONG[exchange["id"]]
            assert told.pop(field) != wanted.pop(field), f"no longer wrong: {why}"
        assert told == wanted
        return
    assert isinstance(outcome, LLMKitError), "an error was sent, and none was raised"
    said = expected["error"]
    assert outcome.why
    assert _flat(said["message"]).startswith(outcome.why.removesuffix("…"))
    codes = {str(code) for code in (said["type"], said["code"]) if code is not None}
    assert not codes or outcome.code in codes
    assert outcome.partial is not None
    assert outcome.partial.complete is False
    assert outcome.partial.text == expected["text"]
    assert outcome.partial.thinking == expected["thinking"]
    assert (outcome.partial.model or None) == (expected["model"] or None)
    if exchange["response"]["status"] >= 300:
        assert outcome.status == exchange["response"]["status"]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_split_of_a_recorded_answer_does_not_matter(exchange: dict[str, Any]) -> None:
    body = _body(exchange)
    whole = _essence(_read(exchange, [body]))
    assert _essence(_read(exchange, _bytewise(body))) == whole
    for seed in SEEDS:
        assert _essence(_read(exchange, _at_random(body, seed))) == whole, f"seed {seed}"
