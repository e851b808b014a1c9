"""The orchestrator: what is asked, made into a route, and a stream along it.

It gathers what there is to know and hands it to ``rank.py``; the way from one model to the next is the engine's
(``engine/routed.py``). Showing a route as a table is ``table.py``'s.
"""

from __future__ import annotations

import inspect
import random
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.core.reply import Reply
from llmkit.core.request import Request
from llmkit.core.route import Route
from llmkit.core.signal import Signal
from llmkit.engine.budget import Budget
from llmkit.engine.failover import Check, Plan
from llmkit.engine.inputs import Prompt, as_request
from llmkit.engine.session import Session, default_session, session_of
from llmkit.engine.stream import Stream
from llmkit.providers.registry import Registry
from llmkit.routing.choice import Choice
from llmkit.routing.experience import Memory
from llmkit.routing.judgements import Judgements
from llmkit.routing.needs import Need
from llmkit.routing.pool import pool
from llmkit.routing.profiles import Profile, profile
from llmkit.routing.rank import rank
from llmkit.routing.strategies import Asked, strategy_of
from llmkit.routing.tasks import Task, task_of
from llmkit.routing.verdicts import Judged, Verdicts, verdict

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.engine.providers import ProviderRegistry

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
#: What ``as_request`` takes of a call; the rest is the session's, or the orchestrator's own.
_ASKED = ("system", "tools", "tool_choice", "schema")
#: So many conversations are remembered, for who answered them; and so many groups of models, for whose turn it is.
_REMEMBERED = 1000


