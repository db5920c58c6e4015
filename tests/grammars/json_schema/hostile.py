"""Schemas that mean harm, by name: what `test_hostile.py` has compiled under hard limits."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any] | bool | str
HOSTILE: dict[str, Callable[[], Schema]] = {}


def hostile(make: Callable[[], Schema]) -> Callable[[], Schema]:
    """Register a schema under the name of the function that makes it."""
    HOSTILE[make.__name__] = make
    return make


def tower(levels: int, inner: Any, wrap: Callable[[Any], Any]) -> Any:
    """A schema wrapped many times."""
    for _ in range(levels):
        inner = wrap(inner)
    return inner


def properties(count: int, value: Any = True, **more: Any) -> dict[str, Any]:
    """An object with declared properties p0, p1, ..."""
    return {"type": "object", "properties": {f"p{number}": value for number in range(count)}, **more}


# --- combinations


@hostile
def one_of_nested_and_wide() -> Schema:
    leaf: Any = {"type": "integer"}
    for level in range(30):
        leaf = {"oneOf": [leaf, *({"const": f"{level}-{width}"} for width in range(29))]}
    return {"type": "array", "items": leaf}


@hostile
def one_of_nested_over_objects() -> Schema:
    leaf: Any = properties(3)
    for level in range(30):
        others = [{"required": [f"p{level}x{width}"]} for width in range(29)]
        leaf = {"oneOf": [leaf, *others]}
    return leaf  # type: ignore[no-any-return]


@hostile
def one_of_overlapping_ranges() -> Schema:
    return {"oneOf": [{"type": "integer", "minimum": n, "maximum": n + 700} for n in range(0, 3000, 7)]}


@hostile
def one_of_overlapping_strings() -> Schema:
    return {"oneOf": [{"type": "string", "pattern": f"a.{{{n}}}b"} for n in range(30)]}


@hostile
def not_tower() -> Schema:
    return tower(400, {"type": "object", "required": ["a"]}, lambda inner: {"not": inner})  # type: ignore[no-any-return]


@hostile
def not_tower_of_properties() -> Schema:
    wrap: Callable[[Any], Any] = lambda inner: {"not": {"properties": {"a": inner}, "required": ["a"]}}
    return tower(100, {"type": "integer"}, wrap)  # type: ignore[no-any-return]


@hostile
def if_chain() -> Schema:
    leaf: Any = {"type": "integer"}
    for number in range(200):
        leaf = {"if": {"required": [f"k{number}"]}, "then": {"minProperties": number % 5}, "else": leaf}
    return leaf  # type: ignore[no-any-return]


@hostile
def if_list() -> Schema:
    branches = [
        {"if": {"properties": {"kind": {"const": n}}, "required": ["kind"]}, "then": {"required": [f"p{n}"]}}
        for n in range(500)
    ]
    return {"type": "object", "properties": {"kind": {"type": "integer"}}, "allOf": branches}


@hostile
def products_of_alternatives() -> Schema:
    groups = [
        {"anyOf": [{"properties": {f"q{g}p{n}": {"const": n}}, "required": [f"q{g}p{n}"]} for n in range(8)]}
        for g in range(8)
    ]
    return {"allOf": groups}


@hostile
def satisfiability_of_clauses() -> Schema:
    """A hard random 3-SAT instance, with properties for variables."""
    rng = random.Random(3)
    clauses = []
    for _ in range(170):
        chosen = rng.sample(range(40), 3)
        clauses.append(
            {
                "anyOf": [
                    {"required": [f"p{v}"]} if rng.random() < 0.5 else {"not": {"required": [f"p{v}"]}} for v in chosen
                ]
            }
        )
    return {"type": "object", "allOf": clauses}


@hostile
def satisfiability_of_values() -> Schema:
    """The same with values: each property is 0 or 1."""
    rng = random.Random(4)
    clauses = []
    for _ in range(120):
        chosen = rng.sample(range(28), 3)
        clauses.append({"anyOf": [{"properties": {f"p{v}": {"const": rng.randrange(2)}}} for v in chosen]})
    names = [f"p{v}" for v in range(28)]
    return properties(28, {"enum": [0, 1]}, required=names, additionalProperties=False, allOf=clauses)


@hostile
def pigeons() -> Schema:
    """Ten items, all different, out of nine values."""
    return {"type": "array", "minItems": 10, "uniqueItems": True, "items": {"enum": list(range(9))}}


@hostile
def pigeons_with_own_holes() -> Schema:
    """Fourteen items, all different, each out of three of thirteen values."""
    prefix = [{"enum": [n % 13, (n * 3 + 1) % 13, (n * 5 + 2) % 13]} for n in range(14)]
    return {"type": "array", "minItems": 14, "uniqueItems": True, "prefixItems": prefix}


# --- counts


@hostile
def huge_lengths() -> Schema:
    return {"type": "string", "minLength": 10**9, "maxLength": 10**9 + 5}


@hostile
def huge_lengths_with_pattern() -> Schema:
    return {"type": "string", "minLength": 10**6, "pattern": "^(ab|c)*$", "maxLength": 10**9}


@hostile
def huge_items() -> Schema:
    return {"type": "array", "minItems": 10**9, "maxItems": 10**9, "items": {"type": "integer"}}


@hostile
def huge_items_nested() -> Schema:
    wrap: Callable[[Any], Any] = lambda inner: {"type": "array", "minItems": 10**9, "items": inner}
    return tower(20, {"type": "null"}, wrap)  # type: ignore[no-any-return]


@hostile
def huge_properties() -> Schema:
    return {"type": "object", "minProperties": 10**9, "maxProperties": 10**9}


@hostile
def huge_properties_of_few_names() -> Schema:
    return {"type": "object", "minProperties": 10**9, "propertyNames": {"pattern": "^[ab]{1,3}$"}}


@hostile
def huge_contains() -> Schema:
    return {"type": "array", "contains": {"const": 1}, "minContains": 10**9, "maxItems": 10**9}


# --- patterns


def pattern(text: str) -> Schema:
    return {"type": "string", "pattern": text}


@hostile
def pattern_of_stars() -> Schema:
    return pattern("^(((a+)+)+)+b$")


@hostile
def pattern_of_nested_counts() -> Schema:
    return pattern("^((([a-z]{1,100}){1,100}){1,100}){1,100}$")


@hostile
def pattern_of_counts_in_the_middle() -> Schema:
    return pattern("^.*a.{2000}b.{2000}c$")


@hostile
def pattern_that_determinises_badly() -> Schema:
    return pattern("(a|b)*a(a|b){40}c")


@hostile
def pattern_with_a_thousand_alternatives() -> Schema:
    rng = random.Random(5)
    return pattern("|".join("".join(rng.choices("abcdef", k=rng.randrange(3, 12))) for _ in range(1000)))


@hostile
def patterns_excluded_over_unicode_classes() -> Schema:
    return {
        "type": "string",
        "not": {"anyOf": [{"pattern": r"^\p{L}+\P{N}*\p{Lu}{3}$"}, {"pattern": r"\p{Sc}|[^\p{ASCII}]"}]},
    }


@hostile
def patterns_that_all_hold() -> Schema:
    return {"type": "string", "allOf": [{"pattern": f"a.{{{n}}}b"} for n in range(25)]}


@hostile
def patterns_that_cannot_all_hold() -> Schema:
    """Lengths that are 1 modulo many primes, and 0 modulo the last."""
    primes = (2, 3, 5, 7, 11, 13, 17)
    parts = [{"pattern": f"^(.{{{prime}}})*.$"} for prime in primes]
    return {"type": "string", "minLength": 2, "allOf": [*parts, {"pattern": "^(.{2})*$"}]}


@hostile
def lookaheads() -> Schema:
    return pattern("^" + "".join(f"(?=.*[{c}].*[{c}])" for c in "abcdefghijklmnop") + ".{1,64}$")


@hostile
def lookaheads_within_repetitions() -> Schema:
    return pattern("^(?:(?!" + "|".join("abcdefgh"[n] * 20 for n in range(8)) + ")[a-h])*$")


@hostile
def pattern_of_many_groups() -> Schema:
    return pattern("(" * 5000 + "a" + ")" * 5000)


@hostile
def pattern_of_a_megabyte() -> Schema:
    return pattern("abc?" * 250_000)


@hostile
def overlapping_pattern_properties() -> Schema:
    return {"type": "object", "patternProperties": {f"a.{{0,{n}}}b{n % 10}": {"minimum": n} for n in range(1000)}}


@hostile
def exclusive_pattern_properties() -> Schema:
    letters = "abcdefghijklmnopqrstuvwxyz"
    found = {f"{letters[n % 26]}.*{letters[n // 26 % 26]}": {"minimum": n} for n in range(300)}
    return {"type": "object", "patternProperties": found, "additionalProperties": False}


@hostile
def pattern_properties_with_names() -> Schema:
    return properties(1000, {"type": "string"}, patternProperties={f"{n}$": {"minLength": n} for n in range(200)})


# --- references


@hostile
def reference_to_itself() -> Schema:
    return {"$ref": "#"}


@hostile
def references_in_a_circle() -> Schema:
    return {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}


@hostile
def reference_through_all_of() -> Schema:
    return {"allOf": [{"$ref": "#"}, {"type": "integer"}]}


@hostile
def reference_through_not() -> Schema:
    return {"not": {"$ref": "#"}}


@hostile
def reference_through_if() -> Schema:
    return {"if": {"$ref": "#"}, "then": False, "else": True}


@hostile
def reference_needing_itself() -> Schema:
    return properties(1, {"$ref": "#"}, required=["p0"])


@hostile
def references_through_not_of_properties() -> Schema:
    return {"not": {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}}


@hostile
def dynamic_references() -> Schema:
    node = {"$dynamicRef": "#n"}
    return {
        "$dynamicAnchor": "n",
        "anyOf": [{"type": "null"}, properties(2, node), {"type": "array", "items": {"allOf": [node, node]}}],
    }


@hostile
def dynamic_scopes_without_end() -> Schema:
    """Each value is read in a new order of resources: the dynamic scope never repeats soon."""
    names = [f"r{n}" for n in range(24)]
    resources = {
        name: {
            "$id": f"http://x/{name}",
            "$dynamicAnchor": "a",
            "properties": {other: {"$ref": f"http://x/{other}"} for other in names},
            "additionalProperties": {"$dynamicRef": "#a"},
        }
        for name in names
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "http://x/r0", "$defs": resources}


@hostile
def references_chained() -> Schema:
    chain: dict[str, Any] = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(50_000)}
    return {"$ref": "#/$defs/d0", "$defs": {**chain, "d50000": {"type": "integer"}}}


@hostile
def references_doubling() -> Schema:
    """Each definition has the next one twice."""
    chain: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(200)}
    return {"$ref": "#/$defs/d0", "$defs": {**chain, "d200": {"type": "integer"}}}


@hostile
def references_doubling_values() -> Schema:
    """The smallest value has two to the power of 60 parts."""
    chain: dict[str, Any] = {
        f"d{n}": properties(2, {"$ref": f"#/$defs/d{n + 1}"}, required=["p0", "p1"]) for n in range(60)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**chain, "d60": {"type": "integer"}}}


# --- size


@hostile
def enumeration_of_ten_megabytes() -> Schema:
    return {"enum": [f"{n:06d}" + "x" * 94 for n in range(100_000)]}


@hostile
def enumeration_of_objects() -> Schema:
    return {"enum": [{"a": n, "b": [n, {"c": str(n)}]} for n in range(20_000)]}


@hostile
def enumeration_of_numbers() -> Schema:
    return {"enum": [n * 7919 for n in range(100_000)]}


@hostile
def unique_items_of_an_enumeration() -> Schema:
    return {
        "type": "array",
        "uniqueItems": True,
        "minItems": 100,
        "items": {"enum": [f"{n:05d}" for n in range(10_000)]},
    }


@hostile
def deep_items_as_values() -> Schema:
    return tower(100_000, {}, lambda inner: {"items": inner})  # type: ignore[no-any-return]


@hostile
def deep_items_as_text() -> Schema:
    return '{"items": ' * 100_000 + "{}" + "}" * 100_000


@hostile
def deep_constants() -> Schema:
    return {"const": tower(900, 1, lambda inner: [inner])}


@hostile
def many_properties() -> Schema:
    return properties(100_000, {"type": "integer"})


@hostile
def many_required() -> Schema:
    return properties(10_000, {"type": "integer"}, required=[f"p{n}" for n in range(10_000)])


@hostile
def many_required_undeclared() -> Schema:
    return {"type": "object", "required": [f"p{n}" for n in range(10_000)]}


@hostile
def long_names() -> Schema:
    return {"type": "object", "properties": {chr(97 + n) * 100_000: {} for n in range(20)}, "required": ["c" * 100_000]}


# --- numbers


@hostile
def multiples_of_a_tiny_number() -> Schema:
    return {"type": "number", "multipleOf": 1e-300, "minimum": -1, "maximum": 1}


@hostile
def multiples_of_a_large_number() -> Schema:
    return '{"type": "integer", "multipleOf": ' + "9" * 300 + "}"


@hostile
def multiples_of_many_numbers() -> Schema:
    return {"type": "integer", "allOf": [{"multipleOf": n} for n in (9973, 9967, 9949, 9941, 9931)], "minimum": 1}


@hostile
def no_multiple_of_many_numbers() -> Schema:
    parts = [{"not": {"multipleOf": n}} for n in (997, 991, 983, 977, 2, 3, 5, 7, 11, 13)]
    return {"type": "integer", "allOf": parts}


@hostile
def bounds_with_many_digits() -> Schema:
    return '{"type": "number", "minimum": 0.' + "0" * 500 + '1, "maximum": 1e900, "multipleOf": 0.0000001}'


# --- guards


@hostile
def dependent_schemas_in_a_web() -> Schema:
    web = {
        f"p{n}": {"required": [f"p{(n * 7 + 1) % 60}"], "not": {"required": [f"p{(n * 11 + 5) % 60}"]}}
        for n in range(60)
    }
    return {"type": "object", "dependentSchemas": web, "minProperties": 1}


@hostile
def dependent_required_in_a_chain() -> Schema:
    return {"type": "object", "dependentRequired": {f"p{n}": [f"p{n + 1}"] for n in range(2000)}, "required": ["p0"]}


@hostile
def unevaluated_over_many_alternatives() -> Schema:
    options = [{"properties": {f"p{n}": True, f"p{n + 1}": True}} for n in range(1000)]
    return {"type": "object", "anyOf": options, "unevaluatedProperties": False}


@hostile
def unevaluated_items_over_contains() -> Schema:
    options = [{"contains": {"const": n}} for n in range(20)]
    return {"type": "array", "anyOf": options, "unevaluatedItems": {"type": "string"}}


@hostile
def contains_in_a_web() -> Schema:
    parts = [
        {"contains": {"minimum": n, "maximum": n + 15}, "minContains": n % 3 + 1, "maxContains": 9}
        for n in range(0, 40, 2)
    ]
    return {"type": "array", "items": {"type": "integer"}, "allOf": parts}


@hostile
def contains_of_objects() -> Schema:
    parts = [{"contains": {"required": [f"p{n}"], "properties": {f"p{n + 1}": {"const": n}}}} for n in range(20)]
    return {"type": "array", "allOf": parts}


@hostile
def contains_within_contains() -> Schema:
    return tower(12, {"const": 1}, lambda inner: {"allOf": [{"contains": inner}, {"contains": {"not": inner}}]})  # type: ignore[no-any-return]


@hostile
def members_counted_under_one_of() -> Schema:
    options = [{"minProperties": n, "maxProperties": n + 3, "required": [f"p{n}"]} for n in range(0, 60, 2)]
    return properties(60, {"type": "integer"}, oneOf=options)
