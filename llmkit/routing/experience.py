"""What your own ledger says of models: how soon they begin, how fast they write, how long their answers are."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from llmkit.ledger.query import Filter
from llmkit.ledger.reader import read
from llmkit.ledger.store import Ledger

#: How far back one looks, and how old a look may be, in seconds.
SINCE = "14d"
_FRESH = 15.0
_COLUMNS = ("provider", "model", "status", "ttft", "duration", "output")


@dataclass(frozen=True, slots=True)
class Pace:
    """The middle of what was seen of one model. ``calls`` is how many answers that is.

    >>> Pace(calls=3, ttft=0.5, rate=100.0).seconds(200)
    2.5
    """

    calls: int = 0
    ttft: float | None = None
    rate: float | None = None
    output: float | None = None
    duration: float | None = None

    def seconds(self, tokens: float) -> float | None:
        """Until an answer of so many tokens is whole."""
        if self.ttft is not None and self.rate:
            return self.ttft + tokens / self.rate
        return self.duration


@dataclass(frozen=True, slots=True)
class Experience:
    """The pace of each model, by "provider/model"."""

    paces: Mapping[str, Pace] = field(default_factory=dict)

    def pace(self, model: str) -> Pace | None:
        """What was seen of a model; ``None`` if it never answered here."""
        return self.paces.get(model)

    @classmethod
    def read(cls, ledger: Ledger) -> Experience:
        """What the ledger has seen lately."""
        seen: dict[str, list[tuple[float | None, float | None, int | None]]] = {}
        for piece in read(ledger, Filter(since=SINCE, simulated=True, status="ok"), _COLUMNS):
            columns = (piece["provider"], piece["model"], piece["ttft"], piece["duration"], piece["output"])
            for provider, model, ttft, duration, output in zip(*columns, strict=True):
                seen.setdefault(f"{provider}/{model}", []).append((ttft, duration, output))
        return cls({model: _pace(rows) for model, rows in seen.items()})


class Memory:
    """The same, read again when it is old. May be asked from any thread."""

    def __init__(self) -> None:
        self._found: Experience | None = None
        self._ledger: Ledger | None = None
        self._read = 0.0

    def of(self, ledger: Ledger, *, fresh: bool = False) -> Experience:
        """What that ledger has seen; ``fresh``: up to this moment."""
        found, now = self._found, time.monotonic()
        if fresh or found is None or self._ledger is not ledger or now - self._read > _FRESH:
            found = Experience.read(ledger)
            self._found, self._ledger, self._read = found, ledger, now
        return found


def _pace(rows: list[tuple[float | None, float | None, int | None]]) -> Pace:
    begun = [ttft for ttft, _, _ in rows if ttft is not None]
    took = [duration for _, duration, _ in rows if duration is not None]
    wrote = [output for _, _, output in rows if output]
    rates = [
        output / (duration - ttft)
        for ttft, duration, output in rows
        if ttft is not None and duration is not None and output and duration - ttft > 0.01
    ]
    return Pace(len(rows), _middle(begun), _middle(rates), _middle(wrote), _middle(took))


def _middle(values: list[float] | list[int]) -> float | None:
    return statistics.median(values) if values else None
