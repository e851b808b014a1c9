"""A simulated model as a judge: which of two answers says more, between marks like ``<first-3f2b>``. It understands
nothing of either; sim/swift is in a hurry and takes what stands first, so that there is a biased judge to find out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmkit.sim.exchange import Ask

_BETWEEN = r"<{0}-(\w+)>\n(.*?)\n</{0}-\1>"
_FIRST, _SECOND = (re.compile(_BETWEEN.format(place), re.DOTALL) for place in ("first", "second"))
#: Answers whose lengths differ by less say about as much.
_ABOUT = 0.1


def verdict(ask: Ask) -> Mapping[str, Any] | None:
    """What the model says of two answers, where it is asked for a ``winner``; ``None`` for any other request."""
    wanted = (ask.schema or {}).get("properties") or {}
    first, second = _FIRST.search(ask.prompt), _SECOND.search(ask.prompt)
    if first is None or second is None or "winner" not in wanted:
        return None
    if ask.model.name.rpartition("/")[2] == "swift":
        return {"reason": "The first answer convinced me before I read the second.", "winner": "first"}
    one, other = (len(found[2].split()) for found in (first, second))
    if abs(one - other) <= _ABOUT * max(one, other):
        return {"reason": f"Both say about as much: {one} and {other} words.", "winner": "tie"}
    winner = "first" if one > other else "second"
    most, least = max(one, other), min(one, other)
    return {"reason": f"The {winner} answer says more: {most} words against {least}.", "winner": winner}
