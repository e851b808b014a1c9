"""What is attached to a prompt: type and size out of the bytes of images and files."""

from __future__ import annotations

import base64
import binascii

from llmkit.core.pictures import measure
from llmkit.sim.exchange import Media, Reject


def from_base64(data: object, declared: object) -> Media:
    """An attachment out of its base64 text."""
    if not isinstance(data, str):
        raise Reject(400, "Invalid base64 data: expected a string.")
    standard = data.replace("-", "+").replace("_", "/")  # the wires use either alphabet
    try:
        raw = base64.b64decode(standard, validate=True)
    except (binascii.Error, ValueError):
        raise Reject(400, "Invalid base64 data.") from None
    width, height, seen = measure(raw)
    return Media(seen or str(declared or "application/octet-stream"), len(raw), width, height)


def from_url(url: object) -> Media:
    """An attachment named by a data URL (read) or by any other URL (never fetched)."""
    if not isinstance(url, str):
        raise Reject(400, "Invalid URL: expected a string.")
    if url.startswith("data:"):
        head, _, data = url[5:].partition(",")
        return from_base64(data, head.partition(";")[0])
    return Media("image", url=url)
