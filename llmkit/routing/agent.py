"""An agent: a model that says how it will go about something, calls tools, and answers. Deliberately small.

Rounds, consent, limits and budgets are the engine's; which model it is may be left to the orchestrator. What is
kept here is the transcript: what was said and done, from which the next run, or another kernel, goes on.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

from llmkit.core.errors import BadRequest, UnknownModel
from llmkit.core.messages import Message
from llmkit.core.reply import Reply
from llmkit.core.request import ToolSpec
from llmkit.core.signal import Signal
from llmkit.engine.budget import Budget
from llmkit.engine.consent import Consent
from llmkit.engine.inputs import says_something
from llmkit.engine.session import Session, default_session
from llmkit.engine.stream import Stream
from llmkit.engine.tool_loop import DEFAULT_ROUNDS
from llmkit.engine.wholefile import write_whole
from llmkit.providers.keys import mask
from llmkit.routing.orchestrator import orchestrator
from llmkit.routing.tasks import TASKS, Task, task_of

PLAN = (
    "First say in a few numbered lines how you will go about it. Then call the tools that you need, one step after "
    "the other, and say in a word what each gave you. At the end give the answer, whole and by itself."
)
_VERSION = 1


class Agent:
    """Plans, calls tools, answers; can be stopped, and goes on from its transcript.

    >>> def weather(city: str) -> str:
    ...     "The weather in a city."
    ...     return "sunny"
    >>> agent = Agent("sim/tooler", tools=[weather], session=Session({}))
    >>> "sunny" in agent.ask("What is the weather in Paris?").text
    True
    >>> [message.role for message in agent.transcript]
    ['user', 'assistant', 'tool', 'assistant']

    ``model`` names one, or ``task`` (and ``strategy``) has one picked: ``Agent("planning")`` as well. ``budget`` is dollars for all its runs together;
    ``consent(call)`` is asked before each call of a tool; ``max_rounds`` bounds one run. ``plan=False``: it need not
    say what it is about to do. ``options`` are those of ``llmkit.stream``.
    """

    def __init__(
        self,
        model: str | None = None,
        tools: Iterable[ToolSpec | Callable[..., Any] | Mapping[str, Any]] = (),
        system: str | None = None,
        max_rounds: int = DEFAULT_ROUNDS,
        budget: float | str | Decimal | Budget | None = None,
        *,
        task: str | Task | None = None,
        strategy: str | None = None,
        consent: Consent | None = None,
        plan: bool = True,
        transcript: Sequence[Message] = (),
        session: Session | None = None,
        **options: Any,
    ) -> None:
        self.session = session or default_session()
        if task is None and model is not None and self._is_task(model):
            model, task = None, model
        self.model, self.task, self.strategy = model, task, strategy
        self.tools = list(tools)
        if system is None and task is not None:
            system = self._kind(task).system
        self.system = "\n\n".join(filter(None, (system, PLAN if plan and self.tools else None))) or None
        self.max_rounds = max_rounds
        self.budget = Budget.of_call(budget)
        self.consent = consent
        self._options = options
        self._before = tuple(transcript)
        self._running: Stream | None = None

    @classmethod
    def configured(
        cls,
        name: str,
        *,
        tools: Iterable[Callable[..., Any]] = (),
        session: Session | None = None,
        **more: Any,
    ) -> Agent:
        """The agent of that name, as the ``agents`` section of the configuration has it: its task, model, words and
        numbers. Of ``tools``, functions of yours, it gets those that it names (all, if it names none).

        >>> config = {"agents": {"critic": {"model": "sim/sage", "system": "Find faults.", "max_tokens": 50}}}
        >>> Agent.configured("critic", session=Session(config)).ask("It works on my machine.").usage.output <= 50
        True
        """
        session = session or default_session()
        known = session.registry.section("agents")
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=2)
            raise BadRequest(
                f"There is no agent {name!r} in the configuration.",
                why=f"Did you mean {' or '.join(map(repr, near))}?" if near else "No name there is like it.",
                hint=f"Write `agents: {{{name}: {{model: …}}}}` into llmkit.yaml.",
            )
        said = dict(known[name])
        wanted = said.pop("tools", None) or ()
        wanted = (wanted,) if isinstance(wanted, str) else wanted
        given = {function.__name__: function for function in tools}
        if missing := [tool for tool in wanted if tool not in given]:
            raise BadRequest(
                f"The agent {name!r} uses a tool {missing[0]!r}, which was not passed.",
                why=f"Passed are {', '.join(given) or 'none'}.",
                hint="Pass the function: Agent.configured(name, tools=[…]).",
            )
        base = said.pop("task", None)
        kind = task_of(base, session.registry.section("tasks"), session.registry.section("routing"))
        kind = replace(kind.told(said), name=name)
        return cls(task=kind, tools=[given[tool] for tool in wanted or given], session=session, **more)

    # -- working ------------------------------------------------------------------------------

    def stream(self, prompt: str | Message, *, signal: Signal | None = None) -> Stream:
        """Begin a run; every step comes as events: words, calls, results."""
        said = prompt if isinstance(prompt, Message) else Message.user(prompt)
        return self._begin((*self._settled(), said), signal)

    def ask(self, prompt: str | Message, *, signal: Signal | None = None) -> Reply:
        """The same, to its end."""
        return self.stream(prompt, signal=signal).reply()

    def run(self, prompt: str | Message | None = None, *, signal: Signal | None = None) -> Reply:
        """The same, shown in the cell step by step. Without a prompt it goes on where it was stopped."""
        stream = self.resume(signal=signal) if prompt is None else self.stream(prompt, signal=signal)
        # The notebook is a room above this one: it is asked by name, and only when something is to be shown.
        reply: Reply = import_module("llmkit.notebook.steps").show(stream, self._label)
        return reply

    def resume(self, *, signal: Signal | None = None) -> Stream:
        """Go on where it was stopped, or failed: what tools gave back is kept, and nothing of it runs again."""
        messages = list(self._settled())
        while messages and messages[-1].role == "assistant":
            messages.pop()  # an answer that was cut off is written anew
        if not messages:
            raise BadRequest("There is nothing to go on from.", hint="Begin with agent.stream(prompt).")
        return self._begin(tuple(messages), signal)

    def stop(self) -> None:
        """Stop the run, from any thread. Its transcript stays."""
        if self._running is not None:
            self._running.stop()

    # -- the transcript -----------------------------------------------------------------------

    @property
    def transcript(self) -> tuple[Message, ...]:
        """All that was said and done, as it is sent back. While it runs: as far as it has come."""
        running = self._running
        if running is None:
            return self._before
        return (*self._before, *_answered(running.partial.turn))

    def save(self, path: str | Path) -> Path:
        """Write the transcript to a file, as JSON: whole or not at all. Keys are not in it."""
        plain = {"llmkit-agent": _VERSION, "messages": [each.to_json() for each in self.transcript]}
        return write_whole(path, mask(json.dumps(plain, ensure_ascii=False, indent=1)))

    def load(self, path: str | Path) -> Agent:
        """Go on from the transcript in a file, in place of one's own."""
        file = Path(path).expanduser()
        try:
            plain = json.loads(file.read_text("utf-8"))
            messages = tuple(Message.from_json(each) for each in plain["messages"])
            version = int(plain["llmkit-agent"])
        except OSError as error:
            raise BadRequest(
                f"{file} can't be read.", why=error.strerror or "", hint="Name a file that `save` wrote."
            ) from None
        except (KeyError, TypeError, ValueError) as error:
            raise BadRequest(
                f"{file} holds no transcript of an agent.",
                why=f"{type(error).__name__}: {error}",
                hint="Name a file that `save` wrote.",
            ) from None
        if version > _VERSION:
            raise BadRequest(f"{file} was written by a newer llmkit.", hint="Update llmkit to read it.")
        self._settled()
        self._running, self._before = None, messages
        return self

    def __repr__(self) -> str:
        state = "at work" if self._at_work else f"{len(self.transcript)} messages"
        return f"<Agent {self._label}, {len(self.tools)} tools, {state}>"

    # -- within -------------------------------------------------------------------------------

    def _is_task(self, name: str) -> bool:
        if name not in TASKS and name not in self.session.registry.section("tasks"):
            return False
        try:
            self.session.resolve(name)
        except UnknownModel:
            return True
        return False

    def _kind(self, task: str | Task) -> Task:
        registry = self.session.registry
        return task_of(task, registry.section("tasks"), registry.section("routing"))

    @property
    def _label(self) -> str:
        task = self.task.name if isinstance(self.task, Task) else self.task
        return self.model or task or "general"

    @property
    def _at_work(self) -> bool:
        return self._running is not None and not self._running.settled(0)

    def _settled(self) -> tuple[Message, ...]:
        if self._at_work:
            raise BadRequest(
                "The agent is at work.", why="One run goes at a time.", hint="Wait for it, or agent.stop()."
            )
        return self.transcript

    def _begin(self, messages: tuple[Message, ...], signal: Signal | None) -> Stream:
        more: dict[str, Any] = {
            "system": self.system,
            "tools": self.tools,
            "max_rounds": self.max_rounds,
            "consent": self.consent,
            "budget": self.budget,
            "signal": signal,
            **self._options,
        }
        if self.task is None and self.strategy is None:
            stream = self.session.stream(messages, model=self.model, **more)
        else:
            stream = orchestrator(self.session).execute(
                self.task, self.strategy, messages, preferred=self.model, **more
            )
        self._before, self._running = messages, stream
        return stream


def _answered(turn: Sequence[Message]) -> tuple[Message, ...]:
    """A turn without what can't be sent back: calls that nobody answered, and nothing at all."""
    kept = list(turn)
    while kept and kept[-1].role == "assistant" and (kept[-1].tool_calls or not says_something(kept[-1])):
        kept.pop()
    return tuple(kept)
