"""``llmkit keys list|set|remove``: a key comes from a prompt that doesn't show it or from a pipe, never from the line."""

from __future__ import annotations

import getpass
import sys

import click

from llmkit.cli import shell
from llmkit.core.errors import BadRequest


@click.group(invoke_without_command=True)
@click.pass_context
def keys(ctx: click.Context) -> int:
    """List the API keys that are there; set or remove one."""
    if ctx.invoked_subcommand is None:
        return _list()
    return 0


@keys.command("list")
def show() -> int:
    """Every provider, and where its key is. Never a key."""
    return _list()


@keys.command("set")
@click.argument("provider", shell_complete=shell.providers)
@click.argument("typed", nargs=-1, metavar="")
def put(provider: str, typed: tuple[str, ...]) -> int:
    """Ask for a key (or read it from a pipe) and keep it in the system's keyring."""
    from llmkit.engine.session import default_session
    from llmkit.providers import keycare, keystore

    if typed or keycare.is_key(provider):
        raise BadRequest(
            "A key was written on the command line. It was not set.",
            why="The shell's history keeps it, and other users may see it among the processes.",
            hint="Revoke it at the provider, make a new one, and run `llmkit keys set PROVIDER`: that asks for it.",
        )
    if not keystore.has_keyring():
        raise BadRequest(
            "There is no keyring to keep a key in.",
            why="The package `keyring` is not installed, or this system has no keyring that is not plain text.",
            hint=f"`pip install llmkit[keyring]`, or put the key of {provider} into the environment.",
        )
    ask = getpass.getpass if sys.stdin.isatty() else (lambda _: sys.stdin.readline())
    click.echo(keycare.set_key(default_session().registry, provider, ask))
    return 0


@keys.command("remove")
@click.argument("provider", shell_complete=shell.providers)
def drop(provider: str) -> int:
    """Remove a key from the keyring."""
    from llmkit.engine.session import default_session
    from llmkit.providers import keycare

    click.echo(keycare.remove_key(default_session().registry, provider))
    return 0


def _list() -> int:
    from llmkit.engine.session import default_session
    from llmkit.notebook.keytable import listing

    click.echo(listing(default_session().registry))
    return 0
