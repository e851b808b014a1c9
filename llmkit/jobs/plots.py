"""Pictures of a grid: how fast, how dear, how long, who won. In the dress and the colours of the ledger's plots.

Numbers first (``figure.table`` has them), then marks for them; nothing is drawn that is not in the table.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest
from llmkit.jobs.games import record_of
from llmkit.jobs.report import dollars
from llmkit.jobs.table import pandas
from llmkit.jobs.words import words
from llmkit.ledger import plots_speed
from llmkit.ledger.figure import empty, figure
from llmkit.ledger.palette import INK, Palette

if TYPE_CHECKING:
    from llmkit.jobs.answers import Answers


def draw(answers: Answers, kind: str) -> Any:
    """The picture of that name."""
    if kind not in PLOTS:
        near = difflib.get_close_matches(kind, PLOTS, n=1)
        raise BadRequest(
            f"There is no plot {kind!r}.",
            why=f"Did you mean {near[0]!r}?" if near else "",
            hint=f"Plots: {', '.join(PLOTS)}.",
        )
    title, nothing, plot = PLOTS[kind]
    made = plot(answers, Palette(answers.models))
    return made if len(made.table) else empty(title, nothing, made.table)


def _calls(answers: Answers) -> Any:
    """The grid as the ledger's plots read calls."""
    frame = answers.df[["model", "status", "cost", "ttft", "duration", "output"]].copy()
    frame["model"] = frame["model"].astype("object")
    return frame


def latency(answers: Answers, palette: Palette) -> Any:
    """How long the first token takes, and how fast the rest comes."""
    return plots_speed.latency(_calls(answers), palette)


def frontier(answers: Answers, palette: Palette) -> Any:
    """Cost against speed."""
    return plots_speed.frontier(_calls(answers), palette)


def cost(answers: Answers, palette: Palette) -> Any:
    """What an answer costs: each one a dot, the mean a line."""
    frame = _whole(answers)
    table = frame[frame["cost"].notna()][["model", "prompt", "cost"]].reset_index(drop=True)
    unpriced = len(frame) - len(table)
    total = float(f"{answers.df['cost'].sum():.6g}")
    note = f"{dollars(total)} in all" + (
        f"; {unpriced} answers are unpriced and not drawn" if unpriced else ""
    )
    made = figure(table, title="Cost of an answer", note=note)
    _spread(made, table, "cost", palette, "$%{x:.3g}")
    made.update_xaxes(title="US dollars", tickprefix="$", rangemode="tozero")
    return made


def length(answers: Answers, palette: Palette) -> Any:
    """How many words an answer has: each one a dot, the mean a line."""
    frame = _whole(answers)
    table = frame[["model", "prompt"]].assign(words=[len(words(text or "")) for text in frame["answer"]])
    made = figure(table, title="Length of an answer", note=f"{len(table):,} whole answers")
    _spread(made, table, "words", palette, "%{x:,} words")
    made.update_xaxes(title="words", rangemode="tozero")
    return made


def wins(answers: Answers, palette: Palette) -> Any:
    """The share of its games that each model won, with its 95 % interval."""
    games, by = answers.games()
    rows = []
    for model in answers.models:
        record = record_of(model, games)
        if record.games:
            rate = record.rate
            rows.append((model, record.wins, record.losses, record.ties, rate.value, rate.low, rate.high))
    rows.sort(key=lambda row: row[4] or 0.0, reverse=True)
    table = pandas().DataFrame(rows, columns=["model", "wins", "losses", "ties", "rate", "low", "high"])
    made = figure(
        table,
        title=f"Wins by {by}",
        note=f"{len(games):,} games; a tie is half a win; bars are 95 % intervals",
    )
    for line in table.to_dict("records"):
        name = str(line["model"])
        made.add_scatter(
            x=[line["rate"]],
            y=[name],
            mode="markers",
            marker={"color": palette.colour(name), "size": 12},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [line["high"] - line["rate"]],
                "arrayminus": [line["rate"] - line["low"]],
                "color": palette.colour(name),
                "thickness": 2,
            },
            showlegend=False,
            hovertemplate=f"%{{x:.0%}} won, {line['wins']} wins, {line['losses']} losses, {line['ties']} ties"
            f"<br>95 % interval {line['low']:.0%} to {line['high']:.0%}<extra>{name}</extra>",
        )
    made.add_vline(x=0.5, line={"color": INK, "dash": "dot", "width": 1})
    made.update_xaxes(title="share of games won", tickformat=".0%", range=[-0.02, 1.02])
    made.update_yaxes(autorange="reversed")
    made.update_layout(height=max(260, 150 + 34 * len(table)))
    return made


PLOTS: Final[Mapping[str, tuple[str, str, Callable[[Answers, Palette], Any]]]] = MappingProxyType(
    {
        "latency": ("Latency", "No answer has come whole yet.", latency),
        "cost": ("Cost of an answer", "No answer has a known cost.", cost),
        "frontier": ("Cost against speed", "No answer has both a known cost and a known pace.", frontier),
        "wins": ("Wins", "Nobody has won yet: cmp.vote(…), or cmp.judge(…).", wins),
        "length": ("Length of an answer", "No answer has come whole yet.", length),
    }
)


def _whole(answers: Answers) -> Any:
    frame = answers.df
    return frame[frame["status"] == "ok"].reset_index(drop=True)


def _spread(made: Any, table: Any, column: str, palette: Palette, form: str) -> None:
    """A row for each model: its answers as dots over one another, and their mean."""
    models = list(dict.fromkeys(table["model"]))
    for place, model in enumerate(models):
        rows = table[table["model"] == model]
        name = str(model)
        count = len(rows)
        # Side by side within the row, so that equal values are seen as several.
        offsets = [place + (0.3 * (n % 5 - 2) / 2 if count > 1 else 0.0) for n in range(count)]
        made.add_scatter(
            x=rows[column],
            y=offsets,
            mode="markers",
            marker={"color": palette.colour(name), "size": 8, "opacity": 0.65},
            customdata=[[_short(str(prompt))] for prompt in rows["prompt"]],
            hovertemplate=f"{form}<br>%{{customdata[0]}}<extra>{name}</extra>",
            showlegend=False,
        )
        mean = float(rows[column].mean())
        made.add_scatter(
            x=[mean, mean],
            y=[place - 0.36, place + 0.36],
            mode="lines",
            line={"color": palette.colour(name), "width": 3},
            hovertemplate=f"mean {form}<extra>{name}</extra>",
            showlegend=False,
        )
    made.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(models))),
        ticktext=models,
        range=[len(models) - 0.4, -0.6],
        zeroline=False,
    )
    made.update_layout(height=max(260, 150 + 44 * len(models)))


def _short(text: str) -> str:
    # plotly reads a little HTML in its hovers.
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return plain if len(plain) <= 60 else f"{plain[:59]}…"
