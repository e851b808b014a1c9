"""Pictures of money and tokens: over time, of this session, against a budget, by hour, by notebook and cell.

A plot is two steps: numbers (a small table, which the figure keeps), then marks for them; nothing is drawn that
is not in the table. Pictures of speed and trouble live in ``plots_speed.py``, the list of all in ``gallery.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest
from llmkit.ledger.allowance import Allowance
from llmkit.ledger.figure import figure
from llmkit.ledger.frame import pandas
from llmkit.ledger.palette import CLASS_COLOURS, INK, Palette, ink_on
from llmkit.ledger.sums import by as sums_by
from llmkit.ledger.words import attempts, money

if TYPE_CHECKING:
    import pandas as pd

MOST_GROUPS = 8
#: What pandas and people call a stretch of time.
FREQUENCIES = {"H": "hour", "D": "day", "W": "week", "M": "month"}
#: How long a stretch is, in milliseconds (months differ), and how wide its bar: most of it.
_STRETCHES = {"hour": 3_600_000, "day": 86_400_000, "week": 604_800_000}
_WIDTHS = {unit: int(length * 0.85) for unit, length in _STRETCHES.items()}
#: An axis has room for so many stretches, even where there are fewer.
FEW = 7
NAMELESS = "(none)"
#: Notebooks and cells in the tree: greys that carry white letters on any page.
_BRANCHES = ("#5c6166", "#71767b")


def stretch(freq: str) -> str:
    """The stretch of time that is meant: "D" and "day" are a day."""
    unit = FREQUENCIES.get(freq.upper(), freq.lower())
    if unit not in FREQUENCIES.values():
        raise BadRequest(f"There is no freq={freq!r}.", hint='Use "H", "D", "W" or "M".')
    return unit


def cost(frame: pd.DataFrame, palette: Palette, *, by: str = "model", freq: str = "D") -> Any:
    """Dollars over time, stacked."""
    unit = stretch(freq)
    table = sums_by(frame, unit, by)[[unit, by, "attempts", "cost", "unpriced"]]
    table[by] = table[by].astype("object").where(table[by].notna(), NAMELESS).astype(str)
    table = _few(table, unit, by, ["attempts", "cost", "unpriced"])
    unpriced = int(table["unpriced"].sum())
    note = f"{money(table['cost'].sum())} in all" + (
        f"; the cost of {attempts(unpriced)} is unknown and not drawn" if unpriced else ""
    )
    made = figure(table, title=f"Cost by {by} and {unit}", note=note)
    for name, rows in _groups(table, by, "cost"):
        made.add_bar(
            x=rows[unit],
            y=rows["cost"],  # where it is unknown, there is no bar, which is not one of no height
            name=name,
            width=_WIDTHS.get(unit),
            marker={"color": palette.colour(name), "pattern": {"shape": palette.pattern(name)}},
            customdata=rows[["attempts", "unpriced"]].to_numpy(dtype="int64"),
            hovertemplate="%{x}<br>$%{y:.4f}, %{customdata[0]:,} attempts<extra>" + name + "</extra>",
        )
    made.update_layout(barmode="stack", bargap=0.15)
    made.update_yaxes(title_text="US dollars", tickprefix="$", exponentformat="none")
    return in_time(made, unit)


def tokens(frame: pd.DataFrame, palette: Palette, *, freq: str = "D") -> Any:
    """Tokens over time by class; reasoning is drawn out of the output, so that nothing is drawn twice."""
    unit = stretch(freq)
    sums = sums_by(frame, unit)
    table = sums[[unit]].copy()
    for name in ("input", "cache_read", "cache_write"):
        table[name.replace("_", " ")] = sums[name].fillna(0)
    reasoning = sums["reasoning"].fillna(0)
    table["answer"] = (sums["output"].fillna(0) - reasoning).clip(lower=0)
    table["reasoning"] = sums["output"].fillna(0) - table["answer"]
    whole, unmetered = int(table[list(CLASS_COLOURS)].sum().sum()), int(sums["unmetered"].sum())
    note = f"{whole:,} in all; replays used none" + (
        f"; those of {attempts(unmetered)} are not all known" if unmetered else ""
    )
    made = figure(table, title=f"Tokens by class and {unit}", note=note)
    for name, colour in CLASS_COLOURS.items():
        made.add_bar(
            x=table[unit],
            y=table[name].astype("int64"),
            name=name,
            width=_WIDTHS.get(unit),
            marker={"color": colour},
            hovertemplate="%{x}<br>%{y:,} tokens<extra>" + name + "</extra>",
        )
    made.update_layout(barmode="stack", bargap=0.15)
    made.update_yaxes(title_text="tokens")
    return in_time(made, unit)


def session(frame: pd.DataFrame, palette: Palette) -> Any:
    """What this session has cost, call by call."""
    pd = pandas()
    rows = frame.sort_values("started", kind="stable")
    table = pd.DataFrame(
        {
            "started": rows["started"],
            "model": rows["model"].astype("object"),
            "cost": rows["cost"],
            "so far": rows["cost"].fillna(0).cumsum(),
        }
    ).reset_index(drop=True)
    note = f"{money(table['cost'].sum())} for {attempts(len(table))}"
    if unknown := int(table["cost"].isna().sum()):
        note += f"; the cost of {unknown:,} unknown"
    made = figure(table, title="Cost of this session so far", note=note)
    made.add_scatter(
        x=table["started"],
        y=table["so far"],
        mode="lines",
        line={"shape": "hv", "color": INK, "width": 2},
        showlegend=False,
        hoverinfo="skip",
    )
    for name, part in _groups(table, "model", "cost"):
        made.add_scatter(
            x=part["started"],
            y=part["so far"],
            mode="markers",
            name=name,
            marker={"color": palette.colour(name), "size": 9},
            customdata=part[["cost"]].to_numpy(dtype="float64"),
            hovertemplate="%{x}<br>this call $%{customdata[0]:.5f}<br>so far $%{y:.4f}<extra>"
            + name
            + "</extra>",
        )
    made.update_yaxes(title_text="US dollars", tickprefix="$", exponentformat="none", rangemode="tozero")
    made.update_xaxes(title_text="time (UTC)")
    return made


def budget(frame: pd.DataFrame, palette: Palette, budgets: Sequence[Allowance]) -> Any:
    """What is left of each budget, as it went down."""
    pd = pandas()
    parts = []
    for one in budgets:
        rows = frame[frame["simulated"] & one.simulated | ~frame["simulated"]]
        if one.since is not None:
            rows = rows[rows["started"] >= one.since]
        if one.session is not None:
            rows = rows[rows["session"] == one.session]
        if one.tag is not None:
            rows = rows[rows["tag"] == one.tag]
        rows = rows.sort_values("started", kind="stable")
        spent = rows["cost"].fillna(0)
        parts.append(
            pd.DataFrame(
                {
                    "budget": one.name,
                    "started": rows["started"],
                    "spent": spent,
                    "left": float(one.limit) - spent.cumsum(),
                }
            )
        )
    table = (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["budget", "started", "spent", "left"])
    )
    told = "; ".join(
        f"{one.name}: {money(float(one.left))} of {money(float(one.limit))} left" for one in budgets
    )
    made = figure(table, title="What is left of the budgets", note=told)
    colours = Palette(one.name for one in budgets)
    for one in budgets:
        rows = table[table["budget"] == one.name]
        name = f"{one.name} ({money(float(one.limit))})"
        made.add_scatter(
            x=rows["started"],
            y=rows["left"],
            mode="lines+markers",
            name=name,
            line={"shape": "hv", "color": colours.colour(one.name), "width": 2},
            marker={"size": 5},
            customdata=rows[["spent"]].to_numpy(dtype="float64"),
            hovertemplate="%{x}<br>$%{y:.4f} left<br>this call $%{customdata[0]:.5f}<extra>"
            + name
            + "</extra>",
        )
    made.add_hline(y=0, line={"color": "#d55e00", "dash": "dash", "width": 1})
    made.update_yaxes(title_text="US dollars left", tickprefix="$", exponentformat="none")
    made.update_xaxes(title_text="time (UTC)")
    return made


def hours(frame: pd.DataFrame, palette: Palette, *, tz: str = "UTC") -> Any:
    """When the money goes: weekdays by hours of the day."""
    import numpy as np

    try:
        local = frame["started"].dt.tz_convert(tz)
    except (KeyError, ValueError, TypeError):
        raise BadRequest(f"There is no time zone {tz!r}.", hint='For example tz="Europe/Berlin".') from None
    days = np.asarray(local.dt.day_of_week, dtype="int64")
    at = np.asarray(local.dt.hour, dtype="int64")
    spent = np.zeros((7, 24))
    calls = np.zeros((7, 24), dtype="int64")
    priced = np.zeros((7, 24), dtype="int64")
    np.add.at(spent, (days, at), frame["cost"].fillna(0).to_numpy())
    np.add.at(calls, (days, at), 1)
    np.add.at(priced, (days, at), frame["cost"].notna().to_numpy())
    spent = np.where(priced > 0, spent, np.nan)
    unpriced = int((calls - priced).sum())
    note = f"{money(np.nansum(spent))} in all; hours of {tz}" + (
        f"; the cost of {attempts(unpriced)} is unknown" if unpriced else ""
    )
    names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    table = pandas().DataFrame(spent, index=names, columns=[f"{hour:02d}" for hour in range(24)])
    table = table.reset_index(names="day")
    made = figure(table, title="Cost by weekday and hour", note=note)
    made.add_heatmap(
        z=spent,
        x=[f"{hour:02d}" for hour in range(24)],
        y=names,
        customdata=calls,
        xgap=2,
        ygap=2,
        # Pale to dark: order is seen as lightness, by everyone. Hours of which no cost is known stay empty.
        colorscale=[[0, "#fdecc8"], [0.5, "#e69f00"], [1, "#a83200"]],
        colorbar={"title": {"text": "US $"}, "tickprefix": "$", "exponentformat": "none", "outlinewidth": 0},
        hovertemplate="%{y} %{x}:00<br>$%{z:.4f}, %{customdata:,} attempts<extra></extra>",
    )
    made.update_yaxes(autorange="reversed", showgrid=False)
    made.update_xaxes(title_text=f"hour of the day ({tz})", showgrid=False, type="category")
    return made


def tree(frame: pd.DataFrame, palette: Palette) -> Any:
    """Where the money goes: notebook, its cells, their models."""
    columns = ["notebook", "cell", "model"]
    table = sums_by(frame, *columns)[[*columns, "attempts", "cost", "unpriced"]]
    for name in columns:
        table[name] = table[name].astype("object").where(table[name].notna(), NAMELESS).astype(str)
    ids, labels, parents, values, colours, unknown = [], [], [], [], [], []
    seen = set()
    for line in table.to_dict("records"):
        path: tuple[str, ...] = ()
        for depth, name in enumerate(columns):
            parent, path = "\x1f".join(path), (*path, line[name])
            if path in seen:
                continue
            seen.add(path)
            leaf = depth == len(columns) - 1
            ids.append("\x1f".join(path))
            labels.append(line[name].rpartition("/")[2] if name == "notebook" else line[name])
            parents.append(parent)
            unknown.append(leaf and line["cost"] != line["cost"])
            values.append(0.0 if not leaf or unknown[-1] else line["cost"])
            colours.append(palette.colour(line[name]) if leaf else _BRANCHES[depth])
    made = figure(
        table,
        title="Cost by notebook, cell and model",
        note=f"{money(table['cost'].sum())} in all; click to look closer",
    )
    made.add_treemap(
        ids=ids,
        labels=labels,
        parents=parents,
        values=values,
        branchvalues="remainder",
        marker={"colors": colours, "line": {"width": 1, "color": "rgba(128,128,128,0.5)"}},
        textfont={"color": [ink_on(colour) for colour in colours]},
        pathbar={"visible": True, "textfont": {"color": INK}},
        outsidetextfont={"color": INK},
        text=[
            "unknown" if none else money(value) if value else ""
            for value, none in zip(values, unknown, strict=True)
        ],
        texttemplate="%{label}<br>%{text}",
        hovertemplate=[
            "%{label}<br>cost unknown<extra></extra>"
            if none
            else "%{label}<br>$%{value:.5f}<br>%{percentRoot:.1%} of all<extra></extra>"
            for none in unknown
        ],
    )
    made.update_layout(
        margin={"l": 10, "r": 10, "b": 10, "t": 76}, uniformtext={"minsize": 10, "mode": "hide"}
    )
    return made


# -- what the plots share ---------------------------------------------------------------------------


def _groups(table: pd.DataFrame, by: str, weight: str) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each name, the heaviest first."""
    order = table.groupby(by, observed=True)[weight].sum().sort_values(ascending=False, kind="stable")
    return [(str(name), table[table[by] == name]) for name in order.index]


