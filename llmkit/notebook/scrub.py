"""Finding keys in a notebook's file, and taking them out: sources, outputs, metadata, attachments, and what is in base64.

Text in, findings and text out. Reading and writing files is the command's business
(``cli/scrub.py``); what a key looks like is ``providers/keyshapes.py``'s.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.engine import pngs
from llmkit.providers.keys import tail
from llmkit.providers.keyshapes import keys_in

_INSTEAD = "•••"
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{40,}={0,2}\s*")
_GONE = "(taken out by llmkit scrub: it held a key)"


@dataclass(frozen=True, slots=True)
class Finding:
    """A key and where it stands. ``shown`` is its end at most."""

    place: str
    owner: str
    shown: str

    def __str__(self) -> str:
        return f"{self.place}: {self.owner} ({self.shown})"


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What was found in a file, and its text without that."""

    findings: tuple[Finding, ...]
    text: str


def scrub_notebook(text: str) -> Scrubbed:
    """A notebook without keys; what has none comes back as it was, to the letter.

    >>> found = scrub_notebook('{"cells": [{"cell_type": "code", "source": ["k = \\\\"gsk_0123456789abcdef01\\\\""]}]}')
    >>> print(found.findings[0])
    cell 1, source: groq (…ef01)
    """
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest("This is no notebook: it is not JSON.", hint="Nothing was changed.") from None
    if not isinstance(plain, dict) or not isinstance(plain.get("cells", plain.get("worksheets")), list):
        raise BadRequest("This is no notebook: it has no cells.", hint="Nothing was changed.")
    findings: list[Finding] = []
    clean = _value(plain, (), findings)
    if not findings:
        return Scrubbed((), text)
    indent = re.match(r"\{\n( +|\t+)", text)
    ascii_only = text.isascii() and "\\u" in text
    written = json.dumps(clean, indent=indent[1] if indent else None, ensure_ascii=ascii_only)
    return Scrubbed(tuple(findings), written + ("\n" if text.endswith("\n") else ""))


def scrub_text(text: str) -> Scrubbed:
    """Any other text, line by line."""
    findings: list[Finding] = []
    lines = text.split("\n")
    for at, line in enumerate(lines):
        lines[at] = _words(line, f"line {at + 1}", findings)
    return Scrubbed(tuple(findings), "\n".join(lines))


def _value(value: Any, path: tuple[Any, ...], findings: list[Finding]) -> Any:
    match value:
        case str():
            return _string(value, path, findings)
        case list() if value and all(isinstance(line, str) for line in value) and len(value) > 1:
            return _lines(value, path, findings)
        case list():
            return [_value(one, (*path, at), findings) for at, one in enumerate(value)]
        case dict():
            return {
                _words(name, _place(path), findings): _value(one, (*path, name), findings)
                for name, one in value.items()
            }
        case _:
            return value


def _lines(lines: list[str], path: tuple[Any, ...], findings: list[Finding]) -> list[str]:
    """Text that is kept as a list of lines; base64 may be broken into lines too."""
    whole = "".join(lines)
    if _is_packed(whole, path):
        clean = _packed(whole, path, findings)
        return lines if clean == whole else clean.splitlines(keepends=True)
    return [_words(line, _place(path), findings) for line in lines]


def _string(text: str, path: tuple[Any, ...], findings: list[Finding]) -> str:
    return _packed(text, path, findings) if _is_packed(text, path) else _words(text, _place(path), findings)


def _words(text: str, place: str, findings: list[Finding]) -> str:
    for start, end, owner in reversed(found := keys_in(text)):
        findings.append(Finding(place, owner, _shown(text[start:end])))
        text = f"{text[:start]}{_INSTEAD}{text[end:]}"
    if len(found) > 1:
        findings[-len(found) :] = reversed(findings[-len(found) :])
    return text


def _shown(key: str) -> str:
    return tail(key) if len(key) >= 20 else _INSTEAD


def _is_packed(text: str, path: tuple[Any, ...]) -> bool:
    """Is it base64? Words are too, so only where a notebook keeps data: outputs, attachments, widget buffers."""
    kept = {"data", "attachments", "buffers"}.intersection(str(step) for step in path)
    return bool(kept) and _BASE64.fullmatch(text) is not None


def _packed(text: str, path: tuple[Any, ...], findings: list[Finding]) -> str:
    """What is in base64 without keys: a picture without those words, a text without them, else nothing."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return _words(text, _place(path), findings)
    place = f"{_place(path)} (base64)"
    before = len(findings)
    clean = _without_keys(data, place, findings)
    return text if len(findings) == before else base64.b64encode(clean).decode("ascii")


def _without_keys(data: bytes, place: str, findings: list[Finding]) -> bytes:
    if data.startswith(pngs.SIGNATURE):
        held = [
            where
            for where, words in pngs.texts_in(data)
            if _found(words, f"{place}, the picture's own words", findings)
        ]
        return pngs.without(data, held)
    try:
        return _words(data.decode("utf-8"), place, findings).encode()
    except UnicodeDecodeError:
        return _GONE.encode() if _found(data.decode("latin-1"), place, findings) else data


def _found(text: str, place: str, findings: list[Finding]) -> bool:
    before = len(findings)
    _words(text, place, findings)
    return len(findings) > before


def _place(path: tuple[Any, ...]) -> str:
    """Where in a notebook, as people count: cells from 1."""
    match path:
        case ("cells", int(cell), *rest):
            return ", ".join([f"cell {cell + 1}", *_steps(rest)])
        case _:
            return ", ".join(_steps(list(path))) or "the notebook"


def _steps(rest: list[Any]) -> Iterator[str]:
    match rest:
        case ["outputs", int(number), *more]:
            yield f"output {number + 1}"
            yield from (str(step) for step in more[:2] if not isinstance(step, int))
        case _:
            yield from (str(step) for step in rest[:3] if not isinstance(step, int))
