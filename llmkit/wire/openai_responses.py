"""OpenAI's Responses API, read: items that grow, and a last word that counts more than the fragments.

Every item of the output has its place. Fragments make the events; when an item (or the whole
response) is done, what it says then is the truth, and what the fragments lacked is sent after them.
How a request is written lives in ``openai_responses_body.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmkit.core import errors as e
from llmkit.core.events import Event, Text, Thinking, ToolCallDelta
from llmkit.core.messages import OpaquePart
from llmkit.core.reply import Reply, StopReason
from llmkit.wire import dialects, faults
from llmkit.wire.dialects import Dialect
from llmkit.wire.draft import Fixed, TextDraft, ThinkingDraft, ToolDraft
from llmkit.wire.fields import name_of, words
from llmkit.wire.openai_media import decoded, image_part
from llmkit.wire.openai_responses_body import body
from llmkit.wire.openai_usage import settle_usage
from llmkit.wire.reader import Reader, truncated
from llmkit.wire.server_work import in_part

__all__ = ["ResponsesReader", "body", "reader"]

_TERMINAL = frozenset(("completed", "incomplete", "failed", "cancelled"))
_INCOMPLETE: Mapping[str, str] = {
    "max_output_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    "content_filter": "content_filter",
}
_MAPPED = frozenset(("id", "model", "output", "object"))
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


def reader(
    *,
    dialect: Dialect | str | None = None,
    stream: bool = True,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> ResponsesReader:
    """A reader for one response on this wire."""
    return ResponsesReader(dialects.get(dialect), status=status, headers=headers, stream=stream)


class _Item:
    """One item of the output, as far as it came."""

    __slots__ = ("done", "final", "fixed", "id", "kind", "place", "refusals", "texts", "thoughts", "tool")

    def __init__(self, kind: str, id_: str | None, place: int) -> None:
        self.kind = kind
        self.id = id_
        self.place = place
        self.done = False
        self.final: dict[str, Any] | None = None
        self.texts: dict[int, TextDraft] = {}
        self.refusals: dict[int, list[str]] = {}
        self.thoughts: ThinkingDraft | None = None
        self.tool: ToolDraft | None = None
        self.fixed: list[Fixed] = []

    def parts(self) -> list[TextDraft | ThinkingDraft | ToolDraft | Fixed]:
        """Its parts of the message, in order."""
        texts = [self.texts[index] for index in sorted(self.texts)]
        return [
            *([self.thoughts] if self.thoughts else []),
            *texts,
            *([self.tool] if self.tool else []),
            *self.fixed,
        ]


class ResponsesReader(Reader):
    """Reads one response."""

    wire = "openai.responses"

    def __init__(self, dialect: Dialect, **more: Any) -> None:
        super().__init__(**more)
        self.dialect = dialect
        self._items: list[_Item] = []
        self._at: dict[int, _Item] = {}
        self._usage: dict[str, Any] | None = None
        self._status: str | None = None
        self._reason: str | None = None
        self._last = -1  # the last sequence number
        self._first: dict[str, Any] | None = None
        self._counted = self._uncounted = False  # do the numbers count frames? Both off: not known yet

    # -- frames ---------------------------------------------------------------------------------

    def on_frame(self, event: str | None, frame: dict[str, Any], out: list[Event]) -> None:
        """One event."""
        if (number := frame.get("sequence_number")) is not None and self._repeats(number, frame):
            return
        match frame.get("type") or event:
            case "response.output_text.delta":
                self._text(self._of(frame, "message"), frame).append(words(frame["delta"]))
                if frame["delta"]:
                    out.append(Text(frame["delta"]))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                self._thoughts(self._of(frame, "reasoning")).pieces.append(words(frame["delta"]))
                if frame["delta"]:
                    out.append(Thinking(frame["delta"]))
            case "response.function_call_arguments.delta":
                self._fragment(self._of(frame, "function_call"), frame, out)
            case "response.custom_tool_call_input.delta":
                self._fragment(self._of(frame, "custom_tool_call"), frame, out)
            case "response.refusal.delta":
                item = self._of(frame, "message")
                item.refusals.setdefault(_index(frame), []).append(words(frame["delta"]))
            case "response.output_text.done":
                self._settle_text(self._of(frame, "message"), _index(frame), frame.get("text"), out)
            case "response.output_text.annotation.added":
                item = self._of(frame, "message")
                self._text(item, frame)
                item.texts[_index(frame)].citations.append(dict(frame["annotation"]))
            case "response.output_item.added":
                self._begin(frame, out)
            case "response.output_item.done":
                self._settle(self._begin(frame, out), frame["item"], out)
            case "error":
                self._status = "failed"
                payload = {name: value for name, value in frame.items() if name != "type"}
                self.fail(faults.from_frame(payload, started=self.draft.started), out)
            case _:
                self._response(frame, out)

    def on_document(self, document: dict[str, Any], out: list[Event]) -> None:
        """A whole response; also one that waits in the queue of the background."""
        if isinstance(document.get("response"), dict):
            document = document["response"]
        status = document.get("status")
        if isinstance(document.get("output"), list) or status in _TERMINAL:
            self._end(document, str(status or "completed"), out)
            return
        if any(document.get(name) for name in ("message", "detail")):
            self.fail(faults.from_frame(document, started=False), out)
            return
        self.fail(
            e.NotAStream(
                "The server's JSON is no response: it has no output.",
                why=faults.plain(json.dumps(document, ensure_ascii=False), 200),
                hint="Check the base URL and the wire that this provider is configured with.",
            ),
            out,
        )

    def is_answer(self, document: dict[str, Any]) -> bool:
        """A failed response tells what it got, and the error with it."""
        return "output" in document or document.get("status") in _TERMINAL

    def on_done_marker(self, out: list[Event]) -> None:
        """Not this wire's own way to end, but some servers' only one. Whole if every item is."""
        if self._items and all(item.done for item in self._items):
            self.complete = True
            self.finish(out)
            return
        self.fail(truncated("The server said that it was done before its answer was."), out)

    def _repeats(self, number: Any, frame: dict[str, Any]) -> bool:
        """Has this frame come before? Only where the numbers really count frames."""
        if not isinstance(number, int) or self._uncounted:
            return False
        if number > self._last:
            self._counted = self._last >= 0
            self._last = number
            if not self._counted:
                self._first = frame
            return False
        if self._counted or frame == self._first:
            return True
        self._uncounted = True  # another frame with the same number
        return False

    def _response(self, frame: dict[str, Any], out: list[Event]) -> None:
        """The frames that hold the response as a whole; all others only tell of progress."""
        response = frame.get("response")
        if not isinstance(response, dict):
            return
        name = str(frame.get("type") or "").removeprefix("response.")
        status = response.get("status")
        if status in _TERMINAL or name in _TERMINAL:
            self._end(response, str(status if status in _TERMINAL else name), out)
        else:
            self._take(response)

    def _take(self, response: dict[str, Any]) -> None:
        self.draft.id = self.draft.id or name_of(response.get("id"))
        self.draft.model = name_of(response.get("model")) or self.draft.model
        if isinstance(usage := response.get("usage"), dict):
            self._usage = usage

    def _end(self, response: dict[str, Any], status: str, out: list[Event]) -> None:
        self._take(response)
        self.draft.raw.update((k, v) for k, v in response.items() if v is not None and k not in _MAPPED)
        output = response.get("output")
        seen: list[_Item] = []
        for place, final in enumerate(output if isinstance(output, list) else ()):
            item = self._match(final, place, seen)
            seen.append(item)
            if item.final != final:
                self._settle(item, final, out)
        self._status = status
        self._reason = name_of((response.get("incomplete_details") or {}).get("reason"))
        if status == "failed":
            error = response.get("error") or {"message": "The provider says only that it failed."}
            self.fail(faults.from_frame({"error": error}, started=self.draft.started), out)
            return
        if status not in _TERMINAL:
            self.draft.note(f"The answer is not there yet: its status is {status}.")
        elif status == "cancelled":
            self.draft.note("The response was cancelled; the answer is as far as it got.")
        self.complete = True
        self.finish(out)

    # -- items ----------------------------------------------------------------------------------

    def _of(self, frame: dict[str, Any], kind: str) -> _Item:
        """The item that this frame is about."""
        place = frame.get("output_index")
        if place in self._at:
            return self._at[place]
        id_ = name_of(frame.get("item_id"))
        for item in reversed(self._items):
            if (id_ is not None and item.id == id_) or (place is None and id_ is None and item.kind == kind):
                return item
        return self._new(kind, id_, place)

    def _new(self, kind: str, id_: str | None, place: Any) -> _Item:
        known = isinstance(place, int)
        item = _Item(kind, id_, place if known else len(self._items))
        self._items.append(item)
        if known:
            self._at.setdefault(place, item)
        return item

    def _begin(self, frame: dict[str, Any], out: list[Event]) -> _Item:
        raw = frame["item"]
        kind, id_ = str(raw.get("type")), name_of(raw.get("id"))
        place = frame.get("output_index")
        item = self._at.get(place) if isinstance(place, int) else None
        if item is None:
            item = next((i for i in self._items if id_ and i.id == id_), None) or self._new(kind, id_, place)
        if kind in _CALLS:
            self._tool(item, raw, out)
        elif kind not in ("message", "reasoning") and not item.fixed:
            part = OpaquePart(self.wire, kind, raw)
            self._keep(item, Fixed(part))
            self.server_tools.hear(in_part(part), out)
        return item

    def _match(self, final: dict[str, Any], place: int, seen: list[_Item]) -> _Item:
        """The item that grew into this one. Gateways change ids, and leave items out."""
        kind, id_ = str(final.get("type")), name_of(final.get("id"))
        free = [item for item in self._items if item.kind == kind and item not in seen]
        for item in free:
            if id_ is not None and item.id == id_:
                return item
        for item in free:
            if item.place == place:
                return item
        unknown = [item for item in free if not item.done]
        return unknown[0] if unknown else self._new(kind, id_, place)

    def _settle(self, item: _Item, final: dict[str, Any], out: list[Event]) -> None:
        """What an item says when it is done."""
        item.done, item.final = True, final
        item.id = name_of(final.get("id")) or item.id
        kind = str(final.get("type"))
        if kind == "message":
            self._settle_message(item, final, out)
        elif kind == "reasoning":
            self._settle_reasoning(item, final, out)
        elif kind in _CALLS:
            self._settle_call(item, final, out)
        elif kind == "image_generation_call":
            self._settle_image(item, final)
        else:
            self._keep(item, Fixed(OpaquePart(self.wire, kind, final)))
        if item.fixed and kind != "message":
            part = item.fixed[0].part()
            self.server_tools.hear(in_part(part) if isinstance(part, OpaquePart) else (), out, over=True)

    def _keep(self, item: _Item, *fixed: Fixed) -> None:
        """Parts that came whole, in the place of what the item had."""
        parts = self.draft.parts
        parts[:] = [part for part in parts if part not in item.fixed]
        item.fixed = list(fixed)
        parts.extend(fixed)

    def _text(self, item: _Item, frame: dict[str, Any]) -> list[str]:
        index = _index(frame)
        draft = item.texts.get(index)
        if draft is None:
            draft = item.texts[index] = self.draft.new_text()
        return draft.pieces

    def _settle_text(self, item: _Item, index: int, final: Any, out: list[Event]) -> None:
        pieces = self._text(item, {"content_index": index})
        if missing := self._true(pieces, final):
            out.append(Text(missing))

    def _settle_message(self, item: _Item, final: dict[str, Any], out: list[Event]) -> None:
        content = final.get("content") or ()
        if isinstance(content, str):
            content = ({"type": "output_text", "text": content},)
        for index, part in enumerate(content):
            match part.get("type"):
                case "refusal":
                    item.refusals[index] = [words(part.get("refusal"))]
                case "output_text" | "text":
                    self._settle_text(item, index, part.get("text"), out)
                    if part.get("annotations"):
                        item.texts[index].citations = [dict(one) for one in part["annotations"]]
                    if part.get("logprobs"):
                        self.draft.raw.setdefault("logprobs", {})[f"{item.place}.{index}"] = part["logprobs"]
                case kind:
                    self._keep(item, *item.fixed, Fixed(OpaquePart(self.wire, str(kind), part)))
        if final.get("phase"):
            self.draft.raw.setdefault("phases", {})[item.id] = final["phase"]

    def _thoughts(self, item: _Item) -> ThinkingDraft:
        if item.thoughts is None:
            item.thoughts = self.draft.new_thinking()
        return item.thoughts

    def _settle_reasoning(self, item: _Item, final: dict[str, Any], out: list[Event]) -> None:
        thoughts = self._thoughts(item)
        summary, content = (
            "".join(words(part["text"]) for part in final.get(name) or () if part.get("text"))
            for name in ("summary", "content")
        )
        if missing := self._true(thoughts.pieces, summary if summary == content else summary + content):
            out.append(Thinking(missing))
        thoughts.id = item.id
        # The one from the item itself counts: earlier ones may not be whole, later ones are the same.
        if thoughts.encrypted is None and final.get("encrypted_content"):
            thoughts.encrypted = words(final["encrypted_content"])

    def _tool(self, item: _Item, raw: dict[str, Any], out: list[Event]) -> ToolDraft:
        name = words(raw.get("name") or "")
        tool = item.tool
        if tool is None:
            tool = item.tool = self.draft.new_tool(None, name)
            tool.text_only = item.kind == "custom_tool_call"
            out.append(ToolCallDelta(tool.index, "", name))
        tool.id = name_of(raw.get("call_id")) or tool.id
        tool.name = name or tool.name
        return tool

    def _fragment(self, item: _Item, frame: dict[str, Any], out: list[Event]) -> None:
        tool = item.tool or self._tool(item, frame, out)
        tool.pieces.append(words(frame["delta"]))
        out.append(ToolCallDelta(tool.index, frame["delta"]))

    def _settle_call(self, item: _Item, final: dict[str, Any], out: list[Event]) -> None:
        tool = self._tool(item, final, out)
        tool.id = tool.id or item.id
        arguments = final.get(_CALLS[item.kind]) if item.kind in _CALLS else None
        if isinstance(arguments, dict):
            tool.arguments = arguments
        elif missing := self._true(tool.pieces, arguments):
            out.append(ToolCallDelta(tool.index, missing))
        if final.get("status") != "incomplete":
            self.close_tool(tool, out)

    def _settle_image(self, item: _Item, final: dict[str, Any]) -> None:
        """The picture becomes a part of its own; the rest of the item must go back with it."""
        rest = {name: value for name, value in final.items() if name != "result"}
        fixed = [Fixed(OpaquePart(self.wire, "image_generation_call", rest))]
        result = final.get("result")
        if isinstance(result, str) and result:
            kind = f"image/{final.get('output_format') or 'png'}"
            url = result if result.startswith(("data:", "http:", "https:")) else None
            if url is not None or decoded(result) is not None:
                fixed.append(Fixed(image_part(url or f"data:{kind};base64,{result}", kind)))
            else:
                fixed = [Fixed(OpaquePart(self.wire, "image_generation_call", final))]
        self._keep(item, *fixed)

    def _true(self, pieces: list[str], final: Any) -> str:
        """Make the fragments say what the item says at last; returns what they lacked, if they only
        lacked something."""
        if not isinstance(final, str) or not final:
            return ""
        had = "".join(pieces)
        if had == final:
            return ""
        pieces[:] = [final]
        if final.startswith(had):
            return final[len(had) :]
        self.draft.note("The answer differs from the fragments it was streamed in; the answer counts.")
        return ""

    # -- the end --------------------------------------------------------------------------------

    def reply(self, *, complete: bool = True) -> Reply:
        """The reply as it stands."""
        draft = self.draft
        items = sorted(self._items, key=lambda item: item.place)
        draft.parts = [part for item in items for part in item.parts()]
        draft.refusal = [piece for item in items for i in sorted(item.refusals) for piece in item.refusals[i]]
        if self._usage is not None:
            usage = dict(self._usage)
            tools = draft.raw.get("tool_usage")
            searches = tools.get("web_search") if isinstance(tools, dict) else None
            if isinstance(searches, dict):
                usage.setdefault("server_tool_use", {"web_search_requests": searches.get("num_requests")})
            settle_usage(draft, usage, self.dialect, draft.raw.get("service_tier"))
        draft.stop = self._stop()
        return super().reply(complete=complete)

    def _stop(self) -> StopReason:
        match self._status:
            case "completed":
                kind = "tool_use" if self.draft.tools else "refusal" if any(self.draft.refusal) else "stop"
                return StopReason(kind, self._status)
            case "incomplete":
                return StopReason(_INCOMPLETE.get(self._reason or "", "other"), self._reason or self._status)
            case "failed":
                return StopReason("error", self._status)
            case None:
                return StopReason("tool_use" if self.complete and self.draft.tools else "unknown")
            case _:
                return StopReason("other", self._status)


def _index(frame: dict[str, Any]) -> int:
    index = frame.get("content_index")
    return index if isinstance(index, int) else 0
