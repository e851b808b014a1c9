"""What a picture roughly looks like, and whether another looks much like it: for gross changes of a page only.

A picture is kept as its size, a grid of brightness and the share of its colours, each coarse enough that another font,
another figure in a footer or a line more makes no difference; a page that stayed blank, a plot that is missing, a dark
page instead of a light one do. ``LLMKIT_UPDATE_PICTURES=1`` writes what is seen as what is expected.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from PIL import Image

EXPECTED = Path(__file__).parent / "data" / "pictures.json"
#: Read when tests are collected, because every test runs without the developer's settings.
UPDATE = bool(os.environ.get("LLMKIT_UPDATE_PICTURES"))
#: How much higher or lower it may be; how much brighter or darker its parts are on the average, of 255; and how
#: much of it may be in other colours.
HEIGHT, BRIGHTNESS, COLOURS = 0.35, 22.0, 0.15
_GRID = 12
_LEVELS = 4


def look(path: Path) -> dict[str, Any]:
    """A picture in short."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    grid = picture.convert("L").resize((_GRID, _GRID), Image.Resampling.BOX)
    coarse = picture.point(lambda value: value * _LEVELS // 256)
    pixels = picture.width * picture.height
    counts = {"".join(map(str, colour)): n for n, colour in coarse.getcolors(_LEVELS**3) or ()}
    return {
        "size": list(picture.size),
        "grid": list(grid.tobytes()),
        "colours": {name: round(n / pixels, 3) for name, n in sorted(counts.items()) if n / pixels > 0.002},
    }


def differences(seen: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """In what two pictures differ grossly, in words."""
    found = []
    (width, height), (wanted_width, wanted_height) = seen["size"], expected["size"]
    if (
        abs(height - wanted_height) > HEIGHT * wanted_height
        or abs(width - wanted_width) > 0.05 * wanted_width
    ):
        found.append(f"it is {width} × {height}, not about {wanted_width} × {wanted_height}")
    off = sum(abs(a - b) for a, b in zip(seen["grid"], expected["grid"], strict=True)) / len(seen["grid"])
    if off > BRIGHTNESS:
        found.append(f"its parts are brighter or darker by {off:.0f} of 255")
    names = {*seen["colours"], *expected["colours"]}
    moved = sum(abs(seen["colours"].get(name, 0) - expected["colours"].get(name, 0)) for name in names) / 2
    if moved > COLOURS:
        found.append(f"{moved:.0%} of it is in other colours")
    return found


def check(path: Path) -> None:
    """Fail if a screenshot looks grossly unlike what is expected of one of its name."""
    known = json.loads(EXPECTED.read_text("utf-8")) if EXPECTED.exists() else {}
    seen = look(path)
    if UPDATE:
        known[path.stem] = seen
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known))
        EXPECTED.write_text(f"{{\n{lines}\n}}\n", "utf-8")
        return
    assert path.stem in known, f"nobody knows what {path.stem} looks like: LLMKIT_UPDATE_PICTURES=1 notes it"
    assert differences(seen, known[path.stem]) == [], f"{path} looks unlike what it was"
