"""One grammar out of several: specs that are embedded in another bring their rules along, under names of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from guidedgen.grammars import ir
from guidedgen.grammars.marked_text import split_special
from guidedgen.grammars.report import Report
from guidedgen.grammars.translation import Spec
from guidedgen.limits import Limits


@dataclass(kw_only=True)
class Scope:
    """The grammar that is being put together.

    Attributes:
        limits: how much work and memory all parts may cost.
        special: ids of the special tokens that plain text may name; empty where the vocabulary is not known.
        rules: of all parts so far.
        reports: of all parts so far.
        checked: whether some part has to look at the finished text.
    """

    limits: Limits
    special: Mapping[str, int] = field(default_factory=dict)
    rules: dict[str, ir.Node] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    checked: bool = False
    _nodes: dict[int, tuple[object, ir.Node]] = field(default_factory=dict)

    def node(self, spec: Spec[Any]) -> ir.Node:
        """A spec as a node of this grammar; a spec that occurs twice is one node."""
        known = self._nodes.get(id(spec))
        if known is None:
            known = self._nodes[id(spec)] = (spec, self._embed(spec))
        return known[1]

    def literal(self, text: str, label: str | None = None) -> ir.Node:
        """A text; names of special tokens in it are those tokens."""
        pieces: list[ir.Node] = [
            ir.Terminal(piece, label) if isinstance(piece, ir.Literal) else piece
            for piece in split_special(text, self.special)
        ]
        return pieces[0] if len(pieces) == 1 else ir.Sequence(tuple(pieces))

    def rule(self, name: str) -> str:
        """A rule name like `name` that is still free."""
        fresh, number = name, 2
        while fresh in self.rules:
            fresh, number = f"{name}.{number}", number + 1
        return fresh

    def _embed(self, spec: Spec[Any]) -> ir.Node:
        embedded = getattr(spec, "embedded", None)
        if embedded is not None:
            node: ir.Node = embedded(self)
            return node
        translation = spec.translate(self.limits)
        self.reports.append(translation.report)
        self.checked = self.checked or translation.check is not None
        names = {
            name: f"{name}.{len(self._nodes)}" if name in self.rules else name for name in translation.grammar.rules
        }
        renaming = _Renaming(names)
        for name, node in translation.grammar.rules.items():
            self.rules[names[name]] = renaming.node(node)
        start: ir.Node = renaming.node(translation.grammar.start)
        return start


class _Renaming:
    """Rewrites references; nodes without any stay the same objects, and shared nodes stay shared."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {old: new for old, new in names.items() if old != new}
        self._made: dict[Any, Any] = {}

    def node(self, root: Any) -> Any:
        """The node under the new names."""
        if not self._names:
            return root
        stack = [root]
        while stack:
            node = stack[-1]
            missing = [child for child in _children(node) if child not in self._made] if node not in self._made else []
            if missing:
                stack.extend(missing)
                continue
            self._made.setdefault(node, self._rewritten(node))
            stack.pop()
        return self._made[root]

    def _rewritten(self, node: Any) -> Any:
        if isinstance(node, ir.Reference):
            return ir.Reference(self._names.get(node.name, node.name))
        changes = {}
        for entry in fields(node):
            value = getattr(node, entry.name)
            if isinstance(value, tuple):
                now: Any = tuple(self._made.get(item, item) if _is_node(item) else item for item in value)
                changed = any(a is not b for a, b in zip(now, value, strict=True))
            else:
                now = self._made.get(value, value) if _is_node(value) else value
                changed = now is not value
            if changed:
                changes[entry.name] = now
        return replace(node, **changes) if changes else node


def _is_node(value: object) -> bool:
    """Structure, not expressions: those hold no references."""
    return is_dataclass(value) and type(value).__module__ == ir.__name__ and not isinstance(value, _EXPRESSIONS)


def _children(node: Any) -> list[Any]:
    found = []
    for entry in fields(node):
        value = getattr(node, entry.name)
        found += [item for item in (value if isinstance(value, tuple) else (value,)) if _is_node(item)]
    return found


_EXPRESSIONS = ir.Expression.__args__
