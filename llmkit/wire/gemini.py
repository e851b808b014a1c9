"""Gemini's generateContent wire: its answers read; ``gemini_body.py`` writes requests. No SDK, no network.

An answer is a stream of events, a JSON array of the same chunks (without ``alt=sse``) or one of them.
Usage here: ``promptTokenCount`` includes what was cached, ``candidatesTokenCount`` excludes thinking, and the last chunk that counts is right.

A thought signature belongs to one part and has to go back on it. On a tool call it is that part's
``signature``; after any other part stands an opaque part of the kind ``signature``.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmkit.core.events import Event, Text, Thinking, ToolCallDelta
from llmkit.core.messages import (
    FilePart,
    ImagePart,
    OpaquePart,
)
from llmkit.core.reply import Reply, StopReason
from llmkit.core.usage import Usage
from llmkit.wire import faults
from llmkit.wire.draft import TextDraft, ToolDraft, count
from llmkit.wire.gemini_args import ArgumentsDraft
from llmkit.wire.gemini_body import SIGNATURE, WIRE, body
from llmkit.wire.reader import Reader
from llmkit.wire.server_work import in_part

if TYPE_CHECKING:
    from llmkit.wire.dialects import Dialect

__all__ = ["GeminiReader", "body", "read_usage", "reader"]

_COUNTED = (
    "promptTokenCount",
    "cachedContentTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
)
_BESIDE = frozenset(("text", "thought", "thoughtSignature"))
_LEFT_OUT = "The server sent more after the end of the answer; it is left out."
_STOPS: Mapping[str, str] = {
    "STOP": "stop",
    "MAX_TOKENS": "max_tokens",
    "CONTINUATION": "pause",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}


class GeminiReader(Reader):
    """Reads one answer of generateContent or streamGenerateContent."""

    wire = WIRE

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._usage: dict[str, Any] = {}
        self._grounding: dict[str, Any] = {}
        self._citations: list[Mapping[str, Any]] = []
        self._call: ToolDraft | None = None
        self._arguments = ArgumentsDraft()
        self._every_chunk_stops = True  # so far: as old models had it

    def on_frame(self, event: str | None, frame: dict[str, Any], out: list[Event]) -> None:
        """One chunk; a whole answer has the same shape."""
        draft = self.draft
        if frame.get("error"):
            if not self.complete:
                self.fail(faults.from_frame(frame, started=draft.started), out)
            return
        if type(name := frame.get("responseId")) is str:
            if draft.id is None:
                draft.id = name
            elif self.complete and name != draft.id:
                draft.note(_LEFT_OUT)
                return
        if draft.model is None and type(model := frame.get("modelVersion")) is str:
            draft.model = model
        for candidate in frame.get("candidates") or ():
            if candidate.get("index"):
                draft.raw.setdefault("candidates", []).append(candidate)
            else:
                self._candidate(candidate, out)
        usage = frame.get("usageMetadata")
        # Chunks may tell no counts at all; those that do tell all of them.
        if type(usage) is dict and (
            not self._usage or "totalTokenCount" in usage or "promptTokenCount" in usage
        ):
            self._usage = usage
        if "promptFeedback" in frame:
            self._feedback(frame["promptFeedback"])

    def on_document(self, document: dict[str, Any], out: list[Event]) -> None:
        """A whole answer; that its JSON is whole is evidence enough."""
        if not any(name in document for name in ("candidates", "promptFeedback", "usageMetadata")):
            raise TypeError("not an answer")
        self.on_frame(None, document, out)
        self.complete = True

    def reply(self, *, complete: bool = True) -> Reply:
        """The reply as it stands. (Counts and sources are read once, here, not once a chunk.)"""
        draft = self.draft
        draft.usage = read_usage(self._usage)
        draft.doubt(self._usage, *_COUNTED)
        if self._usage:
            draft.raw["usageMetadata"] = self._usage
        if self._grounding:
            draft.raw["groundingMetadata"] = self._grounding
        if draft.stop is not None and draft.stop.provider == "STOP" and draft.tools:
            draft.stop = StopReason("tool_use", "STOP")
        texts = [part for part in draft.parts if type(part) is TextDraft]
        if texts:
            texts[-1].citations = [*self._citations, *_sources(self._grounding)]
        return super().reply(complete=complete)

    def _candidate(self, candidate: dict[str, Any], out: list[Event]) -> None:
        content = candidate.get("content")
        if content is not None and (parts := content.get("parts")):
            stops = candidate.get("finishReason")
            if self.complete and not (stops and self._every_chunk_stops) and any(map(_says, parts)):
                self.draft.note(_LEFT_OUT)
                return
            if stops != "STOP":
                self._every_chunk_stops = False
            for part in parts:
                self._part(part, out)
        if (reason := candidate.get("finishReason")) and type(reason) is str:
            self._close(out)
            self.stopped(_STOPS.get(reason, "other"), reason)
            if type(why := candidate.get("finishMessage")) is str:
                self.draft.raw["finishMessage"] = why
                if reason != "STOP":  # else it only says that tools were called
                    self.draft.note(why)
        if type(grounding := candidate.get("groundingMetadata")) is dict:
            self._grounding.update(grounding)
        if type(cited := candidate.get("citationMetadata")) is dict:
            sources = cited.get("citationSources") or cited.get("citations") or ()
            self._citations.extend(source for source in sources if isinstance(source, dict))
        if (pages := candidate.get("urlContextMetadata")) is not None:
            self.draft.raw["urlContextMetadata"] = pages
        if (ratings := candidate.get("safetyRatings")) is not None:
            self.draft.raw["safetyRatings"] = ratings

    def _feedback(self, feedback: dict[str, Any]) -> None:
        self.draft.raw["promptFeedback"] = feedback
        if (reason := feedback.get("blockReason")) and not self.draft.parts and self.draft.stop is None:
            self.draft.stop = StopReason("content_filter")
            self.complete = True
            message = feedback.get("blockReasonMessage")
            self.draft.note(f"The prompt was blocked: {reason}." + (f" {message}" if message else ""))

    # -- parts ------------------------------------------------------------------------------------

    def _part(self, part: dict[str, Any], out: list[Event]) -> None:
        text = part.get("text")
        signature = part.get("thoughtSignature")
        if text and type(text) is str:
            if part.get("thought"):
                thinking = self.draft.new_thinking() if signature else self.draft.thinking()
                thinking.pieces.append(text)
                out.append(Thinking(text))
            else:
                saying = self.draft.new_text() if signature else self.draft.text()
                saying.pieces.append(text)
                out.append(Text(text))
        elif text is None:
            if "functionCall" in part:
                self._function(part["functionCall"], signature, out)
                return
            if not self._blob(part):
                self._opaque(part)
                self._work(part, out)
                return
        elif type(text) is not str:
            raise TypeError("text that is no text")
        elif signature:  # on an empty text: that is a part of its own, and goes back as one
            self._opaque(part)
            return
        if signature:
            self.draft.opaque(WIRE, SIGNATURE, {"thoughtSignature": signature})

    def _opaque(self, part: dict[str, Any]) -> None:
        kinds = [name for name in part if name not in ("thought", "thoughtSignature")]
        if kinds or part.get("thoughtSignature"):
            self.draft.opaque(WIRE, kinds[0] if kinds else "part", part)

    def _work(self, part: dict[str, Any], out: list[Event]) -> None:
        """Code that it runs, a search: what is told of it as it happens."""
        last = self.draft.parts[-1].part() if self.draft.parts else None
        if isinstance(last, OpaquePart):
            self.server_tools.hear(in_part(last), out)
        if isinstance(response := part.get("toolResponse"), dict):
            self.server_tools.over(response.get("id"), out)

    def _blob(self, part: dict[str, Any]) -> bool:
        """A picture or a file of the answer. (What the model only sketched while it thought is none.)"""
        if part.get("thought"):
            return False
        if type(blob := part.get("inlineData")) is dict:
            media_type = str(blob.get("mimeType") or "application/octet-stream")
            try:
                data = base64.b64decode(blob["data"])
            except ValueError:
                return False
            if media_type.startswith("image/"):
                self.draft.add(ImagePart(data, media_type))
            else:
                self.draft.add(FilePart(data, media_type))
            return True
        if type(file := part.get("fileData")) is dict and type(uri := file.get("fileUri")) is str:
            media_type = str(file.get("mimeType") or "application/octet-stream")
            self.draft.add(FilePart(media_type=media_type, url=uri))
            return True
        return False

    # -- tool calls: mostly whole, sometimes in pieces --------------------------------------------

    def _function(self, call: dict[str, Any], signature: Any, out: list[Event]) -> None:
        if name := call.get("name"):
            if type(name) is not str:
                raise TypeError("a tool without a name")
            self._close(out)
            given = call.get("id")
            self._call = self.draft.new_tool(given if type(given) is str and given else None, name)
            self._arguments = ArgumentsDraft()
            self._call.arguments = self._arguments.value
            out.append(ToolCallDelta(self._call.index, "", name))
        if self._call is None:
            return
        if signature and type(signature) is str:
            self._call.signature = signature
        if type(whole := call.get("args")) is dict:
            self._arguments.value.update(whole)
        for piece in call.get("partialArgs") or ():
            self._arguments.add(piece)
        if not call.get("willContinue"):
            self._close(out)

    def _close(self, out: list[Event]) -> None:
        if (call := self._call) is not None:
            self._call = None
            out.append(ToolCallDelta(call.index, call.part().arguments_json))
            self.close_tool(call, out)


def _says(part: Mapping[str, Any]) -> bool:
    """Is this more of the answer? (A signature on an empty text belongs to what came before.)"""
    return bool(part.get("text")) or any(name not in _BESIDE for name in part)


def _sources(grounding: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What backs which segment of the text, each with the sources that it only has the numbers of."""
    chunks = grounding.get("groundingChunks")
    chunks = chunks if isinstance(chunks, list) else []
    supports = grounding.get("groundingSupports")
    supports = [item for item in supports if isinstance(item, dict)] if isinstance(supports, list) else []
    for support in supports:
        indices = support.get("groundingChunkIndices")
        numbers = [i for i in indices if isinstance(i, int)] if isinstance(indices, list) else []
        yield support | {"groundingChunks": [chunks[i] for i in numbers if 0 <= i < len(chunks)]}
    if not supports:
        yield from (chunk for chunk in chunks if isinstance(chunk, dict))


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Gemini's counts in our classes.

    >>> usage = read_usage({"promptTokenCount": 9, "cachedContentTokenCount": 4, "thoughtsTokenCount": 2})
    >>> usage.input, usage.cache_read, usage.output, usage.reasoning
    (5, 4, 2, 2)
    """
    prompt = count(usage.get("promptTokenCount"))
    cached = count(usage.get("cachedContentTokenCount"))
    tools = count(usage.get("toolUsePromptTokenCount"))
    said = count(usage.get("candidatesTokenCount"))
    thought = count(usage.get("thoughtsTokenCount"))
    fresh = None if prompt is None else max(0, prompt - (cached or 0)) + (tools or 0)
    output = None if said is None and thought is None else (said or 0) + (thought or 0)
    tier = usage.get("serviceTier")
    known = fresh is not None or output is not None
    return Usage(
        input=fresh,
        cache_read=cached,
        output=output,
        reasoning=thought,
        input_audio=_modality(usage.get("promptTokensDetails"), "AUDIO"),
        output_audio=_modality(usage.get("candidatesTokensDetails"), "AUDIO"),
        input_image=_modality(usage.get("promptTokensDetails"), "IMAGE"),
        output_image=_modality(usage.get("candidatesTokensDetails"), "IMAGE"),
        service_tier=tier if isinstance(tier, str) else None,
        source="provider" if known else "unknown",
    )


def _modality(details: Any, modality: str) -> int | None:
    for item in details if isinstance(details, list) else ():
        if isinstance(item, dict) and item.get("modality") == modality:
            return count(item.get("tokenCount"))
    return None


def reader(
    *,
    dialect: Dialect | str | None = None,  # noqa: ARG001 - the same on every server of this wire
    stream: bool = True,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> GeminiReader:
    """A reader of one answer. Whose server it is makes no difference on this wire."""
    return GeminiReader(status=status, headers=headers, stream=stream)
