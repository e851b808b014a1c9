"""``-a FILE|URL|VAR``: files, addresses and variables as parts of a question.

What a file is, its first bytes say, not its name. A URL is passed on as it is: the provider fetches it, we
never do. Text is put into the prompt; it is checked for keys like every value (``prompt.py``).
"""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from llmkit.core.errors import BadRequest
from llmkit.core.messages import FilePart, ImagePart, Part, TextPart
from llmkit.notebook.prompt import as_text

LARGEST = 20_000_000
_URL_IMAGES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp"}
_HINT = "Nothing was sent. -a takes a file, a URL or the name of a variable."


def attach(words: Sequence[str], names: Mapping[str, Any]) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The parts for what was named, and what the user should know about them.

    >>> attach(["logo"], {"logo": b"\\x89PNG\\r\\n\\x1a\\n..."})[0][0].media_type
    'image/png'
    """
    parts: list[Part] = []
    notes: list[str] = []
    for word in words:
        part, news = _named(word, names)
        parts.append(part)
        notes += news
    return tuple(parts), tuple(notes)


def sniff(data: bytes) -> str | None:
    """The media type that the first bytes tell; ``None`` for what is none of those that models read.

    >>> sniff(b"%PDF-1.7"), sniff(b"plain words"), sniff(b"\\x00\\x01")
    ('application/pdf', 'text/plain', None)
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    try:
        return None if "\x00" in data.decode("utf-8") else "text/plain"
    except UnicodeDecodeError:
        return None


def _named(word: str, names: Mapping[str, Any]) -> tuple[Part, list[str]]:
    if word.lower().startswith(("https://", "http://")):
        return _address(word)
    if word.isidentifier() and word in names:
        return _variable(names[word], word)
    path = Path(word).expanduser()
    if not path.exists():
        raise BadRequest(f"There is no file and no variable {word!r} to attach.", hint=_HINT)
    return _from_bytes(_read(path, word), path.name)


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
            raise BadRequest(f"{word} is no regular file.", hint=_HINT)
        if found.st_size > LARGEST:
            raise _too_large(word, found.st_size)
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise BadRequest(f"{word} can't be read.", why=error.strerror or "", hint=_HINT) from None
    if len(data) > LARGEST:  # it grew, or its size was a fable
        raise _too_large(word, len(data))
    return data


def _too_large(word: str, size: int) -> BadRequest:
    return BadRequest(
        f"{word} is too large to attach: {size:,} bytes.",
        why=f"At most {LARGEST:,} bytes go with a question. Nothing was sent.",
        hint="Attach a smaller version, or a part of it.",
    )


def _variable(value: Any, name: str) -> tuple[Part, list[str]]:
    if isinstance(value, ImagePart | FilePart | TextPart):
        return value, []
    if isinstance(value, Path):
        return _from_bytes(_read(value, str(value)), value.name)
    if isinstance(value, bytes | bytearray | memoryview):
        return _from_bytes(bytes(value), name)
    if (picture := picture_of(value, name)) is not None:
        return picture, []
    text, notes = as_text(value, source=name)
    return _text(text, name), notes


def picture_of(value: Any, name: str) -> ImagePart | None:
    """A figure or picture as PNG; ``None`` for what is neither."""
    room = (type(value).__module__ or "").partition(".")[0]
    if room == "PIL" and callable(getattr(value, "save", None)):
        data = io.BytesIO()
        (value if value.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else value.convert("RGB")).save(
            data, "PNG"
        )
        return _picture(data.getvalue(), name)
    if room in ("matplotlib", "seaborn"):
        figure: Any = value if callable(getattr(value, "savefig", None)) else getattr(value, "figure", None)
        if callable(getattr(figure, "savefig", None)):
            data = io.BytesIO()
            figure.savefig(data, format="png", bbox_inches="tight")
            return _picture(data.getvalue(), name)
    if room == "plotly" and callable(getattr(value, "to_image", None)):
        try:
            return _picture(value.to_image(format="png"), name)
        except Exception as error:  # noqa: BLE001 - whatever its image engine raises where there is none
            raise BadRequest(
                f"The figure {name} can't be made a picture.",
                why=f"plotly needs its image engine: {type(error).__name__}. Nothing was sent.",
                hint="Install it (`pip install kaleido`), or attach the data behind the figure.",
            ) from None
    return None


def _picture(data: bytes, name: str) -> ImagePart:
    if len(data) > LARGEST:
        raise _too_large(name, len(data))
    return ImagePart(data, sniff(data) or "image/png")


def _from_bytes(data: bytes, name: str) -> tuple[Part, list[str]]:
    if not data:
        raise BadRequest(f"{name} is empty.", hint=_HINT)
    if len(data) > LARGEST:
        raise _too_large(name, len(data))
    match kind := sniff(data):
        case None:
            raise BadRequest(
                f"{name} is of no kind that models read.",
                why="Its first bytes are not those of PNG, JPEG, GIF, WebP, PDF or UTF-8 text.",
                hint="Nothing was sent. Convert it first.",
            )
        case "text/plain":
            text, notes = as_text(data.decode("utf-8"), source=name)
            return _text(text, name), notes
        case "application/pdf":
            return FilePart(data, kind, name), []
        case _:
            return ImagePart(data, kind), []


def _text(text: str, name: str) -> TextPart:
    """Fenced, by a fence that is not in it, so that its end is plain."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return TextPart(f"\n\n{name}:\n{fence}\n{text.rstrip(chr(10))}\n{fence}")