class Orchestrator:
    """Picks the model for a request, says why, and goes on to the next when it fails.

    >>> orchestrator = Orchestrator(Session({}))
    >>> orchestrator.select_model("coding", request="Write a function.")
    'sim/coder'
    >>> orchestrator.execute("execution", messages="Say hello.").reply().route.model
    'sim/swift'

    ``registry`` is a ``ProviderRegistry``, a ``Session``, a configuration (a mapping, or the path of a file), or nothing:
    the process's session. ``models`` are the only ones to choose from, where a call does not say. ``seed`` makes the
    weighted strategy repeatable.
    """

    def __init__(
        self,
        registry: ProviderRegistry | Session | Registry | Mapping[str, Any] | str | Path | None = None,
        *,
        models: str | Sequence[str] = (),
        seed: int | None = None,
    ) -> None:
        self.session = _session(registry)
        self.models = _names(models)
        self._judgements = Judgements(self.session.notice)
        self._memory = Memory()
        self._dice = random.Random(seed)  # noqa: S311 - it spreads load, it keeps no secret
        self._lock = threading.Lock()
        self._turns: OrderedDict[tuple[str, ...], int] = OrderedDict()
        self._last: OrderedDict[int, str] = OrderedDict()

    # -- asking -------------------------------------------------------------------------------

    def execute(
        self,
        task: str | Task | None = None,
        strategy: str | None = None,
        messages: Prompt | None = None,
        *,
        signal: Signal | None = None,
        models: str | Sequence[str] = (),
        preferred: str | None = None,
        needs: str | Iterable[str] = (),
        check: Check | None = None,
        restart: bool = False,
        also: str | Sequence[str] = (),
        budget: float | str | Decimal | Budget | None = None,
        **more: Any,
    ) -> Stream:
        """Ask the best model for it, and the next when that fails; ``stream.route`` and ``reply.route`` say why.

        ``models`` are the only ones to choose from; ``preferred``, a model or a provider, is asked first, if nothing
        rules it out.
        ``needs`` are things it must be able to do ("vision", "tools", "thinking", …) or tags of its provider
        ("local", "eu"). ``check(reply)`` looks at an answer and has the next model asked by ``False`` or a reason
        (the cascade strategy; its default check wants an answer that is whole). ``restart``: begin anew elsewhere
        even after words were shown. ``also``: kinds of errors after which another is asked as well
        ("bad_request", "content_filter"). All else is what ``Session.stream`` takes.
        """
        more = {key: value for key, value in more.items() if value is not None}
        asked = {"models": models, "preferred": preferred, "needs": needs, "budget": budget, **more}
        choice = self.choose(task, strategy, messages, asked, real=True)
        first = choice.first
        if choice.route.strategy == "cascade" and check is None:
            check = whole
        plan = Plan(
            (first, *choice.targets[1:]),
            choice.route,
            accept=check,
            restart=restart,
            also=_names(also),
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
        messages: Prompt | Request | None = None,
        **more: Any,
    ) -> Route:
        """The route that a request would take, with every candidate, what speaks for it or rules it out. Nothing
        is sent. Without messages: for a short prompt."""
        return self._supposed(task, strategy, messages, more).route

    def choose(
        self,
        task: str | Task | None,
        strategy: str | None,
        messages: Prompt | None,
        asked: Mapping[str, Any],
        *,
        real: bool = False,
    ) -> Choice:
        """The route of a request, and what it was chosen by: the task as the configuration has it, what the request
        needs, the budgets. ``asked`` are the other arguments of :meth:`execute`. Nothing is sent. A ``real`` one will be:
        it takes its turn, and does not wait for the ledger to be read up to this moment."""
        session = self.session
        if messages is None:
            raise BadRequest(
                "There is nothing to ask.", hint="Pass messages=, or a prompt. Nothing was sent."
            )
        kind = task_of(task, session.registry.section("tasks"), session.registry.section("routing"))
        more = {**kind.options, **asked}
        models, preferred = _names(more.pop("models", ())), more.pop("preferred", None)
        if preferred is not None and not isinstance(preferred, str):
            raise BadRequest(
                f"preferred= takes one model or provider, not {preferred!r}.",
                hint='An order of several is models=[…] with strategy="failover". Nothing was sent.',
            )
        if models:
            kind = replace(kind, models=models, model=None, fallback=())
        elif self.models and not (kind.models or kind.model):
            kind = replace(kind, models=self.models)
        name, function = strategy_of(
            strategy or kind.strategy, session.registry.section("routing").get("strategies")
        )
        tag, budget = more.get("tag"), more.get("budget")
        request = as_request(
            messages,
            model=kind.name,
            options={key: value for key, value in more.items() if key not in _OF_CALLS and value is not None},
            tag=tag,
            **{key: more[key] for key in _ASKED if more.get(key) is not None},
        )
        if kind.system is not None and request.system is None:
            request = request.with_(system=kind.system)
        own = () if budget is None else (budget if isinstance(budget, Budget) else Budget(budget),)
        need = Need.of(
            request,
            kind,
            needs=_names(more.get("needs") or ()),
            tag=tag,
            private=session.registry.section("routing").get("local_tags") or (),
            budgets=(*own, *session.purse.applying(tag)),
        )
        conversation = hash((request.system, request.messages[0]))
        known = self._memory.of(session.ledger, fresh=not real)
        if (
            preferred is not None
            and preferred in session.registry
            and preferred not in session.registry.aliases
        ):
            kind, preferred = (
                replace(kind, prefer=(preferred, *kind.prefer)),
                None,
            )  # a provider, whatever its model
        names = pool(session, kind, preferred)
        seen: dict[str, Profile] = {}  # one model may have been named in two ways
        for each, named in names.items():
            found = profile(
                session, each, need, known, named=named, bounds=need.bounded or not real, task=kind.name
            )
            seen.setdefault(found.model, found)
        profiles = list(seen.values())
        if preferred is not None:
            kind = replace(kind, prefer=(profiles[0].model,), avoid=kind.avoid)
        order = tuple(one.model for one in profiles)
        with self._lock:
            turn, seed = self._turns.get(order, 0), self._dice.random()
            if real:
                _keep(self._turns, order, turn + 1)
        ways = Asked(
            weights=kind.weights,
            order=order,
            turn=turn,
            last=self._last.get(conversation),
            dice=random.Random(seed),  # noqa: S311
        )
        candidates = rank(profiles, need, kind, function, ways, self._judgements.all())
        return Choice(Route(kind.name, name, candidates), kind, need, own, conversation)

    def select_model(
        self,
        task: str | Task | None = None,
        strategy: str | None = None,
        request: Prompt | Request | None = None,
        **more: Any,
    ) -> str:
        """The model that would be asked first, as "provider/model". Nothing is sent."""
        return self._supposed(task, strategy, request, more).first

    def explain(
        self,
        task: str | Task | None = None,
        strategy: str | None = None,
        messages: Prompt | Request | None = None,
        **more: Any,
    ) -> pd.DataFrame:
        """The candidates as a DataFrame, the first choice at the top: eligible or why not, score, quality, expected
        cost, worst case, latency (from your own ledger), the breaker's state, what the budgets leave. Nothing is
        sent.

        >>> Orchestrator().explain("coding", "balanced", "Write a function.")  # doctest: +SKIP
        """
        from llmkit.routing.table import frame

        choice = self._supposed(task, strategy, messages, more)
        table: pd.DataFrame = frame(choice.route, choice.need)
        return table

    # -- learning -----------------------------------------------------------------------------

    def learn(self, judged: Any) -> Orchestrator:
        """Take what you found of models, and keep it for the next kernel: a judged comparison (``llmkit.compare(...)``
        with votes, verdicts or scores), the file of one that was saved, or a mapping of models to shares from 0 to 1.
        Quality then leans on it, the more the more there is. The same comparison once more takes the place of what it
        said before. Comparisons of this session are noted by themselves, unless ``routing: {learn: false}``.

        >>> Orchestrator(Session({})).learn({"sim/sage": 0.9}).judged["sim/sage"].share
        0.9
        """
        if isinstance(judged, str | Path):
            # The jobs are a room above this one: asked by name, and only for a file of theirs.
            judged = import_module("llmkit.jobs.baseline").load(judged)
        said = verdict(judged, self._full)
        if not said.met and not said.shares:
            raise BadRequest(
                "The comparison says nothing of who was better.",
                hint="Vote (`cmp.vote(…)`), judge (`cmp.judge(…)`) or score (`cmp.score(…)`) first.",
            )
        self._judgements.add(said)
        return self

    def note(self, judged: Any) -> None:
        """The same for a comparison that was just voted on, judged or scored. A vote that was taken back is forgotten."""
        if self.session.registry.section("routing").get("learn") is False:
            return
        try:
            said = verdict(judged, self._full)
        except LLMKitError as error:  # a model that is not known any more; the vote stands all the same
            self.session.notice(f"A judgement was not noted for routing: {error.what}")
            return
        if said.met or any(one.source == said.source for one in self._judgements.all().said):
            self._judgements.add(said)

    @property
    def verdicts(self) -> Verdicts:
        """All that you found of models, in any kernel."""
        return self._judgements.all()

    @property
    def judged(self) -> dict[str, Judged]:
        """The same, model by model: the share that was won, of how many."""
        said = self._judgements.all()
        return {name: found for name in said.models if (found := said.of(name)) is not None}

    def forget(self) -> None:
        """Forget all that you found of models, in every kernel."""
        self._judgements.forget()

    # -- within -------------------------------------------------------------------------------

    def _full(self, name: str) -> str:
        provider, model = self.session.resolve(name)
        return f"{provider.name}/{model}"

    def _supposed(
        self,
        task: str | Task | None,
        strategy: str | None,
        said: Prompt | Request | None,
        more: Mapping[str, Any],
    ) -> Choice:
        """The choice for what may be asked some day; where nothing is said, for a short prompt."""
        if not isinstance(said, Request):
            return self.choose(task, strategy, said or "A short question.", more)
        of = {name: getattr(said, name) for name in ("system", "tool_choice", "schema", "tag")}
        set_ = {each.name: getattr(said.options, each.name) for each in fields(said.options)}
        given = {**of, **set_, "tools": (*said.tools, *said.server_tools)}
        plain = {name: value for name, value in given.items() if value not in (None, (), {})}
        return self.choose(task, strategy, said.messages, {**plain, **more})

    def _remember(self, key: int, target: str) -> None:
        with self._lock:
            _keep(self._last, key, target)


