"""What a tool gave back, as a model reads it: text, JSON, tables and pictures, of a bearable size and without keys.

An exception is a result as well: short, and for the model to make the best of. How a result looks on a wire is
the business of ``wire/``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmkit.core.errors import LLMKitError
from llmkit.core.messages import FilePart, ImagePart, TextPart, ToolCallPart, ToolResultPart
from llmkit.engine.figures import picture_of, sniff
from llmkit.engine.tables import is_table, table
from llmkit.providers.keys import mask

#: Characters of a result that a model gets to read, pictures that go with it, and bytes of each.
LONGEST = 20_000
MOST_PICTURES = 4
LARGEST_PICTURE = 5_000_000
_LONGEST_ERROR = 500
_DRAWN = ("PIL", "matplotlib", "seaborn", "plotly")


def result_of(call: ToolCallPart, value: Any) -> ToolResultPart:
    """What a tool gave back for that call.

    >>> result_of(ToolCallPart("1", "add", {}), {"sum": 3}).content
    '{"sum":3}'
    """
    texts: list[str] = []
    pictures: list[ImagePart] = []
    _sort(value, texts, pictures)
    notes = []
    if large := [picture for picture in pictures if len(picture.data or b"") > LARGEST_PICTURE]:
        notes.append(f"[{len(large)} pictures of more than {LARGEST_PICTURE:,} bytes are left out]")
        pictures = [picture for picture in pictures if picture not in large]
    if len(pictures) > MOST_PICTURES:
        notes.append(f"[{MOST_PICTURES} of {len(pictures)} pictures are shown]")
        pictures = pictures[:MOST_PICTURES]
    text = mask("\n\n".join(texts))
    if len(text) > LONGEST:
        notes.append(f"[the first {LONGEST:,} of {len(text):,} characters]")
        text = text[:LONGEST]
    content = "\n".join(part for part in (text, *notes) if part)
    return ToolResultPart(call.id, content or "(see the picture)", call.name, images=tuple(pictures))


def failure_of(call: ToolCallPart, error: BaseException) -> ToolResultPart:
    """What went wrong, in a line or two."""
    if isinstance(error, LLMKitError):
        said = " ".join(line for line in (error.what, error.why, error.hint) if line)
    else:
        said = f"{type(error).__name__}: {error}".rstrip(": ")
    return ToolResultPart(call.id, _cut(mask(said)), call.name, is_error=True)


def refusal_of(call: ToolCallPart, why: str) -> ToolResultPart:
    """The user does not want it to run."""
    said = f"The user did not allow this call. {why}".strip()
    return ToolResultPart(call.id, _cut(mask(said)), call.name, is_error=True)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}… [cut]"


def _sort(value: Any, texts: list[str], pictures: list[ImagePart]) -> None:
    """Words to the words, pictures to the pictures."""
    match value:
        case str():
            texts.append(value)
        case TextPart(text):
            texts.append(text)
        case ImagePart():
            pictures.append(value)
        case FilePart():
            raise TypeError("A tool gives back text, JSON values, tables or pictures; this is a file.")
        case bytes() | bytearray() | memoryview():
            data = bytes(value)
            if (kind := sniff(data)) is None:
                raise TypeError(
                    f"A tool gave back {len(data):,} bytes that are no picture; a model reads text."
                )
            pictures.append(ImagePart(data, kind))
        case _ if is_table(value):
            texts.append(table(value)[0])
        case _ if (drawn := picture_of(value, "the result")) is not None:
            pictures.append(drawn[0])
            texts += drawn[1]
        case _ if callable(own := getattr(type(value), "__llm__", None)):
            said = own(value)
            _sort(str(said) if hasattr(type(said), "__llm__") else said, texts, pictures)
        case list() | tuple() if any(_is_shown(item) for item in value):
            for item in value:
                _sort(item, texts, pictures)
        case _:
            texts.append(as_json(value))


def _is_shown(value: Any) -> bool:
    """Is it a picture or a table, which JSON has no word for?"""
    room = (type(value).__module__ or "").partition(".")[0]
    return isinstance(value, ImagePart | bytes) or is_table(value) or room in _DRAWN


def as_json(value: Any) -> str:
    """Anything as JSON; what JSON has no word for, as its own text."""
    from pydantic_core import to_json

    return to_json(value, fallback=_plain, inf_nan_mode="strings").decode("utf-8", "replace")


def _plain(value: Any) -> Any:
    for name in ("tolist", "isoformat"):  # numpy's arrays and scalars; whatever has a date
        if callable(made := getattr(value, name, None)):
            return made()
    if isinstance(value, Iterable):
        return list(value)
    return str(value)
