"""A text into a file, whole or not at all: what was there before stays until the new text is complete.

What is in the text is the business of whoever has it written.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: str | os.PathLike[str], text: str) -> Path:
    """Write it; the file is the result.

    >>> write_whole("talk.json", "{}")  # doctest: +SKIP
    """
    file = Path(path).expanduser()
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return file
