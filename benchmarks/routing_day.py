"""A day of four simulated providers, as data: when each is down, slow, flooded or dearer. Seeded, and no clock.

What is sent where is ``routing.py``'s business.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from llmkit.models.catalogue import ModelFacts

DAY = 86_400.0
Kind = Literal["down", "brown-out", "429"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """From when to when something is wrong, and what."""

    kind: Kind
    begin: float
    end: float
    #: In a brown-out: the share of requests that fail. When down: seconds until that is noticed.
    much: float = 0.05


@dataclass(frozen=True)
class Provider:
    """One provider with one model. Prices are dollars for a million tokens, by the time they hold from."""

    name: str
    prices: Sequence[tuple[float, str, str]]
    ttft: float
    rate: float
    window: int
    vision: bool
    strengths: tuple[str, ...] = ()
    troubles: Sequence[Trouble] = ()
    facts: ModelFacts = field(init=False)

    def __post_init__(self) -> None:
        facts = ModelFacts(
            provider=self.name,
            model="model",
            known=True,
            context_window=self.window,
            max_output=8_000,
            vision=self.vision,
            tools=True,
            structured=True,
            strengths=self.strengths,
        )
        object.__setattr__(self, "facts", facts)

    @property
    def model(self) -> str:
        """As a route names it."""
        return f"{self.name}/model"

    def cost(self, now: float, tokens: int, answer: int) -> Decimal:
        """What a request costs at that time."""
        _, put_in, out = next(price for price in reversed(self.prices) if price[0] <= now)
        return (Decimal(put_in) * tokens + Decimal(out) * answer) / 1_000_000

    def trouble(self, now: float) -> Trouble | None:
        """What is wrong with it at that time."""
        return next((one for one in self.troubles if one.begin <= now < one.end), None)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when, how long it is (and how long it was guessed to be), what it needs."""

    number: int
    at: float
    tokens: int
    guessed: int
    answer: int
    vision: bool


def hours(begin: float, minutes: float) -> tuple[float, float]:
    """From that hour on, for so many minutes."""
    return begin * 3600, begin * 3600 + minutes * 60


def providers() -> tuple[Provider, ...]:
    """The four. They are all down at 20:00, for twenty minutes."""
    together = hours(20, 20)
    return (
        Provider(
            "thrift",
            [(0.0, "0.10", "0.40")],
            0.6,
            90,
            64_000,
            vision=False,
            strengths=("price",),
            troubles=[
                Trouble("down", *hours(3, 90)),
                Trouble("429", *hours(9, 40)),
                Trouble("brown-out", *hours(16, 60), 0.4),
                Trouble("down", *together),
            ],
        ),
        Provider(
            "metro",
            # It is dearer from one o'clock on.
            [(0.0, "0.15", "0.60"), (13 * 3600, "0.45", "1.80")],
            0.4,
            140,
            200_000,
            vision=True,
            strengths=("speed",),
            troubles=[
                Trouble("down", *hours(3.5, 20), 10.0),
                Trouble("429", *hours(16.2, 25)),
                Trouble("down", *together),
            ],
        ),
        Provider(
            "civic",
            [(0.0, "0.25", "1.00")],
            0.5,
            110,
            200_000,
            vision=True,
            strengths=("vision",),
            troubles=[
                Trouble("brown-out", *hours(6, 45), 0.5),
                Trouble("down", *hours(11, 15)),
                Trouble("down", *together),
            ],
        ),
        Provider(
            "summit",
            [(0.0, "2.00", "8.00")],
            0.9,
            60,
            1_000_000,
            vision=True,
            strengths=("reasoning", "long-context"),
            troubles=[Trouble("429", *hours(11.05, 8)), Trouble("down", *together)],
        ),
    )


def requests(n: int, seed: int) -> list[Asked]:
    """So many requests over the day: more at noon than at night, some all at once."""
    dice = random.Random(f"requests {seed}")
    moments: list[float] = []
    while len(moments) < n:
        at = dice.uniform(0, DAY)
        if dice.random() < 0.35 + 0.65 * (1 - abs(at - DAY / 2) / (DAY / 2)):
            burst = 20 if dice.random() < 0.01 else 1
            moments += [at + dice.uniform(0, 0.3) for _ in range(burst)]
    found = []
    for number, at in enumerate(sorted(moments[:n])):
        tokens = int(min(20_000, dice.lognormvariate(6, 1.2))) + 20
        if dice.random() < 0.03:
            tokens = dice.randint(90_000, 600_000)
        found.append(
            Asked(
                number,
                at,
                tokens,
                max(1, int(tokens * dice.uniform(0.8, 1.2))),
                dice.randint(50, 900),
                dice.random() < 0.1,
            )
        )
    return found


def by_name(all_: Sequence[Provider]) -> Mapping[str, Provider]:
    """The providers by the names of their models."""
    return {one.model: one for one in all_}
