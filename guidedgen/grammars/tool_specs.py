"""What a model may call: `Tool`, made from functions, Python types, or the JSON that OpenAI's interface takes.

A tool knows the schema of its arguments and how to turn the text of arguments into values. How calls are written is
not known here.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from guidedgen.errors import CompileError, ValidationFailed
from guidedgen.grammars.python_types import TypeSpec
from guidedgen.grammars.specs import JsonSchema
from guidedgen.grammars.tool_functions import Signature, call_with, signature_of

_NAME: Final = re.compile(r"[A-Za-z0-9_./-]{1,128}")
_NO_ARGUMENTS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}
_MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_VALUES: Final = frozenset({"const", "enum", "default", "examples", "example"})


class ArgumentsSchema(JsonSchema):
    """The schema of a tool's arguments: an object that declares properties takes no others."""

    _closed = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Tool:
    """One function that a model may call.

    Args:
        name: letters, digits and `_ - . /`.
        description: when and why to call it.
        parameters: what the arguments are: a JSON Schema of an object (a `JsonSchema` where it needs options), or a
            Python type whose JSON form is an object. Where it is left out, the signature of `function` says it, or
            there are no arguments.
        function: what a call runs. It is called with the arguments by name; with the value itself where `parameters`
            is a type.
        strict: OpenAI's flag, handed on in prompts. Arguments are exact with it and without it.

    Raises:
        CompileError: an impossible name, or parameters that are not those of an object.
    """

    name: str = ""
    description: str = ""
    parameters: Any = None
    function: Callable[..., Any] | None = None
    strict: bool = False
    _read: Signature | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.function is not None and self.parameters is None:
            self._take(signature_of(self.function, name=self.name or None))
        if not _NAME.fullmatch(str(self.name)):
            hint = "Use up to 128 letters, digits and _ - . /"
            raise CompileError(f"{self.name!r} cannot be the name of a tool", hint=hint)
        self._check_object()

    def _take(self, signature: Signature) -> None:
        object.__setattr__(self, "_read", signature)
        object.__setattr__(self, "name", signature.name)
        object.__setattr__(self, "description", self.description or signature.description)

    def _check_object(self) -> None:
        """Only an object can be passed by name; what a reference leads to is checked when arguments are read."""
        root = self.schema
        kind = root.get("type", "object")
        if kind != "object" and kind != ["object"]:
            hint = "Describe an object with one property for each argument."
            raise self.fault(CompileError(f"the parameters are of type {kind!r}", pointer="/type", hint=hint))

    @property
    def by_name(self) -> bool:
        """Whether arguments are a dict of named values, and not one value of a type."""
        return self._read is not None or self.parameters is None or isinstance(self.parameters, Mapping | JsonSchema)

    @cached_property
    def spec(self) -> TypeSpec[Any] | JsonSchema:
        """What the text of the arguments is constrained to."""
        if isinstance(self.parameters, JsonSchema):
            return self.parameters
        try:
            if self._read is not None:
                return TypeSpec(self._read.arguments)
            if self.parameters is None or isinstance(self.parameters, Mapping):
                return ArgumentsSchema(_object(self.parameters or _NO_ARGUMENTS))
            return TypeSpec(self.parameters)
        except CompileError as error:
            raise self.fault(error) from error

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments, as models are shown it: without the titles that pydantic makes up."""
        spec = self.spec
        if isinstance(spec, JsonSchema):
            read = json.loads(spec.schema) if isinstance(spec.schema, str) else spec.schema
            return dict(read) if isinstance(read, Mapping) else {}
        try:
            shown: dict[str, Any] = _untitled(spec.schema)
        except CompileError as error:
            raise self.fault(error) from error
        shown.pop("description", None)  # the tool's own says it
        return shown

    @property
    def declaration(self) -> dict[str, Any]:
        """The tool as OpenAI's interface and chat templates take it; a new value each time."""
        function = {"name": self.name, "description": self.description, "parameters": copy.deepcopy(self.schema)}
        return {"type": "function", "function": {**function, "strict": True} if self.strict else function}

    def read(self, text: str) -> Any:
        """The validated arguments.

        Raises:
            ValidationFailed: they are not valid; says which tool refused what.
        """
        try:
            value = self.spec.parse(text)
        except ValidationFailed as error:
            told = str(error).removeprefix("the text is not valid as ")
            raise ValidationFailed(f"the arguments of {self.name} are not valid: {told}", raw=text) from error.__cause__
        if self.by_name and not isinstance(value, dict):
            raise ValidationFailed(f"the arguments of {self.name} are not an object", raw=text)
        return value

    def run(self, arguments: Any) -> Any:
        """What the function returns for validated arguments; something to await where it is async."""
        assert self.function is not None  # `ToolCall` asks first
        return call_with(self.function, arguments) if self.by_name else self.function(arguments)

    def fault(self, error: CompileError) -> CompileError:
        """The error with the tool's name in front; pointers lead into its parameters."""
        named = f"tool {self.name!r}: "
        if not error.reason.startswith("tool "):
            error.tool = self.name
            error.reason = named + error.reason
            error.args = (named + str(error.args[0]),)
        return error


