"""What a provider's own "no" teaches: a 400 that names a parameter takes it out of the body, once, and the
session remembers that for the model. Pure but for the memory.

What is known before anything is sent is in ``adapt.py``; whether to try again is decided in ``call.py``.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmkit.core.errors import BadRequestError, LLMKitError

_Path = tuple[str, ...]

#: What may be left out with no more harm than a note: the path in a body, and what users call it.
_OPTIONAL: Mapping[_Path, str] = {
    ("temperature",): "temperature",
    ("top_p",): "top_p",
    ("top_k",): "top_k",
    ("stop",): "stop",
    ("stop_sequences",): "stop",
    ("seed",): "seed",
    ("random_seed",): "seed",
    ("reasoning_effort",): "think",
    ("reasoning", "summary"): "the summary of its thinking",
    ("reasoning", "effort"): "think",
    ("reasoning",): "think",
    ("thinking",): "think",
    ("output_config", "effort"): "think",
    ("enable_thinking",): "think",
    ("thinking_budget",): "think",
    ("chat_template_kwargs",): "think",
    ("include",): "encrypted reasoning",
    ("stream_options",): "the wish for token counts",
    ("generationConfig", "temperature"): "temperature",
    ("generationConfig", "topP"): "top_p",
    ("generationConfig", "topK"): "top_k",
    ("generationConfig", "stopSequences"): "stop",
    ("generationConfig", "seed"): "seed",
    ("generationConfig", "thinkingConfig"): "think",
}
#: The same thing under another name.
_RENAMED: Mapping[_Path, _Path] = {
    ("max_tokens",): ("max_completion_tokens",),
    ("max_completion_tokens",): ("max_tokens",),
}
#: Where a schema stands. It is never just left out: it goes into the prompt instead.
_SCHEMAS: tuple[_Path, ...] = (
    ("response_format",),
    ("output_config", "format"),
    ("text", "format"),
    ("generationConfig", "responseJsonSchema"),
)
#: Names after which a message is about something that may not be left out.
_NEEDED = (
    "messages",
    "contents",
    "input",
    "tools",
    "tool_choice",
    "budget_tokens",
    "response_format",
    "model",
)
_NO = re.compile(
    r"(?i)unsupported|not (?:be )?(?:supported|permitted|allowed|available|compatible|accepted|recognized)"
    r"|n[o']t support|extra (?:inputs|fields)|extra_forbidden|unknown|unrecogni[sz]ed|unexpected|deprecated"
    r"|only (?:the )?default|cannot (?:both )?be|can't be|may only be|cannot find field|no longer"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that a model does not take: where it stands in a body, and what it is to be called instead."""

    path: _Path
    name: str
    becomes: _Path | None = None

    def note(self, model: str) -> str:
        """In words, for the reply."""
        if self.becomes is not None:
            return f"`{self.name}` was sent as `{self.becomes[-1]}`, as {model} asked for."
        what = f"`{self.name}`" if " " not in self.name else self.name
        return f"{what} was left out: {model} refused it."


class Refusals:
    """What the models of a session refused. Any thread may learn and ask.

    >>> known = Refusals()
    >>> known.learn("here", "m", Refusal(("seed",), "seed"))
    >>> known.apply("here", "m", {"seed": 1, "n": 2})[0]
    {'n': 2}
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Refusal, ...]] = {}
        self._lock = threading.Lock()

    def learn(self, provider: str, model: str, refusal: Refusal) -> None:
        """From now on this is left out for that model."""
        with self._lock:
            known = self._known.get((provider, model), ())
            if refusal not in known:
                self._known[provider, model] = (*known, refusal)

    def of_schemas(self, provider: str, model: str) -> bool:
        """Did that model refuse to be given a schema?"""
        return any(refusal.path in _SCHEMAS for refusal in self._known.get((provider, model), ()))

    def apply(
        self, provider: str, model: str, body: dict[str, Any]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The body without what that model refused, and a note for each change."""
        notes = []
        for refusal in self._known.get((provider, model), ()):
            changed = without(body, refusal)
            if changed is not body:
                body = changed
                notes.append(refusal.note(f"{provider}/{model}"))
        return body, tuple(notes)


def read(error: LLMKitError, body: Mapping[str, Any], extra: Mapping[str, Any]) -> Refusal | None:
    """What a provider's answer says it does not take, where it may be left out. What the caller put into
    ``extra`` is never touched: it goes as it is.

    >>> read(BadRequestError("No.", why="top_k: Extra inputs are not permitted", status=400), {"top_k": 5}, {}).name
    'top_k'
    """
    if not isinstance(error, BadRequestError) or error.status not in (400, 422):
        return None
    if type(error) is not BadRequestError:
        return None  # it says something more exact: too long, no such model
    if not _NO.search(f"{error.why} {error.code or ''}"):
        return None
    for text in (_parameter(error.raw), error.why):
        found = _first(text, body)
        if found is None:
            continue
        if _has(extra, found):
            return None
        if (other := _RENAMED.get(found)) is not None and other[-1] in error.why:
            return Refusal(found, found[-1], other)
        if found in _SCHEMAS:
            return Refusal(found, "schema")
        return Refusal(found, _OPTIONAL[found]) if found in _OPTIONAL else None
    return None


def without(body: Mapping[str, Any], refusal: Refusal) -> Any:
    """The body without it; the very same body where it is not in there."""
    if not _has(body, refusal.path):
        return body
    changed = copy.deepcopy(dict(body))
    *way, last = refusal.path
    inner: Any = changed
    for step in way:
        inner = inner[step]
    value = inner.pop(last)
    if refusal.becomes is not None:
        inner[refusal.becomes[-1]] = value
    for depth in range(len(way), 0, -1):  # an object that holds nothing any more goes too
        parent: Any = changed
        for step in way[: depth - 1]:
            parent = parent[step]
        if not parent[way[depth - 1]]:
            del parent[way[depth - 1]]
    return changed


def _first(text: str, body: Mapping[str, Any]) -> _Path | None:
    """The parameter that a text names first, of those that the body holds."""
    found: list[tuple[int, int, _Path]] = []
    paths: Iterable[_Path] = (
        *(p for p in (*_OPTIONAL, *_RENAMED, *_SCHEMAS) if _has(body, p)),
        *((n,) for n in _NEEDED),
    )
    for path in paths:
        spelt = {".".join(path), path[-1], _snake(path[-1])}
        matches = (re.search(rf"(?<![A-Za-z0-9_]){re.escape(n)}(?![A-Za-z0-9_])", text) for n in spelt)
        # Of those named first, the one that is named at most length: "reasoning.effort" before "reasoning".
        found += [(m.start(), -len(m[0]), path) for m in matches if m]
    return min(found)[2] if found else None


def _parameter(raw: Any) -> str:
    """The field that an error object names as the culprit."""
    if not isinstance(raw, Mapping):
        return ""
    inner = raw.get("error")
    param = (inner if isinstance(inner, Mapping) else raw).get("param")
    if isinstance(param, str):
        return param
    details = raw.get("detail")
    places = [d.get("loc") for d in details if isinstance(d, Mapping)] if isinstance(details, list) else []
    words = [[str(word) for word in place if word != "body"] for place in places if isinstance(place, list)]
    return json.dumps([".".join(place) for place in words]) if words else ""


def _has(body: Mapping[str, Any], path: _Path) -> bool:
    inner: Any = body
    for step in path:
        if not isinstance(inner, Mapping) or step not in inner:
            return False
        inner = inner[step]
    return True


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
