"""A stream shown where it was begun by a program rather than by a cell's magic: an agent's run, say."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from llmkit.core.errors import Aborted
from llmkit.core.reply import Reply
from llmkit.notebook.live import LiveAnswer, answer_for, has_something, reason
from llmkit.notebook.terminal import to_stdout

if TYPE_CHECKING:
    from llmkit.engine.stream import Stream


def show(stream: Stream, label: str) -> Reply:
    """Show it to its end, step by step, and give the reply; stopping it keeps what came."""
    answer = _answer(label)
    try:
        answer.start(stream.stop)
        for batch in stream.batches():
            answer.take(batch)
    except KeyboardInterrupt:
        stream.close()
        answer.end(stream.partial, "Interrupted. This is as far as it came.")
        raise
    finally:
        stream.close()
    error, reply = stream.error, stream.partial
    if error is not None and not isinstance(error, Aborted):
        answer.end(reply, reason(error) if has_something(reply) else "No answer came.")
        raise error
    answer.end(reply, "" if error is None else reason(error))
    return reply


def _answer(label: str) -> LiveAnswer:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None:
        return LiveAnswer(label, terminal=to_stdout)
    return answer_for(shell, label)
