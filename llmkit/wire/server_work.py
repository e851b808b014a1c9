"""What a provider's own tools did for an answer (search, code, …), out of the blocks in which each provider says it.

It is for showing: what goes back to the provider are the blocks themselves. Which of these tools may be asked for is
in ``server_tools.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from llmkit.core.events import Event, ServerTool
from llmkit.core.messages import OpaquePart, ToolCallPart, ToolResultPart
from llmkit.core.reply import Reply

#: A call, and what came of it, as far as the provider says.
Work = tuple[ToolCallPart, ToolResultPart | None]
_FAILED = ("failed", "incomplete", "error")
#: Calls on the Responses API that the one who asks must carry out, as those of a shell outside of a container.
_OURS = ("computer_call", "local_shell_call", "apply_patch_call")
_AT_THEIRS = "container_reference"


def server_work(reply: Reply) -> tuple[Work, ...]:
    """The calls of an answer that its provider made and answered itself, in their order.

    >>> from llmkit.core.messages import Message
    >>> search = {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"query": "sky"}}
    >>> asked = Reply(Message("assistant", (OpaquePart("openai.responses", "web_search_call", search),)))
    >>> [(call.name, call.arguments) for call, result in server_work(asked)]
    [('web_search', {'query': 'sky'})]
    """
    calls: list[ToolCallPart] = []
    results: list[ToolResultPart] = []
    inside = [each for part in reply.message.parts if isinstance(part, OpaquePart) for each in in_part(part)]
    searched = next((e for e in inside if isinstance(e, ToolCallPart) and "search" in e.name), None)
    for each in (*inside, *_beside(reply.raw or {}, searched=searched)):
        (calls if isinstance(each, ToolCallPart) else results).append(each)  # type: ignore[arg-type]
    done: list[Work] = []
    for call in calls:
        found = next((result for result in results if result.id == call.id), None)
        if found is not None:
            results.remove(found)
        done.append((call, found))
    return tuple(done)


class Telling:
    """What is told of such work while an answer streams: each call when it begins and when it is over, once."""

    def __init__(self) -> None:
        self._calls: dict[str | None, ToolCallPart] = {}
        self._told: set[tuple[str, ...]] = set()

    def hear(
        self, parts: Iterable[ToolCallPart | ToolResultPart], out: list[Event], *, over: bool = False
    ) -> None:
        """Calls, results, or both. ``over``: the provider says no more of these calls."""
        parts = list(parts)
        results = {each.id: each for each in parts if isinstance(each, ToolResultPart)}
        for each in parts:
            if isinstance(each, ToolCallPart):
                self._calls[each.id] = each
            if each.id not in self._calls or (isinstance(each, ToolResultPart) and each.id not in results):
                continue
            self._tell(self._calls[each.id], results.pop(each.id, None), out, over=over)

    def over(self, id: str | None, out: list[Event]) -> None:
        """A call is over, and no more is said of it."""
        if (call := self._calls.get(id)) is not None:
            self._tell(call, None, out, over=True)

    def rest(self, reply: Reply, out: list[Event]) -> None:
        """What only the whole answer tells of."""
        for call, result in server_work(reply):
            if call.id not in self._calls:
                self._tell(call, result, out, over=True)

    def _tell(
        self, call: ToolCallPart, result: ToolResultPart | None, out: list[Event], *, over: bool
    ) -> None:
        event = ServerTool(call.id, call.name, call.arguments)
        if result is not None:
            event = replace(event, state="failed" if result.is_error else "done", content=result.content)
        elif over:
            event = replace(event, state="done")
        key = (str(call.id), call.name, call.arguments_json, event.state)
        if key not in self._told:
            self._told.add(key)
            out.append(event)


def in_part(part: OpaquePart) -> Iterator[ToolCallPart | ToolResultPart]:
    """What a block of a provider's says of its tools: nothing, a call, a result, or both."""
    match part.wire:
        case "anthropic.messages":
            yield from _anthropic(part.kind, part.raw)
        case "openai.responses":
            yield from _responses(part.kind, part.raw)
        case "gemini.generate":
            yield from _gemini(part.kind, part.raw)


def executed(told: Any) -> Iterator[ToolCallPart | ToolResultPart]:
    """Groq's executed tools."""
    for number, tool in enumerate(_executed(told)):
        yield _call(f"executed_{number}", tool.get("name") or tool.get("type"), tool.get("arguments"))
        if (output := tool.get("output")) is not None:
            yield _result(f"executed_{number}", output)


def _anthropic(kind: str, raw: Mapping[str, Any]) -> Iterator[ToolCallPart | ToolResultPart]:
    if kind in ("server_tool_use", "mcp_tool_use"):
        yield _call(raw.get("id"), raw.get("name"), raw.get("input"))
    elif kind.endswith("_tool_result"):
        content = raw.get("content")
        failed = bool(raw.get("is_error")) or (isinstance(content, Mapping) and "error_code" in content)
        yield _result(raw.get("tool_use_id"), content, failed=failed)


