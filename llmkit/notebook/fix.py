"""``%llm fix`` and ``%llm explain``: a model looks at the last exception, at a cell, or at an object of the user's.

Of variables only names, types and shapes are sent. A proposed cell is put below, and never run.
"""

from __future__ import annotations

import ast
import inspect
import platform
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest
from llmkit.engine.tables import is_table
from llmkit.notebook.options import usage_error
from llmkit.notebook.prompt import as_text
from llmkit.notebook.trouble import Trouble, no_trouble
from llmkit.providers.keyshapes import redact

if TYPE_CHECKING:
    from llmkit.core.reply import Reply
    from llmkit.notebook.magics import LLMMagics

FIX_USAGE = '%llm fix [MODEL] ["MORE WORDS"]'
EXPLAIN_USAGE = "%llm explain [NAME | In[N]] [-m MODEL]"
_FIX = (
    "A cell of a Jupyter notebook failed. Say in two to five sentences what went wrong and why, then give the "
    "whole corrected cell as one fenced python block, and nothing after it. Change no more than is needed. If the "
    "cell is not at fault, say what is, and give no code."
)
_EXPLAIN = "Explain this to the person who is working in the notebook: what it does, how, and what to look out for. Be brief."
_VARIABLES, _COLUMNS, _SOURCE = 30, 40, 20_000
_BLOCK = re.compile(r"^```[ \t]*([^\n`]*)\n(.*?)^```[ \t\r]*$", re.MULTILINE | re.DOTALL)
_CELL_NAME = re.compile(r"(?:In\s*\[\s*)?(\d+)\s*\]?")


def fix(magics: LLMMagics, words: list[str]) -> Reply:
    """The cell, the exception and the types of the variables in it are sent, keys masked; nothing is run."""
    model, words = _model(words)
    if model is None and words and is_model(words[0]):
        model, words = words[0], words[1:]
    trouble = magics.witness.last()
    if trouble is None:
        raise no_trouble()
    shell: Any = magics.shell
    names = shell.user_ns
    reply = magics.consult(question(trouble, names, " ".join(words)), system=_FIX, model=model)
    if (code := proposed(reply.text)) is not None and reply.complete:
        shell.set_next_input(code)
    return reply


def question(trouble: Trouble, names: Mapping[str, Any], more: str = "") -> str:
    """What is sent: the failing cell, what went wrong, and which variables there are. Keys are masked."""
    parts = []
    if trouble.source is not None:
        parts.append(f"The cell that failed:\n{_fenced(trouble.source, 'python')}")
    parts.append(f"What went wrong:\n{_fenced(str(trouble))}")
    local: dict[str, Any] = {}
    for frame in trouble.frames:
        local.update(frame.f_locals)
    if told := summaries({**names, **local}, f"{trouble.source or ''}\n{trouble}"):
        parts.append("Variables, without their values:\n" + "\n".join(told))
    parts.append(f"Python {platform.python_version()}.")
    if more:
        parts.append(more)
    return "\n\n".join(parts)


def summaries(names: Mapping[str, Any], text: str) -> list[str]:
    """Name, type and shape of the variables that a text speaks of."""
    spoken = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", text))
    found = [name for name in spoken if name in names and not name.startswith("_")]
    told = (f"- {name}: {summary(names[name])}" for name in found if not inspect.ismodule(names[name]))
    return [redact(line) for line in told][:_VARIABLES]


def summary(value: Any) -> str:
    """A value in a few words that do not tell it.

    >>> summary([1, 2, 3]), summary("secret"), summary(7)
    ('list of 3 (int)', 'str of 6 characters', 'int')
    """
    kind = type(value).__name__
    if is_table(value) and hasattr(value, "shape"):
        size = " × ".join(f"{n:,}" for n in value.shape)
        columns = getattr(value, "columns", None)
        if columns is None:
            return f"{kind}, {size}, of {value.dtype}"
        told = [f"{column} ({kind})" for column, kind in zip(columns, value.dtypes, strict=True)][:_COLUMNS]
        more = f" and {len(columns) - _COLUMNS} more" if len(columns) > _COLUMNS else ""
        return f"{kind}, {size}: {', '.join(told)}{more}"
    if isinstance(value, type):
        return f"the class {kind if value is type else value.__name__}"
    if inspect.isroutine(value):
        return f"the function {getattr(value, '__name__', '?')}{_signature(value)}"
    if isinstance(value, str):
        return f"str of {len(value):,} characters"
    if isinstance(shape := getattr(value, "shape", None), tuple):
        return f"{kind}, {' × '.join(map(str, shape)) or 'a scalar'}, of {getattr(value, 'dtype', '?')}"
    if isinstance(value, list | tuple | set | frozenset | dict):
        kinds = sorted(
            {type(one).__name__ for one in list(value.values() if isinstance(value, dict) else value)[:100]}
        )
        return f"{kind} of {len(value):,}" + (f" ({', '.join(kinds[:4])})" if kinds else "")
    return kind


