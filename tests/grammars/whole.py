"""A grammar's node as a spec, for tests."""

from __future__ import annotations

from dataclasses import dataclass

from guidedgen.grammars import ir
from guidedgen.grammars.translation import Translation
from guidedgen.limits import Limits


@dataclass(frozen=True)
class Whole:
    """A grammar as a spec."""

    start: ir.Node

    def translate(self, limits: Limits) -> Translation:
        return Translation(grammar=self.grammar(limits))

    def grammar(self, limits: Limits) -> ir.Grammar:
        return ir.Grammar(start=self.start)

    def parse(self, text: str) -> str:
        return text
