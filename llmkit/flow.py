"""Steps of a flow that ask a model, and how steps compose: one after the other, side by side, or one of several.

A step is anything with ``await step.execute(context)`` and ``step.abort()``; the context is a mapping that the steps
read from and write to. There is no graph, no scheduler and no store: that is for those who call.

>>> plan, text = LLMStep(name="plan", prompt="Plan: {topic}"), LLMStep(prompt="Carry out: {plan}")
>>> (await Sequence(plan, text).execute({"topic": "a birthday"}))["final_response"]  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, MutableMapping
from typing import Any, Protocol

from llmkit.core.errors import Aborted, BadRequest
from llmkit.core.signal import Signal
from llmkit.engine.session import Session, default_session
from llmkit.engine.stream import Stream
from llmkit.routing.orchestrator import orchestrator

Context = MutableMapping[str, Any]
_NAME = re.compile(r"\{([A-Za-z_]\w*)\}")

__all__ = ["Branch", "Context", "LLMStep", "Parallel", "Sequence", "Step"]


class Step(Protocol):
    """One step of a flow."""

    async def execute(self, context: Context) -> Context:
        """Do it: read from the context, and write to it."""

    def abort(self, reason: str = "aborted") -> None:
        """Stop it, from any thread."""


class LLMStep:
    """Asks a model. Reads ``prompt``, ``model`` and ``timeout`` from the context where the step does not say them;
    keeps the answer so far in ``partial_response``, the whole one in ``final_response`` (and under ``name``), the
    reply in ``reply``, and in ``stream_aborted`` whether it was stopped; then there is no ``final_response``.

    >>> step = LLMStep(task="summarisation", session=Session({}))
    >>> asyncio.run(step.execute({"prompt": "Why is the sky blue?"}))["stream_aborted"]
    False

    In a ``prompt`` of the step, ``{name}`` stands for what the context has of that name. Without a model the
    orchestrator picks one for the ``task``. ``options`` are those of ``llmkit.stream``.
    """

    def __init__(
        self,
        task: str | None = None,
        *,
        name: str | None = None,
        prompt: str | Callable[[Context], str] | None = None,
        model: str | None = None,
        strategy: str | None = None,
        timeout: float | None = None,
        session: Session | None = None,
        **options: Any,
    ) -> None:
        self.task, self.name, self.prompt, self.model, self.strategy = task, name, prompt, model, strategy
        self.timeout = timeout
        self._session = session
        self._options = options
        self._signals: set[Signal] = set()

    async def execute(self, context: Context) -> Context:
        """Ask, and keep in the context what comes, as it comes. A failure raises, with what came in the context."""
        context["partial_response"], context["stream_aborted"] = "", False
        signal = Signal.never()
        self._signals.add(signal)
        try:
            stream = self._stream(context, signal)
            for earlier in ("final_response", "reply"):  # of a step before this one
                context.pop(earlier, None)
            async for _ in stream:
                context["partial_response"] = stream.text
            context["partial_response"] = stream.text
            if isinstance(stream.error, Aborted):
                context["stream_aborted"] = True
                return context
            reply = await stream
        finally:
            self._signals.discard(signal)
        context["reply"], context["final_response"] = reply, reply.text
        if self.name is not None:
            context[self.name] = reply.text
        return context

    def abort(self, reason: str = "aborted") -> None:
        """Stop what this step is doing just now."""
        for signal in list(self._signals):
            signal.abort(reason)

    def _stream(self, context: Context, signal: Signal) -> Stream:
        prompt = self._prompt(context)
        model = self.model or context.get("model")
        timeout = self.timeout if self.timeout is not None else context.get("timeout")
        session = self._session or default_session()
        more = {**self._options, "timeout": timeout, "signal": signal}
        if self.task is None and self.strategy is None:
            return session.stream(prompt, model=model, **more)
        return orchestrator(session).execute(self.task, self.strategy, prompt, preferred=model, **more)

    def _prompt(self, context: Context) -> Any:
        if callable(self.prompt):
            return self.prompt(context)
        if self.prompt is None:
            if "prompt" not in context:
                raise BadRequest(
                    "The step has nothing to ask.", hint='Put a "prompt" into the context, or into the step.'
                )
            return context["prompt"]
        missing = [name for name in _NAME.findall(self.prompt) if name not in context]
        if missing:
            raise BadRequest(
                f"The step's prompt names {missing[0]!r}, which the context does not have.",
                why=f"It has {', '.join(map(str, context)) or 'nothing'}.",
                hint="A step before it may write it under its name=.",
            )
        return _NAME.sub(lambda found: str(context[found[1]]), self.prompt)


class Sequence:
    """One step after the other, on one context; stops where one was aborted.

    >>> flow = Sequence(LLMStep(name="plan", model="sim/sage"), LLMStep(prompt="Carry out: {plan}", model="sim/swift"))
    """

    def __init__(self, *steps: Step) -> None:
        self.steps = steps

    async def execute(self, context: Context) -> Context:
        """All of them, in order."""
        for step in self.steps:
            context = await step.execute(context)
            if context.get("stream_aborted"):
                break
        return context

    def abort(self, reason: str = "aborted") -> None:
        """Stop the one that runs."""
        for step in self.steps:
            step.abort(reason)


class Parallel:
    """Steps side by side, each on a copy of the context: what they write is in ``context["parts"][name]`` while they
    run, and their answers under their names when they are done. If one fails, the others are stopped."""

    def __init__(self, **steps: Step) -> None:
        self.steps = steps

    async def execute(self, context: Context) -> Context:
        """All of them, at the same time."""
        before = {key: value for key, value in context.items() if key != "parts"}
        parts: dict[str, Context] = {name: dict(before) for name in self.steps}
        context["parts"] = parts
        tasks = [asyncio.ensure_future(step.execute(parts[name])) for name, step in self.steps.items()]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        context.update({name: part.get("final_response") for name, part in parts.items()})
        context["stream_aborted"] = any(part.get("stream_aborted", False) for part in parts.values())
        return context

    def abort(self, reason: str = "aborted") -> None:
        """Stop them all."""
        for step in self.steps.values():
            step.abort(reason)


class Branch:
    """One of several steps: the one that ``choose(context)`` names (for a question of yes or no: ``yes`` and ``no``).
    A name that there is no step for passes by."""

    def __init__(self, choose: Callable[[Context], str | bool], **steps: Step) -> None:
        self.choose = choose
        self.steps = steps

    async def execute(self, context: Context) -> Context:
        """The one that is chosen."""
        chosen = self.choose(context)
        name = {True: "yes", False: "no"}.get(chosen, chosen) if isinstance(chosen, bool) else chosen
        step = self.steps.get(str(name))
        return context if step is None else await step.execute(context)

    def abort(self, reason: str = "aborted") -> None:
        """Stop the one that runs."""
        for step in self.steps.values():
            step.abort(reason)
