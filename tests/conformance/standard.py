"""What the standard says about an instance: a plain validator for drafts 4 to 2020-12, written from the documents.

It exists because every library decides something otherwise than the standard: doubles instead of the numbers that are
written, Python's regular expressions, formats by halves. `test_standard.py` holds it to the official test suite. Slow
and simple: each keyword is one function; nothing is shared with the package.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.conformance import ecma
from tests.conformance.dialects import MIXED, Place, root
from tests.conformance.exact import equal, exact, is_integer, is_multiple, is_number
from tests.conformance.format_checks import CHECKS

__all__ = ["MIXED", "Standard"]


@dataclass
class Seen:
    """What a schema has evaluated of an instance: the names of its properties, the indices of its items."""

    names: set[str] = field(default_factory=set)
    items: set[int] = field(default_factory=set)

    def add(self, other: Seen) -> None:
        self.names |= other.names
        self.items |= other.items


class Standard:
    """A schema that instances are held against.

    Args:
        schema: read with `exact.read`, so that its numbers are what is written.
        draft: what applies without `$schema`: 4, 6, 7, 2019, 2020 or MIXED (keywords of all drafts).
        registry: documents by URI.
        formats: whether known formats are asserted.
        content: whether draft 7's content keywords are asserted (7 validation, 8: optional).
    """

    def __init__(
        self,
        schema: Any,
        *,
        draft: int = MIXED,
        registry: Mapping[str, Any] | None = None,
        formats: bool = True,
        content: bool = False,
    ) -> None:
        self.schema = schema
        self.content = content
        self._place = root(schema, draft, registry or {}, formats)

    def is_valid(self, value: Any) -> bool:
        """Whether the instance is valid."""
        return self.check(self.schema, value, self._place) is not None

    def check(self, schema: Any, value: Any, place: Place) -> Seen | None:
        """What the schema has evaluated; None where the value is not valid."""
        if schema is True or schema is False:
            return Seen() if schema else None
        return self._check_here(schema, value, place.below(schema))

    def target(self, found: tuple[Any, Place], value: Any) -> Seen | None:
        """The same about what a reference points to, whose place is its own already."""
        schema, place = found
        return self.check(schema, value, place) if isinstance(schema, bool) else self._check_here(schema, value, place)

    def _check_here(self, schema: dict[str, Any], value: Any, place: Place) -> Seen | None:
        if "$ref" in schema and place.draft in (4, 6, 7):  # draft 7 core, 8.3: siblings are ignored
            return self.target(place.refer(schema["$ref"]), value)
        if not self._values(schema, value, place):
            return None
        seen = Seen()
        for rule in _APPLICATORS:
            found = rule(self, schema, value, place, seen)
            if found is None:
                return None
            seen.add(found)
        return seen

    def holds(self, schema: Any, value: Any, place: Place) -> bool:
        """Whether a subschema is valid about a value, whatever it evaluates."""
        return self.check(schema, value, place) is not None

    def _values(self, schema: dict[str, Any], value: Any, place: Place) -> bool:
        for keyword, limit in schema.items() if place.validates else ():
            rule = _ASSERTIONS.get(keyword)
            if rule is not None and not rule(limit, value, schema, place.draft):
                return False
        if place.asserts_format and isinstance(value, str) and not _format(schema.get("format"), value):
            return False
        return not (self.content and place.draft == 7 and isinstance(value, str)) or _content(schema, value)


def _format(name: Any, text: str) -> bool:
    check = CHECKS.get(name) if isinstance(name, str) else None
    return check is None or check(text)


def _content(schema: dict[str, Any], text: str) -> bool:
    """Draft 7 validation, 8.3 and 8.4."""
    content: str | bytes = text
    if schema.get("contentEncoding") == "base64":
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return False
        if base64.b64encode(content).decode() != text:  # RFC 4648, 3.5: encoders write zeros for pad bits
            return False
    if schema.get("contentMediaType") == "application/json":
        try:
            json.loads(content if isinstance(content, str) else content.decode(), parse_constant=_no_number)
        except ValueError:
            return False
    return True


def _no_number(name: str) -> Any:
    raise ValueError(name)


# Assertions: (value of the keyword, instance, whole schema, draft) -> holds?
def _type(names: Any, value: Any, schema: Any, draft: int) -> bool:
    return any(_is(name, value, draft) for name in ([names] if isinstance(names, str) else names))


def _is(name: str, value: Any, draft: int) -> bool:
    if name == "integer":  # draft 4 core, 3.5: without a fraction or exponent part
        return isinstance(value, int) and not isinstance(value, bool) if draft == 4 else is_integer(value)
    if name == "number":
        return is_number(value)
    kinds: dict[str, Any] = {"null": type(None), "boolean": bool, "string": str, "array": list, "object": dict}
    return isinstance(value, kinds[name])


def _minimum(limit: Any, value: Any, schema: Any, draft: int) -> bool:
    if not is_number(value):
        return True
    strict = schema.get("exclusiveMinimum") is True and draft in (4, MIXED)
    return bool(exact(value) > exact(limit) if strict else exact(value) >= exact(limit))


def _maximum(limit: Any, value: Any, schema: Any, draft: int) -> bool:
    if not is_number(value):
        return True
    strict = schema.get("exclusiveMaximum") is True and draft in (4, MIXED)
    return bool(exact(value) < exact(limit) if strict else exact(value) <= exact(limit))


def _exclusive_minimum(limit: Any, value: Any, schema: Any, draft: int) -> bool:
    return draft == 4 or isinstance(limit, bool) or not is_number(value) or bool(exact(value) > exact(limit))


def _exclusive_maximum(limit: Any, value: Any, schema: Any, draft: int) -> bool:
    return draft == 4 or isinstance(limit, bool) or not is_number(value) or bool(exact(value) < exact(limit))


def _unique(wanted: Any, value: Any, schema: Any, draft: int) -> bool:
    if not wanted or not isinstance(value, list):
        return True
    return not any(equal(value[i], value[j]) for i in range(len(value)) for j in range(i))


def _dependent_required(names: Any, value: Any, schema: Any, draft: int) -> bool:
    if not isinstance(value, dict) or draft in (4, 6, 7):
        return True
    return all(needed in value for name, others in names.items() if name in value for needed in others)


def _length(kind: type, holds: Callable[[int, Any], bool]) -> Callable[..., bool]:
    return lambda limit, value, schema, draft: not isinstance(value, kind) or holds(len(value), limit)  # type: ignore[arg-type]


_ASSERTIONS: dict[str, Callable[[Any, Any, Any, int], bool]] = {
    "type": _type,
    "enum": lambda values, value, schema, draft: any(equal(value, each) for each in values),
    "const": lambda wanted, value, schema, draft: draft == 4 or equal(value, wanted),
    "multipleOf": lambda factor, value, schema, draft: not is_number(value) or is_multiple(value, factor),
    "minimum": _minimum,
    "maximum": _maximum,
    "exclusiveMinimum": _exclusive_minimum,
    "exclusiveMaximum": _exclusive_maximum,
    "minLength": _length(str, lambda size, limit: size >= limit),
    "maxLength": _length(str, lambda size, limit: size <= limit),
    "pattern": lambda found, value, schema, draft: not isinstance(value, str) or ecma.search(found, value),
    "minItems": _length(list, lambda size, limit: size >= limit),
    "maxItems": _length(list, lambda size, limit: size <= limit),
    "uniqueItems": _unique,
    "minProperties": _length(dict, lambda size, limit: size >= limit),
    "maxProperties": _length(dict, lambda size, limit: size <= limit),
    "required": lambda names, value, schema, draft: not isinstance(value, dict) or all(name in value for name in names),
    "dependentRequired": _dependent_required,
}


# Applicators: (validator, schema, instance, place, what was evaluated so far) -> what they evaluate; None: not valid.
def _references(self: Standard, schema: Any, value: Any, place: Place, seen: Seen) -> Seen | None:
    found = Seen()
    targets = []
    if "$ref" in schema:
        targets.append(place.refer(schema["$ref"]))
    if "$dynamicRef" in schema and place.draft in (2020, MIXED):
        targets.append(place.refer_dynamically(schema["$dynamicRef"]))
    if "$recursiveRef" in schema and place.draft in (2019, MIXED):
        targets.append(place.recur())
    for target in targets:
        inner = self.target(target, value)
        if inner is None:
            return None
        found.add(inner)
    return found


def _branches(self: Standard, schema: Any, value: Any, place: Place, seen: Seen) -> Seen | None:
    found = Seen()
    for keyword, right in (
        ("allOf", lambda n, all_: n == all_),
        ("anyOf", lambda n, _: n > 0),
        ("oneOf", lambda n, _: n == 1),
    ):
        if keyword in schema:
            inner = [self.check(branch, value, place) for branch in schema[keyword]]
            valid = [each for each in inner if each is not None]
            if not right(len(valid), len(inner)):
                return None
            for each in valid:
                found.add(each)
    if "not" in schema and self.holds(schema["not"], value, place):
        return None
    return found


def _conditions(self: Standard, schema: Any, value: Any, place: Place, seen: Seen) -> Seen | None:
    if "if" not in schema or place.draft in (4, 6):
        return Seen()
    found = self.check(schema["if"], value, place)
    branch = schema.get("else" if found is None else "then", True)
    found = found or Seen()
    inner = self.check(branch, value, place)
    if inner is None:
        return None
    found.add(inner)
    return found


def _dependencies(self: Standard, schema: Any, value: Any, place: Place, seen: Seen) -> Seen | None:
    if not isinstance(value, dict):
        return Seen()
    found = Seen()
    applied = dict(schema.get("dependencies", {}))
    pairs = list(applied.items())
    if place.draft not in (4, 6, 7):
        pairs += schema.get("dependentSchemas", {}).items()
    for name, wanted in pairs:
        if name not in value:
            continue
        if isinstance(wanted, list):
            if not all(other in value for other in wanted):
                return None
            continue
        inner = self.check(wanted, value, place)
        if inner is None:
            return None
        found.add(inner)
    return found


def _properties(self: Standard, schema: Any, value: Any, place: Place, seen: Seen) -> Seen | None:
    if not isinstance(value, dict):
        return Seen()
    declared, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    evaluated: set[str] = set()
    for name, item in value.items():
        inner = [declared[name]] if name in declared else []
        inner += [found for pattern, found in patterns.items() if ecma.search(pattern, name)]
        if not inner and "additionalProperties" in schema:
            inner = [schema["additionalProperties"]]
        if not all(self.holds(each, item, place) for each in inner):
            return None
        if inner:
            evaluated.add(name)
    names = schema.get("propertyNames", True) if place.draft != 4 else True
    return Seen(names=evaluated) if all(self.holds(names, name, place) for name in value) else None


def _items(self: Standard, schema: Any, value: Any, place: Place, seen: Seen) -> Seen | None:
    if not isinstance(value, list):
        return Seen()
    first, rest = _item_schemas(schema, place.draft)
    evaluated: set[int] = set()
    for index, item in enumerate(value):
        inner = first[index] if index < len(first) else rest
        if inner is not None:
            if not self.holds(inner, item, place):
                return None
            evaluated.add(index)
    return _contained(self, schema, value, place, evaluated)


def _item_schemas(schema: Any, draft: int) -> tuple[list[Any], Any]:
    """Schemas of the first items, and of those after them (None: nothing)."""
    items = schema.get("items")
    if draft in (2020, MIXED) and not isinstance(items, list):
        return schema.get("prefixItems", []), items
    if isinstance(items, list):
        return items, schema.get("additionalItems")
    return [], items


def _contained(self: Standard, schema: Any, value: Any, place: Place, evaluated: set[int]) -> Seen | None:
    if "contains" not in schema or place.draft == 4:
        return Seen(items=evaluated)
    found = [index for index, item in enumerate(value) if self.holds(schema["contains"], item, place)]
    counted = place.draft in (2019, 2020, MIXED) and place.validates
    least = schema.get("minContains", 1) if counted else 1
    if len(found) < least or (counted and len(found) > schema.get("maxContains", len(found))):
        return None
    if place.draft in (2020, MIXED):  # 2020-12 core, 10.3.1.3; in 2019-09 contains evaluates nothing
        evaluated |= set(found)
    return Seen(items=evaluated)


def _unevaluated(self: Standard, schema: Any, value: Any, place: Place, seen: Seen) -> Seen | None:
    if place.draft in (4, 6, 7):
        return Seen()
    if isinstance(value, dict) and "unevaluatedProperties" in schema:
        rest = value.keys() - seen.names
        if not all(self.holds(schema["unevaluatedProperties"], value[name], place) for name in rest):
            return None
        return Seen(names=set(rest))
    if isinstance(value, list) and "unevaluatedItems" in schema:
        others = set(range(len(value))) - seen.items
        if not all(self.holds(schema["unevaluatedItems"], value[index], place) for index in others):
            return None
        return Seen(items=others)
    return Seen()


# The unevaluated ones last: they are about what all others have seen.
_APPLICATORS = [_references, _branches, _conditions, _dependencies, _properties, _items, _unevaluated]
