"""What the providers' counting endpoints take of a request's body, and where they say how many tokens it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TAKEN: Mapping[str, tuple[str, ...]] = {
    "anthropic.messages": (
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
    ),
    "openai.responses": ("model", "input", "instructions", "tools", "tool_choice", "text", "reasoning"),
}
_TOLD = ("input_tokens", "totalTokens", "total_tokens")


def countable(wire: str, body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The part of a body that is counted.

    >>> countable("anthropic.messages", {"model": "m", "messages": [], "max_tokens": 9}, "m")
    {'model': 'm', 'messages': []}
    """
    if wire == "gemini.generate":
        return {"generateContentRequest": {"model": f"models/{model}", **body}}
    return {name: body[name] for name in _TAKEN[wire] if name in body}


def counted(answer: Any) -> int | None:
    """The number in a counting endpoint's answer."""
    found = [answer.get(name) for name in _TOLD] if isinstance(answer, Mapping) else []
    return next((n for n in found if isinstance(n, int) and not isinstance(n, bool) and n >= 0), None)
