"""What a spec says, as bytes: equal bytes compile to equal constraints. It keys caches and saved constraints."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import marshal
from collections.abc import Callable, Mapping
from functools import cache, singledispatch
from typing import Any, cast

from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.json_schema.options import Draft, Options
from guidedgen.grammars.json_schema.whitespace import Indent
from guidedgen.grammars.python_types import TypeSpec
from guidedgen.grammars.specs import Choice, JsonSchema, Lark, Regex
from guidedgen.grammars.tools import Tools

_WITHOUT_REFERENCES = 2  # a version of marshal's format in which equal values are equal bytes


@singledispatch
def content_of(spec: Any) -> str | None:
    """A text that two specs share only if they compile alike; None where nothing is known about a kind of spec."""
    return None


def digest_of(spec: Any) -> str | None:
    """`content_of` as 64 hexadecimal digits."""
    content = content_of(spec)
    return None if content is None else hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def key_of(spec: Any) -> object:
    """What `content_of` tells apart, for this process alone: made several times faster for schemas. None as there.

    Numbers that are equal but not alike (1 and 1.0) make two keys.
    """
    if not isinstance(spec, (JsonSchema, TypeSpec)) or (isinstance(spec, TypeSpec) and spec.texts is not None):
        return content_of(spec)
    reading, native = spec._reading(), _native_key()
    if native is not None and not reading.options.registry:
        said = native(spec.schema)
        return None if said is None else (said, reading)  # which is one object for all that are read alike
    try:
        return marshal.dumps(schema_fields(spec.schema, reading.options, reading.bounds), _WITHOUT_REFERENCES)
    except ValueError:  # a schema that is no plain data: compiling it says so, with the place
        return None


@cache
def _native_key() -> Callable[[object], bytes | None] | None:
    """The native kernel's key of a schema, where it is installed; ten times faster than writing the schema out."""
    try:
        native = importlib.import_module("guidedgen.kernel._native")
    except ImportError:
        return None
    return cast("Callable[[object], bytes | None]", native.content_key)


def fields_of(spec: Any) -> dict[str, Any]:
    """The fields of a spec that make its language."""
    return {entry.name: getattr(spec, entry.name) for entry in dataclasses.fields(spec) if entry.init and entry.compare}


@content_of.register
def _(spec: Regex) -> str | None:
    return _of_fields("regex", spec)


@content_of.register
def _(spec: Lark) -> str | None:
    if spec.import_paths:  # files may change
        return None
    return _of_fields("lark", spec)  # None where its terminals are types or functions


@content_of.register
def _(spec: Gbnf) -> str | None:
    return _of_fields("gbnf", spec)


@content_of.register
def _(spec: Ebnf) -> str | None:
    return _of_fields("ebnf", spec)


@content_of.register
def _(spec: Choice) -> str | None:  # type: ignore[type-arg]
    return _written("choice", list(spec._texts))


@content_of.register
def _(spec: JsonSchema) -> str | None:
    return schema_content(spec.schema, spec._options(), spec.bounds)


@content_of.register
def _(spec: TypeSpec) -> str | None:  # type: ignore[type-arg]
    if spec.texts is not None:
        return _written("choice", list(spec.texts))
    return schema_content(spec.schema, spec._options(), spec.bounds)


@content_of.register
def _(spec: Tools) -> str | None:
    """Not the functions: they do not count for what may be written."""
    arguments = [[tool.name, content_of(tool.spec)] for tool in spec.callable]
    if any(content is None for _, content in arguments):
        return None
    return _written("tools", [arguments, spec.speaks, spec.most, dataclasses.asdict(spec.written)])


def schema_content(schema: Any, options: Options, bounds: Bounds) -> str | None:
    """The same for a JSON Schema: its text, with properties in their order, and how it is read."""
    return _written("schema", schema_fields(schema, options, bounds))


def schema_fields(schema: Any, options: Options, bounds: Bounds) -> dict[str, Any]:
    """A schema and how it is read, as JSON can hold it; the opposite of `schema_of_fields`."""
    settings = dict(vars(options))
    if isinstance(options.whitespace, Indent):
        settings["whitespace"] = options.whitespace.width
    settings |= {"registry": dict(options.registry), "formats": dict(options.formats), "draft": int(options.draft)}
    return {"schema": schema, "options": settings, "bounds": dict(vars(bounds))}


def schema_of_fields(fields: dict[str, Any]) -> tuple[Any, Options, Bounds]:
    """A schema and how it is read; raises KeyError, TypeError or ValueError for what `schema_fields` did not make."""
    settings = dict(fields["options"])
    if isinstance(settings["whitespace"], int):
        settings["whitespace"] = Indent(settings["whitespace"])
    settings["draft"] = Draft(settings["draft"])
    return fields["schema"], Options(**settings), Bounds(**fields["bounds"])


def _of_fields(kind: str, spec: Any) -> str | None:
    return _written(kind, fields_of(spec))


def _written(kind: str, value: Any) -> str | None:
    try:
        return kind + json.dumps(value, ensure_ascii=False, default=_settings)
    except (TypeError, ValueError, RecursionError):  # not JSON: compiling a schema says so, a type is known to nobody
        return None


def _settings(value: Any) -> Any:
    """A dataclass among the fields, such as a specification inside another, as its own fields."""
    if isinstance(value, Mapping):
        return dict(value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{value!r} is not known by its content")
    return [type(value).__qualname__, fields_of(value)]
