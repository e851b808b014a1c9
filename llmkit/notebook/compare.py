"""A comparison in a notebook: panes side by side that grow together, then one static, safe form of the grid.

One output holds the whole grid, and one update serves all panes, under the same throttle as a single answer.
The figures are ``jobs/table.py``'s; what is in a pane is made safe by ``safe.py``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from html import escape as escape_html
from typing import TYPE_CHECKING, Any, assert_never

from llmkit.core.events import (
    Done,
    Event,
    Failed,
    Rerouted,
    Retrying,
    Text,
    Thinking,
    ToolCall,
    ToolCallDelta,
    ToolResult,
)
from llmkit.core.reply import Reply
from llmkit.core.usage import Cost
from llmkit.jobs.pump import Errand, Watcher
from llmkit.jobs.summary import summarize
from llmkit.notebook.incremental import Incremental
from llmkit.notebook.live import DisplayOutput, Mode, Output, is_captured, mode_of
from llmkit.notebook.safe import escape, to_html, to_markdown, to_text
from llmkit.notebook.static import (
    AMBER,
    LINE,
    QUIET,
    mark_html,
    seconds,
    thinking_html,
    tool_html,
    what_is_missing,
)
from llmkit.notebook.throttle import Throttle

if TYPE_CHECKING:
    from llmkit.jobs.compare import Comparison
    from llmkit.jobs.grid import Cell

#: Up to so many panes are open in the static form; beyond that they are folded.
OPEN = 12
_HEARTBEAT = 1.0
_RED = "var(--jp-error-color1,#d0342c)"
_GREEN = "var(--jp-success-color1,#2e9e4f)"
_PLAIN = "tex2jax_ignore mathjax_ignore"
_GRID = "display:grid;gap:.7em;grid-template-columns:repeat(auto-fit,minmax(min(19em,100%),1fr));align-items:start"
_PANE = (
    f"border:1px solid {LINE};border-radius:8px;padding:.55em .8em;min-width:0;overflow-wrap:anywhere;"
    "background:var(--jp-layout-color1,transparent)"
)
_HEAD = (
    f"display:flex;justify-content:space-between;gap:.6em;padding-bottom:.35em;border-bottom:1px solid {LINE}"
)
_GROUP = "margin:.9em 0 .4em;font-size:.92em"
_FOOT = f"{QUIET};margin-top:.6em;padding-top:.35em;border-top:1px solid {LINE}"
_STATIC_BODY = "max-height:36em;overflow:auto;padding-top:.3em"
#: Laid out from its end, so that a growing pane stays scrolled to its last words.
_LIVE_BODY = "max-height:24em;overflow:auto;display:flex;flex-direction:column-reverse;padding-top:.3em"
_TD = f"padding:.2em .8em .2em 0;text-align:left;border-bottom:1px solid {LINE}"

#: What is markup within a line, what HTML, and what becomes a link by itself.
_MARKUP = re.compile(r"[\\`*_\[\]$~|#!]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&commat;"}
_LINKS = re.compile(r"\b(https?|ftp|www|mailto)(:|\.)", re.IGNORECASE)

_STATUS = {
    "waiting": ("…", "inherit", "waiting"),
    "running": ("●", "inherit", "writing"),
    "ok": ("✓", _GREEN, "done"),
    "error": ("✗", _RED, "failed"),
    "refused": ("✗", _RED, "not sent"),
    "cancelled": ("■", AMBER, "stopped"),
    "unsent": ("■", AMBER, "not sent"),
}


def display_for(comparison: Comparison, shell: Any, configured: str = "") -> Watcher:
    """The display of a comparison in a kernel, as configured or as ``LLMKIT_DISPLAY`` says."""
    mode = mode_of(configured)
    return LiveGrid(comparison, mode="final" if mode == "live" and is_captured(shell) else mode)


class LiveGrid(Watcher):
    """Shows a grid while it comes: ``live`` again and again, ``final`` once at the end, ``none`` never."""

    def __init__(
        self,
        comparison: Comparison,
        *,
        mode: Mode = "live",
        output: Output | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._comparison = comparison
        self._mode = mode
        self._output = output or DisplayOutput()
        self._clock = clock
        self._throttle = Throttle(clock=clock)
        self._panes = {cell.errand: _LivePane(cell) for cell in comparison.cells}
        self._fresh = False
        self._begun = self._last_push = clock()

    @property
    def pushes(self) -> int:
        """How many times the growing grid was sent."""
        return self._throttle.pushes

    def start(self) -> None:
        """The empty grid."""
        self._begun = self._last_push = self._clock()
        if self._mode == "live":
            self._output.show(self._frame())

    def hear(self, errand: Errand, batch: list[Event]) -> None:
        """Something for one pane."""
        self._panes[errand].take(batch)
        self._fresh = True

    def look(self) -> None:
        """Send what has come to any pane, if it is time."""
        if self._mode != "live":
            return
        silent = self._clock() - self._last_push >= _HEARTBEAT
        if (self._fresh or silent) and self._throttle.ready():
            began = self._clock()
            frame = self._frame()
            self._output.update(frame)
            self._last_push = self._clock()
            self._throttle.pushed(
                characters=sum(pane.length for pane in self._panes.values()),
                markup=len(frame["text/html"]),
                seconds=self._last_push - began,
            )
            self._fresh = False

    def end(self) -> None:
        """The static form, in the same place."""
        if self._mode == "live":
            self._output.update(comparison_bundle(self._comparison))
        elif self._mode == "final":
            self._output.show(comparison_bundle(self._comparison))

    def _frame(self) -> dict[str, str]:
        panes = {cell: self._panes[cell.errand].html() for cell in self._comparison.cells}
        elapsed = self._clock() - self._begun
        line = f"● {self._comparison.progress()}"
        if elapsed >= _HEARTBEAT:
            line += f" · {elapsed:.0f} s · interrupt (■) stops it"
        foot = f'<div class="llmkit-live {_PLAIN}" style="{QUIET};margin-top:.6em">{escape(line)}</div>'
        return {"text/html": _grid(self._comparison, panes, foot), "text/plain": f"… {line}"}


class _LivePane:
    """One growing answer. Its HTML is made anew only when something came."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self._text = ""
        self._page = Incremental()
        self._doing = ""
        self._made: tuple[str, str] | None = None  # for which status, and what

    @property
    def length(self) -> int:
        return len(self._text)

    def take(self, batch: Sequence[Event]) -> None:
        for event in batch:
            match event:
                case Text(text):
                    self._text += text
                    self._doing = ""
                case Thinking():
                    self._doing = "thinking"
                case ToolCallDelta(_, _, name):
                    self._doing = f"asking for {name}" if name else self._doing
                case ToolCall(_, name, _):
                    self._doing = f"asking for {name}"
                case ToolResult(_, name, _, is_error):
                    self._doing = f"{name} {'failed' if is_error else 'answered'}"
                case Retrying(attempt, delay, error):
                    self._doing = f"{error.what} Attempt {attempt + 1} in {seconds(delay)}."
                case Rerouted(origin, target, why):
                    self._doing = f"{origin} → {target}: {why}"
                case Done() | Failed():
                    pass
                case _:
                    assert_never(event)
        self._made = None

    def html(self) -> str:
        status = self.cell.status
        if self._made is None or self._made[0] != status:
            made = pane(self.cell) if self.cell.errand.over else self._growing(status)
            self._made = (status, made)
        return self._made[1]

    def _growing(self, status: str) -> str:
        body = self._page.update(self._text) if self._text else ""
        doing = self._doing or ("waiting" if not self._text else _STATUS[status][2])
        return (
            f'<div style="{_PANE}">{_head(self.cell)}<div style="{_LIVE_BODY}"><div>{body}</div></div>'
            f'<div class="{_PLAIN}" style="{_FOOT}">{escape(doing)}</div></div>'
        )


