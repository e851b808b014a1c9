"""What one model said, made fit to be sent to another one: words, pictures, calls of tools and their results stay.

Thoughts, signatures and a provider's own blocks are left out: nobody else can read them, and many refuse them.
How a wire spells what stays is the wire's own business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from llmkit.core.messages import (
    ImagePart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)

_SHOWN = "(The picture of the answer above.)"


def for_another_model(said: Iterable[Message]) -> tuple[Message, ...]:
    """An answer, with what tools gave back on the way, for a model that did not write it.

    Pictures that a model made come back in a message of the user's, for no wire takes them from a model.

    >>> from llmkit.core.messages import ThinkingPart
    >>> for_another_model([Message.assistant(ThinkingPart("hm", signature="s"), "yes")])
    (Message(role='assistant', parts=(TextPart(text='yes', citations=()),)),)
    """
    made: list[Message] = []
    waiting: list[str] = []  # ids of calls whose results come next
    for number, message in enumerate(said):
        if message.role == "tool":
            results = (_result(part, waiting[at : at + 1]) for at, part in enumerate(message.parts))
            made.append(Message("tool", tuple(results)))
            continue
        pictures = [part for part in message.parts if isinstance(part, ImagePart)]
        parts: list[Part] = []
        waiting = []
        for part in message.parts:
            match part:
                case TextPart(text):
                    parts.append(TextPart(text))
                case ToolCallPart():
                    waiting.append(part.id or f"call_{number}_{len(waiting)}")
                    parts.append(replace(part, id=waiting[-1], signature=None))
                case ThinkingPart() | OpaquePart():
                    continue
                case ImagePart() if message.role == "assistant":
                    continue
                case _:
                    parts.append(part)
        if parts or not pictures:
            made.append(Message(message.role, tuple(parts) or (TextPart(""),)))
        if pictures and message.role == "assistant":
            made.append(Message.user(*pictures, _SHOWN))
    return tuple(made)


def _result(part: Part, ids: list[str]) -> Part:
    """A result under the id of its call, where the provider gave none."""
    if isinstance(part, ToolResultPart) and part.id is None and ids:
        return replace(part, id=ids[0])
    return part
