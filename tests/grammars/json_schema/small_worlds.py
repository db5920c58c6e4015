"""A world of a few hundred JSON values, and random schemas about it with every keyword of drafts 7 to 2020-12.

Schemas are one to four keywords drawn from a table, so that unusual neighbours meet. References never form a loop that
reads nothing: those below themselves stand only where an item or a property is read.
"""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st

NAMES = ["a", "b", "c"]
SCALARS: list[Any] = [None, True, False, 0, 1, 2, 1.5, "", "a", "ab", "b"]
KINDS = ["null", "boolean", "integer", "number", "string", "array", "object"]
DIALECTS = {
    7: "http://json-schema.org/draft-07/schema#",
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}


def _universe() -> list[Any]:
    few: list[Any] = [None, 0, 1, "a"]
    inner: list[Any] = [None, True, 0, 1, 2, "", "a", "ab", [], {}]
    found: list[Any] = [*SCALARS, [], {}]
    found += [[item] for item in [*inner, [1], {"a": 1}]]
    found += [list(pair) for pair in itertools.product(few, repeat=2)]
    found += [
        [0, 1, 2],
        [1, 1, 1],
        [1, "a", None],
        ["a", "b", "a"],
        [[], []],
        [{}, {}],
        [[1], [1.0]],
        [True, 1],
        [0, False],
    ]
    found += [[1, 2, 1], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [[0], ["a"]], ["ab", 0, 0, 1]]
    found += [{name: item} for name in NAMES for item in inner]
    for one, other in itertools.permutations(NAMES, 2):
        found += [{one: first, other: second} for first, second in itertools.product([1, "a", None], repeat=2)]
    found += [dict.fromkeys(names, 1) for names in itertools.permutations(NAMES)]
    found += [{"a": 1, "b": "a", "c": None}, {"c": [], "b": {}, "a": 0}, {"ab": 1}, {"": 0}, {"a": 1, "ab": "a"}]
    found += [
        {"a": {"a": 1}},
        {"a": {"b": "a"}},
        {"a": [1, "a"]},
        {"b": [[]]},
        {"a": {"a": {"a": 1}}},
        {"b": {"c": {}}},
    ]
    found += [
        {"a": {"a": 1}, "b": 1},
        {"a": {}, "c": {"a": None}},
        [{"a": 1}, {"a": 2}],
        [[1, 1], [1, 1]],
        [["a"], "a"],
    ]
    return found


UNIVERSE = _universe()

VALUES = st.sampled_from([*SCALARS, [], {}, [1], ["a", 1], {"a": 1}, {"a": 1, "b": 2}, {"b": "a"}])
NAME = st.sampled_from(NAMES)
SOME_NAMES = st.lists(NAME, max_size=2, unique=True)
COUNT = st.integers(0, 3)
NUMBER = st.sampled_from([-1, 0, 0.5, 1, 1.5, 2, 3])
PATTERN = st.sampled_from(["^a", "b$", "^.$", "^[ab]*$", "a|c", "^$", "[^a]"])


def _assertions() -> dict[str, st.SearchStrategy[Any]]:
    return {
        "type": st.sampled_from(KINDS) | st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True),
        "const": VALUES,
        "enum": st.lists(VALUES, min_size=1, max_size=4, unique_by=repr),
        "multipleOf": st.sampled_from([0.5, 1, 1.5, 2]),
        "minimum": NUMBER,
        "maximum": NUMBER,
        "exclusiveMinimum": NUMBER,
        "exclusiveMaximum": NUMBER,
        "minLength": COUNT,
        "maxLength": COUNT,
        "pattern": PATTERN,
        "minItems": COUNT,
        "maxItems": COUNT,
        "uniqueItems": st.just(True),
        "minProperties": COUNT,
        "maxProperties": COUNT,
        "required": SOME_NAMES,
    }


