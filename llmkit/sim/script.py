"""Scripted answers: a dict by what the prompt contains, a list in order, or a callable.

What is said where nothing is scripted lives in answers.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmkit.sim.exchange import Answer, Ask, Call, Reject, Stop, Work
from llmkit.sim.frames import dumps


@dataclass(frozen=True, slots=True)
class Say:
    """A scripted answer in full; a plain string is ``Say(text)``.

    >>> Say("It is 21 °C.", thinking="They want the weather.").text
    'It is 21 °C.'
    >>> Say(tools=[("get_weather", {"city": "Paris"})]).tools
    [('get_weather', {'city': 'Paris'})]
    """

    text: str = ""
    thinking: str = ""
    tools: Iterable[tuple[str, Mapping[str, Any] | str]] = ()
    stop: Stop = "stop"
    fault: str = ""
    #: What the provider's own tools did: name, what was asked, what was found.
    work: Iterable[tuple[str, Mapping[str, Any], str]] = ()

    def draft(self) -> Answer:
        """The answer, before limits and faults."""
        calls = tuple(
            Call(name, given if isinstance(given, str) else dumps(given)) for name, given in self.tools
        )
        work = tuple(Work(*each) for each in self.work)
        return Answer(self.text, self.thinking, calls, self.stop, work=work)


Line = str | Say
Script = Mapping[str, Line] | Iterable[Line] | Callable[[Ask], Line | None]


class Prompter:
    """Holds what is scripted and hands out the lines."""

    def __init__(self) -> None:
        self._by_text: dict[str, Line] = {}
        self._in_order: list[Line] = []
        self._callables: list[Callable[[Ask], Line | None]] = []
        self._lock = threading.Lock()

    def add(self, script: Script) -> None:
        """Add to the script: lists go to the end of the queue, new dict entries replace equal keys."""
        with self._lock:
            if isinstance(script, str | Say):
                raise TypeError(
                    "A script is a dict, a list or a callable; for one answer give a list of one."
                )
            if callable(script):
                self._callables.append(script)
            elif isinstance(script, Mapping):
                self._by_text.update(script)
            else:
                self._in_order.extend(script)

    def clear(self) -> None:
        """Forget the script."""
        with self._lock:
            self._by_text.clear()
            self._in_order.clear()
            self._callables.clear()

    def __bool__(self) -> bool:
        return bool(self._by_text or self._in_order or self._callables)

    def line(self, ask: Ask) -> Say | None:
        """The scripted answer to this request, if there is one. A list comes first, then callables
        (the last added first), then the dict."""
        with self._lock:
            if self._in_order:
                return _say(self._in_order.pop(0))
            callables = list(reversed(self._callables))
            by_text = list(self._by_text.items())
        for function in callables:
            try:
                found = function(ask)
            except Reject:
                raise
            except Exception as error:
                raise Reject(500, f"The script failed: {type(error).__name__}: {error}") from error
            if found is not None:
                return _say(found)
        prompt = ask.prompt.lower()
        return next((_say(line) for text, line in by_text if text.lower() in prompt), None)


def _say(line: Line) -> Say:
    if isinstance(line, Say):
        return line
    if isinstance(line, str):
        return Say(line)
    raise Reject(500, f"A script's answer must be text or Say, not {type(line).__name__}.")
