"""Notes about grammars that may not say what was meant: rules that nothing reaches, or that give no text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, TypeAlias

from guidedgen.grammars import ir
from guidedgen.grammars.report import Entry

NO_TEXT: Final = "gives no text: every way to complete it needs itself, or something impossible"

_AnyNode: TypeAlias = ir.Node | ir.Expression


def note(name: str, told: str, line: int | None = None) -> Entry:
    """An entry of a report about one rule or terminal."""
    place = "" if line is None else f"line {line}: "
    return Entry(pointer=name, keyword=name, treatment="annotation", note=f"{place}{told}")


def unreached(uses: Mapping[str, Collection[str]], start: str) -> dict[str, str]:
    """What is wrong with each rule that `start` does not reach.

    Args:
        uses: the rules that each rule mentions.
        start: the rule to begin with.
    """
    reached = {start}
    todo = [start]
    while todo:
        for name in uses.get(todo.pop(), ()):
            if name not in reached:
                reached.add(name)
                todo.append(name)
    mentioned = {name for rule, names in uses.items() for name in names if name != rule}
    return {
        name: f"never reached: only rules that {start!r} does not reach use it"
        if name in mentioned
        else "never reached: no other rule uses it"
        for name in uses
        if name not in reached
    }


def unproductive(grammar: ir.Grammar) -> tuple[str, ...]:
    """The rules from which no text can be derived, in the order of the grammar: what they need is impossible.

    What masks allow never depends on them; a rule with an alternative that needs one of them loses that alternative.
    """
    users: dict[str, list[str]] = {}
    for name, body in grammar.rules.items():
        for used in references(body):
            users.setdefault(used, []).append(name)
    productive: set[str] = set()
    todo = list(grammar.rules)
    while todo:
        name = todo.pop()
        if name not in productive and _produces(grammar.rules[name], productive):
            productive.add(name)
            todo.extend(users.get(name, ()))
    return tuple(name for name in grammar.rules if name not in productive)


def references(root: ir.Node) -> set[str]:
    """The rules that a body mentions."""
    found: set[str] = set()
    seen: set[_AnyNode] = set()
    stack: list[_AnyNode] = [root]
    while stack:
        node = stack.pop()
        if node in seen or isinstance(node, ir.Terminal):
            continue
        seen.add(node)
        if isinstance(node, ir.Reference):
            found.add(node.name)
        stack.extend(_parts(node))
    return found


def _produces(root: ir.Node, productive: Collection[str]) -> bool:
    """Whether a body gives a text, if the `productive` rules do and no others."""
    known: dict[_AnyNode, bool] = {}
    stack: list[_AnyNode] = [root]
    while stack:
        node = stack[-1]
        missing = [part for part in _parts(node) if part not in known]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if node not in known:
            known[node] = _holds(node, known, productive)
    return known[root]


def _parts(node: _AnyNode) -> Iterator[_AnyNode]:
    match node:
        case ir.Concat() | ir.Sequence():
            yield from node.parts
        case ir.Union() | ir.Choice():
            yield from node.options
        case ir.Repeat() | ir.Repetition():
            yield node.inner
        case ir.Terminal():
            yield ir.accepted(node.expression)
        case ir.Unordered():
            yield from (node.separator, *(member.node for member in node.members), *([node.rest] if node.rest else []))
        case _:
            return


def _holds(node: _AnyNode, known: Mapping[_AnyNode, bool], productive: Collection[str]) -> bool:
    rule = _RULES.get(type(node))
    if isinstance(node, ir.Reference):
        return node.name in productive
    if isinstance(node, ir.Repeat | ir.Repetition):
        return node.low == 0 or (known[node.inner] and (node.high is None or node.high >= node.low))
    if isinstance(node, ir.Unordered):
        return all(known[member.node] for member in node.members if member.required)
    if rule is None:  # intersections and complements are not looked into: the kernel decides about them
        return not isinstance(node, ir.Nothing) and not (isinstance(node, ir.ByteSet) and node.mask == 0)
    return rule(known[part] for part in _parts(node))


_RULES: Final[Mapping[type, Callable[[Iterator[bool]], bool]]] = {
    ir.Concat: all,
    ir.Sequence: all,
    ir.Terminal: all,
    ir.Union: any,
    ir.Choice: any,
}
