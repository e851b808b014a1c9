"""Where the ledger lives. Names only; nothing is opened here.

``LLMKIT_LEDGER`` names the file (or ":memory:", or a PostgreSQL database); without it, it is in the directory of all of llmkit's data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from llmkit.core.home import data_directory

MEMORY = ":memory:"
FILE_NAME = "ledger.db"
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]+)://(?P<rest>.*)", re.DOTALL)
__all__ = ["FILE_NAME", "MEMORY", "data_directory", "ledger_path"]


def ledger_path(environ: Mapping[str, str] | None = None) -> str:
    """The ledger's file, ":memory:", or the address of a database."""
    environ = os.environ if environ is None else environ
    named = environ.get("LLMKIT_LEDGER")
    if named == MEMORY or (named and is_address(named)):
        return named
    if named:
        return str(Path(named).expanduser())
    return str(data_directory(environ) / FILE_NAME)


def on_server(place: str) -> bool:
    """Is it a database that others write to as well?

    >>> on_server("postgresql://db.example/team"), on_server("/srv/ledger.db")
    (True, False)
    """
    return place.startswith(("postgresql://", "postgres://"))


def is_address(place: str) -> bool:
    """Is it the address of something, of whatever kind, and no file's name?

    >>> is_address("mysql://db.example/team"), is_address("C:/ledger.db")
    (True, False)
    """
    return _ADDRESS.fullmatch(place) is not None


def shown(place: str) -> str:
    """A place as it may be shown: without the password, and without options that may hold one. Where it can't be
    told what is the password, nothing but the kind is shown.

    >>> shown("postgresql://anna:secret@db.example:5432/team?password=secret")
    'postgresql://anna:…@db.example:5432/team'
    >>> shown("postgresql://anna:sec/ret@db.example/team")
    'postgresql://…'
    """
    found = _ADDRESS.fullmatch(place)
    if found is None:
        return place
    who, at, where = found["rest"].rpartition("@")
    if re.search(
        r"[/?#]", who
    ):  # part of a password that should have been written in another way, or of an option
        return f"{found['scheme']}://…"
    name, colon, _ = who.partition(":")
    return f"{found['scheme']}://{name}{colon and ':…'}{at}{re.split('[?#]', where)[0]}"
