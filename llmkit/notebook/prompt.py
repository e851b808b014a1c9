"""``{{ expr }}`` in a prompt becomes the expression's value. Single braces are never touched.

One pass: what a value contains is not expanded again. A value that holds a known API key is refused.
Sending the prompt, and the magics that call this, live in ``magics.py``.
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
from llmkit.notebook.visible import strip_tags

ROWS, COLUMNS, CELL = 20, 12, 200
LONGEST_VALUE = 200_000

_OPEN = re.compile(r"(\\?)(\{{2,})")
_SINGLE = re.compile(r"(?<![{$\\])\{([A-Za-z_]\w*)\}(?!\})")
_SHELL = ("In", "Out", "exit", "quit", "open", "get_ipython")
_RAW = "Write \\{{ to mean the braces themselves, or use --raw to send the whole prompt as it is."


@dataclass(frozen=True, slots=True)
class Filled:
    """A prompt with its values in, and what the user should know about it."""

    text: str
    notes: tuple[str, ...] = ()


def fill(template: str, names: Mapping[str, Any]) -> Filled:
    """Replace every ``{{ expr }}``.

    >>> fill('{"n": {{ n + 1 }}, "f": "{{ x:.1f }}"}', {"n": 1, "x": 2.55}).text
    '{"n": 2, "f": "2.5"}'
    """
    out: list[str] = []
    notes: list[str] = []
    at = 0
    while (found := _OPEN.search(template, at)) is not None:
        inner = found.end()
        if found[1]:  # \{{ stands for the braces
            out += [template[at : found.start()], found[2]]
            at = inner
            continue
        out.append(template[at : inner - 2])
        expression, spec, at = _expression(template, inner)
        if expression is None:
            out.append("{{")
            at = inner
            continue
        value = _evaluate(expression, names)
        text, more = as_text(value, spec, expression)
        out.append(text)
        notes += more
    out.append(template[at:])
    hint = _hint(template, names)
    return Filled("".join(out), tuple(notes + hint))


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
        f"{{{{ {_short(first)} }}}} is not a Python expression.", why="Nothing was sent.", hint=_RAW
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
        near = difflib.get_close_matches(missing, [n for n in names if not n.startswith("_")], n=1)
        raise BadRequest(
            f"{{{{ {_short(expression)} }}}}: there is no variable {missing!r}.",
            why=f"Did you mean {near[0]!r}? Nothing was sent." if near else "Nothing was sent.",
            hint=_RAW,
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever the user's expression may raise
        raise BadRequest(
            f"{{{{ {_short(expression)} }}}} failed: {type(error).__name__}: {_short(str(error), 200)}",
            why="Nothing was sent.",
            hint=_RAW,
        ) from None


def as_text(value: Any, spec: str = "", source: str = "value") -> tuple[str, list[str]]:
    """A value as a model should read it, and notes about what was left out.

    Strings as they are; tables as Markdown, capped; objects by their ``__llm__()``; the rest by ``str``.
    """
    notes: list[str] = []
    if spec:
        try:
            text = format(value, spec)
        except (ValueError, TypeError) as error:
            raise BadRequest(
                f"{{{{ {_short(source)}:{spec} }}}}: that format does not fit.",
                why=f"{error}. Nothing was sent.",
                hint=_RAW,
            ) from None
    elif callable(own := getattr(type(value), "__llm__", None)):
        text = str(own(value))
    elif _is_pandas(value):
        text, notes = table(value, source)
    else:
        _refuse_nameless(value, source)
        text = str(value)
    if len(text) > LONGEST_VALUE:
        notes.append(
            f"{{{{ {_short(source)} }}}} is long: its first {LONGEST_VALUE:,} of {len(text):,} characters were sent."
        )
        text = text[:LONGEST_VALUE]
    text, hidden = strip_tags(text)
    if hidden:
        notes.append(
            f"{{{{ {_short(source)} }}}} held {hidden:,} invisible tag characters; they were not sent."
        )
    _refuse_secrets(text, source)
    return text, notes


def _refuse_nameless(value: Any, source: str) -> None:
    kind = type(value)
    if callable(value) and not isinstance(value, type):
        raise BadRequest(
            f"{{{{ {_short(source)} }}}} is a function.",
            why="Nothing was sent.",
            hint=f"Call it: {{{{ {_short(source)}() }}}}.",
        )
    wordless: Any = (object.__repr__, object.__str__)
    if (kind.__repr__, kind.__str__) == wordless:
        raise BadRequest(
            f"{{{{ {_short(source)} }}}} is a {kind.__name__}, which has no words for itself.",
            why="Nothing was sent.",
            hint=f"Give {kind.__name__} an __llm__() method that returns text, or send one of its attributes.",
        )


def _refuse_secrets(text: str, source: str) -> None:
    for secret in _known_secrets():
        if len(secret) >= 8 and secret in text:
            raise BadRequest(
                f"{{{{ {_short(source)} }}}} holds an API key.",
                why="A key in a prompt would be sent to the provider and kept in logs. Nothing was sent.",
                hint="Send something else; keys are found by name and never need to be in a prompt.",
            )


def _known_secrets() -> frozenset[str]:
    from llmkit.providers.keys import known_secrets

    return known_secrets()


# -- tables -------------------------------------------------------------------------------------


def _is_pandas(value: Any) -> bool:
    module = type(value).__module__ or ""
    return module.partition(".")[0] == "pandas" and type(value).__name__ in ("DataFrame", "Series")


def table(value: Any, source: str = "value") -> tuple[str, list[str]]:
    """A DataFrame or Series as a Markdown table of at most 20 rows and 12 columns."""
    frame = (
        value.to_frame(name=value.name if value.name is not None else "value") if value.ndim == 1 else value
    )
    rows, columns = frame.shape
    shown = frame.iloc[:ROWS, :COLUMNS]
    plain_index = type(frame.index).__name__ == "RangeIndex"
    head = ["" if frame.index.name is None else str(frame.index.name)] if not plain_index else []
    head += [str(column) for column in shown.columns]
    lines = [_row(head), _row(["---"] * len(head))]
    for label, cells in zip(shown.index, shown.itertuples(index=False, name=None), strict=True):
        lines.append(_row([*([str(label)] if not plain_index else []), *(_cell(cell) for cell in cells)]))
    cut = []
    if rows > ROWS:
        cut.append(f"{ROWS} of {rows:,} rows")
    if columns > COLUMNS:
        cut.append(f"{COLUMNS} of {columns:,} columns")
    if not cut:
        return "\n".join(lines), []
    said = f"{' and '.join(cut)}"
    return "\n".join([*lines, "", f"({said} shown)"]), [f"{{{{ {_short(source)} }}}}: {said} were sent."]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


# -- hints --------------------------------------------------------------------------------------


def _hint(template: str, names: Mapping[str, Any]) -> list[str]:
    for found in _SINGLE.finditer(template):
        name = found[1]
        if name in names and name not in _SHELL and not name.startswith("_"):
            return [f"{{{name}}} was sent as it is; write {{{{ {name} }}}} to send the variable's value."]
    return []


def _short(text: str, width: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"
