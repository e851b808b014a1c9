"""A model and where it runs are two things: ``model("deepseek-chat").via("groq")``.

A :class:`Model` is its own name, so it goes wherever a model's name goes.
"""

from __future__ import annotations

import re

from llmkit.models import aliases, catalogue
from llmkit.models.names import SYNONYMS, vendor_of


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
    """How a provider spells a model that another one calls ``name``: the same words with another vendor before them,
    or else with another word behind them for how it was tuned (``-instruct``, ``-versatile``)."""
    if provider == home:
        return name
    known = _names_at(provider)
    same = [spelled for spelled in known if _plain(spelled) == _plain(name)]
    if name in same:
        return name
    if (
        not same and vendor_of(name.rpartition("/")[2]) is None
    ):  # of a closed model, another word is another model
        same = [spelled for spelled in known if _untuned(spelled) == _untuned(name)]
    return min(same, key=lambda spelled: (":" in spelled, len(spelled), spelled), default=name)


def _names_at(provider: str) -> list[str]:
    """The names that are known of a provider's models: the catalogue's and the price list's."""
    from llmkit.models.pricelist import names_at

    known = [full.partition("/") for full in catalogue.known_models(retired=True)]
    return [*(name for place, _, name in known if place == provider), *names_at(provider)]


#: What providers put behind the name of an open model for the variant that answers questions, and Meta before it.
_TUNED = re.compile(r"^meta-(?=llama)|(-(instruct|versatile|instant|turbo|it))+$")


def _untuned(name: str) -> str:
    return _plain(_TUNED.sub("", name.rpartition("/")[2].partition(":")[0].lower()))


def _plain(name: str) -> str:
    """A name without its vendor, its variant and its punctuation."""
    return re.sub(r"[\s._-]+", "", name.rpartition("/")[2].partition(":")[0].lower())
