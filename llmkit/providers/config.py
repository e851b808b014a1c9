"""Where a configuration comes from, what of it counts, and on which line it says so.

``llmkit.yaml`` is looked for in the user's directory, then in the project, then ``LLMKIT_CONFIG`` names one;
a later file replaces an entry of an earlier one as a whole, never in parts. A project's file may come from
anybody: it can't trust a host, and what it names is checked more strictly (``building.py``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from llmkit.core.errors import ConfigError, LLMKitError
from llmkit.providers import schema, yamlfile
from llmkit.providers.unusable import UNUSABLE, unusable

FILE_NAME = "llmkit.yaml"
Origin = Literal["given", "user", "project", "LLMKIT_CONFIG"]
MASK = "•••"
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}$")
#: What a file of the project may not say: it would be the stranger who vouches for himself.
_NOT_IN_A_PROJECT = (("trusted_hosts",), ("cell", "yes_tools"), ("cell", "attach"))


@dataclass(frozen=True, slots=True)
class Source:
    """One configuration: a mapping that was given, or a file."""

    origin: Origin
    plain: Mapping[str, Any]
    path: Path | None = None
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict, repr=False)

    @property
    def trusted(self) -> bool:
        """Did the user choose it, rather than find it in a directory?"""
        return self.origin != "project"

    def line(self, path: tuple[str, ...]) -> int | None:
        """The line of that path, or of the nearest thing around it."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None

    def place(self, path: tuple[str, ...]) -> str:
        """In words: "llmkit.yaml, line 3"."""
        if self.path is None:
            return "the mapping given"
        line = self.line(path)
        return f"{self.path}, line {line}" if line else str(self.path)

    def refusal(self, problem: schema.Problem) -> ConfigError:
        """A problem, as the error it is."""
        return _refusal(self, problem.path, f"{problem.what}.", problem.fix)

    def problems(self) -> Iterator[schema.Problem]:
        """What is wrong with its form."""
        yield from schema.problems(self.plain)
        for path in _NOT_IN_A_PROJECT if not self.trusted else ():
            if _value(self.plain, path):
                instead = " or set LLMKIT_TRUSTED_HOSTS" if path == ("trusted_hosts",) else ""
                yield schema.Problem(
                    path,
                    f"a project's file can't say {'.'.join(path)}",
                    f"If you trust it, write it into {user_file()}{instead}.",
                )

    def located(self, error: LLMKitError, otherwise: tuple[str, ...] = ()) -> LLMKitError:
        """The same error with the file and the line, told from the path that its first line names."""
        if self.path is None or str(self.path) in error.what:
            return error
        told = [
            path
            for path in self.lines
            if re.search(rf"(?<![\w.]){re.escape('.'.join(path))}(?!\w)", error.what)
        ]
        at = max(told, key=len, default=otherwise)
        if found := re.search(r"unknown (?:field|section) '([^']+)'", error.what):
            at = (*at, found[1])
        what = error.what.removeprefix(UNUSABLE)
        error.what = f"The configuration {self.path} can't be used: {f'line {line}: ' if (line := self.line(at)) else ''}{what}"
        error.args = (error.what,)
        return error


@dataclass(frozen=True, slots=True)
class Config:
    """All sources together, the later ones first in right."""

    sources: tuple[Source, ...] = ()

    @property
    def plain(self) -> dict[str, Any]:
        """The merged values."""
        merged: dict[str, Any] = {}
        for source in self.sources:
            for section, value in source.plain.items():
                if isinstance(value, Mapping) and isinstance(merged.get(section), Mapping):
                    merged[section] = {**merged[section], **value}
                elif value is not None:
                    merged[section] = value
        return merged

    def without_keys(self) -> Config:
        """The same, with every key and header masked: fit to be kept and shown."""
        return Config(tuple(replace(source, plain=_masked(source.plain)) for source in self.sources))

    def source_of(self, *path: str) -> Source:
        """Who says it; the last word counts."""
        for source in reversed(self.sources):
            if _value(source.plain, path) is not None:
                return source
        return self.sources[-1] if self.sources else Source("given", {})

    def problems(self) -> list[tuple[Source, schema.Problem]]:
        """All that is wrong with the form of any of them."""
        return [(source, problem) for source in self.sources for problem in source.problems()]

    def checked(self) -> Config:
        """Itself, or :class:`ConfigError` for the first problem, which says how many there are."""
        found = self.problems()
        if found:
            source, problem = found[0]
            more = len(found) - 1
            if more:
                fix = f"{problem.fix} `llmkit config check` shows {more} more."
                problem = replace(problem, fix=fix)
            raise source.refusal(problem)
        return self


