"""What the model is told about the output type: a mask keeps the text valid, but only a description makes it sensible.

`short` lists names, types and descriptions of the fields, `schema` gives the JSON Schema or grammar itself, `none` says
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, TypeAlias

Detail: TypeAlias = Literal["short", "schema", "none"]
Schema: TypeAlias = Mapping[str, Any] | bool

# Bounds on the description: more than this nobody reads, least of all a small model.
_DEPTH = 6  # nesting of listed fields
_LINES = 120
_VISITS = 1000  # of subschemas: unions of unions multiply
_OPTIONS = 40  # of an enumeration
_GRAMMAR = 4_000  # characters
_NAME_DEPTH, _BRANCHES = 3, 12  # of a type's name
_NAMES = {
    "object": "object",
    "array": "list",
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}


def describe_choice(options: Sequence[str]) -> str:
    """One line for a closed list of answers."""
    return "Answer with exactly one of: " + ", ".join(options[:_OPTIONS]) + (", ..." if len(options) > _OPTIONS else "")


def describe_pattern(pattern: str) -> str:
    """One line for a regular expression."""
    return f"Answer only with text that matches the regular expression {pattern}"


def describe_grammar(text: str, *, about: str | None = None, detail: Detail = "short") -> str:
    """Text for a prompt about texts of a grammar.

    Args:
        text: the grammar.
        about: what its texts are, where that is known.
        detail: `short` is `about`, or the grammar's first lines; `schema` the grammar in full.
    """
    if detail == "short" and about is not None:
        return f"Answer only with {about}"
    shown = text.strip()
    if detail == "short" and len(shown) > _GRAMMAR:
        shown = shown[: shown.rfind("\n", 0, _GRAMMAR) + 1 or _GRAMMAR] + "..."
    return f"Answer only with text of this grammar:\n{shown}"


def describe_schema(schema: Schema, *, detail: Detail = "short") -> str:
    """Text for a prompt about values of `schema`.

    Args:
        schema: a JSON Schema.
        detail: `short` or `schema`.
    """
    if detail == "schema":
        return f"Answer with JSON of this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    return _Describer(schema).text()


class _Describer:
    """Walks one schema; references are followed, recursion is named instead of repeated."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._visits = 0

    def text(self) -> str:
        schema = self._resolve(self._root)
        seen = (_reference(self._root),)
        about = _sentence(schema)
        properties = schema.get("properties")
        if isinstance(properties, Mapping) and properties:
            return f"Answer with a JSON object with these fields:{about}\n" + "\n".join(
                islice(self._fields(schema, 0, seen), _LINES)
            )
        lines = islice(self._below(schema, 0, seen), _LINES)
        return f"Answer with JSON{self._form(schema)}{about}" + "".join(f"\n{line}" for line in lines)

    def _form(self, schema: Mapping[str, Any]) -> str:
        """The type; lists of texts as they are written, for told by type alone small models leave them empty."""
        name, items = self._name(schema), schema.get("items")
        item = self._resolve(items) if isinstance(items, Mapping) and "prefixItems" not in schema else {}
        if item.get("type") != "string":
            return f": {name}"
        text = str(item.get("format", "string"))
        return f" in one line: [{text}, {text}, ...], a {name}"

    def _fields(self, schema: Mapping[str, Any], depth: int, seen: tuple[str, ...]) -> Iterator[str]:
        required = schema.get("required", ())
        for name, inner in schema["properties"].items():
            target = self._resolve(inner)
            optional = "" if name in required else ", optional"
            note = _note(inner) or _note(target)
            yield f"{'  ' * depth}- {name} ({self._name(target)}{optional}){': ' + note if note else ''}"
            yield from self._below(target, depth + 1, (*seen, _reference(inner)))

    def _below(self, schema: Mapping[str, Any], depth: int, seen: tuple[str, ...]) -> Iterator[str]:
        """Fields of the objects that `schema` holds, indented."""
        if depth > _DEPTH or self._visits >= _VISITS:
            return
        self._visits += 1
        for inner in (schema, *_parts(schema)):
            target = self._resolve(inner)
            if _reference(inner) and _reference(inner) in seen:
                continue
            if isinstance(target.get("properties"), Mapping):
                yield from self._fields(target, depth, (*seen, _reference(inner)))
            elif inner is not schema and _parts(target):
                yield from self._below(target, depth, (*seen, _reference(inner)))

    def _name(self, schema: Mapping[str, Any], depth: int = 0) -> str:
        """A type in a few words."""
        for keyword, name in _NAMERS.items():
            if keyword in schema:
                return name(self, schema, depth) if depth < _NAME_DEPTH else "value"
        kind = schema.get("type", "value")
        if isinstance(kind, list):
            return " or ".join(_NAMES.get(item, str(item)) for item in kind)
        return _scalar(str(kind), schema)

    def _union(self, schema: Mapping[str, Any], depth: int) -> str:
        options = schema.get("anyOf") or schema.get("oneOf") or ()
        names = dict.fromkeys(self._name(self._resolve(option), depth + 1) for option in options[:_BRANCHES])
        return " or ".join(names)

    def _list(self, schema: Mapping[str, Any], depth: int) -> str:
        first = schema.get("prefixItems", schema.get("items"))
        if isinstance(first, list):
            return "list of " + ", ".join(self._name(self._resolve(item), depth + 1) for item in first[:_BRANCHES])
        low, high = schema.get("minItems"), schema.get("maxItems")
        size = f"{low} " if low is not None and low == high else f"at most {high} " if high is not None else ""
        return f"list of {size}{self._name(self._resolve(schema['items']), depth + 1)}"

    def _mapping(self, schema: Mapping[str, Any], depth: int) -> str:
        inner = schema["additionalProperties"]
        if schema.get("properties") or not isinstance(inner, Mapping):
            return "object"
        return f"object whose values are each: {self._name(self._resolve(inner), depth + 1)}"

    def _resolve(self, schema: Schema) -> Mapping[str, Any]:
        """The schema behind local references; keywords beside `$ref` win."""
        for _ in range(_DEPTH):
            if isinstance(schema, bool):
                return {}
            reference = _reference(schema)
            if not reference:
                return schema
            siblings = {key: value for key, value in schema.items() if key != "$ref"}
            target = self._find(reference)
            schema = target if isinstance(target, bool) else {**target, **siblings}
        return {} if isinstance(schema, bool) else schema

    def _find(self, reference: str) -> Schema:
        target: Any = self._root
        for part in reference.removeprefix("#").split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            target = target[int(key)] if isinstance(target, Sequence) else target.get(key, {})
        return target if isinstance(target, Mapping | bool) else {}


