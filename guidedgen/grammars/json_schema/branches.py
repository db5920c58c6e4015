"""Combining schemas: a conjunction of locations becomes alternatives, each a conjunction of simple atoms.

Terms. A *branch* is a tuple of `Simple`s that all apply; a conjunction of locations is valid for a value if one of its
branches is. A *shape* is a branch with its atoms merged by kind of value, and without kinds that contradict themselves.
Everything is memoised, and proofs that nothing is valid are conservative: what is not seen counts as possible.
"""

from __future__ import annotations

from typing import Final

from guidedgen.errors import CompileError, UnsupportedFeature
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.json_schema.arrays import Conjunction
from guidedgen.grammars.json_schema.locations import Location
from guidedgen.grammars.json_schema.parts import Group, Member, Simple
from guidedgen.grammars.json_schema.reasons import Reason
from guidedgen.grammars.json_schema.records import Reader
from guidedgen.grammars.json_schema.shapes import Branch, Shape, joined, key_of, merged
from guidedgen.grammars.json_schema.strings import allows_string, string_texts
from guidedgen.limits import Limits

MAX_BRANCHES: Final = 1000
MAX_EXCLUSIVE: Final = 100
"""Combinations of a branch of a `oneOf` member with a way not to be another member; more are refused."""

_MAX_COMBINED: Final = 8_000
_MAX_PROOF_DEPTH: Final = 20
_MAX_EXPLAINED: Final = 8


class Branches:
    """The alternatives of every conjunction that is asked for."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits
        self._of_location: dict[str, list[Branch]] = {}
        self._open: dict[str, Location] = {}
        self._combined = 0
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
        alternatives = [self._expand_member(member, group.pointer) for member in group.members]
        if group.kind == "all":
            branches: list[Branch] = [()]
            for member in alternatives:
                branches = self._product(branches, member, group.pointer)
            return branches
        if group.kind == "one":
            alternatives = self._exclusive(group, alternatives, [joined(branch, own) for branch in beside])
        return [branch for member in alternatives for branch in member]

    def _expand_member(self, member: Member, pointer: str) -> list[Branch]:
        branches: list[Branch] = [()]
        for part in member:
            branches = self._product(branches, [(part,)] if isinstance(part, Simple) else self._expand(part), pointer)
        return branches

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
                pairs.setdefault(key_of(branch), branch)
                if len(pairs) > MAX_BRANCHES:
                    raise UnsupportedFeature(
                        f"more than {MAX_BRANCHES} combinations of alternatives",
                        pointer=pointer,
                        hint="Merge some of the anyOf and oneOf that apply to the same value.",
                    )
        return list(pairs.values()) or impossible[:_MAX_EXPLAINED]

    def _exclusive(self, group: Group, alternatives: list[list[Branch]], beside: list[Branch]) -> list[list[Branch]]:
        """`oneOf` is `anyOf` where no value can satisfy two members; elsewhere each one without what others take."""
        result = list(alternatives)
        for index, first in enumerate(alternatives):
            for other in range(index):
                if not self._overlap(first, alternatives[other], beside):
                    continue
                for here, there in ((index, other), (other, index)):
                    rest = self._without(result[here], group.members[there], beside, group.pointer)
                    if rest is None:
                        self._reader.refuse_overlap(group, other, index)
                        return alternatives
                    result[here] = rest
        return result

    def _without(
        self, branches: list[Branch], member: Member, beside: list[Branch], pointer: str
    ) -> list[Branch] | None:
        """The branches where a member is not valid; None where that is not expressed, or takes too many."""
        assert len(member) == 1
        assert isinstance(member[0], Location)
        try:
            other = self._reader.negated(member[0])
            excluded = self._expand(other)
            if len(branches) * len(excluded) > MAX_EXCLUSIVE or self._combined > _MAX_COMBINED // 4:
                return None
            found = self._product(branches, excluded, pointer)
        except UnsupportedFeature:
            return None
        if self._reader.loosened(other):
            return None
        shapes = [self.shape(joined(own, branch)) for branch in found for own in beside]
        refused = any(
            missing.kinds & shape.kinds for shape in shapes for simple in shape.branch for missing in simple.unsupported
        )
        return None if refused else found

    def _overlap(self, first: list[Branch], second: list[Branch], beside: list[Branch]) -> bool:
        return any(
            self.shape(joined(joined(own, left), right)).kinds for left in first for right in second for own in beside
        )

    def shape(self, branch: Branch) -> Shape:
        """A branch, merged."""
        key = key_of(branch)
        known = self._shapes.get(key)
        if known is None:
            self._combined += len(branch) > 1
            if self._combined > _MAX_COMBINED:
                raise UnsupportedFeature(
                    f"more than {_MAX_COMBINED} different combinations of schemas",
                    pointer=branch[-1].pointer,
                    hint="Merge some of the anyOf, oneOf and not that apply to the same values.",
                )
            known = self._shapes[key] = merged(branch, self.reason, self.allows_name)
        return known
