"""The providers of a configuration as a mapping, for programs that hold on to one: ``ProviderRegistry``.

It adds no state of its own: the names are the registry's, calls are the session's, sums the ledger's.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import ConfigError, LLMKitError, UnknownModel, UnknownProvider
from llmkit.engine import probing
from llmkit.engine.health import Report, examine
from llmkit.engine.inputs import Prompt
from llmkit.engine.session import Session, default_session
from llmkit.ledger.accounts import Accounts
from llmkit.models import aliases
from llmkit.models.model import spelling
from llmkit.providers.base import Provider
from llmkit.providers.config import Config

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.core.reply import Reply
    from llmkit.engine.stream import Stream
    from llmkit.ledger.sums import Total

#: What a task or an agent may say of its calls; the rest of its fields is the router's.
SETTINGS = ("system", "temperature", "top_p", "max_tokens", "think", "timeout", "budget", "tag")


class NoSuchProvider(UnknownProvider, KeyError):
    """A mapping's way of saying that there is no provider of that name."""

    __str__ = UnknownProvider.__str__


class NoSuchAgent(ConfigError, KeyError):
    """The configuration has no agent of that name."""

    __str__ = ConfigError.__str__


@dataclass(frozen=True, slots=True)
class BoundProvider:
    """A provider, ready to be asked: with the session that carries its calls, the model it uses where none is
    named, and what holds for its calls where they don't say.

    >>> ProviderRegistry.from_config({"providers": {"try": {"type": "sim"}}})["try"].model
    'swift'
    """

    session: Session = field(repr=False)
    name: str
    model: str | None
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def provider(self) -> Provider:
        """Who carries the calls."""
        return self.session.registry[self.name]

    @property
    def ready(self) -> bool:
        """Is its key there (or none needed)?"""
        return self.session.registry.entry(self.name).key.present

    @property
    def usage(self) -> Accounts:
        """What was used of it, ever; see ``llmkit.usage``."""
        return self.session.usage.where(provider=self.name)

    def full_name(self, model: str | None = None) -> str:
        """The name that a session knows the model by: "provider/model". Aliases are understood."""
        wanted = (model or self.model or "").strip()
        if not wanted:
            raise UnknownModel(
                f"No model of {self.name} was named.",
                why="Its configuration has no `default_model`.",
                hint=f"Say model=…, or add one to providers.{self.name}. Nothing was sent.",
                provider=self.name,
            )
        known = {**aliases.ALIASES, **self.session.registry.aliases}
        if (full := known.get(wanted)) is not None:
            home, _, plain = full.partition("/")
            kind = self.session.registry.entry(self.name).kind or self.name
            wanted = plain if home == self.name else spelling(plain, kind, home=home)
        return f"{self.name}/{wanted.removeprefix(f'{self.name}/')}"

    def stream(self, prompt: Prompt, *, model: str | None = None, **more: Any) -> Stream:
        """Ask, and get the answer as it is written. Takes what ``Session.stream`` takes."""
        return self.session.stream(prompt, model=self.full_name(model), **{**self.settings, **more})

    def ask(self, prompt: Prompt, **more: Any) -> Reply:
        """Ask, and wait for the whole reply."""
        return self.stream(prompt, **more).reply()


