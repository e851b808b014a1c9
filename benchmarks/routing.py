"""A day of traffic over four providers that have bad hours, routed; five figures that must hold.

    python -m benchmarks.routing [--n 10000] [--seed 1] [--svg docs/routing.svg]

The clock is virtual and no socket is opened, but what chooses, moves on and leaves alone is the very code of the
package: ``rank``, ``Course``, ``Breaker``, ``RetryPolicy`` and ``RetryBudget``. The exit status is 1 if a figure is
off: success where some provider is up, latency added by a failover, cost against an oracle that knows who is up,
retries while all are down, and half-open probes at one time.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from benchmarks.routing_day import Asked, Provider, by_name, providers, requests
from llmkit.core import errors as e
from llmkit.engine.breaker import Breaker, State
from llmkit.engine.failover import Course, Health, Plan
from llmkit.engine.retry import RetryBudget, RetryPolicy
from llmkit.routing.needs import Need
from llmkit.routing.profiles import Profile
from llmkit.routing.rank import rank
from llmkit.routing.strategies import STRATEGIES
from llmkit.routing.strategies import Asked as Ways
from llmkit.routing.tasks import TASKS

Steps = Generator[float, None, None]
#: Seconds after which a call is given up.
DEADLINE = 60.0
_NOISE = 0.002


class World:
    """Virtual time: whoever waits is woken in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, int, Steps]] = []
        self._count = 0

    def begin(self, at: float, steps: Steps) -> None:
        """Let it begin at that time."""
        self._count += 1
        heapq.heappush(self._waiting, (at, self._count, steps))

    def run(self) -> None:
        """Until nobody waits any more."""
        while self._waiting:
            self.now, _, steps = heapq.heappop(self._waiting)
            wait = next(steps, None)
            if wait is not None:
                self.begin(self.now + wait, steps)


@dataclass
class Outcome:
    """What became of one request."""

    asked: Asked
    answered_by: str | None = None
    attempts: int = 0
    cost: Decimal = Decimal(0)
    oracle: Decimal | None = None
    could: bool = False
    first_failure: float | None = None
    added: float | None = None


