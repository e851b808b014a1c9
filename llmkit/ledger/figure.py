"""A plotly figure that is at home on a light page and on a dark one, and that keeps a small table for those who can't
draw it. What is drawn lives in ``plots.py``.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import MissingPackage
from llmkit.ledger.palette import FAINT, INK

if TYPE_CHECKING:
    import pandas as pd

_TABLE_ROWS = 24


def figure(table: pd.DataFrame, *, title: str, note: str = "", png: bool | None = None) -> Any:
    """An empty plotly figure in our dress; ``table`` is what it shows, as numbers (also ``figure.table``)."""
    made = _figure_class()(table, title=title, png=png)
    told = title if not note else f"{title}<br><span style='font-size:0.78em'>{note}</span>"
    axis = {
        "gridcolor": FAINT,
        "zerolinecolor": FAINT,
        "linecolor": FAINT,
        "automargin": True,
        "title": {"standoff": 12},
    }
    made.update_layout(
        title={"text": told, "x": 0, "xref": "paper", "font": {"size": 16}},
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "family": "system-ui, -apple-system, 'Segoe UI', sans-serif", "size": 13},
        margin={"l": 60, "r": 20, "t": 76, "b": 48},
        height=400,
        hoverlabel={"font": {"family": "system-ui, sans-serif"}},
        legend={"font": {"color": INK}},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": "#0072b2"},
        xaxis=axis,
        yaxis=axis,
    )
    return made


def empty(title: str, sentence: str, table: pd.DataFrame) -> Any:
    """A figure without data that says so."""
    made = figure(table, title=title)
    made.add_annotation(
        text=sentence, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5, font={"size": 15}
    )
    made.update_layout(xaxis={"visible": False}, yaxis={"visible": False}, height=260)
    return made


@functools.cache
def _figure_class() -> type[Any]:
    try:
        import plotly.graph_objects as go
    except ImportError:
        raise MissingPackage(
            "Plots need plotly.",
            why="It is not installed.",
            hint='Install it: `pip install "llmkit[data]"`.',
        ) from None

    class LedgerFigure(go.Figure):  # type: ignore[misc]  # plotly is untyped
        """A plotly figure with its numbers beside it."""

        def __init__(self, table: pd.DataFrame, *, title: str, png: bool | None) -> None:
            super().__init__()
            self._table, self._name, self._png = table, title, png

        @property
        def table(self) -> pd.DataFrame:
            """What the figure shows, as numbers."""
            return self._table

        def __reduce__(self) -> Any:  # a copy is a plain figure: our table isn't among plotly's own fields
            return go.Figure, (self.to_dict(),)

        def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
            return bundle(self)

        def _ipython_display_(self) -> None:  # plotly's own shows the figure alone, and IPython asks it first
            from IPython.display import display

            # JupyterLab adds a picture when it saves; whoever converts that would take an HTML table instead of it.
            shown = {form: value for form, value in bundle(self).items() if form != "text/html"}
            display(shown, raw=True)  # type: ignore[no-untyped-call]  # IPython is untyped here

    return LedgerFigure


def bundle(made: Any) -> dict[str, Any]:
    """What a notebook keeps: the figure itself, a picture where an engine is there, and a table for the rest."""
    import json

    forms: dict[str, Any] = {
        "application/vnd.plotly.v1+json": json.loads(made.to_json()),
        "text/html": _html(made.table, made._name),
        "text/plain": f"{made._name}\n{_plain(made)}",
    }
    if made._png or (made._png is None and os.environ.get("LLMKIT_DISPLAY") == "final"):
        forms |= _picture(made)
    return forms


def _picture(made: Any) -> dict[str, Any]:
    # An engine starts a browser, which takes seconds: only for documents, or where it is asked for.
    if importlib.util.find_spec("kaleido") is None:
        return {}
    import base64

    try:
        picture = made.to_image(format="png", scale=2)
    except Exception as failure:  # noqa: BLE001 - a browser that won't start must not take the plot away
        return {"text/markdown": f"*No picture: {type(failure).__name__}*"}
    return {"image/png": base64.b64encode(picture).decode()}


def _plain(made: Any) -> str:
    if made.table.empty:
        return "\n".join(note.text for note in made.layout.annotations) or "Nothing to draw."
    more = len(made.table) - _TABLE_ROWS
    rest = f"\n… and {more:,} rows more." if more > 0 else ""
    return f"{made.table.head(_TABLE_ROWS).to_string(index=False)}{rest}"


def _html(table: pd.DataFrame, title: str) -> str:
    from html import escape

    more = len(table) - _TABLE_ROWS
    rest = f"<p>… and {more:,} rows more.</p>" if more > 0 else ""
    shown = table.head(_TABLE_ROWS).to_html(index=False, border=0)
    return f'<div class="tex2jax_ignore mathjax_ignore"><p><b>{escape(title)}</b></p>{shown}{rest}</div>'
