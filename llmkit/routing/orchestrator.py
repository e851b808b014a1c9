"""The orchestrator: what is asked, made into a route, and a stream along it.

It gathers what there is to know and hands it to ``rank.py``; the way from one model to the next is the engine's
(``engine/routed.py``). Showing a route as a table is ``table.py``'s.
"""

from __future__ import annotations

import random
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest, BudgetExceeded
from llmkit.core.reply import Reply
from llmkit.core.request import Request
from llmkit.core.route import Candidate, Route
from llmkit.core.signal import Signal
from llmkit.engine.budget import Budget
from llmkit.engine.failover import Plan
from llmkit.engine.inputs import Prompt, as_request
from llmkit.engine.session import Session, default_session
from llmkit.engine.stream import Stream
from llmkit.routing.experience import Memory
from llmkit.routing.needs import Need
from llmkit.routing.pool import pool
from llmkit.routing.profiles import Profile, profile
from llmkit.routing.rank import Judged, rank
from llmkit.routing.strategies import Asked, strategy_of
from llmkit.routing.tasks import Task, task_of

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.engine.providers import ProviderRegistry

Check = Callable[[Reply], bool | str | None]
#: What ``as_request`` takes of a call; the rest is the session's.
_ASKED = ("system", "tools", "tool_choice", "schema")
_OPTIONS = ("max_tokens", "temperature", "top_p", "stop", "seed", "think", "extra")
#: So many conversations are remembered, for who answered them.
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Choice:
    """A route before anything is sent, and what it was chosen by."""

    route: Route
    task: Task
    need: Need
    budgets: tuple[Budget, ...] = ()
    #: What the conversation is known by: how it began.
    conversation: int = 0

    @property
    def targets(self) -> tuple[str, ...]:
        """Those that may be asked, the best first."""
        return tuple(one.model for one in self.route.candidates if one.eligible)

    @property
    def first(self) -> str:
        """The first choice; an error with every reason if nothing fits."""
        if not self.targets:
            raise _nobody(self)
        return self.targets[0]


