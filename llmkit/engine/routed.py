"""A call that may go to several models: asked one after the other, until one has answered.

Which is next is decided in ``failover.py``; each is a call of its own (``call.py``) with its own rows in the
ledger, all with one id, one signal and the same budgets. The conversation is written anew for every wire.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from llmkit.core import errors as e
from llmkit.core.events import (
    Done,
    Event,
    Failed,
    Rerouted,
    Text,
    Thinking,
    ToolCall,
    ToolCallDelta,
)
from llmkit.core.reply import Reply
from llmkit.core.request import Request
from llmkit.core.route import Route, Tried
from llmkit.core.usage import Cost, add_costs, add_usages
from llmkit.engine.cached import CachedCall
from llmkit.engine.call import Call
from llmkit.engine.failover import Course, Health, Plan
from llmkit.engine.gates import Gates
from llmkit.engine.loop import IOThread
from llmkit.engine.recording import Recorder
from llmkit.engine.relay import Relay, Whole
from llmkit.engine.stream import Channel
from llmkit.engine.tool_runs import Workplace

_VISIBLE = (Text, Thinking, ToolCall, ToolCallDelta)

#: Makes the call of that target: (target, request, attempts before it, tries, what the ledger says of the route).
Begin = Callable[[str, Request, int, int | None, str], Call | CachedCall]


class _Passage(Relay):
    """Passes one model's events on; or holds them until they are let through."""

    __slots__ = ("held", "hold", "seen")

    def __init__(self, to: Channel, show: Callable[[list[Event]], object], *, hold: bool) -> None:
        super().__init__(to, show)
        self.hold = hold
        self.held: list[Event] = []
        self.seen = False

    def passed(self, batch: list[Event]) -> None:
        """Show them, or hold them."""
        if self.hold:
            self.held += batch
        else:
            self.seen = self.seen or any(isinstance(event, _VISIBLE) for event in batch)
            self._show(batch)

    def release(self) -> None:
        """Let through what was held."""
        if self.held:
            self._show(self.held)


