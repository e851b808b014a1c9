"""What goes along with a question's words in Python: paths, bytes, pictures, figures and tables become parts of a message.

What each becomes is told by the cell, which takes the same (``notebook/attach.py``); what its provider takes of it is
held against it later, in ``attachments.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from llmkit.core.errors import BadRequest
from llmkit.core.messages import Message, Part
from llmkit.engine.tables import is_table

Tell = Callable[[str], object]
_DRAWN = {"PIL": "save", "matplotlib": "figure", "seaborn": "figure", "plotly": "to_image", "IPython": "data"}


def opened(prompt: Any, tell: Tell | None = None) -> Any:
    """The same prompt, with parts in place of what is to go along; ``tell`` hears what was cut or made smaller.

    A list of words and such things is one question. What is neither is left for others to refuse.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "notes.txt"
    ...     _ = file.write_text("Buy milk.")
    ...     opened(["What is to be done?", file]).parts[1].text.splitlines()[2:5]
    ['notes.txt:', '```', 'Buy milk.']
    """
    if isinstance(prompt, Message):
        return _message(prompt, tell)
    if isinstance(prompt, Mapping):
        content = prompt.get("content")
        return {**prompt, "content": _parts(content, tell)} if _is_question(content) else prompt
    if isinstance(prompt, list | tuple):
        if _is_question(prompt):
            return Message("user", tuple(_parts(prompt, tell)))
        return [opened(item, tell) if isinstance(item, Message | Mapping) else item for item in prompt]
    if _goes_along(prompt) and not isinstance(prompt, bytes | bytearray | memoryview):
        return Message("user", tuple(_parts([prompt], tell)))
    return prompt


def _message(message: Message, tell: Tell | None) -> Message:
    if all(isinstance(part, Part) for part in message.parts):
        return message
    for part in message.parts:
        if not isinstance(part, Part | str) and not _goes_along(part):
            raise BadRequest(
                f"A message can't hold what is of the type {type(part).__name__}.",
                why="It takes text, paths, bytes, pictures, figures, tables and llmkit's parts.",
                hint="Write it in words, or give its class an __llm__() method. Nothing was sent.",
            )
    return Message(message.role, tuple(_parts(message.parts, tell)))


def _is_question(items: Any) -> bool:
    """Words, parts and what goes along, and not words alone?"""
    return (
        isinstance(items, list | tuple)
        and all(isinstance(item, str | Part) or _goes_along(item) for item in items)
        and any(not isinstance(item, str) for item in items)
    )


def _goes_along(value: Any) -> bool:
    if isinstance(value, str | Part | Message | Mapping):
        return False
    if isinstance(value, os.PathLike | bytes | bytearray | memoryview) or is_table(value):
        return True
    drawn = _DRAWN.get((type(value).__module__ or "").partition(".")[0])
    return (drawn is not None and hasattr(value, drawn)) or callable(getattr(type(value), "__llm__", None))


def _parts(items: Any, tell: Tell | None) -> list[Any]:
    parts: list[Any] = []
    for item in items:
        if isinstance(item, Part | str):
            parts.append(item)
            continue
        value = Path(item) if isinstance(item, os.PathLike) else item
        # The notebook is a room above this one: it is asked by name, and only when something goes along.
        found, notes = import_module("llmkit.notebook.attach").variable(value, _called(value))
        parts += found
        if tell is not None:
            for note in notes:
                tell(note)
    return list(Message.user(*parts).parts)


def _called(value: Any) -> str:
    """What people would call it."""
    if isinstance(value, Path):
        return value.name or str(value)
    return "table" if is_table(value) else type(value).__name__.lower()