def _responses(kind: str, raw: Mapping[str, Any]) -> Iterator[ToolCallPart | ToolResultPart]:
    own = raw.get("call_id") or raw.get("id")
    if kind.endswith("_output"):
        yield _result(own, raw.get("output", raw.get("tools")), failed=raw.get("status") in _FAILED)
    elif kind.endswith("_call") and not _is_ours(kind, raw):
        action = _mapping(raw.get("action"))
        asked: Any = raw.get("arguments") or {
            name: raw[name] for name in ("code", "queries") if raw.get(name)
        }
        if action:
            asked = {
                name: value for name, value in action.items() if value and name not in ("type", "sources")
            }
            if "query" in asked:
                asked.pop("queries", None)
        yield _call(own, raw.get("name") or kind.removesuffix("_call"), asked)
        found = next((raw[name] for name in ("error", "output", "outputs", "results") if raw.get(name)), None)
        found = found if found is not None else action.get("sources")
        failed = bool(raw.get("error")) or raw.get("status") in _FAILED
        if found is not None or failed:
            yield _result(own, found, failed=failed)


def _is_ours(kind: str, raw: Mapping[str, Any]) -> bool:
    place = raw.get("environment")
    hosted = isinstance(place, Mapping) and place.get("type") == _AT_THEIRS
    return kind in _OURS or (kind == "shell_call" and not hosted) or raw.get("execution") == "client"


def _gemini(kind: str, raw: Mapping[str, Any]) -> Iterator[ToolCallPart | ToolResultPart]:
    inner = raw.get(kind)
    if not isinstance(inner, Mapping):
        return
    match kind:
        case "executableCode":
            yield _call(inner.get("id"), "code_execution", {"code": inner.get("code")})
        case "codeExecutionResult":
            failed = inner.get("outcome") not in ("OUTCOME_OK", None)
            yield _result(inner.get("id"), inner.get("output") or inner.get("outcome"), failed=failed)
        case "toolCall":
            yield _call(inner.get("id"), str(inner.get("toolType")).lower(), inner.get("args"))
        # A toolResponse is a page of HTML for a browser: what was found stands beside the answer.


def _beside(
    raw: Mapping[str, Any], *, searched: ToolCallPart | None
) -> Iterator[ToolCallPart | ToolResultPart]:
    """What is told of tools outside of the message: Gemini's sources (also of a search that has a block of its own),
    Groq's executed tools."""
    grounding, pages, message = (
        _mapping(raw.get(name)) for name in ("groundingMetadata", "urlContextMetadata", "message")
    )
    if isinstance(queries := grounding.get("webSearchQueries"), list) and queries:
        sources = [
            source for chunk in _mappings(grounding.get("groundingChunks")) if (source := chunk.get("web"))
        ]
        if searched is None:
            yield _call("grounding", "google_search", {"queries": [query for query in queries if query]})
        yield _result("grounding" if searched is None else searched.id, sources)
    if urls := _mappings(pages.get("urlMetadata")):
        yield _call("url_context", "url_context", {"urls": [page.get("retrievedUrl") for page in urls]})
        states = [
            str(page.get("urlRetrievalStatus", "")).removeprefix("URL_RETRIEVAL_STATUS_") for page in urls
        ]
        yield _result("url_context", ", ".join(states).lower(), failed=any(s == "ERROR" for s in states))
    yield from executed(message.get("executed_tools"))


def _executed(told: Any) -> list[Mapping[str, Any]]:
    """Tools that are told of chunk by chunk, first that they run, then what came of them: the last word counts."""
    last: dict[Any, Mapping[str, Any]] = {}
    for chunk in told if isinstance(told, list) else ():
        for place, tool in enumerate(chunk if isinstance(chunk, list) else [chunk]):
            if isinstance(tool, Mapping):
                last[index if isinstance(index := tool.get("index"), int) else place] = tool
    return list(last.values())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _call(id: Any, name: Any, asked: Any) -> ToolCallPart:
    if isinstance(asked, str):
        try:
            asked = json.loads(asked)
        except (ValueError, RecursionError):
            asked = {"input": asked}
    given = asked if isinstance(asked, Mapping) else {} if asked is None else {"input": asked}
    return ToolCallPart(None if id is None else str(id), str(name), given)


def _result(id: Any, found: Any, *, failed: bool = False) -> ToolResultPart:
    return ToolResultPart(None if id is None else str(id), "\n".join(_lines(found)).strip(), is_error=failed)


def _lines(found: Any) -> Iterator[str]:
    """What was found, in words: sources by title and address, what code printed, what went wrong."""
    match found:
        case None:
            return
        case str():
            yield found
        case list():
            for each in found:
                yield from _lines(each)
        case Mapping():
            said = [found[name] for name in ("stdout", "stderr", "text", "logs", "output") if found.get(name)]
            if wrong := (found.get("error_code") or found.get("message")):
                yield f"error: {wrong}"
            elif said:
                for each in said:
                    yield from _lines(each)
            elif where := (found.get("url") or found.get("uri") or found.get("filename")):
                yield " – ".join(str(each) for each in (found.get("title"), where) if each)
            elif inner := (found.get("content") or found.get("tool_references")):
                yield from _lines(inner)
            elif name := (found.get("tool_name") or found.get("name")):
                yield str(name)
        case _:
            yield str(found)
