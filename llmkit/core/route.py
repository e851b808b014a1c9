"""Why a model was asked and not another: the candidates, what spoke for each, and what was tried. Values only.

Who weighs them is the business of ``routing/``; who moves from one to the next is ``engine/routed.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One model that a request might go to. ``reasons`` say why it is out; without any it is eligible.

    ``cost`` is what this request is expected to cost, ``worst`` the most it may; ``latency`` the seconds until
    the whole answer, ``ttft`` until its first token, both from your own ledger; ``quality`` (0 to 1) how well it
    fits the task and ``grounds`` what that is made of; ``score`` what the strategy made of all that. What is unknown is ``None``.

    >>> Candidate(model="sim/tiny", reasons=("its context window is too short",)).eligible
    False
    """

    model: str
    reasons: tuple[str, ...] = ()
    cost: Decimal | None = None
    worst: Decimal | None = None
    latency: float | None = None
    ttft: float | None = None
    quality: float | None = None
    grounds: str = ""
    score: float | None = None
    breaker: str = "closed"
    local: bool = False
    simulated: bool = False

    @property
    def eligible(self) -> bool:
        """May the request go there?"""
        return not self.reasons

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        plain |= {name: None if plain[name] is None else str(plain[name]) for name in _MONEY}
        return {**plain, "reasons": list(self.reasons)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Candidate:
        """The inverse of :meth:`to_json`."""
        money = {name: None if plain.get(name) is None else Decimal(plain[name]) for name in _MONEY}
        return cls(**{**plain, **money, "reasons": tuple(plain.get("reasons", ()))})


_MONEY = ("cost", "worst")


@dataclass(frozen=True, slots=True)
class Tried:
    """One model that was asked: "ok", or the kind of the error, and after how many seconds."""

    model: str
    outcome: str
    why: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """How a request found its model: the candidates, the best first, and which were tried.

    >>> str(Route("coding", "balanced", (), (Tried("a/b", "server"), Tried("c/d", "ok"))))
    'coding, balanced: a/b (server) → c/d'
    """

    task: str = ""
    strategy: str = ""
    candidates: tuple[Candidate, ...] = ()
    tried: tuple[Tried, ...] = ()

    @property
    def model(self) -> str | None:
        """The model that answered, or was asked last; before anything was sent, the first choice."""
        if self.tried:
            return self.tried[-1].model
        return next((one.model for one in self.candidates if one.eligible), None)

    @property
    def label(self) -> str:
        """Task and strategy, as the ledger keeps them."""
        return "/".join(filter(None, (self.task, self.strategy)))

    def then(self, tried: Tried) -> Route:
        """The same, and this was tried. Rounds that one model answers in turn are told once."""
        last = self.tried[-1] if self.tried else None
        if last is not None and (last.model, last.outcome) == (tried.model, "ok") and tried.outcome == "ok":
            took = (last.seconds or 0.0) + (tried.seconds or 0.0)
            return replace(self, tried=(*self.tried[:-1], replace(last, seconds=took)))
        return replace(self, tried=(*self.tried, tried))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "task": self.task,
            "strategy": self.strategy,
            "candidates": [one.to_json() for one in self.candidates],
            "tried": [{each.name: getattr(one, each.name) for each in fields(one)} for one in self.tried],
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Route:
        """The inverse of :meth:`to_json`."""
        return cls(
            plain.get("task", ""),
            plain.get("strategy", ""),
            tuple(Candidate.from_json(one) for one in plain.get("candidates", ())),
            tuple(Tried(**one) for one in plain.get("tried", ())),
        )

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What a notebook shows: the way, and why it was not another one."""
        printer.text(str(self) or "Route()")
        for one in self.tried:
            if one.why:
                printer.text(f"\n{one.model}: {one.why}")

    def __str__(self) -> str:
        way = " → ".join(
            one.model if one.outcome == "ok" else f"{one.model} ({one.outcome})" for one in self.tried
        )
        return ": ".join(filter(None, (", ".join(filter(None, (self.task, self.strategy))), way)))