class Orchestrator:
    """Picks the model for a request, says why, and goes on to the next when it fails.

    >>> orchestrator = Orchestrator(Session({}))
    >>> orchestrator.select_model("coding", request="Write a function.")
    'sim/coder'
    >>> orchestrator.execute("execution", messages="Say hello.").reply().route.model
    'sim/swift'

    ``registry`` is a ``ProviderRegistry``, a ``Session`` or nothing: the process's session. ``seed`` makes the
    weighted strategy repeatable.
    """

    def __init__(
        self, registry: ProviderRegistry | Session | None = None, *, seed: int | None = None
    ) -> None:
        found = registry if isinstance(registry, Session) else getattr(registry, "session", None)
        self.session: Session = found or default_session()
        self.judged: dict[str, Judged] = {}
        self._memory = Memory()
        self._dice = random.Random(seed)  # noqa: S311 - it spreads load, it keeps no secret
        self._lock = threading.Lock()
        self._turn = 0
        self._last: OrderedDict[int, str] = OrderedDict()

    # -- asking -------------------------------------------------------------------------------

    def execute(
        self,
        task: str | Task | None = None,
        strategy: str | None = None,
        messages: Prompt | None = None,
        *,
        signal: Signal | None = None,
        models: Sequence[str] = (),
        preferred: str | None = None,
        needs: Iterable[str] = (),
        check: Check | None = None,
        restart: bool = False,
        also: Sequence[str] = (),
        budget: float | str | Decimal | Budget | None = None,
        **more: Any,
    ) -> Stream:
        """Ask the best model for it, and the next when that fails; ``stream.route`` and ``reply.route`` say why.

        ``models`` are the only ones to choose from; ``preferred`` is asked first, if nothing rules it out.
        ``needs`` are things it must be able to do ("vision", "tools", "thinking", …) or tags of its provider
        ("local", "eu"). ``check(reply)`` looks at an answer and has the next model asked by ``False`` or a reason
        (the cascade strategy; its default check wants an answer that is whole). ``restart``: begin anew elsewhere
        even after words were shown. ``also``: kinds of errors after which another is asked as well
        ("bad_request", "content_filter"). All else is what ``Session.stream`` takes.
        """
        more = {key: value for key, value in more.items() if value is not None}
        asked = {"models": models, "preferred": preferred, "needs": needs, "budget": budget, **more}
        choice = self.choose(task, strategy, messages, asked, fresh=False)
        with self._lock:
            self._turn += 1
        first = choice.first
        if choice.route.strategy == "cascade" and check is None:
            check = whole
        plan = Plan(
            (first, *choice.targets[1:]),
            choice.route,
            accept=check,
            restart=restart,
            also=tuple(also),
            most=self.session.registry.section("routing").get("max_attempts"),
            arrived=lambda target: self._remember(choice.conversation, target),
        )
        options = {**choice.task.options, **more}
        if choice.task.system is not None:
            options.setdefault("system", choice.task.system)
        options.pop("budget", None)
        own = choice.budgets[0] if choice.budgets else None
        assert messages is not None  # noqa: S101 - the choice was made of it
        return self.session.stream(messages, signal=signal, fallback=plan, budget=own, **options)

    def execute_with_failover(
        self,
        task: str | Task | None = None,
        strategy: str | None = None,
        messages: Prompt | None = None,
        *,
        preferred: str | None = None,
        **more: Any,
    ) -> Stream:
        """The same; ``preferred`` comes first, and the others after it as the strategy has them.

        >>> Orchestrator(Session({})).execute_with_failover("chat", messages="Hi", preferred="sage").reply().route.model
        'sim/sage'
        """
        return self.execute(task, strategy, messages, preferred=preferred, **more)

    def ask(self, messages: Prompt, task: str | Task | None = None, **more: Any) -> Reply:
        """Ask, and wait for the whole reply."""
        return self.execute(task, messages=messages, **more).reply()

    # -- choosing -----------------------------------------------------------------------------

    def route(
        self,
        task: str | Task | None = None,
        strategy: str | None = None,
        messages: Prompt | None = None,
        **more: Any,
    ) -> Route:
        """The route that a request would take, with every candidate, what speaks for it or rules it out. Nothing
        is sent. Without messages: for a short prompt."""
        return self.choose(task, strategy, messages or "A short question.", more).route

    def choose(
        self,
        task: str | Task | None,
        strategy: str | None,
        messages: Prompt | None,
        asked: Mapping[str, Any],
        *,
        fresh: bool = True,
    ) -> Choice:
        """The route of a request, and what it was chosen by: the task as the configuration has it, what the request
        needs, the budgets. ``asked`` are the other arguments of :meth:`execute`; ``fresh`` reads the ledger up to this
        moment. Nothing is sent."""
        session = self.session
        if messages is None:
            raise BadRequest(
                "There is nothing to ask.", hint="Pass messages=, or a prompt. Nothing was sent."
            )
        kind = task_of(task, session.registry.section("tasks"), session.registry.section("routing"))
        more = {**kind.options, **asked}
        models, preferred = tuple(more.pop("models", ())), more.pop("preferred", None)
        kind = replace(kind, models=models or kind.models)
        name, function = strategy_of(
            strategy or kind.strategy, session.registry.section("routing").get("strategies")
        )
        tag, budget = more.get("tag"), more.get("budget")
        request = as_request(
            messages,
            model=kind.name,
            options={key: more[key] for key in _OPTIONS if more.get(key) is not None},
            tag=tag,
            **{key: more[key] for key in _ASKED if more.get(key) is not None},
        )
        if kind.system is not None and request.system is None:
            request = request.with_(system=kind.system)
        own = () if budget is None else (budget if isinstance(budget, Budget) else Budget(budget),)
        need = Need.of(
            request,
            kind,
            needs=more.get("needs") or (),
            tag=tag,
            private=session.registry.section("routing").get("local_tags") or (),
            budgets=(*own, *session.purse.applying(tag)),
        )
        conversation = hash((request.system, request.messages[0]))
        known = self._memory.of(session.ledger, fresh=fresh)
        names = pool(session, kind, preferred)
        seen: dict[str, Profile] = {}  # one model may have been named in two ways
        for each, named in names.items():
            found = profile(session, each, need, known, named=named, bounds=fresh or need.bounded)
            seen.setdefault(found.model, found)
        profiles = list(seen.values())
        if preferred is not None:
            kind = replace(kind, prefer=(profiles[0].model,), avoid=kind.avoid)
        with self._lock:
            turn, seed = self._turn, self._dice.random()
        ways = Asked(
            weights=kind.weights,
            order=tuple(one.model for one in profiles),
            turn=turn,
            last=self._last.get(conversation),
            dice=random.Random(seed),  # noqa: S311
        )
        candidates = rank(profiles, need, kind, function, ways, self.judged)
        return Choice(Route(kind.name, name, candidates), kind, need, own, conversation)

    def select_model(
        self,
        task: str | Task | None = None,
        strategy: str | None = None,
        request: Prompt | Request | None = None,
        **more: Any,
    ) -> str:
        """The model that would be asked first, as "provider/model". Nothing is sent."""
        if isinstance(request, Request):
            more = {"tools": request.tools, "schema": request.schema, "system": request.system, **more}
            request = request.messages
        choice = self.choose(task, strategy, request or "A short question.", more)
        return choice.first

    def explain(
        self,
        task: str | Task | None = None,
        strategy: str | None = None,
        messages: Prompt | None = None,
        **more: Any,
    ) -> pd.DataFrame:
        """The candidates as a DataFrame, the first choice at the top: eligible or why not, score, quality, expected
        cost, worst case, latency (from your own ledger), the breaker's state, what the budgets leave. Nothing is
        sent.

        >>> Orchestrator().explain("coding", "balanced", "Write a function.")  # doctest: +SKIP
        """
        from llmkit.routing.table import frame

        choice = self.choose(task, strategy, messages or "A short question.", more)
        table: pd.DataFrame = frame(choice.route, choice.need)
        return table

    # -- learning -----------------------------------------------------------------------------

    def learn(self, judged: Any) -> Orchestrator:
        """Take what you found of models: a judged comparison (``llmkit.compare(...)`` with votes or verdicts), or a
        mapping of models to shares from 0 to 1. Quality then leans on it, the more the more there is.

        >>> Orchestrator(Session({})).learn({"sim/sage": 0.9}).judged["sim/sage"].share
        0.9
        """
        from llmkit.routing.verdicts import verdicts

        for name, (share, of) in verdicts(judged).items():
            provider, model = self.session.resolve(name)
            full = f"{provider.name}/{model}"
            before = self.judged.get(full, Judged(0.0, 0))
            total = before.of + of
            self.judged[full] = Judged((before.share * before.of + share * of) / total, total)
        return self

    # -- within -------------------------------------------------------------------------------

    def _remember(self, key: int, target: str) -> None:
        with self._lock:
            self._last[key] = target
            self._last.move_to_end(key)
            while len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)


