"""What the first bytes of a file say: its type, and a picture's width and height. No decoding, no libraries."""

from __future__ import annotations

import struct


def measure(raw: bytes) -> tuple[int, int, str]:
    """Width, height and type of PNG, GIF, WebP and JPEG images; type alone of PDF; else nothing."""
    if raw[:8] == b"\x89PNG\r\n\x1a\n" and len(raw) >= 24:
        width, height = struct.unpack(">II", raw[16:24])
        return width, height, "image/png"
    if raw[:6] in (b"GIF87a", b"GIF89a") and len(raw) >= 10:
        width, height = struct.unpack("<HH", raw[6:10])
        return width, height, "image/gif"
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return *_webp(raw), "image/webp"
    if raw[:2] == b"\xff\xd8":
        return *_jpeg(raw), "image/jpeg"
    if raw[:5] == b"%PDF-":
        return 0, 0, "application/pdf"
    return 0, 0, ""


def _webp(raw: bytes) -> tuple[int, int]:
    if raw[12:16] == b"VP8X" and len(raw) >= 30:
        return 1 + int.from_bytes(raw[24:27], "little"), 1 + int.from_bytes(raw[27:30], "little")
    if raw[12:16] == b"VP8 " and len(raw) >= 30:
        width, height = struct.unpack("<HH", raw[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if raw[12:16] == b"VP8L" and len(raw) >= 25:
        bits = int.from_bytes(raw[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    return 0, 0


def _jpeg(raw: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(raw) and raw[at] == 0xFF:
        marker = raw[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", raw[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(raw[at + 2 : at + 4], "big")
    return 0, 0