def load(given: Mapping[str, Any] | str | Path | Config | None) -> Config:
    """A configuration that was given: a mapping, a file's path, or nothing."""
    if isinstance(given, Config):
        return given
    if given is None:
        return Config()
    if isinstance(given, Mapping):
        return Config((Source("given", dict(given)),))
    if not isinstance(given, str | Path) or not str(given).strip():
        wrong = (
            "its path is empty"
            if given == ""
            else f"it is {type(given).__name__}, not a mapping or a file's path"
        )
        raise unusable(wrong, 'For example {"providers": {…}} or "llmkit.yaml".')
    return Config((_read(Path(given), "given"),))


def find() -> Config:
    """The configuration of this user, in this directory."""
    sources = []
    if (user := user_file()).is_file():
        sources.append(_read(user, "user"))
    named = Path(said).expanduser() if (said := os.environ.get("LLMKIT_CONFIG")) else None
    meant = {
        path.resolve() for path in (user, named) if path is not None
    }  # each file counts once, as what it is most
    if (project := project_file()) is not None and project.resolve() not in meant:
        sources.append(_read(project, "project"))
    if named is not None and named.resolve() != user.resolve():
        sources.append(_read(named, "LLMKIT_CONFIG"))
    return Config(tuple(sources))


def user_file() -> Path:
    """Where the user's own configuration is, or would be: in LLMKIT_HOME, or where the system keeps such
    files."""
    if home := os.environ.get("LLMKIT_HOME"):
        return Path(home).expanduser() / FILE_NAME
    if os.name == "nt":
        return Path(os.environ.get("APPDATA") or "~/AppData/Roaming").expanduser() / "llmkit" / FILE_NAME
    base = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return (base if base.is_absolute() else Path("~/.config").expanduser()) / "llmkit" / FILE_NAME


def project_file(start: Path | None = None) -> Path | None:
    """The project's configuration: here, or further up inside the same repository. Outside of one only this
    very directory counts, for directories above may belong to others."""
    here = (Path.cwd() if start is None else start).resolve()
    above = [here, *here.parents]
    root = next((directory for directory in above if (directory / ".git").exists()), here)
    for directory in above[: above.index(root) + 1]:
        if (directory / FILE_NAME).is_file():
            return directory / FILE_NAME
    return None


def _value(plain: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What is written at a path; ``None`` where nothing is."""
    found: Any = plain
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _masked(plain: Mapping[str, Any]) -> dict[str, Any]:
    providers = plain.get("providers")
    if not isinstance(providers, Mapping):
        return dict(plain)
    hidden = {}
    for name, fields in providers.items():
        hidden[name] = fields
        if isinstance(fields, Mapping):
            hidden[name] = dict(fields)
            if (key := fields.get("api_key")) is not None:
                reference = _REFERENCE.match(key) if isinstance(key, str) else None
                otherwise = f":-{MASK}" if reference and reference[2] else ""
                hidden[name]["api_key"] = f"${{{reference[1]}{otherwise}}}" if reference else MASK
            if isinstance(headers := fields.get("headers"), Mapping):
                hidden[name]["headers"] = dict.fromkeys(headers, MASK)
    return {**plain, "providers": hidden}


def _read(path: Path, origin: Origin) -> Source:
    path = path.expanduser()
    written = yamlfile.written(path)
    if not isinstance(written.values, dict | None):
        raise ConfigError(
            f"The configuration {path} can't be used: it holds no mapping.",
            why="A configuration is a mapping with a `providers` section.",
            hint="`llmkit config init` writes one to begin with. Nothing was sent.",
        )
    return Source(origin, written.values or {}, path, written.lines)


def _refusal(source: Source, path: tuple[str, ...], what: str, fix: str) -> ConfigError:
    if source.path is None:
        return ConfigError(f"{UNUSABLE}{what}", why=fix, hint="Nothing was sent.")
    line = source.line(path)
    where = f"line {line}: " if line else ""
    return ConfigError(
        f"The configuration {source.path} can't be used: {where}{what}",
        why=fix,
        hint="Mend that line. Nothing was sent.",
    )
