"""A YAML file as plain values and the line of each: nothing but data, no name twice, nothing that grows when
it is read.

What a configuration may say is the business of ``schema.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import ConfigError

if TYPE_CHECKING:
    import yaml

_LARGEST_FILE = 1_000_000
#: Values in a file once every alias is written out.
_MOST_VALUES = 20_000


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds, and the line on which each path of names begins."""

    values: Any = None
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)


def read(path: Path) -> Any:
    """What the file holds; :class:`ConfigError` with the line where it can't be used."""
    return written(path).values


def written(path: Path) -> Written:
    """What the file holds, with its lines."""
    import yaml

    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise _bad(path, "it is larger than 1 MB", "That is no configuration.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(path, "it can't be read", f"{getattr(error, 'strerror', None) or error}.") from None
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return Written()
            _check(path, node)
            lines = dict(_lines((), node))
            return Written(loader.construct_document(node), lines)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark is not None else ""
        fix = _yaml_fix(text, mark.line if mark is not None else None, str(error.problem or ""))
        raise _bad(path, f"it is not valid YAML{line}", f"{error.problem or error.context}.", fix) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        why = "It is nested too deeply." if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise _bad(path, "it is not valid YAML", why) from None


def _yaml_fix(text: str, line: int | None, problem: str) -> str:
    """What is most often meant by such a mistake."""
    wrong = "".join(text.splitlines()[line : line + 1]) if line is not None else ""
    if wrong.lstrip(" ").startswith("\t"):
        return "Indent with spaces, not with tabs."
    if "mapping values are not allowed" in problem:
        return 'Put a value that holds ": " in quotes, and check the indentation.'
    if "could not determine a constructor" in problem:
        return "Only plain values are read: take the tag out."
    return "Check the indentation, the quotes and the brackets of that line and the one above."


def _lines(path: tuple[str, ...], node: yaml.Node) -> Iterator[tuple[tuple[str, ...], int]]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, str(key.value)), _line(key)
            yield from _lines((*path, str(key.value)), value)
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            yield (*path, str(at)), _line(value)
            yield from _lines((*path, str(at)), value)


def _check(path: Path, root: yaml.Node) -> None:
    """No name twice in a mapping, no alias of itself, and no small file that means something huge."""
    sizes: dict[int, int] = {}
    under: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in under:
            raise _bad(path, f"line {_line(node)} holds itself", "An alias stands inside its own anchor.")
        if id(node) not in sizes:
            under.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(path, node))
            under.discard(id(node))
        return sizes[id(node)]

    if size(root) > _MOST_VALUES:
        raise _bad(path, "its aliases make it huge", f"It would hold more than {_MOST_VALUES} values.")


def _children(path: Path, node: yaml.Node) -> list[yaml.Node]:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if not isinstance(node, yaml.MappingNode):
        return []
    names: dict[str, int] = {}
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if not isinstance(key, yaml.ScalarNode) or key.tag not in (_TEXT, _MERGE):
            raise _bad(path, f"line {_line(key)} has a name that is no text", f"Put it in quotes: {name!r}.")
        if name in names and key.tag != _MERGE:
            raise _bad(
                path,
                f"{name!r} stands twice, in lines {names[name]} and {_line(key)}",
                "One would be lost.",
                "Keep one of them.",
            )
        names[name] = _line(key)
    return [value for _, value in node.value]


_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _bad(path: Path, what: str, why: str, fix: str = "") -> ConfigError:
    hint = f"{fix} Nothing was sent.".strip()
    return ConfigError(f"The configuration {path} can't be used: {what}.", why=why, hint=hint)
