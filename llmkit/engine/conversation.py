"""A conversation: frozen turns, what is sent of them, and how they are written down and read again.

Pure: no I/O. A ``Chat`` and the cells of a notebook stand on it; what fits a model's window is ``window.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.messages import Message, message_from_json, message_to_json
from llmkit.core.reply import Reply
from llmkit.engine.translated import for_another_model

FORMAT = "llmkit-conversation"
#: A later version reads what an earlier one wrote: tests keep a file of each.
VERSION = 1
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

        The model it came from gets it whole; others get it without thoughts and signatures, which mean nothing to
        them. Of an answer that was cut off, and by one that will not hear of ``tools``, the words alone are sent.
        """
        reply = self.reply
        if not (reply.complete and reply.stop_reason in _WHOLE and not reply.tool_calls):
            return (Message.assistant(reply.text or reply.refusal or ""),)
        said = reply.turn if tools else (reply.message,)
        return said if self.model == model else for_another_model(said)


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
            "This is no conversation.",
            hint="Load a file that `Chat.save` or `%llm chat export NAME.json` wrote.",
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
