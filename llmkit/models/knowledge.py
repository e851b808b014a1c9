"""What a session knows of models: the shipped catalogue, what providers said of themselves when asked, and what
the user wrote, the later ones first in right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import date
from typing import Any

from llmkit.models import catalogue
from llmkit.models.catalogue import ModelFacts

_LISTS = ("thinking", "efforts", "strengths")
_OWN = {"provider", "model", "known", "source"}


class Knowledge:
    """Facts of models. ``written`` is the ``models:`` section of a configuration.

    >>> Knowledge({"mine/some": {"vision": True}}).facts("mine", "some").vision
    True
    """

    def __init__(self, written: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._written = dict(written or {})
        self._listed: dict[str, ModelFacts] = {}

    def learn(self, listed: Iterable[ModelFacts]) -> int:
        """Take what a provider says of its models; the number of them."""
        new = {facts.name: facts for facts in listed}
        self._listed = {**self._listed, **new}  # another thread may be going through the old one
        return len(new)

    def facts(self, provider: str, model: str) -> ModelFacts:
        """What is known of a model."""
        known = catalogue.facts(provider, model)
        full = f"{provider}/{model}"
        if (listed := self._listed.get(full)) is not None:
            said = {
                f.name: value
                for f in fields(listed)
                if f.name not in _OWN and (value := getattr(listed, f.name))
            }
            said |= {
                name: value for name in catalogue.ABILITIES if (value := getattr(listed, name)) is not None
            }
            known = replace(known, known=True, source=listed.source, **said)
        if written := self._written.get(full):
            known = replace(known, known=True, source="your configuration", **_read(written))
        return known

    def names(self, *, retired: bool = False) -> tuple[str, ...]:
        """The names worth offering, sorted."""
        return tuple(sorted({*catalogue.known_models(retired=retired), *self._listed, *self._written}))

    def listed(self, provider: str) -> tuple[str, ...]:
        """What that provider said that it serves, by its own names; nothing where it was not asked."""
        return tuple(name.partition("/")[2] for name in self._listed if name.startswith(f"{provider}/"))


def _read(written: Mapping[str, Any]) -> dict[str, Any]:
    plain = {
        name: tuple(value) if name in _LISTS else value
        for name, value in written.items()
        if value is not None
    }
    if isinstance(day := plain.get("retires"), str):
        plain["retires"] = date.fromisoformat(day)
    return plain
