"""What a provider's own tools did is read from each wire's blocks, and kept so that it can go back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmkit import wire
from llmkit.core.messages import Message
from llmkit.core.reply import Reply
from llmkit.core.request import Request
from llmkit.core.signal import Signal
from llmkit.wire.server_work import server_work


def read(name: str, document: dict[str, Any], dialect: str | None = None) -> Reply:
    return wire.read(name, [json.dumps(document).encode()], stream=False, dialect=dialect)


def anthropic(*blocks: dict[str, Any]) -> Reply:
    head = {"type": "message", "id": "m", "role": "assistant", "model": "claude", "stop_reason": "end_turn"}
    return read("anthropic.messages", {**head, "content": [*blocks, {"type": "text", "text": "So."}]})


def responses(*items: dict[str, Any]) -> Reply:
    said = {"type": "message", "id": "x", "role": "assistant", "content": [{"type": "output_text", "text": "So.", "annotations": []}]}  # fmt: skip
    head = {"object": "response", "id": "r", "model": "gpt", "status": "completed"}
    return read("openai.responses", {**head, "output": [*items, said]})


def gemini(*parts: dict[str, Any], **beside: Any) -> Reply:
    content = {"role": "model", "parts": [*parts, {"text": "So."}]}
    return read("gemini.generate", {"candidates": [{"content": content, "finishReason": "STOP", **beside}]})


def chat(**message: Any) -> Reply:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "So.", **message},
        "finish_reason": "stop",
    }
    return read("openai.chat", {"object": "chat.completion", "id": "c", "choices": [choice]}, "groq")


SOURCE = {"type": "web_search_result", "title": "Sky", "url": "https://sky.example", "encrypted_content": "x"}
USE = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "sky"}}
RUN = {"type": "server_tool_use", "id": "s2", "name": "bash_code_execution", "input": {"command": "date"}}

#: An answer; the names of what was done, what was asked, what came of it; did it fail?
DONE = {
    "anthropic, search": (
        anthropic(USE, {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [SOURCE]}),
        [("web_search", {"query": "sky"}, "Sky – https://sky.example", False)],
    ),
    "anthropic, code and a failed search": (
        anthropic(
            RUN,
            USE,
            {"type": "bash_code_execution_tool_result", "tool_use_id": "s2", "content": {"stdout": "42\n", "stderr": ""}},
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}},
        ),
        [
            ("bash_code_execution", {"command": "date"}, "42", False),
            ("web_search", {"query": "sky"}, "error: max_uses_exceeded", True),
        ],
    ),
    "responses, search": (
        responses({"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "sky", "queries": ["sky"], "sources": [{"url": "https://sky.example"}]}}),
        [("web_search", {"query": "sky"}, "https://sky.example", False)],
    ),
    "responses, code": (
        responses({"type": "code_interpreter_call", "id": "c", "status": "completed", "code": "print(42)", "outputs": [{"type": "logs", "logs": "42\n"}]}),
        [("code_interpreter", {"code": "print(42)"}, "42", False)],
    ),
    "responses, a server of tools": (
        responses({"type": "mcp_call", "id": "m", "name": "roll", "arguments": '{"dice": "1d6"}', "output": "4", "server_label": "d"}),
        [("roll", {"dice": "1d6"}, "4", False)],
    ),
    "gemini, code": (
        gemini({"executableCode": {"language": "PYTHON", "code": "print(42)"}}, {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}}),
        [("code_execution", {"code": "print(42)"}, "42", False)],
    ),
    "gemini, code that fails": (
        gemini({"executableCode": {"code": "1/0", "id": "a"}}, {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "ZeroDivisionError", "id": "a"}}),
        [("code_execution", {"code": "1/0"}, "ZeroDivisionError", True)],
    ),
    "gemini, search": (
        gemini(groundingMetadata={"webSearchQueries": ["sky"], "groundingChunks": [{"web": {"uri": "https://sky.example", "title": "Sky"}}]}),
        [("google_search", {"queries": ["sky"]}, "Sky – https://sky.example", False)],
    ),
    "chat, as Groq has it": (
        chat(executed_tools=[{"type": "browser_search", "index": 0, "arguments": '{"query": "sky"}', "output": "Blue."}]),
        [("browser_search", {"query": "sky"}, "Blue.", False)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DONE)
def test_what_was_done_is_told_alike_on_every_wire(case: str) -> None:
    reply, expected = DONE[case]
    assert reply.text == "So."
    assert reply.tool_calls == ()  # nothing for us to run
    told = [
        (call.name, call.arguments, "" if result is None else result.content, result is not None and result.is_error)
        for call, result in reply.server_work
    ]  # fmt: skip
    assert told == expected


@pytest.mark.parametrize("case", [case for case in DONE if case.startswith(("anthropic", "responses"))])
def test_and_goes_back_as_it_came(case: str) -> None:
    reply = DONE[case][0]
    name = "anthropic.messages" if case.startswith("anthropic") else "openai.responses"
    turns = (Message.user("q"), reply.message, Message.user("and?"))
    body = wire.write(name, Request(model="m", messages=turns, signal=Signal.never()))
    sent = json.dumps(body["messages" if "messages" in body else "input"])
    for part in reply.message.parts:
        if (raw := getattr(part, "raw", None)) is not None:
            assert json.dumps(dict(raw)) in sent


def test_an_answer_without_any_tells_of_none() -> None:
    assert anthropic().server_work == ()
    assert server_work(Reply(Message.assistant("Hi"))) == ()
