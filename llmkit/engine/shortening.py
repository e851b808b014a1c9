"""What is sent of a conversation that is too long for its model: all, the latest turns, or a summary and the latest.

Nothing is left out unless the user chose how, and then it is said. Rooms and strategies are ``window.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmkit.core.messages import Message, TextPart
from llmkit.core.reply import Reply
from llmkit.engine import window
from llmkit.engine.conversation import Conversation, Turn
from llmkit.engine.window import Trim

if TYPE_CHECKING:
    from llmkit.engine.session import Session

#: What matters to the length of a call; its other options don't.
_LENGTHS = ("system", "tools", "schema", "max_tokens", "think")
_SUMMARY_TOKENS = 600
_SUMMARISE = (
    "Summarise this conversation for somebody who goes on with it: facts, names, figures, decisions, what was asked "
    "and is still open. No more than 400 words, no preface."
)
_SUMMED_UP = "[Summary of the conversation before this]"


@dataclass(frozen=True, slots=True)
class Summary:
    """What the first so many turns of a conversation say."""

    turns: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """The messages that go before the question; what was left out, in words; the calls that a summary took."""

    before: tuple[Message, ...]
    summary: Summary = Summary()
    notes: tuple[str, ...] = ()
    calls: tuple[Reply, ...] = ()


def fit(
    talk: Conversation,
    asked: Message,
    model: str,
    *,
    session: Session,
    trim: Trim,
    earlier: Summary,
    said: Mapping[str, Any],
) -> Fit:
    """What is sent before the question; :class:`ContextOverflow` where it can't fit and nothing may be left out.

    ``model`` is "provider/model", ``said`` what goes with the question: the system prompt, tools, options.
    """
    provider, _, name = model.partition("/")
    whole = talk.messages(model)
    room = window.room_of(session.catalogue.facts(provider, name), said.get("max_tokens"))
    if room is None or _surely_fits((*whole, asked), said, room):
        return Fit(whole, earlier)
    sizes = {length: said[length] for length in _LENGTHS if said.get(length) is not None}

    def tokens(before: Iterable[Message]) -> int:
        return session.estimate((*before, asked), model=model, **sizes).tokens

    def fits(turns: Sequence[Turn], first: tuple[Message, ...] = ()) -> bool:
        return tokens((*first, *Conversation(tuple(turns)).messages(model))) <= room

    def checked(before: tuple[Message, ...], turns: int) -> tuple[str, ...]:
        """Refuse what can't fit; a note where it may not."""
        if (count := tokens(before)) <= room:
            return ()
        if count * window.AT_LEAST > room:
            raise window.overflow(model, count, room, turns)
        return (f"This may not fit {model}: about {count:,} tokens (a guess), and it reads {room:,}.",)

    if trim == "none" or fits(talk.turns):
        return Fit(whole, earlier, checked(whole, len(talk.turns)))
    if trim == "summarise":
        aside = (Message.user("x " * _SUMMARY_TOKENS),)
        kept = window.most_recent(talk.turns, lambda turns: fits(turns, aside))
        count = len(talk.turns) - len(kept)
        summary, calls = _summed_up(talk.turns[:count], earlier, model, room, session, said.get("tag"))
        first = (Message.user(f"{_SUMMED_UP}\n{summary.text}"),)
        before = (*first, *_without_thoughts(kept))
        return Fit(before, summary, (_told_of(count, "summed up"), *checked(before, len(kept))), calls)
    kept = window.most_recent(talk.turns, fits) if trim == "oldest" else tuple(trim(talk.turns, room))
    whole_turns = Conversation(tuple(kept))
    before = whole_turns.messages(model) if whole_turns == talk else _without_thoughts(kept)
    left_out = len(talk.turns) - len(kept)
    notes = (_told_of(left_out, "left out"),) if left_out else ()
    return Fit(before, earlier, (*notes, *checked(before, len(kept))))


def _without_thoughts(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """Thoughts are signed for what stood before them, and refused where that has changed (Claude Fable 5.1 and later)."""
    return Conversation(tuple(turns)).messages("nobody's")


def _summed_up(
    turns: Sequence[Turn], earlier: Summary, model: str, room: int, session: Session, tag: str | None
) -> tuple[Summary, tuple[Reply, ...]]:
    """A summary of these turns, written by the model in as many calls as it takes; an earlier one is gone on from."""
    made = earlier if earlier.turns <= len(turns) else Summary()
    calls: list[Reply] = []
    while made.turns < len(turns):
        upto = made.turns + 1  # of those left, as many as surely fit
        while upto < len(turns) and _length(turns[made.turns : upto + 1], made.text) < room:
            upto += 1
        told = [line for turn in turns[made.turns : upto] for line in _told(turn)]
        prompt = "\n\n".join([_SUMMARISE, *([made.text] if made.text else []), *told])
        reply = session.ask(prompt, model=model, max_tokens=_SUMMARY_TOKENS, tag=tag)
        calls.append(reply)
        made = Summary(upto, reply.text)
    return made, tuple(calls)


def _told(turn: Turn) -> tuple[str, str]:
    return f"User: {turn.asked.text}", f"Assistant: {turn.reply.text or turn.reply.refusal or ''}"


def _told_of(count: int, how: str) -> str:
    turns = "The oldest turn was" if count == 1 else f"The {count} oldest turns were"
    return f"{turns} {how}, for the model's window is full."


def _surely_fits(messages: Iterable[Message], said: Mapping[str, Any], room: int) -> bool:
    """Is it so short that there is nothing to estimate? No text has more than two tokens a character."""
    parts = [part for message in messages for part in message.parts]
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    if said.get("tools") or said.get("schema") is not None or len(texts) < len(parts):
        return False
    return 2 * (sum(map(len, texts)) + len(said.get("system") or "")) + 10 * len(parts) < room


def _length(turns: Iterable[Turn], before: str) -> int:
    """More tokens than a summary of these is asked with."""
    return 2 * (len(before) + len(_SUMMARISE) + sum(len(line) for turn in turns for line in _told(turn)))
