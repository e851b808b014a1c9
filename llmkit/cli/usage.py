"""``llmkit usage``: the ledger on a terminal, for a spreadsheet, for a program. Sums are the ledger's own."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from llmkit.cli import shell

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.ledger.accounts import Accounts

_COLUMNS = ["started", "provider", "model", "status", "input", "output", "cost", "ttft", "duration"]


@click.command()
@click.option(
    "--by",
    "groups",
    multiple=True,
    metavar="COLUMN",
    help="Sums by a column, or by hour, day, week, month; may be given again.",
)
@click.option("--since", metavar="WHEN", help="7d, 12h, 2026-11-01, today, yesterday, 'this month'.")
@click.option("--until", metavar="WHEN")
@click.option("-m", "--model", shell_complete=shell.models)
@click.option("--provider", shell_complete=shell.providers)
@click.option("--tag")
@click.option("--status")
@click.option("--simulated", is_flag=True, help="With the simulator's rows.")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="How many attempts.",
)
@click.option("--json", "form", flag_value="json", help="A JSON list, of all that is wanted.")
@click.option("--csv", "form", flag_value="csv", help="CSV, of all that is wanted.")
@click.option("--prometheus", "form", flag_value="prometheus", help="For a Prometheus text collector.")
def usage(groups: tuple[str, ...], last: int, form: str | None, **filters: Any) -> int:
    """Say what was used and what it cost.

    The latest attempts, or sums over all that are wanted.

    \b
      llmkit usage --since 7d --by model --by day
      llmkit usage --since 2026-11-01 --csv > november.csv
    """
    import llmkit

    accounts = llmkit.usage.where(**{name: value for name, value in filters.items() if value is not None})
    if form == "prometheus":
        counters = accounts.to_prometheus()
        _warn(accounts)
        click.echo(counters, nl=False)
        return 0
    names = [name for given in groups for name in given.split(",")]
    frame = accounts.by(*names) if names else accounts()
    _warn(accounts)
    match form:
        case "json":
            click.echo(
                json.dumps(json.loads(frame.to_json(orient="records", date_format="iso")), ensure_ascii=False)
            )
        case "csv":
            from llmkit.ledger.export import for_spreadsheets

            for_spreadsheets(frame).to_csv(sys.stdout, index=False)
        case _:
            click.echo(_table(frame if names else frame[_COLUMNS].tail(last), simulated=filters["simulated"]))
            if len(frame):
                click.echo(f"{'' if names else 'In all: '}{accounts.total()}")
    return 0


def _warn(accounts: Accounts) -> None:
    """What the ledger has to say, for example that it is not the one that was named."""
    for notice in accounts.ledger.notices:
        click.echo(notice, err=True)


def _table(frame: pd.DataFrame, *, simulated: bool) -> str:
    if frame.empty:
        return "No calls yet." if simulated else "No calls yet (simulated ones: --simulated)."
    from llmkit.notebook.visible import to_text

    if "started" in frame:
        frame = frame.assign(started=frame["started"].dt.strftime("%Y-%m-%d %H:%M:%S"))
    return to_text(frame.to_string(index=False, na_rep="?"))
