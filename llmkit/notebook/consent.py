"""Whether a tool may run: the user is asked in the cell, before every call, unless they said so for good.

A question comes from the thread that runs the tools; only the cell's own thread may ask the user, so it waits at the
``Desk`` until the cell looks up. What the answer means to the model is ``engine/consent.py``'s business.
"""

from __future__ import annotations

import builtins
import json
import os
import signal as signals
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Literal, Protocol

from llmkit.core.errors import BadRequest
from llmkit.core.events import ToolCall
from llmkit.core.signal import Signal
from llmkit.engine.consent import ALWAYS, Answer
from llmkit.engine.stream import Stream
from llmkit.engine.toolbox import Toolbox
from llmkit.engine.tools import Tool
from llmkit.notebook.rounds import ON_A_LINE, called
from llmkit.notebook.visible import to_text
from llmkit.providers.keys import mask

CHOICES = "[y]es, [n]o, [a]lways this tool, [q]uit"
_MEANS: dict[str, Answer | Literal["quit"]] = {
    "y": True, "yes": True, "n": False, "no": False, "": False, "a": ALWAYS, "always": ALWAYS, "q": "quit", "quit": "quit",
}  # fmt: skip
_TRIES = 3
_MOST_SHOWN = 10_000
_LATE_SECONDS = 0.01
_STOPPED = "The call was stopped before anybody answered."


class Tell(Protocol):
    """Shows what goes on with a call."""

    def __call__(self, call: ToolCall, doing: str, *, asking: bool = False) -> object:
        """``asking``: the user's answer is waited for."""


class Trust:
    """The tools that may run without asking, for as long as the kernel runs and they are not defined anew."""

    def __init__(self) -> None:
        self._always: dict[str, Any] = {}

    def add(self, tool: Tool) -> None:
        """It may always run."""
        self._always[tool.name] = tool.function

    def holds(self, tool: Tool) -> bool:
        """Was that said of this very function?"""
        return bool(tool.name in self._always and self._always[tool.name] == tool.function)

    def holds_all(self, tools: Iterable[Tool]) -> bool:
        """Need nobody be asked?"""
        return all(self.holds(tool) for tool in tools)


@dataclass(slots=True)
class _Question:
    call: ToolCall
    answer: Answer = None
    answered: threading.Event = field(default_factory=threading.Event)


class Desk:
    """Where the calls of one answer wait for a yes. It is the ``consent`` of that answer.

    ``serve`` belongs to the cell's thread.
    """

    def __init__(self, box: Toolbox, trust: Trust) -> None:
        self._box = box
        self._trust = trust
        self._waiting: SimpleQueue[_Question] = SimpleQueue()
        self._closed = False

    def __call__(self, call: ToolCall) -> Answer:
        """Ask the user, and wait: for the thread that runs the tools."""
        if self._trust.holds(self._box.tools[call.name]):
            return True
        question = _Question(call)
        self._waiting.put(question)
        if self._closed:  # nobody will come any more
            self.close()
        question.answered.wait()
        return question.answer

    def serve(self, stream: Stream, tell: Tell) -> None:
        """Ask what waits to be asked. Interrupting it leaves the question; ``close`` answers it.

        ``tell`` shows what goes on with a call, before the user is asked about it and after.
        """
        while (question := self._next()) is not None:
            try:
                tell(question.call, "waits for your answer below", asking=True)
                said = self._ask(question.call, stream.signal)
            except BaseException:
                self._waiting.put(question)  # it is answered by close(), when nothing can run any more
                raise
            if said == "quit":
                stream.stop("the user ended it when asked for a tool")
            if said == ALWAYS:
                self._trust.add(self._box.tools[question.call.name])
            if said is not None:
                tell(question.call, "running" if said in (True, ALWAYS) else "not allowed")
            question.answer = _STOPPED if said in (None, "quit") else said
            question.answered.set()

    def close(self) -> None:
        """Nobody will be asked any more: let go of those who wait."""
        self._closed = True
        while (question := self._next()) is not None:
            question.answer = _STOPPED
            question.answered.set()

    def _next(self) -> _Question | None:
        try:
            return self._waiting.get_nowait()
        except Empty:
            return None

    def _ask(self, call: ToolCall, stream_signal: Signal) -> Answer | Literal["quit"]:
        """The user's answer; ``None`` if the answer of the model was stopped meanwhile. A sentence is a no and says
        why."""
        line, cut = to_text(mask(called(call.name, call.arguments))), ""
        if len(line) > 2 * ON_A_LINE:
            sys.stdout.write(f"{in_full(call)}\n")
            line, cut = f"{line[: ON_A_LINE - 1]}…", " (in full above)"
        prompt = f"Run {' '.join(line.split())}{cut}? {CHOICES}: "
        for _ in range(_TRIES):
            said = read(prompt, stream_signal)
            if said is None:
                return None
            said = said.strip()
            if said.lower() in _MEANS:
                return _MEANS[said.lower()]
            if " " in said:
                return said
            prompt = f"Please answer {CHOICES}, or say in a sentence why not: "
        return False


def in_full(call: ToolCall) -> str:
    """A call as the user should see it before it runs: all of it, or how much is missing."""
    written = (
        call.arguments
        if isinstance(call.arguments, str)
        else json.dumps(call.arguments, ensure_ascii=False, indent=2)
    )
    text = to_text(mask(written))
    more = len(text) - _MOST_SHOWN
    return f"{to_text(call.name)} {text[:_MOST_SHOWN]}" + (
        f"\n… and {more:,} characters more" if more > 0 else ""
    )


def read(prompt: str, stream_signal: Signal) -> str | None:
    """A line from the user; ``None`` if the signal came first. The end of input means to quit."""
    from IPython.core.error import StdinNotImplementedError

    alarm = _Alarm()
    forget = stream_signal.on_abort(lambda _: alarm.ring())
    try:
        with alarm:
            said = None if stream_signal.aborted else builtins.input(prompt)
        while alarm.rang:  # it came at the same moment as the answer, and will arrive any instant
            time.sleep(_LATE_SECONDS)
        return said
    except KeyboardInterrupt:
        if alarm.rang:
            return None
        raise
    except EOFError:
        return "quit"
    except StdinNotImplementedError:
        raise nobody_to_ask() from None
    finally:
        forget()


def nobody_to_ask(where: str = "here") -> BadRequest:
    """The error where a tool would have to be allowed and nobody can be asked."""
    return BadRequest(
        f"Tools ask before they run, and {where} nobody can be asked.",
        why="This notebook is run without a person who could answer."
        if where == "here"
        else "The cell is over by the time the model calls.",
        hint="Add --yes-tools to let the model run them without asking.",
    )


def can_ask(shell: Any) -> bool:
    """Does the front end of this shell let a cell ask for input?"""
    kernel = getattr(shell, "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", True))


class _Alarm:
    """Ends an ``input()`` of the main thread from another thread, once, and only while it lasts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed = False
        self.rang = False

    def __enter__(self) -> None:
        self._armed = threading.current_thread() is threading.main_thread()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._armed = False

    def ring(self) -> None:
        """Interrupt it, as Ctrl-C would."""
        with self._lock:
            if not self._armed or self.rang:
                return
            self.rang = True
        if hasattr(signals, "pthread_kill"):
            signals.pthread_kill(threading.main_thread().ident or os.getpid(), signals.SIGINT)
        else:
            import _thread

            _thread.interrupt_main()
