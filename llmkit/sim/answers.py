"""What the simulated models say: the answer to a request, deterministic by seed, model and prompt.

What is known lives in texts.py and tasks.py; here a model's character is put on it, and its limits.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

from llmkit.sim.briefs import Brief, brief
from llmkit.sim.codes import function_for
from llmkit.sim.exchange import Answer, Ask, Call, Count, Media
from llmkit.sim.faults import NONE, Faults
from llmkit.sim.frames import dumps
from llmkit.sim.schemas import example
from llmkit.sim.tasks import recognise, verse
from llmkit.sim.texts import Draft
from llmkit.sim.tokens import count, split
from llmkit.sim.toolcalls import calls, reported
from llmkit.sim.verdicts import verdict

_REFUSAL = "I'm sorry, but I can't help with that."
_FLOW = split(
    " The quick brown fox writes one word after another, and the lazy dog reads them as they come."
    " Numbers such as 42 and 3.14 pass by; so do “quotes”, é and ü, `code` and *stress*.\n\n"
)
_EFFORT = {"none": 0, "minimal": 1, "low": 1, "medium": 2, "high": 4, "xhigh": 6, "max": 8}


def answer(ask: Ask, *, seed: int = 0, faults: Faults = NONE, scripted: Answer | None = None) -> Answer:
    """The answer (the scripted one, where there is one), finished but not yet billed for its prompt."""
    if (forced := _forced(ask, faults)) is not None:
        return forced
    made = _said(brief(ask, seed)) if scripted is None else scripted
    if "bad-args" in faults:
        spoiled = made.calls or (Call(ask.tools[0].name if ask.tools else "unknown_tool", "{}"),)
        made = replace(made, calls=tuple(replace(c, arguments='{"city": "Par') for c in spoiled))
    if "length" in faults:
        ask = replace(ask, max_tokens=int(faults.number("length")))
    return finish(made, ask)


def _forced(ask: Ask, faults: Faults) -> Answer | None:
    """What a fault says in the model's place."""
    if "empty" in faults:
        return finish(Answer(), ask)
    if "refusal" in faults:
        return finish(Answer(_REFUSAL, stop="refusal"), ask)
    if "filter" in faults:
        return finish(Answer(stop="content_filter"), ask)
    if "big" in faults:
        return finish(Answer("x" * int(faults.number("big"))), _unlimited(ask))
    if "chunks" in faults:
        return finish(Answer(flow(int(faults.number("chunks")))), _unlimited(ask))
    return None


def _unlimited(ask: Ask) -> Ask:
    return replace(ask, max_tokens=None, stop=(), model=replace(ask.model, max_output=10**9))


def flood(ask: Ask, faults: Faults) -> Ask:
    """Faults that need frames of another size: everything in one, or one a token."""
    if "big" in faults:
        return replace(ask, model=replace(ask.model, group=10**9))
    if "chunks" in faults:
        return replace(ask, model=replace(ask.model, group=1))
    return ask


def flow(tokens: int) -> str:
    """A text of exactly so many tokens."""
    return "".join(islice(cycle(_FLOW), tokens))


def _said(brief: Brief) -> Answer:
    ask = brief.ask
    if ask.model.length is not None:
        return Answer(flow(ask.model.length))
    made = calls(brief)
    if made:
        return Answer(thinking=_thinking(brief, "tools", made), calls=made)
    schema = ask.schema or told_schema(ask.system)
    if schema is not None:
        text = dumps(verdict(replace(ask, schema=schema)) or example(schema, brief.text, brief.dice))
        return Answer(text, _thinking(brief, "a schema"))
    name, draft = ("results", reported(brief)) if ask.results else _drafted(brief)
    if ask.json_mode or ask.model.style == "json":
        text = dumps({"topic": brief.subject, "answer": draft.short, "keywords": brief.keywords[:5]})
        return Answer(text, _thinking(brief, name))
    return Answer(_styled(brief, draft), _thinking(brief, name))


