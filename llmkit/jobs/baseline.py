"""A grid as a file: saved as one line of JSON for each answer, read again as answers that can be looked at but not asked.

What has changed between two grids is the business of ``changes.py``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.core.messages import message_from_json, message_to_json
from llmkit.core.reply import Reply
from llmkit.core.signal import Signal
from llmkit.engine.inputs import Prompt, as_prompt
from llmkit.engine.stream import Stream
from llmkit.engine.wholefile import write_whole
from llmkit.jobs import minutes
from llmkit.jobs.answers import Answers
from llmkit.jobs.grid import Cell, Question, label_of
from llmkit.jobs.judgement import Judgement
from llmkit.jobs.metrics import METRICS, Metric, as_metric
from llmkit.jobs.pump import Errand
from llmkit.jobs.scores import Score, Scores
from llmkit.providers.keys import mask

VERSION: Final = 1
_KIND: Final = "comparison"


class Baseline(Answers):
    """Answers that were saved. They can be read as a comparison can; nothing is asked."""

    def __init__(self, cells: list[Cell], *, path: str, saved: str) -> None:
        super().__init__(cells)
        self.path = path
        self.saved = saved

    def __repr__(self) -> str:
        return f"<Baseline {self.path}: {len(self.cells)} answers, saved {self.saved}>"


def save(answers: Answers, path: str | os.PathLike[str]) -> Path:
    """Write a grid with its answers, figures, votes, scores and judgements. The file is replaced whole or not at all."""
    head = {
        "llmkit": _KIND,
        "version": VERSION,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "scores": {
            name: {"metric": found.metric.known_as or None, "expected": _expected(answers, found.expected)}
            for name, found in answers.scores.items()
        },
        "votes": [_vote(vote) for vote in answers.votes],
        "judgements": {name: minutes.written(one, answers.cells) for name, one in answers.judgements.items()},
    }
    scores = {name: found.by_cell for name, found in answers.scores.items()}
    lines = [head]
    for cell in answers.cells:
        asked = cell.question
        lines.append(
            {
                "prompt": _prompt(asked.prompt),
                "model": asked.model,
                "system": asked.system,
                "temperature": asked.temperature,
                "repeat": asked.repeat,
                "place": asked.place,
                "status": cell.status,
                "error": None if cell.error is None else _error(cell.error),
                "reply": None if cell.reply is None else cell.reply.to_json(),
                "scores": {name: values.get(cell) for name, values in scores.items()},
            }
        )
    return write_whole(path, "".join(mask(json.dumps(line, ensure_ascii=False)) + "\n" for line in lines))


def load(path: str | os.PathLike[str]) -> Baseline:
    """Read a grid that was saved."""
    try:
        text = Path(path).expanduser().read_text("utf-8")
    except FileNotFoundError:
        raise BadRequest(
            f"There is no baseline {str(path)!r}.",
            why="The file does not exist.",
            hint=f"Make one from answers that you approve of: cmp.save({str(path)!r}).",
        ) from None
    head: Mapping[str, Any] = {}
    cells: list[Cell] = []
    given: list[Mapping[str, float | None]] = []
    lines = text.split("\n")  # a line ends here and nowhere else
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            plain = json.loads(line)
            if number == 1:
                head = _checked(plain, path)
                continue
            cells.append(_cell(len(cells), plain))
            given.append(plain.get("scores") or {})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadRequest(
                f"Line {number} of {str(path)!r} can't be read.",
                why=f"{type(error).__name__}: {error}",
                hint="Is it a file written by cmp.save(…), whole?",
            ) from None
    if not cells:
        raise BadRequest(
            f"There is no answer in {str(path)!r}.", hint="Save a comparison there: cmp.save(…)."
        )
    made = Baseline(cells, path=str(path), saved=str(head["saved"]))
    for name, spec in head["scores"].items():
        values = [one.get(name) for one in given]
        made._scores[name] = _scores(name, spec, cells, values)
    for name, plain in (head.get("judgements") or {}).items():
        made._judgements[name] = Judgement(name, made, minutes.read(plain, cells))
    _cast(made, head.get("votes") or [])
    return made


def _checked(head: Any, path: str | os.PathLike[str]) -> Mapping[str, Any]:
    if not isinstance(head, Mapping) or head.get("llmkit") != _KIND:
        raise BadRequest(f"{str(path)!r} is no saved comparison.", hint="Save one there: cmp.save(…).")
    if head["version"] > VERSION:
        raise BadRequest(
            f"{str(path)!r} was saved by a newer llmkit.",
            why=f"It has version {head['version']}, and this one reads up to {VERSION}.",
            hint="Update llmkit.",
        )
    return head


def _cell(number: int, plain: Mapping[str, Any]) -> Cell:
    written = plain["prompt"]
    prompt: Prompt = written if isinstance(written, str) else [message_from_json(one) for one in written]
    error = plain["error"]
    errand = Errand(
        _never,
        status=plain["status"],
        reply=None if plain["reply"] is None else Reply.from_json(plain["reply"]),
        error=None if error is None else LLMKitError(error["what"], why=error["why"], hint=error["hint"]),
    )
    question = Question(
        prompt,
        label_of(prompt),
        plain["model"],
        plain["system"],
        plain["temperature"],
        plain["repeat"],
        plain["place"],
    )
    return Cell(number, question, errand)


def _never(_: Signal) -> Stream:
    raise BadRequest(
        "A saved answer can't be asked again.", hint="Begin a new comparison: llmkit.compare(…)."
    )


def _scores(name: str, spec: Mapping[str, Any], cells: list[Cell], values: list[float | None]) -> Scores:
    known = spec.get("metric")
    metric = as_metric(known, name) if known in METRICS else Metric(name, _unknown)
    scores = [
        Score(cell, cell.text, value)
        for cell, value in zip(cells, values, strict=True)
        if cell.status == "ok"
    ]
    return Scores(name, tuple(scores), metric, spec.get("expected"))


def _unknown(*_: Any) -> float | None:
    raise LLMKitError(
        "This score was made by a function that is not in the file.", hint="Score again: cmp.score(…)."
    )


def _cast(made: Baseline, votes: list[Mapping[str, Any]]) -> None:
    for vote in votes:
        for row in made.rows:
            asked = row[0].question
            said = (asked.label, asked.system, asked.temperature, asked.repeat)
            if said == (vote["prompt"], vote["system"], vote["temperature"], vote["repeat"]):
                winner = next((cell for cell in row if cell.model == vote["winner"]), None)
                among = [cell for cell in row if cell.model in vote["among"]]
                made._ballot.cast(among, winner, vote["kind"], blind=bool(vote["blind"]))
                break


def _vote(vote: Any) -> dict[str, Any]:
    return asdict(vote) | {"at": None if vote.at is None else vote.at.isoformat(timespec="seconds")}


def _error(error: Exception) -> dict[str, str]:
    told = {name: str(getattr(error, name, "") or "") for name in ("what", "why", "hint")}
    return told if told["what"] else {**told, "what": str(error)}


def _prompt(prompt: Prompt) -> Any:
    return prompt if isinstance(prompt, str) else [message_to_json(one) for one in as_prompt(prompt)]


def _expected(answers: Answers, value: Any) -> Any:
    """What is expected, where JSON can hold it; by prompt where it differs from prompt to prompt."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        labels = {cell.question.place: cell.question.label for cell in answers.cells}
        value = {labels[place]: one for place, one in zip(sorted(labels), value, strict=True)}
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return None
    return value
