"""Tool calls of OpenAI's Chat Completions, put together from fragments: which fragment belongs to whom.

By rights every fragment has an index, and the first one the call's id and name. Some servers leave out
the index or the id, repeat the name, give every call the same index, or send calls whole.
"""

from __future__ import annotations

import json
from typing import Any

from llmkit.core.events import Event, ToolCallDelta
from llmkit.wire.draft import Draft, ToolDraft, read_arguments
from llmkit.wire.fields import words


class CallReader:
    """Reads fragments into the draft's tool calls."""

    __slots__ = ("_draft", "_slots")

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._slots: dict[int | str, ToolDraft] = {}

    def take(self, call: dict[str, Any], out: list[Event], *, whole: bool = False) -> None:
        """One fragment, or (``whole``) one call of a message that came whole."""
        function, custom = call.get("function") or {}, call.get("custom") or {}
        name, arguments = _name(function.get("name")), function.get("arguments")
        free_text = not name and not arguments and any(custom.values())
        if free_text:
            name, arguments = _name(custom.get("name")), custom.get("input")
        id_ = str(call["id"]) if call.get("id") else None
        if not (name or id_ or arguments):
            return  # a field that is there for form's sake
        tool = None if whole else self._known(call.get("index"), id_, name, begins=not arguments)
        unnamed = tool is not None and not (id_ and tool.id == id_)
        if tool is not None and unnamed and name and tool.name and arguments and _is_whole(tool):
            tool = None  # one call after the other, with nothing but the name to tell them apart
        fresh = tool is None
        if tool is None:
            tool = self._draft.new_tool(id_, name)
        tool.id = tool.id or id_
        if name != tool.name and not tool.pieces:
            tool.name += name  # a name in fragments
        tool.text_only = tool.text_only or free_text
        if isinstance(call.get("index"), int | str):
            self._slots[call["index"]] = tool
        google = (call.get("extra_content") or {}).get("google") or {}
        tool.signature = _name(google.get("thought_signature")) or tool.signature
        if isinstance(arguments, dict):
            tool.arguments = arguments
        fragment = _fragment(arguments)
        if fragment:
            tool.pieces.append(fragment)
        if fragment or fresh:
            out.append(ToolCallDelta(tool.index, fragment, tool.name if fresh else ""))

    def _known(self, index: Any, id_: str | None, name: str, *, begins: bool) -> ToolDraft | None:
        """The call that this fragment goes on with; ``None`` if it begins a new one."""
        tools = self._draft.tools
        if not tools:
            return None
        if id_ and (known := next((tool for tool in tools if tool.id == id_), None)):
            return known
        if isinstance(index, int | str):
            tool = self._slots.get(index)
            another = tool is not None and id_ and tool.id and (name or begins)
            return None if another else tool
        if (id_ and name) or (name and name != tools[-1].name):
            return None
        return tools[-1]


def _name(value: Any) -> str:
    return "" if value is None else words(value)


def _fragment(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else json.dumps(arguments, ensure_ascii=False)


def _is_whole(tool: ToolDraft) -> bool:
    if tool.arguments is not None:
        return True
    ends = bool(tool.pieces) and tool.pieces[-1].rstrip().endswith("}")
    return ends and isinstance(read_arguments("".join(tool.pieces)), dict)
