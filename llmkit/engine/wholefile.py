"""A text into a file, whole or not at all: what was there before stays until the new text is complete.

What is in the text is the business of whoever has it written.
"""

from __future__ import annotations

import os
from pathlib import Path

from llmkit.core.ids import fresh_id


def write_whole(path: str | os.PathLike[str], text: str) -> Path:
    """Write it, and make the folders that are missing; the path (``~`` is home) is the result.

    A file that is there keeps its rights, and a link goes on pointing at it.

    >>> write_whole("talk.json", "{}")  # doctest: +SKIP
    """
    file = Path(path).expanduser()
    real = file.resolve()
    real.parent.mkdir(parents=True, exist_ok=True)
    draft = real.with_name(f".{real.name}.{fresh_id(48)}.part")
    try:
        with draft.open("xb") as out:
            # Half a surrogate pair has no UTF-8, but it has an escape, and JSON reads that back. Bytes, so that the
            # ends of lines stay as they are.
            out.write(text.encode("utf-8", "backslashreplace"))
        if real.exists():
            draft.chmod(real.stat().st_mode & 0o777)
        draft.replace(real)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return file
