"""``llmkit models`` and ``llmkit prices``: what is known of models. Knowing is ``engine/known.py``'s business."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from llmkit.cli import shell
from llmkit.models.filters import FLAGS, SORTS

if TYPE_CHECKING:
    from llmkit.engine import known


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The filters that ``%llm models`` has too."""
    for flag, ability in reversed(FLAGS.items()):
        command = click.option(
            flag, f"can_{ability}", is_flag=True, help=f"Only those with {ability.replace('_', ' ')}."
        )(command)
    for option in (
        click.option("--all", "retired", is_flag=True, help="Those that are gone too."),
        click.option("--sort", type=click.Choice(SORTS), default="name", show_default=True),
        click.option("--provider", shell_complete=shell.providers),
        click.argument("words", nargs=-1),
    ):
        command = option(command)
    return command


def _wanted(words: tuple[str, ...], more: dict[str, Any]) -> known.Wanted:
    from llmkit.engine import known

    can = tuple(ability for ability in FLAGS.values() if more.pop(f"can_{ability}"))
    return known.Wanted(words=words, can=can, **more)


@click.command()
@_filters
@click.option("--local", is_flag=True, help="Those that servers on this machine serve just now.")
@click.option("--live", is_flag=True, help="Ask the providers whose key is there for their own lists first.")
@click.option("--matrix", is_flag=True, help="What works with which provider, and why the rest doesn't.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
def models(words: tuple[str, ...], matrix: bool, as_json: bool, **more: Any) -> int:
    """List the models that are known, and what they can do.

    Only those with all of WORDS in their name or alias.
    """
    from llmkit.engine import known
    from llmkit.engine.session import default_session
    from llmkit.models import matrix as matrices
    from llmkit.notebook.modeltable import table_of

    session, wanted = default_session(), _wanted(words, more)
    if matrix:
        click.echo(json.dumps(matrices.matrix()) if as_json else matrices.as_text())
    elif as_json and not wanted.local:
        if wanted.live:
            known.refresh(session, wanted.provider)
        click.echo(
            json.dumps([_plain(row) for row in known.rows(session, wanted)], default=str, ensure_ascii=False)
        )
    elif as_json:
        found = [
            {
                "provider": one.provider,
                "at": one.base_url,
                "models": [f"{one.provider}/{m.model}" for m in one.models],
            }
            for one in known.local(session)
        ]
        click.echo(json.dumps(found))
    else:
        click.echo(table_of(session, wanted))
    return 0


@click.command()
@_filters
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
def prices(words: tuple[str, ...], as_json: bool, **more: Any) -> int:
    """Say what a million tokens cost.

    Of the models with all of WORDS in their name or alias; or of provider/model, if a price list knows it.

    \b
      llmkit prices luna
      llmkit prices update    fetch the list as it is published now; nothing is fetched otherwise
      llmkit prices reset     back to the list that came with the package
    """
    from llmkit.engine import known
    from llmkit.engine.session import default_session
    from llmkit.notebook.listing import Listing

    if words in (("update",), ("reset",)):
        click.echo(_other_list(words[0]))
        return 0
    session, wanted = default_session(), _wanted(words, more)
    found = known.priced(session, wanted)
    if as_json:
        click.echo(json.dumps([_price(row) for row in found], default=str, ensure_ascii=False))
        return 0
    notes = ("In dollars; before discounts for batches and cached prompts, and surcharges for long prompts.",)
    if not found:
        notes = ("No known model is like that. A price may be written into llmkit.yaml: docs/budgets.md.",)
    rows = tuple(
        tuple((_unknown(row) if cell is None else str(cell)) for cell in _price(row).values())
        for row in found
    )
    click.echo(Listing(("model", "$/M in", "$/M out", "says", ""), rows, notes))
    return 0


def _unknown(row: known.Row) -> str:
    return "free" if row.facts.provider == "sim" else "?"


def _other_list(word: str) -> str:
    from llmkit.models import priceupdate

    if word == "update":
        return str(priceupdate.update())
    there = priceupdate.reset()
    return "The prices that came with the package are in force" + ("." if there else ", as they were.")


def _price(row: known.Row) -> dict[str, Any]:
    price = row.price
    sides = (None, None) if price is None else (price.input, price.output)
    given, made = (None if side is None else f"{side.normalize():f}" for side in sides)
    return {
        "model": row.facts.name,
        "input": given,
        "output": made,
        "source": row.price_source,
        "note": row.facts.remark(),
    }


def _plain(row: known.Row) -> dict[str, Any]:
    facts = {name: value for name, value in dataclasses.asdict(row.facts).items() if value is not None}
    price = (
        {}
        if row.price is None
        else {"price_in": row.price.input, "price_out": row.price.output, "price_source": row.price_source}
    )
    return {"name": row.facts.name, "aliases": list(row.aliases), **facts, **price}