def _few(table: pd.DataFrame, unit: str, by: str, figures: list[str]) -> pd.DataFrame:
    """At most eight names; the rest are one."""
    order = table.groupby(by)["cost"].sum().sort_values(ascending=False, kind="stable")
    if len(order) <= MOST_GROUPS + 1:
        return table
    kept = set(order.index[:MOST_GROUPS])
    other = f"{len(order) - MOST_GROUPS} others"
    table = table.assign(**{by: [name if name in kept else other for name in table[by]]})
    return table.groupby([unit, by], sort=True)[figures].sum().reset_index()


def in_time(made: Any, unit: str) -> Any:
    """The plot with hours or days along its axis; of few, each is a bar and a mark, and none fills the page."""
    made.update_xaxes(
        title_text=f"{unit} (UTC)",
        hoverformat="%Y-%m-%d %H:00" if unit == "hour" else "%Y-%m-%d",
        showgrid=False,
    )
    moments = sorted(set(made.table[unit]))
    if moments and len(moments) < FEW and unit in _STRETCHES:
        one = pandas().Timedelta(milliseconds=_STRETCHES[unit])
        missing = max(0.0, FEW - (moments[-1] - moments[0]) / one - 1)
        beside = one * (0.5 + missing / 2)
        made.update_xaxes(range=[moments[0] - beside, moments[-1] + beside])
        if missing:
            made.update_xaxes(
                tickvals=moments, tickformat="%H:00\n%b %-d, %Y" if unit == "hour" else "%b %-d\n%Y"
            )
    return made
