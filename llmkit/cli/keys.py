"""``llmkit keys list|set|remove``: a key comes from a prompt that doesn't show it or from a pipe, never from the line."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from llmkit.core.errors import BadRequest


def add(commands: Any) -> None:
    """The command and its arguments."""
    keys = commands.add_parser("keys", help="which API keys are there; set or remove one")
    verbs = keys.add_subparsers(metavar="list | set | remove")
    keys.set_defaults(run=_list)
    verbs.add_parser("list", help="every provider, and where its key is").set_defaults(run=_list)
    put = verbs.add_parser("set", help="ask for a key (or read it from a pipe) and keep it in the keyring")
    put.add_argument("provider")
    put.add_argument("typed", nargs="*", help=argparse.SUPPRESS)
    put.set_defaults(run=_set)
    drop = verbs.add_parser("remove", help="remove a key from the keyring")
    drop.add_argument("provider")
    drop.set_defaults(run=_remove)


def _list(_: argparse.Namespace) -> int:
    from llmkit.engine.session import default_session
    from llmkit.notebook.keys import listing

    print(listing(default_session().registry))
    return 0


def _set(asked: argparse.Namespace) -> int:
    from llmkit.engine.session import default_session
    from llmkit.notebook.keys import is_key, set_key
    from llmkit.providers import keystore

    if asked.typed or is_key(asked.provider):
        raise BadRequest(
            "A key was written on the command line. It was not set.",
            why="The shell's history keeps it, and other users may see it among the processes.",
            hint="Revoke it at the provider, make a new one, and run `llmkit keys set PROVIDER`: that asks for it.",
        )
    if not keystore.has_keyring():
        raise BadRequest(
            "There is no keyring to keep a key in.",
            why="The package `keyring` is not installed, or this system has no keyring that is not plain text.",
            hint=f"`pip install llmkit[keyring]`, or put the key of {asked.provider} into the environment.",
        )
    ask = getpass.getpass if sys.stdin.isatty() else (lambda _: sys.stdin.readline())
    print(set_key(default_session().registry, asked.provider, ask))
    return 0


def _remove(asked: argparse.Namespace) -> int:
    from llmkit.engine.session import default_session
    from llmkit.notebook.keys import remove_key

    print(remove_key(default_session().registry, asked.provider))
    return 0
