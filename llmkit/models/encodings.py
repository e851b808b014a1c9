"""OpenAI's vocabularies, where tiktoken is installed and has them on this machine already. Nothing is fetched."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_HOME = "https://openaipublic.blob.core.windows.net/encodings/"
#: What the files must be; tiktoken would fetch another one in place of a wrong one.
_FILES = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
_OLD = re.compile(r"gpt-3\.5|gpt-4(?![o.])")


def encoding_of(provider: str, model: str) -> Any | None:
    """The encoding of a model, or ``None`` where it is not at hand."""
    if provider not in ("openai", "azure") or find_spec("tiktoken") is None:
        return None
    return _load("cl100k_base" if _OLD.match(model) else "o200k_base")


def cached_file(name: str) -> Path | None:
    """The file in which tiktoken keeps a vocabulary, if it is there and whole."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    place = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    file = place / hashlib.sha1(f"{_HOME}{name}.tiktoken".encode()).hexdigest()  # noqa: S324 - their file name
    try:
        data = file.read_bytes()
    except OSError:
        return None
    return file if hashlib.sha256(data).hexdigest() == _FILES[name] else None


@functools.cache
def _load(name: str) -> Any | None:
    if cached_file(name) is None:
        return None
    import tiktoken

    return tiktoken.get_encoding(name)
