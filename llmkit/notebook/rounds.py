"""Calls of tools as a notebook shows them: a small folded panel, a line of text, a line of Markdown.

What a model wrote and what a tool gave back are untrusted alike, and shown as text, cut to a bearable length; the
whole is in ``reply.steps``. ``Trail`` is for the eye while an answer comes. Where panels stand in a reply is
``static.py``'s and ``live.py``'s business, whether a tool may run ``consent.py``'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llmkit.core.events import ServerTool, ToolCall, ToolResult
from llmkit.core.messages import ToolCallPart, ToolResultPart
from llmkit.core.reply import Reply
from llmkit.notebook.listing import short
from llmkit.notebook.look import AMBER, CODE, PANEL, QUIET
from llmkit.notebook.safe import escape
from llmkit.notebook.source import to_markdown
from llmkit.notebook.visible import to_text
from llmkit.providers.keys import mask

#: Characters of arguments and results: in a panel that is unfolded, and on one line.
SHOWN, ON_A_LINE = 2_000, 90
_SUMMARY = "cursor:pointer;overflow-wrap:anywhere"
_PLAIN = "tex2jax_ignore mathjax_ignore"


@dataclass(frozen=True, slots=True)
class Used:
    """A call of a tool, and what came of it, if anything did. ``doing`` says what is going on just now."""

    call: ToolCallPart
    result: ToolResultPart | None = None
    doing: str = ""

    @property
    def arguments(self) -> str:
        """What it was called with, as JSON, without keys."""
        return mask(to_text(self.call.arguments_json))

    @property
    def line(self) -> str:
        """The call as one writes it, on a line."""
        return on_a_line(mask(to_text(called(self.call.name, self.call.arguments))))

    @property
    def said(self) -> str:
        """What it gave back."""
        if self.result is None:
            return ""
        pictures = len(self.result.images)
        more = f"\n[{pictures} picture{'s' if pictures > 1 else ''}]" if pictures else ""
        return mask(to_text(self.result.content)) + more

    @property
    def failed(self) -> bool:
        """Did it fail, or was it not allowed?"""
        return self.result is not None and self.result.is_error

    def html(self) -> str:
        """A panel: name, arguments and result on one line, which unfolds; open where it waits for an answer."""
        if self.result is None and not self.doing:
            return tool_html(self.call)
        head = f'<code style="background:none">{escape(self.line)}</code>'
        if self.result is None:
            doing = f'<span style="{QUIET}">· {escape(self.doing)}</span>'
            return f'<div class="llmkit-tool {_PLAIN}" style="{PANEL}">{head} {doing}</div>'
        tint = f";color:{AMBER}" if self.failed else ""
        came = f'<span style="{QUIET}{tint}">{self._arrow} {escape(on_a_line(self.said))}</span>'
        whole = "".join(
            f'<pre style="{CODE}">{escape(cut(text))}</pre>' for text in (self.arguments, self.said) if text
        )
        return (
            f'<details class="llmkit-tool {_PLAIN}" style="{PANEL}">'
            f'<summary style="{_SUMMARY}">{head} {came}</summary>{whole}</details>'
        )

    @property
    def _arrow(self) -> str:
        return "✗" if self.failed else "→"

    def plain(self) -> str:
        """One line.

        >>> Used(ToolCallPart("1", "add", {"a": 1}), ToolResultPart("1", "2", "add")).plain()
        '[add(a=1) → 2]'
        """
        if self.result is None:
            return f"[asks for {to_text(self.call.name)}({cut(self.arguments)})]"
        return f"[{self.line} {self._arrow} {on_a_line(self.said)}]"

    def markdown(self) -> str:
        """A line of safe Markdown."""
        if self.result is None:
            return to_markdown(f"Asks for `{self.call.name}`")
        call, said = (text.replace("`", "ˋ") for text in (self.line, on_a_line(self.said)))
        return to_markdown(f"`{call}` {self._arrow} `{said or ' '}`")


def tool_html(call: ToolCallPart) -> str:
    """A call that nobody answers here: it is for the user to see, whole."""
    broken = "" if call.valid else f' <span style="{QUIET}">(not valid JSON)</span>'
    return (
        f'<div class="llmkit-tool {_PLAIN}" style="{PANEL}"><strong>{escape(call.name)}</strong>{broken}'
        f'<pre style="{CODE}">{escape(mask(call.arguments_json))}</pre></div>'
    )


def used(calls: Sequence[ToolCallPart], results: Iterable[ToolResultPart]) -> list[Used]:
    """Calls with their results, in the order of the calls."""
    rest = list(results)
    out = []
    for call in calls:
        found = next((r for r in rest if r.id == call.id and r.name in (call.name, None, "")), None)
        if found is not None:
            rest.remove(found)
        out.append(Used(call, found))
    return out


_UNTOLD = "(run by the provider, which does not say what came of it)"


def by_the_provider(reply: Reply) -> list[Used]:
    """What the provider's own tools did for an answer."""
    untold = ToolResultPart(None, _UNTOLD)
    return [Used(call, untold if result is None else result) for call, result in reply.server_work]


def called(name: str, arguments: Mapping[str, object] | str) -> str:
    """A call as one writes it in Python.

    >>> called("add", {"a": 1, "b": [2]})
    'add(a=1, b=[2])'
    """
    if isinstance(arguments, str):
        return f"{name}({arguments})"
    given = (f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
    return f"{name}({', '.join(given)})"


def on_a_line(text: str) -> str:
    """The beginning of a text, on one line."""
    return short(text, ON_A_LINE)


def cut(text: str) -> str:
    """A text of a bearable length."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}\n… ({len(text):,} characters in all)"


class Trail:
    """What stands above the words that are being written: earlier words, thoughts and calls, as HTML."""

    def __init__(self) -> None:
        self._done: list[str | Used] = []

    def words(self, html: str) -> None:
        """Words (safe HTML) that are followed by a call."""
        if html:
            self._done.append(html)

    def call(self, event: ToolCall, doing: str) -> None:
        """A tool is asked for."""
        self._done.append(Used(ToolCallPart(event.id, event.name, event.arguments), doing=doing))

    def doing(self, event: ToolCall, what: str) -> None:
        """What goes on with a call."""
        self._change(event, doing=what)

    def result(self, event: ToolResult) -> None:
        """A tool has answered, or failed."""
        came = ToolResultPart(event.id, event.content, event.name, is_error=event.is_error)
        self._change(event, result=came, doing="")

    def server(self, event: ServerTool) -> None:
        """A tool that the provider runs itself: it begins, or more is known of it."""
        call, result = ToolCallPart(event.id, event.name, event.arguments), None
        if event.state != "running":
            failed = event.state == "failed"
            result = ToolResultPart(event.id, event.content or _UNTOLD, event.name, is_error=failed)
        panel = Used(call, result, doing="" if result else "running at the provider's")
        for at, each in enumerate(self._done):
            if (
                isinstance(each, Used)
                and each.doing
                and (each.call.id, each.call.name) == (event.id, event.name)
            ):
                self._done[at] = panel
                return
        self._done.append(panel)

    def _change(self, event: ToolCall | ToolResult, **changes: Any) -> None:
        for at, each in enumerate(self._done):
            if isinstance(each, str) or each.result is not None:
                continue
            if (each.call.id, each.call.name) == (event.id, event.name):
                self._done[at] = replace(each, **changes)
                return

    @property
    def html(self) -> str:
        """All of it."""
        return "".join(each if isinstance(each, str) else each.html() for each in self._done)
