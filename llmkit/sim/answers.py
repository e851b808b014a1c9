"""What the simulated models say: the answer to a request, deterministic by seed, model and prompt."""

from __future__ import annotations

from dataclasses import replace

from llmkit.sim.exchange import Answer, Ask, Call, Count
from llmkit.sim.faults import NONE, Faults
from llmkit.sim.tokens import count, split


def answer(ask: Ask, *, seed: int = 0, faults: Faults = NONE) -> Answer:
    """The answer, not yet billed for its prompt."""
    made = Answer(text=f"You said: {ask.prompt}")
    return finish(made, ask)


def finish(made: Answer, ask: Ask) -> Answer:
    """Stop sequences and the token limit, applied; the output counted."""
    text, stop, hit = made.text, made.stop, made.stop_sequence
    found = [(text.find(s), s) for s in ask.stop if s and s in text]
    if found and not made.calls:
        at, hit = min(found)
        text, stop = text[:at], "stop_sequence"
    if made.calls and stop == "stop":
        stop = "tool_calls"
    thinking, calls = made.thinking, made.calls
    if ask.max_tokens is not None:
        left = ask.max_tokens
        thinking, left, cut_a = _clip(thinking, left)
        text, left, cut_b = _clip(text, left)
        kept = []
        cut_c = False
        for call in calls:
            arguments, left, cut = _clip(call.arguments, left)
            cut_c = cut_c or cut
            if arguments:
                kept.append(Call(call.name, arguments, call.id))
        calls = tuple(kept)
        if cut_a or cut_b or cut_c:
            stop, hit = "length", None
    reasoning = count(thinking)
    output = reasoning + count(text) + sum(count(c.arguments) + 4 for c in calls)
    return replace(
        made,
        text=text,
        thinking=thinking,
        calls=calls,
        stop=stop,
        stop_sequence=hit,
        count=Count(output=output, reasoning=reasoning),
    )


def _clip(text: str, left: int) -> tuple[str, int, bool]:
    tokens = split(text)
    if len(tokens) <= left:
        return text, left - len(tokens), False
    return "".join(tokens[:left]), 0, True


def flood(ask: Ask, faults: Faults) -> Ask:
    """Faults that need frames of another size: everything in one, or one a token."""
    if "big" in faults:
        return replace(ask, model=replace(ask.model, group=10**9))
    if "chunks" in faults:
        return replace(ask, model=replace(ask.model, group=1))
    return ask
