"""What a docstring says of a function and of its arguments, in the Google, numpy and Sphinx styles.

Pure text in, text out. What is made of it is ``tools.py``'s business.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_GOOGLE = re.compile(r"(?:Args|Arguments|Parameters|Params|Keyword Args|Other Parameters):\s*$")
_GOOGLE_ARGUMENT = re.compile(r"\*{0,2}(?P<name>\w+)\s*(?:\((?P<type>[^)]*)\))?\s*:\s*(?P<text>.*)")
_NUMPY_ARGUMENT = re.compile(r"(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::\s*(?P<type>.*))?$")
_SPHINX = re.compile(r":(?P<field>param|parameter|arg|argument|key|type)\s+(?P<words>[^:]+):\s*(?P<text>.*)")
_FIELD = re.compile(r":\w+[^:]*:")
_SECTION = re.compile(
    r"(?:Args|Arguments|Parameters|Params|Keyword Args|Other Parameters|Returns?|Yields?|Raises|Examples?|Notes?|"
    r"Attributes|See Also|References|Warnings?|Warns|Todo):?\s*$"
)
_RULE = re.compile(r"-{3,}\s*$")


@dataclass(frozen=True, slots=True)
class Described:
    """A function in words: what it does, what its arguments mean, and their types where those are written."""

    summary: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


def read_docstring(docstring: str | None) -> Described:
    """The words before the first section, and those for each argument.

    >>> read_docstring("Weather.\\n\\nArgs:\\n    city (str): Where.\\n").arguments
    {'city': 'Where.'}
    """
    lines = inspect.cleandoc(docstring or "").splitlines()
    found = Described("\n".join(lines[: _begins(lines)]).strip())
    at = 0
    while at < len(lines):
        ruled = at + 1 < len(lines) and _RULE.match(lines[at + 1]) is not None
        if _GOOGLE.match(lines[at]) and not ruled:
            at = _google(lines, at + 1, found)
        elif ruled and _GOOGLE.match(lines[at].rstrip() + ":"):
            at = _numpy(lines, at + 2, found)
        elif sphinx := _SPHINX.match(lines[at]):
            at = _sphinx(lines, at, sphinx, found)
        else:
            at += 1
    return found


def _begins(lines: list[str]) -> int:
    """The line where the prose ends and the sections begin."""
    for at, line in enumerate(lines):
        ruled = at + 1 < len(lines) and _RULE.match(lines[at + 1]) is not None
        colon = line.rstrip().endswith(":")
        if (_SECTION.match(line) and (ruled or colon)) or _FIELD.match(line):
            return at
    return len(lines)


def _google(lines: list[str], at: int, found: Described) -> int:
    depth: int | None = None
    name = ""
    while at < len(lines):
        line = lines[at]
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent == 0:
            return at
        if line.strip():
            depth = indent if depth is None else depth
            if indent <= depth and (argument := _GOOGLE_ARGUMENT.match(line.strip())):
                name = argument["name"]
                _note(found, name, argument["text"], argument["type"])
            elif name:
                _note(found, name, line.strip())
        at += 1
    return at


def _numpy(lines: list[str], at: int, found: Described) -> int:
    names: list[str] = []
    while at < len(lines):
        line = lines[at]
        ruled = at + 1 < len(lines) and _RULE.match(lines[at + 1]) is not None
        if ruled or _SPHINX.match(line):
            return at
        if line.strip() and not line[0].isspace():
            if (argument := _NUMPY_ARGUMENT.match(line)) is None:
                return at
            names = [name.strip().lstrip("*") for name in argument["names"].split(",")]
            for name in names:
                _note(found, name, "", argument["type"])
        elif line.strip():
            for name in names:
                _note(found, name, line.strip())
        at += 1
    return at


def _sphinx(lines: list[str], at: int, first: re.Match[str], found: Described) -> int:
    *kind, name = first["words"].split()
    texts = [first["text"].strip()]
    at += 1
    while at < len(lines) and lines[at].strip() and not _FIELD.match(lines[at]):
        texts.append(lines[at].strip())
        at += 1
    text = " ".join(part for part in texts if part)
    if first["field"] == "type":
        found.types[name] = text
    else:
        _note(found, name.lstrip("*"), text, " ".join(kind))
    return at


def _note(found: Described, name: str, text: str, kind: str | None = None) -> None:
    before = found.arguments.get(name, "")
    found.arguments[name] = f"{before} {text}".strip() if before else text.strip()
    if kind:
        found.types.setdefault(name, re.sub(r",?\s*optional\b.*|,?\s*default\b.*", "", kind).strip())
