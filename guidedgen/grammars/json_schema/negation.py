"""What is valid where a location is not: the complement of a conjunction of atoms is the union of their complements.

Alternatives may overlap. An atom whose complement is not expressed (that some item is invalid, say) becomes an
alternative that is refused where a value can reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, product
from math import prod
from typing import Any, Final, TypeAlias

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.json_schema.arrays import ArrayAtoms
from guidedgen.grammars.json_schema.keywords import ALL, KINDS
from guidedgen.grammars.json_schema.locations import Location
from guidedgen.grammars.json_schema.numbers import Bound, NumberAtoms
from guidedgen.grammars.json_schema.objects import ObjectAtoms
from guidedgen.grammars.json_schema.parts import Group, Member, Record, Simple, Unsupported
from guidedgen.grammars.json_schema.strings import StringAtoms
from guidedgen.grammars.json_schema.values import Scalar, equality_key, kind_of

MAX_ALTERNATIVES: Final = 16
"""Of a group that is negated."""

Negated: TypeAlias = Callable[[Location], Location]
"""From a location to the one that is valid exactly where it is not."""


def negation(record: Record, location: Location, negated: Negated, never: Location) -> Record:
    """The record that is valid exactly where `record` is not.

    Args:
        record: what the location says.
        location: for pointers.
        negated: makes the negations of members and of values.
        never: a location where nothing is valid.
    """
    members: list[Member] = []
    for place, part in enumerate(record):
        if isinstance(part, Simple):
            writer = _Complement(part, f"{location.pointer} (not {place})", location.pointer, negated, never)
            members += [(simple,) for simple in writer.alternatives()]
        else:
            others = _of_group(part, negated)
            members += [(_refused(location, part),)] if others is None else others
    return (Group("any", tuple(members), location.pointer),) if members else (Simple(never.pointer, frozenset()),)


def _of_group(group: Group, negated: Negated) -> list[Member] | None:
    """The alternatives where a group does not hold; None where they are too many."""
    if group.kind == "all":
        return [(negated(schema),) for member in group.members for schema in _schemas(member)]
    if prod(len(member) for member in group.members) > MAX_ALTERNATIVES:
        return None
    none: list[Member] = list(product(*([negated(schema) for schema in _schemas(member)] for member in group.members)))
    if group.kind == "any":
        return none
    two = [(*first, *second) for first, second in combinations(group.members, 2)]
    return None if len(two) > MAX_ALTERNATIVES else [*none, *two]


def _schemas(member: Member) -> list[Location]:
    """A member's schemas: atoms of their own are only in negations, which are never negated themselves."""
    assert all(isinstance(item, Location) for item in member)
    return [item for item in member if isinstance(item, Location)]


def _refused(location: Location, part: Group) -> Simple:
    return Simple(f"{location.pointer} (not {part.pointer})", unsupported=(_unsupported(location.pointer, ALL),))


def _unsupported(pointer: str, kinds: frozenset[str]) -> Unsupported:
    """The error names the keyword that asked for the complement."""
    keyword = next((token for token in reversed(pointer.split("/")) if token in ("not", "if", "oneOf")), "not")
    return Unsupported(keyword, pointer, kinds, ": the complement of this schema is not simple")