# -- the static form ----------------------------------------------------------------------------


def comparison_bundle(comparison: Comparison) -> dict[str, str]:
    """A comparison in the three forms that front ends know."""
    return {
        "text/plain": _plain(comparison),
        "text/markdown": _markdown(comparison),
        "text/html": _html(comparison),
    }


def page(comparison: Comparison) -> str:
    """A page of its own, for a file: it loads nothing and runs nothing."""
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8"><title>llmkit comparison</title>'
        '<meta name="viewport" content="width=device-width"><style>:root{color-scheme:light dark}'
        "body{font:15px/1.5 system-ui,sans-serif;margin:1.5em auto;max-width:100em;padding:0 1em}</style>"
        f"</head><body>{_html(comparison)}</body></html>\n"
    )


def _html(comparison: Comparison) -> str:
    unfolded = len(comparison.cells) <= OPEN
    panes = {cell: pane(cell, unfolded=unfolded) for cell in comparison.cells}
    foot = ""
    if len(comparison.cells) > len(comparison.models):
        foot += _summary_html(comparison)
    if comparison.interrupted:
        foot += mark_html("Interrupted. What was done is kept; rerun() asks what is missing.")
    foot += f'<div class="{_PLAIN}" style="{QUIET};margin-top:.7em">{escape(caption(comparison))}</div>'
    return _grid(comparison, panes, foot)


