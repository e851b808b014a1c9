"""What a caller passed, made into a request: every value is looked at before anything is sent.

Whether a model or a wire takes it is the business of ``providers/`` and ``wire/``.
"""

from __future__ import annotations

import difflib
import json
import math
import os
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, NoReturn, cast

from llmkit.core.errors import BadRequest
from llmkit.core.messages import Message, Part, TextPart, as_messages
from llmkit.core.request import Options, Request
from llmkit.core.signal import Signal
from llmkit.engine.consent import Consent
from llmkit.engine.enclosures import opened
from llmkit.engine.structured import as_shape

Prompt = str | Message | Part | os.PathLike[str] | Iterable[Any]
_OPTIONS = ("max_tokens", "temperature", "top_p", "stop", "seed", "think", "extra")
_LEVELS = ("off", "low", "medium", "high", "max")
_NOTHING_SENT = "Nothing was sent."
_SHOWN = 60  # letters of a wrong value
_FOR_EVER = 1e9  # seconds: some thirty years


def as_request(
    prompt: Any,
    *,
    model: Any,
    options: Mapping[str, Any],
    signal: Any = None,
    timeout: Any = None,
    system: Any = None,
    tools: Any = (),
    tool_choice: Any = None,
    schema: Any = None,
    stream: Any = True,
    tag: Any = None,
) -> Request:
    """The request that these values make; :class:`BadRequest` for the first that is of no use.

    >>> as_request("hi", model="swift", options={"stop": "END"}).options.stop
    ('END',)
    """
    from llmkit.engine.toolbox import as_toolbox  # which stands on this file

    if not isinstance(stream, bool):
        refuse("stream", stream, "stream is True or False")
    box = as_toolbox(tools)
    return Request(
        model=as_text("model", model, 'for example "sonnet" or "sim/swift"'),
        messages=as_prompt(prompt),
        signal=as_signal(signal, timeout),
        system=None if system is None else as_text("system", system, "the instructions in words"),
        options=as_options(options),
        tools=box.specs,
        server_tools=box.server,
        tool_choice=None
        if tool_choice is None
        else as_text("tool_choice", tool_choice, '"auto", "any", "none" or a name'),
        schema=None if (shape := as_shape(schema)) is None else shape.schema,
        stream=stream,
        tag=None if tag is None else as_text("tag", tag, 'for example tag="draft"'),
    )


def as_prompt(prompt: Any) -> tuple[Message, ...]:
    """The messages of a prompt; an empty one is refused."""
    if isinstance(prompt, bytes | bytearray | memoryview):
        raise BadRequest(
            "The prompt can't be used.",
            why=f"It is {type(prompt).__name__}, and a prompt is text.",
            hint='Decode it, for example prompt.decode(); a picture goes with words: ["What is this?", picture]. '
            f"{_NOTHING_SENT}",
        )
    prompt = opened(prompt)
    if isinstance(prompt, list | tuple) and any(isinstance(item, str) for item in prompt):
        raise BadRequest(
            "The prompt can't be used.",
            why="It is a list with text in it, which says neither who speaks nor whether it is one prompt.",
            hint='For one prompt, "\\n".join(texts); a file is a Path; for a talk, [{"role": "user", "content": text}, …]; '
            f"for several prompts, llmkit.compare or llmkit.map. {_NOTHING_SENT}",
        )
    try:
        messages = as_messages(prompt)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise BadRequest("The prompt can't be used.", why=str(error), hint=_NOTHING_SENT) from None
    if not any(says_something(message) for message in messages):
        raise BadRequest(
            "The prompt is empty.",
            why="It holds nothing but blanks.",
            hint=f"Write what you want to ask. {_NOTHING_SENT}",
        )
    return messages


def says_something(message: Message) -> bool:
    """Is there anything in it but blanks?"""
    return any(not isinstance(part, TextPart) or part.text.strip() for part in message.parts)


def as_options(options: Mapping[str, Any]) -> Options:
    """Options by name; an unknown one is refused with the nearest, a value out of range with the range.

    >>> as_options({"temperature": 0.5, "think": None}).temperature
    0.5
    """
    for name in options:
        if name not in _OPTIONS:
            near = difflib.get_close_matches(name, _OPTIONS, n=1)
            raise BadRequest(
                f"There is no option {name!r}.",
                why=f"Did you mean {near[0]!r}?" if near else "No option is named like it.",
                hint=f"Options are {', '.join(_OPTIONS)}. {_NOTHING_SENT}",
            )
    return Options(**{name: _READ[name](name, value) for name, value in options.items() if value is not None})


