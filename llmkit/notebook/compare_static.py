"""A comparison as a notebook keeps it: a table and the answers folded below it, in HTML, Markdown and plain text.

It needs no kernel and no script, loads nothing, and takes its colours from the page. What stands beside what is
``compare_layout.py``'s business, the figures are ``jobs/table.py``'s, and what is in an answer is made safe by ``safe.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from html import escape as escape_html
from typing import TYPE_CHECKING

from llmkit.core.reply import Reply
from llmkit.core.usage import Cost
from llmkit.jobs.summary import summarize
from llmkit.notebook.compare_layout import Pane, Row, axes, layout, said, short
from llmkit.notebook.safe import escape, to_html, to_markdown, to_text
from llmkit.notebook.static import (
    AMBER,
    QUIET,
    mark_html,
    seconds,
    thinking_html,
    token_count,
    tool_html,
    what_is_missing,
)
from llmkit.providers.keys import mask

if TYPE_CHECKING:
    from llmkit.jobs.answers import Answers
    from llmkit.jobs.grid import Cell

#: Up to so many answers are open in the static form; beyond that they are folded.
OPEN = 12
#: Plain, for a page that does not trust a notebook takes variables out of it.
_LINE = "rgba(127,127,127,.35)"
_RED = "var(--jp-error-color1,#d0342c)"
_GREEN = "var(--jp-success-color1,#2e9e4f)"
PLAIN = "tex2jax_ignore mathjax_ignore"
_GRID = "display:grid;gap:.7em;grid-template-columns:repeat(auto-fit,minmax(min(19em,100%),1fr));align-items:start"
_PANE = (
    f"border:1px solid {_LINE};border-radius:8px;padding:.55em .8em;min-width:0;overflow-wrap:break-word;"
    "background:var(--jp-layout-color1,transparent)"
)
_HEAD = f"display:flex;justify-content:space-between;gap:.6em;padding-bottom:.35em;border-bottom:1px solid {_LINE}"
_GROUP = "margin:.9em 0 .4em;font-size:.92em"
_FOOT = f"{QUIET};margin-top:.6em;padding-top:.35em;border-top:1px solid {_LINE}"
_BODY = "max-height:36em;overflow:auto;padding-top:.3em"
_TABLE = "margin:0 0 .9em;border-collapse:collapse;font-size:.9em"
_TD = f"padding:.2em 1em .2em 0;text-align:left;border-bottom:1px solid {_LINE}"

#: What is markup within a line, what HTML, and what becomes a link by itself.
_MARKUP = re.compile(r"[\\`*_\[\]$~|#!]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&commat;"}
_LINKS = re.compile(r"\b(https?|ftp|www|mailto)(:|\.)", re.IGNORECASE)

#: For each status: its sign, its colour, and the word for it.
STATUS = {
    "waiting": ("…", "inherit", "waiting"),
    "running": ("●", "inherit", "writing"),
    "ok": ("✓", _GREEN, "done"),
    "error": ("✗", _RED, "failed"),
    "refused": ("✗", _RED, "not sent"),
    "cancelled": ("■", AMBER, "stopped"),
    "unsent": ("■", AMBER, "not sent"),
}
_VOTES = {"won": "★ voted best", "tie": "tie", "lost": "", None: ""}
_BLIND = "Blind: names and figures are hidden until there is a vote."


def comparison_bundle(comparison: Answers, place: str = "") -> dict[str, str]:
    """A comparison in the three forms that front ends know; ``place`` is where a page makes it a living one."""
    html = comparison_html(comparison)
    return {
        "text/plain": _plain(comparison),
        "text/markdown": _markdown(comparison),
        "text/html": placed(html, place),
    }


def placed(html: str, place: str) -> str:
    """In an element that a page can find."""
    return f'<div class="llmkit-place {place}">{html}</div>' if place else html


def page(comparison: Answers) -> str:
    """A page of its own, for a file: it loads nothing and runs nothing."""
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8"><title>llmkit comparison</title>'
        '<meta name="viewport" content="width=device-width"><style>:root{color-scheme:light dark}'
        "body{font:15px/1.5 system-ui,sans-serif;margin:1.5em auto;max-width:100em;padding:0 1em}</style>"
        f"</head><body>{comparison_html(comparison)}</body></html>\n"
    )


def comparison_html(comparison: Answers) -> str:
    """The static form as HTML."""
    rows = layout(comparison)
    unfolded = len(comparison.cells) <= OPEN
    table = table_rows(comparison, rows)
    panes = {
        pane.cell: pane_html(comparison, pane, unfolded=unfolded, footed=len(rows) > 1)
        for row in rows
        for pane in row.panes
    }
    foot = ""
    if comparison.interrupted:
        foot += mark_html("Interrupted. What was done is kept; rerun() asks what is missing.")
    foot += f'<div class="{PLAIN}" style="{QUIET};margin-top:.7em">{escape(caption(comparison))}</div>'
    return mask(grid_html(rows, panes, above=_table_html(table), below=foot))


def grid_html(rows: list[Row], panes: dict[Cell, str], *, above: str = "", below: str = "") -> str:
    """Panes side by side, row by row, each row under what sets it apart."""
    parts = [above]
    for row in rows:
        if row.label:
            parts.append(f'<div class="{PLAIN}" style="{_GROUP}">{escape(row.label)}</div>')
        parts.append(f'<div style="{_GRID}">{"".join(panes[pane.cell] for pane in row.panes)}</div>')
    return f'<div class="llmkit-compare">{"".join(parts)}{below}</div>'


def pane_html(comparison: Answers, pane: Pane, *, unfolded: bool = True, footed: bool = True) -> str:
    """One answer with its model above it and, where no table holds them, its figures below."""
    cell, reply = pane.cell, pane.cell.reply
    parts = [head_html(pane, _VOTES[comparison.voted(cell)])]
    if inside := answer_html(reply):
        words = 0 if reply is None else len(reply.text.split())
        parts.append(
            f'<details{" open" if unfolded else ""}><summary style="cursor:pointer;{QUIET};padding-top:.3em">'
            f'{words:,} word{"" if words == 1 else "s"}</summary><div style="{_BODY}">{inside}</div></details>'
        )
    if told := what_is_wrong(cell, hidden=pane.hidden):
        parts.append(mark_html(told))
    if footed and not pane.hidden and (told := figures(reply)):
        tip = f' title="{escape_html(to_text(reply.model))}"' if reply is not None and reply.model else ""
        parts.append(f'<div class="{PLAIN}"{tip} style="{_FOOT}">{escape(told)}</div>')
    return framed("".join(parts))


def framed(inside: str) -> str:
    """A pane around something."""
    return f'<div style="{_PANE}">{inside}</div>'


def head_html(pane: Pane, vote: str = "") -> str:
    """What stands above an answer: whose it is and how it went."""
    mark, colour, word = STATUS[pane.cell.status]
    note = f' <span style="{QUIET}">{escape(pane.note)}</span>' if pane.note else ""
    won = f'<span style="font-size:.85em;color:{_GREEN}">{escape(vote)}</span> ' if vote else ""
    return (
        f'<div class="{PLAIN}" style="{_HEAD}"><span style="min-width:0"><strong>{escape(pane.title)}</strong>{note}</span>'
        f'<span>{won}<span title="{word}" style="color:{colour}">{mark}</span></span></div>'
    )


def answer_html(reply: Reply | None) -> str:
    """All that was answered, safe for any page."""
    if reply is None:
        return ""
    from llmkit.notebook.defaults import maths_asked  # which needs those who need this

    before, after = answer_parts(reply)
    return before + (to_html(reply.text, typeset=maths_asked()) if reply.text else "") + after


def answer_parts(reply: Reply | None) -> tuple[str, str]:
    """What stands before the words of an answer, and what after them."""
    if reply is None:
        return "", ""
    after = "".join(tool_html(call) for call in reply.tool_calls)
    if reply.refusal and reply.refusal != reply.text:
        after += to_html(reply.refusal)
    return thinking_html(reply.thinking), after


def what_is_wrong(cell: Cell, *, hidden: bool = False) -> str:
    """Why a cell holds no whole answer, in a sentence or two; errors name models, so hidden ones say less."""
    error = cell.errand.error
    if cell.status == "unsent":
        return "Not sent: the comparison was stopped before its turn."
    if cell.status == "cancelled":
        return (
            "Stopped. This is the answer as far as it came." if cell.text else "Stopped before anything came."
        )
    if error is not None:
        if hidden:
            return "This answer failed."
        return " ".join(part for part in (error.what, error.why) if part)
    return what_is_missing(cell.reply) if cell.reply is not None and cell.errand.over else ""


# -- figures ------------------------------------------------------------------------------------


def figures(reply: Reply | None) -> str:
    """Time to the first token, pace, tokens and cost in one line; what is unknown is left out, or said."""
    if reply is None:
        return ""
    told = [f"TTFT {seconds(reply.timing.ttft)}"] if reply.timing.ttft is not None else []
    told += [part for part in (_pace(reply), _duration(reply)) if part]
    tokens = _tokens(reply)
    if tokens:
        told.append(f"{tokens} tokens")
    if not told and not reply.text:
        return ""
    told.append(_cost(reply))
    if ended := _ended(reply):
        told.append(ended)
    return " · ".join(told)


def brief(reply: Reply | None) -> str:
    """Time and cost, for a small place."""
    if reply is None:
        return ""
    return " · ".join(
        part for part in (_duration(reply), str(reply.cost) if reply.cost.known else "") if part
    )


def _pace(reply: Reply) -> str:
    pace = reply.timing.tokens_per_second(reply.usage.output)
    return "" if pace is None else f"{pace:,.0f} tok/s"


def _duration(reply: Reply) -> str:
    return "" if reply.timing.duration is None else seconds(reply.timing.duration)


def _tokens(reply: Reply) -> str:
    usage = reply.usage
    if usage.total_input is None and usage.output is None:
        return ""
    about = "~" if usage.source == "estimated" else ""
    return f"{token_count(usage.total_input, about)} → {token_count(usage.output, about)}"


def _cost(reply: Reply) -> str:
    return f"{reply.cost} simulated" if reply.simulated and reply.cost.known else str(reply.cost)


def _ended(reply: Reply) -> str:
    """Why it stopped, where that is known."""
    reason = "" if reply.stop_reason is None else str(reply.stop_reason)
    return "" if reason == "unknown" else reason


def caption(comparison: Answers) -> str:
    """What it was, how it went and what it cost, in a line. Simulated money is never added to real money."""
    states: dict[str, int] = {}
    for cell in comparison.cells:
        states[cell.status] = states.get(cell.status, 0) + 1
    went = ", ".join(f"{count} {STATUS[status][2]}" for status, count in states.items())
    shape = f"{_many(len(comparison.cells), 'answer')} from {_many(len(comparison.models), 'model')}"
    told = [shape, went]
    if any(row.hidden for row in layout(comparison)):
        told.append(_BLIND)
    else:
        told += money(cell.reply for cell in comparison.cells)
    return " · ".join(told)


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


# -- the table ----------------------------------------------------------------------------------


def table_rows(comparison: Answers, rows: list[Row]) -> list[list[str]]:
    """The figures: answer by answer where there is one question, else model by model; none while names are hidden."""
    if any(row.hidden for row in rows):
        return []
    return _answers_table(comparison, rows[0]) if len(rows) == 1 else _models_table(comparison)


def _answers_table(comparison: Answers, row: Row) -> list[list[str]]:
    table = [["Model", "Status", "TTFT", "Pace", "Time", "Tokens", "Cost", "Ended", "Vote"]]
    for pane in row.panes:
        mark, _, word = STATUS[pane.cell.status]
        reply = pane.cell.reply
        line = [pane.heading, f"{mark} {word}"]
        if reply is None:
            line += [""] * 6
        else:
            ttft = "" if reply.timing.ttft is None else seconds(reply.timing.ttft)
            line += [ttft, _pace(reply), _duration(reply), _tokens(reply), _cost(reply), _ended(reply)]
        table.append([*line, comparison.voted(pane.cell) or ""])
    return _without_empty_columns(table)


def _models_table(comparison: Answers) -> list[list[str]]:
    won = [vote.winner for vote in comparison.votes]
    table = [["Model", "Answers", "TTFT (median)", "tok/s (median)", "Characters", "Cost", "Votes won"]]
    for row in summarize(comparison.cells):
        cost = Cost(row["cost"])
        spent = f"{cost}{' simulated' if row['simulated'] and cost.known else ''}"
        table.append(
            [
                row["model"],
                f"{row['ok']} of {row['n']}",
                "" if row["ttft_p50"] is None else seconds(row["ttft_p50"]),
                "" if row["tokens_per_s_p50"] is None else f"{row['tokens_per_s_p50']:,.0f}",
                "" if row["length_mean"] is None else f"{row['length_mean']:,.0f}",
                f"{spent}, {row['unpriced']} unpriced" if row["unpriced"] and cost.known else spent,
                f"{won.count(row['model'])} of {len(won)}" if won else "",
            ]
        )
    return _without_empty_columns(table)


def _without_empty_columns(table: list[list[str]]) -> list[list[str]]:
    kept = [at for at in range(len(table[0])) if any(line[at] for line in table[1:])]
    return [[line[at] for at in kept] for line in table]


def _table_html(table: list[list[str]]) -> str:
    if not table:
        return ""
    head, *rows = table
    lines = ["".join(f'<th style="{_TD}">{escape(cell)}</th>' for cell in head)]
    lines += ["".join(f'<td style="{_TD}">{escape(cell)}</td>' for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div style="overflow-x:auto"><table class="{PLAIN}" style="{_TABLE}"><tbody>{body}</tbody></table></div>'


# -- plain text and Markdown --------------------------------------------------------------------


def _plain(comparison: Answers) -> str:
    names = axes(comparison)
    rows = [["model", *names, "status", "figures", "answer"]]
    for row in layout(comparison):
        for pane in row.panes:
            cell = pane.cell
            told = cell.text or what_is_wrong(cell, hidden=pane.hidden)
            shared = [short(said(cell, name), 30) for name in names]
            known = "" if pane.hidden else figures(cell.reply)
            rows.append([pane.title, *shared, cell.status, known, short(told, 60)])
    rows = [[to_text(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(f"{value:<{width}}" for value, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join([*lines, f"— {to_text(caption(comparison))}"])


def _markdown(comparison: Answers) -> str:
    rows = layout(comparison)
    parts = []
    if table := table_rows(comparison, rows):
        head, *body = table
        lines = [head, ["---"] * len(head), *([_inline(value) for value in row] for row in body)]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
    for row in rows:
        if row.label:
            parts.append(f"### {_inline(row.label)}\n")
        for pane in row.panes:
            parts.append(f"#### {_inline(pane.heading)}\n")
            if pane.cell.text:
                words = len(pane.cell.text.split())
                parts.append(f"<details><summary>{_many(words, 'word')}</summary>\n")
                parts.append(
                    f"{to_markdown(mask(pane.cell.text))}\n</details>\n"
                )  # escaped, a key is none any more
            if told := what_is_wrong(pane.cell, hidden=pane.hidden):
                parts.append(f"*{_inline(told)}*\n")
            if len(rows) > 1 and not pane.hidden and (told := figures(pane.cell.reply)):
                parts.append(f"*{_inline(told)}*\n")
    return "\n".join([*parts, f"*{_inline(caption(comparison))}*\n"])


def _inline(text: str) -> str:
    """Words as Markdown that means just these words, on one line, also inside a table."""
    line = mask(" ".join(to_text(text).split()))
    for character, entity in _ENTITIES.items():
        line = line.replace(character, entity)
    return _LINKS.sub(lambda found: f"{found[1]}&#{ord(found[2])};", _MARKUP.sub(r"\\\g<0>", line))


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
