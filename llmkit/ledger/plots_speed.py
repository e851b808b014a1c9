"""Pictures of speed and trouble: how long answers take, cost against speed, how attempts ended.

Made like those in ``plots.py``: numbers first, then marks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmkit.ledger.figure import figure
from llmkit.ledger.frame import pandas
from llmkit.ledger.palette import FAINT, INK, STATUS_COLOURS, Palette
from llmkit.ledger.plots import in_time, stretch
from llmkit.ledger.reports import pace
from llmkit.ledger.sums import periods
from llmkit.ledger.words import attempts, money

if TYPE_CHECKING:
    import pandas as pd

_QUANTILES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
_MEASURES = {"ttft": "time to first token (s)", "tokens_per_second": "tokens per second"}


def latency(frame: pd.DataFrame, palette: Palette, *, by: str = "model") -> Any:
    """How long the first token takes, and how fast the rest comes."""
    from plotly.subplots import make_subplots

    pd = pandas()
    rows = frame[frame["status"] == "ok"].assign(tokens_per_second=pace)
    grouped = rows.groupby(by, observed=True)
    parts = []
    for measure in _MEASURES:
        quantiles = pd.DataFrame(
            {name: grouped[measure].quantile(share) for name, share in _QUANTILES.items()}
        )
        quantiles.insert(0, "calls", grouped[measure].count())
        quantiles.insert(0, "measure", measure)
        parts.append(quantiles[quantiles["calls"] > 0].reset_index())
    table = pd.concat(parts, ignore_index=True)
    note = f"{len(rows):,} whole answers; boxes hold the middle half, whiskers reach from 5 % to 95 %"
    made = figure(table, title=f"Latency by {by}", note=note)
    grid = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06)
    made.update_layout(
        xaxis=grid.layout.xaxis, yaxis=grid.layout.yaxis, xaxis2=grid.layout.xaxis2, yaxis2=grid.layout.yaxis2
    )
    for column, (measure, words) in enumerate(_MEASURES.items(), 1):
        suffix = "" if column == 1 else str(column)
        for line in table[table["measure"] == measure].to_dict("records"):
            name = str(line[by])
            made.add_box(
                y=[name],
                q1=[line["p25"]],
                median=[line["p50"]],
                q3=[line["p75"]],
                lowerfence=[line["p5"]],
                upperfence=[line["p95"]],
                orientation="h",
                name=name,
                xaxis=f"x{suffix}",
                yaxis=f"y{suffix}",
                marker={"color": palette.colour(name)},
                showlegend=False,
                hovertemplate=f"{name}<br>{words}<br>median {line['p50']:.3g}, 5 % {line['p5']:.3g}, "
                f"95 % {line['p95']:.3g}<br>{line['calls']:,} calls<extra></extra>",
                hoverinfo="x+name",
            )
        axis = {"title": {"text": words}, "rangemode": "tozero", "gridcolor": FAINT, "zerolinecolor": FAINT}
        made.update_layout({f"xaxis{suffix}": axis})
    made.update_yaxes(autorange="reversed", automargin=True, gridcolor=FAINT)
    made.update_layout(height=max(320, 150 + 34 * table[by].nunique()))
    return made


def frontier(frame: pd.DataFrame, palette: Palette) -> Any:
    """Cost against speed, from your own history; the line joins what nothing beats in both."""
    pd = pandas()
    rows = frame[(frame["status"] == "ok") & frame["cost"].notna() & frame["output"].notna()].assign(
        speed=pace
    )
    grouped = rows.groupby("model", observed=True)
    table = pd.DataFrame(
        {
            "calls": grouped.size(),
            "tokens_per_second": grouped["speed"].median(),
            "cost_per_1k_output": grouped["cost"].sum() / grouped["output"].sum().astype("float64") * 1000,
        }
    ).reset_index()
    table = table[table["tokens_per_second"].notna() & table["cost_per_1k_output"].notna()]
    table = table.sort_values("tokens_per_second", ascending=False, kind="stable").reset_index(drop=True)
    best, front = float("inf"), []
    for price in table["cost_per_1k_output"]:
        front.append(price < best)
        best = min(best, price)
    table["front"] = pd.Series(front, index=table.index, dtype="bool")
    made = figure(
        table,
        title="Cost against speed, by model",
        note="Prompts included. Down and to the right is better; the line joins what nothing beats in both",
    )
    edge = table[table["front"]]
    made.add_scatter(
        x=edge["tokens_per_second"],
        y=edge["cost_per_1k_output"],
        mode="lines",
        line={"color": INK, "dash": "dot", "width": 1.5},
        showlegend=False,
        hoverinfo="skip",
    )
    biggest = max(table["calls"], default=1)
    log = bool((table["cost_per_1k_output"] > 0).all())  # prices span decades, and free is no number there
    places = _label_places(table, log=log)
    for line, place in zip(table.to_dict("records"), places, strict=True):
        name = str(line["model"])
        made.add_scatter(
            x=[line["tokens_per_second"]],
            y=[line["cost_per_1k_output"]],
            mode="markers+text",
            text=[name],
            textposition=place,
            textfont={"color": INK, "size": 11},
            name=name,
            showlegend=False,
            marker={"color": palette.colour(name), "size": 10 + 26 * (line["calls"] / biggest) ** 0.5},
            hovertemplate=f"%{{x:.0f}} tokens a second<br>$%{{y:.5f}} for 1,000 tokens of output<br>{line['calls']:,} calls<extra>{name}</extra>",
            cliponaxis=False,
        )
    made.update_xaxes(title_text="tokens per second (median)", rangemode="tozero")
    made.update_yaxes(
        title_text="US $ for 1,000 output tokens",
        tickprefix="$",
        exponentformat="none",
        rangemode="normal" if log else "tozero",
    )
    if log:
        ticks = [digit * 10.0**power for power in range(-7, 4) for digit in (1, 2, 5)]
        made.update_yaxes(type="log", tickprefix="", tickvals=ticks, ticktext=[money(tick) for tick in ticks])
    return made


def _label_places(table: pd.DataFrame, *, log: bool) -> list[str]:
    """Where each name stands: above its mark, or on the other side where another name stands already."""
    import numpy as np

    speed = table["tokens_per_second"].to_numpy(dtype="float64")
    price = table["cost_per_1k_output"].to_numpy(dtype="float64")
    price = np.log(price) if log else price
    places: list[str] = []
    for at in range(len(table)):
        taken = {
            places[other]
            for other in range(at)
            if abs(speed[at] - speed[other]) < 0.22 * (speed.max() or 1)
            and abs(price[at] - price[other]) < 0.15 * (np.ptp(price) or 1)
        }
        free = [place for place in ("top center", "bottom center", "middle right") if place not in taken]
        places.append(free[0] if free else "middle left")
    return places


def status(frame: pd.DataFrame, palette: Palette, *, freq: str = "D") -> Any:
    """How attempts ended, over time, and how many of them were tries again."""
    unit = stretch(freq)
    rows = frame.assign(at=periods(frame["started"], unit), retry=frame["attempt"] > 1)
    counted = rows.groupby(["at", "status"], observed=True).size().unstack(fill_value=0)  # noqa: PD010 - no index to pivot
    table = counted.reindex(
        columns=[name for name in STATUS_COLOURS if name in counted.columns]
    ).reset_index()
    table["retries"] = rows.groupby("at")["retry"].sum().to_numpy()
    table.columns.name = None
    table = table.rename(columns={"at": unit})
    retries = int(table["retries"].sum())
    made = figure(
        table,
        title=f"How attempts ended, by {unit}",
        note=f"{attempts(len(frame))}, {retries:,} of them tries again",
    )
    for name, colour in STATUS_COLOURS.items():
        if name in table.columns:
            made.add_bar(
                x=table[unit],
                y=table[name],
                name=name,
                marker={"color": colour},
                hovertemplate="%{x}<br>%{y:,}<extra>" + name + "</extra>",
            )
    made.add_scatter(
        x=table[unit],
        y=table["retries"],
        name="tries again",
        mode="lines+markers",
        line={"color": INK, "dash": "dot", "width": 1.5},
        hovertemplate="%{x}<br>%{y:,} tries again<extra></extra>",
    )
    made.update_layout(barmode="stack", bargap=0.15)
    made.update_yaxes(title_text="attempts", rangemode="tozero")
    return in_time(made, unit)
