"""Gemini's generateContent wire: its answers read, its request bodies written. No SDK, no network.

An answer is a stream of events, a JSON array of the same chunks (without ``alt=sse``) or one of them.
Model and streaming are in the URL, so the body has neither. Usage here: ``promptTokenCount`` includes
what was cached, ``candidatesTokenCount`` excludes thinking, and the last chunk that counts is right.

A thought signature belongs to one part and has to go back on it. On a tool call it is that part's
``signature``; after any other part stands an opaque part of the kind ``signature``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, assert_never

from llmkit.core.errors import BadRequest
from llmkit.core.events import Event, Text, Thinking, ToolCallDelta
from llmkit.core.messages import (
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from llmkit.core.reply import Reply, StopReason
from llmkit.core.usage import Usage
from llmkit.wire import faults
from llmkit.wire.bodies import extended, with_ids
from llmkit.wire.draft import TextDraft, ToolDraft, count
from llmkit.wire.gemini_args import ArgumentsDraft
from llmkit.wire.reader import Reader
from llmkit.wire.server_tools import server_tools
from llmkit.wire.server_work import in_part

if TYPE_CHECKING:
    from llmkit.core.request import Request
    from llmkit.wire.dialects import Dialect

WIRE = "gemini.generate"
_SIGNATURE = "signature"
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
            self.draft.opaque(WIRE, _SIGNATURE, {"thoughtSignature": signature})

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


# -- requests -----------------------------------------------------------------------------------

#: Up to 2.5, thinking is told a budget of tokens; later models are told a level.
_BUDGETED = re.compile(r"gemini-(1|2)")
_BUDGETS: Mapping[str, int] = {"off": 0, "low": 1024, "medium": 8192, "high": 24_576, "max": 24_576}
_LEVELS: Mapping[str, str] = {
    "off": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "max": "HIGH",
}
_LEAST_OF_PRO = 128
#: Models that refuse a tool call of the history without a signature; the word stands for calls that
#: have none because another model made them.
_SIGNING = re.compile(r"gemini-[3-9]")
_UNSIGNED = "skip_thought_signature_validator"


def body(
    request: Request,
    *,
    dialect: Dialect | str | None = None,  # noqa: ARG001 - as above
) -> dict[str, Any]:
    """The request body. The model, and whether to stream, are in the URL."""
    written: dict[str, Any] = {"contents": _contents(request)}
    said = [request.system or "", *(m.text for m in request.messages if m.role == "system")]
    if system := "\n\n".join(text for text in said if text.strip()):
        written["systemInstruction"] = {"parts": [{"text": system}]}
    if config := _config(request):
        written["generationConfig"] = config
    if request.tools:
        written["tools"] = [
            {
                "functionDeclarations": [
                    {
                        "name": tool.name,
                        "description": tool.description,
                        "parametersJsonSchema": dict(tool.parameters),
                    }
                    for tool in request.tools
                ]
            }
        ]
    if own := server_tools(request, WIRE):
        written["tools"] = [*written.get("tools", ()), *own]
    if (choice := request.tool_choice) is not None:
        mode: dict[str, Any] = {"mode": choice.upper()}
        if choice not in ("auto", "any", "none"):
            mode = {"mode": "ANY", "allowedFunctionNames": [choice]}
        written["toolConfig"] = {"functionCallingConfig": mode}
    return extended(written, request.options.extra)


def _config(request: Request) -> dict[str, Any]:
    options = request.options
    config: dict[str, Any] = {
        "maxOutputTokens": options.max_tokens,
        "temperature": options.temperature,
        "topP": options.top_p,
        "stopSequences": list(options.stop) or None,
        "seed": options.seed,
    }
    if options.think is not None:
        config["thinkingConfig"] = _thinking(options.think, request.model)
    if request.schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = dict(request.schema)
    return {name: value for name, value in config.items() if value is not None}


def _thinking(think: str | int, model: str) -> dict[str, Any]:
    shown = think not in ("off", 0)
    if isinstance(think, int):
        return {"thinkingBudget": think, "includeThoughts": shown}
    if not _BUDGETED.search(model):
        return {"thinkingLevel": _LEVELS[think], "includeThoughts": shown}
    budget = _BUDGETS[think]
    # The larger models of that time always think a little.
    return {
        "thinkingBudget": max(budget, _LEAST_OF_PRO) if "-pro" in model else budget,
        "includeThoughts": shown,
    }


def _contents(request: Request) -> list[dict[str, Any]]:
    """User and model in turn; neighbours of one role become one."""
    own_ids = {
        part.id
        for message in request.messages
        for part in message.parts
        if isinstance(part, ToolCallPart | ToolResultPart) and part.id
    }
    contents: list[dict[str, Any]] = []
    for message in with_ids(request.messages):
        if message.role == "system":
            continue
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, own_ids)
        if role == "model" and _SIGNING.search(request.model):
            _vouch(parts)
        if not parts:
            continue
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"].extend(parts)
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _vouch(parts: list[dict[str, Any]]) -> None:
    calls = [part for part in parts if "functionCall" in part]
    if calls and not any("thoughtSignature" in part for part in calls):
        calls[0]["thoughtSignature"] = _UNSIGNED


def _parts(message: Message, own_ids: set[str]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    thought: ThinkingPart | None = None
    for part in message.parts:
        if isinstance(part, OpaquePart) and part.wire == WIRE and part.kind == _SIGNATURE:
            if thought is not None:
                parts.append({"text": thought.text, "thought": True, **part.raw})
            elif parts:
                parts[-1].update(part.raw)
            thought = None
            continue
        # Thinking goes back only where a signature asks for it, and that stands right behind it.
        thought = part if isinstance(part, ThinkingPart) else None
        parts.extend(_part(part, own_ids))
    return parts


def _part(part: Part, own_ids: set[str]) -> list[dict[str, Any]]:
    """What a part becomes: mostly one; none where this wire has no place for it."""
    match part:
        case TextPart(text):
            return [{"text": text}] if text else []
        case ImagePart() | FilePart():
            return [_media(part)]
        case ThinkingPart():
            return []
        case ToolCallPart():
            arguments = (
                {"unparsed": part.arguments} if isinstance(part.arguments, str) else dict(part.arguments)
            )
            call: dict[str, Any] = {"name": part.name, "args": arguments}
            if part.id in own_ids:
                call["id"] = part.id
            signed = {"thoughtSignature": part.signature} if part.signature else {}
            return [{"functionCall": call, **signed}]
        case ToolResultPart():
            if not part.name:
                raise BadRequest(
                    "A tool's result answers no call of this conversation.",
                    why=f"Gemini matches results by the tool's name, and the call {part.id!r} is not there.",
                    hint="Keep the assistant's message with the call, or give the result its name.",
                )
            answer: dict[str, Any] = {"name": part.name, "response": _response(part)}
            if part.id in own_ids:
                answer["id"] = part.id
            return [{"functionResponse": answer}, *(_media(image) for image in part.images)]
        case OpaquePart(wire, _, raw):
            return [dict(raw)] if wire == WIRE else []
    assert_never(part)


def _response(result: ToolResultPart) -> dict[str, Any]:
    """A result as the object that this API wants."""
    if result.is_error:
        return {"error": result.content}
    try:
        value = json.loads(result.content)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"result": result.content}


def _media(part: ImagePart | FilePart) -> dict[str, Any]:
    if part.data is not None:
        data = base64.b64encode(part.data).decode("ascii")
        return {"inlineData": {"mimeType": part.media_type, "data": data}}
    uri = part.url or (part.file_id if isinstance(part, FilePart) else None)
    if uri is None:
        what = "picture" if isinstance(part, ImagePart) else "file"
        raise BadRequest(
            f"A {what} of this request is empty.",
            why="It has neither data nor a URL.",
            hint="Give it one of them.",
        )
    return {"fileData": {"mimeType": part.media_type, "fileUri": uri}}
