"""A chat on a page: its questions as text, its answers as a saved cell shows them. Nothing in it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmkit.core.messages import ImagePart, TextPart
from llmkit.notebook.look import PANEL, QUIET
from llmkit.notebook.safe import escape
from llmkit.notebook.static import reply_bundle
from llmkit.notebook.visible import to_text

if TYPE_CHECKING:
    from llmkit.core.messages import Message
    from llmkit.engine.chat import Chat
    from llmkit.engine.conversation import Turn

_PLAIN = "tex2jax_ignore mathjax_ignore"


def page(chat: Chat) -> str:
    """The whole chat."""
    simulated = " · simulated" if chat.cost.source == "simulated" else ""
    head = f"{escape(chat.model or 'the default model')} · {_turns(len(chat))} · {escape(str(chat.cost))}{simulated}"
    system = f'<div style="{QUIET}">{escape(to_text(chat.system))}</div>' if chat.system else ""
    return (
        f'<div style="max-width:56em"><div class="{_PLAIN}" style="{QUIET}">{head}</div>{system}'
        f"{''.join(map(_turn, chat.turns))}</div>"
    )


def _turn(turn: Turn) -> str:
    question = f'<div class="{_PLAIN}" style="{PANEL};white-space:pre-wrap">{escape(_said(turn.asked))}</div>'
    return question + reply_bundle(turn.reply)["text/html"]


def _said(message: Message) -> str:
    said = [to_text(part.text) if isinstance(part, TextPart) else _named(part) for part in message.parts]
    return "\n".join(said)


def _named(part: object) -> str:
    kind = "picture" if isinstance(part, ImagePart) else "file"
    name = getattr(part, "name", None) or getattr(part, "url", None) or getattr(part, "media_type", "")
    return f"[{kind}: {to_text(str(name))}]"


def _turns(count: int) -> str:
    return "1 turn" if count == 1 else f"{count} turns"
