"""attrs and msgspec classes and `typing.TypedDict` as output types. attrs and msgspec are not imported from here."""

from __future__ import annotations

import functools
import operator
import sys
import types
import typing
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from guidedgen.errors import CompileError


def is_msgspec(tp: Any) -> bool:
    """Whether a type is, or contains, a `msgspec.Struct`."""
    msgspec = sys.modules.get("msgspec")
    if msgspec is None:
        return False
    if isinstance(tp, type) and issubclass(tp, msgspec.Struct):
        return True
    return any(is_msgspec(argument) for argument in get_args(tp))


def msgspec_schema(tp: Any) -> dict[str, Any]:
    """The JSON Schema of a msgspec type.

    Raises:
        CompileError: msgspec refuses it.
    """
    msgspec = sys.modules["msgspec"]
    try:
        schema: dict[str, Any] = msgspec.json.schema(tp)
    except TypeError as error:
        raise CompileError(f"msgspec cannot describe {tp!r}: {error}") from error
    return schema


def msgspec_value(tp: Any, text: str) -> Any:
    """The value of a JSON text; raises ValueError."""
    return sys.modules["msgspec"].json.decode(text, type=tp)


def with_attrs(tp: Any) -> Any:
    """A type in which pydantic can handle attrs classes and `typing.TypedDict`, wherever they stand."""
    if isinstance(tp, type) and hasattr(tp, "__attrs_attrs__"):
        return Annotated[tp, _AttrsClass(tp)]
    if sys.version_info < (3, 12) and typing.is_typeddict(tp):
        return _typed_dict(tp)
    origin, arguments = get_origin(tp), get_args(tp)
    if not arguments or origin is None:
        return tp
    if origin is Annotated:
        return Annotated[(with_attrs(arguments[0]), *arguments[1:])]
    changed = tuple(with_attrs(argument) if not isinstance(argument, list) else argument for argument in arguments)
    if all(new is old for new, old in zip(changed, arguments, strict=True)):
        return tp
    if origin in (types.UnionType, typing.Union):
        return functools.reduce(operator.or_, changed)
    return tp.copy_with(changed) if hasattr(tp, "copy_with") else origin[changed]


def _typed_dict(tp: Any) -> Any:
    """The same TypedDict as pydantic wants it before Python 3.12: from `typing_extensions`."""
    hints = {name: with_attrs(hint) for name, hint in get_type_hints(tp, include_extras=True).items()}
    fields = {
        name: hint
        if get_origin(hint) in (typing.Required, typing.NotRequired)
        else (typing.Required[hint] if name in tp.__required_keys__ else typing.NotRequired[hint])
        for name, hint in hints.items()
    }
    return typing_extensions.TypedDict(tp.__name__, fields)  # type: ignore[operator]


_OPEN: ContextVar[frozenset[str]] = ContextVar("_OPEN", default=frozenset())
"""Classes whose fields are being read, so that a class may contain itself."""


@dataclass(frozen=True)
class _AttrsClass:
    """Annotation by which pydantic reads an object's fields and calls the class."""

    cls: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        reference = f"{self.cls.__module__}.{self.cls.__qualname__}:{id(self.cls)}"
        if reference in _OPEN.get():
            return core_schema.definition_reference_schema(reference)
        token = _OPEN.set(_OPEN.get() | {reference})
        try:
            inner = core_schema.typed_dict_schema(self._fields(handler), extra_behavior="forbid")
        finally:
            _OPEN.reset(token)
        return core_schema.no_info_after_validator_function(self._made, inner, ref=reference)

    def _fields(self, handler: GetCoreSchemaHandler) -> dict[str, core_schema.TypedDictField]:
        hints = get_type_hints(self.cls, include_extras=True)
        fields: dict[str, core_schema.TypedDictField] = {}
        for attribute in self.cls.__attrs_attrs__:
            if not attribute.init:
                continue
            name = attribute.alias or attribute.name
            schema = handler.generate_schema(with_attrs(hints.get(attribute.name, Any)))
            required = not _has_default(attribute)
            fields[name] = core_schema.typed_dict_field(schema, required=required)
        return fields

    def _made(self, fields: dict[str, Any]) -> Any:
        return self.cls(**fields)


def _has_default(attribute: Any) -> bool:
    return attribute.default is not sys.modules["attr"].NOTHING
