"""The built-in simulator: a loopback server that speaks every wire, with no key and no money.

>>> from llmkit.sim import Simulator
>>> with Simulator(pace="instant") as sim:
...     base_url = sim.url + "/v1"  # for any OpenAI client
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmkit.sim.exchange import Ask
    from llmkit.sim.models import MODELS, SimModel, SimPrice, price
    from llmkit.sim.past import history
    from llmkit.sim.script import Say
    from llmkit.sim.server import Simulator
    from llmkit.sim.shared import default

__all__ = ["MODELS", "Ask", "Say", "SimModel", "SimPrice", "Simulator", "default", "history", "price"]

_HOMES = {
    "Ask": "exchange",
    "MODELS": "models",
    "Say": "script",
    "SimModel": "models",
    "SimPrice": "models",
    "Simulator": "server",
    "default": "shared",
    "history": "past",
    "price": "models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
