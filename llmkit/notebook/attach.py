"""``-a FILE|URL|VAR``: files, addresses and variables as parts of a question.

What a file is, its first bytes say, not its name. A URL is passed on as it is: the provider fetches it, we
never do. Text is put into the prompt; it is checked for keys like every value (``prompt.py``).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from llmkit.core.errors import BadRequest
from llmkit.core.messages import FilePart, ImagePart, Part, TextPart
from llmkit.engine import figures
from llmkit.engine.figures import LARGEST
from llmkit.notebook.prompt import as_parts, as_text
from llmkit.wire.openai_media import SOUNDS

#: Files other than pictures and text, by how they begin.
_STARTS = (
    (b"%PDF-", "application/pdf"),
    *SOUNDS,
)
_URL_IMAGES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp"}
_HINT = "Nothing was sent. -a takes a file, a URL or the name of a variable."
_NOTHING_SENT = "Nothing was sent."  # a file may be named in Python and in a terminal, too


def attach(words: Sequence[str], names: Mapping[str, Any]) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The parts for what was named, and what the user should know about them.

    >>> attach(["logo"], {"logo": b"\\x89PNG\\r\\n\\x1a\\n..."})[0][0].media_type
    'image/png'
    """
    parts: list[Part] = []
    notes: list[str] = []
    for word in words:
        more, news = _named(word, names)
        parts += more
        notes += news
    return tuple(parts), tuple(notes)


def sniff(data: bytes) -> str | None:
    """The media type that the first bytes tell; ``None`` for what is none of those that models read.

    >>> sniff(b"%PDF-1.7"), sniff(b"plain words"), sniff(b"\\x00\\x01")
    ('application/pdf', 'text/plain', None)
    """
    if (picture := figures.sniff(data)) is not None:
        return picture
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind if kind != "audio/wav" or data[8:12] == b"WAVE" else None
    try:
        return None if "\x00" in data.decode("utf-8") else "text/plain"
    except UnicodeDecodeError:
        return None


def _named(word: str, names: Mapping[str, Any]) -> tuple[list[Part], list[str]]:
    if word.lower().startswith(("https://", "http://")):
        part, notes = _address(word)
        return [part], notes
    if word.isidentifier() and word in names:
        return variable(names[word], word)
    path = Path(word).expanduser()
    if not path.exists():
        raise BadRequest(f"There is no file and no variable {word!r} to attach.", hint=_HINT)
    part, notes = from_bytes(_read(path, word), path.name)
    return [part], notes


def _address(url: str) -> tuple[Part, list[str]]:
    place = urlsplit(url)
    if not place.hostname or place.username or place.password:
        raise BadRequest(
            "This URL can't be attached.", why="It names no host, or holds a password.", hint=_HINT
        )
    ending = PurePosixPath(place.path).suffix.lower()
    note = [f"The provider fetches {place.hostname}{place.path}; llmkit did not look at it."]
    if ending in _URL_IMAGES:
        return ImagePart(media_type=f"image/{_URL_IMAGES[ending]}", url=url), note
    kind = "application/pdf" if ending == ".pdf" else "application/octet-stream"
    return FilePart(media_type=kind, name=PurePosixPath(place.path).name or None, url=url), note


def _read(path: Path, word: str) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            what = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
            raise BadRequest(f"{word or '.'} is {what}.", hint=_NOTHING_SENT)
        if found.st_size > LARGEST:
            raise figures.too_large(word, found.st_size)
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise BadRequest(f"{word} can't be read.", why=error.strerror or "", hint=_NOTHING_SENT) from None
    if len(data) > LARGEST:  # it grew, or its size was a fable
        raise figures.too_large(word, len(data))
    return data


def variable(value: Any, name: str) -> tuple[list[Part], list[str]]:
    """The parts for a value, and what the user should know about them; ``name`` is what people call it."""
    if isinstance(value, Path):
        part, notes = from_bytes(_read(value, str(value)), value.name)
        return [part], notes
    if isinstance(value, bytes | bytearray | memoryview):
        part, notes = from_bytes(bytes(value), name)
        return [part], notes
    parts, notes = as_parts(value, source=name)
    given = isinstance(value, TextPart)
    return [_text(p.text, name) if isinstance(p, TextPart) and not given else p for p in parts], notes


def from_bytes(data: bytes, name: str) -> tuple[Part, list[str]]:
    """What these bytes are, by how they begin, as a part of a question; ``name`` is what people call them."""
    if not data:
        raise BadRequest(f"{name} is empty.", hint=_NOTHING_SENT)
    if len(data) > LARGEST:
        raise figures.too_large(name, len(data))
    match kind := sniff(data):
        case None:
            raise BadRequest(
                f"{name} is of no kind that models read.",
                why="Its first bytes are not those of PNG, JPEG, GIF, WebP, PDF, MP3, WAV, OGG, FLAC or UTF-8 text.",
                hint="Nothing was sent. Convert it first.",
            )
        case "text/plain":
            text, notes = as_text(data.decode("utf-8"), source=name)
            return _text(text, name), notes
        case _:
            figures.refuse_keys(data, name)
            return (ImagePart(data, kind) if kind.startswith("image/") else FilePart(data, kind, name)), []


def _text(text: str, name: str) -> TextPart:
    """Fenced, by a fence that is not in it, so that its end is plain."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return TextPart(f"\n\n{name}:\n{fence}\n{text.rstrip(chr(10))}\n{fence}")
