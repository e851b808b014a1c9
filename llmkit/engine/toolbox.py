"""The tools that go with a call: which the model is told of, which are run here, which the provider runs.

How a function becomes a tool is ``tools.py``'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.request import ToolSpec
from llmkit.engine.inputs import as_json, as_text, refuse
from llmkit.engine.tools import Tool

_ALLOWED = "tools is a list of functions, ToolSpecs or a provider's own tools (mappings)"


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What may be called. ``specs`` are all that the model is told of, ``tools`` those of them that run here."""

    specs: tuple[ToolSpec, ...] = ()
    tools: Mapping[str, Tool] = field(default_factory=dict, hash=False)
    server: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)

    @property
    def runs(self) -> bool:
        """Is there a function in it, or a tool that the provider may want more than one round for?"""
        return bool(self.tools or self.server)


def as_toolbox(tools: Any) -> Toolbox:
    """Functions, specs and a provider's own tools, each looked at; :class:`BadRequest` for what is none.

    >>> def ping(host: str) -> str: "Is it there?"
    >>> as_toolbox([ping]).specs[0].description
    'Is it there?'
    """
    if isinstance(tools, Toolbox):
        return tools
    if isinstance(tools, ToolSpec | str | bytes | Mapping) or not isinstance(tools, Iterable):
        refuse("tools", tools, _ALLOWED, "for example tools=[my_function]")
    specs: list[ToolSpec] = []
    functions: dict[str, Tool] = {}
    server: list[Mapping[str, Any]] = []
    for each in tools:
        if isinstance(each, Mapping):
            server.append(as_json("a provider's own tool", each, "the tool as that provider writes it"))
            continue
        if isinstance(each, ToolSpec):
            as_text("a tool's name", each.name, 'for example "get_weather"')
            as_json(f"parameters of {each.name!r}", each.parameters, "a JSON schema")
            spec = each
        elif callable(each):
            made = each if isinstance(each, Tool) else Tool(each)
            spec = made.spec
            functions[spec.name] = made
        else:
            refuse("tools", tools, _ALLOWED, f"one of them is of the type {type(each).__name__}")
        if any(spec.name == other.name for other in specs):
            raise BadRequest(
                f"Two tools are named {spec.name!r}.",
                why="The model could not say which it means. Nothing was sent.",
                hint='Give one of them another name: llmkit.tool(name="…")(function).',
            )
        specs.append(spec)
    return Toolbox(tuple(specs), functions, tuple(server))