@dataclass
class Routed(Whole):
    """One answer of one of several models."""

    plan: Plan
    begin: Begin
    gates: Gates
    #: The provider and the model's name there, of a target.
    resolve: Callable[[str], tuple[str, str]]
    id: str
    first: tuple[str, Call | CachedCall] | None = None
    before: int = 0
    #: Told which target answered: the next round of a call with tools begins there.
    stays: Callable[[str, Route], object] = lambda *_: None
    #: What the ledger says after the route: "round 2".
    remark: str = ""
    route: Route = field(init=False)
    leg: Call | CachedCall | None = None
    rejected: list[Reply] = field(default_factory=list)
    causes: list[e.LLMKitError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.route = self.plan.route
        self.attempts = self.before

    def partial(self) -> Reply:
        """The reply as far as it has come, asked for from any thread."""
        leg = self.leg
        reply = Reply(complete=False) if leg is None else leg.partial()
        return reply.with_(route=self.route)

    def ring(self, events: Sequence[Event]) -> None:
        """Tell those who listen to events."""
        if self.leg is not None:
            self.leg.ring(events)

    async def legs(self, thread: IOThread) -> Done | Failed:
        """From one target to the next."""
        gates = self.gates.on(thread)
        course = Course(self.plan.targets, self.health, gates.budget(""), most=self.plan.most)
        checked = False
        came_from: tuple[str, str, bool] | None = None
        partial: Reply | None = None
        held: _Passage | None = None
        while (target := course.next(checked=checked)) is not None:
            if came_from is not None:
                origin, why, anew = came_from
                move: list[Event] = [Rerouted(origin, target, why, anew)]
                self.ring(move)
                self.show(move)
            last, passage, seconds = await self.ask(target, course, thread)
            match last:
                case Done(reply):
                    course.succeeded()
                    self.attempts += reply.attempts
                    no = await self.refusal(reply) if passage.hold else None
                    self.route = self.route.then(
                        Tried(target, "ok" if no is None else "not accepted", no or "", seconds)
                    )
                    if no is None:
                        passage.release()
                        self.stays(target, self.route)
                        return Done(self.whole(reply))
                    checked, came_from = True, (target, no, False)
                    self.rejected.append(reply)
                    held = passage
                case Failed(error, partial):
                    self.attempts += partial.attempts
                    self.route = self.route.then(Tried(target, error.kind, error.what, seconds))
                    self.causes.append(error)
                    if not self.goes_on(error, passage):
                        passage.release()
                        return self.failed(error, partial)
                    if error.retryable:
                        course.failed()
                    checked, came_from = False, (target, error.what, passage.seen)
        if held is not None and not self.causes:  # the last word was no; it is still the best there is
            held.release()
            return Done(self.whole(self.rejected.pop()))
        return self.failed(self.all_failed(course), partial)

    async def ask(
        self, target: str, course: Course, thread: IOThread
    ) -> tuple[Done | Failed, _Passage, float | None]:
        """One model, to its end."""
        hold = self.plan.accept is not None and course.refuge
        passage = _Passage(self.channel, self.show, hold=hold)
        clock = time.monotonic()
        try:
            leg = await self.prepared(target, tries=1 if course.refuge else None)
        except e.LLMKitError as error:
            nothing = Reply(cost=Cost(Decimal(0), source="not-billed"), complete=False, attempts=0)
            return Failed(error, nothing), passage, None
        self.leg = leg
        return await passage.carry(leg, self.request.signal, thread), passage, time.monotonic() - clock

    async def prepared(self, target: str, *, tries: int | None) -> Call | CachedCall:
        """The call of a target; the loop does not wait while a long one is written."""
        first, self.first = self.first, None
        if first is not None and first[0] == target:
            leg = first[1]
            (leg.call if isinstance(leg, CachedCall) else leg).tries = tries
            return leg
        return await asyncio.to_thread(self.begin, target, self.request, self.attempts, tries, self.remark)

    def health(self, target: str) -> Health:
        """How a target is doing."""
        try:
            return self.gates.health(*self.resolve(target))
        except e.LLMKitError:  # asking it will say what is wrong
            return Health()

    def goes_on(self, error: e.LLMKitError, passage: _Passage) -> bool:
        """Is another one asked after that?"""
        if self.request.signal.aborted or (passage.seen and not self.plan.restart):
            return False
        return self.plan.moves(error)

    async def refusal(self, reply: Reply) -> str | None:
        """Why an answer is not good enough, by whom the plan has look at it."""
        if self.plan.accept is None:
            return None
        try:
            # In a thread of its own: it may ask a model itself, and that must find a free one.
            said = await Workplace().run("", partial(self.plan.accept, reply), is_async=False)
        except Exception as error:  # noqa: BLE001 - somebody else's code
            return f"the check failed: {type(error).__name__}: {error}"
        if said is True or said is None or said == "":
            return None
        return said if isinstance(said, str) else "its answer was not accepted"

    # -- the ends -----------------------------------------------------------------------------

    def show(self, events: list[Event]) -> None:
        """Hand some events to the caller."""
        if self.recorder is not None and any(isinstance(event, Rerouted) and event.anew for event in events):
            self.recorder = Recorder()
        super().show(events)

    def whole(self, reply: Reply) -> Reply:
        """The answer, with what the ones that were not accepted took."""
        more: dict[str, Any] = {}
        if self.rejected:
            unsent = (
                reply.cost.source == "not-billed" and reply.usage.source == "unknown"
            )  # and hides nothing
            paid = self.rejected if unsent else [*self.rejected, reply]
            more["usage"] = add_usages([one.usage for one in paid])
            more["cost"] = add_costs([one.cost for one in paid])
        before = self.route.tried[:-1]
        if before and reply.complete:
            told = "; ".join(f"{one.model} did not ({one.why.rstrip('.') or one.outcome})" for one in before)
            more["notes"] = (*reply.notes, f"{self.route.tried[-1].model} answered; {told}.")
        return reply.with_(route=self.route, attempts=self.attempts - self.before, **more)

    def failed(self, error: e.LLMKitError, partial: Reply | None = None) -> Failed:
        """The end, with what came before it."""
        partial = self.partial() if partial is None else partial
        partial = self.whole(partial).with_(complete=False)
        error.partial = partial
        return Failed(error, partial)

    def all_failed(self, course: Course) -> e.LLMKitError:
        """Why nobody answered."""
        if len(self.causes) == 1 and not course.passed and not self.rejected:
            return self.causes[0]
        told = [f"{one.model}: {one.why or one.outcome}" for one in self.route.tried]
        told += [f"{name}: not asked, {why}" for name, why in course.passed.items()]
        return e.AllTargetsFailed(
            f"None of {len(told)} models could answer.",
            why="\n".join(told),
            hint="Each error is in `error.causes`. Add another model, or try again later.",
            causes=self.causes,
        )
