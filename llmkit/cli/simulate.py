"""``llmkit sim`` and ``llmkit demo``: programs of their own, which read their own options."""

from __future__ import annotations

import click

_AS_IT_IS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@click.command(context_settings=_AS_IT_IS, add_help_option=False)
@click.argument("rest", nargs=-1, type=click.UNPROCESSED)
def sim(rest: tuple[str, ...]) -> int:
    """Run the simulator: all wires, no key, no money."""
    from llmkit.sim.__main__ import main

    return main(rest)


@click.command(context_settings=_AS_IT_IS, add_help_option=False)
@click.argument("rest", nargs=-1, type=click.UNPROCESSED)
def demo(rest: tuple[str, ...]) -> int:
    """Stream one answer, with what it used and cost."""
    from llmkit.demo import main

    return main(rest)
