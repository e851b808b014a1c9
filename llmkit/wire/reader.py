"""The reader that all wires share: frames in, events out, exactly one terminal event, never an exception.

Each wire's file says what its frames mean. Whether an answer is whole is judged here, by evidence:
a stream that merely goes quiet is not whole. Sockets and timeouts live in the engine.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import jiter

from llmkit.core import errors as e
from llmkit.core.events import Done, Event, Failed, ToolCall
from llmkit.core.reply import Reply, StopReason
from llmkit.wire import faults
from llmkit.wire import headers as h
from llmkit.wire.draft import Draft, ToolDraft
from llmkit.wire.server_work import Telling
from llmkit.wire.sse import FrameDecoder

_DONE = b"[DONE]"
#: What reading a frame of another shape than expected raises.
_MISSHAPEN = (AttributeError, TypeError, KeyError, IndexError, ValueError, RecursionError)
_SURROGATE = re.compile(r"\\u[dD][89abAB]")
_HALF = re.compile(r"[\ud800-\udfff]")


class Reader(ABC):
    """Reads one response. ``feed`` it bytes; after ``end`` (or earlier) the last event is terminal.

    ``complete`` turns true when there is evidence that the answer is whole, though more (usage, say)
    may still come; ``ended`` when the terminal event is out and anything further is ignored.
    """

    wire: ClassVar[str]

    def __init__(
        self, *, status: int = 200, headers: Mapping[str, str] | None = None, stream: bool = True
    ) -> None:
        self.status = status
        self.headers = h.lower(headers)
        self.stream = stream
        self.draft = Draft()
        self.complete = False
        self.ended = False
        self.replaced = 0  # characters that were not UTF-8 and became U+FFFD
        self.frames = 0
        self.server_tools = Telling()
        self._decoder = FrameDecoder()
        self._error_body: list[bytes] = []

    # -- what a wire says ---------------------------------------------------------------------

    @abstractmethod
    def on_frame(self, event: str | None, frame: dict[str, Any], out: list[Event]) -> None:
        """One frame of a stream."""

    @abstractmethod
    def on_document(self, document: dict[str, Any], out: list[Event]) -> None:
        """A whole answer in one JSON document."""

    def on_done_marker(self, out: list[Event]) -> None:
        """``data: [DONE]``: the end of a whole answer. Evidence of one only on the wires that have it."""
        if self.complete:
            self.finish(out)

    def before_end(self, out: list[Event]) -> None:
        """The body is over: a last chance to weigh evidence."""

    # -- bytes in -----------------------------------------------------------------------------

    def feed(self, chunk: bytes) -> list[Event]:
        """The events in these bytes."""
        out: list[Event] = []
        if self.ended:
            return out
        if self.status >= 300:
            self._error_body.append(chunk)
            return out
        for name, data in self._decoder.feed(chunk):
            self._frame(name, data, out, last=False)
            if self.ended:
                break
        return out

    def end(self) -> list[Event]:
        """The body is over."""
        out: list[Event] = []
        if self.ended:
            return out
        if self.status >= 300:
            body = b"".join(self._error_body)
            self.fail(faults.from_response(self.status, self.headers, body), out)
            return out
        for name, data in self._decoder.end():
            self._frame(name, data, out, last=True)
            if self.ended:
                return out
        match self._decoder.kind:
            case "json":
                self._body(out)
            case "markup":
                page = self._decoder.body.decode("utf-8", "replace")
                self.fail(
                    e.NotAStream(
                        "The server answered with a web page, not with a model's answer.",
                        why=faults.plain(page, 200),
                        hint="Check the base URL, and whether a proxy or a login page is in the way.",
                    ),
                    out,
                )
            case "sse" if self.frames == 0 and self._decoder.stray:
                self.fail(_no_answer(self._decoder.stray), out)
            case "sse" | "array" | "unknown":
                self.before_end(out)
        if not self.ended:
            self.finish(out)
        return out

    def cut(self, why: str) -> list[Event]:
        """The body broke off: whatever was whole by then still counts."""
        if self.complete or self.status >= 300:
            return self.end()
        out: list[Event] = []
        self.fail(truncated(why), out)
        return out

    def _frame(self, name: str | None, data: bytes, out: list[Event], *, last: bool) -> None:
        try:
            frame = jiter.from_json(data)
        except ValueError:
            # The token path pays nothing for what is not JSON.
            if data.strip() == _DONE:
                self.on_done_marker(out)
                return
            if not data or data.isspace():
                return
            self.frames += 1
            try:
                frame = self._tolerant(data)
            except (ValueError, RecursionError):
                self._malformed(data, out, last=last)
                return
        else:
            self.frames += 1
        if isinstance(frame, dict):
            try:
                self.on_frame(name, frame, out)
            except _MISSHAPEN:
                # A frame that is JSON, but not shaped as this wire's frames are.
                self._malformed(data, out, last=False)
        else:
            self.draft.raw.setdefault("frames", []).append(frame)

    def _tolerant(self, data: bytes) -> Any:
        """What the strict parser refuses though its meaning is plain: bad UTF-8, raw control
        characters, half a surrogate pair."""
        text = data.decode("utf-8", "replace")
        replaced = text.count("\ufffd") - data.count("\ufffd".encode())
        value = json.loads(text, strict=False)
        if _SURROGATE.search(text):
            whole, halves = _HALF.subn("\ufffd", json.dumps(value, ensure_ascii=False))
            if halves:
                value = json.loads(whole)
                replaced += halves
        if replaced > 0:
            self.replaced += replaced
            self.draft.note("Some bytes of the answer were not UTF-8; they show as \ufffd.")
        return value

    def _malformed(self, data: bytes, out: list[Event], *, last: bool) -> None:
        line = faults.plain(data.decode("utf-8", "replace"), 200)
        if self.complete:
            self.draft.note("What came after the end of the answer could not be read.")
            return
        if last:
            self.fail(truncated(f"It ended in the middle of a frame: {line}"), out)
            return
        self.fail(
            e.MalformedStream(
                "The answer broke off: a piece of it could not be read.",
                why=f"The server sent: {line}",
                hint="What came before it is kept. If it happens again, report it to the provider.",
            ),
            out,
        )

    def _body(self, out: list[Event]) -> None:
        body = self._decoder.body
        try:
            document = jiter.from_json(body)
        except ValueError:
            try:
                document = self._tolerant(body)
            except (ValueError, RecursionError):
                self.fail(truncated("The JSON of the answer is not whole."), out)
                return
        try:
            self.on_body(document, out)
        except _MISSHAPEN:
            self.fail(_no_answer(body), out)

    def on_body(self, document: Any, out: list[Event]) -> None:
        """A body that is one JSON document. (The elements of a JSON array come as frames.)"""
        if not isinstance(document, dict):
            raise TypeError("not an object")
        if "error" in document and document["error"] and not self.is_answer(document):
            self.fail(faults.from_frame(document, started=False), out)
            return
        self.on_document(document, out)

    def is_answer(self, document: dict[str, Any]) -> bool:
        """Is this document an answer (that may mention an error), rather than an error?"""
        return False

    # -- events out ---------------------------------------------------------------------------

    def stopped(self, kind: str, provider: str | None) -> None:
        """Note why the model stopped; that is evidence of a whole answer."""
        self.draft.stop = StopReason(kind, provider)
        self.complete = True

    def close_tool(self, tool: ToolDraft, out: list[Event]) -> None:
        """A tool call is whole."""
        if not tool.closed:
            tool.closed = True
            part = tool.part()
            out.append(ToolCall(part.id, part.name, part.arguments))

    def finish(self, out: list[Event]) -> None:
        """The end: whole if there is evidence of it, else cut off."""
        if self.ended:
            return
        if not self.complete:
            self.fail(truncated("It ended without saying that it was complete."), out)
            return
        for tool in self.draft.tools:
            self.close_tool(tool, out)
        self.ended = True
        reply = self.reply()
        self.server_tools.rest(reply, out)
        out.append(Done(reply))

    def fail(self, error: e.LLMKitError, out: list[Event]) -> None:
        """The end, with an error; what came so far is the error's ``partial``."""
        if self.ended:
            return
        self.ended = True
        partial = self.reply(complete=False)
        error.partial = partial
        error.request_id = error.request_id or partial.request_id
        out.append(Failed(error, partial))

    def reply(self, *, complete: bool = True) -> Reply:
        """The reply as it stands."""
        reply = self.draft.build(complete=complete, request_id=h.request_id(self.headers))
        if limits := h.rate_limits(self.headers):
            reply.raw["rate_limits"] = limits  # type: ignore[index]
        return reply


def _no_answer(body: bytes) -> e.NotAStream:
    if body.startswith(faults.GZIP):
        return e.NotAStream(
            "The server's answer is compressed, and was not unpacked.",
            why="Its bytes are gzip's, though nothing unpacked them on the way.",
            hint="Unpack it first, or ask for it without compression (`Accept-Encoding: identity`).",
        )
    return e.NotAStream(
        "The server answered with something that is no model's answer.",
        why=f"It sent: {faults.plain(body[:2000].decode('utf-8', 'replace'), 200)}",
        hint="Check the base URL, and whether a proxy is in the way.",
    )


def truncated(why: str) -> e.TruncatedStream:
    """The error of an answer that was cut off."""
    return e.TruncatedStream(
        "The answer was cut off before it was complete.",
        why=why,
        hint="What arrived is kept in `error.partial`. Run it again for the whole answer.",
    )
