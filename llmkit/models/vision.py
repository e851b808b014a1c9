"""What a picture or a page costs in tokens, by provider, as data; and how many pages a PDF has, about.

Sources: Anthropic's and OpenAI's vision guides, Gemini's guide to tokens. Sizes come from ``core/pictures.py``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

#: One page of a document: text and picture of it.
_PAGE = {"anthropic": 2_500, "openai": 1_500, "gemini": 258}
_ANY_PAGE = 1_500
_PAGES = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tokens for a picture cut into squares, after it is made to fit."""

    base: int
    each: int


#: OpenAI's models by tiles of 512 pixels, and by patches of 32 with a factor.
_TILES: tuple[tuple[re.Pattern[str], Tiles], ...] = (
    (re.compile(r"gpt-4o-mini"), Tiles(2833, 5667)),
    (re.compile(r"gpt-4o|gpt-4\.1(?!-(mini|nano))|gpt-4-"), Tiles(85, 170)),
    (re.compile(r"gpt-5(?!.*-(mini|nano))(?!\.)"), Tiles(70, 140)),
    (re.compile(r"o1|o3(?!-mini)"), Tiles(75, 150)),
)
_PATCHES: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"gpt-.*-nano"), 2.46),
    (re.compile(r"gpt-.*-mini|o4-mini"), 1.62),
)


def picture_tokens(
    provider: str, model: str, width: int, height: int, detail: str | None = None
) -> int | None:
    """About how many tokens a picture is; ``None`` where nobody says how that is counted.

    >>> picture_tokens("anthropic", "claude-sonnet-5-5", 1000, 750)
    1000
    >>> picture_tokens("openai", "gpt-4o", 1024, 1024)
    765
    """
    if width <= 0 or height <= 0:
        return None
    match provider:
        case "anthropic":
            scale = min(1.0, 1568 / max(width, height))
            return min(1_600, math.ceil(width * scale * height * scale / 750))
        case "gemini":
            if max(width, height) <= 384:
                return 258
            return 258 * math.ceil(width / 768) * math.ceil(height / 768)
        case "openai" | "azure":
            return _openai(model, width, height, detail)
        case _:
            return None


def pages(data: bytes) -> int:
    """About how many pages a PDF has; at least one."""
    return max(1, len(_PAGES.findall(data)))


def page_tokens(provider: str) -> int:
    """About how many tokens a page of a document is."""
    return _PAGE.get(provider, _ANY_PAGE)


def _openai(model: str, width: int, height: int, detail: str | None) -> int | None:
    tiles = next((found for pattern, found in _TILES if pattern.search(model)), None)
    if tiles is not None:
        if detail == "low":
            return tiles.base
        scale = min(1.0, 2048 / max(width, height))
        scale *= min(1.0, 768 / (min(width, height) * scale))
        across, down = math.ceil(width * scale / 512), math.ceil(height * scale / 512)
        return tiles.base + tiles.each * across * down
    factor = next((factor for pattern, factor in _PATCHES if pattern.search(model)), None)
    if factor is None:
        return None
    return math.ceil(min(1536, math.ceil(width / 32) * math.ceil(height / 32)) * factor)
