"""The one place with state: providers, defaults, the ledger. A default one serves the process."""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from llmkit.core.errors import BadRequest, UnknownModel, UnknownProvider
from llmkit.core.messages import Message, Part, TextPart, as_messages
from llmkit.core.reply import Reply
from llmkit.core.request import Options, Request, ToolSpec
from llmkit.core.signal import Signal
from llmkit.engine.call import Call, Labels
from llmkit.engine.gates import Gates
from llmkit.engine.playback import Playback
from llmkit.engine.recording import Recorder, asked
from llmkit.engine.stream import Stream
from llmkit.engine.tape import Tape
from llmkit.ledger.store import Ledger
from llmkit.models import aliases, catalogue
from llmkit.providers.base import Provider
from llmkit.providers.keys import mask
from llmkit.providers.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

Prompt = str | Message | Part | Iterable[Message | Mapping[str, Any]]
_OPTIONS = ("max_tokens", "temperature", "top_p", "stop", "seed", "think", "extra")


class Session:
    """Providers, a default model and a ledger.

    >>> session = Session({"providers": {"mine": {"type": "compatible", "base_url": "http://127.0.0.1:1/v1"}}})
    >>> "mine" in session.registry
    True
    """

    def __init__(self, config: Mapping[str, Any] | str | Path | None = None) -> None:
        self.registry = Registry(config if config is not None else os.environ.get("LLMKIT_CONFIG") or None)
        self.id = uuid4().hex[:12]
        self.default_model: str | None = self.registry.default_model
        self.gates = Gates()
        self.tape: Tape | None = None
        self._ledger: Ledger | None = None
        self._opening = threading.Lock()

    @property
    def ledger(self) -> Ledger:
        """The ledger; opened with the first call."""
        with self._opening:
            if self._ledger is None:
                self._ledger = Ledger.open(mask=mask)
            return self._ledger

    # -- asking -------------------------------------------------------------------------------

    def stream(
        self,
        prompt: Prompt,
        *,
        model: str | None = None,
        system: str | None = None,
        signal: Signal | None = None,
        timeout: float | None = None,
        tools: Iterable[ToolSpec] = (),
        tool_choice: str | None = None,
        schema: Mapping[str, Any] | None = None,
        stream: bool = True,
        tag: str | None = None,
        notebook: str | None = None,
        cell: str | None = None,
        **options: Any,
    ) -> Stream:
        """Ask, and get the answer as it is written.

        Options: ``max_tokens``, ``temperature``, ``top_p``, ``stop``, ``seed``, ``think`` ("off", "low",
        "medium", "high", "max" or a number of tokens), ``extra`` (goes into the request as it is).
        What is known to be wrong raises here, before anything is sent.
        """
        stop = Signal.never() if signal is None else signal | Signal.never()  # siblings go on when one stops
        if timeout is not None:
            stop = stop | Signal.timeout(timeout)
        request = Request(
            model=model or self.default_model or "default",
            messages=as_prompt(prompt),
            signal=stop,
            system=system,
            options=as_options(options),
            tools=tuple(tools),
            tool_choice=tool_choice,
            schema=schema,
            stream=stream,
            tag=tag,
        )
        labels = Labels(self.id, notebook, cell, tag)
        # What is on the tape is found by what was written, so that it replays where there is no key.
        tape = self.tape
        written = asked(request, "") if tape is not None else {}
        if tape is not None and (found := tape.find(written, cell)) is not None:
            return Playback(found, request, self.ledger, labels, timing=tape.timing).launch()
        provider, name = self.resolve(model)
        request = request.with_(model=name)
        body = provider.prepare(request)
        call = Call(request, provider, body, self.ledger, self.gates, labels)
        if tape is not None:
            call.recorder, call.keep = Recorder(written), tape.keep
        return call.launch()

    def ask(self, prompt: Prompt, **more: Any) -> Reply:
        """Ask, and wait for the whole reply. Takes what :meth:`stream` takes.

        >>> llmkit.ask("Why is the sky blue?", model="sim/swift").text  # doctest: +SKIP
        """
        return self.stream(prompt, **more).reply()

    def usage(self, **filters: Any) -> pd.DataFrame:
        """What was used and what it cost: a DataFrame with one row for each attempt.

        Filters: ``since``, ``until``, ``session``, ``notebook``, ``cell``, ``tag``, ``provider``,
        ``model``, ``status``; simulated rows are left out unless ``simulated=True``.
        """
        from llmkit.ledger.frame import usage

        return usage(self.ledger, **filters)

    # -- naming -------------------------------------------------------------------------------

    def resolve(self, model: str | None = None) -> tuple[Provider, str]:
        """The provider and the model's name there, for what a user wrote.

        Nothing written: the default model; the first provider with a key; or the simulator.
        """
        wanted = model or self.default_model
        if not wanted:
            for name in self.registry.ready():
                entry = self.registry.entry(name)
                if entry.default:
                    return entry.provider, entry.default
            entry = self.registry.entry("sim")
            return entry.provider, str(entry.default)
        wanted = self.registry.aliases.get(wanted, wanted)
        provider, slash, name = wanted.partition("/")
        if slash and provider in self.registry:
            entry = self.registry.entry(provider)
            if not name:
                raise UnknownModel(
                    f"{wanted!r} names no model.", hint="Write it as provider/model, for example sim/swift."
                )
            return entry.provider, name
        place, name = aliases.split(wanted)
        if place is None or place not in self.registry:
            raise self._unknown(wanted, provider if slash else None)
        return self.registry[place], name

    def _unknown(self, wanted: str, provider: str | None = None) -> UnknownModel | UnknownProvider:
        near = catalogue.nearest(wanted)
        why = f"Did you mean {' or '.join(near)}?" if near else ""
        if provider is not None and (close := difflib.get_close_matches(provider, list(self.registry), n=2)):
            why = f"There is no provider {provider!r}; did you mean {' or '.join(close)}?"
        return UnknownModel(
            f"No provider here knows a model named {wanted!r}.",
            why=why,
            hint="Nothing was sent. A model is named by an alias (sonnet, luna, flash) or as provider/model.",
            model=wanted,
        )


def as_prompt(prompt: Prompt) -> tuple[Message, ...]:
    """The messages of a prompt; an empty one is refused."""
    try:
        messages = as_messages(prompt)
    except (TypeError, ValueError) as error:
        raise BadRequest("The prompt can't be used.", why=str(error), hint="Nothing was sent.") from None
    if not any(says_something(message) for message in messages):
        raise BadRequest("The prompt is empty.", hint="Write what you want to ask. Nothing was sent.")
    return messages


def says_something(message: Message) -> bool:
    """Is there anything in it but blanks?"""
    return any(not isinstance(part, TextPart) or part.text.strip() for part in message.parts)


def as_options(options: Mapping[str, Any]) -> Options:
    """Options by name; an unknown one is refused with the nearest."""
    for name in options:
        if name not in _OPTIONS:
            near = difflib.get_close_matches(name, _OPTIONS, n=1)
            raise BadRequest(
                f"There is no option {name!r}.",
                why=f"Did you mean {near[0]!r}?" if near else "",
                hint=f"Options are {', '.join(_OPTIONS)}. Nothing was sent.",
            )
    stop = options.get("stop") or ()
    return Options(**{**options, "stop": (stop,) if isinstance(stop, str) else tuple(stop)})


_default: Session | None = None
_making = threading.Lock()


def default_session() -> Session:
    """The process's session: what the functions of the module use."""
    global _default
    with _making:
        if _default is None:
            _default = Session()
        return _default
