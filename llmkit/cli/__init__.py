"""The command line. ``main`` turns what happens into words and an exit code; the commands are ``app.py``'s.

>>> main(["--version"])  # doctest: +SKIP
0
"""

from __future__ import annotations

import _thread
import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

#: What the exit code says. ``docs/cli.md`` has the same.
GOOD, FAILED, WRONG, STOPPED = 0, 1, 2, 130
_A_MOMENT = 0.01  # seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the result is the exit code.

    0: good. 1: the call failed, or something wrong was found. 2: it can't be done so (a wrong option, no key, an
    unknown model, a broken configuration): nothing was sent. 130: stopped by Ctrl-C.
    """
    _have_an_output()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a character that the terminal can't write is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        with _no_interrupt_lost():
            return _run(arguments)
    except KeyboardInterrupt:  # also while everything is still being loaded
        print("stopped", file=sys.stderr)
        return STOPPED


def _run(arguments: Sequence[str] | None) -> int:
    import click

    from llmkit.cli.app import Unread, app
    from llmkit.core.errors import ConfigError, LLMKitError

    try:
        code = app.main(arguments, prog_name="llmkit", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except LLMKitError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return WRONG if isinstance(error, ConfigError) else FAILED
    except Unread:
        _nobody_reads()
        return GOOD
    except OSError as error:  # a full disk under the output, a directory as the input
        with contextlib.suppress(OSError):
            print(f"It can't be read or written: {error.strerror or error}.", file=sys.stderr)
        _nobody_reads()
        return FAILED
    return code if isinstance(code, int) else GOOD


@contextlib.contextmanager
def _no_interrupt_lost() -> Iterator[None]:
    """Ctrl-C in a callback of Python's own (of an import's lock, of a weak reference) would be printed and forgotten:
    it is raised anew once the callback is over."""
    before = sys.unraisablehook

    def again(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            threading.Timer(_A_MOMENT, _thread.interrupt_main).start()
        else:
            before(lost)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


def _have_an_output() -> None:
    """Closed by the shell (``>&-``), an output is nothing at all; what is written to it goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - it stays open


def _nobody_reads() -> None:
    """The reader of our output went away, as ``| head`` does: what is left in the buffer is nobody's."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


if __name__ == "__main__":
    raise SystemExit(main())
