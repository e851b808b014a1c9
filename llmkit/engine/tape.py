"""The tape: finished calls in a file beside the notebook, so that it runs again without a key or money.

One call a line, sorted, so that a change shows as a changed line. No key, no header and no address is in it.
One recording for each question: asked again, it answers the same; several answers to one question are told
apart by their ``sample`` number. What a recording is made of lives in ``recording.py``.
"""

from __future__ import annotations

import difflib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from llmkit.core.errors import BadRequest, ConfigError, TapeMiss
from llmkit.engine.recording import Recording, key_of, last_words, unlocked
from llmkit.engine.wholefile import write_whole
from llmkit.ledger.place import data_directory

if TYPE_CHECKING:
    from llmkit.engine.session import Session

Mode = Literal["auto", "record", "replay", "off"]
Timing = Literal["original", "instant"]
_LOCK_SECONDS = 10.0


class Tape:
    """Calls by what was asked.

    ``auto`` replays what is there and records what is not; ``record`` asks everything anew; ``replay`` never
    calls anybody; ``off`` does nothing. ``timing``: replay at the "original" pace, or "instant".

    >>> with llmkit.tape("demo.llm.jsonl"):  # doctest: +SKIP
    ...     llmkit.ask("Why is the sky blue?")
    """

    def __init__(
        self, path: str | os.PathLike[str], mode: Mode = "auto", *, timing: Timing = "original"
    ) -> None:
        _check("mode", mode, get_args(Mode))
        _check("timing", timing, get_args(Timing))
        self.path = Path(path)
        self.mode: Mode = mode
        self.timing: Timing = timing
        self.replayed = 0
        self.recorded = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._version = self._written = 0
        self._used: set[str] = set()
        self._session: Session | None = None
        self._before: Tape | None = None
        self._calls: dict[str, Recording] = {} if mode == "off" else self._load()
        self._new: dict[str, Recording] = {}
        if mode == "replay" and not self._calls and not self.path.exists():
            raise ConfigError(
                f"There is no tape at {self.path}.",
                why="Replaying needs one.",
                hint=f'Record it first, with mode "auto" or "record": `%llm tape {self.path.name}`.',
            )

    @classmethod
    def parse(cls, written: str, *, timing: Timing = "original") -> Tape:
        """A tape as ``LLMKIT_TAPE`` names it: a path, or ``path:mode``."""
        path, colon, mode = written.rpartition(":")
        if colon and mode in get_args(Mode):
            return cls(path, mode, timing=timing)  # type: ignore[arg-type]  # it was just looked up
        return cls(written, timing=timing)

    def find(self, asked: Mapping[str, Any], cell: str | None = None) -> Recording | None:
        """The recorded call, or ``None`` to make it; :class:`TapeMiss` when only replaying."""
        if self.mode in ("off", "record"):
            return None
        asked = unlocked(asked)
        key = key_of(asked)
        with self._lock:
            found = self._calls.get(key)
            if found is not None:
                self.replayed += 1
                self._used.add(key)
                return found
        if self.mode == "auto":
            return None
        raise self._miss(asked, cell)

    def keep(self, recording: Recording) -> None:
        """Add a call, and write the file; several that come at once are written together."""
        if self.mode in ("off", "replay"):
            return
        recording = Recording.from_json(unlocked(recording.to_json()))
        with self._lock:
            self._calls[recording.key] = self._new[recording.key] = recording
            self._used.add(recording.key)
            self.recorded += 1
            self._version += 1
            mine = self._version
        with self._writing:
            if self._written < mine:
                with self._lock:
                    new, version = dict(self._new), self._version
                self._merge(new)
                self._written = version

    def tidy(self) -> int:
        """Remove from the file what was neither replayed nor recorded since this tape was opened; how
        many lines that were is the result."""
        with self._writing, _alone():
            calls = self._load()
            kept = {key: recording for key, recording in calls.items() if key in self._used}
            self._write(kept)
            with self._lock:
                self._calls = dict(kept)
        return len(calls) - len(kept)

    def __len__(self) -> int:
        return len(self._calls)

    # -- in a session -------------------------------------------------------------------------

    def insert(self, session: Session) -> Self:
        """Let that session use it, until it is ejected."""
        if self._session is None:
            self._session, self._before = session, session.tape
            session.tape = self
        return self

    def eject(self) -> None:
        """Give the session back the tape it had before."""
        session, self._session = self._session, None
        if session is not None and session.tape is self:
            session.tape = self._before
        self._before = None

    def __enter__(self) -> Self:
        from llmkit.engine.session import default_session

        return self.insert(default_session())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.eject()

    def __repr__(self) -> str:
        return f"<Tape {self.path.name}, {self.mode}: {len(self)} calls>"

    # -- the file -----------------------------------------------------------------------------

    def _load(self) -> dict[str, Recording]:
        calls: dict[str, Recording] = {}
        try:
            text = self.path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return calls
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"The tape {self.path.name} can't be read.",
                why=f"{error}.",
                hint="Name a tape that llmkit wrote.",
            ) from None
        for number, line in enumerate(text.split("\n"), 1):  # a line ends here and nowhere else
            if not line.strip():
                continue
            try:
                recording = Recording.from_json(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise ConfigError(
                    f"The tape {self.path.name} can't be read: line {number}.",
                    why=f"{str(error)[:200]}.",
                    hint="Name a tape that llmkit wrote."
                    if number == 1
                    else "Delete that line, or record it again.",
                ) from None
            calls[recording.key] = recording
        return calls

    def _merge(self, new: Mapping[str, Recording]) -> None:
        """Add to what the file holds by now: another kernel may have written to it."""
        with _alone():
            calls = {**self._load(), **new}
            self._write(calls)
        with self._lock:
            self._calls = {**calls, **self._calls}

    def _write(self, calls: Mapping[str, Recording]) -> None:
        lines = sorted(
            json.dumps(recording.to_json(), ensure_ascii=False, sort_keys=True) + "\n"
            for recording in calls.values()
        )
        write_whole(self.path, "".join(lines))

    def _miss(self, asked: Mapping[str, Any], cell: str | None) -> TapeMiss:
        words = last_words(asked)
        recorded = {recording.prompt: recording for recording in self._calls.values()}
        if words in recorded:
            same = recorded[words].asked
            changed = sorted(k for k in {*same, *asked} if same.get(k) != asked.get(k))
            why = f"The same prompt is recorded with another {' and '.join(changed)}."
        else:
            starts = {prompt[:400]: prompt for prompt in recorded}
            near = difflib.get_close_matches(words[:400], starts, n=1, cutoff=0.3)
            why = f"The nearest recorded prompt is: {near[0][:160]!r}." if near else ""
            why = why or (f"None of its {len(self)} calls is like it." if recorded else "The tape is empty.")
        where = f"Cell {cell}: this" if cell else "This"
        return TapeMiss(
            f"{where} call is not on the tape {self.path.name}: {words[:80]!r}.",
            why=why,
            hint="Run it once with the tape in mode auto or record. Nothing was sent.",
        )


def _check(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise BadRequest(f"There is no tape {what} {given!r}.", hint=f"There are: {', '.join(known)}.")


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time writes tapes. SQLite's lock is the one that works on every system and is let go
    when its holder dies; where it can't be had, the tape is written without."""
    try:
        data_directory().mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = sqlite3.connect(data_directory() / "tapes.lock", timeout=_LOCK_SECONDS, isolation_level=None)
    except (OSError, sqlite3.Error):
        yield
        return
    try:
        with suppress(sqlite3.Error):  # read-only, or held for very long: better written than lost
            lock.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        lock.close()
