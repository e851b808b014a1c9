"""All of llmkit's errors under a short name; the tree itself is ``llmkit.core.errors``.

>>> try:  # doctest: +SKIP
...     reply = llmkit.ask("Why is the sky blue?")
... except llmkit.errors.RateLimited as error:
...     print(error.hint, error.partial)
"""

from llmkit.core.errors import *  # noqa: F403
