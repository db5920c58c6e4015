"""What a location consists of once it is read: its own atoms, and groups of schemas that apply beside them. Data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from guidedgen.grammars.json_schema.arrays import ArrayAtoms
from guidedgen.grammars.json_schema.keywords import ALL
from guidedgen.grammars.json_schema.locations import Location
from guidedgen.grammars.json_schema.numbers import NumberAtoms
from guidedgen.grammars.json_schema.objects import ObjectAtoms
from guidedgen.grammars.json_schema.strings import StringAtoms
from guidedgen.grammars.json_schema.values import Scalar


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A keyword that is not enforced, its place, the kinds of values that it is about, and more for the message."""

    keyword: str
    pointer: str
    kinds: frozenset[str]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Simple:
    """What one location says by itself.

    Attributes:
        pointer: of the location, or what else tells it from others.
        kinds: the kinds of values that its `type` allows.
        scalars: the scalars that its `enum` or `const` allows; None: all.
        listed_at: the pointer of that keyword.
        unsupported: refused where a value of these kinds is possible.
    """

    pointer: str
    kinds: frozenset[str] = ALL
    scalars: tuple[Scalar, ...] | None = None
    listed_at: str = ""
    numbers: NumberAtoms = field(default_factory=NumberAtoms)
    strings: StringAtoms = field(default_factory=StringAtoms)
    arrays: ArrayAtoms = field(default_factory=ArrayAtoms)
    objects: ObjectAtoms = field(default_factory=ObjectAtoms)
    unsupported: tuple[Unsupported, ...] = ()

    @property
    def says_nothing(self) -> bool:
        """Whether every value satisfies it: left out of branches, so that all uses of a `$ref` share their rules."""
        return (
            self.kinds == ALL
            and self.scalars is None
            and not self.unsupported
            and self.numbers == NumberAtoms()
            and not (self.strings.shortest[0] or self.strings.longest or self.strings.expressions)
            and not (self.arrays.prefix or self.arrays.rest or self.arrays.fewest[0] or self.arrays.most)
            and not (self.objects.properties or self.objects.required or self.objects.names)
            and not (self.objects.fewest[0] or self.objects.most or any(part.schemas for part in self.objects.others))
        )


Member: TypeAlias = tuple[Location | Simple, ...]
"""Schemas and atoms that apply together."""


@dataclass(frozen=True, slots=True)
class Group:
    """Members that apply together ("all"), of which at least one ("any") or exactly one ("one") applies."""

    kind: Literal["all", "any", "one"]
    members: tuple[Member, ...]
    pointer: str


Part: TypeAlias = Simple | Group
Record: TypeAlias = tuple[Part, ...]
"""The parts of a location, in the order of their first mention."""
