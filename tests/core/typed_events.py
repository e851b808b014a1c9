"""Is a match over all events exhaustive? mypy says (`make check`), and test_events.py runs it.

A new event that is not handled here makes mypy fail at `assert_never`.
"""

from __future__ import annotations

from typing import assert_never

from llmkit.core.events import (
    Done,
    Event,
    Failed,
    Rerouted,
    Retrying,
    ServerTool,
    Terminal,
    Text,
    Thinking,
    ToolCall,
    ToolCallDelta,
    ToolResult,
)
from llmkit.core.messages import (
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)


def describe(event: Event) -> str:
    """One line for every event there is."""
    match event:
        case Text(text):
            return text
        case Thinking(text):
            return f"({text})"
        case ToolCallDelta(index, fragment, _):
            return f"{index}: {fragment}"
        case ToolCall(_, name, _):
            return f"{name}(...)"
        case ToolResult(_, name, content, _):
            return f"{name} -> {content}"
        case ServerTool(_, name, _, state):
            return f"{name} {state}"
        case Retrying(attempt, delay, _):
            return f"attempt {attempt} failed, next in {delay} s"
        case Rerouted(origin, target, why):
            return f"{origin} -> {target}: {why}"
        case Done(reply):
            return f"done: {reply.text}"
        case Failed(error, partial):
            return f"failed: {error.what} after {partial.text}"
        case never:
            assert_never(never)


def is_end(event: Event) -> bool:
    """Is this event the last?"""
    return isinstance(event, Terminal)


def outcome(event: Terminal) -> bool:
    """Of the terminal events there are two."""
    match event:
        case Done():
            return True
        case Failed():
            return False
        case never:
            assert_never(never)


def kind(part: Part) -> str:
    """One word for every part there is."""
    match part:
        case TextPart():
            return "text"
        case ImagePart():
            return "image"
        case FilePart():
            return "file"
        case ThinkingPart():
            return "thinking"
        case ToolCallPart():
            return "tool_call"
        case ToolResultPart():
            return "tool_result"
        case OpaquePart():
            return "opaque"
        case never:
            assert_never(never)