def as_text(name: str, value: Any, example: str) -> str:
    """A text, and no other kind of value."""
    if not isinstance(value, str):
        refuse(name, value, f"{name} is text", example)
    return value


def as_json(name: str, value: Any, what: str = "what goes into the request as it is") -> Mapping[str, Any]:
    """A mapping that can be written as JSON. Its content is never quoted: it may hold a secret."""
    if not isinstance(value, Mapping):
        refuse(name, value, f"{name} is a mapping: {what}")
    plain = dict(value)
    try:
        if not all(isinstance(key, str) for key in plain):
            raise TypeError("its keys must be text")
        json.dumps(plain, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(
            f"{name} can't be written as JSON.",
            why=f"{str(error)[:1].upper()}{str(error)[1:]}.",
            hint=f"Use texts, numbers, booleans, lists and mappings only. {_NOTHING_SENT}",
        ) from None
    return value


def as_signal(signal: Any, timeout: Any) -> Signal:
    """A signal of this call's own, which stops with the caller's and after the timeout."""
    if signal is not None and not isinstance(signal, Signal):
        refuse("signal", signal, "signal is a Signal", "for example signal=Signal.timeout(30), or timeout=30")
    stop = Signal.never() if signal is None else signal | Signal.never()  # siblings go on when one stops
    if timeout is None:
        return stop
    if not _is_real(timeout) or not timeout >= 0:
        refuse("timeout", timeout, "timeout is a number of seconds ≥ 0", "for example timeout=30")
    return stop | Signal.timeout(math.inf if timeout > _FOR_EVER else float(timeout))


def as_rounds(value: Any) -> int:
    """How often tools may be run."""
    if not _is_whole(value) or value < 1:
        refuse("max_rounds", value, "max_rounds is a whole number from 1")
    return int(value)


def as_consent(value: Any) -> Consent | None:
    """Who is asked before a tool runs: a function, or nobody."""
    if value is not None and not callable(value):
        refuse(
            "consent",
            value,
            "consent is a function that gets the call and says True, False or why not",
            'for example consent=lambda call: input(f"{call.name}? ") == "y"; left out, every call runs',
        )
    return cast("Consent | None", value)


def refuse(name: str, value: Any, allowed: str, more: str = "") -> NoReturn:
    """Say which value is of no use, and which would be."""
    raise BadRequest(
        f"{name}={_shown(value)} can't be used.",
        why=f"{allowed}{f' ({more})' if more else ''}.",
        hint=f"Change it, or leave it out. {_NOTHING_SENT}",
    )


def _number(name: str, value: Any, *, low: float, high: float, open_below: bool = False) -> float:
    allowed = (
        f"{name} is a number {'above' if open_below else 'from'} {low} {'up ' if open_below else ''}to {high}"
    )
    if not _is_real(value) or not low <= value <= high or (open_below and value == low):
        refuse(name, value, allowed)
    return value if isinstance(value, int | float) else float(value)


def _temperature(name: str, value: Any) -> float:
    return _number(name, value, low=0, high=2)


def _top_p(name: str, value: Any) -> float:
    return _number(name, value, low=0, high=1, open_below=True)


def _max_tokens(name: str, value: Any) -> int:
    if not _is_whole(value) or value < 1:
        refuse(name, value, f"{name} is a whole number from 1")
    return int(value)


def _seed(name: str, value: Any) -> int:
    if not _is_whole(value):
        refuse(name, value, f"{name} is a whole number")
    return int(value)


def _stop(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(w, str) for w in value):
        refuse(name, value, f"{name} is a text or a list of texts")
    return tuple(sorted(value) if isinstance(value, set | frozenset) else value)


def _think(name: str, value: Any) -> Any:
    if isinstance(value, str) and value in _LEVELS:
        return value
    if not _is_whole(value) or value < 0:
        refuse(name, value, f"{name} is one of {', '.join(_LEVELS)}, or a whole number of tokens from 0")
    return int(value)


_READ: Mapping[str, Any] = {
    "max_tokens": _max_tokens,
    "temperature": _temperature,
    "top_p": _top_p,
    "stop": _stop,
    "seed": _seed,
    "think": _think,
    "extra": as_json,
}


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """A wrong value in a few letters; of what may be anything, only its kind."""
    plain = isinstance(value, str | bytes | float | bool | None) or (
        isinstance(value, int) and value.bit_length() < 200
    )
    if isinstance(value, list | tuple) and all(isinstance(v, str | int | float | None) for v in value[:9]):
        plain = len(value) < 9 and not any(isinstance(v, int) and v.bit_length() > 200 for v in value)
    if not plain:
        return f"<{type(value).__name__}>"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
