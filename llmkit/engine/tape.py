"""The tape: finished calls in a file beside the notebook, so that it runs again without a key or money.

One call a line, sorted, so that a change shows as a changed line. No key, no header and no address is in it.
"""

from __future__ import annotations

import difflib
import json
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

from llmkit.core.errors import BadRequest, ConfigError, TapeMiss
from llmkit.engine.recording import Recording, key_of, last_words

Mode = Literal["auto", "record", "replay", "off"]


class Tape:
    """Calls by what was asked.

    ``auto`` replays what is there and records what is not; ``record`` records everything anew; ``replay``
    never calls anybody; ``off`` does nothing. ``timing``: replay at the original pace, or at once.

    >>> with llmkit.tape("demo.llm.jsonl"):  # doctest: +SKIP
    ...     llmkit.ask("Why is the sky blue?")
    """

    def __init__(self, path: str | os.PathLike[str], mode: Mode = "auto", *, timing: bool = True) -> None:
        if mode not in get_args(Mode):
            raise BadRequest(
                f"There is no tape mode {mode!r}.", hint=f"Modes are {', '.join(get_args(Mode))}."
            )
        self.path = Path(path)
        self.mode: Mode = mode
        self.timing = timing
        self.replayed = 0
        self.recorded = 0
        self._lock = threading.Lock()
        self._before: Tape | None = None
        self._calls: dict[str, Recording] = {} if mode in ("record", "off") else self._load()

    def find(self, asked: Mapping[str, Any], cell: str | None = None) -> Recording | None:
        """The recorded call, or ``None`` to make it; :class:`TapeMiss` when only replaying."""
        if self.mode in ("off", "record"):
            return None
        with self._lock:
            found = self._calls.get(key_of(asked))
            if found is not None:
                self.replayed += 1
                return found
        if self.mode == "auto":
            return None
        raise self._miss(asked, cell)

    def keep(self, recording: Recording) -> None:
        """Add a call, and write the file."""
        if self.mode in ("off", "replay"):
            return
        with self._lock:
            self._calls[recording.key] = recording
            self.recorded += 1
            self._write()

    def __len__(self) -> int:
        return len(self._calls)

    def __enter__(self) -> Self:
        from llmkit.engine.session import default_session

        self._before = default_session().tape
        default_session().tape = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from llmkit.engine.session import default_session

        default_session().tape = self._before

    def __repr__(self) -> str:
        return f"<Tape {self.path.name}, {self.mode}: {len(self)} calls>"

    def _load(self) -> dict[str, Recording]:
        calls: dict[str, Recording] = {}
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            if self.mode == "replay":
                raise ConfigError(
                    f"There is no tape at {self.path}.",
                    why="Replaying needs one.",
                    hint="Record it first: `%llm tape " + self.path.name + " --mode record`.",
                ) from None
            return calls
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            try:
                recording = Recording.from_json(json.loads(line))
            except ValueError as error:
                raise ConfigError(
                    f"The tape {self.path.name} can't be read: line {number}.",
                    why=f"{error}",
                    hint="Delete that line, or record the tape again.",
                ) from None
            calls[recording.key] = recording
        return calls

    def _write(self) -> None:
        lines = sorted(
            json.dumps(recording.to_json(), ensure_ascii=False, sort_keys=True)
            for recording in self._calls.values()
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        Path(name).replace(self.path)

    def _miss(self, asked: Mapping[str, Any], cell: str | None) -> TapeMiss:
        words = last_words(asked)
        recorded = {recording.prompt: recording for recording in self._calls.values()}
        near = difflib.get_close_matches(words[:400], [prompt[:400] for prompt in recorded], n=1, cutoff=0.3)
        why = f"The nearest recorded prompt is: {near[0][:160]!r}." if near else "The tape is empty."
        if words in recorded:
            same = recorded[words].asked
            changed = sorted(k for k in {*same, *asked} if same.get(k) != asked.get(k))
            why = f"The same prompt is recorded with another {' and '.join(changed)}."
        where = f"Cell {cell}: this" if cell else "This"
        return TapeMiss(
            f"{where} call is not on the tape {self.path.name}: {words[:80]!r}.",
            why=why,
            hint="Run it once with the tape in mode auto or record. Nothing was sent.",
        )
