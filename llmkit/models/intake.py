"""Which pictures, documents and sounds each provider takes, and how large, as data.

Only what is known to be refused is here: ``None`` means that nobody says, and then nothing is held back. What a
single model sees is in the catalogue; the check itself is ``engine/attachments.py``.

Sources: Anthropic's vision and PDF guides, platform.claude.com/docs/en/build-with-claude/vision (5 MB is the length of
the base64 text); OpenAI's guides to images (50 MB of pictures in a request), files and audio; Gemini's
ai.google.dev/gemini-api/docs/file-input-methods (50 MB for a PDF, 100 MB in a request) and its guides to images and audio;
docs.x.ai/developers/model-capabilities/images/understanding; console.groq.com/docs/vision (4 MB is a request with base64 in
it); Mistral's vision guide; what Ollama's and LM Studio's servers take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

_MB = 1_000_000
_MIB = 1_048_576
_ANY = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Intake:
    """What one provider takes. Sizes are bytes of the file itself; ``whole`` is for all of a question's files."""

    name: str
    pictures: tuple[str, ...] | None = None
    picture_bytes: int | None = None
    picture_side: int | None = None
    picture_count: int | None = None
    #: Of more than so many pictures at once, each may only have so many pixels on a side.
    crowd: tuple[int, int] | None = None
    #: How many pictures a model may be shown whose window has at most so many tokens.
    small_window: tuple[int, int] | None = None
    documents: tuple[str, ...] | None = None
    document_bytes: int | None = None
    sounds: tuple[str, ...] | None = None
    whole: int | None = None
    #: Does it fetch what is given as an address?
    fetches: bool = True


def _unbase64(limit: int) -> int:
    """The bytes whose base64 has that length."""
    return limit * 3 // 4


_OPENAI = Intake(
    "OpenAI",
    pictures=_ANY,
    document_bytes=50 * _MB,
    sounds=("audio/wav", "audio/mpeg"),
    whole=50 * _MB,
)
_GEMINI = Intake(
    "Gemini",
    pictures=("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"),
    document_bytes=50 * _MB,
    sounds=("audio/wav", "audio/mpeg", "audio/aiff", "audio/aac", "audio/ogg", "audio/flac"),
    whole=100 * _MB,
)
#: By whose ways a provider speaks.
INTAKE: Mapping[str, Intake] = {
    "anthropic": Intake(
        "Anthropic",
        pictures=_ANY,
        picture_bytes=_unbase64(5 * _MIB),
        picture_side=8000,
        picture_count=600,
        crowd=(20, 2000),
        small_window=(200_000, 100),
        documents=("application/pdf",),
        sounds=(),
        whole=_unbase64(32 * _MIB),
    ),
    "openai": _OPENAI,
    "azure": replace(_OPENAI, name="Azure OpenAI"),
    "gemini": _GEMINI,
    "xai": Intake(
        "xAI", pictures=("image/png", "image/jpeg"), picture_bytes=20 * _MIB, documents=(), sounds=()
    ),
    "groq": Intake("Groq", picture_count=5, documents=(), sounds=(), whole=_unbase64(4 * _MIB)),
    "mistral": Intake(
        "Mistral", pictures=_ANY, picture_bytes=10 * _MB, picture_count=8, documents=(), sounds=None
    ),
    "deepseek": Intake("DeepSeek", documents=(), sounds=()),
    "together": Intake("Together", documents=(), sounds=()),
    "ollama": Intake("Ollama", documents=(), sounds=(), fetches=False),
    "lmstudio": Intake("LM Studio", documents=(), sounds=(), fetches=False),
    "vllm": Intake("vLLM", documents=()),
    "llamacpp": Intake("llama.cpp's server", documents=()),
}

#: Other names for the same type.
SAME: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-aiff": "audio/aiff",
    "audio/x-flac": "audio/flac",
    "application/x-pdf": "application/pdf",
}


def intake(dialect: str) -> Intake:
    """What is known of a provider that speaks so; an empty one where nothing is.

    >>> intake("anthropic").picture_side, intake("some-server").picture_side
    (8000, None)
    """
    return INTAKE.get(dialect) or Intake(dialect)
