"""The day of ``routing.py`` as a picture: who had trouble when, and who answered. Plain SVG, for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.routing_day import DAY

if TYPE_CHECKING:
    from benchmarks.routing import Day

WIDTH, LEFT, TOP = 900, 90, 34
LANE, GAP, CHART = 18, 6, 190
SLOTS = 96  # of a quarter of an hour
COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2")
TROUBLE = {"down": ("#c0392b", "down"), "429": ("#8e6c00", "429"), "brown-out": ("#d98880", "brown-out")}
INK = "#7a7a7a"


def x(at: float) -> float:
    """Where a moment is."""
    return LEFT + (WIDTH - LEFT - 20) * at / DAY


def draw(day: Day, path: str) -> None:
    """Write the picture."""
    names = list(day.providers)
    base = TOP + len(names) * (LANE + GAP) + 26
    height = base + CHART + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{len(day.outcomes):,} requests over a day: who had trouble, and who answered</title>",
        *_lanes(day, names),
        *_bars(day, names, base),
        *_axis(base),
        "</svg>",
    ]
    Path(path).write_text("\n".join(parts) + "\n", "utf-8")


def _text(left: float, top: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{left:.1f}" y="{top:.1f}" fill="{INK}" text-anchor="{anchor}">{words}</text>'


def _rect(left: float, top: float, width: float, height: float, colour: str, told: str = "") -> str:
    title = f"<title>{told}</title>" if told else ""
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}">'
        f"{title}</rect>"
    )


def _lanes(day: Day, names: list[str]) -> Iterable[str]:
    yield _text(LEFT, 18, "Trouble of each provider, by hour of the day:")
    at = LEFT + 275
    for colour, word in TROUBLE.values():
        yield _rect(at, 9, 11, 11, colour)
        yield _text(at + 16, 18, word)
        at += 84
    for row, name in enumerate(names):
        top = TOP + row * (LANE + GAP)
        yield _rect(LEFT - 82, top + 4, 10, 10, COLOURS[row])
        yield _text(LEFT - 66, top + 13, name.partition("/")[0])
        yield f'<rect x="{LEFT}" y="{top}" width="{x(DAY) - LEFT:.1f}" height="{LANE}" fill="{INK}" opacity="0.15"/>'
        for one in day.providers[name].troubles:
            colour, word = TROUBLE[one.kind]
            span = f"{one.begin / 3600:.1f} to {one.end / 3600:.1f} h"
            yield _rect(
                x(one.begin), top, max(2.0, x(one.end) - x(one.begin)), LANE, colour, f"{word}, {span}"
            )


def _bars(day: Day, names: list[str], base: float) -> Iterable[str]:
    counts: list[dict[str | None, int]] = [{} for _ in range(SLOTS)]
    for one in day.outcomes:
        slot = counts[min(SLOTS - 1, int(one.asked.at / DAY * SLOTS))]
        slot[one.answered_by] = slot.get(one.answered_by, 0) + 1
    most = max(sum(slot.values()) for slot in counts)
    wide = (x(DAY) - LEFT) / SLOTS
    yield _text(LEFT, base - 8, f"Answers in each quarter of an hour (the tallest bar: {most}); without one:")
    yield _rect(LEFT + 432, base - 18, 11, 11, "#c0392b")
    for number, slot in enumerate(counts):
        top = base + CHART
        for name, colour in [*zip(names, COLOURS, strict=True), (None, "#c0392b")]:
            if count := slot.get(name, 0):
                tall = CHART * count / most
                top -= tall
                who = "no answer" if name is None else name.partition("/")[0]
                yield _rect(LEFT + number * wide, top, wide - 1, tall, colour, f"{who}: {count}")


def _axis(base: float) -> Iterable[str]:
    foot = base + CHART
    yield f'<line x1="{LEFT}" y1="{foot}" x2="{x(DAY):.1f}" y2="{foot}" stroke="{INK}"/>'
    for hour in range(0, 25, 3):
        yield _text(x(hour * 3600), foot + 18, f"{hour}:00", "middle")
