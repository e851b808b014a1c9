"""``{{ expr }}`` in a prompt becomes the expression's value: words, a table, a picture. Single braces are never touched.

One pass: what a value contains is not expanded again. A value that holds a known API key is refused.
Tables are made in ``tables.py``, pictures in ``figures.py``; sending the prompt is the business of ``magics.py``.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.messages import FilePart, Part, TextPart
from llmkit.engine.figures import picture_of, refuse_keys
from llmkit.engine.tables import is_table, table
from llmkit.notebook.listing import short
from llmkit.notebook.visible import strip_tags

LONGEST_VALUE = 200_000

_OPEN = re.compile(r"(\\?)(\{{2,})")
_SINGLE = re.compile(r"(?<![{$\\])\{([A-Za-z_]\w*)\}(?!\})")
#: Names that IPython puts among the user's.
SHELL = ("In", "Out", "exit", "quit", "open", "get_ipython")
_RAW = "Write \\{{ to mean the braces themselves, or use --raw to send the whole prompt as it is."


@dataclass(frozen=True, slots=True)
class Filled:
    """A prompt with its values in, pictures where they stood, and what the user should know about it."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Its words."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


def fill(template: str, names: Mapping[str, Any]) -> Filled:
    """Replace every ``{{ expr }}``.

    >>> fill('{"n": {{ n + 1 }}, "f": "{{ x:.1f }}"}', {"n": 1, "x": 2.55}).text
    '{"n": 2, "f": "2.5"}'
    """
    out: list[Part] = []
    notes: list[str] = []
    literal: list[str] = []  # what stands outside of {{ }}
    at = 0
    while (found := _OPEN.search(template, at)) is not None:
        inner = found.end()
        if found[1]:  # \{{ stands for the braces
            literal.append(template[at : found.start()])
            out += [TextPart(template[at : found.start()]), TextPart(found[2])]
            at = inner
            continue
        out.append(TextPart(template[at : inner - 2]))
        literal.append(template[at : inner - 2])
        expression, spec, at = _expression(template, inner)
        if expression is None:
            if template.find("}}", inner) == -1:
                notes.append(f"{{{{ {short(template[inner:], 30)} is never closed; it was sent as it is.")
            out.append(TextPart("{{"))
            at = inner
            continue
        value = _evaluate(expression, names)
        parts, more = as_parts(value, spec, expression)
        notes += more
        if spec or not is_table(value):
            out += parts
            continue
        # A table in the midst of a sentence gets lines of its own, or it would be no table to whoever reads it.
        out = [*_on_a_new_line(out), *parts]
        if template[at:].partition("\n")[0].strip():
            out.append(TextPart("\n\n"))
            at = len(template) - len(template[at:].lstrip(" "))
    out.append(TextPart(template[at:]))
    literal.append(template[at:])
    return Filled(_joined(out), (*notes, *_hint("\n".join(literal), names)))


