"""Whose model a name means, told from the name alone. Data and a few rules; no catalogue here."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Other words for the same provider.
SYNONYMS: Mapping[str, str] = {
    "google": "gemini",
    "google-genai": "gemini",
    "claude": "anthropic",
    "x-ai": "xai",
    "grok": "xai",
    "azure-openai": "azure",
    "aws": "bedrock",
    "moonshotai": "moonshot",
}

# Only models that their vendor alone serves: of an open one the name doesn't say who answers.
_VENDORS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("anthropic", re.compile(r"claude-")),
    ("openai", re.compile(r"(?:gpt-(?!oss|neo|j-)|chatgpt-|o[1-9](?:$|-)|codex-|computer-use-|ft:gpt-)")),
    ("gemini", re.compile(r"gemini-")),
    ("xai", re.compile(r"grok-")),
)
_HOME: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("deepseek", re.compile(r"deepseek-")),
    ("mistral", re.compile(r"(?:mistral|ministral|magistral|devstral|codestral|pixtral|voxtral|open-mi)")),
    ("sim", re.compile(r"sim(?:$|/)")),
)


def vendor_of(model: str) -> str | None:
    """The provider of a closed model; ``None`` for open models and unknown names.

    >>> vendor_of("claude-sonnet-5-5"), vendor_of("gpt-oss-120b")
    ('anthropic', None)
    """
    name = model.lower()
    return next((vendor for vendor, pattern in _VENDORS if pattern.match(name)), None)


def home_of(model: str) -> str | None:
    """The provider that a bare model name means, open models included where one provider is theirs.

    >>> home_of("deepseek-v4-flash"), home_of("llama-9")
    ('deepseek', None)
    """
    name = model.lower()
    return vendor_of(name) or next((home for home, pattern in _HOME if pattern.match(name)), None)
