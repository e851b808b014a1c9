"""What one call costs with each model, as bars. The prices come as a table; which they are is not known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmkit.ledger.figure import empty, figure
from llmkit.ledger.palette import Palette
from llmkit.ledger.words import money

if TYPE_CHECKING:
    import pandas as pd


def bars(compared: pd.DataFrame, *, tokens_in: int, tokens_out: int, top: int = 24) -> Any:
    """The cheapest models of a comparison, a bar each, coloured by provider."""
    known = compared[compared["cost"].notna()]
    title = f"Cost of a call with {tokens_in:,} tokens in and {tokens_out:,} out"
    if known.empty:
        return empty(title, "No price is known of these models.", known)
    table = known.head(top).reset_index(drop=True)
    left = len(compared) - len(table)
    made = figure(table, title=title, note=f"{left:,} more, dearer or unknown, are not drawn" if left else "")
    palette = Palette(sorted(compared["provider"].unique()))
    for provider, rows in table.groupby("provider", sort=False):
        made.add_bar(
            x=rows["cost"],
            y=rows["model"],
            orientation="h",
            name=str(provider),
            marker={
                "color": palette.colour(str(provider)),
                "pattern": {"shape": palette.pattern(str(provider))},
            },
            text=[money(cost) for cost in rows["cost"]],
            textposition="outside",
            cliponaxis=False,
            customdata=rows[["source", "note"]].to_numpy(),
            hovertemplate="%{y}<br>$%{x:.6f}<br>%{customdata[0]} %{customdata[1]}<extra>"
            + str(provider)
            + "</extra>",
        )
    made.update_layout(height=max(300, 130 + 24 * len(table)), bargap=0.25)
    made.update_xaxes(title_text="US dollars", tickprefix="$", exponentformat="none", rangemode="tozero")
    made.update_yaxes(categoryorder="array", categoryarray=table["model"].tolist()[::-1], showgrid=False)
    return made
