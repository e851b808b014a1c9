"""Short names for models, as data, and how a name is taken apart.

The aliases point at what is current; what is known of a model lives in ``catalogue.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmkit.models.catalogue import providers_of
from llmkit.models.names import home_of

#: Short name -> "provider/model". A config may add its own, which come first.
ALIASES: Mapping[str, str] = {
    "argon": "gemini/gemini-4-argon",
    "astra": "openai/gpt-6-astra",
    "deepseek": "deepseek/deepseek-v4-flash",
    "deepseek-pro": "deepseek/deepseek-v4-pro",
    "fable": "anthropic/claude-fable-5-2",
    "flash": "gemini/gemini-3.8-flash",
    "flash-lite": "gemini/gemini-3.5-flash-lite",
    "grok": "xai/grok-4.7",
    "haiku": "anthropic/claude-haiku-5-5",
    "luna": "openai/gpt-6-luna",
    "mistral": "mistral/mistral-large-latest",
    "opus": "anthropic/claude-opus-5-5",
    "oss": "groq/openai/gpt-oss-120b",
    "qwen": "groq/qwen/qwen3.8-27b",
    "sol": "openai/gpt-6.1-sol",
    "sonnet": "anthropic/claude-sonnet-5-5",
    "terra": "openai/gpt-6.1-terra",
    # the simulator's: they answer without a key
    "swift": "sim/swift",
    "sage": "sim/sage",
    "scholar": "sim/scholar",
    "poet": "sim/poet",
    "coder": "sim/coder",
}


def resolve(name: str) -> str:
    """The full name an alias stands for; any other name as it is.

    >>> resolve("sonnet"), resolve("my/model")
    ('anthropic/claude-sonnet-5-5', 'my/model')
    """
    return ALIASES.get(name.strip().lower(), name.strip())


def split(name: str) -> tuple[str | None, str]:
    """The provider and the model that a name means; ``None`` where no provider can be told.

    "provider/model" is taken at its word. A bare name goes to its vendor, or to the one provider of the
    catalogue that serves it.

    >>> split("luna"), split("groq/openai/gpt-oss-20b"), split("claude-opus-5-5"), split("what")
    (('openai', 'gpt-6-luna'), ('groq', 'openai/gpt-oss-20b'), ('anthropic', 'claude-opus-5-5'), (None, 'what'))
    """
    full = resolve(name)
    provider, slash, model = full.partition("/")
    if slash:
        return provider, model
    if (home := home_of(full)) is not None:
        return home, full
    serving = providers_of(full)
    return (serving[0] if len(serving) == 1 else None), full
