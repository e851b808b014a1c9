"""Several rounds of one answer as one reply: what was said last, and what all of it took. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmkit.core.messages import ToolCallPart
from llmkit.core.reply import Reply, Step, Timing
from llmkit.core.usage import add_costs, add_usages


def as_one(steps: Sequence[Step], *, took: float, complete: bool = True, notes: Sequence[str] = ()) -> Reply:
    """The last round's reply with the usage, cost and time of all, and the rounds themselves in ``steps``."""
    if not steps:
        return Reply(complete=False, notes=tuple(notes))
    replies = [step.reply for step in steps]
    last = replies[-1]
    # A last round of which nothing was sent adds nothing; unknown as it is, it must not hide what is known.
    unsent = last.cost.source == "not-billed" and not last.message.parts and last.usage.source == "unknown"
    counted = replies[:-1] if unsent and len(replies) > 1 else replies
    said = dict.fromkeys(note for reply in replies for note in reply.notes)
    return replace(
        last,
        usage=add_usages([reply.usage for reply in counted]),
        cost=add_costs([reply.cost for reply in counted]),
        timing=Timing(replies[0].timing.ttft, took),
        attempts=sum(reply.attempts for reply in replies),
        complete=complete and last.complete,
        simulated=any(reply.simulated for reply in replies),
        notes=(*said, *notes),
        steps=tuple(steps) if len(steps) > 1 or steps[0].results else (),
    )


class Failures:
    """Calls that failed, to notice when the model makes the very same one again."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, str]] = set()

    def again(self, call: ToolCallPart, why: str) -> bool:
        """Did this call fail in this way before?"""
        key = (call.name, call.arguments_json, why)
        known = key in self._seen
        self._seen.add(key)
        return known