def _grid(comparison: Comparison, panes: dict[Cell, str], foot: str) -> str:
    parts = []
    for name, cells in _groups(comparison):
        if name:
            parts.append(f'<div class="{_PLAIN}" style="{_GROUP}">{escape(name)}</div>')
        parts.append(f'<div style="{_GRID}">{"".join(panes[cell] for cell in cells)}</div>')
    return f'<div class="llmkit-compare">{"".join(parts)}{foot}</div>'


def pane(cell: Cell, *, unfolded: bool = True) -> str:
    """One answer with its model above and its figures below."""
    reply = cell.reply
    parts = [_head(cell)]
    if reply is not None:
        inside = thinking_html(reply.thinking) + (to_html(reply.text) if reply.text else "")
        inside += "".join(tool_html(call) for call in reply.tool_calls)
        if reply.refusal and reply.refusal != reply.text:
            inside += to_html(reply.refusal)
        if inside:
            words = len(reply.text.split())
            parts.append(
                f'<details{" open" if unfolded else ""}><summary style="cursor:pointer;{QUIET};padding-top:.3em">'
                f'{words:,} word{"" if words == 1 else "s"}</summary><div style="{_STATIC_BODY}">{inside}</div></details>'
            )
    if said := _said(cell):
        parts.append(mark_html(said))
    if told := figures(reply):
        tip = f' title="{escape_html(to_text(reply.model))}"' if reply is not None and reply.model else ""
        parts.append(f'<div class="{_PLAIN}"{tip} style="{_FOOT}">{escape(told)}</div>')
    return f'<div style="{_PANE}">{"".join(parts)}</div>'


def _head(cell: Cell) -> str:
    mark, colour, word = _STATUS[cell.status]
    return (
        f'<div class="{_PLAIN}" style="{_HEAD}"><strong>{escape(cell.model)}</strong>'
        f'<span title="{word}" style="color:{colour}">{mark}</span></div>'
    )


def _said(cell: Cell) -> str:
    """Why a cell holds no whole answer, in a sentence or two."""
    error = cell.errand.error
    if cell.status == "unsent":
        return "Not sent: the comparison was stopped before its turn."
    if cell.status == "cancelled":
        return (
            "Stopped. This is the answer as far as it came." if cell.text else "Stopped before anything came."
        )
    if error is not None:
        return " ".join(part for part in (error.what, error.why) if part)
    return what_is_missing(cell.reply) if cell.reply is not None and cell.errand.over else ""


def figures(reply: Reply | None) -> str:
    """Time to the first token, pace, tokens and cost in one line; what is unknown is left out, or said."""
    if reply is None:
        return ""
    usage, timing = reply.usage, reply.timing
    told = [f"TTFT {seconds(timing.ttft)}"] if timing.ttft is not None else []
    pace = timing.tokens_per_second(usage.output)
    if pace is not None:
        told.append(f"{pace:,.0f} tok/s")
    if timing.duration is not None:
        told.append(seconds(timing.duration))
    if usage.total_input is not None or usage.output is not None:
        about = "~" if usage.source == "estimated" else ""
        told.append(f"{_count(usage.total_input, about)} → {_count(usage.output, about)} tokens")
    if not told and not reply.text:
        return ""
    told.append(f"{reply.cost} simulated" if reply.simulated and reply.cost.known else str(reply.cost))
    return " · ".join(told)


def caption(comparison: Comparison) -> str:
    """What it was, how it went and what it cost, in a line. Simulated money is never added to real money."""
    states: dict[str, int] = {}
    for cell in comparison.cells:
        states[cell.status] = states.get(cell.status, 0) + 1
    went = ", ".join(f"{count} {_STATUS[status][2]}" for status, count in states.items())
    shape = f"{_many(len(comparison.cells), 'answer')} from {_many(len(comparison.models), 'model')}"
    return " · ".join([shape, went, *money(cell.reply for cell in comparison.cells)])


def money(replies: Iterable[Reply | None]) -> list[str]:
    """What replies cost together: real, simulated, and how many prices are not known."""
    sent = [reply for reply in replies if reply is not None]
    told = []
    for simulated in (False, True):
        costs = [reply.cost for reply in sent if reply.simulated == simulated]
        known = [cost.amount for cost in costs if cost.amount is not None]
        if known:
            about = any(cost.estimated for cost in costs)
            total = Cost(sum(known, Decimal(0)), currency=costs[0].currency, estimated=about)
            told.append(f"{total}{' simulated' if simulated else ''}")
        if len(costs) > len(known):
            told.append(f"{len(costs) - len(known)} unpriced")
    return told


