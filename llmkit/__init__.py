"""llmkit: a notebook cell that talks to any model, shows the answer as it is written, can be stopped, and
leaves one honest row behind saying what it cost.

>>> import llmkit
>>> reply = llmkit.ask("Why is the sky blue?", model="sim/swift")  # doctest: +SKIP
>>> for event in llmkit.stream("Why is the sky blue?"): ...  # doctest: +SKIP
>>> llmkit.compare("Why is the sky blue?", models=["sim/swift", "sim/sage"])  # doctest: +SKIP
>>> llmkit.map(["Great!", "Meh."], "Sentiment of: {text}")  # doctest: +SKIP
>>> llmkit.usage(simulated=True)  # doctest: +SKIP

In a notebook: ``%load_ext llmkit``, then ``%%llm`` at the top of a cell.
Importing this module imports nothing else; every name below is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from llmkit import errors, flow, nested, notebook, routing, sim, testing, wire
    from llmkit.core.errors import LLMKitError
    from llmkit.core.events import (
        Done,
        Event,
        Failed,
        Rerouted,
        Retrying,
        ServerTool,
        Text,
        Thinking,
        ToolCall,
        ToolCallDelta,
        ToolResult,
    )
    from llmkit.core.messages import FilePart, ImagePart, Message
    from llmkit.core.reply import Reply, Step, Timing
    from llmkit.core.request import Options, Request, ToolSpec
    from llmkit.core.signal import Signal, SignalUtils
    from llmkit.core.usage import Cost, Usage
    from llmkit.engine.budget import Budget, budget
    from llmkit.engine.cache import Cache
    from llmkit.engine.chat import Chat
    from llmkit.engine.estimate import Estimate
    from llmkit.engine.face import ask, estimate, models, stream, tape, usage
    from llmkit.engine.health import doctor
    from llmkit.engine.pricebook import prices
    from llmkit.engine.providers import ProviderRegistry
    from llmkit.engine.session import Session, default_session
    from llmkit.engine.stream import Stream
    from llmkit.engine.tools import tool
    from llmkit.engine.track import track
    from llmkit.jobs.benchmark import benchmark
    from llmkit.jobs.compare import compare
    from llmkit.jobs.map import map  # noqa: A004
    from llmkit.models.model import Model, model
    from llmkit.routing.agent import Agent
    from llmkit.routing.orchestrator import Orchestrator

__version__ = "0.1.0"

#: Where each public name lives. "" means: a module of its own.
_HOMES = {
    "Agent": "llmkit.routing.agent",
    "Budget": "llmkit.engine.budget",
    "Cache": "llmkit.engine.cache",
    "Chat": "llmkit.engine.chat",
    "Cost": "llmkit.core.usage",
    "Done": "llmkit.core.events",
    "Estimate": "llmkit.engine.estimate",
    "Event": "llmkit.core.events",
    "Failed": "llmkit.core.events",
    "FilePart": "llmkit.core.messages",
    "ImagePart": "llmkit.core.messages",
    "LLMKitError": "llmkit.core.errors",
    "Message": "llmkit.core.messages",
    "Model": "llmkit.models.model",
    "Options": "llmkit.core.request",
    "Orchestrator": "llmkit.routing.orchestrator",
    "ProviderRegistry": "llmkit.engine.providers",
    "Reply": "llmkit.core.reply",
    "Request": "llmkit.core.request",
    "Rerouted": "llmkit.core.events",
    "Retrying": "llmkit.core.events",
    "ServerTool": "llmkit.core.events",
    "Session": "llmkit.engine.session",
    "Signal": "llmkit.core.signal",
    "SignalUtils": "llmkit.core.signal",
    "Step": "llmkit.core.reply",
    "Stream": "llmkit.engine.stream",
    "Text": "llmkit.core.events",
    "Thinking": "llmkit.core.events",
    "Timing": "llmkit.core.reply",
    "ToolCall": "llmkit.core.events",
    "ToolCallDelta": "llmkit.core.events",
    "ToolResult": "llmkit.core.events",
    "ToolSpec": "llmkit.core.request",
    "Usage": "llmkit.core.usage",
    "ask": "llmkit.engine.face",
    "benchmark": "llmkit.jobs.benchmark",
    "budget": "llmkit.engine.budget",
    "compare": "llmkit.jobs.compare",
    "default_session": "llmkit.engine.session",
    "doctor": "llmkit.engine.health",
    "errors": "",
    "estimate": "llmkit.engine.face",
    "flow": "",
    "map": "llmkit.jobs.map",
    "model": "llmkit.models.model",
    "models": "",
    "nested": "",
    "notebook": "",
    "prices": "llmkit.engine.pricebook",
    "routing": "",
    "sim": "",
    "stream": "llmkit.engine.face",
    "tape": "llmkit.engine.face",
    "testing": "",
    "tool": "llmkit.engine.tools",
    "track": "llmkit.engine.track",
    "usage": "llmkit.engine.face",
    "wire": "",
}

__all__ = [
    "Agent",
    "Budget",
    "Cache",
    "Chat",
    "Cost",
    "Done",
    "Estimate",
    "Event",
    "Failed",
    "FilePart",
    "ImagePart",
    "LLMKitError",
    "Message",
    "Model",
    "Options",
    "Orchestrator",
    "ProviderRegistry",
    "Reply",
    "Request",
    "Rerouted",
    "Retrying",
    "ServerTool",
    "Session",
    "Signal",
    "SignalUtils",
    "Step",
    "Stream",
    "Text",
    "Thinking",
    "Timing",
    "ToolCall",
    "ToolCallDelta",
    "ToolResult",
    "ToolSpec",
    "Usage",
    "ask",
    "benchmark",
    "budget",
    "compare",
    "default_session",
    "doctor",
    "errors",
    "estimate",
    "flow",
    "map",
    "model",
    "models",
    "nested",
    "notebook",
    "prices",
    "routing",
    "sim",
    "stream",
    "tape",
    "testing",
    "tool",
    "track",
    "usage",
    "wire",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if (home := _HOMES.get(name)) is None:
        raise AttributeError(f"module 'llmkit' has no attribute {name!r}")
    value = getattr(import_module(home), name) if home else import_module(f"llmkit.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "load_ipython_extension", "unload_ipython_extension"])


def load_ipython_extension(ip: InteractiveShell) -> None:
    """``%load_ext llmkit``: the magics. Starts no thread and opens no socket."""
    from llmkit.notebook.extension import load

    load(ip)


def unload_ipython_extension(ip: InteractiveShell) -> None:
    """``%unload_ext llmkit``."""
    from llmkit.notebook.extension import unload

    unload(ip)
