"""A function as a model may call it: its name, its description and the schema of its arguments.

All of it comes from the function's type hints and docstring, by pydantic, which also checks what a model
writes before anything runs. Which tools go with a call is ``toolbox.py``'s business, running them is
``tool_loop.py``'s.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, overload

from llmkit.core.errors import BadRequest, MissingPackage, ToolArgumentsError
from llmkit.core.request import ToolSpec
from llmkit.core.signal import Signal
from llmkit.engine.docstrings import Described, read_docstring

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
_PLAIN_TYPES: Mapping[str, Any] = {
    "str": str,
    "string": str,
    "int": int,
    "integer": int,
    "float": float,
    "number": float,
    "bool": bool,
    "boolean": bool,
    "list": list,
    "dict": dict,
}
_MOST_FAULTS = 5
_NOTHING_SENT = "Nothing was sent."


class Tool:
    """A function with what a model has to know of it. It can still be called as the function.

    >>> @tool
    ... def add(a: int, b: int = 1) -> int:
    ...     "Add two numbers."
    ...     return a + b
    >>> add(2), add.spec.name, add.spec.parameters["required"]
    (3, 'add', ['a'])
    """

    def __init__(
        self, function: Callable[..., Any], *, name: str | None = None, description: str | None = None
    ) -> None:
        self.function = function
        self._name = name
        self._description = description
        functools.update_wrapper(self, function, updated=())

    @functools.cached_property
    def _declared(self) -> _Declared:
        return _declare(self.function, self._name, self._description)

    @property
    def spec(self) -> ToolSpec:
        """The tool as the model sees it; :class:`BadRequest` where the function can't be made one."""
        return self._declared.spec

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.spec.name

    @property
    def is_async(self) -> bool:
        """Does it run on an event loop?"""
        function = self.function
        while isinstance(function, functools.partial):
            function = function.func
        return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - not whether it is callable, but how it is called
        )

    def read(self, arguments: Mapping[str, Any] | str) -> Arguments:
        """What a model wrote, checked; :class:`ToolArgumentsError` says what is wrong with it."""
        return self._declared.read(arguments)

    def bind(self, arguments: Arguments, signal: Signal) -> Callable[[], Any]:
        """The call, ready to be made; ``signal`` goes where the function asks for one."""
        injected = dict.fromkeys(self._declared.injected, signal)
        return functools.partial(self.function, *arguments.positional, **arguments.named, **injected)

    def __call__(self, *args: Any, **more: Any) -> Any:
        """The function itself."""
        return self.function(*args, **more)

    def __get__(self, instance: Any, owner: type | None = None) -> Tool:
        """A method: bound to its object, as functions are."""
        if instance is None:
            return self
        bound: Callable[..., Any] = self.function.__get__(instance, owner)
        return Tool(bound, name=self._name, description=self._description)

    def __repr__(self) -> str:
        return f"<Tool {self._name or getattr(self.function, '__name__', '?')}>"


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None, /, *, name: str | None = None, description: str | None = None
) -> Any:
    """Make a function a tool. Any typed function will do as it is; this gives it another name or description.

    Type hints say what the model may pass, the docstring what it means. A parameter of the type ``Signal``
    gets the signal of the call and is not shown to the model; nor are those whose name begins with ``_``.

    >>> @llmkit.tool(name="weather")  # doctest: +SKIP
    ... def get_weather(city: str, days: int = 1) -> str:
    ...     '''The weather to come.
    ...
    ...     Args:
    ...         city: Where.
    ...         days: For how many days.
    ...     '''
    >>> llmkit.ask("What will it be like in Oslo?", tools=[get_weather])  # doctest: +SKIP
    """
    if function is None:
        return functools.partial(Tool, name=name, description=description)
    if not callable(function):
        raise BadRequest(
            f"A {type(function).__name__} is no tool.", hint="Give a function with typed arguments."
        )
    return Tool(function, name=name, description=description)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a function is called with."""

    positional: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Declared:
    """The parts of a tool that are worked out once."""

    spec: ToolSpec
    model: Any
    parameters: Mapping[str, inspect.Parameter]
    injected: tuple[str, ...]

    def read(self, arguments: Mapping[str, Any] | str) -> Arguments:
        if isinstance(arguments, str):
            raise _unfit(self.spec.name, [f"they are not a JSON object: {_json_fault(arguments)}"])
        from pydantic import ValidationError

        try:
            filled = self.model.model_validate_json(json.dumps(arguments))
        except ValidationError as error:
            raise _unfit(self.spec.name, [_fault(each) for each in error.errors()]) from None
        except Exception as error:
            said = f"the check of their type raised {type(error).__name__}: {error}"
            raise _unfit(self.spec.name, [said]) from error
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for place, (name, parameter) in enumerate(self.parameters.items()):
            key = _key(place)
            given = key in filled.model_fields_set
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                positional.append(getattr(filled, key) if given else parameter.default)
            elif given:
                named[name] = getattr(filled, key)
        return Arguments(tuple(positional), named)


def _declare(function: Callable[..., Any], name: str | None, description: str | None) -> _Declared:
    called = name or _name_of(function)
    if _NAME.fullmatch(called) is None:
        raise BadRequest(
            f"A tool can't be named {called!r}.",
            why="Providers take letters, digits, _ and -, at most 64 of them. " + _NOTHING_SENT,
            hint='Give it a name: llmkit.tool(name="…")(function).',
        )
    words = read_docstring(_docstring_of(function))
    parameters, hints, injected = _parameters(function, called, words)
    model = _model(called, parameters, hints, words)
    try:
        schema = _without_titles(model.model_json_schema(by_alias=True))
    except Exception as error:  # noqa: BLE001 - whatever pydantic says of somebody's type
        raise _no_schema(called, error) from None
    schema.setdefault("properties", {})
    if description is None:
        description = words.summary
    return _Declared(ToolSpec(called, description, schema), model, parameters, injected)


def _name_of(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None)
    if name is None:  # an object that can be called
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(function).__name__).lower()
    return str(name)


def _docstring_of(function: Any) -> str | None:
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function):
        return inspect.getdoc(function)
    return inspect.getdoc(type(function).__call__) or type(function).__doc__


def _parameters(
    function: Any, name: str, words: Described
) -> tuple[dict[str, inspect.Parameter], dict[str, Any], tuple[str, ...]]:
    """What the model may pass, of which types, and what it never sees."""
    fixed = function.keywords if isinstance(function, functools.partial) else {}
    try:
        signature = inspect.signature(function)
        hints = _hints(function)
    except (ValueError, TypeError) as error:
        raise _no_tool(name, f"Its arguments can't be found out ({error}).") from None
    except NameError as error:
        raise _no_tool(name, f"The type of an argument can't be found: {error}.") from None
    shown: dict[str, inspect.Parameter] = {}
    injected: list[str] = []
    for each in signature.parameters.values():
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            stars = "*" if each.kind is each.VAR_POSITIONAL else "**"
            raise _no_tool(
                name, f"A model can't be told what {stars}{each.name} takes.", "Name each argument."
            )
        if _is_signal(hints.get(each.name)):
            injected.append(each.name)
        elif each.name.startswith("_") or each.name in fixed:
            if each.default is each.empty:
                raise _no_tool(
                    name,
                    f"{each.name!r} is hidden from the model (its name begins with _) and has no default.",
                    "Give it a default, or another name.",
                )
        else:
            shown[each.name] = each
            hints[each.name] = _type_of(each, hints, words, name)
    return shown, hints, tuple(injected)


def _hints(function: Any) -> dict[str, Any]:
    while isinstance(function, functools.partial):
        function = function.func
    typed = function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
    if inspect.isclass(typed):
        typed = typed.__init__
    return get_type_hints(typed, include_extras=True)


def _is_signal(hint: Any) -> bool:
    if get_origin(hint) in (Union, types.UnionType):
        return any(_is_signal(inner) for inner in get_args(hint))
    return isinstance(hint, type) and issubclass(hint, Signal)


def _type_of(parameter: inspect.Parameter, hints: Mapping[str, Any], words: Described, name: str) -> Any:
    """The type that is written, in the signature or the docstring, or that the default has."""
    if parameter.name in hints:
        return hints[parameter.name]
    if (written := _PLAIN_TYPES.get(words.types.get(parameter.name, "").lower())) is not None:
        return written
    if isinstance(parameter.default, str | int | float | bool):
        return type(parameter.default)
    raise _no_tool(
        name,
        f"Its argument {parameter.name!r} has no type.",
        f"Write one, for example `{parameter.name}: str`.",
    )


def _model(
    name: str, parameters: Mapping[str, inspect.Parameter], hints: Mapping[str, Any], words: Described
) -> Any:
    try:
        from pydantic import ConfigDict, Field, create_model
        from pydantic.fields import FieldInfo
    except ImportError:
        raise MissingPackage(
            "Functions as tools need pydantic.",
            why=f"It is not installed. {_NOTHING_SENT}",
            hint="Install it: `pip install pydantic`.",
        ) from None
    fields: dict[str, Any] = {}
    for place, (argument, parameter) in enumerate(parameters.items()):
        hint, said = hints[argument], None
        if get_origin(hint) is Annotated:
            extras = hint.__metadata__
            said = next((extra for extra in extras if isinstance(extra, str)), None)
            own = next((e.description for e in extras if isinstance(e, FieldInfo) and e.description), None)
            said = own or said
        default = parameter.default
        if isinstance(default, FieldInfo):
            raise _no_tool(
                name,
                f"The default of {argument!r} is a pydantic Field, which the function would get as it is.",
                f"Write `{argument}: Annotated[type, Field(...)] = default`.",
            )
        more: dict[str, Any] = {"description": said or words.arguments.get(argument) or None}
        if default is not inspect.Parameter.empty:
            # One that JSON has no word for is the function's own affair, and not told of.
            told = _is_json(default)
            more |= {"default": default} if told else {"default_factory": lambda value=default: value}
        fields[_key(place)] = (hint, Field(alias=argument, **more))
    try:
        return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    except Exception as error:  # noqa: BLE001 - whatever pydantic says of somebody's type
        raise _no_schema(name, error) from None


def _key(place: int) -> str:
    """The model's own name for an argument: the real one might be a word of pydantic's."""
    return f"argument_{place}"


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _without_titles(schema: Any, *, names: bool = False) -> Any:
    """The schema without the titles that pydantic makes of the names; ``names``: these keys are names."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value, names=key in ("properties", "$defs") and not names)
        if key not in ("default", "enum", "const", "examples") or names
        else value
        for key, value in schema.items()
        if names or key != "title"
    }


