"""What is known of each model: limits, ways of thinking, and whether its days are counted.

The data is ``catalogue.json``, written by ``scripts/make_catalogue.py``; its sources and date are in it. A
model that is not in it may still be used: everything about it is then unknown, not false.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module, resources
from typing import Any, Literal

from llmkit.models.names import SYNONYMS

#: What a model can or can't do, as fields of :class:`ModelFacts`.
ABILITIES = ("vision", "pdf", "audio", "tools", "parallel_tools", "structured")
Age = Literal["current", "ageing", "retired"]

# What to take instead, by family; the first that fits.
_SUCCESSORS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), successor)
    for pattern, successor in (
        (r"anthropic/claude-.*haiku|anthropic/claude-instant", "anthropic/claude-haiku-5-5"),
        (r"anthropic/claude-.*opus", "anthropic/claude-opus-5-5"),
        (r"anthropic/claude-.*mythos", "anthropic/claude-mythos-5-2"),
        (r"anthropic/claude-.*fable", "anthropic/claude-fable-5-2"),
        (r"anthropic/claude-", "anthropic/claude-sonnet-5-5"),
        (r"openai/gpt-3\.5|openai/.*-(?:mini|nano)\b", "openai/gpt-6-luna"),
        (r"openai/.*-pro\b|openai/.*deep-research", "openai/gpt-6.1-sol"),
        (r"openai/", "openai/gpt-6.1-terra"),
        (r"gemini/.*flash-lite", "gemini/gemini-3.5-flash-lite"),
        (r"gemini/.*flash", "gemini/gemini-3.8-flash"),
        (r"gemini/", "gemini/gemini-4-argon"),
        (r"xai/", "xai/grok-4.7"),
        (r"groq/", "groq/openai/gpt-oss-120b"),
        (r"deepseek/.*reason|deepseek/.*pro", "deepseek/deepseek-v4-pro"),
        (r"deepseek/", "deepseek/deepseek-v4-flash"),
        (r"mistral/", "mistral/mistral-large-latest"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of one model. ``None`` means unknown, never "no".

    ``context_window`` counts the prompt and the answer together, ``max_input`` the prompt alone where that has
    a limit of its own. ``sampling`` says whether temperature and the like are taken. ``thinking`` names how
    thinking is asked for ("budget", "effort", "adaptive", "level"; "always": it can't be switched off);
    ``()`` means that the model doesn't think. ``efforts`` are the words it takes for how hard. ``strengths`` are
    our own words for what it is good at, told by its family. ``source`` says who knows all that.
    """

    provider: str
    model: str
    known: bool = False
    context_window: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    sampling: bool | None = None
    thinking: tuple[str, ...] | None = None
    efforts: tuple[str, ...] | None = None
    vision: bool | None = None
    pdf: bool | None = None
    audio: bool | None = None
    tools: bool | None = None
    parallel_tools: bool | None = None
    structured: bool | None = None
    strengths: tuple[str, ...] = ()
    deprecated: bool | None = None
    retired: bool | None = None
    retires: date | None = None
    successor: str | None = None
    price_in: Decimal | None = None
    price_out: Decimal | None = None
    source: str = ""

    @property
    def name(self) -> str:
        """As a user writes it: "provider/model"."""
        return f"{self.provider}/{self.model}"

    def age(self, today: date | None = None) -> Age | None:
        """Is it current, ageing (its end is announced, or it is called deprecated) or retired?

        >>> facts("openai", "gpt-4o").age(date(2026, 11, 20))
        'ageing'
        """
        if not self.known:
            return None
        today = datetime.now(UTC).date() if today is None else today
        if self.retires is not None:
            return "retired" if self.retires <= today else "ageing"
        if self.retired:
            return "retired"
        return "ageing" if self.deprecated else "current"

    def remark(self, today: date | None = None) -> str:
        """One sentence for a user of an old model; "" for a current or unknown one.

        >>> facts("openai", "gpt-3.5-turbo").remark(date(2026, 11, 20))
        'openai/gpt-3.5-turbo was retired on 2026-10-23; openai/gpt-6-luna takes its place.'
        """
        age = self.age(today)
        if age not in ("ageing", "retired"):
            return ""
        if age == "retired":
            fate = f"was retired on {self.retires}" if self.retires else "is retired"
        else:
            fate = f"will be retired on {self.retires}" if self.retires else "is an older model"
        instead = f"; {self.successor} takes its place" if self.successor else ""
        return f"{self.name} {fate}{instead}."


def facts(provider: str, model: str) -> ModelFacts:
    """What is known of a model; all unknown for one that is not in the catalogue.

    >>> facts("anthropic", "claude-sonnet-5-5").sampling, facts("ollama", "llama").vision
    (False, None)
    """
    provider = SYNONYMS.get(provider, provider)
    model = model.removeprefix("models/")
    if provider == "sim":
        return _simulated(model)
    return _shipped(provider, model)


