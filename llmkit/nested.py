"""Nested event loops, asked for by name and never at import: ``llmkit.nested.enable()``.

llmkit needs none of this: a cell waits in plain code while an I/O thread works. It is for tools and objects that
are bound to the kernel's own loop (a client, a lock, a session made in an async cell), and for pasted
``asyncio.run(main())``. nest-asyncio2 does it wherever it is installed; nest-asyncio only where that is sound.

>>> llmkit.nested.enable()  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from typing import Any

from llmkit.core.errors import LLMKitError, MissingPackage

_BEST, _OLD = "nest_asyncio2", "nest_asyncio"
#: From this ipykernel on, nest-asyncio loses the cells that wait in the queue.
_LOSES_CELLS = (7, 1)
_LATEST_PYTHON = (3, 14)
_STEP_SECONDS = 0.02

_enabled: asyncio.AbstractEventLoop | None = None
_package: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What there is. ``warning`` tells of a nest-asyncio that somebody else applied where it does harm."""

    enabled: bool
    package: str | None
    reason: str = ""
    warning: str = ""


def enable() -> Status:
    """Let the running loop be entered again, so that a cell may wait for coroutines of its own loop.

    Call it in a cell (or wherever a loop runs). Raises with the reason where it would do harm.

    >>> llmkit.nested.enable()  # doctest: +SKIP
    Status(enabled=True, package='nest_asyncio2', reason='', warning='')
    """
    global _enabled, _package
    package, reason = _choose()
    if package is None:
        raise _no_package(reason)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise LLMKitError(
            "There is no running event loop here to be nested.",
            why="Outside a notebook, asyncio.run() works as it is.",
            hint="Call it in a cell, or inside a coroutine.",
        ) from None
    if warning := _foreign():
        raise LLMKitError(
            "The event loop is already patched.",
            why=warning,
            hint="Restart the kernel, and enable this first.",
        )
    importlib.import_module(package).apply(loop)
    _enabled, _package = loop, package
    return status()


def status() -> Status:
    """Whether loops are nested, by what, and why they can't be where they can't. Changes nothing.

    >>> status().enabled
    False
    """
    package, reason = _choose()
    return Status(_enabled is not None and not _enabled.is_closed(), _package or package, reason, _foreign())


def loop_here() -> asyncio.AbstractEventLoop | None:
    """The nested loop, if it is the one that runs in this very thread."""
    if _enabled is None:
        return None
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return running if running is _enabled else None


def move_on(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Let the loop work for a moment, from inside one of its own callbacks."""
    loop.run_until_complete(asyncio.sleep(min(seconds, _STEP_SECONDS)))


def _choose() -> tuple[str | None, str]:
    """The package to use, or why there is none."""
    if importlib.util.find_spec(_BEST) is not None:
        return _BEST, ""
    if importlib.util.find_spec(_OLD) is None:
        return None, "neither nest-asyncio2 nor nest-asyncio is installed"
    harm = _harm_of_the_old_one()
    return (None, f"nest-asyncio {harm}, and nest-asyncio2 is not installed") if harm else (_OLD, "")


def _harm_of_the_old_one() -> str:
    """What nest-asyncio would break in this process."""
    if sys.version_info[:2] >= _LATEST_PYTHON:
        return "breaks asyncio.timeout, task groups and HTTP clients on Python 3.14"
    kernel: Any = sys.modules.get("ipykernel")
    if kernel is not None and tuple(kernel.version_info[:2]) >= _LOSES_CELLS:
        return f"loses queued cells under ipykernel {kernel.__version__} (from 7.1 on)"
    return ""


def _foreign() -> str:
    """Whether somebody else applied nest-asyncio where it does harm."""
    applied = hasattr(asyncio, "_nest_patched") and not hasattr(asyncio, "_nest_asyncio2")
    harm = _harm_of_the_old_one() if applied and _package != _OLD else ""
    return f"Another library has applied nest-asyncio, which {harm}." if harm else ""


def _no_package(reason: str) -> LLMKitError:
    return MissingPackage(
        "Event loops can't be nested here.",
        why=f"{reason[:1].upper()}{reason[1:]}.",
        hint='`pip install "llmkit[nested]"` brings nest-asyncio2.',
    )
