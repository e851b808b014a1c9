"""``llmkit ledger where|merge|sync``: the file that keeps every attempt, and those of others."""

from __future__ import annotations

import click


@click.group()
def ledger() -> None:
    """Say where the ledger is; put several into one."""


@ledger.command()
def where() -> int:
    """Print the ledger's file (or the address of its database)."""
    from llmkit.ledger.place import ledger_path, shown

    click.echo(shown(ledger_path()))
    return 0


@ledger.command()
@click.argument("into")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path(dir_okay=False))
def merge(into: str, sources: tuple[str, ...]) -> int:
    """Copy the rows of other ledgers into INTO, a file or a database. Doing it again changes nothing.

    \b
      llmkit ledger merge team.db anna.db ben.db
      llmkit ledger merge postgresql://db.example/team laptop.db
    """
    from llmkit.ledger.merge import merge as merge_all
    from llmkit.ledger.place import shown

    click.echo(f"{shown(into)}: {merge_all(into, *sources)}")
    return 0


@ledger.command()
@click.argument("one", type=click.Path(dir_okay=False))
@click.argument("other", type=click.Path(dir_okay=False))
def sync(one: str, other: str) -> int:
    """Bring two ledgers to the same rows. Doing it again changes nothing."""
    from llmkit.ledger.merge import sync as sync_both

    here, there = sync_both(one, other)
    click.echo(f"{one}: {here}\n{other}: {there}")
    return 0
