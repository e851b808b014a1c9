"""What it means, in words and in an error, that a call was stopped."""

from __future__ import annotations

from llmkit.core import errors as e
from llmkit.core.signal import Signal


def stopped(signal: Signal) -> e.LLMKitError:
    """Why a call was cancelled: the clock, a limit, or somebody."""
    kept = "What arrived is kept in `error.partial`."
    if signal.timed_out:
        return e.DeadlineExceeded("The call ran out of time.", why="Its timeout passed.", hint=kept)
    return e.Aborted(f"The call was stopped: {signal.reason or 'llmkit is shutting down'}.", hint=kept)
