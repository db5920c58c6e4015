"""Python types as specs: pydantic says what a type looks like as JSON, and builds the value from the finished text.

Objects take declared fields only, whatever the type would ignore: a model should not be led to invent names. Strings
of a `Literal` or `Enum` at the top level are written bare, without quotes; everything else is JSON.
"""

from __future__ import annotations

import enum
import inspect
import re
from dataclasses import dataclass, field, is_dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from guidedgen.errors import CompileError, ValidationFailed
from guidedgen.grammars import choices, ir
from guidedgen.grammars.combining import Combinable
from guidedgen.grammars.foreign_types import is_msgspec, msgspec_schema, msgspec_value, with_attrs
from guidedgen.grammars.json_schema import Options, translate_schema
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.json_schema.native_compile import Reading, form_of
from guidedgen.grammars.json_schema.whitespace import Whitespace
from guidedgen.grammars.python_schemas import PYTHON_FORMATS, schema_of
from guidedgen.grammars.translation import Form, Translation
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.vocabulary import Vocabulary

T = TypeVar("T")


@dataclass(frozen=True)
class TypeSpec(Combinable, Generic[T]):
    """A value of a Python type: anything that pydantic's TypeAdapter takes, attrs and msgspec classes.

    Args:
        type: the type or annotation.
        whitespace: as in `JsonSchema`.
        bounds: on what the type's schema leaves endless, see `Bounds`.
        limits: how much work and memory the type's schema may cost.

    Raises:
        CompileError: it is not a type, or pydantic refuses it.
    """

    type: Any
    whitespace: Whitespace = field(default="compact", kw_only=True)
    bounds: Bounds = field(default=Bounds(), kw_only=True)
    limits: Limits | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if hint := _mistaken(self.type):
            raise CompileError(f"{self.type!r} is not a type", hint=hint)
        if not is_msgspec(self.type):
            self.adapter  # noqa: B018 refuses what is no type, here and not at the first use

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """pydantic's handle on the type."""
        try:
            return TypeAdapter(with_attrs(self.type))
        except PydanticUserError as error:
            raise CompileError(
                f"{self.type!r} cannot be an output type: {_first_line(error)}",
                hint="Use pydantic models, dataclasses, TypedDicts, standard types, attrs or msgspec classes.",
            ) from error

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema that texts are constrained to; for bare texts, that of the string."""
        return msgspec_schema(self.type) if is_msgspec(self.type) else schema_of(self.adapter, repr(self.type))

    @cached_property
    def texts(self) -> tuple[str, ...] | None:
        """The bare texts that stand for the values, or None where the text is JSON."""
        return _bare_texts(self.type)

    @property
    def json(self) -> bool:
        """Whether the text is JSON, and not a bare string."""
        return self.texts is None

    @property
    def options(self) -> tuple[str, ...]:
        """The bare texts; none where the text is JSON."""
        return self.texts or ()

    def translate(self, limits: Limits) -> Translation:
        """Raises every kind of `CompileError`, with a pointer into the type's JSON Schema, and `LimitExceeded`."""
        if self.texts is not None:
            return Translation(grammar=ir.Grammar(start=choices.terminal(self.texts)))
        return translate_schema(self.schema, options=self._options(), limits=limits, bounds=self.bounds)

    def compile_native(self, vocabulary: Vocabulary, limits: Limits) -> Form | None:
        """The native JSON machine's form; None where the texts are bare."""
        if self.texts is not None:
            return None
        return form_of(self.schema, vocabulary, reading=self._reading(), limits=limits)

    def node(self, limits: Limits) -> ir.Node:
        """The text as a part of a grammar."""
        if self.texts is not None:
            return self.translate(limits).grammar.start
        return ir.JsonText(self.schema, self._options(), self.bounds)

    def _options(self) -> Options:
        return self._reading().options

    def _reading(self) -> Reading:
        return _reading(self.whitespace, self.bounds)

    def grammar(self, limits: Limits) -> ir.Grammar:
        """The grammar alone."""
        return self.translate(limits).grammar

    def parse(self, text: str) -> T:
        """The value; raises `ValidationFailed` where the type's own validation refuses it."""
        try:
            if self.texts is not None:
                value = self.adapter.validate_python(text)
            elif is_msgspec(self.type):
                value = msgspec_value(self.type, text)
            else:
                value = self.adapter.validate_json(text)
        except ValidationError as error:
            details = "; ".join(_detail(problem) for problem in error.errors(include_url=False))
            raise ValidationFailed(f"the text is not valid as {_name(self.type)}: {details}", raw=text) from error
        except ValueError as error:
            raise ValidationFailed(f"the text is not valid as {_name(self.type)}: {error}", raw=text) from error
        return value  # type: ignore[no-any-return]


def _mistaken(given: Any) -> str | None:
    """What to write instead of something that is often given for a type; None where it may be one."""
    if isinstance(given, str | bytes | int | float):
        return "Give a type, a spec, or a list of options."
    if inspect.isroutine(given):
        return "Write gg.Tools([...]) to have functions called, or give the type of the value."
    if isinstance(given, re.Pattern):
        return "Write gg.Regex(pattern.pattern)."
    if isinstance(given, BaseModel) or (is_dataclass(given) and not isinstance(given, type)):
        return f"It is a value: give its class, {type(given).__name__}."
    return None


@lru_cache(maxsize=64)
def _reading(whitespace: Whitespace, bounds: Bounds) -> Reading:
    """How schemas of types are read: one object for all with the same settings."""
    options = Options(closed=True, canonical_numbers=True, formats=PYTHON_FORMATS, whitespace=whitespace)
    return Reading(options, bounds)


def _detail(problem: Any) -> str:
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else str(problem["msg"])


def _first_line(error: PydanticUserError) -> str:
    return error.message.splitlines()[0].rstrip(".")


def _name(tp: Any) -> str:
    return tp.__name__ if isinstance(tp, type) else str(tp)


def _bare_texts(tp: Any) -> tuple[str, ...] | None:
    if get_origin(tp) is Literal:
        values = [value.value if isinstance(value, enum.Enum) else value for value in get_args(tp)]
    elif isinstance(tp, type) and issubclass(tp, enum.Enum):
        values = [member.value for member in tp]
    else:
        return None
    return tuple(values) if values and all(isinstance(value, str) for value in values) else None
