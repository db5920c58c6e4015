"""The keywords that combine schemas: `$ref`, `allOf`, `anyOf`, `oneOf`, `not`, `if`, dependencies, and enumerated
values that are no scalars. Each becomes a group; what the members mean together is the business of `branches.py`.
"""

from __future__ import annotations

from typing import Any, Final

from guidedgen.grammars.json_schema.locations import Location
from guidedgen.grammars.json_schema.parts import Group, Member
from guidedgen.grammars.json_schema.values import Scalar
from guidedgen.grammars.json_schema.view import View

MAX_DEPENDENCIES: Final = 6
"""Each may double the alternatives of an object."""


def groups_of(view: View) -> list[Group]:
    """The groups of one location, but for enumerations."""
    groups: list[Group] = []
    if view.has("$ref"):
        groups.append(Group("all", ((view.resolve(),),), view.at("$ref")))
    for keyword, kind in (("allOf", "all"), ("anyOf", "any"), ("oneOf", "one")):
        members = view.subschemas(keyword)
        if members:
            groups.append(Group(kind, tuple((member,) for member in members), view.at(keyword)))  # type: ignore[arg-type]
    return [*groups, *_negations(view), *_conditions(view), *_dependencies(view)]


def _negations(view: View) -> list[Group]:
    unwanted = view.subschema("not")
    return [] if unwanted is None else [Group("all", ((view.negated(unwanted),),), view.at("not"))]


def _conditions(view: View) -> list[Group]:
    """`if` holds and `then` does, or it does not and `else` does (2020-12 core, 10.2.2)."""
    consequences = [view.subschema(keyword) for keyword in ("then", "else")]
    if not view.has("if") or consequences == [None, None]:
        return []
    condition = view.subschema("if")
    assert condition is not None
    yes, no = (() if schema is None else (schema,) for schema in consequences)
    return [Group("any", ((condition, *yes), (view.negated(condition), *no)), view.at("if"))]


def _dependencies(view: View) -> list[Group]:
    """The property that triggers is not there, or it is and so are its consequences (2020-12 validation, 6.5.4)."""
    groups: list[Group] = []
    for keyword in ("dependencies", "dependentRequired", "dependentSchemas"):
        if not view.has(keyword) or "object" not in view.kinds:
            continue
        for name, schema in _consequences(view, keyword).items():
            absent = view.made({"properties": {name: False}}, keyword, name, "absent")
            needed = schema if isinstance(schema, list) else []
            present = view.made(
                {"type": "object", "required": list(dict.fromkeys([name, *needed]))}, keyword, name, "present"
            )
            consequence: Member = () if isinstance(schema, list) else (view.child(keyword, name),)
            groups.append(Group("any", ((absent,), (present, *consequence)), view.at(keyword, name)))
    return groups


def _consequences(view: View, keyword: str) -> dict[str, Any]:
    """What a dependency keyword demands for each name, without what says nothing."""
    schemas, names = keyword != "dependentRequired", keyword != "dependentSchemas"
    value = view.value(keyword)

    def well_formed(item: Any) -> bool:
        if isinstance(item, list):
            return names and all(isinstance(name, str) for name in item)
        return schemas and isinstance(item, dict | bool)

    if not isinstance(value, dict) or not all(map(well_formed, value.values())):
        kinds = [*(["lists of names"] if names else []), *(["schemas"] if schemas else [])]
        view.malformed(keyword, f"an object whose values are {' or '.join(kinds)}")
    return {name: item for name, item in value.items() if item not in ([], {}, True) and item != [name]}


def too_many_dependencies(view: View, groups: list[Group]) -> list[str]:
    """The dependency keywords of a location, if together they demand more than is enforced."""
    keywords = [name for name in ("dependencies", "dependentRequired", "dependentSchemas") if view.has(name)]
    found = sum(group.pointer.startswith(tuple(view.at(name) + "/" for name in keywords)) for group in groups)
    return keywords if keywords and found > MAX_DEPENDENCIES else []


def enumerated(view: View) -> tuple[tuple[Scalar, ...] | None, list[Group]]:
    """The scalars that `enum` and `const` allow; with arrays or objects among them, alternatives instead."""
    scalars: tuple[Scalar, ...] | None = None
    groups: list[Group] = []
    for keyword in ("enum", "const"):
        if not view.has(keyword):
            continue
        value = view.value(keyword)
        if keyword == "enum" and not isinstance(value, list):
            view.malformed("enum", "a list")
        values: list[Any] = value if keyword == "enum" else [value]
        plain = tuple(item for item in values if not isinstance(item, dict | list))
        if len(plain) == len(values):
            if scalars is None:
                scalars = plain
            else:
                groups.append(Group("all", ((view.made({"enum": list(plain)}, keyword),),), view.at(keyword)))
            continue
        members: list[Location] = [
            view.made(_exactly(item), keyword, i) for i, item in enumerate(values) if isinstance(item, dict | list)
        ]
        if plain:
            members.append(view.made({"enum": list(plain)}, keyword, "scalars"))
        groups.append(Group("any", tuple((member,) for member in members), view.at(keyword)))
    return scalars, groups


def _exactly(value: Any) -> dict[str, Any]:
    """A schema that only this value satisfies (an object's names in their order)."""
    if isinstance(value, dict):
        properties = {name: _exactly(item) for name, item in value.items()}
        return {"type": "object", "properties": properties, "required": list(value), "additionalProperties": False}
    if isinstance(value, list):
        items = {"prefixItems": [_exactly(item) for item in value]} if value else {}
        return {"type": "array", **items, "minItems": len(value), "maxItems": len(value)}
    return {"enum": [value]}
