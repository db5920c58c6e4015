"""Python functions as tools: arguments from the signature, what they mean from the docstring, and how to call.

The arguments of a function are a `TypedDict`: parameters with a default may be left out, and the function then takes
its own default. Docstrings may be written in Google's, NumPy's, Sphinx's or Epydoc's style.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import docstring_parser
import typing_extensions
from pydantic import ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from guidedgen.errors import CompileError
from guidedgen.grammars.foreign_types import with_attrs

_POSITIONAL_ONLY: Final = inspect.Parameter.POSITIONAL_ONLY
_COLLECTING: Final = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a model has to know to call a function.

    Attributes:
        name: the function's name.
        description: its docstring without the parts about arguments and results.
        arguments: a TypedDict of the parameters.
    """

    name: str
    description: str
    arguments: Any = field(repr=False)


def signature_of(function: Callable[..., Any], *, name: str | None = None) -> Signature:
    """Read a function's signature and docstring.

    Args:
        function: a function, a bound method, or another callable with a signature.
        name: for callables without a name of their own.

    Raises:
        CompileError: a parameter without a type, `*args` or `**kwargs`, a callable without a name, or an annotation
            that cannot be evaluated.
    """
    name = name or getattr(function, "__name__", "")
    if not name:
        raise CompileError(f"{function!r} has no name", hint="Wrap it: gg.Tool(name=..., function=...).")
    described, notes = _docstring(function)
    hints = _hints(function, name)
    fields: dict[str, Any] = {}
    for parameter in _signature(function, name).parameters.values():
        annotation = _annotation(parameter, hints, name, notes.get(parameter.name, ""))
        required = parameter.default is inspect.Parameter.empty
        kind = typing_extensions.Required if required else typing_extensions.NotRequired
        fields[parameter.name] = kind[annotation]
    make: Any = typing_extensions.TypedDict
    arguments = make(name, fields)
    arguments.__pydantic_config__ = ConfigDict(extra="forbid")
    return Signature(name=name, description=described, arguments=arguments)


def call_with(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function with arguments by name, also those that it takes by position only."""
    signature = inspect.signature(function)
    if all(parameter.kind is not _POSITIONAL_ONLY for parameter in signature.parameters.values()):
        return function(**arguments)
    ordered = {name: arguments[name] for name in signature.parameters if name in arguments}
    bound = inspect.BoundArguments(signature, ordered)
    bound.apply_defaults()
    return function(*bound.args, **bound.kwargs)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling the function gives something to await."""
    target = _unwrapped(function)
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(getattr(target, "__call__", None))  # noqa: B004


def _unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _signature(function: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        hint = "Write a Python function around it, with annotated parameters."
        raise CompileError(f"tool {name!r}: the signature cannot be read: {error}", hint=hint) from error


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    """The annotations as types, those that are postponed (PEP 563) included."""
    target = _unwrapped(function)
    if not (inspect.isroutine(target) or inspect.isclass(target)):
        target = type(target).__call__
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        hint = "Define or import the types at module level, before the tool is made."
        raise CompileError(f"tool {name!r}: its annotations cannot be evaluated: {error}", hint=hint) from error


def _annotation(parameter: inspect.Parameter, hints: Mapping[str, Any], owner: str, note: str) -> Any:
    """The type of one parameter with what is known about it: its description and default."""
    place = f"tool {owner!r}: parameter {parameter.name!r}"
    if parameter.kind in _COLLECTING:
        stars = _COLLECTING[parameter.kind]
        hint = "List the parameters, or take a dict or list as one of them."
        raise CompileError(f"tool {owner!r}: {stars}{parameter.name} cannot be described to a model", hint=hint)
    if parameter.name not in hints:
        raise CompileError(f"{place} has no type", hint=f"Annotate it, for example {parameter.name}: str.")
    if isinstance(parameter.default, FieldInfo):
        hint = "Write name: Annotated[type, Field(...)] = default."
        raise CompileError(f"{place} has a Field as its default, which the function would be given", hint=hint)
    extras: dict[str, Any] = {}
    annotation = hints[parameter.name]
    if note and not _described(annotation):
        extras["description"] = note
    default = _default(parameter.default)
    if default is not None:
        extras["json_schema_extra"] = {"default": default}
    typed = with_attrs(annotation)
    return Annotated[typed, Field(**extras)] if extras else typed


def _default(value: object) -> object:
    """A default as JSON, where it has such a form and says more than that the argument may be left out."""
    if value is inspect.Parameter.empty:
        return None
    try:
        made: object = to_jsonable_python(value)
    except (PydanticSerializationError, ValueError):
        return None
    return made


def _described(annotation: Any) -> bool:
    """Whether the annotation itself carries a description: it wins over the docstring."""
    if get_origin(annotation) is not Annotated:
        return False
    return any(getattr(note, "description", None) for note in get_args(annotation)[1:])


def _docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """What a docstring says about the function and about each parameter."""
    target = _unwrapped(function)
    text = inspect.getdoc(target if inspect.isroutine(target) else type(target).__call__) or ""
    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return " ".join(text.split()), {}
    parts = filter(None, (parsed.short_description, parsed.long_description))
    notes: dict[str, str] = {}
    for parameter in parsed.params:
        for name in parameter.arg_name.split(","):  # NumPy's style documents several at once: `x, y : int`
            notes[name.strip().lstrip("*")] = " ".join((parameter.description or "").split())
    return "\n\n".join(part.strip() for part in parts), notes
