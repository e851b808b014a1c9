"""A prompt with columns in it: ``{review}`` or ``{{review}}`` becomes the row's value.

Names of columns only: no attributes, no indices, no formats, no expressions. One pass: what a value contains
is never expanded. Every other brace is left as it is, so that JSON, LaTeX and code pass through.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmkit.core.errors import BadRequest

_BRACES = re.compile(r"(\\?)(\{\{[ \t]*([^{}\n]+?)[ \t]*\}\}|\{([^{}\n]+)\})")
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Column:
    """A place in a template where a column's value goes."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read: text and columns, in turn.

    >>> template = Template.read('Answer {"label": ...} for: {review}', ["review", "stars"])
    >>> template.fill({"review": "{stars} is not expanded"})
    'Answer {"label": ...} for: {stars} is not expanded'
    """

    pieces: tuple[str | Column, ...]

    @classmethod
    def read(cls, template: str, columns: Iterable[str]) -> Template:
        """Find the columns in a template; a name that is no column is refused, with the nearest that is."""
        if not isinstance(template, str) or not template.strip():
            raise BadRequest("The template is empty.", hint="Write a prompt such as 'Classify: {review}'.")
        known = list(columns)
        pieces: list[str | Column] = []
        at = 0
        for found in _BRACES.finditer(template):
            escaped, braces, double, single = found.groups()
            name = double or single
            if name not in known:
                if not _NAME.fullmatch(name):
                    continue
                if not escaped:
                    raise _no_column(braces, name, known)
            pieces.append(template[at : found.start()])
            pieces.append(braces if escaped else Column(name))
            at = found.end()
        pieces.append(template[at:])
        return cls(tuple(piece for piece in pieces if piece != ""))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it uses, each once."""
        return tuple(dict.fromkeys(piece.name for piece in self.pieces if isinstance(piece, Column)))

    def fill(self, values: Mapping[str, Any]) -> str:
        """The prompt for one row."""
        return "".join(
            as_text(values[piece.name]) if isinstance(piece, Column) else piece for piece in self.pieces
        )


def as_text(value: Any) -> str:
    """A value as a model should read it: text as it is, lists and mappings as JSON, the rest by ``str``."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _no_column(braces: str, name: str, known: list[str]) -> BadRequest:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return BadRequest(
        f"{braces}: there is no column {name!r}.",
        why=f"Did you mean {near[0]!r}?" if near else f"The columns are {listed}." if known else "",
        hint=f"Nothing was sent. Write \\{braces} to mean the braces themselves.",
    )