_NAMERS: dict[str, Callable[[_Describer, Mapping[str, Any], int], str]] = {
    "const": lambda _, schema, __: json.dumps(schema["const"], ensure_ascii=False),
    "enum": lambda _, schema, __: _one_of(schema["enum"]),
    "anyOf": _Describer._union,
    "oneOf": _Describer._union,
    "prefixItems": _Describer._list,
    "items": _Describer._list,
    "additionalProperties": _Describer._mapping,
}


def _one_of(options: Sequence[Any]) -> str:
    listed = ", ".join(json.dumps(option, ensure_ascii=False) for option in options[:_OPTIONS])
    return f"one of {listed}" + (", ..." if len(options) > _OPTIONS else "")


def _scalar(kind: str, schema: Mapping[str, Any]) -> str:
    """A scalar with the bounds that a reader can use."""
    name = schema.get("format", _NAMES.get(kind, kind)) if kind == "string" else _NAMES.get(kind, kind)
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{name} from {low} to {high}"
    if low is not None:
        return f"{name}, at least {low}"
    if high is not None:
        return f"{name}, at most {high}"
    return f"{name} like {schema['pattern']}" if "pattern" in schema else str(name)


def _reference(schema: Schema) -> str:
    reference = "" if isinstance(schema, bool) else schema.get("$ref", "")
    return reference if isinstance(reference, str) and reference.startswith("#") else ""


def _parts(schema: Mapping[str, Any]) -> list[Schema]:
    """The schemas of a list's items and a union's branches."""
    items = schema.get("items")
    found: list[Schema] = [items] if isinstance(items, Mapping) else []
    found.extend(items if isinstance(items, list) else ())
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        found.extend(schema.get(keyword, ()))
    return found


def _note(schema: Schema) -> str:
    text = "" if isinstance(schema, bool) else schema.get("description", "")
    return " ".join(str(text).split())


def _sentence(schema: Mapping[str, Any]) -> str:
    note = _note(schema)
    return f" ({note})" if note else ""
