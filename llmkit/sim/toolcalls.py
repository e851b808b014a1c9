"""Whether a simulated model calls tools, which, and with what arguments."""

from __future__ import annotations

import re

from llmkit.sim.briefs import Brief
from llmkit.sim.exchange import Ask, Call, Tool
from llmkit.sim.frames import dumps
from llmkit.sim.labels import words
from llmkit.sim.schemas import example, names_in, places_in
from llmkit.sim.texts import Draft

_MANY = 8


def calls(brief: Brief) -> tuple[Call, ...]:
    """The calls a model makes for this request, several where several are asked for."""
    ask = brief.ask
    if not ask.tools or ask.tool_choice == "none" or ask.results:
        return ()
    made: list[Call] = []
    for tool in _wanted(ask, brief):
        for subject in _subjects(tool, brief):
            text = brief.text if subject is None else subject
            made.append(Call(tool.name, dumps(example(tool.schema, text, brief.dice))))
    distinct = list(dict.fromkeys(made))
    return tuple(distinct[:_MANY] if ask.parallel else distinct[:1])


def _wanted(ask: Ask, brief: Brief) -> list[Tool]:
    named = [t for t in ask.tools if t.name == ask.tool_choice]
    if named:
        return named
    asked = [t for t in ask.tools if _fits(t, brief)]
    if asked:
        return asked
    if ask.tool_choice == "any" or ask.model.tools_first:
        return [ask.tools[0]]
    return []


def _fits(tool: Tool, brief: Brief) -> bool:
    """Does the prompt speak of this tool, by its name or by a word of it?"""
    if re.search(rf"\b{re.escape(tool.name)}\b", brief.text):
        return True
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", tool.name).lower())
    telling = [w for w in words if len(w) > 3 and w not in _VERBS]
    if telling and any(re.search(rf"\b{w.removesuffix('s')}", brief.lower) for w in telling):
        return True
    if {"calculator", "calculate", "add", "multiply", "sum"} & set(words):
        return bool(re.search(r"\d\s*[-+*/x×]\s*\d|\b(?:plus|times|minus)\b", brief.lower))
    return False


_VERBS = words("find fetch list make create read write call look lookup search current with from")


def _subjects(tool: Tool, brief: Brief) -> list[str | None]:
    """The texts to make arguments from: one for each place or name, where the tool takes just one."""
    properties = tool.schema.get("properties") if isinstance(tool.schema, dict) else None
    names = " ".join(properties).lower() if isinstance(properties, dict) else ""
    if re.search(r"city|place|location|town", names):
        places = places_in(brief.text)
        if len(places) > 1:
            return [f"in {place}" for place in places]
    if re.search(r"\bname|person|user", names):
        people = names_in(brief.text)
        if len(people) > 1:
            return [f"named {person}" for person in people]
    return [None]


def reported(brief: Brief) -> Draft:
    """The answer once the tools have spoken."""
    names = {c.id: c for turn in brief.ask.turns for c in turn.calls}
    lines = []
    for call_id, text in brief.ask.results:
        call = names.get(call_id)
        arguments = ", ".join(f"{k}={v!r}" for k, v in call.parsed.items()) if call else ""
        label = f"`{call.name}({arguments})`" if call else f"`{call_id}`"
        lines.append(f"{label} says: {_shortened(text)}")
    if len(lines) == 1:
        return Draft(lines[0][:1].upper() + lines[0][1:], exact=True)
    return Draft("Here is what I found:\n\n" + "\n".join(f"- {line}" for line in lines), exact=True)


def _shortened(text: str, limit: int = 400) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