def told_schema(system: str) -> dict[str, Any] | None:
    """The JSON schema that the instructions hold, as servers are told that have no mode for it."""
    begin = system.find("{", found) if (found := system.find("JSON schema")) >= 0 else -1
    if begin < 0:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(system, begin)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _drafted(brief: Brief) -> tuple[str, Draft]:
    if not brief.ask.media:
        return recognise(brief)
    seen = "; ".join(map(_described, brief.ask.media))
    details = "\n".join(f"{i}. {_described(m)}" for i, m in enumerate(brief.ask.media, 1))
    asked = f"You ask: *{brief.subject}*. " if brief.text.strip() else ""
    return "attachments", Draft(
        f"I can see {seen}.",
        f"{asked}A simulated model knows an attachment by its type and size only:\n\n{details}",
    )


def _described(media: Media) -> str:
    """An attachment in words: ``a PNG image, 640 × 480 pixels, 12.3 kB``."""
    if media.url:
        return f"an attachment at {media.url} (which I don't fetch)"
    family, _, kind = media.type.partition("/")
    words = [f"{'an image' if family == 'image' else 'a file'} of type {kind.upper() or media.type}"]
    if media.width:
        words.append(f"{media.width} × {media.height} pixels")
    if media.size:
        words.append(f"{media.size / 1000:.1f} kB" if media.size >= 1000 else f"{media.size} bytes")
    return ", ".join(words)


def _styled(brief: Brief, draft: Draft) -> str:
    """The draft in the manner of the model."""
    if draft.exact:
        return draft.short
    style = brief.ask.model.style
    if brief.terse or style == "terse":
        return draft.short
    match style:
        case "verse":
            return verse(brief.subject, brief) + f"\n\n*In prose:* {draft.short}"
        case "code":
            if "```" in draft.short + draft.body:
                return _joined(draft.short, draft.body)
            _, code, note = function_for(brief.lower, brief.subject)
            return _joined(draft.short, f"```python\n{code}\n```", note)
        case "long":
            return _joined(draft.short, draft.body, draft.more)
        case _:
            return _joined(draft.short, draft.body)


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _thinking(brief: Brief, topic: str, made: tuple[Call, ...] = ()) -> str:
    """Thinking out loud, more of it the higher the effort."""
    ask = brief.ask
    if not ask.think:
        return ""
    plan = [f"The user writes about {brief.subject}.", f"This looks like a matter of {topic}."]
    if made:
        plan.append(f"I should call {', '.join(dict.fromkeys(c.name for c in made))} before I answer.")
    plan += [
        "What do they need: one fact, a way to do it, or a choice between two?",
        "I'll say the main point first, and then what supports it.",
        "Is there anything here that I would only be guessing? Then I should say so.",
        "A small example will be worth more than another paragraph.",
        "Let me check the numbers once more before I write them down.",
        "That seems right. I can answer now.",
    ]
    return " ".join(plan[: 1 + len(made[:1]) + _EFFORT.get(ask.effort, 2)])


# -- limits -----------------------------------------------------------------------------------


def finish(made: Answer, ask: Ask) -> Answer:
    """Stop sequences and the token limit, applied; the output counted."""
    text, stop, hit = made.text, made.stop, made.stop_sequence
    found = [(text.find(s), s) for s in ask.stop if s and s in text]
    if found and not made.calls:
        at, hit = min(found)
        text, stop = text[:at], "stop_sequence"
    if made.calls and stop == "stop":
        stop = "tool_calls"
    thinking, made_calls = made.thinking, made.calls
    limit = min(ask.max_tokens or ask.model.max_output, ask.model.max_output)
    thinking, left, cut = _clip(thinking, limit)
    text, left, cut_text = _clip(text, left)
    kept = []
    for call in made_calls:
        arguments, left, cut_call = _clip(call.arguments, left)
        cut = cut or cut_call
        if arguments:
            kept.append(Call(call.name, arguments, call.id))
    if cut or cut_text:
        stop, hit = "length", None
    reasoning = count(thinking)
    return replace(
        made,
        text=text,
        thinking=thinking,
        calls=tuple(kept),
        stop=stop,
        stop_sequence=hit,
        count=Count(
            output=reasoning + count(text) + sum(count(c.arguments) + 4 for c in kept), reasoning=reasoning
        ),
    )


def _clip(text: str, left: int) -> tuple[str, int, bool]:
    if not text:
        return "", left, False
    tokens = split(text)
    if len(tokens) <= left:
        return text, left - len(tokens), False
    return "".join(tokens[:left]), 0, True