class _Complement:
    """The alternatives that together are the complement of one location's own atoms."""

    def __init__(self, simple: Simple, name: str, pointer: str, negated: Negated, never: Location) -> None:
        self._simple = simple
        self._name = name
        self._pointer = pointer
        self._negated = negated
        self._never = never
        self._count = 0

    def alternatives(self) -> Iterator[Simple]:
        """Each of them a `Simple` with a name of its own."""
        simple = self._simple
        if simple.kinds != ALL:
            yield self._made(ALL - simple.kinds)
        if simple.scalars is not None:
            yield from self._unlisted(simple.scalars)
        if "number" in simple.kinds:
            yield from self._numbers(simple.numbers)
        if "string" in simple.kinds:
            yield from self._strings(simple.strings)
        if "array" in simple.kinds:
            yield from self._arrays(simple.arrays)
        if "object" in simple.kinds:
            yield from self._objects(simple.objects)
        for missing in simple.unsupported:
            yield self._refused(missing.kinds)

    def _made(self, kinds: frozenset[str] | str, **atoms: Any) -> Simple:
        self._count += 1
        chosen = frozenset({kinds}) if isinstance(kinds, str) else kinds
        return Simple(f"{self._name}/{self._count}", chosen, **atoms)

    def _refused(self, kinds: frozenset[str] | str) -> Simple:
        chosen = frozenset({kinds}) if isinstance(kinds, str) else kinds
        return self._made(chosen, unsupported=(_unsupported(self._pointer, chosen),))

    def _unlisted(self, scalars: tuple[Scalar, ...]) -> Iterator[Simple]:
        listed = {kind: [value for value in scalars if kind_of(value) == kind] for kind in KINDS}
        unlisted = frozenset(kind for kind in KINDS if not listed[kind])
        if unlisted:
            yield self._made(unlisted)
        if listed["boolean"] and len(set(listed["boolean"])) == 1:
            yield self._made("boolean", scalars=(not listed["boolean"][0],), listed_at=self._pointer)
        if listed["string"]:
            texts = cr.complement(cr.union(cr.literal(str(text)) for text in listed["string"]))
            yield self._made("string", strings=StringAtoms(expressions=(("other texts", texts, self._pointer),)))
        if listed["number"]:
            yield from self._between({equality_key(value): value for value in listed["number"]}.values())

    def _between(self, values: Any) -> Iterator[Simple]:
        """Numbers below, between and above those listed."""
        bounds = [Bound(Decimal(value), True, self._pointer) for value in sorted(values, key=Fraction)]
        for low, high in zip([None, *bounds], [*bounds, None], strict=True):
            yield self._made("number", numbers=NumberAtoms(low, high))

    def _numbers(self, atoms: NumberAtoms) -> Iterator[Simple]:
        if atoms.low is not None:
            high = Bound(atoms.low.value, not atoms.low.strict, atoms.low.pointer)
            yield self._made("number", numbers=NumberAtoms(high=high))
        if atoms.high is not None:
            low = Bound(atoms.high.value, not atoms.high.strict, atoms.high.pointer)
            yield self._made("number", numbers=NumberAtoms(low=low))
        if atoms.integral and not atoms.digits_only:
            yield self._made("number", numbers=NumberAtoms(fractional=self._pointer))
        if atoms.multiples or atoms.digits_only:
            yield self._refused("number")

    def _strings(self, atoms: StringAtoms) -> Iterator[Simple]:
        if atoms.shortest[0]:
            yield self._made("string", strings=StringAtoms(longest=(atoms.shortest[0] - 1, atoms.shortest[1])))
        if atoms.longest is not None:
            yield self._made("string", strings=StringAtoms((atoms.longest[0] + 1, atoms.longest[1])))
        for name, texts, pointer in atoms.expressions:
            other = (f"not {name}", cr.complement(texts), pointer)
            yield self._made("string", strings=StringAtoms(expressions=(other,)))

    def _arrays(self, atoms: ArrayAtoms) -> Iterator[Simple]:
        if atoms.fewest[0]:
            yield self._made("array", arrays=ArrayAtoms(most=(atoms.fewest[0] - 1, atoms.fewest[1])))
        if atoms.most is not None:
            yield self._made("array", arrays=ArrayAtoms(fewest=(atoms.most[0] + 1, atoms.most[1])))
        for place, schemas in enumerate(atoms.prefix):
            for schema in schemas:
                prefix = (*[()] * place, (self._negated(schema),))
                yield self._made("array", arrays=ArrayAtoms(prefix=prefix, fewest=(place + 1, schema.pointer)))
        if atoms.rest:
            yield self._refused("array")

    def _objects(self, atoms: ObjectAtoms) -> Iterator[Simple]:
        if atoms.fewest[0]:
            yield self._made("object", objects=ObjectAtoms(most=(atoms.fewest[0] - 1, atoms.fewest[1])))
        if atoms.most is not None:
            yield self._made("object", objects=ObjectAtoms(fewest=(atoms.most[0] + 1, atoms.most[1])))
        for name in atoms.required:
            yield self._made("object", objects=ObjectAtoms(properties={name: (self._never,)}))
        for name, schemas in atoms.properties.items():
            for schema in schemas:
                objects = ObjectAtoms({name: (self._negated(schema),)}, {name: schema.pointer})
                yield self._made("object", objects=objects)
        if atoms.names or any(part.schemas for part in atoms.others):
            yield self._refused("object")