def _branches(inner: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Keywords whose schemas are about the same value."""
    several = st.lists(inner, min_size=1, max_size=3)
    dependencies = st.dictionaries(NAME, inner, min_size=1, max_size=2)
    return {
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "dependentSchemas": dependencies,
    }


def _structure(below: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Keywords whose schemas are about items and properties."""
    return {
        "properties": st.dictionaries(NAME, below, min_size=1, max_size=3),
        "patternProperties": st.dictionaries(PATTERN, below, min_size=1, max_size=2),
        "additionalProperties": below,
        "propertyNames": below,
        "items": below,
        "contains": below,
        "minContains": COUNT,
        "maxContains": st.sampled_from([0, 1, 1, 2]),
        "unevaluatedProperties": below,
        "unevaluatedItems": below,
        "dependentRequired": st.dictionaries(NAME, SOME_NAMES, min_size=1, max_size=2),
    }


def _of_draft(
    draft: int, inner: st.SearchStrategy[Any], below: st.SearchStrategy[Any]
) -> dict[str, st.SearchStrategy[Any]]:
    lists = st.lists(below, min_size=1, max_size=2)
    if draft == 2020:
        return {"prefixItems": lists}
    later = {"items": below | lists, "additionalItems": below}
    if draft == 7:
        later["dependencies"] = st.dictionaries(NAME, inner | SOME_NAMES, min_size=1, max_size=2)
    return later


_LATER = ["dependentSchemas", "dependentRequired", "minContains", "maxContains"]
_LATER += ["unevaluatedProperties", "unevaluatedItems"]
COMMON = ["type", "properties", "required", "items", "allOf", "anyOf", "oneOf", "not"]
COMMON += ["unevaluatedItems", "unevaluatedProperties", "contains", "if"]


# Keywords that say nothing without another one.
_PARTNERS = {
    "if": ["then", "else"],
    "then": ["if"],
    "else": ["if"],
    "minContains": ["contains"],
    "maxContains": ["contains"],
    "additionalItems": ["items"],
    "unevaluatedItems": ["contains"],
    "unevaluatedProperties": ["properties"],
}


def _drawn(table: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """One to four keywords of a table, and their partners; those that real schemas use most a little more often."""
    often = [name for name in COMMON if name in table]

    def all_of(found: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        names = dict.fromkeys([*found, *(partner for name in found for partner in _PARTNERS.get(name, []))])
        return st.fixed_dictionaries({name: table[name] for name in names})

    return st.lists(st.sampled_from([*table, *often]), min_size=1, max_size=4, unique=True).flatmap(all_of)


def _typed(found: dict[str, Any], kind: str | None) -> dict[str, Any]:
    return {"type": kind, **found} if kind is not None and "type" not in found else found


def _schemas(draft: int, leaves: st.SearchStrategy[Any], references: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def level(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        below = inner | references
        table = {**_assertions(), **_branches(inner), **_structure(below), **_of_draft(draft, inner, below)}
        if draft == 7:
            table = {name: strategy for name, strategy in table.items() if name not in _LATER}
        kinds = st.sampled_from([None, None, "object", "object", "array"])
        return st.tuples(_drawn(table), kinds).map(lambda pair: _typed(*pair))

    return level(leaves | level(leaves))


@st.composite
def schemas(draw: st.DrawFn, draft: int = 2020) -> Any:
    """A schema of a draft, with definitions where something refers to them."""
    leaves = st.booleans() | _drawn(_assertions()) | st.just({"$ref": "#/$defs/x"})
    plain = _drawn(_assertions())
    recursive = [{"$ref": "#"}, {"$ref": "#/$defs/n"}]
    if draft == 2020:
        recursive.append({"$dynamicRef": "#node"})
    if draft == 2019:
        recursive.append({"$recursiveRef": "#"})
    references = st.sampled_from(recursive)
    schema = draw(_schemas(draft, leaves, references))
    nested = draw(
        st.sampled_from([{"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}}, {"items": {"$ref": "#"}}])
    )
    node = {"$dynamicAnchor": "node"} if draft == 2020 and draw(st.booleans()) else {}
    defs = {"x": draw(plain), "n": {**nested, **draw(plain), **node}}
    if draft == 2019 and draw(st.booleans()):
        schema["$recursiveAnchor"] = True
    if draft == 2020 and not node:
        schema["$dynamicAnchor"] = "node"
    return {"$schema": DIALECTS[draft], **schema, "$defs": defs}
