"""Does a conversation fit a model's window, and if not, which of its turns are sent. Never in silence.

Strategies are functions in a table: adding one is adding a row. Summaries are written by ``Chat``, which can ask.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeAlias

from llmkit.core.errors import BadRequest, ContextOverflow
from llmkit.engine.conversation import Turn
from llmkit.models.catalogue import ModelFacts

#: A guess at tokens is good to about ±30 %: below this share of it, the truth can hardly be.
AT_LEAST = 0.7
#: "none", "oldest", "summarise", or a function that is given all turns and how many tokens there is room for, and
#: gives those to send.
Trim: TypeAlias = Literal["none", "oldest", "summarise"] | Callable[[Sequence[Turn], int], Iterable[Turn]]
WORDS = ("none", "oldest", "summarise")


def as_trim(given: Trim | str) -> Trim:
    """The strategy of that name, or the function itself.

    >>> as_trim("oldest")
    'oldest'
    """
    if callable(given):
        return given
    for word in WORDS:
        if given == word:
            return word  # type: ignore[return-value]  # one of them
    raise BadRequest(
        f"There is no way of trimming called {given!r}.",
        why=f"They are {', '.join(WORDS)}, or a function of the turns and the room.",
        hint="Nothing was sent.",
    )


def room_of(facts: ModelFacts, answer: int | None) -> int | None:
    """How many tokens may be sent to that model, the answer's being set aside; ``None`` where nobody knows.

    >>> room_of(ModelFacts(provider="p", model="m", context_window=1000), 200)
    800
    """
    room = facts.max_input or facts.context_window
    if room is None or facts.context_window is None:
        return room
    return min(room, facts.context_window - (answer or 0))


def most_recent(turns: Sequence[Turn], fits: Callable[[Sequence[Turn]], bool]) -> Sequence[Turn]:
    """As many of the last turns as fit; none, if not even the last one does.

    >>> most_recent([1, 2, 3, 4], lambda kept: len(kept) <= 2)
    [3, 4]
    """
    left_out = bisect.bisect_left(range(len(turns)), True, key=lambda count: fits(turns[count:]))
    return turns[left_out:]


def overflow(model: str, tokens: int, room: int, turns: int) -> ContextOverflow:
    """The error for what can't fit, with what to choose from."""
    whole = (
        f"{turns} earlier turn{'' if turns == 1 else 's'} and the question" if turns else "the question alone"
    )
    choice = (
        'trim="oldest" leaves out the oldest turns, trim="summarise" has them summarised, and `chat.fork(N)` begins '
        "with the first N; or ask a model with a larger window"
        if turns
        else "Shorten it, or ask a model with a larger window"
    )
    return ContextOverflow(
        f"This does not fit {model}: {whole} are about {tokens:,} tokens, and it reads {room:,}.",
        why="Nothing was left out and nothing was sent: what to leave out is your choice.",
        hint=f"{choice}.",
        model=model,
    )
