"""A reply as a notebook keeps it: plain text, safe Markdown and self-contained HTML, without a kernel.

The HTML carries its styles in place, takes colours from the page (so that it is at home in the dark), runs no
script and loads nothing. The growing answer while a cell runs is the business of ``live.py``.
"""

from __future__ import annotations

from html import escape as escape_html
from typing import TYPE_CHECKING

from llmkit.core.reply import Step
from llmkit.notebook.look import AMBER, LINE, PANEL, QUIET
from llmkit.notebook.rounds import by_the_provider, tool_html, used
from llmkit.notebook.safe import escape, to_html, to_markdown, to_text
from llmkit.providers.keys import mask

if TYPE_CHECKING:
    from llmkit.core.reply import Reply

#: Those of other files are here for all that shows replies.
__all__ = [
    "AMBER",
    "LINE",
    "QUIET",
    "footer",
    "footer_html",
    "mark_html",
    "name_of",
    "plain",
    "reply_bundle",
    "seconds",
    "thinking_html",
    "tool_html",
    "what_is_missing",
]

_MARK = "white-space:pre-line;margin:.6em 0 0;padding:.2em .7em;border-left:3px solid {};font-size:.9em"

_WHY_SHORT = {
    "max_tokens": "The answer was cut at its token limit (max_tokens).",
    "refusal": "The model declined to answer.",
    "content_filter": "The provider's content filter stopped the answer.",
}


def reply_bundle(reply: Reply, mark: str = "", more: str = "") -> dict[str, str]:
    """A reply in the three forms that front ends know; ``mark`` says in words why it is not whole, ``more`` is the
    end of its footer.

    >>> from llmkit.core.messages import Message
    >>> from llmkit.core.reply import Reply
    >>> print(reply_bundle(Reply(Message.assistant("Hello."), model="m"))["text/plain"])
    Hello.
    <BLANKLINE>
    — m · unpriced
    """
    from llmkit.notebook.defaults import maths_asked  # which needs those who need this

    said, typeset = mark or what_is_missing(reply), maths_asked()
    forms = {
        "text/plain": plain(reply, said, more),
        "text/markdown": _markdown(reply, said, more, typeset=typeset),
        "text/html": _html(reply, said, more, typeset=typeset),
    }
    return {
        kind: mask(form) for kind, form in forms.items()
    }  # a model may repeat a key, and a notebook is passed on


def what_is_missing(reply: Reply) -> str:
    """Why a reply is not a whole answer, in a sentence; empty where it is."""
    if not reply.complete:
        return "This is a partial answer."
    return _WHY_SHORT.get(str(reply.stop_reason), "")


def footer(reply: Reply, more: str = "") -> str:
    """Model, tokens, seconds, pace and cost in one line. What is unknown is left out, or said.

    >>> from llmkit.core.reply import Reply, Timing
    >>> from llmkit.core.usage import Usage
    >>> footer(Reply(model="m", usage=Usage(input=9, output=20, source="provider"), timing=Timing(0.5, 2.5)))
    'm · 9 → 20 tokens · 2.5 s · 10 tok/s · unpriced'
    """
    usage, timing = reply.usage, reply.timing
    told = [to_text(name_of(reply))]
    if len(reply.steps) > 1:
        told.append(f"{len(reply.steps)} rounds")
    if usage.total_input is not None or usage.output is not None:
        about = "~" if usage.source == "estimated" else ""
        told.append(f"{token_count(usage.total_input, about)} → {token_count(usage.output, about)} tokens")
    if timing.duration is not None:
        told.append(seconds(timing.duration))
    pace = timing.tokens_per_second(usage.output)
    if pace is not None:
        told.append(f"{pace:,.0f} tok/s")
    if reply.cost.known or not reply.simulated:
        told.append(str(reply.cost))
    if reply.simulated:
        told.append("simulated")
    return " · ".join([*told, *([more] if more else [])])


def name_of(reply: Reply) -> str:
    """The model as one asks for it, whether it answered or not."""
    model, place = reply.model or "unknown model", f"{reply.provider}/" if reply.provider else ""
    return model if model.startswith(place) else f"{place}{model}"


def steps_of(reply: Reply) -> list[Step]:
    """The rounds of a reply, of which the last is the reply itself."""
    *earlier, last = reply.steps or (Step(reply),)
    return [*earlier, Step(reply, last.results)]


