"""Validates Python values with the nodes that the native reader made: `Schema.dump()` as a validator, slow and plain.

Written from the standard (2020-12 core, 8 to 11, and validation, 6), so that what the reader makes of a schema can be
checked against the official suite without any of the code that makes masks.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

_KINDS = {"null": 1, "boolean": 2, "integer": 4, "fraction": 8, "string": 16, "array": 32, "object": 64}
Nodes = list[dict[str, Any]]
Scope = tuple[int, ...]


@dataclass
class Seen:
    """What was evaluated so far: names of properties, indices of items."""

    names: set[str] = field(default_factory=set)
    items: set[int] = field(default_factory=set)

    def add(self, other: Seen) -> None:
        """Take over what a successful subschema evaluated."""
        self.names |= other.names
        self.items |= other.items


class Evaluator:
    """One schema that was read."""

    def __init__(self, nodes: Nodes, root: int = 0) -> None:
        self._nodes = nodes
        self._root = root

    def valid(self, value: Any) -> bool:
        """Whether a value of `json.loads(parse_float=Decimal)` is valid."""
        return self._check(self._root, value, ()) is not None

    def _check(self, index: int, value: Any, scope: Scope) -> Seen | None:
        """What was evaluated, or None where the value is not valid; `scope`: a node of each resource, outer first."""
        node = self._nodes[index]
        if node["always"] >= 0:
            return Seen() if node["always"] else None
        if not scope or self._nodes[scope[-1]]["resource"] != node["resource"]:
            scope = (*scope, index)
        if not _types(node, value) or ("values" in node and key_of(value) not in list(map(_hashable, node["values"]))):
            return None
        if not _numbers(node, value) or not _strings(node, value):
            return None
        seen = Seen()
        for part in (self._in_place, self._array, self._object):
            if not part(node, value, scope, seen):
                return None
        return seen

    def _sub(self, index: int, value: Any, scope: Scope, seen: Seen) -> bool:
        found = self._check(index, value, scope)
        if found is not None:
            seen.add(found)
        return found is not None

    def _dynamic(self, node: dict[str, Any], scope: Scope) -> int:
        anchor = node["anchor"]
        if anchor is not None:
            for outer in scope:
                if anchor in self._nodes[outer]["dynamic_anchors"]:
                    found: int = self._nodes[outer]["dynamic_anchors"][anchor]
                    return found
        first: int = node["dynamic"]
        return first

    def _in_place(self, node: dict[str, Any], value: Any, scope: Scope, seen: Seen) -> bool:
        if "all_of" not in node:
            return True
        if node["dynamic"] >= 0 and not self._sub(self._dynamic(node, scope), value, scope, seen):
            return False
        for child in [*node["all_of"], *([node["ref"]] if node["ref"] >= 0 else [])]:
            if not self._sub(child, value, scope, seen):
                return False
        if node["any_of"] and not sum([self._sub(child, value, scope, seen) for child in node["any_of"]]):
            return False
        if node["one_of"] and sum([self._sub(child, value, scope, seen) for child in node["one_of"]]) != 1:
            return False
        if node["not"] >= 0 and self._check(node["not"], value, scope) is not None:
            return False
        if node["if"] < 0:
            return True
        branch = node["then"] if self._sub(node["if"], value, scope, seen) else node["else"]
        return branch < 0 or self._sub(branch, value, scope, seen)

    def _array(self, node: dict[str, Any], value: Any, scope: Scope, seen: Seen) -> bool:
        if "prefix" not in node or not isinstance(value, list):
            return True
        if len(value) < node["min_items"] or 0 <= node["max_items"] < len(value):
            return False
        if node["unique"] and len(set(map(key_of, value))) < len(value):
            return False
        for i, item in enumerate(value):
            child = node["prefix"][i] if i < len(node["prefix"]) else node["items"]
            if child >= 0:
                seen.items.add(i)
                if self._check(child, item, scope) is None:
                    return False
        if node["contains"] >= 0:
            found = {i for i, item in enumerate(value) if self._check(node["contains"], item, scope) is not None}
            if len(found) < node["min_contains"] or 0 <= node["max_contains"] < len(found):
                return False
            seen.items |= found if node["contains_evaluates"] else set()
        if node["unevaluated_items"] >= 0:
            for i, item in enumerate(value):
                if i not in seen.items and self._check(node["unevaluated_items"], item, scope) is None:
                    return False
            seen.items |= set(range(len(value)))
        return True

    def _object(self, node: dict[str, Any], value: Any, scope: Scope, seen: Seen) -> bool:
        if "properties" not in node or not isinstance(value, dict):
            return True
        if len(value) < node["min_properties"] or 0 <= node["max_properties"] < len(value):
            return False
        if any(name not in value for name in node["required"]):
            return False
        for trigger, needed in node["dependent_required"]:
            if trigger in value and any(name not in value for name in needed):
                return False
        for trigger, child in node["dependent_schemas"]:
            if trigger in value and not self._sub(child, value, scope, seen):
                return False
        return self._members(node, value, scope, seen)

    def _members(self, node: dict[str, Any], value: dict[str, Any], scope: Scope, seen: Seen) -> bool:
        properties = dict(node["properties"])
        for name, item in value.items():
            if node["names"] >= 0 and self._check(node["names"], name, scope) is None:
                return False
            children = [properties[name]] if name in properties else []
            children += [child for pattern, child in node["patterns"] if _search(pattern, name)]
            if not children and node["additional"] >= 0:
                children = [node["additional"]]
            if children:
                seen.names.add(name)
            if any(self._check(child, item, scope) is None for child in children):
                return False
        if node["unevaluated_properties"] >= 0:
            for name in set(value) - seen.names:
                if self._check(node["unevaluated_properties"], value[name], scope) is None:
                    return False
            seen.names |= set(value)
        return True


def _types(node: dict[str, Any], value: Any) -> bool:
    if value is None or isinstance(value, bool):
        kind = "null" if value is None else "boolean"
    elif isinstance(value, int | Decimal):
        plain = isinstance(value, int) or (not node["digits_only"] and Fraction(value).denominator == 1)
        kind = "integer" if plain else "fraction"
    else:
        kind = "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"
    return bool(node["types"] & _KINDS[kind])


def _numbers(node: dict[str, Any], value: Any) -> bool:
    if "minimum" not in node or isinstance(value, bool) or not isinstance(value, int | Decimal):
        return True
    number = Fraction(value)
    bound = {name: Fraction(node[name]) for name in _BOUNDS if node[name] is not None}
    return (
        bound.get("minimum", number) <= number <= bound.get("maximum", number)
        and ("exclusive_minimum" not in bound or number > bound["exclusive_minimum"])
        and ("exclusive_maximum" not in bound or number < bound["exclusive_maximum"])
        and ("multiple_of" not in bound or (number / bound["multiple_of"]).denominator == 1)
    )


_BOUNDS = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum", "multiple_of")


def _strings(node: dict[str, Any], value: Any) -> bool:
    if "min_length" not in node or not isinstance(value, str):
        return True
    if len(value) < node["min_length"] or 0 <= node["max_length"] < len(value):
        return False
    return (node["pattern"] is None or _search(node["pattern"], value)) and _content(node["content"], value)


_BASE64, _DOCUMENT = 1, 2


def _content(bits: int, text: str) -> bool:
    try:
        data = base64.b64decode(text, validate=True) if bits & _BASE64 else text
        if bits & _DOCUMENT:
            json.loads(data)
    except ValueError:
        return False
    return True


def _search(pattern: str, text: str) -> bool:
    """An ECMA-262 pattern of the plain kind that schemas of the suite have; others are for the tests of patterns."""
    ends = re.sub(r"\\.|\[(?:\\.|[^\]])*\]|\$", lambda found: r"\Z" if found[0] == "$" else found[0], pattern)
    return re.search(ends, text) is not None


def key_of(value: Any) -> Any:
    """Equal for values that JSON Schema calls equal (2020-12 core, 4.2.2)."""
    if value is None or isinstance(value, bool | str):
        return (type(value).__name__, value)
    if isinstance(value, int | Decimal | float):
        return ("number", Fraction(value))
    if isinstance(value, list):
        return ("array", tuple(map(key_of, value)))
    return ("object", frozenset((name, key_of(item)) for name, item in value.items()))


def _hashable(dumped: tuple[Any, ...]) -> Any:
    """`key_of` of a value in a dump."""
    kind, *rest = dumped
    if kind == "null":
        return ("NoneType", None)
    if kind == "boolean":
        return ("bool", rest[0])
    if kind == "string":
        return ("str", rest[0])
    if kind == "number":
        return ("number", Fraction(rest[0]))
    if kind == "array":
        return ("array", tuple(map(_hashable, rest[0])))
    return ("object", frozenset((name, _hashable(item)) for name, item in rest[0]))
