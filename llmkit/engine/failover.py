"""Which of several models is asked next when one fails. Plain objects: no I/O, and no clock of their own.

The rules: the best first, but never one that is left alone just now; on to the next at once, where another
model may do better (a bad request is bad everywhere); models that fail themselves only as long as most calls
go well, so that an outage of all is not answered with a storm. Who sends is ``routed.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from llmkit.core import errors as e
from llmkit.core.reply import Reply
from llmkit.core.route import Candidate, Route
from llmkit.engine.breaker import Breaker, State
from llmkit.engine.retry import RetryBudget

#: Looks at an answer: is it good enough, or why not? It may be a coroutine function.
Check = Callable[[Reply], bool | str | Awaitable[bool | str | None] | None]
#: After which failures another model is asked; the nearest class counts. What is wrong with the request, what the
#: user wants and what the filter refuses stays where it is.
MOVES: Mapping[type[e.LLMKitError], bool] = {
    e.LLMKitError: False,
    # Found out before it was sent, and about that provider: no key, no word for it on its wire, too dear.
    e.ConfigError: True,
    e.ProviderError: True,
    e.BadRequestError: False,
    e.ContextLengthError: True,
    e.RefusedContent: False,
    e.TransportError: True,
    e.StreamError: True,
    # Of the provider alone: where the deadline of the whole call has passed, nothing is asked any more.
    e.DeadlineExceeded: True,
}
#: So many faults in a row, and a model is no refuge any more.
_HEALTHY_FAILURES = 2


@dataclass(frozen=True, slots=True)
class Health:
    """How a model is doing, as far as was seen here."""

    state: State = State.CLOSED
    failures: int = 0
    probing: bool = False
    retry_in: float = 0.0
    #: Seconds for which its provider asked to be left alone.
    paused: float = 0.0

    @classmethod
    def of(cls, breaker: Breaker, *, paused: float = 0.0) -> Health:
        """What a breaker knows."""
        probing = breaker.state is State.HALF_OPEN and breaker.open
        return cls(breaker.state, breaker.failures, probing, breaker.retry_in, paused)

    @property
    def available(self) -> bool:
        """Would it be asked just now?"""
        return self.state is not State.OPEN and not self.probing and self.paused <= 0

    @property
    def healthy(self) -> bool:
        """Is it likely to answer?"""
        return self.available and self.state is State.CLOSED and self.failures < _HEALTHY_FAILURES

    @property
    def wait(self) -> float:
        """Seconds until it may be asked."""
        return max(self.retry_in, self.paused)

    def __str__(self) -> str:
        if self.paused > 0:
            return f"it asked to be left alone for {self.paused:.0f} s"
        match self.state:
            case State.CLOSED:
                return "closed"
            case State.OPEN:
                return f"it failed too often just now; it is tried again in {self.retry_in:.0f} s"
            case State.HALF_OPEN:
                return "it failed too often; somebody is trying it just now" if self.probing else "half-open"


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a request may go, the best first, and how it moves on.

    ``accept`` looks at each answer but the last model's and says no (``False``, or why) to have the next one asked;
    such answers are shown when they are accepted. ``restart``: begin anew with another model even after some of the
    answer was shown. ``also``: kinds of errors after which it moves on as well ("bad_request", "content_filter").
    """

    targets: tuple[str, ...]
    route: Route = field(default_factory=Route)
    accept: Check | None = None
    restart: bool = False
    also: Collection[str] = ()
    most: int | None = None
    #: Told which target answered.
    arrived: Callable[[str], object] | None = None

    @classmethod
    def of(cls, models: Sequence[str]) -> Plan:
        """These models, one after the other.

        >>> Plan.of(["sonnet", "luna"]).targets
        ('sonnet', 'luna')
        """
        names = tuple(dict.fromkeys(models))
        return cls(names, Route("", "fallback", tuple(Candidate(model=name) for name in names)))

    @property
    def name(self) -> str:
        """What a tape knows its calls by: the choice may be another one where it is played."""
        if self.route.strategy == "fallback" and not self.route.task:
            return self.targets[0]
        return f"route:{self.route.label}"

    def moves(self, error: e.LLMKitError) -> bool:
        """May another model do better?"""
        if error.kind in self.also:
            return True
        return next((MOVES[kind] for kind in type(error).__mro__ if kind in MOVES), False)


class Course:
    """One request's way along the targets of its plan.

    >>> course = Course(["a", "b"], lambda _: Health(), RetryBudget())
    >>> course.next(), course.next(), course.next()
    ('a', 'b', None)
    """

    def __init__(
        self,
        targets: Sequence[str],
        health: Callable[[str], Health],
        budget: RetryBudget,
        *,
        most: int | None = None,
    ) -> None:
        self._left = list(targets)
        self._health = health
        self._budget = budget
        self._most = most
        self._asked = 0
        #: Those that were passed by, and why.
        self.passed: dict[str, str] = {}

    def next(self, *, checked: bool = False) -> str | None:
        """The next to ask; ``None`` if that was all. ``checked``: the one before answered, but not well enough."""
        if self._most is not None and self._asked >= self._most:
            return None
        target = self._first() if self._asked == 0 else self._another(checked=checked)
        if target is None:
            self.passed |= {name: str(self._health(name)) for name in self._left}
            return None
        for name in self._left[: self._left.index(target)]:
            if not self._health(name).available:
                self.passed[name] = str(self._health(name))
        self._left.remove(target)
        self.passed.pop(target, None)
        self._asked += 1
        return target

    @property
    def refuge(self) -> bool:
        """Is there another one that is likely to answer? Then nobody waits to try the same again."""
        more = self._most is None or self._asked < self._most
        return more and any(self._health(name).healthy for name in self._left)

    def succeeded(self) -> None:
        """The last one answered."""
        self._budget.succeeded()

    def failed(self) -> None:
        """The last one was asked, and failed."""
        self._budget.failed()

    def _first(self) -> str | None:
        ready = [name for name in self._left if self._health(name).available]
        return ready[0] if ready else min(self._left, key=lambda name: self._health(name).wait, default=None)

    def _another(self, *, checked: bool) -> str | None:
        ready = [name for name in self._left if self._health(name).available]
        if checked and ready:
            return ready[0]
        healthy = [name for name in ready if self._health(name).healthy]
        if healthy:
            return healthy[0]
        return ready[0] if ready and self._budget.allows() else None
