"""A conversation of cells: frozen turns, what is sent of them, and how they are written down and read again.

Pure: no shell and no I/O. Which conversation a cell belongs to, and when a turn is added, is ``magics.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.messages import Message, TextPart, message_from_json, message_to_json
from llmkit.core.reply import Reply, Step
from llmkit.models.catalogue import ModelFacts
from llmkit.notebook.rounds import used

FORMAT = "llmkit-conversation"
VERSION = 1
#: A guess at tokens is good to about ±30 %: below this share of it, the truth can hardly be.
_AT_LEAST = 0.7
_WHOLE = ("stop", "stop_sequence")


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer. ``cell`` and ``run`` say which cell asked it, and in which of its runs."""

    asked: Message
    reply: Reply
    model: str = ""
    system: str | None = None
    cell: str | None = None
    run: int | None = None

    def answer(self, model: str, *, tools: bool = True) -> tuple[Message, ...]:
        """The answer as it is sent back to that model, with what tools said on the way.

        Thoughts, signatures and calls go back to the model they came from, whole; others get the words alone, and
        so does one that will not hear of ``tools``.
        """
        reply = self.reply
        if reply.complete and reply.stop_reason in _WHOLE and not reply.tool_calls and self.model == model:
            return reply.turn if tools else (reply.message,)
        return (Message.assistant(reply.text or reply.refusal or ""),)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns, in order. Changing one makes another.

    >>> talk = Conversation().then(Turn(Message.user("hi"), Reply(Message.assistant("hello")), cell="a", run=1))
    >>> len(talk.turns), len(talk.before("a", 2).turns), len(talk.before("a", 1).turns)
    (1, 0, 1)
    """

    turns: tuple[Turn, ...] = ()

    def before(self, cell: str | None, run: int | None) -> Conversation:
        """What a cell that runs (again) goes on from: its turn of an earlier run, and all that followed, are out."""
        if cell is None:
            return self
        for at, turn in enumerate(self.turns):
            if turn.cell == cell and turn.run != run:
                return Conversation(self.turns[:at])
        return self

    def without(self, dropped: Iterable[Turn]) -> Conversation:
        """Without these very turns; what was added since they were looked at stays."""
        gone = {id(turn) for turn in dropped}
        return Conversation(tuple(turn for turn in self.turns if id(turn) not in gone))

    def then(self, turn: Turn) -> Conversation:
        """With one more turn."""
        return Conversation((*self.turns, turn))

    def first(self, count: int) -> Conversation:
        """Only the first so many turns: where another conversation may begin."""
        return Conversation(self.turns[:count])

    @property
    def system(self) -> str | None:
        """The system prompt that holds: the one given last."""
        return next((turn.system for turn in reversed(self.turns) if turn.system), None)

    @property
    def cost(self) -> Decimal:
        """What is known of its cost, in dollars."""
        costs = (turn.reply.cost for turn in self.turns if not turn.reply.simulated)
        return sum((c.amount for c in costs if c.amount is not None and c.currency == "USD"), Decimal(0))

    def messages(self, model: str, *, tools: bool = True) -> tuple[Message, ...]:
        """All of it, as it is sent to that model before the next question."""
        return tuple(
            message for turn in self.turns for message in (turn.asked, *turn.answer(model, tools=tools))
        )


def worth_keeping(reply: Reply) -> bool:
    """Is there something in it to go on from?"""
    return bool((reply.text or reply.refusal or "").strip())


def check_room(facts: ModelFacts, tokens: int, answer: int | None, turns: int) -> str:
    """Refuse what can't fit the model's window; the result is a warning where it may not, else "".

    Nothing is ever left out in silence: what to leave out is the user's choice.
    """
    room = facts.max_input or facts.context_window
    if room is None:
        return ""
    if facts.context_window is not None:
        room = min(room, facts.context_window - (answer or 0))
    if tokens <= room:
        return ""
    about = f"about {tokens:,} tokens" + (f" of {turns} turns and the question" if turns else "")
    choice = (
        "start over with --new, ask alone with --no-history, or fork it shorter: `%llm chat fork NAME TURNS`"
        if turns
        else "shorten the prompt"
    )
    if tokens * _AT_LEAST > room:
        raise BadRequest(
            f"This does not fit {facts.name}: {about}, and it reads {room:,}.",
            why="The number of tokens is a guess, but not off by so much. Nothing was sent.",
            hint=f"Choose: {choice}; or ask a model with a larger window.",
        )
    return f"This may not fit {facts.name}: {about} (a guess), and it reads {room:,}. To be sure, {choice}."


# -- written down ---------------------------------------------------------------------------------


def to_json(talk: Conversation) -> dict[str, Any]:
    """As plain JSON values."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "turns": [
            {
                "asked": message_to_json(turn.asked),
                "reply": turn.reply.to_json(),
                "model": turn.model,
                "system": turn.system,
                "cell": turn.cell,
            }
            for turn in talk.turns
        ],
    }


def from_json(plain: Any) -> Conversation:
    """The inverse of :func:`to_json`; :class:`BadRequest` for anything else.

    The runs are forgotten: in the kernel that reads it, every cell runs anew.
    """
    if not isinstance(plain, Mapping) or plain.get("format") != FORMAT:
        raise BadRequest(
            "This is no conversation.", hint="Load a file that `%llm chat export NAME.json` wrote."
        )
    if plain.get("version") != VERSION:
        raise BadRequest(
            f"This conversation is written in version {plain.get('version')!r}, and {VERSION} is read here.",
            hint="Load it with the llmkit that wrote it, or a newer one.",
        )
    try:
        return Conversation(tuple(_turn(turn) for turn in plain["turns"]))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise BadRequest(
            "This conversation can't be read.",
            why=f"{type(error).__name__}: {error}",
            hint="Export it again.",
        ) from None


def _turn(plain: Mapping[str, Any]) -> Turn:
    asked, reply = message_from_json(plain["asked"]), Reply.from_json(plain["reply"])
    if asked.role != "user" or reply.message.role != "assistant":
        raise ValueError("a turn is a user's question and a model's answer")
    system, cell = plain.get("system"), plain.get("cell")
    if not (isinstance(system, str | None) and isinstance(cell, str | None)):
        raise TypeError("system and cell are text")
    return Turn(asked, reply, str(plain.get("model") or ""), system, cell)


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
