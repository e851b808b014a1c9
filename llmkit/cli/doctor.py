"""``llmkit doctor``: is everything in place? What is looked at is ``engine/checks.py``'s."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--check", is_flag=True, help="Try each key too, by a request that costs nothing.")
@click.option("--json", "as_json", is_flag=True, help="The findings as a JSON list.")
def doctor(check: bool, as_json: bool) -> int:
    """Say whether everything is in place, and what to do where it isn't.

    Looks at configuration, providers, keys, clock, proxies, event loop, ledger and versions. Ends with 1 where something is wrong. No model is asked, and without --check no key is sent.
    """
    from llmkit.engine import health

    report = health.doctor(check=check)
    click.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else str(report))
    return 0 if report.ok else 1
