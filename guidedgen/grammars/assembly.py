"""One grammar out of several specs: what a combination collects while it becomes a grammar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guidedgen.grammars import ir
from guidedgen.grammars.embedding import node_of, scoped
from guidedgen.grammars.marked_text import split_special
from guidedgen.grammars.report import Report
from guidedgen.grammars.translation import Spec
from guidedgen.limits import Limits


@dataclass(kw_only=True)
class Assembly:
    """The grammar that is being put together.

    Attributes:
        limits: how much work and memory all parts may cost.
        special: ids of the special tokens that plain text may name; empty where the vocabulary is not known.
        rules: of all combinations so far.
        reports: of all parts that are no combinations and no JSON texts (the compiled grammar tells about those).
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
        if getattr(spec, "on_unsupported", None) != "validate":
            return node_of(spec, self.limits)
        translation = spec.translate(self.limits)
        self.reports.append(translation.report)
        self.checked = self.checked or translation.check is not None
        return scoped(translation.grammar)
