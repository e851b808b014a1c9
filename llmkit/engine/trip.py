"""How the calls of a plan are made: for one request after the other of the same answer, beginning where the one
before found its answer. What happens on the way is ``routed.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from llmkit.core import errors as e
from llmkit.core.request import Request
from llmkit.core.route import Route, Tried
from llmkit.engine.cached import CachedCall
from llmkit.engine.call import Call
from llmkit.engine.failover import Plan
from llmkit.engine.gates import Gates
from llmkit.engine.recording import Keep
from llmkit.engine.routed import Routed
from llmkit.engine.structured import Shape
from llmkit.providers.base import Provider


@dataclass
class Trip:
    """All calls of one answer, whichever model makes them."""

    plan: Plan
    resolve: Callable[[str], tuple[Provider, str]]
    applied: Callable[[Provider, Request], Request]
    begin: Callable[..., Call | CachedCall]
    gates: Gates
    id: str
    tell: Callable[[str], object]
    shape: Shape | None = None

    def leg(self, request: Request, *, keep: Sequence[Keep] = (), route: str = "", before: int = 0) -> Routed:
        """One request, to be answered by one of the targets. What is wrong with the request raises here, if it is
        wrong for every one of them."""
        first, tried = self.first(request, before, route)
        way = self.plan.route
        for one in tried:
            way = way.then(one)
        skipped = {one.model for one in tried}
        targets = tuple(target for target in self.plan.targets if target not in skipped)
        return Routed(
            replace(self.plan, targets=targets, route=way),
            self.call,
            self.gates,
            self.place,
            self.id,
            first,
            request=request,
            before=before,
            keep=keep,
            shape=self.shape,
            tell=self.tell,
            stays=self.stay,
            remark=route,
        )

    def first(
        self, request: Request, before: int, remark: str
    ) -> tuple[tuple[str, Call | CachedCall], list[Tried]]:
        """The first target whose call can be made, and those before it."""
        tried: list[Tried] = []
        failed: e.LLMKitError | None = None
        for target in self.plan.targets:
            try:
                return (target, self.call(target, request, before, None, remark)), tried
            except e.LLMKitError as error:
                if not self.plan.moves(error):
                    raise
                failed = failed or error
                tried.append(Tried(target, error.kind, error.what))
        raise failed or e.BadRequest("There is no model to ask.", hint="Name one. Nothing was sent.")

    def call(
        self, target: str, request: Request, before: int, tries: int | None, remark: str
    ) -> Call | CachedCall:
        """The call of one target."""
        provider, name = self.resolve(target)
        fitting = self.applied(provider, request.with_(model=name))
        place = f"{self.plan.route.label} {self.plan.targets.index(target) + 1}/{len(self.plan.targets)}"
        route = " ".join(filter(None, (place, remark)))
        return self.begin(fitting, provider, id=self.id, before=before, tries=tries, route=route)

    def place(self, target: str) -> tuple[str, str]:
        """The provider's name and the model's, of a target."""
        provider, name = self.resolve(target)
        return provider.name, name

    def stay(self, target: str, route: Route) -> None:
        """What follows begins with this one."""
        if self.plan.arrived is not None:
            self.plan.arrived(target)
        rest = [each for each in self.plan.targets if each != target]
        self.plan = replace(self.plan, targets=(target, *rest), route=route)
