"""What llmkit does with each provider, as data: the matrix that the contract tests walk through.

A cell holds nothing where it works, and else one sentence that says why not; there is no third state. What a
single model can do is in the catalogue (``llmkit.models()``), prices and limits too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

#: The columns: what is asked of every provider, and how the heading reads.
COLUMNS: Mapping[str, str] = {
    "complete": "answer",
    "stream": "stream",
    "cancel": "stop",
    "tools": "tools",
    "parallel_tools": "parallel tools",
    "server_tools": "its own tools",
    "structured": "schema",
    "thinking": "thinking",
    "images": "images in",
    "error_401": "401",
    "error_404": "404",
    "error_429": "429",
    "error_500": "500",
    "mid_stream_error": "error mid-stream",
    "truncation": "cut off",
    "usage": "usage",
    "count": "count",
}

_NO_COUNT = "It has no endpoint that counts tokens."
_NO_OWN = "It has no tools of its own (search, code) in the API that llmkit speaks with it."
_NO_SERVER = "It runs in this process: there is no server that could answer so."
_NO_CALLS = 'llama.cpp\'s bindings read calls of tools only with `chat_format: "chatml-function-calling"`.'
#: A server that speaks chat completions, and nothing else.
_PLAIN_CHAT: Mapping[str, str] = {"server_tools": _NO_OWN, "count": _NO_COUNT}

#: The rows, and what each lacks. "openai (chat)" is OpenAI with ``api: chat``.
LACKS: Mapping[str, Mapping[str, str]] = {
    "anthropic": {},
    "openai": {},
    "openai (chat)": {"server_tools": _NO_OWN},
    "gemini": {},
    "vertex": {},
    "azure": {"server_tools": _NO_OWN},
    "xai": _PLAIN_CHAT,
    "groq": {"count": _NO_COUNT},
    "openrouter": {"count": _NO_COUNT},
    "deepseek": _PLAIN_CHAT,
    "mistral": _PLAIN_CHAT,
    "together": _PLAIN_CHAT,
    "ollama": _PLAIN_CHAT,
    "vllm": _PLAIN_CHAT,
    "lmstudio": _PLAIN_CHAT,
    "llamacpp": _PLAIN_CHAT,
    "compatible": {"server_tools": _NO_OWN},
    "litellm": {
        "server_tools": _NO_OWN,
        "count": "What LiteLLM counts is its own guess, not the provider's count.",
    },
    "local": {
        "server_tools": _NO_OWN,
        "tools": _NO_CALLS,
        "parallel_tools": _NO_CALLS,
        "thinking": "It can't be told how hard to think; what a model thinks is in its text.",
        "images": "Pictures need a second file, which llmkit does not load.",
        "error_401": _NO_SERVER,
        "error_404": _NO_SERVER,
        "error_429": _NO_SERVER,
        "usage": "Its streams don't say how many tokens they were; the ledger estimates them.",
        "count": _NO_COUNT,
    },
    "sim": {"server_tools": _NO_OWN},
}


def why_not(provider: str, column: str) -> str:
    """Why this does not work there; "" where it does, or where nobody knows that provider.

    >>> why_not("groq", "count"), why_not("anthropic", "count")
    ('It has no endpoint that counts tokens.', '')
    """
    if column not in COLUMNS:
        raise KeyError(f"The matrix has no column {column!r}; it has {', '.join(COLUMNS)}.")
    return LACKS.get(provider, {}).get(column, "")


def matrix() -> dict[str, dict[str, bool]]:
    """The whole of it: what works with each provider.

    >>> matrix()["deepseek"]["tools"]
    True
    """
    return {
        provider: {column: column not in lacks for column in COLUMNS} for provider, lacks in LACKS.items()
    }


def as_text() -> str:
    """The matrix for a terminal: a row for each provider, and below it why what is missing is missing."""
    return _drawn("●", "·{}", _plain)


def as_markdown() -> str:
    """The matrix as a table in Markdown, with the same notes."""
    return _drawn("✓", "–<sup>{}</sup>", _table)


def _drawn(yes: str, no: str, draw: Callable[[list[list[str]]], str]) -> str:
    reasons = list(dict.fromkeys(why for lacks in LACKS.values() for why in lacks.values()))
    rows = [["provider", *COLUMNS.values()]]
    for provider, lacks in LACKS.items():
        cells = [no.format(reasons.index(lacks[c]) + 1) if c in lacks else yes for c in COLUMNS]
        rows.append([provider, *cells])
    notes = "\n".join(f"{at}. {why}" for at, why in enumerate(reasons, 1))
    return f"{draw(rows)}\n\n{notes}\n"


def _plain(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _table(rows: list[list[str]]) -> str:
    head, *rest = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, f"|---|{':-:|' * len(COLUMNS)}", *rest])
