"""JSON that is still being written, read as far as it goes.

What was once shown stays: lists and texts only grow, numbers and words appear when they are whole. Whether the
value follows a schema is the business of ``structured.py``.
"""

from __future__ import annotations

import json
import re
from typing import Any

_START = re.compile(r"[{\[]")
_SPACE = re.compile(r"[\s,:]*")
_CHARS = re.compile(
    r'(?:[^"\\]|\\["\\/bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*"
)
_WORD = re.compile(r"[^\s,:\]}\"{\[]+")


class PartialJson:
    """A JSON value on its way. What comes before its first bracket is passed over.

    >>> draft = PartialJson()
    >>> draft.read('Here: {"name": "Bo')
    {'name': 'Bo'}
    >>> draft.read('Here: {"name": "Bo", "age": 4')
    {'name': 'Bo'}
    >>> draft.read('Here: {"name": "Bo", "age": 41, "tags": ["a')
    {'name': 'Bo', 'age': 41, 'tags': ['a']}
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._seen = ""
        self._at = 0
        self._stack: list[Any] = []
        self._keys: list[str | None] = []  # for each object: the key that waits for its value
        self._open = False  # in the middle of a text
        self._text = ""
        self.value: Any = None
        self.complete = False

    def read(self, text: str) -> Any:
        """The value of all the text so far; ``None`` before it has begun. Text that is no continuation of what came
        before begins anew."""
        if not text.startswith(self._seen):
            self._begin()
        self._seen = text
        if not self._stack and not self.complete:
            start = _START.search(text, self._at)
            if start is None:
                return None
            self._at = start.end()
            self.value = {} if start[0] == "{" else []
            self._push(self.value)
        while self._stack and self._step(text):
            pass
        self.complete = not self._stack and self.value is not None
        return self.value

    def _step(self, text: str) -> bool:
        """Take one more token; not if there is no whole one."""
        if self._open:
            return self._go_on(text)
        space = _SPACE.match(text, self._at)
        self._at = space.end() if space else self._at
        if self._at >= len(text):
            return False
        match text[self._at]:
            case "{" | "[" as bracket:
                self._at += 1
                inner: Any = {} if bracket == "{" else []
                self._put(inner)
                self._push(inner)
            case "}" | "]":
                self._at += 1
                self._stack.pop()
                self._keys.pop()
            case '"':
                self._at += 1
                self._open, self._text = True, ""
                if not self._wants_key():
                    self._put("")
            case _:
                word = _WORD.match(text, self._at)
                if word is None or word.end() >= len(text):
                    return False
                self._at = word.end()
                self._put(_plain(word[0]))
        return True

    def _go_on(self, text: str) -> bool:
        """Some more of an open text."""
        chars = _CHARS.match(text, self._at)
        if chars is not None and chars[0]:
            self._at = chars.end()
            self._text += json.loads(f'"{chars[0]}"', strict=False)
            if not self._wants_key():
                self._put(self._text, again=True)
        if self._at >= len(text):
            return False
        if text[self._at] == '"':
            self._at += 1
            self._open = False
            if self._wants_key():
                self._keys[-1] = self._text
            else:
                self._close()
            return True
        # A backslash: of an escape that is not whole yet, or of none that JSON knows.
        if len(text) - self._at < 12:
            return False
        self._text += text[self._at]
        self._at += 1
        return True

    def _wants_key(self) -> bool:
        return isinstance(self._stack[-1], dict) and self._keys[-1] is None

    def _push(self, inner: Any) -> None:
        self._stack.append(inner)
        self._keys.append(None)

    def _put(self, value: Any, *, again: bool = False) -> None:
        """Put a value where it belongs; ``again``: in place of the open text there."""
        here = self._stack[-1]
        if isinstance(here, list):
            if again:
                here[-1] = value
            else:
                here.append(value)
            return
        key = self._keys[-1]
        if key is not None:
            here[key] = value
            if not self._open and not again:
                self._keys[-1] = None

    def _close(self) -> None:
        if isinstance(self._stack[-1], dict):
            self._keys[-1] = None


def _plain(word: str) -> Any:
    try:
        return json.loads(word)
    except ValueError:
        return word
