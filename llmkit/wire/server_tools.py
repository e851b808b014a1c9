"""Tools that a provider runs itself (search, code, …): which wire has them, as their providers write them.

They are passed on as they are; what is known here is only enough to refuse, before anything is sent, what a wire
has no such thing for. What they did comes back in the reply's message, as the provider's own blocks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.request import Request

_EXAMPLES = {
    "anthropic.messages": '{"type": "web_search_20250305", "name": "web_search"}',
    "openai.responses": '{"type": "web_search"}',
    "gemini.generate": '{"google_search": {}}',
}
#: Anthropic's are named by what they do and the day they were made.
_ANTHROPIC = re.compile(r"[a-z]+(?:_[a-z]+)*_\d{8}|mcp_toolset")
_RESPONSES = re.compile(
    r"web_search(?:_preview)?(?:_\d{4}_\d\d_\d\d|_\d{8})?|file_search|code_interpreter|image_generation|mcp|"
    r"computer(?:_use_preview)?|local_shell|shell|apply_patch|tool_search"
)
_GEMINI = re.compile(
    r"google_?search(?:_?retrieval)?|code_?execution|url_?context|google_?maps|file_?search|computer_?use|"
    r"enterprise_?web_?search|mcp_?servers|retrieval",
    re.IGNORECASE,
)
#: On chat completions, what some compatible servers have.
_CHAT = {
    "groq": re.compile(r"browser_search|code_interpreter"),
    "openrouter": re.compile(r"openrouter:[a-z_]+"),
}


def server_tools(request: Request, wire: str, dialect: str = "") -> list[dict[str, Any]]:
    """The request's server tools for the body; :class:`BadRequest` for one that this wire does not have."""
    for tool in request.server_tools:
        if not _has(wire, dialect, tool):
            example = _EXAMPLES.get(wire)
            raise BadRequest(
                f"{_name(tool)} is no tool that the provider of {request.model!r} runs itself.",
                why=f"This model is asked over {wire}"
                + (f", where such tools look like {example}." if example else ", which has none.")
                + " Nothing was sent.",
                hint="Give a function of yours, or ask a model of the provider that has this tool.",
            )
    return [dict(tool) for tool in request.server_tools]


def _has(wire: str, dialect: str, tool: Mapping[str, Any]) -> bool:
    kind = tool.get("type")
    match wire:
        case "anthropic.messages":
            return isinstance(kind, str) and _ANTHROPIC.fullmatch(kind) is not None
        case "openai.responses":
            return isinstance(kind, str) and _RESPONSES.fullmatch(kind) is not None
        case "gemini.generate":
            return bool(tool) and all(_GEMINI.fullmatch(name) for name in tool)
        case _:
            known = _CHAT.get(dialect)
            return known is not None and isinstance(kind, str) and known.fullmatch(kind) is not None


def _name(tool: Mapping[str, Any]) -> str:
    named = tool.get("type") or next(iter(tool), "")
    return repr(named) if isinstance(named, str) else "This"
