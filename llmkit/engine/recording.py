"""A finished call as plain values: what was asked, the events with their times, the reply.

The tape and the cache both keep these; where and for how long is theirs. A key, an address or a header is
never part of one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmkit.core.events import (
    EVENTS,
    Done,
    Event,
    Failed,
    Rerouted,
    Retrying,
    Text,
    Thinking,
    ToolCall,
    ToolCallDelta,
    event_to_json,
)
from llmkit.core.messages import Message, Part, TextPart, ThinkingPart, ToolCallPart, message_to_json
from llmkit.core.reply import Reply
from llmkit.core.request import Request
from llmkit.providers.keys import mask

_VERSION = 1
#: Deltas that come within this many seconds of each other are kept as one.
_GRAIN = 0.02

Beat = tuple[float, Event]
#: Takes a whole call: its events with their times, and its reply.
Keep = Callable[[tuple[Beat, ...], Reply], None]


@dataclass(frozen=True, slots=True)
class Recording:
    """One call. ``beats`` are its events, each with the seconds since the call began."""

    asked: Mapping[str, Any]
    beats: tuple[Beat, ...]
    reply: Reply

    @property
    def key(self) -> str:
        """What the call is found by."""
        return key_of(self.asked)

    @property
    def prompt(self) -> str:
        """The last words of the user, to recognise the call by."""
        return last_words(self.asked)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "key": self.key,
            "version": _VERSION,
            "asked": self.asked,
            "beats": [[round(when, 2), *_plain(event)] for when, event in self.beats],
            "reply": self.reply.to_json(),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Recording:
        """The inverse of :meth:`to_json`; ``ValueError`` for anything else."""
        try:
            if plain["version"] != _VERSION:
                raise ValueError(f"recorded by another version ({plain['version']})")
            beats = tuple((float(when), _event(*rest)) for when, *rest in plain["beats"])
            return cls(plain["asked"], beats, Reply.from_json(plain["reply"]))
        except (KeyError, TypeError, AttributeError, IndexError, ArithmeticError) as error:
            raise ValueError(f"not a recorded call ({type(error).__name__}: {error})") from None


class Recorder:
    """Collects the events of a call as they are shown."""

    def __init__(self) -> None:
        self._beats: list[Beat] = []

    def hear(self, when: float, events: Sequence[Event]) -> None:
        """Some events came, ``when`` seconds after the call began."""
        for event in events:
            if isinstance(event, Done | Failed | Retrying | Rerouted):
                continue
            if (
                self._beats
                and when - self._beats[-1][0] < _GRAIN
                and (joined := _join(self._beats[-1][1], event))
            ):
                self._beats[-1] = (self._beats[-1][0], joined)
            else:
                self._beats.append((when, event))

    @property
    def beats(self) -> tuple[Beat, ...]:
        """What was heard so far."""
        return tuple(self._beats)


async def keep_all(
    keeps: Sequence[Keep], recorder: Recorder | None, reply: Reply, tell: Callable[[str], object]
) -> None:
    """Give a whole reply to the tape and the cache; the loop does not wait for their files."""
    if recorder is None:
        return
    for keep in keeps:
        try:
            await asyncio.to_thread(keep, recorder.beats, reply)
        except Exception as error:  # noqa: BLE001 - the answer is there; keeping it is a favour
            tell(f"The answer could not be kept for later: {mask(str(error))}")


def asked(request: Request, *, sample: int | None = None, **place: str) -> dict[str, Any]:
    """Everything that decides what is answered, as plain values: the request, which of several answers to
    it is meant (``sample``), and ``place``, where it is asked (a tape leaves that open)."""
    options = request.options
    plain: dict[str, Any] = {
        **place,
        "sample": sample,
        "model": request.model,
        "system": request.system,
        "messages": [message_to_json(message) for message in request.messages],
        "options": {
            name: value
            for name in ("max_tokens", "temperature", "top_p", "seed", "think")
            if (value := getattr(options, name)) is not None
        },
        "stop": list(options.stop),
        "extra": dict(options.extra),
        "tools": [
            [tool.name, tool.description, tool.parameters, *(["strict"] if tool.strict else [])]
            for tool in request.tools
        ],
        "server_tools": [dict(tool) for tool in request.server_tools],
        "tool_choice": request.tool_choice,
        "schema": request.schema,
    }
    return {name: value for name, value in plain.items() if value not in (None, "", [], {})}


def key_of(asked: Mapping[str, Any]) -> str:
    """A hash of what was asked."""
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def unlocked(plain: Any) -> Any:
    """The same plain values without any known key in their texts."""
    if isinstance(plain, str):
        return mask(plain)
    if isinstance(plain, Mapping):
        return {name: unlocked(value) for name, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [unlocked(value) for value in plain]
    return plain


def so_far(reply: Reply, shown: Sequence[Event]) -> Reply:
    """That reply as it was when only these events had been shown."""
    parts: list[Part] = []
    for event in shown:
        match event, parts[-1:]:
            case Text(text), [TextPart(before)]:
                parts[-1] = TextPart(before + text)
            case Text(text), _:
                parts.append(TextPart(text))
            case Thinking(text), [ThinkingPart() as before]:
                parts[-1] = ThinkingPart(before.text + text)
            case Thinking(text), _:
                parts.append(ThinkingPart(text))
            case ToolCall(id, name, arguments), _:
                parts.append(ToolCallPart(id, name, arguments))
    return Reply(
        Message("assistant", tuple(parts)),
        model=reply.model,
        provider=reply.provider,
        simulated=reply.simulated,
        complete=False,
    )


def last_words(asked: Mapping[str, Any]) -> str:
    """The last text among what was asked."""
    for message in reversed(asked.get("messages", [])):
        words = "".join(part.get("text", "") for part in message.get("parts", []))
        if words:
            return words
    return ""


def _join(before: Event, after: Event) -> Event | None:
    match before, after:
        case Text(one), Text(two):
            return Text(one + two)
        case Thinking(one), Thinking(two):
            return Thinking(one + two)
        case ToolCallDelta(index, one, name), ToolCallDelta(other, two, "") if index == other:
            return ToolCallDelta(index, one + two, name)
    return None


def _plain(event: Event) -> list[Any]:
    kind, *values = event_to_json(event).values()
    return [kind, *values]


def _event(kind: str, *values: Any) -> Event:
    event: Event = EVENTS[kind](*values)
    return event
