"""``llmkit scrub NOTEBOOK…``: keys in notebooks are found, and with ``--fix`` taken out. Made for a pre-commit hook."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from llmkit.core.errors import BadRequest


def add(commands: Any) -> None:
    """The command and its arguments."""
    scrub = commands.add_parser(
        "scrub",
        help="find API keys in notebooks, and take them out",
        description="Looks for known keys and for what is spelled like one in sources, outputs, metadata and "
        "attachments. Ends with 0 if there is none, 1 if there is one (also after --fix), 2 if a file can't be read.",
    )
    scrub.add_argument("files", nargs="+", metavar="NOTEBOOK", help="notebooks; other files are read as text")
    scrub.add_argument("--fix", action="store_true", help="take the keys out, in place")
    scrub.set_defaults(run=_scrub)


def _scrub(asked: argparse.Namespace) -> int:
    code = found = 0
    for name in asked.files:
        try:
            found += _look(Path(name), fix=asked.fix)
        except (BadRequest, OSError, UnicodeDecodeError) as error:
            why = (
                error.what
                if isinstance(error, BadRequest)
                else getattr(error, "strerror", "") or "It is not UTF-8 text."
            )
            print(f"{name}: {why}", file=sys.stderr)
            code = 2
    if found:
        keys = "key was" if found == 1 else "keys were"
        if asked.fix:
            print(f"{found} {keys} taken out. Revoke them at the provider all the same: they were in a file.")
        else:
            print(
                f"{found} {keys} found. Run it again with --fix to take them out, and revoke them at the provider."
            )
    return code or bool(found)


def _look(path: Path, *, fix: bool) -> int:
    from llmkit.notebook.scrub import scrub_notebook, scrub_text

    # Bytes, so that the ends of lines stay as they are.
    text = path.read_bytes().decode("utf-8")
    scrubbed = (scrub_notebook if path.suffix == ".ipynb" else scrub_text)(text)
    for finding in scrubbed.findings:
        print(f"{path}: {finding}")
    if fix and scrubbed.findings:
        _replace(path, scrubbed.text)
    return len(scrubbed.findings)


def _replace(path: Path, text: str) -> None:
    """Whole or not at all, with the rights that the file has."""
    real = path.resolve()
    handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        Path(name).chmod(real.stat().st_mode & 0o777)
        Path(name).replace(real)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
