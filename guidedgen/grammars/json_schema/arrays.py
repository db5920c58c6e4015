"""Arrays: reading their keywords, combining them, and the structure of the valid texts.

An array is a prefix of items with schemas of their own, then any number of items with one schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from guidedgen.grammars import ir
from guidedgen.grammars.json_schema.locations import Location
from guidedgen.grammars.json_schema.options import Draft
from guidedgen.grammars.json_schema.reasons import Reason
from guidedgen.grammars.json_schema.view import View
from guidedgen.grammars.json_schema.whitespace import Layout

Conjunction: TypeAlias = tuple[Location, ...]
"""Schemas that apply to one value all at once."""


@dataclass(frozen=True, slots=True)
class ArrayAtoms:
    """What schemas say about arrays: the schemas of the first items and of the rest; counts with their pointers."""

    prefix: tuple[Conjunction, ...] = ()
    rest: Conjunction = ()
    fewest: tuple[int, str] = (0, "")
    most: tuple[int, str] | None = None


def read_arrays(view: View) -> ArrayAtoms:
    """The array keywords of a location."""
    low, high = view.count("minItems"), view.count("maxItems")
    prefix, rest = _items(view)
    return ArrayAtoms(
        tuple((item,) for item in prefix),
        () if rest is None else (rest,),
        (low or 0, view.at("minItems")),
        None if high is None else (high, view.at("maxItems")),
    )


def _items(view: View) -> tuple[tuple[Location, ...], Location | None]:
    """Since 2020-12 `prefixItems` and `items`; before, `items` with a list, and `additionalItems` behind it."""
    listed = view.has("items") and isinstance(view.schema["items"], list)
    if not listed:
        return view.subschemas("prefixItems"), view.subschema("items")
    if view.draft is Draft.D2020:
        view.malformed("items", "a schema; since 2020-12 a list of schemas is called prefixItems")
    if not view.schema["items"]:
        view.note("items", "exact")
        return (), view.subschema("additionalItems")
    return view.subschemas("items"), view.subschema("additionalItems")


def merge_arrays(atoms: Iterable[ArrayAtoms]) -> ArrayAtoms:
    """All of them at once: an item has the schemas of all of them."""
    parts = list(atoms)
    if len(parts) == 1:
        return parts[0]
    length = max((len(part.prefix) for part in parts), default=0)
    most = [part.most for part in parts if part.most is not None]
    return ArrayAtoms(
        tuple(
            joined(part.prefix[index] if index < len(part.prefix) else part.rest for part in parts)
            for index in range(length)
        ),
        joined(part.rest for part in parts),
        max((part.fewest for part in parts), default=(0, ""), key=lambda count: count[0]),
        min(most, default=None, key=lambda count: count[0]),
    )


def joined(conjunctions: Iterable[Conjunction]) -> Conjunction:
    """All schemas of all of them, each once, in the order of their first mention."""
    return tuple({location.pointer: location for part in conjunctions for location in part}.values())


def limited(atoms: ArrayAtoms, dead: Callable[[Conjunction], Reason | None]) -> tuple[ArrayAtoms, Reason | None]:
    """The same arrays without items that can never be, and why no array is valid (None: some is).

    Args:
        atoms: merged.
        dead: why no value satisfies a conjunction, or None.
    """
    most, reason = atoms.most, None
    prefix = list(atoms.prefix)
    for index, item in enumerate(prefix):
        if most is not None and index >= most[0]:
            break
        why = dead(item)
        if why is not None:
            most, reason = (index, why.pointers[0]), why
            break
    else:
        if most is None or most[0] > len(prefix):
            why = dead(atoms.rest)
            if why is not None:
                most, reason = (len(prefix), why.pointers[0]), why
    if most is not None:
        prefix = prefix[: most[0]]
    smaller = ArrayAtoms(tuple(prefix), atoms.rest, atoms.fewest, most)
    if most is None or atoms.fewest[0] <= most[0]:
        return smaller, None
    pointers = (atoms.fewest[1], *(reason.pointers if reason is not None else (most[1],)))
    return smaller, Reason(f"no array has at least {atoms.fewest[0]} and at most {most[0]} items", pointers)


def array_node(
    atoms: ArrayAtoms,
    layout: Layout,
    level: int,
    *,
    item: Callable[[Conjunction], ir.Node],
    rules: dict[str, ir.Node],
    name: str,
) -> ir.Node:
    """The structure of the valid arrays.

    Args:
        atoms: merged and limited.
        layout: whitespace.
        level: of nesting.
        item: the node of an item's value.
        rules: where the rules of optional prefix items are added.
        name: of the array, for rules and labels.
    """
    low, high = atoms.fewest[0], None if atoms.most is None else atoms.most[0]
    opening = ir.Concat((ir.Literal(b"["), layout.before(level, first=True)))
    open_ = ir.Terminal(opening, "[")
    comma = ir.Terminal(layout.before(level, first=False), ",")
    close = ir.Terminal(layout.close(level, b"]"), "]")
    options: list[ir.Node] = []
    if low == 0:
        options.append(ir.Terminal(layout.empty(b"[]"), "[]"))
    if high is None or high > 0:
        items = _items_node(atoms, low, high, comma, item, rules, name)
        options.append(ir.Sequence((open_, items, close)))
    return options[0] if len(options) == 1 else ir.Choice(tuple(options))


def _items_node(
    atoms: ArrayAtoms,
    low: int,
    high: int | None,
    comma: ir.Node,
    item: Callable[[Conjunction], ir.Node],
    rules: dict[str, ir.Node],
    name: str,
) -> ir.Node:
    """At least one item. The tail after prefix item i is a rule, so that the structure stays linear."""
    count = len(atoms.prefix)
    more = None if high is None else high - max(count, 1)
    tail: ir.Node = ir.Sequence(())
    if more is None or more > 0:
        tail = ir.Repetition(ir.Sequence((comma, item(atoms.rest))), max(0, low - max(count, 1)), more)
    if not count:
        return ir.Sequence((item(atoms.rest), tail))
    for index in range(count - 1, 0, -1):
        step = ir.Sequence((comma, item(atoms.prefix[index]), tail))
        rule = f"{name} from item {index}"
        rules[rule] = step if index < low else ir.Choice((step, ir.Sequence(())))
        tail = ir.Reference(rule)
    return ir.Sequence((item(atoms.prefix[0]), tail))