def tool_of(thing: Any) -> Tool:
    """A tool from whatever may stand for one.

    Args:
        thing: a `Tool`, a function or bound method, a pydantic model or another class whose JSON form is an object (a
            call makes an instance of it), or OpenAI's JSON: `{"type": "function", "function": {...}}`, also the inner
            object alone.

    Raises:
        CompileError: none of these, or one that cannot be described to a model.
    """
    if isinstance(thing, Tool):
        return thing
    if isinstance(thing, Mapping):
        return _declared(thing)
    if isinstance(thing, type):
        return _class(thing)
    if callable(thing):
        return Tool(function=thing)
    raise CompileError(f"{thing!r} is not a tool", hint="Give functions, classes, OpenAI's JSON, or gg.Tool(...).")


def tools_of(things: Sequence[Any]) -> tuple[Tool, ...]:
    """Tools whose names differ; raises as `tool_of` does."""
    if isinstance(things, str | bytes | Mapping) or not isinstance(things, Sequence):
        raise CompileError("the tools must be a list", hint="Write gg.Tools([f, g]).")
    made = tuple(map(tool_of, things))
    names: set[str] = set()
    for tool in made:
        if tool.name in names:
            raise CompileError(
                f"two tools are called {tool.name!r}", hint="Rename one: gg.Tool(name=..., function=...)."
            )
        names.add(tool.name)
    if not made:
        raise CompileError("there are no tools", hint="Give at least one, or leave gg.Tools out.")
    return made


def _class(cls: type) -> Tool:
    """A class as a tool: its fields are the arguments. Called without a function, it gives the instance."""
    spec: TypeSpec[Any] = TypeSpec(cls)
    if not spec.json:
        raise CompileError(
            f"{cls.__name__} cannot be a tool: its values are not objects", hint="Use a class with fields."
        )
    return Tool(name=cls.__name__, description=" ".join(spec.schema.get("description", "").split()), parameters=cls)


def _declared(thing: Mapping[str, Any]) -> Tool:
    """OpenAI's JSON, of the chat interface or of the responses interface (flat), or an MCP tool (`inputSchema`)."""
    inner = thing.get("function", thing) if thing.get("type", "function") == "function" else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        hint = 'It looks like {"type": "function", "function": {"name": ..., "parameters": {...}}}.'
        raise CompileError(f"{_short(thing)} does not declare a function", hint=hint)
    parameters = inner.get("parameters", inner.get("inputSchema", inner.get("input_schema")))
    if parameters is not None and not isinstance(parameters, Mapping):
        raise CompileError(f"tool {inner['name']!r}: the parameters are no JSON Schema", hint="Use a schema object.")
    return Tool(
        name=inner["name"],
        description=str(inner.get("description") or ""),
        parameters=parameters,
        strict=inner.get("strict") is True,
    )


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    return dict(schema) if "type" in schema else {"type": "object", **schema}


def _untitled(schema: Any) -> Any:
    """A schema without `title` keywords; values and names that happen to be called so stay."""
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _MAPS and isinstance(value, dict):
            kept[keyword] = {name: _untitled(inner) for name, inner in value.items()}
        elif keyword in _VALUES:
            kept[keyword] = value
        elif keyword != "title":
            kept[keyword] = _untitled(value)
    return kept


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