@dataclass
class Day:
    """The providers, who is left alone, and what became of every request."""

    seed: int = 1
    strategy: str = "cost-optimized"
    world: World = field(default_factory=World)
    all: Sequence[Provider] = field(default_factory=providers)
    outcomes: list[Outcome] = field(default_factory=list)
    #: The most probes of one half-open breaker at one time, and how many there were.
    probes_at_once: int = 0
    probes: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(f"day {self.seed}")
        clock: Callable[[], float] = lambda: self.world.now  # noqa: E731
        self.providers = by_name(self.all)
        self.breakers = {name: Breaker(clock=clock) for name in self.providers}
        self.paused = dict.fromkeys(self.providers, 0.0)
        self.probing = dict.fromkeys(self.providers, 0)
        self.policy = RetryPolicy(rng=random.Random(f"waits {self.seed}"))
        self.retries = {name: RetryBudget() for name in self.providers}
        self.moves = RetryBudget()

    def run(self, asked: Sequence[Asked]) -> Day:
        """All of it."""
        for one in asked:
            self.world.begin(one.at, self.request(one))
        self.world.run()
        return self

    # -- one request --------------------------------------------------------------------------

    def request(self, asked: Asked) -> Steps:
        """Choose, ask, and go on: the steps of ``llmkit.engine.routed``."""
        outcome = Outcome(asked)
        self.outcomes.append(outcome)
        began = self.world.now
        outcome.oracle = self.oracle(asked)
        targets = self.targets(asked)
        course = Course(targets, self.health, self.moves)
        plan = Plan(targets)
        while (target := course.next()) is not None:
            number = 0
            error: e.LLMKitError | None = None
            while True:
                number += 1
                if not self.breakers[target].admit():
                    break
                probe = self.breakers[target].state is State.HALF_OPEN
                self.probes += probe
                self.probing[target] += probe
                self.probes_at_once = max(self.probes_at_once, self.probing[target])
                outcome.attempts += 1
                started = self.world.now
                error, seconds = self.ask(target, asked)
                yield seconds
                self.probing[target] -= probe
                if error is None:
                    self.breakers[target].succeeded()
                    self.retries[target].succeeded()
                    course.succeeded()
                    outcome.answered_by = target
                    outcome.cost = self.providers[target].cost(started, asked.tokens, asked.answer)
                    if outcome.first_failure is not None:
                        outcome.added = started - began - outcome.first_failure
                    return
                self.breakers[target].failed(error)
                if outcome.first_failure is None:
                    outcome.first_failure = self.world.now - began
                if isinstance(error, e.RateLimited) and error.retry_after is not None:
                    self.paused[target] = max(self.paused[target], self.world.now + error.retry_after)
                self.retries[target].failed()
                wait = None if course.refuge else self.policy.wait(number, error)
                late = wait is not None and self.world.now + wait > began + DEADLINE
                if wait is None or late or not self.retries[target].allows():
                    break
                yield wait
            if self.world.now > began + DEADLINE or (error is not None and not plan.moves(error)):
                return
            course.failed()

    def targets(self, asked: Asked) -> tuple[str, ...]:
        """Who may be asked, the best first."""
        need = Need(
            tokens=asked.guessed,
            most_tokens=int(asked.guessed * 1.3),
            answer=400,
            needs=frozenset({"vision"} if asked.vision else ()),
        )
        now = self.world.now
        profiles = [
            Profile(
                model=one.model,
                provider=one.name,
                facts=one.facts,
                cost=one.cost(now, asked.guessed, 400),
                worst=one.cost(now, need.most_tokens, 8_000),
                price=one.cost(now, 0, 1_000_000),
                health=self.health(one.model),
            )
            for one in self.all
        ]
        found = rank(profiles, need, TASKS["general"], STRATEGIES[self.strategy], Ways())
        return tuple(one.model for one in found if one.eligible)

    def health(self, target: str) -> Health:
        """How it is doing, as the gates of a session would say."""
        return Health.of(self.breakers[target], paused=max(0.0, self.paused[target] - self.world.now))

    # -- the providers ------------------------------------------------------------------------

    def ask(self, target: str, asked: Asked) -> tuple[e.LLMKitError | None, float]:
        """What a provider answers, and after how many seconds."""
        one = self.providers[target]
        trouble = one.trouble(self.world.now)
        if trouble is not None:
            match trouble.kind:
                case "down":
                    slow = trouble.much > 1
                    return (e.FirstByteTimeout if slow else e.ConnectError)("down"), trouble.much
                case "429":
                    return e.RateLimited("slow down", retry_after=self.dice.uniform(5, 30)), 0.1
                case "brown-out" if self.dice.random() < trouble.much:
                    return e.Overloaded("busy"), self.dice.uniform(0.2, 2.0)
        if self.dice.random() < _NOISE:
            return e.ServerError("a hiccup"), 0.3
        pace = 2.0 if trouble is not None else 1.0
        return None, pace * self.dice.uniform(0.7, 1.6) * (one.ttft + asked.answer / one.rate)

    def able(self, asked: Asked) -> list[Provider]:
        """Those that could answer this request on a good day."""
        return [
            one
            for one in self.all
            if (one.vision or not asked.vision) and int(asked.guessed * 1.3) + 400 <= one.window
        ]

    def up(self, asked: Asked) -> list[Provider]:
        """Those that could answer it just now, for certain."""
        return [one for one in self.able(asked) if one.trouble(asked.at) is None]

    def oracle(self, asked: Asked) -> Decimal | None:
        """The least that it can cost now, for one who knows who is up and how long the answer will be."""
        costs = [one.cost(asked.at, asked.tokens, asked.answer) for one in self.up(asked)]
        return min(costs, default=None)

    # -- the figures --------------------------------------------------------------------------

    def figures(self) -> dict[str, tuple[float, float, bool]]:
        """Each figure with its limit, and whether it holds."""
        answerable = [o for o in self.outcomes if self.up(o.asked)]
        success = sum(o.answered_by is not None for o in answerable) / len(answerable)
        added = sorted(o.added for o in self.outcomes if o.added is not None)
        p95 = added[int(len(added) * 0.95)] if added else 0.0
        priced = [o for o in answerable if o.answered_by is not None and o.oracle is not None]
        ratio = float(sum(o.cost for o in priced) / sum(o.oracle or Decimal(1) for o in priced))
        dark = [o for o in self.outcomes if all(self.is_down(one, o.asked.at) for one in self.all)]
        retries = sum(max(0, o.attempts - 1) for o in dark) / len(dark) if dark else 0.0
        return {
            "success where some provider is up": (success, 0.999, success >= 0.999),
            "p95 seconds that a failover adds to the first failure": (p95, 0.5, p95 <= 0.5),
            "cost against the oracle's": (ratio, 1.02, ratio <= 1.02),
            "retries in a full outage, by request": (retries, 0.2, retries <= 0.2),
            "half-open probes at one time": (self.probes_at_once, 1, self.probes_at_once == 1),
        }

    @staticmethod
    def is_down(one: Provider, at: float) -> bool:
        """Is it down?"""
        return (trouble := one.trouble(at)) is not None and trouble.kind == "down"

    def report(self) -> str:
        """The figures in words."""
        lines = [
            f"{'ok ' if good else 'OFF'}  {name}: {value:.4f} (limit {limit:g})"
            for name, (value, limit, good) in self.figures().items()
        ]
        answered = [o for o in self.outcomes if o.answered_by is not None]
        moved = sum(o.added is not None for o in self.outcomes)
        shares = ", ".join(
            f"{name} {sum(o.answered_by == name for o in answered):,}" for name in self.providers
        )
        lines += [
            f"     {len(self.outcomes):,} requests, {len(answered):,} answered ({shares})",
            f"     {moved:,} answered after a failover; {self.probes:,} probes of half-open breakers",
        ]
        return "\n".join(lines)


def main() -> int:
    """Run the day and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--svg", help="also draw the day into this file")
    options = parser.parse_args()
    day = Day(options.seed).run(requests(options.n, options.seed))
    print(day.report())
    if options.svg:
        from benchmarks.routing_plot import draw

        draw(day, options.svg)
    return 0 if all(good for _, _, good in day.figures().values()) else 1


if __name__ == "__main__":
    sys.exit(main())