def _groups(comparison: Comparison) -> list[tuple[str, list[Cell]]]:
    """Cells that differ only in their model, with a line that says what they share."""
    varying = _varying(comparison)
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in comparison.cells:
        groups.setdefault(tuple(value for _, value in _asked(cell)), []).append(cell)
    return [(_name_of(cells[0], varying), cells) for cells in groups.values()]


def _asked(cell: Cell) -> list[tuple[str, Any]]:
    asked = cell.question
    return [
        ("prompt", asked.label),
        ("system", asked.system),
        ("temperature", asked.temperature),
        ("repeat", asked.repeat),
    ]


def _varying(comparison: Comparison) -> set[str]:
    """What differs from cell to cell, besides the model."""
    seen: dict[str, set[Any]] = {}
    for cell in comparison.cells:
        for name, value in _asked(cell):
            seen.setdefault(name, set()).add(value)
    return {name for name, values in seen.items() if len(values) > 1}


def _name_of(cell: Cell, varying: set[str]) -> str:
    told = []
    for name, value in _asked(cell):
        if name not in varying:
            continue
        if name == "prompt":
            told.append(_short(str(value), 160))
        elif value is None:
            told.append(f"{name}: default" if name == "temperature" else f"no {name}")
        else:
            told.append(f"{name}: {_short(str(value), 80)}" if name == "system" else f"{name} {value}")
    return " · ".join(told)


def _summary_html(comparison: Comparison) -> str:
    head, *rows = _summary_rows(comparison)
    lines = ["".join(f'<th style="{_TD}">{escape(cell)}</th>' for cell in head)]
    lines += ["".join(f'<td style="{_TD}">{escape(cell)}</td>' for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f'<table class="{_PLAIN}" style="margin:1em 0 0;border-collapse:collapse;font-size:.9em">'
        f"<tbody>{body}</tbody></table>"
    )


def _summary_rows(comparison: Comparison) -> list[list[str]]:
    rows = [["Model", "Answers", "TTFT (median)", "tok/s (median)", "Characters", "Cost"]]
    for row in summarize(comparison.cells):
        cost = Cost(row["cost"])
        spent = f"{cost}{' simulated' if row['simulated'] and cost.known else ''}"
        rows.append(
            [
                row["model"],
                f"{row['ok']} of {row['n']}",
                "" if row["ttft_p50"] is None else seconds(row["ttft_p50"]),
                "" if row["tokens_per_s_p50"] is None else f"{row['tokens_per_s_p50']:,.0f}",
                "" if row["length_mean"] is None else f"{row['length_mean']:,.0f}",
                f"{spent}, {row['unpriced']} unpriced" if row["unpriced"] and cost.known else spent,
            ]
        )
    return rows


def _plain(comparison: Comparison) -> str:
    varying = [name for name, _ in _asked(comparison.cells[0]) if name in _varying(comparison)]
    rows = [["model", *varying, "status", "figures", "answer"]]
    for cell in comparison.cells:
        asked = dict(_asked(cell))
        said = cell.text or _said(cell)
        shared = [_short("" if asked[name] is None else str(asked[name]), 30) for name in varying]
        rows.append([cell.model, *shared, cell.status, figures(cell.reply), _short(said, 60)])
    rows = [[to_text(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(f"{value:<{width}}" for value, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join([*lines, f"— {to_text(caption(comparison))}"])


def _markdown(comparison: Comparison) -> str:
    parts = []
    for name, cells in _groups(comparison):
        if name:
            parts.append(f"### {_inline(name)}\n")
        for cell in cells:
            parts.append(f"#### {_inline(cell.model)}\n")
            if cell.text:
                parts.append(to_markdown(cell.text))
            if said := _said(cell):
                parts.append(f"*{_inline(said)}*\n")
            if told := figures(cell.reply):
                parts.append(f"*{_inline(told)}*\n")
    if len(comparison.cells) > len(comparison.models):
        head, *rows = _summary_rows(comparison)
        lines = [head, ["---"] * len(head), *([_inline(value) for value in row] for row in rows)]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
    return "\n".join([*parts, f"*{_inline(caption(comparison))}*\n"])


def _inline(text: str) -> str:
    """Words as Markdown that means just these words, on one line, also inside a table."""
    line = " ".join(to_text(text).split())
    for character, entity in _ENTITIES.items():
        line = line.replace(character, entity)
    return _LINKS.sub(lambda found: f"{found[1]}&#{ord(found[2])};", _MARKUP.sub(r"\\\g<0>", line))


def _short(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _count(tokens: int | None, about: str) -> str:
    return "?" if tokens is None else f"{about}{tokens:,}"