class ProviderRegistry(Mapping[str, BoundProvider]):
    """The providers that a configuration names (where it names none: those whose key is set, else the simulator).

    >>> registry = ProviderRegistry.from_config({"providers": {"try": {"type": "sim"}}})
    >>> list(registry), "openai" in registry
    (['try'], False)
    >>> registry["try"].ask("Why is the sky blue?").provider
    'try'

    Made of a session, it shares that session's ledger, budgets and limits; of nothing, the process's.
    """

    def __init__(self, session: Session | None = None) -> None:
        self.session = default_session() if session is None else session
        self._counted_from: float | None = None

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any] | str | Path | Config | None = None,
        validate_connectivity: bool = False,  # noqa: FBT002 - so it is called everywhere
    ) -> ProviderRegistry:
        """Read a file or a mapping; without one, the configuration that is found for this directory.

        ``validate_connectivity`` asks each provider, with its key, by the cheapest request it has, and raises
        :class:`ConfigError` for those that can't be used.
        """
        registry = cls(Session(config))
        if validate_connectivity:
            registry._connected()
        return registry

    # -- a mapping ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[str]:
        known = self.session.registry
        return iter(known.configured or known.ready() or ("sim",))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def __getitem__(self, name: str) -> BoundProvider:
        if name not in self:
            names = list(self)
            near = difflib.get_close_matches(str(name).lower(), names, n=2)
            raise NoSuchProvider(
                f"This registry has no provider named {name!r}.",
                why=f"Did you mean {' or '.join(map(repr, near))}?"
                if near
                else f"It has {', '.join(names)}.",
                hint="Name it in the configuration, or add it with `register(name, {…})`.",
                provider=str(name),
            )
        return BoundProvider(self.session, name, self.session.registry.entry(name).default)

    def __repr__(self) -> str:
        return f"<ProviderRegistry: {', '.join(self)}>"

    # -- names --------------------------------------------------------------------------------

    def register(
        self, name: str, provider: Provider | Mapping[str, Any], *, default: str | None = None
    ) -> BoundProvider:
        """Add a provider, or put another in its place: an object that keeps the contract of providers, or its
        fields as a configuration writes them. ``default`` is the model that an object uses where none is named.

        >>> ProviderRegistry(Session({})).register("gpu", {"type": "vllm"}).name
        'gpu'
        """
        self.session.registry.register(name, provider, default=default)
        return self[name]

    def list_providers(self) -> list[str]:
        """Their names."""
        return list(self)

    def get_for_agent(self, agent: str) -> BoundProvider:
        """The provider, model and settings that the configuration's ``agents`` section gives an agent.

        What the agent leaves out, its ``task`` says; what that leaves out too, is as everywhere. Which of several
        models is best just now is for ``llmkit.Orchestrator``.

        >>> config = {"providers": {"try": {"type": "sim"}}, "agents": {"critic": {"provider": "try", "think": "low"}}}
        >>> ProviderRegistry.from_config(config).get_for_agent("critic").settings
        {'think': 'low'}
        """
        known = self.session.registry.section("agents")
        if agent not in known:
            near = difflib.get_close_matches(agent, list(known), n=2)
            raise NoSuchAgent(
                f"There is no agent named {agent!r} in the configuration.",
                why=f"Did you mean {' or '.join(map(repr, near))}?"
                if near
                else f"Its agents are {', '.join(known)}."
                if known
                else "It has no `agents` section.",
                hint=f"Write `agents: {{{agent}: {{model: …}}}}` into llmkit.yaml.",
            )
        said = known[agent]
        task = self.session.registry.section("tasks").get(said.get("task"))
        fields = {**(task or {}), **{name: value for name, value in said.items() if value is not None}}
        settings = {name: fields[name] for name in SETTINGS if fields.get(name) is not None}
        models = fields.get("models") or ()
        model = fields.get("model") or (models if isinstance(models, str) else next(iter(models), None))
        if (place := fields.get("provider")) is not None:
            entry = self.session.registry.entry(place)
            return BoundProvider(self.session, place, model or entry.default, settings)
        found, plain = self.session.resolve(model)
        return BoundProvider(self.session, found.name, plain, settings)

    # -- sums ---------------------------------------------------------------------------------

    @property
    def usage(self) -> Accounts:
        """The calls made through this registry's session, since the last :meth:`reset_all_usage`."""
        return self.session.usage.where(session=self.session.id, since=self._counted_from)

    def get_total_usage(self, **filters: Any) -> Total:
        """The sum of tokens and cost. Simulated calls count with ``simulated=True`` only.

        >>> ProviderRegistry(Session({})).get_total_usage().attempts
        0
        """
        return self.usage.total(**filters)

    def get_usage_summary(self, **filters: Any) -> pd.DataFrame:
        """The same by provider and model, as a DataFrame."""
        return self.usage.by("provider", "model", **filters)

    def reset_all_usage(self) -> None:
        """Count from now on. The ledger keeps its rows: ``llmkit.usage()`` still shows them."""
        self._counted_from = time.time()

    # -- health -------------------------------------------------------------------------------

    async def health(self, *, check: bool = False) -> Report:
        """Look at everything a call needs; ``check=True`` tries the keys too. ``llmkit.doctor`` doesn't need ``await``.

        >>> report = await registry.health()  # doctest: +SKIP
        """
        return await examine(self.session, check=check)

    def _connected(self) -> None:
        asked = probing.begin({name: self[name].provider for name in self}, check_key=True)
        failed: list[tuple[str, LLMKitError]] = []
        for name, answer in asked.items():
            if (error := answer.result().error) is not None:
                failed.append((name, error))
        if failed:
            name, error = failed[0]
            others = ", ".join(other for other, _ in failed[1:])
            raise ConfigError(
                f"The provider {name} can't be used: {error.what}",
                why=error.why,
                hint=f"{error.hint} {f'So it is with {others}: `llmkit doctor --check` says why.' if others else ''}".strip(),
                provider=name,
            )
