"""A model and where it runs are two things: ``model("deepseek-chat").via("groq")``.

A :class:`Model` is its own name, so it goes wherever a model's name goes.
"""

from __future__ import annotations

import re

from llmkit.models import aliases, catalogue
from llmkit.models.names import SYNONYMS


class Model(str):
    """The name of a model, and perhaps of the provider it runs at. Any text that names a model can be one.

    >>> Model("sonnet").via("openrouter")
    Model('openrouter/anthropic/claude-sonnet-5.5')
    >>> f"{Model('gpt-oss-120b').via('groq')}"
    'groq/openai/gpt-oss-120b'
    """

    __slots__ = ()

    @property
    def provider(self) -> str | None:
        """Where it runs; ``None`` where nobody can tell."""
        return aliases.split(self)[0]

    @property
    def name(self) -> str:
        """What it is called there."""
        return aliases.split(self)[1]

    def via(self, provider: str) -> Model:
        """The same model at another provider, in that provider's spelling where it is known; elsewhere under
        its own name."""
        place = SYNONYMS.get(provider, provider)
        return Model(f"{provider}/{spelling(self.name, place, home=self.provider)}")

    @property
    def facts(self) -> catalogue.ModelFacts:
        """What the shipped catalogue knows of it."""
        place, name = aliases.split(self)
        return catalogue.facts(place or "", name)

    def __repr__(self) -> str:
        return f"Model({str(self)!r})"


def model(name: str) -> Model:
    """Name a model; say with ``.via`` where it is to run.

    >>> model("luna").provider
    'openai'
    """
    return Model(name)


def spelling(name: str, provider: str, *, home: str | None = None) -> str:
    """How a provider spells a model that another one calls ``name``."""
    if provider == home:
        return name
    wanted = _plain(name)
    same = [spelled for spelled in _names_at(provider) if _plain(spelled) == wanted]
    if name in same:
        return name
    return min(same, key=lambda spelled: (":" in spelled, len(spelled), spelled), default=name)


def _names_at(provider: str) -> list[str]:
    """The names that are known of a provider's models: the catalogue's and the price list's."""
    from llmkit.models.pricelist import names_at

    known = [full.partition("/") for full in catalogue.known_models(retired=True)]
    return [*(name for place, _, name in known if place == provider), *names_at(provider)]


def _plain(name: str) -> str:
    """A name without its vendor, its variant and its punctuation."""
    return re.sub(r"[\s._-]+", "", name.rpartition("/")[2].partition(":")[0].lower())
