"""What cells do where their line doesn't say: ``%config LLMKit.NAME = VALUE``, and the ``cell:`` section of a file.

The nearest word counts: the cell's line, ``%config`` (or IPython's own configuration), the project's
``llmkit.yaml``, the user's configuration, what is built in. Here are the names, where their values come from and
which of them is in force; what they do is ``magics.py``'s business.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from traitlets import Bool, Enum, Float, Integer, TraitError, Unicode, Union
from traitlets.config import Config, Configurable

from llmkit.core.errors import ConfigError
from llmkit.engine.session import default_session
from llmkit.notebook.formats import FORMATS
from llmkit.notebook.live import MODES
from llmkit.notebook.options import THINK
from llmkit.providers import config as configs
from llmkit.providers import yamlfile
from llmkit.providers.registry import Registry

FILE_NAME = configs.FILE_NAME
SECTION = "cell"
#: What a project that somebody else wrote must not decide.
_NOT_FOR_PROJECTS = ("yes_tools",)


def _above_zero(kind: type[Any], words: str) -> Any:
    least = 1 if kind is Integer else 1e-9
    return kind(None, allow_none=True, min=least, help=words).tag(config=True)


class LLMKit(Configurable):
    """What cells do where their line doesn't say. An empty value (``""`` or ``None``) leaves it to the files."""

    model = Unicode("", help="The model when a cell names none (as %%llm takes it).").tag(config=True)
    system = Unicode("", help="The system prompt when a cell gives none.").tag(config=True)
    temperature = Float(None, allow_none=True, min=0, help="How freely to choose words.").tag(config=True)
    max_tokens = _above_zero(Integer, "The longest answer, in tokens.")
    think = Union(
        [Enum(["", *THINK]), Integer(min=0)],
        default_value="",
        help=f"How hard to think: {', '.join(THINK)}, or a number of tokens.",
    ).tag(config=True)
    timeout = _above_zero(Float, "Seconds after which a cell gives up.")
    budget = _above_zero(Float, "Dollars that one cell may cost at most.")
    tag = Unicode("", help="The tag of a cell's calls in usage().").tag(config=True)
    raw = Bool(False, help="Send prompts as they are: {{ }} means nothing.").tag(config=True)
    quiet = Bool(False, help="Show nothing; the reply is still returned.").tag(config=True)
    history = Bool(True, help="Do cells go on from the cells before?").tag(config=True)
    conversation = Unicode("", help="The conversation that cells belong to when they name none.").tag(
        config=True
    )
    format = Enum(["", *FORMATS], default_value="", help="What answers are made into.").tag(config=True)
    display = Enum(
        ["", *MODES],
        default_value="",
        help="live: as it comes; html: without the pane; final: once, at the end; none. Empty: as LLMKIT_DISPLAY says.",
    ).tag(config=True)

    def in_force(self, name: str) -> Setting:
        """The value of a setting and where it comes from.

        >>> LLMKit().in_force("history")
        Setting(value=True, origin='built in')
        """
        value = getattr(self, name)
        if name in self.config.get("LLMKit", {}) and value not in ("", None):
            return Setting(value, "%config")
        for origin, values in _files():
            if name in values:
                return Setting(values[name], origin)
        return Setting(self.traits()[name].default_value, "built in")

    def value(self, name: str) -> Any:
        """The value that is in force; empty ones are ``None``."""
        value = self.in_force(name).value
        return None if value == "" else value

    def put(self, name: str, value: Any) -> None:
        """What ``%config LLMKit.NAME = VALUE`` does."""
        self.update_config(Config({"LLMKit": {name: value}}))


@dataclass(frozen=True, slots=True)
class Setting:
    """A value in force, and who said so."""

    value: Any
    origin: str


def names() -> list[str]:
    """The settings there are."""
    return sorted(LLMKit.class_own_traits(config=True))


def _files() -> list[tuple[str, Mapping[str, Any]]]:
    """The ``cell:`` sections that hold here, the nearest first.

    A configuration that is named (LLMKIT_CONFIG, or the session's own) stands for the project's.
    """
    registry = default_session().registry
    found: list[tuple[str, Mapping[str, Any]]] = []
    if registry.source is not None or SECTION in registry.settings:
        if registry not in _given:
            _given[registry] = checked(registry.settings.get(SECTION), registry.source)
        where = "the configuration" if registry.source is None else str(registry.source)
        found.append((where, _given[registry]))
    elif (project := configs.project_file()) is not None:
        found.append((FILE_NAME, _section(project, refused=_NOT_FOR_PROJECTS)))
    found.append((users_file(), _section(configs.user_file())))
    return found


def users_file() -> str:
    """The user's own configuration, as one writes its path."""
    return _at_home(configs.user_file())


_given: WeakKeyDictionary[Registry, Mapping[str, Any]] = WeakKeyDictionary()
_read: dict[Path, tuple[tuple[int, int], Mapping[str, Any]]] = {}


def _section(path: Path, refused: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """The ``cell:`` section of a file that may not be there; read again when it has changed."""
    try:
        path = path.resolve()
        state = path.stat()
    except OSError:
        return {}
    stamp = (state.st_mtime_ns, state.st_size)
    if path not in _read or _read[path][0] != stamp:
        plain = yamlfile.read(path)
        if not isinstance(plain, Mapping | None):
            raise _bad(path, "it holds no mapping", "A configuration is a mapping of sections.")
        values = checked((plain or {}).get(SECTION), path)
        for name in refused:
            if name in values:
                line = yamlfile.line_of(path, SECTION, name)
                raise _bad(
                    path,
                    f"`{name}` in line {line} is not for a project to decide",
                    f"It stands in the user's own {users_file()}, or after %config LLMKit.",
                )
        _read[path] = (stamp, values)
    return _read[path][1]


def checked(section: Any, path: Path | None = None) -> Mapping[str, Any]:
    """A ``cell:`` section whose names and values are good; :class:`ConfigError` with the line for any other.

    >>> checked({"model": "luna", "history": False})["history"]
    False
    """
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise _bad(path, f"`{SECTION}` is no mapping", "Write one `name: value` a line below it.")
    holder, values = LLMKit(), {}
    for name, value in section.items():
        if name not in names():
            near = difflib.get_close_matches(str(name), names(), n=1)
            raise _bad(
                path,
                f"`{SECTION}` has an unknown name {str(name)!r}{_line(path, name)}",
                f"Did you mean {near[0]!r}?" if near else f"Its names are {', '.join(names())}.",
            )
        try:
            # YAML reads `think: off` as a truth value
            setattr(holder, name, "off" if name == "think" and value is False else value)
        except TraitError:
            wanted = LLMKit.class_own_traits()[name]
            raise _bad(
                path,
                f"`{SECTION}.{name}`{_line(path, name)} can't be {value!r}",
                f"It is {wanted.info()}: {wanted.help}",
            ) from None
        if value is not None and value != "":
            values[name] = getattr(holder, name)
    return values


def _line(path: Path | None, name: str) -> str:
    line = None if path is None else yamlfile.line_of(path, SECTION, name)
    return "" if line is None else f" in line {line}"


def _at_home(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


def _bad(path: Path | None, what: str, why: str) -> ConfigError:
    whose = "The configuration" if path is None else f"The configuration {path}"
    return ConfigError(f"{whose} can't be used: {what}.", why=why, hint="Nothing was sent.")