def whole(reply: Reply) -> str | None:
    """The check of a cascade that has none of its own: an answer that is there, whole and no refusal."""
    if not reply.text.strip() and not reply.tool_calls:
        return "its answer is empty"
    if str(reply.stop_reason) in ("refusal", "content_filter", "max_tokens", "error"):
        return f"its answer ended with {reply.stop_reason}"
    return None


_known: weakref.WeakKeyDictionary[Session, Orchestrator] = weakref.WeakKeyDictionary()


def orchestrator(session: Session | None = None) -> Orchestrator:
    """The orchestrator of a session (the process's, if none is given): one for all its cells."""
    session = default_session() if session is None else session
    if session not in _known:
        _known[session] = Orchestrator(session)
    return _known[session]


def _nobody(choice: Choice) -> BadRequest | BudgetExceeded:
    dropped: Sequence[Candidate] = choice.route.candidates
    told = (
        "\n".join(f"{one.model}: {'; '.join(one.reasons)}" for one in dropped) or "There are no candidates."
    )
    poor = bool(dropped) and all("is left" in reason for one in dropped for reason in one.reasons)
    kind = BudgetExceeded if poor else BadRequest
    return kind(
        f"No model fits this request ({choice.task.name}, {choice.route.strategy}).",
        why=told,
        hint="Nothing was sent. `explain(...)` shows the candidates; set a key, name models, or ask for less.",
    )
