"""How hard a model can be told to think, as data: which words of effort which model takes.

That a model thinks at all, and in which manner it is asked, is in the catalogue (``ModelFacts.thinking``).
"""

from __future__ import annotations

import re

#: From no thinking to all that there is.
ORDER = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
#: Up to how many tokens a budget counts as which level, for models that take no budgets.
_BUDGETS = ((0, "off"), (2_048, "low"), (12_288, "medium"))

# From the reference of ``reasoning_effort`` in OpenAI's SDK (none since gpt-5.1, xhigh since
# gpt-5.1-codex-max, gpt-5-pro only high, minimal with gpt-5), and Google's and Groq's manuals.
_WORDS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"openai/gpt-5-pro", ("high",)),
        (r"openai/gpt-5\.\d+-pro", ("medium", "high", "xhigh")),
        (r"openai/gpt-5(-mini|-nano|-codex|-20\d\d.*)?$", ("minimal", "low", "medium", "high")),
        (r"openai/gpt-5\.1-codex-max", ("low", "medium", "high", "xhigh")),
        (r"openai/gpt-5\.1", ("none", "low", "medium", "high")),
        (r"openai/(gpt-5\.|gpt-6)", ("none", "low", "medium", "high", "xhigh")),
        (r"openai/o\d", ("low", "medium", "high")),
        (r"[^/]+/(openai/)?gpt-oss", ("low", "medium", "high")),
        (r"gemini/gemini-(3|4).*-pro", ("low", "medium", "high")),
        (r"gemini/gemini-[3-9]", ("minimal", "low", "medium", "high")),
    )
)


def words(full_name: str) -> tuple[str, ...] | None:
    """The words that this model ("provider/model") takes, the least first; ``None`` where nobody knows.

    >>> words("openai/gpt-5-mini")[0], words("openai/gpt-5.1")[0], words("ollama/llama")
    ('minimal', 'none', None)
    """
    return next((known for pattern, known in _WORDS if pattern.match(full_name)), None)


def nearest(word: str, known: tuple[str, ...]) -> str:
    """The word among those known that comes nearest; of two, the one that thinks more.

    >>> nearest("none", ("minimal", "low")), nearest("xhigh", ("low", "medium", "high"))
    ('minimal', 'high')
    """
    if word in known or word not in ORDER:
        return word
    at = ORDER.index(word)
    return min(known, key=lambda w: (abs(ORDER.index(w) - at), -ORDER.index(w)))


def level(budget: int) -> str:
    """A budget of thinking tokens as a level.

    >>> level(0), level(5_000), level(50_000)
    ('off', 'medium', 'high')
    """
    return next((name for limit, name in _BUDGETS if budget <= limit), "high")
