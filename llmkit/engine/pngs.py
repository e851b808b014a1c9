"""The words inside a PNG: what programs write into it beside the picture. Nothing is drawn or decoded here."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_WORDS = (b"tEXt", b"zTXt", b"iTXt", b"eXIf")
_MOST = 1_000_000  # of words; a picture may say that it holds gigabytes


def texts_in(data: bytes) -> Iterator[tuple[slice, str]]:
    """Every block of words, and where in the file it stands."""
    if not data.startswith(SIGNATURE):
        return
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if kind in _WORDS:
            yield slice(at, at + 12 + length), _words(kind, body).decode("latin-1")
        at += 12 + length


def without(data: bytes, places: list[slice]) -> bytes:
    """The same picture without those blocks."""
    kept, at = [], 0
    for place in places:
        kept.append(data[at : place.start])
        at = place.stop
    return b"".join([*kept, data[at:]])


def _words(kind: bytes, body: bytes) -> bytes:
    if kind == b"zTXt":
        name, _, rest = body.partition(b"\0")
        return name + b"\0" + _inflated(rest[1:])
    if kind == b"iTXt":
        name, _, rest = body.partition(b"\0")
        if rest[:1] == b"\1":
            language, _, more = rest[2:].partition(b"\0")
            translated, _, packed = more.partition(b"\0")
            return b"\0".join((name, language, translated, _inflated(packed)))
    return body


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, _MOST)
    except zlib.error:
        return packed
