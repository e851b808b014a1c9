"""Where the ledger lives. Names only; nothing is opened here.

``LLMKIT_LEDGER`` names the file (or ":memory:", or a PostgreSQL database); without it, it is in the directory of all of llmkit's data.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from llmkit.core.home import data_directory

MEMORY = ":memory:"
FILE_NAME = "ledger.db"
__all__ = ["FILE_NAME", "MEMORY", "data_directory", "ledger_path"]


def ledger_path(environ: Mapping[str, str] | None = None) -> str:
    """The ledger's file, ":memory:", or the address of a database."""
    environ = os.environ if environ is None else environ
    named = environ.get("LLMKIT_LEDGER")
    if named == MEMORY or (named and on_server(named)):
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


def shown(place: str) -> str:
    """A place as it may be shown: without the password, and without options that may hold one.

    >>> shown("postgresql://anna:secret@db.example:5432/team?password=secret")
    'postgresql://anna:…@db.example:5432/team'
    """
    if not on_server(place):
        return place
    parts = urlsplit(place)
    who, at, where = parts.netloc.rpartition("@")
    name, colon, _ = who.partition(":")
    return urlunsplit((parts.scheme, f"{name}{colon and ':…'}{at}{where}", parts.path, "", ""))