# -- what is wrong ----------------------------------------------------------------------------------


def _fault(error: Any) -> str:
    where = ".".join(str(step) for step in error["loc"])
    said = str(error["msg"])
    return f"{where}: {said[:1].lower()}{said[1:]}" if where else said


def _json_fault(text: str) -> str:
    try:
        json.loads(text)
    except ValueError as error:
        return str(error)
    except RecursionError:
        return "nested too deeply"
    return "some other JSON value"


def _unfit(name: str, faults: list[str]) -> ToolArgumentsError:
    more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
    return ToolArgumentsError(
        f"The arguments for {name} can't be used.",
        why="; ".join(faults[:_MOST_FAULTS]) + more + ".",
        hint="The tool was not run. Call it again with arguments that follow its schema.",
    )


def _no_tool(name: str, why: str, hint: str = "Change it, or leave it out.") -> BadRequest:
    return BadRequest(f"{name} can't be used as a tool.", why=f"{why} {_NOTHING_SENT}", hint=hint)


def _no_schema(name: str, error: Exception) -> BadRequest:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return _no_tool(
        name,
        f"There is no JSON schema for one of its types: {said}.",
        "Use types that JSON has, dataclasses or pydantic models; what the model must not see gets a name "
        "that begins with _ and a default.",
    )
