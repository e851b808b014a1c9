"""What a request needs of a model, whatever is preferred: room, senses, tools, places, money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from llmkit.core.messages import FilePart, ImagePart, ToolCallPart, ToolResultPart
from llmkit.core.request import Request
from llmkit.engine.budget import Budget
from llmkit.engine.worst import input_tokens
from llmkit.models.tokens import estimate_tokens
from llmkit.routing.tasks import Task

#: Calls with these tags, and those that the configuration names, stay on this machine.
PRIVATE_TAGS = ("local", "private")
#: Other words for what a model can do.
_WORDS = {
    "images": "vision",
    "image": "vision",
    "schema": "structured",
    "json": "structured",
    "tool": "tools",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What must be there. ``tokens`` is a guess at the prompt, ``most_tokens`` the same with a margin; ``answer``
    what is expected back, ``longest`` the limit that was set. ``places`` are tags of providers. ``left`` is what
    the budgets leave for a call, ``left_simulated`` for a simulated one.

    >>> Need(tokens=10, most_tokens=20, needs=frozenset({"vision"})).needs
    frozenset({'vision'})
    """

    tokens: int = 0
    most_tokens: int = 0
    answer: int = 500
    longest: int | None = None
    needs: frozenset[str] = frozenset()
    window: int = 0
    left: Decimal | None = None
    left_simulated: Decimal | None = None
    #: A budget refuses calls whose price is not known.
    priced: bool = False

    @property
    def bounded(self) -> bool:
        """Is there a budget?"""
        return self.left is not None or self.left_simulated is not None or self.priced

    @classmethod
    def of(
        cls,
        request: Request,
        task: Task,
        *,
        needs: Iterable[str] = (),
        tag: str | None = None,
        private: Iterable[str] = (),
        budgets: Sequence[Budget] = (),
    ) -> Need:
        """What this request needs, done for that task."""
        words = {_WORDS.get(word, word) for word in (*task.needs, *needs)}
        if tag is not None and tag in (*PRIVATE_TAGS, *private):
            words.add("local")
        words |= _senses(request)
        if request.tools or request.server_tools:
            words.add("tools")
        if request.schema is not None:
            words.add("structured")
        text = "\n".join((request.system or "", *(_words_of(request))))
        limit = request.options.max_tokens
        return cls(
            tokens=estimate_tokens(text).value,
            most_tokens=input_tokens(request),
            answer=task.answer if limit is None else min(limit, task.answer),
            longest=limit,
            needs=frozenset(words),
            window=task.window,
            left=min((each.left for each in budgets), default=None),
            left_simulated=min((each.left for each in budgets if each.simulated), default=None),
            priced=any(each.unknown == "refuse" for each in budgets),
        )


def _senses(request: Request) -> set[str]:
    found: set[str] = set()
    for message in request.messages:
        for part in message.parts:
            match part:
                case ImagePart():
                    found.add("vision")
                case ToolResultPart(images=images) if images:
                    found.add("vision")
                case FilePart(media_type="application/pdf"):
                    found.add("pdf")
                case FilePart(media_type=kind) if kind.startswith("audio/"):
                    found.add("audio")
                case _:
                    continue
    return found


def _words_of(request: Request) -> list[str]:
    words = [message.text for message in request.messages]
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolResultPart):
                words.append(part.content)
            elif isinstance(part, ToolCallPart):
                words.append(part.arguments_json)
    return words
