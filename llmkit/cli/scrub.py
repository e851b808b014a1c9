"""``llmkit scrub NOTEBOOK…``: keys in notebooks are found, and with ``--fix`` taken out. Made for a pre-commit hook."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from llmkit.core.errors import BadRequest


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="NOTEBOOK...")
@click.option("--fix", is_flag=True, help="Take the keys out, in place.")
def scrub(files: tuple[str, ...], fix: bool) -> int:
    """Find API keys in notebooks, and take them out.

    Other files are read as text. Looks for known keys and for what is spelled like one in sources, outputs, metadata and attachments. Ends with
    0 if there is none, 1 if there is one (also after --fix), 2 if a file can't be read.
    """
    code = found = 0
    for name in files:
        try:
            found += _look(Path(name), fix=fix)
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
        if fix:
            print(f"{found} {keys} taken out. Revoke them at the provider all the same: they were in a file.")
        else:
            print(
                f"{found} {keys} found. Run it again with --fix to take them out, and revoke them at the provider."
            )
    return code or int(found > 0)


def _look(path: Path, *, fix: bool) -> int:
    from llmkit.engine.wholefile import write_whole
    from llmkit.notebook.scrub import scrub_notebook, scrub_text

    # Bytes, so that the ends of lines stay as they are.
    text = path.read_bytes().decode("utf-8")
    scrubbed = (scrub_notebook if path.suffix == ".ipynb" else scrub_text)(text)
    for finding in scrubbed.findings:
        print(f"{path}: {finding}")
    if fix and scrubbed.findings:
        write_whole(path, scrubbed.text)
    return len(scrubbed.findings)
