"""An answer that uses tools: the model asks, the tools run, the model goes on, until it has answered.

One stream for all of it, with one signal, one deadline and the same budgets; each round is a call of its own
(``call.py``) with its own rows in the ledger. Where functions run is ``tool_runs.py``'s business, what they give
back becomes is ``tool_results.py``'s.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmkit.core import errors as e
from llmkit.core.events import Done, Failed, ToolCall, ToolResult
from llmkit.core.messages import Message, ToolCallPart, ToolResultPart
from llmkit.core.reply import Reply, Step
from llmkit.core.request import Request
from llmkit.engine.consent import Consent, Permissions
from llmkit.engine.loop import IOThread
from llmkit.engine.relay import Leg, Relay, Whole
from llmkit.engine.rounds import Failures, as_one
from llmkit.engine.stopping import stopped
from llmkit.engine.tool_results import failure_of, refusal_of, result_of
from llmkit.engine.tool_runs import Workplace
from llmkit.engine.toolbox import Toolbox
from llmkit.providers.keys import mask

DEFAULT_ROUNDS = 10
#: Functions of one call that run at the same time; the rest wait their turn.
_AT_ONCE = 8
#: Ways to stop after which calls may be cut off, and are not run.
_CUT = ("max_tokens", "refusal", "content_filter", "error")
_FORCED_ONCE = ("auto", "none", None)


#: Makes the call of that round, after so many attempts.
Begin = Callable[[Request, int, int], Leg]


@dataclass
class ToolLoop(Whole):
    """All rounds of one answer, whose rows in the ledger bear one ``id``."""

    id: str
    toolbox: Toolbox
    first: Leg
    begin: Begin
    max_rounds: int = DEFAULT_ROUNDS
    consent: Consent | None = None
    place: Workplace = field(default_factory=Workplace, kw_only=True)
    steps: list[Step] = field(default_factory=list)
    attempts: int = 0
    leg: Leg | None = None
    spoke: Leg | None = None
    permissions: Permissions = field(default_factory=Permissions)
    failures: Failures = field(default_factory=Failures)

    def partial(self) -> Reply:
        """The reply as far as it has come, asked for from any thread."""
        steps, leg = list(self.steps), self.leg
        if leg is not None and (now := leg.partial()).message.parts:
            steps.append(Step(now))
        return self.whole(steps, complete=False)

    async def legs(self, thread: IOThread) -> Done | Failed:
        """Ask, run what is asked for, ask again."""
        request = self.request
        for number in range(1, self.max_rounds + 2):
            if number == 1:
                self.leg = self.first
            else:
                self.leg = await asyncio.to_thread(self.begin, request, number, self.attempts)
            match await self.ask(self.leg, thread):
                case Failed(error, partial):
                    self.leg = None
                    self.steps.append(Step(partial))
                    return self.failed(error)
                case Done(reply):
                    self.leg = None
            self.attempts += reply.attempts
            calls = self.to_run(reply)
            if not calls and reply.stop_reason != "pause":
                self.steps.append(Step(reply))
                return Done(self.whole(self.steps))
            if number > self.max_rounds:
                self.steps.append(Step(reply))
                break
            self.steps.append(Step(reply, ()))
            results = await self.unless_stopped(self.answer(calls)) if calls else ()
            self.steps[-1] = Step(reply, results)
            self.give_up_on_the_same(calls, results)
            more = (reply.message, *([Message.tool(*results)] if results else []))
            choice = request.tool_choice if request.tool_choice in _FORCED_ONCE else "auto"
            request = request.with_(messages=(*request.messages, *more), tool_choice=choice)
        return self.failed(
            e.TooManyRounds(
                f"The model still asks for tools after {self.max_rounds} rounds.",
                why="Each round is a call that costs; this is where it was told to end.",
                hint="Allow more with max_rounds=, or ask for less at once. What came is in `error.partial`.",
            )
        )

    async def ask(self, leg: Leg, thread: IOThread) -> Done | Failed:
        """One round, to its end."""
        self.spoke = leg
        return await Relay(self.channel, self.show).carry(leg, self.request.signal, thread)

    def to_run(self, reply: Reply) -> tuple[ToolCallPart, ...]:
        """The calls that are ours. If one of them has no function here, all are handed back."""
        if str(reply.stop_reason) in _CUT:
            return ()
        known = {spec.name for spec in self.toolbox.specs}
        handed_back = [c for c in reply.tool_calls if c.name in known and c.name not in self.toolbox.tools]
        return () if handed_back or not self.toolbox.tools else reply.tool_calls

    # -- the tools ----------------------------------------------------------------------------

    async def answer(self, calls: Sequence[ToolCallPart]) -> tuple[ToolResultPart, ...]:
        """Run them, at the same time; the results are in the order of the calls."""
        gate = asyncio.Semaphore(_AT_ONCE)
        ready = [await self.plan(call) for call in calls]
        tasks = [
            asyncio.ensure_future(self.carry_out(call, plan, gate))
            for call, plan in zip(calls, ready, strict=True)
        ]
        results: list[ToolResultPart] = []
        try:
            for task in tasks:
                result = await task
                results.append(result)
                self.tell_of(ToolResult(result.id, result.name, result.content, result.is_error))
        finally:
            for task in tasks:
                task.cancel()
        return tuple(results)

    async def plan(self, call: ToolCallPart) -> ToolResultPart | Callable[[], Any]:
        """What to run for a call, or why nothing: checked, and allowed, before anything runs."""
        tool = self.toolbox.tools.get(call.name)
        if tool is None:
            names = ", ".join(sorted(self.toolbox.tools))
            return failure_of(
                call, e.ToolError(f"There is no tool {call.name!r}.", hint=f"There are: {names}.")
            )
        try:
            arguments = tool.read(call.arguments)
        except e.ToolArgumentsError as error:
            return failure_of(call, error)
        if self.consent is not None and not self.permissions.has(call.name):
            question = functools.partial(self.consent, ToolCall(call.id, call.name, call.arguments))
            try:
                given = await self.place.run("", question, is_async=False)
            except Exception as error:
                raise e.ToolError(
                    f"`consent` could not be asked whether {call.name} may run.",
                    why=f"It raised {type(error).__name__}: {mask(str(error))[:200]}.",
                    hint='It is called with the ToolCall, and returns True, "always", False or a reason to refuse. '
                    "The tool was not run; what came is in `error.partial`.",
                ) from error
            if (refused := self.permissions.take(call.name, given)) is not None:
                return refusal_of(call, refused)
        return tool.bind(arguments, self.request.signal)

    async def carry_out(
        self, call: ToolCallPart, plan: ToolResultPart | Callable[[], Any], gate: asyncio.Semaphore
    ) -> ToolResultPart:
        """Run one of them; whatever it raises is a result."""
        if isinstance(plan, ToolResultPart):
            return plan
        is_async = self.toolbox.tools[call.name].is_async
        async with gate:
            try:
                value = await self.place.run(call.name, plan, is_async=is_async)
                told: ToolResultPart = await self.place.run(
                    "", functools.partial(result_of, call, value), is_async=False
                )
                return told
            except Exception as error:  # noqa: BLE001 - somebody else's code; the model is told
                return failure_of(call, error)

    async def unless_stopped(self, work: Any) -> Any:
        """The result of the work, or, if the signal comes first, an error that says what goes on alone."""
        signal = self.request.signal
        doing, stop = asyncio.ensure_future(work), asyncio.ensure_future(signal.wait())
        try:
            await asyncio.wait({doing, stop}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
            raise stopped(signal)
        finally:
            stop.cancel()
            if not doing.done():
                doing.cancel()
                await asyncio.wait({doing})

    def give_up_on_the_same(self, calls: Sequence[ToolCallPart], results: Sequence[ToolResultPart]) -> None:
        """A model is told once what was wrong; the very same call once more would go on for ever."""
        for call, result in zip(calls, results, strict=True):
            if result.is_error and self.failures.again(call, result.content):
                kind = e.ToolError if call.name in self.toolbox.tools and call.valid else e.ToolArgumentsError
                raise kind(
                    f"The model made the same call of {call.name} again, and it failed in the same way.",
                    why=mask(result.content),
                    hint="Say in the prompt how the tool is meant, or mend the tool. "
                    "What came is in `error.partial`.",
                )

    # -- the ends -----------------------------------------------------------------------------

    def tell_of(self, result: ToolResult) -> None:
        """An event of the loop's own: to the caller, and to those who listen to the round's events."""
        if self.spoke is not None:
            self.spoke.ring([result])
        self.show([result])

    def whole(self, steps: Sequence[Step], *, complete: bool = True, notes: Sequence[str] = ()) -> Reply:
        """The rounds as one reply."""
        return as_one(steps, took=time.monotonic() - self.began, complete=complete, notes=notes)

    def failed(self, error: e.LLMKitError) -> Failed:
        """The end, with all that came before it."""
        notes = []
        if busy := self.place.busy:
            names = ", ".join(sorted(set(busy)))
            notes.append(
                f"{names} was still running and can't be ended from outside; what it gives back is thrown away."
            )
        partial = self.whole(self.steps, complete=False, notes=notes)
        error.partial = partial
        return Failed(error, partial)
