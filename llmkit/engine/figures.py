"""Figures and pictures as parts of a question: matplotlib, plotly, PIL, IPython's Image, and files of pictures.

What is sent is what one sees, as PNG; what is too large is made smaller with a note, or refused. Which words stand
around it is ``prompt.py``'s business, other files are ``attach.py``'s.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.messages import ImagePart
from llmkit.engine.pngs import texts_in

#: No provider takes more with one question.
LARGEST = 20_000_000
#: A picture that we draw ourselves is drawn again, smaller, above this many bytes …
_COMFORTABLE = 3_900_000
#: … with a longest side of so many pixels, which is as fine as models look.
_SIDE = 2048
_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp")


def sniff(data: bytes) -> str | None:
    """The media type of a picture, told from its first bytes; ``None`` for anything else.

    >>> sniff(b"GIF89a..."), sniff(b"plain words")
    ('image/gif', None)
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def picture_of(value: Any, name: str) -> tuple[ImagePart, list[str]] | None:
    """A figure or picture, and what there is to say about it; ``None`` for what is neither."""
    room = (type(value).__module__ or "").partition(".")[0]
    part: ImagePart | None = None
    notes: list[str] = []
    if isinstance(value, ImagePart):
        part = value
    elif room == "PIL" and callable(getattr(value, "save", None)):
        part, notes = _of_pil(value, name)
    elif room in ("matplotlib", "seaborn") and (figure := _figure_of(value)) is not None:
        _refuse_words([text.get_text() for text in _texts_of(figure)], name)
        part, notes = _of_matplotlib(figure, name)
    elif room == "plotly" and callable(getattr(value, "to_image", None)):
        _refuse_words([str(value.to_json())] if callable(getattr(value, "to_json", None)) else [], name)
        part = _of_plotly(value, name)
    elif room == "IPython" and type(value).__name__ == "Image":
        part = _of_ipython(value, name)
    elif isinstance(value, os.PathLike) and Path(value).suffix.lower() in _ENDINGS and Path(value).is_file():
        part = _of_file(Path(value), name)
    if part is None:
        return None
    if part.data is not None:
        if len(part.data) > LARGEST:
            raise too_large(name, len(part.data))
        refuse_keys(part.data, name)
    return part, notes


def refuse_keys(data: bytes, name: str) -> None:
    """A file or picture that holds a known key, also in what it says about itself, is not sent."""
    _refuse_words([data.decode("latin-1"), *(words for _, words in texts_in(data))], name)


def too_large(name: str, size: int) -> BadRequest:
    """The error for what no provider takes."""
    return BadRequest(
        f"{name} is too large to send: {size:,} bytes.",
        why=f"At most {LARGEST:,} bytes go with a question. Nothing was sent.",
        hint="Send a smaller version, or a part of it.",
    )


def _refuse_words(words: list[str], name: str) -> None:
    from llmkit.providers.keys import known_secrets

    if any(secret in text for secret in known_secrets() for text in words):
        raise BadRequest(
            f"{name} holds an API key.",
            why="It would be sent to the provider and kept in logs. Nothing was sent.",
            hint="Take the key out of its labels and its metadata.",
        )


def _of_pil(image: Any, name: str) -> tuple[ImagePart, list[str]]:
    data = _png(image)
    if len(data) <= _COMFORTABLE:
        return ImagePart(data), []
    smaller = image.copy()
    smaller.thumbnail((_SIDE, _SIDE))
    was, now = " × ".join(map(str, image.size)), " × ".join(map(str, smaller.size))
    return ImagePart(_png(smaller)), [f"{name} was {was} pixels ({len(data):,} bytes); it is sent at {now}."]


def _png(image: Any) -> bytes:
    out = io.BytesIO()
    (image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else image.convert("RGB")).save(out, "PNG")
    return out.getvalue()


def _figure_of(value: Any) -> Any | None:
    """The whole figure that a figure, a part of one or its axes belong to."""
    figure: Any = value if callable(getattr(value, "savefig", None)) else getattr(value, "figure", None)
    while figure is not None and not callable(getattr(figure, "savefig", None)):
        outer = getattr(figure, "figure", None)  # a figure within a figure
        figure = None if outer is figure else outer
    return figure


def _texts_of(figure: Any) -> list[Any]:
    found = getattr(figure, "findobj", None)
    return found(lambda artist: hasattr(artist, "get_text")) if callable(found) else []


def _of_matplotlib(figure: Any, name: str) -> tuple[ImagePart, list[str]]:
    data = _drawn(figure, {})
    if len(data) <= _COMFORTABLE:
        return ImagePart(data), []
    dpi = max(10, int(_SIDE / max(figure.get_size_inches())))
    return ImagePart(_drawn(figure, {"dpi": dpi})), [
        f"{name} made a picture of {len(data):,} bytes; it is sent at {dpi} dots per inch."
    ]


def _drawn(figure: Any, more: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight", **more)
    return out.getvalue()


def _of_plotly(figure: Any, name: str) -> ImagePart:
    try:
        return ImagePart(figure.to_image(format="png"))
    except Exception as error:  # noqa: BLE001 - whatever its image engine raises where there is none
        raise BadRequest(
            f"The figure {name} can't be made a picture.",
            why=f"plotly needs an image engine for that ({type(error).__name__}). Nothing was sent.",
            hint="`pip install kaleido` (it needs a Chrome: `plotly_get_chrome`), or send the data behind the figure.",
        ) from None


def _of_ipython(image: Any, name: str) -> ImagePart:
    data = image.data
    if not isinstance(data, bytes) and getattr(image, "url", None):
        return ImagePart(url=str(image.url), media_type=f"image/{image.format or 'png'}")
    kind = sniff(data) if isinstance(data, bytes) else None
    if kind is None:
        raise _unseen(name)
    return ImagePart(data, kind)


def _of_file(path: Path, name: str) -> ImagePart:
    if path.stat().st_size > LARGEST:
        raise too_large(name, path.stat().st_size)
    data = path.read_bytes()
    kind = sniff(data)
    if kind is None:
        raise _unseen(name)
    return ImagePart(data, kind)


def _unseen(name: str) -> BadRequest:
    return BadRequest(
        f"{name} is no picture that models see.",
        why="Its first bytes are not those of PNG, JPEG, GIF or WebP. Nothing was sent.",
        hint="Convert it to PNG first.",
    )
