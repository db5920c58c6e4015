"""The structure of the valid objects.

In "schema" order declared properties come first, in their order (optional ones may be left out), then the others, whose
names are different from the declared ones after unescaping. That structure is linear in the number of properties. In
"any" order all of them come in any mixture. That two undeclared properties have different names is not something a
grammar can say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.json_schema.spelling import ANY_STRING, literal_string, to_json_string
from guidedgen.grammars.json_schema.whitespace import Layout


@dataclass(frozen=True, slots=True)
class Member:
    """A declared property that may occur."""

    name: str
    required: bool
    value: ir.Node


@dataclass(frozen=True, slots=True)
class Others:
    """Properties that are not declared: their names, and the value of each."""

    names: cr.Regex
    value: ir.Node


class ObjectWriter:
    """Builds the structure of one kind of object.

    Args:
        layout: whitespace.
        level: of nesting.
        rules: where the rules for what follows a property are added.
        name: of the object, for rules and labels.
        any_order: whether declared properties may come in any order, and others between them.
    """

    def __init__(
        self, layout: Layout, level: int, *, rules: dict[str, ir.Node], name: str, any_order: bool = False
    ) -> None:
        self._layout = layout
        self._level = level
        self._rules = rules
        self._name = name
        self._where = name.removesuffix(" (object)")
        self._any_order = any_order

    def node(self, members: list[Member], others: list[Others], *, low: int, high: int | None) -> ir.Node:
        """The structure of the valid objects.

        Args:
            members: the declared properties that may occur, in order.
            others: properties that are not declared.
            low: the smallest number of properties.
            high: the greatest, or None.
        """
        self._others = [(_spelled(other.names), other.value) for other in others]
        brace = ir.Literal(b"{")
        # In any order each of the properties may be the first, so that what precedes it belongs to the brace.
        first = ir.Concat((brace, self._layout.before(self._level, first=True))) if self._any_order else brace
        open_ = ir.Terminal(first, "{")
        close = ir.Terminal(self._layout.close(self._level, b"}"), "}")
        options: list[ir.Node] = []
        if low == 0 and not any(member.required for member in members):
            options.append(ir.Terminal(self._layout.empty(b"{}"), "{}"))
        body = self._in_any_order(members, low, high) if self._any_order else self._in_order(members, low, high)
        if body is not None:
            options.append(ir.Sequence((open_, body, close)))
        return options[0] if len(options) == 1 else ir.Choice(tuple(options))

    def _in_any_order(self, members: list[Member], low: int, high: int | None) -> ir.Node:
        """At least one property."""
        comma = ir.Terminal(self._layout.before(self._level, first=False), ",")
        items = [
            ir.Member(self._item(literal_string(member.name), self._label(member.name), member.value), member.required)
            for member in members
        ]
        rest = [self._item(names, self._label(None), value) for names, value in self._others]
        return ir.Unordered(tuple(items), _any_of(rest), comma, max(low, 1), high)

    def _item(self, names: ir.Expression, label: str, value: ir.Node) -> ir.Node:
        return ir.Sequence((ir.Terminal(ir.Concat((names, self._layout.colon())), label), value))

    def _in_order(self, members: list[Member], low: int, high: int | None) -> ir.Node | None:
        at_least = max(1, sum(member.required for member in members))
        bounded = high is not None and (bool(self._others) or len(members) > high)
        return self._counted(members, low, high) if low > at_least or bounded else self._linear(members)

    def _key(self, names: ir.Expression, label: str, *, first: bool) -> ir.Node:
        before = self._layout.before(self._level, first=first)
        return ir.Terminal(ir.Concat((before, names, self._layout.colon())), label)

    def _pair(self, member: Member, *, first: bool) -> ir.Node:
        label = self._label(member.name)
        return ir.Sequence((self._key(literal_string(member.name), label, first=first), member.value))

    def _label(self, name: str | None) -> str:
        """What a key is called; None: of a property that is not declared."""
        return f"{'additional key' if name is None else f'key {name!r}'} of {self._where}"

    def _other(self, *, first: bool) -> ir.Node | None:
        return _any_of(
            [ir.Sequence((self._key(names, self._label(None), first=first), value)) for names, value in self._others]
        )

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
        return _any_of(options)

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


def _any_of(nodes: list[ir.Node]) -> ir.Node | None:
    if not nodes:
        return None
    return nodes[0] if len(nodes) == 1 else ir.Choice(tuple(nodes))


def _spelled(names: cr.Regex) -> ir.Expression:
    return ANY_STRING if cr.is_any_text(names) else to_json_string(names)


@lru_cache(maxsize=1024)
def other_names(taken: tuple[str, ...]) -> cr.Regex:
    """All names but these."""
    return cr.complement(cr.union([cr.literal(name) for name in taken]))
