"""The last exception of the notebook, as a model should read it: its type, its words, and the user's own frames.

What is a key, or spelled like one, is masked. Asking a model about it is the business of ``fix.py``.
"""

from __future__ import annotations

import linecache
import re
import site
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.notebook.options import is_usage_error
from llmkit.notebook.visible import to_text
from llmkit.providers.keyshapes import redact

_MESSAGE, _FRAMES, _CHAIN, _LONGEST = 2_000, 12, 3, 8_000
_CELL = re.compile(r"ipykernel_\d+|<ipython-input-|<ipython-")


@dataclass(frozen=True, slots=True)
class Trouble:
    """An exception that a cell ended with. ``source`` is that cell, ``number`` its number, where they are known."""

    error: BaseException
    source: str | None = None
    number: int | None = None

    def __llm__(self) -> str:
        """Its words, as they stand for ``{{ Err }}``."""
        return described(self.error)

    def __str__(self) -> str:
        return described(self.error)

    @property
    def frames(self) -> list[Any]:
        """The frames of cells that it went through, the outermost first."""
        walked = traceback.walk_tb(self.error.__traceback__)
        return [frame for frame, _ in walked if _CELL.search(frame.f_code.co_filename)]


class NoTrouble:
    """Stands for ``Err`` where nothing went wrong yet."""

    def __llm__(self) -> str:
        """There is nothing to say."""
        raise no_trouble()


class Witness:
    """Remembers how the last cell that failed, failed. llmkit's own errors are not remembered: they say what to do."""

    def __init__(self) -> None:
        self._seen: Trouble | None = None

    def note_trouble(self, result: Any) -> None:
        """For IPython's ``post_run_cell``."""
        error = result.error_in_exec or result.error_before_exec
        if error is None or _says_itself(error):
            return
        source = getattr(result.info, "raw_cell", None)
        # IPython counts on before or after the cell, depending on its version.
        self._seen = Trouble(error, source, result.execution_count)

    def last(self) -> Trouble | None:
        """The last trouble; of what was before llmkit was loaded, the exception alone is known."""
        if self._seen is not None:
            return self._seen
        error = getattr(sys, "last_value", None)
        if error is None or _says_itself(error):
            return None
        return Trouble(error)


def _says_itself(error: BaseException) -> bool:
    """Does it need no explanation, or is it no fault?"""
    return isinstance(error, LLMKitError | KeyboardInterrupt | SystemExit) or is_usage_error(error)


def no_trouble() -> BadRequest:
    """The error where an exception was asked for and there is none."""
    return BadRequest(
        "There was no exception yet.",
        why="No cell has failed since this kernel started. Nothing was sent.",
        hint="Run the cell that fails, then ask again.",
    )


def described(error: BaseException) -> str:
    """The exception, those it came from, and the frames that are the user's own; keys masked.

    >>> try:
    ...     1 / 0
    ... except ZeroDivisionError as caught:
    ...     print(described(caught).splitlines()[0])
    ZeroDivisionError: division by zero
    """
    chain = [error]
    while len(chain) < _CHAIN and (earlier := _cause(chain[-1])) is not None:
        chain.append(earlier)
    told = [_one(each) for each in chain]
    text = "\n\nIt came from:\n\n".join(told)
    clean = redact(to_text(text))
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}\n… (cut)"


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _one(error: BaseException) -> str:
    words = "".join(traceback.format_exception_only(error)).rstrip()
    if len(words) > _MESSAGE:
        words = f"{words[:_MESSAGE]}… ({len(words):,} characters)"
    if isinstance(error, BaseExceptionGroup):
        within = (f"- {type(one).__name__}: {one}"[:300] for one in error.exceptions[:5])
        words = "\n".join([words, *within])
    frames = list(_frames(error))
    return "\n".join([words, "", "Traceback (most recent call last):", *frames]) if frames else words


def _frames(error: BaseException) -> Iterator[str]:
    """The user's frames with their line; runs of other people's as one line, which names the last of them."""
    walked = list(traceback.walk_tb(error.__traceback__))
    lines: list[str] = []
    others: list[str] = []
    for frame, number in walked:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if _is_ours(file):
            continue
        if not _is_users(file):
            others.append(f"{_package(file)}, in {name}")
            continue
        if others:
            lines.append(_run(others))
            others = []
        place = "Cell" if _CELL.search(file) else f'File "{Path(file).name}"'
        inside = "" if name == "<module>" else f", in {name}"
        code = linecache.getline(file, number, frame.f_globals).strip()
        lines.append(f"  {place}, line {number}{inside}\n    {code}")
    if others and lines:
        lines.append(_run(others))
    if len(lines) > _FRAMES:
        half = _FRAMES // 2
        lines = [*lines[:half], f"  … {len(lines) - _FRAMES} more frames …", *lines[-half:]]
    yield from lines


def _run(others: list[str]) -> str:
    count = "a frame" if len(others) == 1 else f"{len(others)} frames"
    return f"  … {count} of libraries, the last in {others[-1]}"


def _is_ours(file: str) -> bool:
    """IPython, between the cell and its caller."""
    return "/IPython/core/" in file.replace("\\", "/")


def _is_users(file: str) -> bool:
    if _CELL.search(file):
        return True
    if file.startswith("<"):
        return False
    folders = {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    folders.add(site.getusersitepackages())
    return not any(file.startswith(folder) for folder in folders)


def _package(file: str) -> str:
    parts = Path(file).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1].removesuffix(".py")
    return Path(file).stem
