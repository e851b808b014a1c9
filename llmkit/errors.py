"""All of llmkit's errors under a short name; the tree itself is ``llmkit.core.errors``."""

from llmkit.core.errors import *  # noqa: F403