def plain(reply: Reply, said: str = "", more: str = "") -> str:
    """The answer itself (the words of every round, and what was called between them), then what there is to say
    about it."""
    told: list[str] = []
    for step in steps_of(reply):
        told.append("\n".join(each.plain() for each in by_the_provider(step.reply)))
        told.append(to_text(step.reply.text).rstrip("\n"))
        told.append("\n".join(each.plain() for each in used(step.reply.tool_calls, step.results)))
    marks = [f"■ {to_text(said)}"] if said else []
    return "\n\n".join(part for part in (*told, *marks, f"— {footer(reply, more)}") if part)


def _markdown(reply: Reply, said: str, more: str, *, typeset: bool) -> str:
    told: list[str] = []
    for step in steps_of(reply):
        told += [each.markdown() for each in by_the_provider(step.reply)]
        told.append(to_markdown(step.reply.text, typeset=typeset) if step.reply.text else "")
        told += [each.markdown() for each in used(step.reply.tool_calls, step.results)]
    marks = [f"*{to_markdown(said).strip()}*\n"] if said else []
    foot = f"*{to_markdown(footer(reply, more)).strip()}*\n"
    return "\n".join(part for part in (*told, *marks, foot) if part)


def _html(reply: Reply, said: str, more: str, *, typeset: bool) -> str:
    parts: list[str] = []
    for step in steps_of(reply):
        parts.append(thinking_html(step.reply.thinking))
        parts += [each.html() for each in by_the_provider(step.reply)]
        parts.append(to_html(step.reply.text, typeset=typeset) if step.reply.text else "")
        parts += [each.html() for each in used(step.reply.tool_calls, step.results)]
    if reply.refusal and reply.refusal != reply.text:
        parts.append(to_html(reply.refusal))
    if said:
        parts.append(mark_html(said))
    parts += [f'<div style="{QUIET};margin-top:.3em">{escape(note)}</div>' for note in reply.notes]
    parts.append(footer_html(footer(reply, more), _details(reply)))
    return f'<div class="llmkit-reply" style="max-width:56em">{"".join(parts)}</div>'


def thinking_html(thinking: str) -> str:
    """What the model thought, folded away."""
    if not thinking.strip():
        return ""
    words = len(thinking.split())
    return (
        f'<details style="{PANEL};opacity:.85"><summary style="cursor:pointer">Thinking '
        f'<span style="{QUIET}">· {words:,} words</span></summary>{to_html(thinking)}</details>'
    )


def mark_html(said: str) -> str:
    """A line that says that something is amiss with the answer."""
    return f'<div class="tex2jax_ignore mathjax_ignore" style="{_MARK.format(AMBER)}">{escape(said)}</div>'


def footer_html(line: str, details: str = "") -> str:
    """The quiet line under an answer."""
    tip = f' title="{escape_html(details)}"' if details else ""
    return (
        f'<div class="llmkit-footer tex2jax_ignore mathjax_ignore"{tip} style="{QUIET};margin-top:.7em;padding-top:.35em;'
        f'border-top:1px solid {LINE}">{escape(line)}</div>'
    )


def seconds(duration: float) -> str:
    """A time as people say it.

    >>> seconds(0.04), seconds(3.21), seconds(75)
    ('0.04 s', '3.2 s', '75 s')
    """
    return (
        f"{duration:.2f} s" if duration < 1 else f"{duration:.1f} s" if duration < 60 else f"{duration:.0f} s"
    )


def token_count(tokens: int | None, about: str) -> str:
    """Tokens in a footer; ``about`` is "~" where they are an estimate.

    >>> token_count(1200, "~"), token_count(None, "")
    ('~1,200', '?')
    """
    return "?" if tokens is None else f"{about}{tokens:,}"


def _details(reply: Reply) -> str:
    """What hovering over the footer tells."""
    usage = reply.usage
    told = []
    if reply.timing.ttft is not None:
        told.append(f"first token after {seconds(reply.timing.ttft)}")
    if usage.reasoning:
        told.append(f"{usage.reasoning:,} tokens of thinking")
    if usage.cache_read:
        told.append(f"{usage.cache_read:,} tokens read from the cache")
    if reply.attempts > 1:
        told.append(f"{reply.attempts} attempts")
    if reply.cost.note:
        told.append(to_text(reply.cost.note))
    return "; ".join(told)
