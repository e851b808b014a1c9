"""The providers llmkit knows, as data: where they are, which wire they speak, where their keys are.

Adding an OpenAI-compatible provider is adding a row here (and one in ``wire/dialects.py`` if it has ways
of its own).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Sdk = Literal["openai", "anthropic", "gemini", "azure", "vertex", "litellm", "local"]


@dataclass(frozen=True, slots=True)
class Preset:
    """One provider. ``default`` is the model that answers when none is named."""

    sdk: Sdk
    base_url: str
    env: tuple[str, ...] = ()
    wire: str = "openai.chat"
    needs_key: bool = True
    default: str | None = None


PRESETS: Mapping[str, Preset] = {
    "anthropic": Preset(
        "anthropic",
        "https://api.anthropic.com",
        ("ANTHROPIC_API_KEY",),
        wire="anthropic.messages",
        default="claude-sonnet-5-5",
    ),
    "openai": Preset(
        "openai",
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        wire="openai.responses",
        default="gpt-6-luna",
    ),
    "gemini": Preset(
        "gemini",
        "https://generativelanguage.googleapis.com",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        wire="gemini.generate",
        default="gemini-3.8-flash",
    ),
    "xai": Preset("openai", "https://api.x.ai/v1", ("XAI_API_KEY",), default="grok-4.7"),
    "groq": Preset(
        "openai", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",), default="openai/gpt-oss-120b"
    ),
    "openrouter": Preset(
        "openai", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), default="openai/gpt-6-luna"
    ),
    "deepseek": Preset(
        "openai", "https://api.deepseek.com", ("DEEPSEEK_API_KEY",), default="deepseek-v4-flash"
    ),
    "mistral": Preset("openai", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",)),
    "together": Preset("openai", "https://api.together.xyz/v1", ("TOGETHER_API_KEY",)),
    "azure": Preset("azure", "", ("AZURE_OPENAI_API_KEY",)),
    "vertex": Preset("vertex", "", wire="gemini.generate", default="gemini-3.8-flash"),
    "ollama": Preset("openai", "http://127.0.0.1:11434/v1", needs_key=False),
    "vllm": Preset("openai", "http://127.0.0.1:8000/v1", needs_key=False),
    "lmstudio": Preset("openai", "http://127.0.0.1:1234/v1", needs_key=False),
    "llamacpp": Preset("openai", "http://127.0.0.1:8080/v1", needs_key=False),
    "local": Preset("local", "", needs_key=False),
    "litellm": Preset("litellm", "", needs_key=False),
    "compatible": Preset("openai", "", needs_key=False),
}

#: Other words for the same provider.
SYNONYMS: Mapping[str, str] = {
    "google": "gemini",
    "grok": "xai",
    "x-ai": "xai",
    "claude": "anthropic",
    "azure-openai": "azure",
    "vertexai": "vertex",
    "vertex-ai": "vertex",
    "lm-studio": "lmstudio",
    "llama.cpp": "llamacpp",
    "openai-compatible": "compatible",
}

#: Short words of a config's ``api:`` for the wires.
APIS: Mapping[str, str] = {
    "chat": "openai.chat",
    "responses": "openai.responses",
    "messages": "anthropic.messages",
    "generate": "gemini.generate",
}
