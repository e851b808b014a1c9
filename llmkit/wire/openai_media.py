"""Pictures, sounds and files between bytes and OpenAI's JSON: data URLs, base64, media types."""

from __future__ import annotations

import base64
import binascii

from llmkit.core.messages import ImagePart

#: How files of sound begin.
SOUNDS: tuple[tuple[bytes, str], ...] = (
    (b"RIFF", "audio/wav"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)


def data_url(data: bytes, media_type: str) -> str:
    """Bytes as a URL.

    >>> data_url(b"hi", "text/plain")
    'data:text/plain;base64,aGk='
    """
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def decoded(text: str) -> bytes | None:
    """The bytes of a base64 text, or ``None`` if it is none (or is cut off)."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def image_part(url: str, media_type: str = "image/png") -> ImagePart:
    """A picture from its URL; a data URL becomes bytes.

    >>> image_part("data:image/gif;base64,R0k=").media_type
    'image/gif'
    """
    head, comma, tail = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        data = decoded(tail)
        if data is not None:
            return ImagePart(data, head[5:-7].split(";")[0] or media_type)
    return ImagePart(url=url, media_type=media_type)


def audio_type(data: bytes) -> str:
    """What kind of sound these bytes are; without a header it is what OpenAI streams, plain samples.

    >>> audio_type(b"RIFF....WAVE"), audio_type(bytes(8))
    ('audio/wav', 'audio/pcm')
    """
    return next((kind for start, kind in SOUNDS if data.startswith(start)), "audio/pcm")
