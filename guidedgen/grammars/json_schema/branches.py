"""Combining schemas: a conjunction of locations becomes alternatives, each a conjunction of simple atoms.

Terms. A *branch* is a tuple of `Simple`s that all apply; a conjunction of locations is valid for a value if one of its
branches is. A *shape* is a branch with its atoms merged by kind of value, and without kinds that contradict themselves.
Everything is memoised, and proofs that nothing is valid are conservative: what is not seen counts as possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from guidedgen.errors import CompileError, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.json_schema import arrays, objects
from guidedgen.grammars.json_schema.arrays import ArrayAtoms, Conjunction, merge_arrays
from guidedgen.grammars.json_schema.keywords import ALL
from guidedgen.grammars.json_schema.locations import Location
from guidedgen.grammars.json_schema.numbers import NumberAtoms, allows_number, conflict_of_numbers, merge_numbers
from guidedgen.grammars.json_schema.objects import ObjectAtoms, merge_objects
from guidedgen.grammars.json_schema.reasons import Reason
from guidedgen.grammars.json_schema.records import Group, Reader, Simple
from guidedgen.grammars.json_schema.strings import (
    StringAtoms,
    allows_string,
    conflict_of_strings,
    merge_strings,
    string_texts,
)
from guidedgen.grammars.json_schema.values import Scalar, equality_key, is_number
from guidedgen.limits import Limits

Branch: TypeAlias = tuple[Simple, ...]

MAX_BRANCHES: Final = 1000
_MAX_PROOF_DEPTH: Final = 20
_MAX_EXPLAINED: Final = 8


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


class Branches:
    """The alternatives of every conjunction that is asked for."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits
        self._of_location: dict[str, list[Branch]] = {}
        self._open: dict[str, Location] = {}
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._reasons: dict[tuple[str, ...], Reason | None] = {}
        self._proving: set[tuple[str, ...]] = set()

    def of(self, conjunction: Conjunction) -> list[Shape]:
        """The shapes of a conjunction of which some value may be valid."""
        return [shape for shape in self._all(conjunction) if shape.kinds]

    def _all(self, conjunction: Conjunction) -> list[Shape]:
        branches: list[Branch] = [()]
        for location in conjunction:
            branches = self._product(branches, self._expand(location), location.pointer)
        return [self.shape(branch) for branch in branches]

    def reason(self, conjunction: Conjunction) -> Reason | None:
        """Why no value satisfies a conjunction, or None where that is not seen."""
        key = tuple(location.pointer for location in conjunction)
        if key in self._reasons:
            return self._reasons[key]
        if key in self._proving or len(self._proving) >= _MAX_PROOF_DEPTH:
            return None
        self._proving.add(key)
        # A proof looks at values inside the value at hand: that is no circle of references.
        outer, self._open = self._open, {}
        try:
            shapes = self._all(conjunction)
            found = None if any(shape.kinds for shape in shapes) else self._explain(conjunction, shapes)
        finally:
            self._open = outer
            self._proving.discard(key)
        # Inside another proof, an open one counts as possible: only what was refused is certain.
        if found is not None or not self._proving:
            self._reasons[key] = found
        return found

    def allows_name(self, conjunction: Conjunction, name: str) -> bool:
        """Whether a property's name satisfies a conjunction."""
        return not conjunction or any(
            name in shape.scalars if shape.scalars is not None else allows_string(shape.strings, name)
            for shape in self.of(conjunction)
            if "string" in shape.kinds
        )

    def names(self, conjunction: Conjunction) -> cr.Regex:
        """The names that satisfy a conjunction."""
        options: list[cr.Regex] = []
        for shape in self.of(conjunction) if conjunction else []:
            if "string" not in shape.kinds:
                continue
            if shape.scalars is None:
                options.append(string_texts(shape.strings))
            else:
                options += [cr.literal(value) for value in shape.scalars if isinstance(value, str)]
        return cr.union(options) if conjunction else cr.ANY_TEXT

    def _explain(self, conjunction: Conjunction, shapes: list[Shape]) -> Reason:
        if len(shapes) == 1 and shapes[0].reason is not None:
            return shapes[0].reason
        reasons = [shape.reason for shape in shapes if shape.reason is not None]
        pointers = tuple(dict.fromkeys(pointer for reason in reasons for pointer in reason.pointers))
        first = conjunction[0].pointer if conjunction else ""
        detail = f" (the first: {reasons[0].message})" if reasons else ""
        return Reason(f"none of the alternatives is possible{detail}", (first, *pointers[:_MAX_EXPLAINED]))

    def _expand(self, location: Location) -> list[Branch]:
        """The branches of one location."""
        key = location.pointer
        known = self._of_location.get(key)
        if known is not None:
            return known
        if key in self._open:
            raise CompileError(
                "references lead in a circle without describing a value",
                pointer=key,
                keyword="$ref",
                hint="Let the recursion pass through properties or items.",
            )
        self._limits.check("depth", len(self._open), f"schemas applied to one value at #{key}")
        self._open[key] = location
        try:
            branches: list[Branch] = [()]
            record = self._reader.read(location)
            own = tuple(part for part in record if isinstance(part, Simple))
            for part in record:
                added: list[Branch] = [(part,)] if isinstance(part, Simple) else self._expand_group(part, branches, own)
                branches = self._product(branches, added, key)
        finally:
            del self._open[key]
        self._of_location[key] = branches
        return branches

    def _expand_group(self, group: Group, beside: list[Branch], own: Branch) -> list[Branch]:
        alternatives = [self._expand(member) for member in group.members]
        if group.kind == "all":
            branches: list[Branch] = [()]
            for member in alternatives:
                branches = self._product(branches, member, group.pointer)
            return branches
        if group.kind == "one":
            self._check_disjoint(group, alternatives, [joined(branch, own) for branch in beside])
        return [branch for member in alternatives for branch in member]

    def _product(self, left: list[Branch], right: list[Branch], pointer: str) -> list[Branch]:
        """Every pair, without impossible ones; a few of those are kept for the message where nothing else is left."""
        if left == [()]:
            return right
        pairs: dict[tuple[str, ...], Branch] = {}
        impossible: list[Branch] = []
        for first in left:
            for second in right:
                branch = joined(first, second)
                if len(left) * len(right) > 1 and not self.shape(branch).kinds:
                    impossible.append(branch)
                    continue
                pairs.setdefault(_key(branch), branch)
                if len(pairs) > MAX_BRANCHES:
                    raise UnsupportedFeature(
                        f"more than {MAX_BRANCHES} combinations of alternatives",
                        pointer=pointer,
                        hint="Merge some of the anyOf and oneOf that apply to the same value.",
                    )
        return list(pairs.values()) or impossible[:_MAX_EXPLAINED]

    def _check_disjoint(self, group: Group, alternatives: list[list[Branch]], beside: list[Branch]) -> None:
        """`oneOf` is `anyOf` where no value can satisfy two members."""
        for index, first in enumerate(alternatives):
            for other in range(index):
                overlap = self._overlap(first, alternatives[other], beside)
                if overlap:
                    self._reader.refuse_overlap(group, other, index)
                    return

    def _overlap(self, first: list[Branch], second: list[Branch], beside: list[Branch]) -> bool:
        return any(
            self.shape(joined(joined(own, left), right)).kinds for left in first for right in second for own in beside
        )

    def shape(self, branch: Branch) -> Shape:
        """A branch, merged."""
        key = _key(branch)
        known = self._shapes.get(key)
        if known is None:
            known = self._shapes[key] = self._merge(branch)
        return known

    def _merge(self, branch: Branch) -> Shape:
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
            items, conflicts["array"] = arrays.limited(items, self.reason)
        if "object" in kinds:
            conflicts["object"] = objects.limited(members, self.reason, self.allows_name)
        refused = [why for kind, why in conflicts.items() if kind in kinds and why is not None]
        kinds = frozenset(kind for kind in kinds if conflicts.get(kind) is None)
        if not kinds and reason is None:
            reason = refused[0]
        return Shape(branch, kinds, None, numbers, strings, items, members, reason)


def joined(left: Branch, right: Branch) -> Branch:
    """Both at once; a part that is in both counts once."""
    return tuple({simple.pointer: simple for simple in (*left, *right)}.values())


def _key(branch: Branch) -> tuple[str, ...]:
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
