"""The one place with state: providers, defaults, the ledger. A default one serves the process."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet, WeakValueDictionary

from llmkit.core.errors import ConfigError, UnknownModel
from llmkit.core.ids import fresh_id
from llmkit.core.reply import Reply
from llmkit.core.request import Request, ToolSpec
from llmkit.core.signal import Signal
from llmkit.engine import adapt, estimate, logs, settings, track, whereabouts
from llmkit.engine.budget import Budget, not_held
from llmkit.engine.cache import Cache
from llmkit.engine.cached import CachedCall
from llmkit.engine.call import Call, Labels
from llmkit.engine.consent import Consent
from llmkit.engine.enclosures import opened
from llmkit.engine.estimate import Estimate
from llmkit.engine.failover import Plan
from llmkit.engine.gates import Gates
from llmkit.engine.hooks import Hooks, OnError, OnEvent, OnReply, OnRequest, Unsubscribe
from llmkit.engine.inputs import (
    Prompt,
    as_consent,
    as_options,
    as_prompt,
    as_request,
    as_rounds,
    as_text,
    refuse,
)
from llmkit.engine.playback import Playback
from llmkit.engine.purse import Purse
from llmkit.engine.recording import Keep, Recorder, Recording, asked
from llmkit.engine.refusals import Refusals
from llmkit.engine.routed import Routed
from llmkit.engine.stream import Stream
from llmkit.engine.structured import as_shape
from llmkit.engine.tape import Tape
from llmkit.engine.tool_loop import DEFAULT_ROUNDS, ToolLoop
from llmkit.engine.toolbox import as_toolbox
from llmkit.engine.trip import Trip
from llmkit.ledger.accounts import Accounts
from llmkit.ledger.store import Ledger
from llmkit.models import aliases, catalogue
from llmkit.models.knowledge import Knowledge
from llmkit.providers.base import Provider
from llmkit.providers.config import Config, find
from llmkit.providers.keys import mask
from llmkit.providers.registry import Registry, check_model

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger("llmkit")
_CLOSE_SECONDS = 0.5
__all__ = ["Prompt", "Session", "as_options", "as_prompt", "default_session"]


class Session:
    """Providers, a default model and a ledger.

    >>> session = Session({"providers": {"mine": {"type": "compatible", "base_url": "http://127.0.0.1:1/v1"}}})
    >>> "mine" in session.registry
    True
    """

    def __init__(self, config: Mapping[str, Any] | str | Path | Config | None = None) -> None:
        self.registry = Registry(config if config is not None else find())
        self.id = fresh_id(48)
        self.began = time.time()
        self.default_model: str | None = self.registry.default_model
        #: What is known of models here: shipped, told by providers, written by the user.
        self.catalogue = Knowledge(self.registry.section("models"))
        self.gates = Gates.tuned(self.registry.tuning)
        self._own_cache: Cache | None = None
        self.refusals = Refusals()
        self.hooks = Hooks()
        logs.listen(self.hooks)
        #: What the user should know and no error says. ``news()`` gives what was not told yet.
        self.notices: list[str] = []
        self._told: set[str] = set()
        self.purse = Purse(lambda: self.ledger)
        try:
            self.prices, self.cache = settings.apply(self.registry.settings, self.purse, self.notice)
        except ConfigError as error:
            raise self.registry.located(error) from None
        self.tape: Tape | None = Tape.parse(named) if (named := os.environ.get("LLMKIT_TAPE")) else None
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()
        self._life = Signal.never()  # part of every call's own signal
        self._streams: WeakSet[Stream] = WeakSet()
        #: What rooms above this one keep for as long as it lives, by its type.
        self.kept: dict[type, Any] = {}
        _homes[id(self.registry)] = self

    @property
    def ledger(self) -> Ledger:
        """The ledger; opened with the first call."""
        with self._lock:
            if self._ledger is None:
                self._ledger = Ledger.open(mask=mask)
            return self._ledger

    def close(self) -> None:
        """Stop what runs, wait a moment until it is settled, and let go of the ledger's and the cache's files.
        A later call opens them again; at the end of the process all of this happens by itself.

        >>> with Session() as session:
        ...     session.ask("Why is the sky blue?", model="sim/swift").complete
        True
        """
        life, self._life = self._life, Signal.never()
        life.abort("its session was closed")
        until = time.monotonic() + _CLOSE_SECONDS
        with self._lock:
            running = list(self._streams)
        for stream in running:
            stream.settled(max(0.0, until - time.monotonic()))
        if self._ledger is not None:
            self._ledger.close()
        for cache in (self.cache, self._own_cache):
            if cache is not None:
                cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- asking -------------------------------------------------------------------------------

    def stream(
        self,
        prompt: Prompt,
        *,
        model: str | None = None,
        system: str | None = None,
        signal: Signal | None = None,
        timeout: float | None = None,
        tools: Iterable[ToolSpec | Callable[..., Any] | Mapping[str, Any]] = (),
        tool_choice: str | None = None,
        schema: Any = None,
        repair: bool = True,
        stream: bool = True,
        tag: str | None = None,
        notebook: str | None = None,
        cell: str | None = None,
        cache: bool | None = None,
        sample: int | None = None,
        max_rounds: int = DEFAULT_ROUNDS,
        consent: Consent | None = None,
        budget: float | str | Decimal | Budget | None = None,
        fallback: str | Sequence[str] | Plan | None = (),
        **options: Any,
    ) -> Stream:
        """Ask, and get the answer as it is written.

        ``prompt``: text, a message or several; or a list of what makes one question, of text, paths, bytes, pictures,
        figures and tables: ``["What is this?", Path("chart.png")]``.

        ``cache``: answer from the response cache and keep the answer there (where nothing is said, as
        ``session.cache`` is set). ``sample``: which of several answers to the same question is meant, for
        the tape and the cache. ``budget``: dollars that this call may cost at most, all its rounds together.

        ``tools``: functions that the model may call (their type hints and docstrings tell it how), for at most
        ``max_rounds`` rounds; ``consent(call)`` is asked before each call and returns ``True``, ``"always"``,
        ``False`` or a reason to refuse. A ``ToolSpec`` alone has no function: such calls are handed back. A
        mapping is a tool that the provider runs itself, written as that provider writes it.

        ``schema``: what the answer shall look like, as a pydantic model, dataclass, TypedDict, ``list[Model]``, JSON
        schema, or in words (``"name, age int"``). The value is then ``reply.data``; an answer that is wrong is asked
        for once more, unless ``repair=False``.

        ``fallback``: models that are asked, one after the other, when ``model`` fails before it has said a word.

        Options: ``max_tokens``, ``temperature``, ``top_p``, ``stop``, ``seed``, ``think`` ("off", "low",
        "medium", "high", "max" or a number of tokens), ``extra`` (goes into the request as it is).
        What is known to be wrong raises here, before anything is sent.
        """
        prompt = opened(prompt, self.notice)
        shape = as_shape(schema)
        box = as_toolbox(tools)
        rounds = as_rounds(max_rounds)
        consent = as_consent(consent)
        tag = tag or track.tag_of_block()
        plan = self._plan(model, fallback)
        request = as_request(
            prompt,
            model=plan.name if plan is not None else model or self.default_model or "default",
            options=options,
            signal=signal,
            timeout=timeout,
            system=system,
            tools=box,
            tool_choice=tool_choice,
            schema=shape,
            stream=stream,
            tag=tag,
        )
        request = request.with_(signal=request.signal | self._life)
        labels = Labels(self.id, notebook or whereabouts.notebook_path(), cell or whereabouts.cell_id(), tag)
        # What is on the tape is found by what was written, so that it replays where there is no key; with tools,
        # all rounds are one recording, and nothing is run again.
        keep: list[Keep] = []
        if (tape := self.tape) is not None and tape.mode != "off":
            written = asked(request, sample=sample, **({"tools_run": "here"} if box.tools else {}))
            if (found := tape.find(written, whereabouts.cell_name(labels.cell))) is not None:
                replayed = Playback(
                    found,
                    request,
                    self.ledger,
                    labels,
                    timing=tape.timing == "original",
                    hooks=self.hooks,
                    shape=shape,
                )
                return self._launched(replayed)
            keep.append(lambda beats, reply: tape.keep(Recording(written, beats, reply)))
        limits = self._budgets(budget, tag)

        def begin(request: Request, provider: Provider, **more: Any) -> Call | CachedCall:
            more = {"shape": shape, "repair": repair, **more}
            return self._begin(request, provider, labels, self._cache(cache), sample, limits, more)

        call = fresh_id()  # the id of all rounds and targets: their rows belong together
        leg: Callable[..., Call | CachedCall | Routed]
        if plan is not None:
            leg = Trip(
                plan, self.resolve, self.registry.applied, begin, self.gates, call, self.notice, shape
            ).leg
        else:
            provider, name = self.resolve(model)
            request = self.registry.applied(provider, request.with_(model=name))
            leg = partial(begin, provider=provider, id=call)
        if not box.runs:
            return self._launched(leg(request, keep=keep))
        loop = ToolLoop(
            call,
            box,
            leg(request, route="round 1"),
            lambda request, number, before: leg(request, route=f"round {number}", before=before),
            request=request,
            max_rounds=rounds,
            consent=consent,
            keep=keep,
            shape=shape,
            tell=self.notice,
        )
        return self._launched(loop)

    def _plan(self, model: str | None, fallback: str | Sequence[str] | Plan | None) -> Plan | None:
        """Where a call may go, if it is to more than one model."""
        if isinstance(fallback, Plan):
            return fallback
        if not isinstance(fallback, Iterable | None):
            refuse("fallback", fallback, "fallback is a model or several", 'fallback=["luna", "flash"]')
        others = [fallback] if isinstance(fallback, str) else list(fallback or ())
        if not others:
            return None
        named = [as_text("fallback", each, 'for example fallback=["luna", "flash"]') for each in others]
        for each in named:
            self.resolve(each)  # a name that nobody knows is told now, not on a bad day
        provider, name = self.resolve(model)
        return Plan.of([f"{provider.name}/{name}" if model is None else model, *named])

    def _begin(
        self,
        request: Request,
        provider: Provider,
        labels: Labels,
        store: Cache | None,
        sample: int | None,
        budgets: Sequence[Budget],
        more: Mapping[str, Any],
    ) -> Call | CachedCall:
        """A call that is ready to go, and looks into the cache before it does."""
        keep: Sequence[Keep] = more.get("keep", ())
        fitted = adapt.prepare(request, provider, self.refusals, self.catalogue.facts)
        call = Call(
            fitted.request,
            provider,
            fitted.body,
            self.ledger,
            self.gates,
            labels,
            recorder=Recorder() if keep else None,
            budgets=budgets,
            prices=self.prices,
            hooks=self.hooks,
            tell=self.notice,
            notes=(
                *fitted.notes,
                *self._remark(provider, request.model),
                *(not_held(budgets) if provider.simulated else ()),
            ),
            refusals=self.refusals,
            know=self.catalogue.facts,
            asked=request,
            **more,
        )
        if store is None:
            return call
        place = {"provider": provider.name, "endpoint": provider.base_url, "wire": provider.wire}
        return CachedCall(call, store, asked(fitted.request, sample=sample, **place))

    def _budgets(self, own: float | str | Decimal | Budget | None, tag: str | None) -> tuple[Budget, ...]:
        """Those that count a call: its own, those of the blocks around, the session's."""
        applying = self.purse.applying(tag)
        if own is None:
            return applying
        return (own if isinstance(own, Budget) else Budget(own), *applying)

    def ask(self, prompt: Prompt, **more: Any) -> Reply:
        """Ask, and wait for the whole reply. Takes what :meth:`stream` takes.

        >>> llmkit.ask("Why is the sky blue?", model="sim/swift").text  # doctest: +SKIP
        """
        return self.stream(prompt, **more).reply()

    def estimate(
        self, prompt: Prompt, *, model: str | None = None, exact: bool = False, **more: Any
    ) -> Estimate:
        """How many tokens a call would send and what it would cost. Nothing is sent, unless ``exact=True`` asks
        the provider to count (which costs nothing). Takes what :meth:`stream` takes.

        >>> Session().estimate("Why is the sky blue?", model="sim/swift").tokens
        10
        """
        said = {name: more.pop(name) for name in ("system", "tools", "tool_choice", "schema") if name in more}
        prompt = opened(prompt, self.notice)
        request = as_request(prompt, model=model or self.default_model or "default", options=more, **said)
        provider, name = self.resolve(model)
        return estimate.of(self, provider, request.with_(model=name), exact=exact)

    def compare(self, prompt: Any, models: str | Iterable[str] | None = None, **more: Any) -> Any:
        """Ask several models at once and see the answers side by side; see ``llmkit.compare``."""
        # The jobs are a room above this one: it is asked by name, and only when it is wanted.
        return import_module("llmkit.jobs.compare").compare(prompt, models, session=self, **more)

    def benchmark(self, model: str | Iterable[str], via: Any = None, **more: Any) -> Any:
        """Measure how fast, dear and reliable a model is at several providers; see ``llmkit.benchmark``."""
        return import_module("llmkit.jobs.benchmark").benchmark(model, via, session=self, **more)

    def map(self, data: Any, template: str, **more: Any) -> pd.DataFrame:
        """Ask a question for every row of a table; see ``llmkit.map``."""
        answered: pd.DataFrame = import_module("llmkit.jobs.map").map(data, template, session=self, **more)
        return answered

    @property
    def usage(self) -> Accounts:
        """What was used and what it cost: call it for a DataFrame with one row for each attempt.

        Filters: ``since``, ``until``, ``session``, ``notebook``, ``cell``, ``tag``, ``provider``,
        ``model``, ``status``; simulated rows are left out unless ``simulated=True``. More is asked with a
        dot: ``.by``, ``.total``, ``.plot``, ``.what_if``, ``.forecast``; see ``llmkit.usage``.
        """
        return Accounts(
            lambda: self.ledger,
            budgets=lambda: self.purse.allowances(self.id),
            session=lambda: self.id,
            prices=lambda: self.prices,
        )

    def models(self, *words: str, refresh: bool = False, **filters: Any) -> pd.DataFrame:
        """The models that are known and what each can do: the compatibility matrix.

        ``words`` are looked for in names and aliases. Filters: ``vision``, ``pdf``, ``audio``, ``tools``,
        ``parallel_tools``, ``structured``, ``thinking`` (each ``True``), ``provider``, ``sort`` ("name",
        "price", "context", "output", "age"), ``retired=True`` for those that are gone. ``refresh`` asks the
        providers whose key is there for their own lists first.
        """
        from llmkit.engine import known

        wanted = known.Wanted.of(words, filters)
        if refresh:
            for said in known.refresh(self, wanted.provider):
                _log.info("llmkit: %s", said)
        found: pd.DataFrame = known.frame(known.rows(self, wanted))
        return found

    # -- money, memory, news ------------------------------------------------------------------

    @property
    def budgets(self) -> list[Budget]:
        """The budgets of this session, the day and the tags."""
        return self.purse.budgets

    def budget(
        self, usd: float | str | Decimal | None, *, per: str = "session", **more: Any
    ) -> Budget | None:
        """Set what may be spent ``per`` "session", "day" (UTC, all kernels together) or tag; ``None`` lifts
        it. ``more`` are ``unknown``, ``simulated`` and ``on_alert`` of :class:`Budget`.

        >>> Session().budget(5)
        <Budget of this session: $0 of $5.00>
        """
        if usd is None:
            self.purse.remove(per)
            return None
        return self.purse.set(usd, per=per, **more)

    def notice(self, text: str) -> None:
        """Something to know; it is said once, here and in the log."""
        text = mask(text)
        if text not in self.notices:
            self.notices.append(text)
            _log.warning("llmkit: %s", text)

    def news(self) -> list[str]:
        """The notices that were not given yet, the ledger's among them; each is given once.

        >>> session = Session()
        >>> session.notice("Half of the budget is spent.")
        >>> session.news(), session.news()
        (['Half of the budget is spent.'], [])
        """
        ledger = self._ledger
        known = [*self.notices, *(() if ledger is None else ledger.notices)]
        fresh = [one for one in dict.fromkeys(known) if one not in self._told]
        self._told.update(fresh)
        return fresh

    def on_request(self, callback: OnRequest) -> Unsubscribe:
        """Call ``callback(happening)`` for every attempt that begins. The result takes the wish back.

        Callbacks run on the I/O thread: be quick, and hand longer work to another thread.
        """
        return self.hooks.requests.add(callback)

    def on_event(self, callback: OnEvent) -> Unsubscribe:
        """Call ``callback(happening, event)`` for every event that is shown, but the terminal one."""
        return self.hooks.events.add(callback)

    def on_reply(self, callback: OnReply) -> Unsubscribe:
        """Call ``callback(happening, reply)`` for every attempt that ends well."""
        return self.hooks.replies.add(callback)

    def on_error(self, callback: OnError) -> Unsubscribe:
        """Call ``callback(happening, error)`` for every attempt that fails, also if it is tried again."""
        return self.hooks.errors.add(callback)

    def _launched(self, call: Call | CachedCall | Playback | Routed | ToolLoop) -> Stream:
        track.note(call.id, self.ledger)
        stream = call.launch()
        with self._lock:
            self._streams.add(stream)
        return stream

    def _remark(self, provider: Provider, model: str) -> tuple[str, ...]:
        """What a user of an old model should know. It is asked all the same: it may live on elsewhere."""
        for place in (provider.name, provider.dialect):
            if remark := self.catalogue.facts(place, model).remark():
                return (remark,)
        return ()

    def _cache(self, wanted: bool | None) -> Cache | None:
        if wanted is None or (wanted and self.cache is not None):
            return self.cache
        if not wanted:
            return None
        with self._lock:
            if self._own_cache is None:
                self._own_cache = Cache(tell=self.notice)
            return self._own_cache

    # -- naming -------------------------------------------------------------------------------

    def resolve(self, model: str | None = None) -> tuple[Provider, str]:
        """The provider and the model's name there, for what a user wrote.

        Nothing written: the default model; the first provider with a key; or the simulator.
        """
        wanted = model or self.default_model
        if not wanted:
            for name in self.registry.ready():
                entry = self.registry.entry(name)
                if entry.default:
                    return entry.provider, entry.default
            entry = self.registry.entry("sim")
            return entry.provider, str(entry.default)
        wanted = as_text("model", wanted, 'for example "sonnet" or "sim/swift"').strip()
        wanted = self.registry.aliases.get(wanted, wanted)
        place: str | None
        place, slash, name = wanted.partition("/")
        if slash:
            self.registry.entry(place)  # or it says which names are near
        else:
            place, name = aliases.split(wanted)
        if place is None or place not in self.registry or not name.strip():
            near = catalogue.nearest(wanted)
            raise UnknownModel(
                f"No provider here knows a model named {wanted!r}.",
                why=f"Did you mean {' or '.join(near)}?" if near else "No known name is like it.",
                hint="A model is named by an alias (sonnet, luna, flash, swift, …) or as provider/model, where the "
                f"providers are {', '.join(self.registry)}. Nothing was sent.",
                model=wanted,
            )
        entry = self.registry.entry(place)
        check_model(entry, name)
        return entry.provider, name


_default: Session | None = None
_making = threading.Lock()
#: Whose a registry is, by its identity: a session keeps its registry for as long as it lives.
_homes: WeakValueDictionary[int, Session] = WeakValueDictionary()


def session_of(registry: Registry) -> Session | None:
    """The session that a registry is part of."""
    found = _homes.get(id(registry))
    return found if found is not None and found.registry is registry else None


def pending_news() -> list[str]:
    """The news of the process's session, if there is one."""
    return [] if _default is None else _default.news()


def default_session() -> Session:
    """The process's session: what the functions of the module use.

    >>> default_session() is default_session()
    True
    """
    global _default
    with _making:
        if _default is None:
            _default = Session()
        return _default