@functools.lru_cache(maxsize=1024)  # every call asks some times, and the file does not change
def _shipped(provider: str, model: str) -> ModelFacts:
    full = f"{provider}/{model}"
    plain = _models().get(full)
    if plain is None and (undated := _DATED.sub("", full)) != full:
        plain = _models().get(undated)  # a snapshot is the model it is a snapshot of
    if plain is None:
        return ModelFacts(provider=provider, model=model)
    return ModelFacts(
        provider=provider,
        model=model,
        known=True,
        context_window=plain.get("context"),
        max_input=plain.get("max_input"),
        max_output=plain.get("max_output"),
        sampling=plain.get("sampling"),
        thinking=None if "thinking" not in plain else tuple(plain["thinking"]),
        efforts=None if "efforts" not in plain else tuple(plain["efforts"]),
        **{name: plain.get(name) for name in ABILITIES},
        strengths=tuple(plain.get("strengths", ())),
        deprecated=plain.get("deprecated"),
        retired=plain.get("retired"),
        retires=date.fromisoformat(plain["retires"]) if "retires" in plain else None,
        successor=_successor(full) if _is_old(plain) else None,
        source=f"shipped {_data()['made']}",
    )


def known_models(*, retired: bool = False) -> tuple[str, ...]:
    """The names worth offering, sorted: "provider/model", the simulated ones too. Retired ones if asked for."""
    today = datetime.now(UTC).date()
    real = (name for name in _models() if retired or facts(*name.split("/", 1)).age(today) != "retired")
    return tuple(sorted((*real, *import_module("llmkit.sim.models").MODELS)))


def nearest(name: str, n: int = 3) -> tuple[str, ...]:
    """The known names most like this one, the likeliest first; what an alias stands for before its elders.

    >>> nearest("sonet")[0], nearest("gpt6-luna")[0]
    ('sonnet', 'openai/gpt-6-luna')
    """
    wanted = _plain(name)
    bare = wanted.rpartition("/")[2]
    scores: dict[str, float] = {}
    aliases: Mapping[str, str] = import_module("llmkit.models.aliases").ALIASES
    favoured = {*aliases, *aliases.values()}
    for candidate in (*aliases, *known_models()):
        full = _plain(candidate)
        short = full.rpartition("/")[2]
        alike = max(_likeness(wanted, full), _likeness(bare, short))
        if alike >= _ALIKE or (len(bare) >= 4 and short.startswith(bare)):  # 4: fewer letters begin too many
            scores[candidate] = alike + _FAVOUR * (candidate in favoured) + _FAVOUR * short.startswith(bare)
    if not scores:
        return ()
    enough = max(scores.values()) - 0.2
    likely = sorted(
        (name for name, score in scores.items() if score >= enough), key=lambda c: (-scores[c], c)
    )
    return tuple(likely[:n])


def providers_of(model: str) -> tuple[str, ...]:
    """The providers of the catalogue that serve a model of exactly this name."""
    return tuple(
        provider for full in _models() for provider, _, name in [full.partition("/")] if name == model
    )


def source() -> Mapping[str, Any]:
    """When the catalogue was made, and from which versions of what."""
    return {name: value for name, value in _data().items() if name != "models"}


#: Below this likeness a name is another one; and what a current name is worth beside an older one that is as like.
_ALIKE, _FAVOUR = 0.6, 0.1
_DATED = re.compile(r"[-@](?:20\d{6}|20\d\d-\d\d-\d\d)$")


@functools.cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath("catalogue.json").read_text("utf-8")
    )
    return data


def _models() -> dict[str, dict[str, Any]]:
    models: dict[str, dict[str, Any]] = _data()["models"]
    return models


def _is_old(plain: Mapping[str, Any]) -> bool:
    return bool(plain.get("retired") or plain.get("deprecated") or plain.get("retires"))


def _successor(full: str) -> str | None:
    found = next((to for pattern, to in _SUCCESSORS if pattern.match(full)), None)
    return None if found == full else found


def _simulated(model: str) -> ModelFacts:
    found = import_module("llmkit.sim.models").known(model)
    if found is None:
        return ModelFacts(provider="sim", model=model)
    return ModelFacts(
        provider="sim",
        model=model,
        known=True,
        context_window=found.context,
        max_output=found.max_output,
        thinking=("effort",),  # all of them do when asked
        vision=True,
        pdf=True,
        tools=True,
        parallel_tools=True,
        structured=True,
        strengths=found.strengths,
        source="the simulator",
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s._:-]+", "", name.lower())


def _likeness(one: str, other: str) -> float:
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= 0.6 and matcher.quick_ratio() >= 0.6 else 0.0