def _on_a_new_line(parts: list[Part]) -> list[Part]:
    """The same, where a line that has begun is ended."""
    *before, last = _joined(parts)
    if isinstance(last, TextPart) and last.text.rpartition("\n")[2].strip():
        last = TextPart(f"{last.text.rstrip(' ')}\n\n")
    return [*before, last]


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Neighbouring words as one part; at least one."""
    out: list[Part] = []
    for part in parts:
        if isinstance(part, TextPart) and out and isinstance(out[-1], TextPart):
            out[-1] = TextPart(out[-1].text + part.text)
        elif not isinstance(part, TextPart) or part.text:
            out.append(part)
    return tuple(out) or (TextPart(""),)


def _expression(template: str, start: int) -> tuple[str | None, str, int]:
    """The expression that begins at ``start``, its format spec, and where the template goes on."""
    end = template.find("}}", start)
    if end == -1 or not template[start:end].strip():
        return None, "", start
    first = template[start:end]
    while end != -1:
        source = template[start:end]
        if (split := _split(source)) is not None:
            return split[0], split[1], end + 2
        end = template.find("}}", end + 1)
    raise BadRequest(
        f"{{{{ {short(first)} }}}} is not a Python expression.", why="Nothing was sent.", hint=_RAW
    )


def _split(source: str) -> tuple[str, str] | None:
    """Expression and format spec, if this is an expression."""
    source = source.strip()
    if _compiles(source):
        return source, ""
    for colon in (match.start() for match in re.finditer(":", source)):
        if _compiles(source[:colon]):
            return source[:colon].strip(), source[colon + 1 :].strip()
    return None


def _compiles(source: str) -> bool:
    try:
        ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    code = compile(expression, "<prompt>", "eval")
    scope = dict(names)
    scope.setdefault("__builtins__", builtins)
    try:
        return eval(code, scope)  # noqa: S307 - the user's own expression, over the user's own names
    except NameError as error:
        missing = error.name or expression
        near = difflib.get_close_matches(
            missing, [n for n in names if not n.startswith("_") and n not in SHELL], n=1
        )
        raise BadRequest(
            f"{{{{ {short(expression)} }}}}: there is no variable {missing!r}.",
            why=f"Did you mean {near[0]!r}? Nothing was sent." if near else "Nothing was sent.",
            hint=_RAW,
        ) from None
    except BadRequest:  # Err, where there was none
        raise
    except Exception as error:  # noqa: BLE001 - whatever the user's expression may raise
        raise BadRequest(
            f"{{{{ {short(expression)} }}}} failed: {type(error).__name__}: {short(_masked(str(error)), 200)}",
            why="Nothing was sent.",
            hint=_RAW,
        ) from None


def as_parts(value: Any, spec: str = "", source: str = "value") -> tuple[list[Part], list[str]]:
    """A value as a model should get it, and notes: pictures as pictures, everything else in words.

    What an object's own ``__llm__()`` gives (text, a picture, a part, or a list of those) comes first.
    """
    label = f"{{{{ {short(source)} }}}}"
    if not spec and callable(own := getattr(type(value), "__llm__", None)):
        given = own(value)
        parts: list[Part] = []
        notes: list[str] = []
        for one in given if isinstance(given, list | tuple) else [given]:
            more, news = _own_part(one, source)
            parts += more
            notes += news
        return parts, notes
    if not spec and isinstance(value, TextPart | FilePart):
        if isinstance(value, FilePart) and value.data is not None:
            refuse_keys(value.data, label)
        return [value], []
    if not spec and (picture := picture_of(value, label)) is not None:
        return [picture[0]], picture[1]
    text, notes = as_text(value, spec, source)
    return [TextPart(text)], notes


def _own_part(given: Any, source: str) -> tuple[list[Part], list[str]]:
    if given is None or callable(getattr(type(given), "__llm__", None)):
        raise BadRequest(
            f"{{{{ {short(source)} }}}}: its __llm__() gave {'nothing' if given is None else 'another such object'}.",
            why="Nothing was sent.",
            hint="Return text, a picture, an llmkit part, or a list of those.",
        )
    return as_parts(given, source=source)


def as_text(value: Any, spec: str = "", source: str = "value") -> tuple[str, list[str]]:
    """A value in words, and notes about what was left out: strings as they are, tables as Markdown, the
    rest by ``str``."""
    notes: list[str] = []
    if spec:
        try:
            text = format(value, spec)
        except (ValueError, TypeError) as error:
            raise BadRequest(
                f"{{{{ {short(source)}:{spec} }}}}: that format does not fit.",
                why=f"{error}. Nothing was sent.",
                hint=_RAW,
            ) from None
    elif is_table(value):
        text, notes = table(value, short(source))
    else:
        _refuse_nameless(value, source)
        text = str(value)
    if len(text) > LONGEST_VALUE:
        notes.append(
            f"{{{{ {short(source)} }}}} is long: its first {LONGEST_VALUE:,} of {len(text):,} characters were sent."
        )
        text = text[:LONGEST_VALUE]
    text, hidden = strip_tags(text)
    if hidden:
        notes.append(
            f"{{{{ {short(source)} }}}} held {hidden:,} invisible tag characters; they were not sent."
        )
    _refuse_secrets(text, source)
    return text, notes


def _refuse_nameless(value: Any, source: str) -> None:
    kind = type(value)
    if callable(value) and not isinstance(value, type):
        raise BadRequest(
            f"{{{{ {short(source)} }}}} is a function.",
            why="Nothing was sent.",
            hint=f"Call it: {{{{ {short(source)}() }}}}.",
        )
    wordless: Any = (object.__repr__, object.__str__)
    if (kind.__repr__, kind.__str__) == wordless:
        raise BadRequest(
            f"{{{{ {short(source)} }}}} is a {kind.__name__}, which has no words for itself.",
            why="Nothing was sent.",
            hint=f"Give {kind.__name__} an __llm__() method that returns text or a picture, or send one of its attributes.",
        )


def _refuse_secrets(text: str, source: str) -> None:
    for secret in _known_secrets():
        if len(secret) >= 8 and secret in text:
            raise BadRequest(
                f"{{{{ {short(source)} }}}} holds an API key.",
                why="A key in a prompt would be sent to the provider and kept in logs. Nothing was sent.",
                hint="Send something else; keys are found by name and never need to be in a prompt.",
            )


def _masked(text: str) -> str:
    from llmkit.providers.keyshapes import redact

    return redact(text)


def _known_secrets() -> frozenset[str]:
    from llmkit.providers.keys import known_secrets

    return known_secrets()


# -- hints --------------------------------------------------------------------------------------


def _hint(template: str, names: Mapping[str, Any]) -> list[str]:
    for found in _SINGLE.finditer(template):
        name = found[1]
        if name in names and name not in SHELL and not name.startswith("_"):
            return [f"{{{name}}} was sent as it is; write {{{{ {name} }}}} to send the variable's value."]
    return []