#: What may be said of a call and is no option of the model's.
_OF_CALLS = frozenset(
    name
    for function in (Session.stream, Orchestrator.execute)
    for name, each in inspect.signature(function).parameters.items()
    if each.kind is each.KEYWORD_ONLY
)


def whole(reply: Reply) -> str | None:
    """The check of a cascade that has none of its own: an answer that is there, whole and no refusal."""
    if not reply.text.strip() and not reply.tool_calls:
        return "its answer is empty"
    if str(reply.stop_reason) in ("refusal", "content_filter", "max_tokens", "error"):
        return f"its answer ended with {reply.stop_reason}"
    return None


_making = threading.Lock()


def orchestrator(session: Session | None = None) -> Orchestrator:
    """The orchestrator of a session (the process's, if none is given): one for all its cells."""
    session = default_session() if session is None else session
    with _making:
        if Orchestrator not in session.kept:
            session.kept[Orchestrator] = Orchestrator(session)
    made: Orchestrator = session.kept[Orchestrator]
    return made


def _session(given: Any) -> Session:
    """Whose providers, budgets and ledger are meant."""
    if given is None:
        return default_session()
    if isinstance(given, Session):
        return given
    if isinstance(found := getattr(given, "session", None), Session):
        return found
    if isinstance(given, Registry) and (home := session_of(given)) is not None:
        return home
    if isinstance(given, Mapping | str | Path):
        return Session(given)
    raise BadRequest(
        f"An orchestrator can't be made of {type(given).__name__}.",
        hint="Pass an llmkit.ProviderRegistry, a Session, a configuration, or nothing for the process's session.",
    )


def _keep(memory: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Remember it, and forget what was not needed for the longest time."""
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _names(said: str | Iterable[str]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)
