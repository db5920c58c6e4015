"""Objects: reading their keywords and combining them.

A name is *declared* where `properties` or `required` mention it; all others are told apart by `names.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.json_schema.arrays import Conjunction, joined
from guidedgen.grammars.json_schema.locations import Location
from guidedgen.grammars.json_schema.names import EVERY_NAME, Names, common, divided, schemas_of
from guidedgen.grammars.json_schema.reasons import Reason
from guidedgen.grammars.json_schema.strings import parse_pattern
from guidedgen.grammars.json_schema.text_matching import matches
from guidedgen.grammars.json_schema.view import View
from guidedgen.limits import Limits


@dataclass(frozen=True, slots=True)
class ObjectAtoms:
    """What schemas say about objects.

    Attributes:
        properties: the schemas of each declared name, in order.
        required: names that must be there, with the pointer that says so.
        others: the schemas of every other name.
        names: the schemas of the names themselves.
        fewest: the smallest number of properties; with its pointer.
        most: the greatest, or None.
    """

    properties: dict[str, Conjunction] = field(default_factory=dict)
    required: dict[str, str] = field(default_factory=dict)
    others: tuple[Names, ...] = (EVERY_NAME,)
    names: Conjunction = ()
    fewest: tuple[int, str] = (0, "")
    most: tuple[int, str] | None = None


def read_objects(view: View, limits: Limits, *, closed: bool) -> ObjectAtoms:
    """The object keywords of a location. `closed`: without `additionalProperties`, the names that are told are all.

    Raises:
        GrammarSyntaxError: a name of `patternProperties` is no ECMA-262 pattern.
        UnsupportedFeature: it is not regular, or the patterns overlap in too many ways, unless the view drops that.
    """
    properties = view.schema_map("properties")
    additional = view.subschema("additionalProperties")
    if additional is None and closed and (view.has("properties") or view.has("patternProperties")):
        additional = view.made(False, "additionalProperties")
    patterns, others = _patterns(view, () if additional is None else (additional,), limits)
    names = view.subschema("propertyNames")
    low, high = view.count("minProperties"), view.count("maxProperties")
    required = {name: view.at("required", index) for index, name in enumerate(view.names("required"))}
    return ObjectAtoms(
        {
            name: (location, *(schema for texts, schema in patterns if matches(texts, name)))
            for name, location in properties.items()
        },
        required,
        others,
        () if names is None else (names,),
        (low or 0, view.at("minProperties")),
        None if high is None else (high, view.at("maxProperties")),
    )


def _patterns(
    view: View, additional: Conjunction, limits: Limits
) -> tuple[list[tuple[cr.Regex, Location]], tuple[Names, ...]]:
    """The patterns of `patternProperties`, and all names by which of them they match."""
    schemas = view.schema_map("patternProperties")
    if not schemas or "object" not in view.kinds:
        return [], (Names(cr.ANY_TEXT, additional),)
    try:
        patterns = [
            (parse_pattern(pattern, view.at("patternProperties", pattern), limits, "patternProperties"), location)
            for pattern, location in schemas.items()
        ]
        return patterns, divided(patterns, additional, view.at("patternProperties"))
    except UnsupportedFeature:
        if not view.drop("patternProperties"):
            raise
    return [], (EVERY_NAME,)


def merge_objects(atoms: Iterable[ObjectAtoms]) -> ObjectAtoms:
    """All of them at once: a name has the schemas that each of them gives it."""
    parts = list(atoms)
    names: dict[str, None] = {name: None for part in parts for name in part.properties}
    required: dict[str, str] = {}
    for part in parts:
        for name, pointer in part.required.items():
            required.setdefault(name, pointer)
    names.update(dict.fromkeys(required))  # required but not declared: after the declared ones
    most = [part.most for part in parts if part.most is not None]
    return ObjectAtoms(
        {name: joined(_at(part, name) for part in parts) for name in names},
        required,
        reduce(common, (part.others for part in parts), (EVERY_NAME,)),
        joined(part.names for part in parts),
        max((part.fewest for part in parts), default=(0, ""), key=lambda count: count[0]),
        min(most, default=None, key=lambda count: count[0]),
    )


def _at(part: ObjectAtoms, name: str) -> Conjunction:
    return part.properties[name] if name in part.properties else schemas_of(part.others, name)


def limited(
    atoms: ObjectAtoms, dead: Callable[[Conjunction], Reason | None], named: Callable[[Conjunction, str], bool]
) -> Reason | None:
    """Why no object is valid, or None where that is not seen.

    Args:
        atoms: merged.
        dead: why no value satisfies a conjunction, or None.
        named: whether a name satisfies a conjunction.
    """
    for name, pointer in atoms.required.items():
        if not named(atoms.names, name):
            where = tuple(location.pointer for location in atoms.names)
            return Reason(f"the property {name!r} is required, but its name is not allowed", (pointer, *where))
        why = dead(atoms.properties[name])
        if why is not None:
            return Reason(f"the property {name!r} is required, but {why.message}", (pointer, *why.pointers))
    if atoms.most is not None and len(atoms.required) > atoms.most[0]:
        first = next(iter(atoms.required.values()))
        return Reason(f"more than {atoms.most[0]} properties are required", (atoms.most[1], first))
    if atoms.most is not None and atoms.fewest[0] > atoms.most[0]:
        return Reason(
            f"no object has at least {atoms.fewest[0]} and at most {atoms.most[0]} properties",
            (atoms.fewest[1], atoms.most[1]),
        )
    if atoms.fewest[0] and all(dead(part.schemas) is not None for part in atoms.others):
        alive = sum(1 for schemas in atoms.properties.values() if dead(schemas) is None)
        if alive < atoms.fewest[0]:
            return Reason(f"only {alive} properties are possible", (atoms.fewest[1],))
    return None
