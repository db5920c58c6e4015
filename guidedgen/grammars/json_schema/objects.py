"""Objects: reading their keywords, combining them, and the structure of the valid texts.

Declared properties come first, in their order (optional ones may be left out), then additional ones, whose names are
different from the declared ones after unescaping. The structure is linear in the number of properties. That two
additional properties have different names is not something a grammar can say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.json_schema.arrays import Conjunction, joined
from guidedgen.grammars.json_schema.reasons import Reason
from guidedgen.grammars.json_schema.spelling import ANY_STRING, literal_string, to_json_string
from guidedgen.grammars.json_schema.view import View
from guidedgen.grammars.json_schema.whitespace import Layout


@dataclass(frozen=True, slots=True)
class ObjectAtoms:
    """What schemas say about objects.

    Attributes:
        properties: the schemas of each declared name, in order.
        required: names that must be there, with the pointer that says so.
        additional: the schemas of every other name.
        names: the schemas of the names themselves.
        fewest: the smallest number of properties; with its pointer.
        most: the greatest, or None.
    """

    properties: dict[str, Conjunction] = field(default_factory=dict)
    required: dict[str, str] = field(default_factory=dict)
    additional: Conjunction = ()
    names: Conjunction = ()
    fewest: tuple[int, str] = (0, "")
    most: tuple[int, str] | None = None


def read_objects(view: View, *, closed: bool) -> ObjectAtoms:
    """The object keywords of a location. `closed`: without `additionalProperties`, declared properties are all."""
    properties = view.schema_map("properties")
    additional = view.subschema("additionalProperties")
    if additional is None and closed and view.has("properties"):
        additional = view.made(False, "additionalProperties")
    if view.schema_map("patternProperties"):
        additional = None  # refused or relaxed where objects are built; until then, other names are possible
    names = view.subschema("propertyNames")
    low, high = view.count("minProperties"), view.count("maxProperties")
    required = {name: view.at("required", index) for index, name in enumerate(view.names("required"))}
    return ObjectAtoms(
        {name: (location,) for name, location in properties.items()},
        required,
        () if additional is None else (additional,),
        () if names is None else (names,),
        (low or 0, view.at("minProperties")),
        None if high is None else (high, view.at("maxProperties")),
    )


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
        {name: joined(part.properties.get(name, part.additional) for part in parts) for name in names},
        required,
        joined(part.additional for part in parts),
        joined(part.names for part in parts),
        max((part.fewest for part in parts), default=(0, ""), key=lambda count: count[0]),
        min(most, default=None, key=lambda count: count[0]),
    )


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
    if atoms.fewest[0] and dead(atoms.additional) is not None:
        alive = sum(1 for schemas in atoms.properties.values() if dead(schemas) is None)
        if alive < atoms.fewest[0]:
            return Reason(f"only {alive} properties are possible", (atoms.fewest[1],))
    return None


@dataclass(frozen=True, slots=True)
class Member:
    """A declared property that may occur."""

    name: str
    required: bool
    value: ir.Node


class ObjectWriter:
    """Builds the structure of one kind of object.

    Args:
        layout: whitespace.
        level: of nesting.
        rules: where the rules for what follows a property are added.
        name: of the object, for rules and labels.
    """

    def __init__(self, layout: Layout, level: int, *, rules: dict[str, ir.Node], name: str) -> None:
        self._layout = layout
        self._level = level
        self._rules = rules
        self._name = name

    def node(
        self, members: list[Member], additional: ir.Node | None, *, names: cr.Regex, low: int, high: int | None
    ) -> ir.Node:
        """The structure of the valid objects.

        Args:
            members: the declared properties that may occur, in order.
            additional: the value of an additional property; None: there are none.
            names: the names that additional properties may have.
            low: the smallest number of properties.
            high: the greatest, or None.
        """
        self._additional = None if additional is None else (_spelled(names), additional)
        at_least = max(1, sum(member.required for member in members))
        bounded = high is not None and (self._additional is not None or len(members) > high)
        body = self._counted(members, low, high) if low > at_least or bounded else self._linear(members)
        open_ = ir.Terminal(ir.Literal(b"{"), "{")
        close = ir.Terminal(self._layout.close(self._level, b"}"), "}")
        options: list[ir.Node] = []
        if low == 0 and not any(member.required for member in members):
            options.append(ir.Terminal(self._layout.empty(b"{}"), "{}"))
        if body is not None:
            options.append(ir.Sequence((open_, body, close)))
        return options[0] if len(options) == 1 else ir.Choice(tuple(options))

    def _key(self, names: ir.Expression, label: str, *, first: bool) -> ir.Node:
        before = self._layout.before(self._level, first=first)
        return ir.Terminal(ir.Concat((before, names, self._layout.colon())), label)

    def _pair(self, member: Member, *, first: bool) -> ir.Node:
        return ir.Sequence((self._key(literal_string(member.name), repr(member.name), first=first), member.value))

    def _other(self, *, first: bool) -> ir.Node | None:
        if self._additional is None:
            return None
        names, value = self._additional
        return ir.Sequence((self._key(names, "additional property", first=first), value))

    def _linear(self, members: list[Member]) -> ir.Node | None:
        """At least one property, no counting: which one comes first, and what may follow it."""
        other = self._other(first=False)
        tail: ir.Node = ir.Sequence(()) if other is None else ir.Repetition(other, 0, None)
        lead = next((index for index, member in enumerate(members) if member.required), len(members))
        follow = self._follow(members[lead + 1 :], tail)
        options: list[ir.Node] = []
        if lead == len(members):
            first = self._other(first=True)
            follow = tail
            if first is not None:
                options.append(ir.Sequence((first, tail)))
        else:
            options.append(ir.Sequence((self._pair(members[lead], first=True), follow)))
            follow = ir.Sequence((self._pair(members[lead], first=False), follow))
        for index in range(lead - 1, -1, -1):
            rule = f"{self._name} after {index}"
            self._rules[rule] = follow
            options.append(ir.Sequence((self._pair(members[index], first=True), ir.Reference(rule))))
            follow = ir.Sequence((ir.Repetition(self._pair(members[index], first=False), 0, 1), ir.Reference(rule)))
        options.reverse()
        return None if not options else options[0] if len(options) == 1 else ir.Choice(tuple(options))

    def _follow(self, members: list[Member], tail: ir.Node) -> ir.Node:
        """Properties behind another one: flat, because each brings its own comma."""
        parts: list[ir.Node] = []
        for member in members:
            pair = self._pair(member, first=False)
            parts.append(pair if member.required else ir.Repetition(pair, 0, 1))
        return ir.Sequence((*parts, tail))

    def _counted(self, members: list[Member], low: int, high: int | None) -> ir.Node:
        """At least one property, with a number of them: one rule for each (next property, properties so far)."""
        known: set[tuple[int, int]] = set()
        waiting = [(0, 0)]
        while waiting:
            index, count = waiting.pop()
            if (index, count) in known:
                continue
            known.add((index, count))
            if index == len(members):
                self._rules[self._state(index, count)] = self._counted_end(count, low, high)
                continue
            options: list[ir.Node] = []
            if high is None or count < high:
                following = (index + 1, min(count + 1, low) if high is None else count + 1)
                waiting.append(following)
                pair = self._pair(members[index], first=count == 0)
                options.append(ir.Sequence((pair, ir.Reference(self._state(*following)))))
            if not members[index].required:
                waiting.append((index + 1, count))
                options.append(ir.Reference(self._state(index + 1, count)))
            self._rules[self._state(index, count)] = ir.Choice(tuple(options))
        return ir.Reference(self._state(0, 0))

    def _state(self, index: int, count: int) -> str:
        return f"{self._name} after {index} with {count}"

    def _counted_end(self, count: int, low: int, high: int | None) -> ir.Node:
        """Additional properties behind `count` declared ones."""
        nothing = ir.Choice(())
        if count:
            return self._repeated(max(0, low - count), None if high is None else high - count) or nothing
        start = self._other(first=True)
        after = self._repeated(max(0, low - 1), None if high is None else high - 1)
        return nothing if start is None or after is None or high == 0 else ir.Sequence((start, after))

    def _repeated(self, low: int, high: int | None) -> ir.Node | None:
        other = self._other(first=False)
        if other is None:
            return ir.Sequence(()) if low == 0 else None
        return ir.Sequence(()) if high == 0 else ir.Repetition(other, low, high)


def _spelled(names: cr.Regex) -> ir.Expression:
    return ANY_STRING if cr.is_any_text(names) else to_json_string(names)


@lru_cache(maxsize=1024)
def other_names(taken: tuple[str, ...]) -> cr.Regex:
    """All names but these."""
    return cr.complement(cr.union([cr.literal(name) for name in taken]))
