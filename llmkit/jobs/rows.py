"""The rows of a ``map``: from data to questions before, from answers to columns after.

The template is ``template.py``'s, running the questions ``pump.py``'s. Order and index are never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest
from llmkit.engine.structured import as_shape, plain
from llmkit.jobs.pump import Errand
from llmkit.jobs.table import as_float, pandas
from llmkit.jobs.template import Template
from llmkit.providers.keys import known_secrets

if TYPE_CHECKING:
    import pandas as pd

_FIGURES = ("status", "error", "cost", "input", "output")
_SHORTEST_SECRET = 8
#: Marks the fields of a schema among the names of added columns.
_FIELD = "field "
_NOT_JSON = object()


def as_frame(data: Any) -> pd.DataFrame:
    """The data as a DataFrame. Text without a name of its own is in the column "text"."""
    panda = pandas()
    frame: pd.DataFrame
    if isinstance(data, panda.DataFrame):
        frame = data
    elif isinstance(data, panda.Series):
        frame = data.to_frame(name="text" if data.name is None else data.name)
    elif isinstance(data, list | tuple) and all(isinstance(item, str) or item is None for item in data):
        frame = panda.DataFrame({"text": panda.Series(list(data), dtype="object")})
    elif isinstance(data, list | tuple) and all(isinstance(item, Mapping) for item in data):
        frame = panda.DataFrame.from_records([dict(item) for item in data])
    else:
        raise BadRequest(
            f"Can't map over a {type(data).__name__}{' of mixed things' if isinstance(data, list | tuple) else ''}.",
            hint="Give a DataFrame, a Series, or a list of texts or of mappings. Nothing was sent.",
        )
    if isinstance(frame.columns, panda.MultiIndex):
        raise BadRequest(
            "The columns have several levels.", hint="Flatten their names first. Nothing was sent."
        )
    return frame


def prompts(frame: pd.DataFrame, template: str) -> list[str | BadRequest]:
    """The prompt of each row, or why it has none."""
    labels = list(frame.columns)
    names = [str(label) for label in labels]
    read = Template.read(template, names)
    for name in read.columns:
        if names.count(name) > 1:
            raise BadRequest(f"There are two columns {name!r}.", hint="Rename one. Nothing was sent.")
    if not read.columns and len(frame):
        raise BadRequest(
            "The template names no column, so every row would ask the same.",
            why=f"The columns are {', '.join(names[:12])}." if names else "",
            hint=f"Write for example '… {{{names[0] if names else 'column'}}}'. Nothing was sent.",
        )
    columns = {name: list(frame.iloc[:, names.index(name)]) for name in read.columns}
    secrets = [secret for secret in known_secrets() if len(secret) >= _SHORTEST_SECRET]
    return [_prompt(read, {name: columns[name][at] for name in columns}, secrets) for at in range(len(frame))]


def _prompt(template: Template, values: Mapping[str, Any], secrets: Iterable[str]) -> str | BadRequest:
    missing = [name for name, value in values.items() if is_missing(value)]
    if missing:
        return BadRequest(
            f"There is no value in {' and '.join(missing)}.",
            why="The row was not sent.",
            hint="Fill it, or leave such rows out: df.dropna().",
        )
    text = template.fill(values)
    if any(secret in text for secret in secrets):
        return BadRequest(
            "The row holds an API key.", why="It was not sent.", hint="Take the key out of the table."
        )
    if not text.strip():
        return BadRequest(
            "The prompt of this row is empty.", why="It was not sent.", hint="Leave such rows out."
        )
    return text


def is_missing(value: Any) -> bool:
    """``None``, NaN, NaT or ``pd.NA``."""
    pd = pandas()
    return value is None or bool(pd.api.types.is_scalar(value) and pd.isna(value))


def names_for(frame: pd.DataFrame, column: str, fields: Sequence[str]) -> dict[str, str]:
    """What the added columns are called: by their own name or, where that is taken, with ``column`` before it."""
    taken = {str(label) for label in frame.columns}
    if not isinstance(column, str) or not column.strip():
        raise BadRequest(f"{column!r} is no name for a column.", hint="Nothing was sent.")
    if column in taken:
        raise BadRequest(
            f"There is already a column {column!r}.",
            why="It would be overwritten.",
            hint=f"Name another one, for example column={f'{column}_2'!r}. Nothing was sent.",
        )
    names = {"answer": column}
    taken.add(column)
    for key in (*(f"{_FIELD}{field}" for field in fields), *_FIGURES):
        plain = key.removeprefix(_FIELD)
        name = plain if plain not in taken else f"{column}_{plain}"
        if name in taken:
            raise BadRequest(
                f"There are already columns {plain!r} and {name!r}.",
                why="One would be overwritten.",
                hint="Name another column=. Nothing was sent.",
            )
        names[key] = name
        taken.add(name)
    return names


def fields_of(schema: Any) -> tuple[str, ...]:
    """The fields of an object that follows this schema: they become columns."""
    shape = as_shape(schema)
    if shape is None or shape.wrapped:
        return ()
    return tuple(shape.schema.get("properties") or ())


def with_answers(frame: pd.DataFrame, errands: Sequence[Errand], names: Mapping[str, str]) -> pd.DataFrame:
    """The frame with what came of each row, in its own order and under its own index."""
    series_of = pandas().Series
    out: pd.DataFrame = frame.copy()

    def add(name: str, values: list[Any], dtype: str = "object") -> None:
        out[names[name]] = series_of(values, index=out.index, dtype=dtype)

    replies = [errand.reply for errand in errands]
    add("answer", [reply.text if reply and reply.text else None for reply in replies])
    fields = [name for name in names if name.startswith(_FIELD)]
    parsed = [_parsed(errand) if fields else None for errand in errands]
    for field in fields:
        key = field.removeprefix(_FIELD)
        add(field, [value.get(key) if isinstance(value, Mapping) else None for value in parsed])
        out[names[field]] = out[names[field]].infer_objects()
    add("status", [errand.status for errand in errands])
    add("error", [_why(errand) for errand in errands])
    add("cost", [as_float(reply.cost.amount) if reply else float("nan") for reply in replies], "float64")
    add("input", [reply.usage.total_input if reply else None for reply in replies], "Int64")
    add("output", [reply.usage.output if reply else None for reply in replies], "Int64")
    return out


def unreadable(errand: Errand) -> bool:
    """Was JSON asked for, and something else answered?"""
    return errand.status == "ok" and _parsed(errand) is _NOT_JSON


def _parsed(errand: Errand) -> Any:
    """The answer read as JSON; nothing where it is none, or not whole."""
    if errand.status != "ok" or errand.reply is None:
        return None
    if errand.reply.data is not None:
        return plain(errand.reply.data)
    try:
        return errand.reply.json
    except ValueError:
        return _NOT_JSON


def _why(errand: Errand) -> str | None:
    if errand.error is not None:
        return " ".join(part for part in (errand.error.what, errand.error.why) if part)
    return "Not sent: stopped before its turn." if errand.status == "unsent" else None
