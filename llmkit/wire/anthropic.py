"""Anthropic's Messages wire: its answers read; ``anthropic_body.py`` writes requests. No SDK, no network.

Usage here: ``input_tokens`` excludes what was read from or written to the cache, and the usage of
``message_delta`` is cumulative: of every field the last one that is not null counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmkit.core.events import Event, Text, Thinking, ToolCallDelta
from llmkit.core.messages import (
    OpaquePart,
)
from llmkit.core.usage import Usage
from llmkit.wire import faults
from llmkit.wire.anthropic_body import WIRE, body
from llmkit.wire.draft import Fixed, TextDraft, ThinkingDraft, ToolDraft, count, read_arguments
from llmkit.wire.fields import words
from llmkit.wire.reader import Reader
from llmkit.wire.server_work import in_part

if TYPE_CHECKING:
    from llmkit.core.reply import Reply
    from llmkit.wire.dialects import Dialect

__all__ = ["AnthropicReader", "body", "read_usage", "reader"]

_COUNTED = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
#: Rounds of sampling that are no part of the usage as a whole (the SDK's notes on ``usage.iterations``).
_BILLED_BESIDE = {"compaction": "Compacting the conversation", "advisor_message": "The advisor"}
_STOPS: Mapping[str, str] = {
    "end_turn": "stop",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "tool_use": "tool_use",
    "stop_sequence": "stop_sequence",
    "pause_turn": "pause",
    "compaction": "pause",
    "refusal": "refusal",
}


class AnthropicReader(Reader):
    """Reads one answer of the Messages API."""

    wire = WIRE

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._blocks: dict[int, TextDraft | ThinkingDraft | ToolDraft | _Block] = {}
        self._usage: dict[str, Any] = {}

    def on_frame(self, event: str | None, frame: dict[str, Any], out: list[Event]) -> None:
        """One event; its type is in the data, so the ``event:`` line is not needed."""
        match frame.get("type") or event:
            case "content_block_delta":
                self._delta(frame.get("index", 0), frame["delta"], out)
            case "content_block_start":
                self._start(frame.get("index", 0), frame["content_block"], out)
            case "content_block_stop":
                self._stop(frame.get("index", 0), out)
            case "message_start":
                self._message(frame["message"])
            case "message_delta":
                self._ending(frame["delta"])
                self._count(frame.get("usage"))
                self._keep(frame, "context_management")
            case "message_stop":
                self.complete = True
                self.finish(out)
            case "error":
                self._error(frame, out)
            case "message":
                self.on_document(frame, out)
            case _ if frame.get("error"):
                self._error(frame, out)

    def on_document(self, document: dict[str, Any], out: list[Event]) -> None:
        """A whole message, as one who does not stream gets it."""
        blocks = document["content"]
        self._message(document)
        for index, block in enumerate(blocks):
            self._start(index, block, out)
            self._stop(index, out)
        self._ending(document)
        self._keep(document, "context_management")
        self._keep(document, "container")

    # -- the message ------------------------------------------------------------------------------

    def _message(self, message: dict[str, Any]) -> None:
        draft = self.draft
        draft.id = _text(message.get("id")) or draft.id
        draft.model = _text(message.get("model")) or draft.model
        self._count(message.get("usage"))

    def _ending(self, delta: dict[str, Any]) -> None:
        for name in ("stop_sequence", "stop_details", "container"):
            self._keep(delta, name)
        details = delta.get("stop_details")
        if isinstance(details, dict) and (why := _text(details.get("explanation"))):
            self.draft.refusal = [why]
        if reason := _text(delta.get("stop_reason")):
            self.stopped(_STOPS.get(reason, "other"), reason)

    def _count(self, usage: Any) -> None:
        if not isinstance(usage, dict):
            return
        self._usage.update({name: value for name, value in usage.items() if value is not None})
        self.draft.usage = read_usage(self._usage)
        self.draft.raw["usage"] = self._usage
        self.draft.doubt(usage, *_COUNTED)

    def reply(self, *, complete: bool = True) -> Reply:
        """The reply as it stands."""
        rounds = self._usage.get("iterations")
        for one in rounds if isinstance(rounds, list) else ():
            if isinstance(one, dict) and (what := _BILLED_BESIDE.get(str(one.get("type")))) is not None:
                used = read_usage(one)
                self.draft.note(
                    f"{what} took {used.total_input or 0:,} → {used.output or 0:,} tokens more. Anthropic bills "
                    "them and leaves them out of the answer's usage; so do the figures here."
                )
        return super().reply(complete=complete)

    def _keep(self, source: dict[str, Any], name: str) -> None:
        if (value := source.get(name)) is not None:
            self.draft.raw[name] = value

    def _error(self, frame: dict[str, Any], out: list[Event]) -> None:
        if self.complete:
            self.finish(out)
            return
        self.fail(faults.from_frame(frame, started=self.draft.started), out)

    # -- its blocks ---------------------------------------------------------------------------

    def _start(self, index: int, block: dict[str, Any], out: list[Event]) -> None:
        draft = self.draft
        match block["type"]:
            case "text":
                text = self._blocks[index] = draft.new_text()
                citations = block.get("citations")
                text.citations.extend(citations if isinstance(citations, list) else ())
                self._say(text, block.get("text"), out)
            case "thinking":
                thinking = self._blocks[index] = draft.new_thinking()
                thinking.signature = _text(block.get("signature")) or None
                self._think(thinking, block.get("thinking"), out)
            case "redacted_thinking":
                thinking = self._blocks[index] = draft.new_thinking()
                thinking.encrypted = _text(block.get("data")) or None
            case "tool_use":
                name = words(block["name"])
                tool = self._blocks[index] = draft.new_tool(_text(block.get("id")) or None, name)
                given = block.get("input")
                tool.arguments = given if given and isinstance(given, dict | str) else None
                out.append(ToolCallDelta(tool.index, "", name))
            case str() as kind:
                opaque = self._blocks[index] = _Block(kind, dict(block))
                draft.parts.append(opaque)
            case _:
                raise TypeError("a block without a type")

    def _delta(self, index: int, delta: dict[str, Any], out: list[Event]) -> None:
        block = self._blocks.get(index)
        match delta["type"]:
            case "text_delta":
                if type(block) is not TextDraft:
                    block = self._blocks[index] = self.draft.new_text()
                # As _say does, without the call: this is the token path.
                if text := delta["text"]:
                    if type(text) is not str:
                        raise TypeError("text that is no text")
                    block.pieces.append(text)
                    out.append(Text(text))
            case "thinking_delta":
                if type(block) is not ThinkingDraft:
                    block = self._blocks[index] = self.draft.new_thinking()
                self._think(block, delta["thinking"], out)
            case "input_json_delta" if type(block) is ToolDraft:
                if fragment := delta["partial_json"]:
                    block.arguments = None
                    block.pieces.append(words(fragment))
                    out.append(ToolCallDelta(block.index, fragment))
            case "signature_delta" if type(block) is ThinkingDraft:
                block.signature = _text(delta.get("signature")) or block.signature
            case "citations_delta" if type(block) is TextDraft:
                if isinstance(citation := delta.get("citation"), dict):
                    block.citations.append(citation)
            case _ if type(block) is _Block:
                block.grow(delta)

    def _stop(self, index: int, out: list[Event]) -> None:
        block = self._blocks.get(index)
        if type(block) is ToolDraft:
            self.close_tool(block, out)
        elif type(block) is _Block:
            self.server_tools.hear(in_part(block.part()), out)

    def _say(self, block: TextDraft, text: Any, out: list[Event]) -> None:
        if text:
            block.pieces.append(words(text))
            out.append(Text(text))

    def _think(self, block: ThinkingDraft, text: Any, out: list[Event]) -> None:
        if text:
            block.pieces.append(words(text))
            out.append(Thinking(text))


class _Block(Fixed):
    """A block that is kept as it is: server tools and their results, compactions, whatever comes next."""

    __slots__ = ("_input", "_part", "_raw")

    def __init__(self, kind: str, raw: dict[str, Any]) -> None:
        self._part = OpaquePart(WIRE, kind, raw)
        super().__init__(self._part)
        self._raw = raw
        self._input: list[str] = []

    def grow(self, delta: dict[str, Any]) -> None:
        """A delta of any kind: JSON fragments are the input's, text is appended to the field of its name."""
        if delta["type"] == "input_json_delta":
            if type(fragment := delta["partial_json"]) is str:
                self._input.append(fragment)
            return
        for name, value in delta.items():
            if name == "type" or value is None:
                continue
            old = self._raw.get(name)
            self._raw[name] = old + value if isinstance(old, str) and isinstance(value, str) else value

    def part(self) -> OpaquePart:
        """The block as far as it came."""
        if self._input:
            self._raw["input"] = read_arguments("".join(self._input))
        return self._part


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Anthropic's counts in our classes.

    >>> read_usage({"input_tokens": 3, "cache_creation_input_tokens": 8, "output_tokens": 4}).total_input
    11
    """
    written = count(usage.get("cache_creation_input_tokens"))
    parts = _mapping(usage.get("cache_creation"))
    short = count(parts.get("ephemeral_5m_input_tokens"))
    long = count(parts.get("ephemeral_1h_input_tokens"))
    if written is None and (short is not None or long is not None):
        written = (short or 0) + (long or 0)
    if written is not None and (short is None or short + (long or 0) != written):
        # The split was not told, or belongs to an earlier event than the total.
        long = min(long or 0, written) or None
        short = written - (long or 0)
    fields: dict[str, Any] = {
        "input": count(usage.get("input_tokens")),
        "cache_read": count(usage.get("cache_read_input_tokens")),
        "cache_write_5m": short,
        "cache_write_1h": long,
        "output": count(usage.get("output_tokens")),
        "reasoning": count(_mapping(usage.get("output_tokens_details")).get("thinking_tokens")),
        "web_searches": count(_mapping(usage.get("server_tool_use")).get("web_search_requests")),
    }
    known = any(value is not None for value in fields.values())
    tier = _text(usage.get("service_tier")) or None
    return Usage(**fields, service_tier=tier, source="provider" if known else "unknown")


def reader(
    *,
    dialect: Dialect | str | None = None,  # noqa: ARG001 - the same on every server of this wire
    stream: bool = True,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> AnthropicReader:
    """A reader of one answer. Whose server it is makes no difference on this wire."""
    return AnthropicReader(status=status, headers=headers, stream=stream)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
