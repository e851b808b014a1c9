"""OpenAI's Chat Completions, read: the chunks of OpenAI and of everyone who imitates it.

Tolerant of what imitators do; what really must be known about a server is in ``dialects.py``, how
tokens are counted in ``openai_usage.py``, and how a request is written in ``openai_chat_body.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmkit.core import errors as e
from llmkit.core.events import Event, Text, Thinking
from llmkit.core.messages import FilePart, OpaquePart
from llmkit.core.reply import Reply, StopReason
from llmkit.wire import dialects, faults
from llmkit.wire.dialects import Dialect
from llmkit.wire.draft import Fixed, TextDraft
from llmkit.wire.fields import name_of, words
from llmkit.wire.openai_calls import CallReader
from llmkit.wire.openai_chat_body import body
from llmkit.wire.openai_media import audio_type, decoded, image_part
from llmkit.wire.openai_usage import settle_usage
from llmkit.wire.reader import Reader, truncated
from llmkit.wire.server_work import executed

__all__ = ["ChatReader", "body", "reader"]

_STOPS: Mapping[str, str] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "end": "stop",
    "complete": "stop",
    "completed": "stop",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "model_length": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "tool_calls": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "prohibited_content": "content_filter",
    "blocklist": "content_filter",
    "recitation": "content_filter",
    "refusal": "refusal",
    "pause_turn": "pause",
}
#: Words that mean: the server gave up, and what came is not the whole answer.
_BROKEN = ("error", "abort", "aborted", "network_error", "server_error", "insufficient_system_resource")
#: Padding against traffic analysis, and what says only that a chunk is a chunk.
_NOISE = frozenset(("obfuscation", "p", "object"))
_CHOICE = frozenset(("index", "delta", "message", "finish_reason", "error"))
#: Where an answer is: none of these goes on once it is over.
_SAID_BY = frozenset(
    ("content", "tool_calls", "function_call", "refusal", "images", "audio", "reasoning_details")
)
_MESSAGE = frozenset(("content", "role", "reasoning_details"))


def reader(
    *,
    dialect: Dialect | str | None = None,
    stream: bool = True,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> ChatReader:
    """A reader for one response on this wire."""
    return ChatReader(dialects.get(dialect), status=status, headers=headers, stream=stream)


class ChatReader(Reader):
    """Reads one chat completion. The first choice is the reply; others are kept in ``raw["choices"]``."""

    wire = "openai.chat"

    def __init__(self, dialect: Dialect, **more: Any) -> None:
        super().__init__(**more)
        self.dialect = dialect
        self._fields: dict[str, Any] = {}  # the frame's fields beside the choices, as they were last
        self._quiet: dict[str, Any] = {}  # the choice's fields beside the delta, likewise
        self._calls = CallReader(self.draft)
        self._said_by = _SAID_BY | set(dialect.reasoning_fields)
        self._usage: dict[str, Any] = {}
        self._only_usage = False  # nothing but a usage frame says that the answer is whole
        self._finish: str | None = None
        self._over = False  # a reason to finish has come: the answer is said
        self._details: list[dict[str, Any]] = []
        self._details_at: Fixed | None = None
        self._audio: dict[str, list[str]] = {}
        self._audio_at: Fixed | None = None
        self._others: dict[int, ChatReader] = {}
        self._fault: Any = None

    # -- frames ---------------------------------------------------------------------------------

    def on_frame(self, event: str | None, frame: dict[str, Any], out: list[Event]) -> None:
        """One chunk. Most carry a few letters and nothing new beside them."""
        choices = frame.pop("choices", None)
        if choices:
            if self._only_usage:
                self._only_usage = self.complete = False
            for choice in choices:
                delta = choice.pop("delta", None)
                if delta is not None and choice == self._quiet and not self._over:
                    self._message(delta, out)
                else:
                    self._choice(choice, delta, out)
        if frame != self._fields:
            self._news(frame, with_choices=bool(choices))
            if event == "error" or (choices is None and _is_fault(frame)):
                self._fault = frame
        if self._fault is not None:
            self._break_off(out)

    def on_document(self, document: dict[str, Any], out: list[Event]) -> None:
        """A whole completion."""
        choices = document.pop("choices", None)
        if not isinstance(choices, list):
            self._no_answer(document, out)
            return
        self._news(document, with_choices=True)
        for choice in choices:
            self._choice(choice, choice.get("message") or choice.get("delta"), out, whole=True)
        self.complete = True
        if self._fault is not None:
            self._break_off(out)

    def is_answer(self, document: dict[str, Any]) -> bool:
        """With choices in it, it is an answer that broke off, and what came is kept."""
        return bool(document.get("choices"))

    def on_done_marker(self, out: list[Event]) -> None:
        """The end, if there was anything before it."""
        if self.frames:
            self.complete = True
            self.finish(out)
        else:
            self.fail(truncated("The server said that it was done before it had said anything."), out)

    def before_end(self, out: list[Event]) -> None:
        """Some servers just hang up when they are done; who does must be known beforehand."""
        if not self.complete and self.dialect.eof_is_ok and self.draft.started:
            self.complete = True
            self.draft.note("The server doesn't say when an answer is complete; it is taken as whole.")

    def _news(self, frame: dict[str, Any], *, with_choices: bool) -> None:
        """Fields beside the choices, where one of them is new or changed."""
        before, draft = self._fields, self.draft
        self._fields = frame
        for name, value in frame.items():
            if value is None or name in _NOISE or before.get(name) == value:
                continue
            if name == "id":
                draft.id = draft.id or name_of(value)
            elif name == "model":
                draft.model = draft.model or name_of(value)
            elif name == "usage":
                self._take_usage(value, with_choices=with_choices)
            elif name == "error":
                self._fault = {"error": value} if value else self._fault
            else:
                if (
                    name == "base_resp" and isinstance(value, dict) and value.get("status_code")
                ):  # MiniMax's errors
                    self._fault = {"message": value.get("status_msg"), "code": value["status_code"]}
                if name == "x_groq" and isinstance(value, dict):
                    if value.get("error"):
                        self._fault = {"error": value["error"]}
                    if not frame.get("usage"):
                        self._take_usage(value.get("usage"), with_choices=with_choices)
                _keep(draft.raw, name, value)

    def _take_usage(self, usage: Any, *, with_choices: bool) -> None:
        if not isinstance(usage, dict):
            return
        self._usage.update((name, value) for name, value in usage.items() if value is not None)
        if not with_choices and not self.complete and self.draft.started:
            self._only_usage = self.complete = True

    def _choice(self, choice: dict[str, Any], delta: Any, out: list[Event], *, whole: bool = False) -> None:
        """A choice that says something beside its delta."""
        if isinstance(index := choice.get("index"), int) and index > 0:
            # No events from further choices: the reply is the first one.
            self._other(index)._choice({**choice, "index": 0}, delta, [], whole=whole)
            return
        if delta is None and not whole and choice.get("message"):
            delta, whole = self._rest_of(choice["message"]), True
        if delta is None and isinstance(text := choice.get("text"), str):
            delta = {"content": text}  # as completions had it before there was chat
        if delta and self._over:
            delta = self._after_the_end(delta)
        if delta:
            self._message(delta, out, whole=whole)
        finish = choice.get("finish_reason")
        if finish is not None and (finish or whole):
            self._finish = str(finish)
            self._only_usage, self.complete = False, True
            # Some write "null" for no reason at all: no sign that nothing more is said.
            self._over = self._over or self._finish.lower() not in ("", "null", "none")
            if self._finish.lower() in _BROKEN and self._fault is None:
                self._fault = {"message": f"It stopped with {finish!r}.", "type": finish}
        if error := choice.get("error"):
            self._fault = {"error": error}
        self._beside_message(choice)
        if not finish and not choice.get("logprobs"):
            self._quiet = choice

    def _after_the_end(self, message: dict[str, Any]) -> dict[str, Any]:
        """What may still come once the answer is said: what belongs to it, but no more of it."""
        more = {name: value for name, value in message.items() if value and name in self._said_by}
        if not more:
            return message
        self.draft.note("The server sent more after the end of the answer; it is left out.")
        return {name: value for name, value in message.items() if name not in more}

    def _other(self, index: int) -> ChatReader:
        if index not in self._others:
            self._others[index] = ChatReader(self.dialect)
        return self._others[index]

    def _beside_message(self, choice: dict[str, Any]) -> None:
        for name, value in choice.items():
            if value is None or name in _CHOICE:
                continue
            if name == "usage":  # Moonshot's place for it
                self._take_usage(value, with_choices=True)
            elif name == "logprobs" and isinstance(value, dict):
                kept = self.draft.raw.setdefault("logprobs", {})
                for kind, tokens in value.items():
                    if isinstance(tokens, list):
                        kept.setdefault(kind, []).extend(tokens)
            else:
                _keep(self.draft.raw.setdefault("choice", {}), name, value)

    def _rest_of(self, message: dict[str, Any]) -> dict[str, Any]:
        """A stream that repeats the message so far, or gives it whole at last: only what is new of it."""
        content, had = message.get("content"), "".join(self._text_so_far())
        if self.draft.tools:
            message = {**message, "tool_calls": None}
        if had and isinstance(content, str):
            message = {**message, "content": content.removeprefix(had) if content.startswith(had) else None}
        return message

    def _text_so_far(self) -> list[str]:
        return [piece for part in self.draft.parts if isinstance(part, TextDraft) for piece in part.pieces]

    # -- messages -------------------------------------------------------------------------------

    def _message(self, message: dict[str, Any], out: list[Event], *, whole: bool = False) -> None:
        content = message.get("content")
        if content.__class__ is str and len(message) == 1:  # what nearly every chunk is
            if content:
                self.draft.text().pieces.append(content)
                out.append(Text(content))
            return
        self._reasoning(message, out)
        if isinstance(content, str):
            if content:
                self._say(content, out)
        elif content:
            for part in content if isinstance(content, list) else (content,):
                self._content_part(part, out)
        for name, value in message.items():
            if not value or name in _MESSAGE or name in self.dialect.reasoning_fields:
                continue
            match name:
                case "tool_calls":
                    for call in value:
                        self._calls.take(call, out, whole=whole)
                case "function_call":
                    self._calls.take({"function": value, "index": name}, out)
                case "refusal":
                    self.draft.refusal.append(words(value))
                case "annotations":
                    self.draft.text().citations.extend(dict(item) for item in value)
                case "images":
                    for image in value:
                        self._content_part({"type": "image_url", **image}, out)
                case "audio":
                    self._sound(value, out)
                case _:
                    _collect(said := self.draft.raw.setdefault("message", {}), name, value)
                    if name == "executed_tools":
                        self.server_tools.hear(executed(said[name]), out)

    def _say(self, text: str, out: list[Event]) -> None:
        self.draft.text().pieces.append(words(text))
        out.append(Text(text))

    def _think(self, text: str, out: list[Event]) -> None:
        self.draft.thinking().pieces.append(words(text))
        out.append(Thinking(text))

    def _reasoning(self, message: dict[str, Any], out: list[Event]) -> None:
        details = message.get("reasoning_details")
        if details:
            self._keep_details(details)
        for name in self.dialect.reasoning_fields:
            text = message.get(name)
            if text and isinstance(text, str):
                self._think(text, out)
                return
        for detail in details or ():
            if text := detail.get("text") or detail.get("summary"):
                self._think(text, out)

    def _keep_details(self, details: list[dict[str, Any]]) -> None:
        """OpenRouter's reasoning details must go back as they came, so their pieces are put together."""
        if self._details_at is None:
            self._details_at = Fixed(OpaquePart(self.wire, "reasoning_details", {}))
            self.draft.parts.append(self._details_at)
        for detail in details:
            place = detail.get("index"), detail.get("type"), detail.get("id")
            last = self._details[-1] if self._details else {}
            if (last.get("index"), last.get("type")) != place[:2] or place[2] not in (None, last.get("id")):
                self._details.append({k: [v] if k in _FRAGMENTS else v for k, v in detail.items()})
                continue
            for name, value in detail.items():
                if name in _FRAGMENTS:
                    last.setdefault(name, []).append(value)  # put together at the end: cheap while it streams
                elif value:
                    last[name] = value

    def _content_part(self, part: Any, out: list[Event]) -> None:
        """A part of a message whose content is a list (Mistral, gateways to other wires)."""
        if isinstance(part, str):
            self._say(part, out)
            return
        match part.get("type"):
            case "text" | "output_text":
                if part.get("text"):
                    self._say(part["text"], out)
                self.draft.text().citations.extend(dict(item) for item in part.get("annotations") or ())
            case "thinking" | "reasoning":
                inner = part.get("thinking") or part.get("summary") or part.get("text") or ()
                for piece in [inner] if isinstance(inner, str) else inner:
                    text = piece if isinstance(piece, str) else piece.get("text")
                    if text:
                        self._think(text, out)
                    if not isinstance(piece, str) and piece.get("signature"):
                        self.draft.thinking().signature = words(piece["signature"])
                if part.get("signature"):
                    self.draft.thinking().signature = words(part["signature"])
            case "refusal":
                self.draft.refusal.append(words(part.get("refusal")))
            case "image_url":
                url = part.get("image_url")
                self.draft.add(image_part(words(url["url"] if isinstance(url, dict) else url)))
            case "reference" | "citation":
                self.draft.text().citations.append(part)
            case kind:
                self.draft.opaque(self.wire, str(kind), part)

    def _sound(self, audio: dict[str, Any], out: list[Event]) -> None:
        """Speech comes in fragments, with its words beside it: they are the answer's text."""
        for name in ("id", "data"):
            if audio.get(name):
                self._audio.setdefault(name, []).append(words(audio[name]))
        if audio.get("transcript"):
            self._say(audio["transcript"], out)

    # -- the end --------------------------------------------------------------------------------

    def _break_off(self, out: list[Event]) -> None:
        self.draft.stop = StopReason("error", self._finish)
        self._finish = None
        self.fail(faults.from_frame(self._fault, started=self.draft.started), out)

    def _no_answer(self, document: dict[str, Any], out: list[Event]) -> None:
        self._news(document, with_choices=False)
        if self._fault is not None:
            self._break_off(out)
            return
        if _is_fault(document):
            self.fail(faults.from_frame(document, started=False), out)
            return
        self.fail(
            e.NotAStream(
                "The server's JSON is no chat answer: it has no choices.",
                why=faults.plain(json.dumps(document, ensure_ascii=False), 200),
                hint="Check the base URL and the wire that this provider is configured with.",
            ),
            out,
        )

    def reply(self, *, complete: bool = True) -> Reply:
        """The reply as it stands."""
        draft = self.draft
        if self._usage:
            draft.raw["usage"] = self._usage
            settle_usage(draft, self._usage, self.dialect, draft.raw.get("service_tier"))
        if self._details_at is not None:
            # Copies first: a partial reply is asked for from any thread, and more may come just then.
            details = [{k: _joined(k, v) for k, v in dict(detail).items()} for detail in list(self._details)]
            self._details_at.value = OpaquePart(
                self.wire, "reasoning_details", {"reasoning_details": details}
            )
        if data := decoded("".join(self._audio.get("data", ()))):
            sound = FilePart(data, audio_type(data), file_id=next(iter(self._audio.get("id", ())), None))
            if self._audio_at is None:
                self._audio_at = Fixed(sound)
                draft.parts.append(self._audio_at)
            self._audio_at.value = sound
        self._cite()
        if self._others:
            draft.raw["choices"] = [
                {"index": index, **other.as_plain()} for index, other in sorted(self._others.items())
            ]
        if self._finish is not None or complete:
            draft.stop = self._stop(self._finish)
        return super().reply(complete=complete)

    def as_plain(self) -> dict[str, Any]:
        """A further choice, for ``raw``."""
        reply = self.reply()
        return {
            "text": reply.text,
            "thinking": reply.thinking,
            "tool_calls": [
                {"id": call.id, "name": call.name, "arguments": call.arguments} for call in reply.tool_calls
            ],
            "stop_reason": reply.stop_reason.provider,
            "refusal": reply.refusal,
        }

    def _stop(self, word: str | None) -> StopReason:
        kind = _STOPS.get(word.lower(), "other") if word else "unknown"
        if kind in ("stop", "other", "unknown"):
            if self.draft.tools:
                kind = "tool_use"
            elif any(self.draft.refusal):
                kind = "refusal"
        return StopReason(kind, word)

    def _cite(self) -> None:
        """Where the sources come beside the answer (Perplexity, xAI), they belong to its text."""
        texts = [part for part in self.draft.parts if isinstance(part, TextDraft)]
        if not texts or any(part.citations for part in texts):
            return
        sources = self.draft.raw.get("search_results") or self.draft.raw.get("citations") or ()
        for source in sources if isinstance(sources, list) else ():
            if isinstance(source, dict | str):
                texts[-1].citations.append({"url": source} if isinstance(source, str) else source)


_FRAGMENTS = frozenset(("text", "summary", "data"))


def _joined(name: str, value: Any) -> Any:
    """Fragments put together again, where they are words; ``None`` stays if nothing else came."""
    if name not in _FRAGMENTS:
        return value
    pieces = [piece for piece in value if isinstance(piece, str)]
    return "".join(pieces) if pieces else value[-1]


def _is_fault(frame: Mapping[str, Any]) -> bool:
    """An error that isn't wrapped in ``error``, as vLLM's and FastAPI's are."""
    return frame.get("object") == "error" or any(frame.get(name) for name in ("message", "detail"))


def _keep(raw: dict[str, Any], name: str, value: Any) -> None:
    """The last value counts; objects that come in pieces (``x_groq``) are put together."""
    had = raw.get(name)
    raw[name] = {**had, **value} if isinstance(had, dict) and isinstance(value, dict) else value


def _collect(raw: dict[str, Any], name: str, value: Any) -> None:
    """Every value of a field that this reader doesn't know, in order, repeats left out."""
    values = raw.setdefault(name, [])
    if not values or values[-1] != value:
        values.append(value)
