"""What it means that a call is stopped: for its task, and in words.

Who stops it, and when, is the signal's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from llmkit.core import errors as e
from llmkit.core.signal import Signal
from llmkit.engine.loop import IOThread


def stopped(signal: Signal) -> e.LLMKitError:
    """Why a call was cancelled: the clock, a limit, or somebody."""
    kept = "What arrived is kept in `error.partial`."
    if signal.timed_out:
        longer = f"Give it longer (timeout=, in a cell --timeout). {kept}"
        return e.DeadlineExceeded("The call ran out of time.", why="Its timeout passed.", hint=longer)
    return e.Aborted(f"The call was stopped: {signal.reason or 'llmkit is shutting down'}.", hint=kept)


@contextmanager
def stoppable(signal: Signal, thread: IOThread) -> Iterator[None]:
    """Inside, the running task is cancelled when the signal says so or its deadline has come."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("A call runs as a task of the I/O thread.")
    forget = signal.on_abort(lambda _: thread.call(task.cancel), clock=False)
    left = signal.remaining
    alarm = None if left is None else thread.loop.call_later(left, signal.abort, "timeout")
    try:
        yield
    finally:
        forget()
        if alarm is not None:
            alarm.cancel()
