"""A branch, which is a conjunction of simple atoms, merged by kind of value; what contradicts itself is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from guidedgen.grammars.json_schema import arrays, objects
from guidedgen.grammars.json_schema.arrays import ArrayAtoms, Conjunction, merge_arrays
from guidedgen.grammars.json_schema.keywords import ALL
from guidedgen.grammars.json_schema.numbers import NumberAtoms, allows_number, conflict_of_numbers, merge_numbers
from guidedgen.grammars.json_schema.objects import ObjectAtoms, merge_objects
from guidedgen.grammars.json_schema.parts import Simple
from guidedgen.grammars.json_schema.reasons import Reason
from guidedgen.grammars.json_schema.strings import StringAtoms, allows_string, conflict_of_strings, merge_strings
from guidedgen.grammars.json_schema.values import Scalar, equality_key, is_number

Branch: TypeAlias = tuple[Simple, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A branch, merged.

    Attributes:
        branch: what was merged.
        kinds: the kinds of values for which no contradiction was seen.
        scalars: the enumerated scalars that are valid, or None where they are not enumerated.
        reason: why nothing is valid, if `kinds` is empty.
    """

    branch: Branch
    kinds: frozenset[str]
    scalars: tuple[Scalar, ...] | None
    numbers: NumberAtoms
    strings: StringAtoms
    arrays: ArrayAtoms
    objects: ObjectAtoms
    reason: Reason | None


def merged(
    branch: Branch,
    dead: Callable[[Conjunction], Reason | None],
    named: Callable[[Conjunction, str], bool],
) -> Shape:
    """A branch, merged.

    Args:
        branch: what applies.
        dead: why no value satisfies a conjunction, or None.
        named: whether a name satisfies a conjunction.
    """
    kinds = ALL
    reason: Reason | None = None
    for simple in branch:
        kinds &= simple.kinds
    if not kinds:
        reason = _type_conflict(branch)
    numbers = merge_numbers(simple.numbers for simple in branch)
    strings = merge_strings(simple.strings for simple in branch)
    items = merge_arrays(simple.arrays for simple in branch)
    members = merge_objects(simple.objects for simple in branch)
    scalars = _common_scalars(branch)
    if scalars is not None:
        valid = tuple(value for value in scalars if _valid(value, kinds, numbers, strings))
        kinds = frozenset(equality_key(value)[0] for value in valid)
        if not valid and reason is None:
            reason = _no_scalar(branch, numbers, strings)
        return Shape(branch, kinds, valid, numbers, strings, items, members, reason)
    conflicts = {"number": conflict_of_numbers(numbers), "string": conflict_of_strings(strings)}
    if "array" in kinds:
        items, conflicts["array"] = arrays.limited(items, dead)
    if "object" in kinds:
        conflicts["object"] = objects.limited(members, dead, named)
    refused = [why for kind, why in conflicts.items() if kind in kinds and why is not None]
    kinds = frozenset(kind for kind in kinds if conflicts.get(kind) is None)
    if not kinds and reason is None:
        reason = refused[0]
    return Shape(branch, kinds, None, numbers, strings, items, members, reason)


def joined(left: Branch, right: Branch) -> Branch:
    """Both at once; a part that is in both counts once."""
    return tuple({simple.pointer: simple for simple in (*left, *right)}.values())


def key_of(branch: Branch) -> tuple[str, ...]:
    """What tells a branch from others."""
    return tuple(simple.pointer for simple in branch)


def _type_conflict(branch: Branch) -> Reason:
    for simple in branch:
        if not simple.kinds:
            return Reason("the schema is false", (simple.pointer,))
    pointers = tuple(f"{simple.pointer}/type" for simple in branch if simple.kinds != ALL)
    return Reason("the types exclude each other", pointers)


def _common_scalars(branch: Branch) -> list[Scalar] | None:
    """The enumerated scalars that all of a branch allow, in the order of the first enumeration."""
    common: list[Scalar] | None = None
    for simple in branch:
        if simple.scalars is None:
            continue
        if common is None:
            common = list({equality_key(value): value for value in simple.scalars}.values())
        else:
            keys = {equality_key(value) for value in simple.scalars}
            common = [value for value in common if equality_key(value) in keys]
    return common


def _valid(value: Scalar, kinds: frozenset[str], numbers: NumberAtoms, strings: StringAtoms) -> bool:
    if equality_key(value)[0] not in kinds:
        return False
    if isinstance(value, str):
        return allows_string(strings, value)
    return not is_number(value) or allows_number(numbers, value)  # type: ignore[arg-type]


def _no_scalar(branch: Branch, numbers: NumberAtoms, strings: StringAtoms) -> Reason:
    """No enumerated value is left: name the enumerations and what else could have refused their values."""
    pointers = [simple.listed_at for simple in branch if simple.scalars is not None]
    pointers += [f"{simple.pointer}/type" for simple in branch if simple.kinds != ALL]
    pointers += [pointer for _, _, pointer in strings.expressions]
    pointers += [bound.pointer for bound in (numbers.low, numbers.high) if bound is not None]
    empty = any(simple.scalars == () for simple in branch)
    message = "the enumeration is empty" if empty else "no enumerated value is valid"
    return Reason(message, tuple(pointers))
