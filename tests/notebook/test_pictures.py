"""The judge of screenshots: blind for small things, not for large ones."""

from __future__ import annotations

import pytest
from pictures import differences, look
from PIL import Image, ImageDraw

WHITE, DARK, BLUE = (255, 255, 255), (17, 17, 17), (80, 110, 230)


def page(path, *, paper=WHITE, ink=DARK, size=(1000, 600), lines=12, bars=True, shift=0):
    """Something like a page: some lines of words, and a plot below them."""
    picture = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(picture)
    for line in range(lines):
        draw.line((40, 20 + shift + 14 * line, 800, 20 + shift + 14 * line), fill=ink, width=3)
    for bar in range(6 if bars else 0):
        draw.rectangle((60 + 150 * bar, 260, 180 + 150 * bar, 580), fill=BLUE)
    picture.save(path)
    return look(path)


@pytest.fixture
def expected(tmp_path):
    return page(tmp_path / "expected.png")


@pytest.mark.parametrize(
    "small", [{}, {"shift": 5}, {"lines": 13}, {"size": (1000, 640)}], ids=["none", "shift", "line", "height"]
)
def test_small_changes_pass(tmp_path, expected, small):
    assert differences(page(tmp_path / "seen.png", **small), expected) == []


@pytest.mark.parametrize(
    "gross",
    [
        {"lines": 0, "bars": False},
        {"bars": False},
        {"paper": DARK, "ink": WHITE},
        {"size": (1000, 1200)},
        {"size": (600, 600)},
    ],
    ids=["blank", "no plot", "dark", "high", "narrow"],
)
def test_gross_changes_do_not(tmp_path, expected, gross):
    assert differences(page(tmp_path / "seen.png", **gross), expected) != []
