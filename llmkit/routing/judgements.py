"""What you found of models, kept for the next kernel: one file of yours, a line for each word that was said.

Lines are only ever added, each in one write, so that kernels side by side lose nothing; of two with the same source the
later counts. In it are names of models, counts and fingerprints, never a prompt or an answer.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmkit.core.home import data_directory
from llmkit.routing.verdicts import Judged, Met, Verdict, Verdicts

_FILE = "judgements.jsonl"


class Judgements:
    """The verdicts of this user. May be asked from any thread."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._seen: tuple[Path, int, int] | None = None
        self._found = Verdicts()
        #: What could not be written, in this process alone.
        self._unwritten: dict[str, Verdict] = {}

    @property
    def path(self) -> Path:
        """Where they are kept."""
        return data_directory() / _FILE

    def all(self) -> Verdicts:
        """All that was said, by any kernel, up to now."""
        path = self.path
        with self._lock:
            try:
                stat = path.stat()
                seen = (path, stat.st_mtime_ns, stat.st_size)
                if seen != self._seen:
                    self._found, self._seen = self._read(path), seen
            except FileNotFoundError:
                self._found, self._seen = Verdicts(), None
            except OSError as error:
                self._tell(f"What you found of models can't be read ({path}): {error.strerror or error}.")
            if not self._unwritten:
                return self._found
            said = {one.source: one for one in self._found.said}
            return Verdicts(tuple((said | self._unwritten).values()))

    def add(self, verdict: Verdict) -> None:
        """Keep it. Where that can't be, it holds for this process, and that is said."""
        path = self.path
        line = (json.dumps(_plain(verdict), ensure_ascii=False) + "\n").encode()
        with self._lock:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
                try:
                    if os.write(handle, _end(handle) + line) < len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                finally:
                    os.close(handle)
                self._unwritten.pop(verdict.source, None)
            except OSError as error:
                self._unwritten[verdict.source] = verdict
                self._tell(
                    f"What you found of models is not kept ({path}): {error.strerror or error}. It holds here."
                )

    def forget(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._unwritten.clear()
            self.path.unlink(missing_ok=True)

    def _read(self, path: Path) -> Verdicts:
        found: dict[str, Verdict] = {}
        odd = 0
        for line in path.read_text("utf-8", errors="replace").split("\n"):
            if not line.strip():
                continue
            try:
                one = _verdict(json.loads(line))
            except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
                odd += 1
                continue
            found.pop(one.source, None)
            found[one.source] = one
        if odd:
            self._tell(
                f"{odd} line{'s' if odd > 1 else ''} of {path} can't be read, and {'are' if odd > 1 else 'is'} left out."
            )
        return Verdicts(tuple(found.values()))


def _end(handle: int) -> bytes:
    """The end of a line that was not written whole (a full disk, a kernel that died), or nothing."""
    if not os.fstat(handle).st_size:
        return b""
    os.lseek(handle, -1, os.SEEK_END)
    return b"" if os.read(handle, 1) == b"\n" else b"\n"


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "source": verdict.source,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "met": [[pair.a, pair.b, pair.points, pair.of] for pair in verdict.met],
        "shares": {name: [each.share, each.of] for name, each in verdict.shares.items()},
    }


def _verdict(plain: dict[str, Any]) -> Verdict:
    return Verdict(
        str(plain["source"]),
        tuple(
            Met(str(a), str(b), float(points), int(of)) for a, b, points, of in plain["met"] if int(of) > 0
        ),
        {
            str(name): Judged(float(share), int(of))
            for name, (share, of) in plain["shares"].items()
            if int(of) > 0
        },
    )
