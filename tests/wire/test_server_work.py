"""What a provider's own tools did is read from each wire's blocks, and kept so that it can go back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmkit import wire
from llmkit.core.events import ServerTool
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


@pytest.mark.parametrize(
    ("environment", "is_theirs"),
    [({"type": "container_reference"}, True), ({"type": "local"}, False), (None, False)],
)
def test_a_shell_of_ours_is_no_work_of_the_providers(
    environment: dict[str, str] | None, is_theirs: bool
) -> None:
    item = {"type": "shell_call", "id": "i", "call_id": "c", "action": {"commands": ["ls"]}, "status": "completed", "environment": environment}  # fmt: skip
    assert [call.name for call, _ in responses(item).server_work] == (["shell"] if is_theirs else [])


def frames(*frames: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)


def told(name: str, body: bytes) -> list[tuple[str, ...]]:
    reader = wire.reader(name)
    events = [*reader.feed(body), *reader.end()]
    return [
        (e.name, e.state, e.content) if isinstance(e, ServerTool) else (type(e).__name__,) for e in events
    ]


def test_a_search_is_told_when_it_begins_and_when_it_is_over_once_each() -> None:
    start = {"type": "message_start", "message": {"id": "m", "model": "claude", "usage": {"input_tokens": 1}}}
    use = {**USE, "input": {}}
    asked = {"type": "input_json_delta", "partial_json": '{"query": "sky"}'}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [SOURCE]}
    body = frames(
        start,
        {"type": "content_block_start", "index": 0, "content_block": use},
        {"type": "content_block_delta", "index": 0, "delta": asked},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": found},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": "Blue."}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    )
    assert told("anthropic.messages", body) == [
        ("web_search", "running", ""),
        ("web_search", "done", "Sky – https://sky.example"),
        ("Text",),
        ("Done",),
    ]


def test_what_the_responses_api_says_no_more_of_is_over_when_its_item_is_done() -> None:
    item = {"type": "web_search_call", "id": "w", "status": "in_progress"}
    done = {**item, "status": "completed", "action": {"type": "search", "query": "sky"}}
    failed = {**item, "id": "x", "status": "failed", "action": {"type": "search", "query": "sea"}}
    body = frames(
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "w"},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.output_item.done", "output_index": 1, "item": failed},
        {
            "type": "response.completed",
            "response": {"id": "r", "status": "completed", "output": [done, failed]},
        },
    )
    assert told("openai.responses", body) == [
        ("web_search", "running", ""),
        ("web_search", "done", ""),
        ("web_search", "failed", ""),
        ("Done",),
    ]


def test_what_only_the_whole_answer_tells_of_is_told_before_its_end() -> None:
    grounding = {"webSearchQueries": ["sky"], "groundingChunks": [{"web": {"uri": "https://sky.example"}}]}
    body = frames(
        {"candidates": [{"content": {"parts": [{"text": "Blue."}]}}]},
        {
            "candidates": [
                {"content": {"parts": [{"text": ""}]}, "finishReason": "STOP", "groundingMetadata": grounding}
            ]
        },
    )
    assert told("gemini.generate", body) == [
        ("Text",),
        ("google_search", "done", "https://sky.example"),
        ("Done",),
    ]


ODD = {
    "sources that are words": ({"groundingMetadata": {"webSearchQueries": ["a"], "groundingChunks": ["x"]}}),
    "sources that are no list": ({"groundingMetadata": {"webSearchQueries": ["a"], "groundingChunks": 7}}),
    "questions that are no list": ({"groundingMetadata": {"webSearchQueries": 7}}),
    "pages that are words": ({"urlContextMetadata": {"urlMetadata": ["x"]}}),
}


@pytest.mark.parametrize("beside", ODD.values(), ids=ODD)
def test_work_that_is_told_oddly_spoils_no_answer(beside: dict[str, Any]) -> None:
    assert gemini(**beside).text == "So."
    whole = {"candidates": [{"content": {"parts": [{"text": "So."}]}, "finishReason": "STOP", **beside}]}
    assert told("gemini.generate", frames(whole))[-1] == ("Done",)


def test_calls_that_are_told_oddly_spoil_no_answer() -> None:
    search = {"type": "web_search_call", "id": "w", "status": "completed", "action": "search"}
    deep = {"type": "mcp_call", "id": "m", "name": "x", "status": "completed", "arguments": "[" * 100_000}
    answer = responses(search, deep)
    assert answer.text == "So."
    assert [call.name for call, _ in answer.server_work] == ["web_search", "x"]


def test_an_answer_without_any_tells_of_none() -> None:
    assert anthropic().server_work == ()
    assert server_work(Reply(Message.assistant("Hi"))) == ()