def explain(magics: LLMMagics, words: list[str]) -> Reply:
    """Explain the last cell, a cell by its number, or an object by its name."""
    model, words = _model(words)
    if len(words) > 1:
        raise usage_error(f"%llm explain takes one name, not {' '.join(words)}", EXPLAIN_USAGE)
    shell: Any = magics.shell
    asked = words[0] if words else ""
    if not asked:
        text = _last_cell(shell.history_manager.input_hist_raw, magics.witness.last())
    elif (number := _CELL_NAME.fullmatch(asked)) is not None:
        text = _cell(shell.history_manager.input_hist_raw, int(number[1]))
    else:
        text = _object(asked, shell.user_ns)
    return magics.consult(text, system=_EXPLAIN, model=model)


def is_model(word: str) -> bool:
    """Does this word name a model that can be asked?"""
    from llmkit.core.errors import ConfigError
    from llmkit.engine.session import default_session

    try:
        default_session().resolve(word)
    except ConfigError:
        return False
    return True


def is_fix(rest: list[str]) -> bool:
    """Do these words after ``fix`` make a command? "fix the login page" is a prompt."""
    return (
        len(rest) <= 1
        or rest[0] in ("-m", "--model")
        or (" " in rest[-1] and len(rest) == 2)
        or is_model(rest[0])
    )


def is_explain(rest: list[str]) -> bool:
    """Do these words after ``explain`` make a command? "explain how a kettle works" is a prompt."""
    return len(rest) <= 1 or "-m" in rest or "--model" in rest


def proposed(text: str) -> str | None:
    """The cell that an answer proposes: its last fenced block, if that is Python.

    >>> proposed("So:\\n```python\\nx = 1\\n```\\n")
    'x = 1'
    """
    blocks = [(info.strip().lower(), code) for info, code in _BLOCK.findall(text)]
    python = [
        code for info, code in blocks if info.split(" ")[0] in ("", "python", "py", "python3", "ipython")
    ]
    return python[-1].rstrip("\n") if python else None


def _model(words: list[str]) -> tuple[str | None, list[str]]:
    for flag in ("-m", "--model"):
        if flag in words:
            at = words.index(flag)
            if at + 1 == len(words):
                raise usage_error(f"{flag} takes the name of a model", FIX_USAGE)
            return words[at + 1], [*words[:at], *words[at + 2 :]]
    return None, words


def _last_cell(cells: list[str], trouble: Trouble | None) -> str:
    """The cell before this one that was no ``%llm`` command, and how it failed, if it did."""
    earlier = [cell for cell in cells[1:-1] if cell.strip() and not cell.lstrip().startswith("%llm ")]
    if not earlier:
        raise BadRequest("There is no cell yet to explain.", hint="Run one first, or name an object.")
    text = f"The last cell:\n{_fenced(earlier[-1], 'python')}"
    if trouble is not None and trouble.source is not None and trouble.source.strip() == earlier[-1].strip():
        text += f"\n\nIt failed:\n{_fenced(str(trouble))}"
    return text


def _cell(cells: list[str], number: int) -> str:
    if not 0 < number < len(cells) - 1 or not cells[number].strip():
        raise BadRequest(
            f"There is no cell In[{number}].",
            why=f"Cells 1 to {len(cells) - 2} have run in this kernel."
            if len(cells) > 2
            else "None has run yet.",
            hint="Nothing was sent.",
        )
    return f"The cell In[{number}]:\n{_fenced(cells[number], 'python')}"


def _object(name: str, names: Mapping[str, Any]) -> str:
    try:
        tree = ast.parse(name, mode="eval").body
    except SyntaxError:
        tree = None
    path: list[str] = []
    while isinstance(tree, ast.Attribute):
        path.insert(0, tree.attr)
        tree = tree.value
    if not isinstance(tree, ast.Name) or tree.id not in names:
        raise BadRequest(
            f"There is no variable {name!r} to explain.",
            why="Nothing was sent.",
            hint=f"Give a name of yours or a cell (In[3]). As a prompt: %llm -- explain {name}",
        )
    value = names[tree.id]
    for attribute in path:
        try:
            value = getattr(value, attribute)
        except AttributeError as error:
            raise BadRequest(
                f"{name} is not there.", why=redact(str(error)), hint="Nothing was sent."
            ) from None
    told = [f"`{name}` is {summary(value)}."]
    if inspect.isroutine(value) or isinstance(value, type) or inspect.ismodule(value):
        told.append((inspect.getdoc(value) or "")[:_SOURCE])
        if not inspect.ismodule(value) and (source := _source_of(value)):
            told.append(_fenced(source, "python"))
    else:
        told.append(_fenced(as_text(value, source=name)[0][:2_000]))
    return "\n\n".join(redact(part) for part in told if part)


def _source_of(value: Any) -> str:
    try:
        return inspect.getsource(value)[:_SOURCE]
    except (OSError, TypeError):  # built in, or written in C
        return ""


def _signature(value: Any) -> str:
    try:
        return str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(…)"


def _fenced(text: str, language: str = "") -> str:
    text = redact(text if len(text) <= _SOURCE else f"{text[:_SOURCE]}\n# … (cut)")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
