"""A conversation of cells, as a notebook needs it: is there room for it, and how is it read by people.

The values and their JSON are ``engine/conversation.py``'s, which ``llmkit.Chat`` shares. Which conversation a cell belongs
to, and when a turn is added, is ``magics.py``'s.
"""

from __future__ import annotations

from typing import Any

from llmkit.core.errors import ContextOverflow
from llmkit.core.messages import Message, TextPart
from llmkit.core.reply import Reply, Step
from llmkit.engine.conversation import Conversation, Turn, from_json, to_json
from llmkit.engine.window import AT_LEAST, room_of
from llmkit.models.catalogue import ModelFacts
from llmkit.notebook.rounds import used

__all__ = [
    "Conversation",
    "Turn",
    "check_room",
    "cost_of",
    "from_json",
    "to_json",
    "to_markdown",
    "worth_keeping",
]


def worth_keeping(reply: Reply) -> bool:
    """Is there something in it to go on from?"""
    return bool((reply.text or reply.refusal or "").strip())


def check_room(facts: ModelFacts, tokens: int, answer: int | None, turns: int) -> str:
    """Refuse what can't fit the model's window; the result is a warning where it may not, else "".

    Nothing is ever left out in silence: what to leave out is the user's choice.
    """
    room = room_of(facts, answer)
    if room is None or tokens <= room:
        return ""
    about = f"about {tokens:,} tokens" + (
        f" of {turns} turn{'' if turns == 1 else 's'} and the question" if turns else ""
    )
    choice = (
        "start over with --new, ask alone with --no-history, or fork it shorter: `%llm chat fork NAME TURNS`"
        if turns
        else "shorten the prompt"
    )
    if tokens * AT_LEAST > room:
        raise ContextOverflow(
            f"This does not fit {facts.name}: {about}, and it reads {room:,}.",
            why="The number of tokens is a guess, but not off by so much. Nothing was sent.",
            hint=f"Choose: {choice}; or ask a model with a larger window.",
        )
    return f"This may not fit {facts.name}: {about} (a guess), and it reads {room:,}. To be sure, {choice}."


def to_markdown(talk: Conversation, title: str = "Conversation") -> str:
    """To read. Model text is written as it came; a page that shows it must not trust it."""
    out = [f"# {title}"]
    system = None
    for number, turn in enumerate(talk.turns, 1):
        if turn.system and turn.system != system:
            system = turn.system
            out.append(f"**System:** {system}")
        out.append(f"## {number}. Question")
        out.append("\n\n".join(_said(turn.asked)))
        marks = "" if turn.reply.complete else ", partial"
        out.append(f"## {number}. {turn.model or turn.reply.model or 'Answer'} ({cost_of(turn)}{marks})")
        *earlier, last = turn.reply.steps or (Step(turn.reply),)
        for step in (*earlier, Step(turn.reply, last.results)):
            out.append(step.reply.text or step.reply.refusal or "")
            out += [
                f"    {each.plain()}" for each in used(step.reply.tool_calls, step.results) if each.result
            ]
    return "\n\n".join(part.strip("\n") for part in out if part) + "\n"


def cost_of(turn: Turn) -> str:
    """What a turn cost, in words."""
    return "simulated" if turn.reply.simulated else str(turn.reply.cost)


def _said(message: Message) -> list[str]:
    return [part.text if isinstance(part, TextPart) else f"[{_kind(part)}]" for part in message.parts]


def _kind(part: Any) -> str:
    return str(
        getattr(part, "name", None) or getattr(part, "url", None) or getattr(part, "media_type", "part")
    )
