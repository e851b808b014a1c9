"""How a dashboard of usage looks: its tiles, budgets, one call and its static twin, as safe HTML.

Pure: the values of ``dashboard_view.py`` in, markup out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from llmkit.ledger.allowance import Allowance
from llmkit.ledger.words import money
from llmkit.notebook.dashboard_view import Table, Tile, View, missing
from llmkit.notebook.safe import escape
from llmkit.notebook.static import QUIET

if TYPE_CHECKING:
    import pandas as pd

#: Dollars are no formulas.
_PLAIN: Final = "tex2jax_ignore mathjax_ignore"
#: A widget whose kernel is gone leaves a sentence about that; the twin below it says more.
_UNDEAD: Final = (
    "<style>.jp-OutputArea-child:has(> .jupyter-widgets):not(:has(.llmkit-dashboard))"
    ":has(+ .jp-OutputArea-child .llmkit-twin){display:none}</style>"
)
# Plain, for a page that does not trust a notebook takes variables out of it; seen well on light and dark.
_LINE = "rgba(127,127,127,.35)"
_RED, _AMBER, _GREEN = "#e53935", "#d98200", "#43a047"


def tiles_html(shown: Sequence[Tile]) -> str:
    """The tiles, as wide as the page gives them room."""
    grid = "display:grid;gap:.6em;grid-template-columns:repeat(auto-fit,minmax(8.5em,1fr));margin:.5em 0"
    box = f"border:1px solid {_LINE};border-radius:8px;padding:.5em .8em;min-width:0;overflow-wrap:anywhere"
    parts = [
        f'<div role="group" aria-label="{escape(tile.name)}" style="{box}"><div style="{QUIET}">{escape(tile.name)}</div>'
        f'<div style="font-size:1.3em;line-height:1.45">{escape(tile.value)}</div>'
        f'<div style="{QUIET};min-height:1.2em">{escape(tile.note)}</div></div>'
        for tile in shown
    ]
    return f'<div class="llmkit-tiles {_PLAIN}" style="{grid}">{"".join(parts)}</div>'


def budgets_html(budgets: Sequence[Allowance], now: datetime | None = None) -> str:
    """A bar for each budget; nothing where there are none."""
    parts = []
    for one in budgets:
        colour = _RED if one.share >= 1 else _AMBER if one.share >= 0.8 else _GREEN
        told = f"{money(float(one.spent))} of {money(float(one.limit))} ({one.share:.0%})"
        if one.resets is not None:
            left = max(0, int((one.resets - (now or datetime.now(UTC))).total_seconds() // 60))
            told += f" · anew in {left // 60} h {left % 60:02d} min"
        parts.append(
            f'<div style="flex:1 1 15em"><div style="{QUIET}"><b>{escape(one.name)}</b> · {escape(told)}</div>'
            f'<div role="progressbar" aria-label="budget {escape(one.name)}" aria-valuemin="0" aria-valuemax="100" '
            f'aria-valuenow="{min(100, round(one.share * 100))}" '
            f'style="height:.6em;border-radius:.3em;background:{_LINE};overflow:hidden">'
            f'<div style="height:100%;width:{min(100.0, one.share * 100):.1f}%;background:{colour}"></div></div></div>'
        )
    if not parts:
        return ""
    return (
        f'<div class="llmkit-budgets {_PLAIN}" style="display:flex;flex-wrap:wrap;gap:.4em 1.4em;margin:.4em 0 .8em">'
        f'<div style="{QUIET};flex-basis:100%">budgets</div>{"".join(parts)}</div>'
    )


def call_html(rows: pd.DataFrame) -> str:
    """All that is known of one call: a column for each attempt."""
    known = [name for name in rows.columns if rows[name].notna().any()]
    cell = f"text-align:left;vertical-align:top;padding:.15em 1.4em .15em 0;border-bottom:1px solid {_LINE}"
    body = []
    for name in known:
        values = "".join(
            f'<td style="{cell};overflow-wrap:anywhere">{escape(_said(value))}</td>' for value in rows[name]
        )
        body.append(f'<tr><th style="{cell};opacity:.72;font-weight:normal">{escape(name.replace("_", " "))}</th>{values}</tr>')  # fmt: skip
    return (
        f'<div class="llmkit-call {_PLAIN}" style="overflow-x:auto">'
        f'<table style="margin:0;border-collapse:collapse"><tbody>{"".join(body)}</tbody></table></div>'
    )


def _said(value: Any) -> str:
    if missing(value):
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"


def twin(
    view: View, shown: Sequence[Tile], table: Table, budgets: Sequence[Allowance], *, beside: bool = False
) -> dict[str, str]:
    """The dashboard as a notebook keeps it, without a kernel: its figures and its groups, as text and as HTML.

    ``beside``: it stands below a live one, whose remains it hides when the kernel is gone.
    """
    from llmkit.notebook.listing import Listing

    rows = tuple((line.name, *line.cells) for line in table.lines[:24])
    more = len(table.lines) - len(rows)
    notes = (f"… and {more:,} more",) if more > 0 else ()
    listing = Listing(table.head, rows, notes)
    figures = "\n".join(f"{tile.name}: {' · '.join(filter(None, (tile.value, tile.note)))}" for tile in shown)
    return {
        "text/plain": f"Usage · {view.sentence()}\n{figures}\n\n{listing}",
        "text/html": (
            f'{_UNDEAD if beside else ""}<div class="llmkit-twin {_PLAIN}"><div style="{QUIET}">Usage · {escape(view.sentence())}</div>'
            f"{tiles_html(shown)}{budgets_html(budgets)}{listing._repr_html_()}</div>"
        ),
    }
