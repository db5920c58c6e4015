"""Schemas written for the counters' ratchet, with instances: every kind of keyword, and common shapes."""

from __future__ import annotations

from typing import Any, Final

_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 40}
_ADDRESS: Final = {
    "type": "object",
    "properties": {
        "street": _NAME,
        "city": _NAME,
        "zip": {"type": "string", "pattern": "^[0-9]{5}(-[0-9]{4})?$"},
        "country": {"enum": ["de", "fr", "us", "jp", "br"]},
    },
    "required": ["street", "city"],
    "additionalProperties": False,
}
_MANY: Final = {"type": "object", "properties": {f"field_{n}": {"type": "integer"} for n in range(60)}}

_KINDS: Final = [
    {"properties": {"type": {"const": f"kind {n}"}, f"own_{n}": {"type": "integer"}}, "required": ["type"]}
    for n in range(30)
]

CASES: Final[dict[str, tuple[Any, list[Any]]]] = {
    "anything": (True, [{"a": [1, "b", None, True], "name": {"c": 2.5}}, "free text of some words", -12]),
    "plain_string": ({"type": "string"}, ["a good day, and some more words to say", 'quoted "words" and \\ more']),
    "bounded_string": ({"type": "string", "minLength": 3, "maxLength": 30}, ["abc", "twenty characters..."]),
    "integer_range": ({"type": "integer", "minimum": -17, "maximum": 1234}, [-17, 0, 999, 1234]),
    "decimal_steps": ({"type": "number", "multipleOf": 0.05, "minimum": 0}, [0.05, 19.95, 3]),
    "enumeration": ({"enum": ["red", "green", "blue", 1, 2, None, {"a": 1}]}, ["green", None, {"a": 1}]),
    "large_enumeration": ({"enum": [f"value {n * 37 % 1000}" for n in range(1000)]}, ["value 370", "value 999"]),
    "address": (_ADDRESS, [{"street": "Main Street 1", "city": "Springfield", "zip": "12345", "country": "us"}]),
    "list_of_addresses": (
        {"type": "array", "items": _ADDRESS, "minItems": 1},
        [[{"street": "a", "city": "b"}, {"street": "c", "city": "d", "country": "fr"}]],
    ),
    "many_properties": (_MANY, [{"field_3": 1, "field_41": 22, "field_59": 0}, {"other": 1}]),
    "open_object": (
        {"type": "object", "properties": {"id": {"type": "integer"}}, "additionalProperties": {"type": "string"}},
        [{"id": 3, "note": "some text", "more": "words"}],
    ),
    "pattern_properties": (
        {
            "type": "object",
            "patternProperties": {"^x-": True, "_id$": {"type": "integer"}},
            "additionalProperties": False,
        },
        [{"x-note": [1], "user_id": 7}],
    ),
    "property_names": (
        {"type": "object", "propertyNames": {"pattern": "^[a-z_]{2,12}$"}, "minProperties": 2, "maxProperties": 4},
        [{"some_key": 1, "other_key": "b"}],
    ),
    "unique_items": ({"type": "array", "items": {"enum": list("abcdefgh")}, "uniqueItems": True}, [["c", "a", "h"]]),
    "unique_strings": ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, [["one", "two", "three"]]),
    "unique_objects": (
        {"type": "array", "items": {**_ADDRESS, "anyOf": [{"required": ["zip"]}, True]}, "uniqueItems": True},
        [[{"street": "a", "city": "b"}, {"street": "a", "city": "b", "zip": "12345"}, {"street": "a", "city": "c"}]],
    ),
    "conditions_on_a_tag": (
        {
            "type": "object",
            "properties": {"type": {"enum": [f"kind {n}" for n in range(30)]}},
            "required": ["type"],
            "allOf": [{"if": kind, "then": {"properties": {"config": kind}}} for kind in _KINDS],
        },
        [{"type": "kind 7", "config": {"type": "kind 7", "own_7": 1}}, {"type": "kind 8", "own_8": 2}],
    ),
    "unevaluated_kinds": (
        {"type": "object", "properties": {"id": True}, "oneOf": _KINDS, "unevaluatedProperties": False},
        [{"id": 1, "type": "kind 7", "own_7": 1}, {"type": "kind 29", "own_29": 2}],
    ),
    "tuple_items": (
        {"type": "array", "prefixItems": [{"type": "number"}, {"type": "string"}, {"const": "N"}], "items": False},
        [[1600, "Pennsylvania", "N"], [1]],
    ),
    "contains": (
        {
            "type": "array",
            "items": {"type": "integer"},
            "contains": {"minimum": 10},
            "minContains": 2,
            "maxContains": 3,
        },
        [[1, 10, 2, 33], [11, 12, 13]],
    ),
    "one_of_kinds": (
        {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"kind": {"const": kind}, key: {"type": value}},
                    "required": ["kind", key],
                }
                for kind, key, value in (
                    ("circle", "radius", "number"),
                    ("text", "body", "string"),
                    ("flag", "on", "boolean"),
                )
            ]
        },
        [{"kind": "circle", "radius": 2.5}, {"kind": "text", "body": "words"}, {"kind": "flag", "on": True}],
    ),
    "one_of_required": (
        {"type": "object", "oneOf": [{"required": ["email"]}, {"required": ["phone"]}, {"required": ["address"]}]},
        [{"email": "a@b", "name": "c"}, {"phone": 12}],
    ),
    "any_of_objects": (
        {"anyOf": [{"properties": {f"p{n}": {"type": "integer"}}, "required": [f"p{n}"]} for n in range(12)]},
        [{"p3": 4}, {"p11": 1, "p2": "b"}],
    ),
    "conditions": (
        {
            "type": "object",
            "properties": {"country": {"enum": ["us", "ca"]}, "code": {"type": "string"}},
            "if": {"properties": {"country": {"const": "us"}}, "required": ["country"]},
            "then": {"properties": {"code": {"pattern": "^[0-9]{5}$"}}},
            "else": {"properties": {"code": {"pattern": "^[A-Z][0-9][A-Z]$"}}},
        },
        [{"country": "us", "code": "12345"}, {"country": "ca", "code": "K1A"}],
    ),
    "negation": (
        {
            "type": "object",
            "properties": {"status": {"type": "string", "not": {"enum": ["open", "closed"]}}},
            "not": {"required": ["error"]},
        },
        [{"status": "opened", "data": 1}],
    ),
    "dependencies": (
        {
            "type": "object",
            "properties": {"card": {"type": "integer"}, "billing": {"type": "string"}, "name": {"type": "string"}},
            "dependentRequired": {"card": ["billing"]},
            "dependentSchemas": {"name": {"properties": {"title": {"enum": ["mr", "ms"]}}, "required": ["title"]}},
        },
        [{"card": 55, "billing": "a"}, {"name": "b", "title": "ms"}],
    ),
    "tree": (
        {
            "$ref": "#/$defs/node",
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "integer"},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                    },
                    "required": ["value"],
                    "additionalProperties": False,
                }
            },
        },
        [{"value": 1, "children": [{"value": 2, "children": []}, {"value": 3}]}],
    ),
    "extended_object": (
        {
            "allOf": [
                {"properties": {"id": {"type": "integer"}}, "required": ["id"]},
                {"properties": {"name": {"type": "string"}}},
            ],
            "properties": {"extra": {"type": "boolean"}},
            "unevaluatedProperties": False,
        },
        [{"extra": True, "id": 1, "name": "a"}, {"id": 2}],
    ),
    "patterns": (
        {
            "type": "object",
            "properties": {
                "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+(-[a-z]+)?$"},
                "words": {"type": "string", "pattern": r"^(\S+\s+){0,9}\S+$"},
                "strong": {"type": "string", "pattern": r"^(?=.*[0-9])(?=.*[a-z]).{4,12}$"},
            },
        },
        [{"version": "1.20.3-beta", "words": "some words in a row", "strong": "abc123"}],
    ),
    "formats": (
        {
            "type": "array",
            "prefixItems": [{"type": "string", "format": name} for name in ("date", "date-time", "email", "uuid")],
        },
        [["2024-02-29", "2024-02-29T12:00:00Z", "a.b@example.org", "123e4567-e89b-12d3-a456-426614174000"]],
    ),
}
