"""The command line. ``main`` turns what happens into words and an exit code; the commands are ``app.py``'s.

>>> main(["--version"])  # doctest: +SKIP
0
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

#: What the exit code says. ``docs/cli.md`` has the same.
GOOD, FAILED, WRONG, STOPPED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the result is the exit code.

    0: good. 1: the call failed, or something wrong was found. 2: it can't be done so (a wrong option, no key, an
    unknown model, a broken configuration): nothing was sent. 130: stopped by Ctrl-C.
    """
    import click

    from llmkit.cli.app import Unread, app
    from llmkit.core.errors import ConfigError, LLMKitError

    try:
        code = app.main(arguments, prog_name="llmkit", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
        return STOPPED
    except LLMKitError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return WRONG if isinstance(error, ConfigError) else FAILED
    except Unread:
        _nobody_reads()
        return GOOD
    return code if isinstance(code, int) else GOOD


def _nobody_reads() -> None:
    """The reader of our output went away, as ``| head`` does: what is left in the buffer is nobody's."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


if __name__ == "__main__":
    raise SystemExit(main())
