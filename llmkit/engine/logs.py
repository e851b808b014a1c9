"""What is written to Python's ``logging``: one line for each attempt, without a word of the prompt.

The logger is "llmkit", and it is quiet until somebody configures logging. Prompts and answers are written,
at level DEBUG, only where ``LLMKIT_LOG_PROMPTS=1`` says so.
"""

from __future__ import annotations

import logging
import os

from llmkit.core.errors import LLMKitError
from llmkit.core.reply import Reply
from llmkit.engine.hooks import Happening, Hooks
from llmkit.providers.keys import mask

_log = logging.getLogger("llmkit")
_log.addHandler(logging.NullHandler())
_LONGEST = 4_000


def listen(hooks: Hooks) -> None:
    """Write what these hooks tell."""
    hooks.requests.add(_asked)
    hooks.replies.add(_answered)
    hooks.errors.add(_failed)


def _name(news: Happening) -> str:
    where = "" if news.source == "provider" else f" from the {news.source}"
    return f"{news.provider}/{news.model}{where} (call {news.call[:8]}, attempt {news.attempt})"


def _asked(news: Happening) -> None:
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("llmkit: asking %s", _name(news))
        if _prompts_wanted():
            said = "\n".join((news.request.system or "", *(m.text for m in news.request.messages)))
            _log.debug("llmkit: prompt of call %s:\n%s", news.call[:8], mask(said)[:_LONGEST])


def _answered(news: Happening, reply: Reply) -> None:
    if not _log.isEnabledFor(logging.INFO):
        return
    usage, duration = reply.usage, reply.timing.duration
    _log.info(
        "llmkit: %s answered: %s in, %s out, %s, %s",
        _name(news),
        "?" if usage.total_input is None else usage.total_input,
        "?" if usage.output is None else usage.output,
        "? s" if duration is None else f"{duration:.2f} s",
        reply.cost,
    )
    if _prompts_wanted():
        _log.debug("llmkit: answer of call %s:\n%s", news.call[:8], mask(reply.text)[:_LONGEST])


def _failed(news: Happening, error: LLMKitError) -> None:
    # The kind only: a provider's words may quote the prompt.
    status = "" if error.status is None else f", status {error.status}"
    _log.info("llmkit: %s failed: %s%s", _name(news), error.kind, status)


def _prompts_wanted() -> bool:
    return os.environ.get("LLMKIT_LOG_PROMPTS", "") == "1"
