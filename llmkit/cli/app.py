"""All commands under one name. A command has a file of its own, or shares one with its like; it is listed here."""

from __future__ import annotations

import sys
from typing import Any

import click

import llmkit
from llmkit.cli import ask, config, doctor, keys, ledger, scrub, shell, simulate, tables, usage


class Unread(BaseException):
    """The reader of our output went away. Not an OSError, for click would end the process over one by itself."""


class App(click.Group):
    """The commands; a broken pipe comes through to ``main``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named, and have its output written."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise Unread from error
        return code


@click.group(
    cls=App,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 good, 1 the call failed, 2 it can't be done so and nothing was sent, 130 stopped.",
)
@click.version_option(llmkit.__version__, prog_name="llmkit", message="%(prog)s %(version)s")
def app() -> None:
    """Language models, with an honest ledger."""


for command in (
    ask.ask,
    tables.models,
    tables.prices,
    usage.usage,
    ledger.ledger,
    doctor.doctor,
    keys.keys,
    config.config,
    simulate.sim,
    simulate.demo,
    scrub.scrub,
    shell.completion,
):
    app.add_command(command)
