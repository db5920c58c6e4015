"""Hard bounds that a caller asks for: on what a schema leaves endless, so that a runaway ends soon.

What the schema itself requires is never cut: a bound below it is raised to it. Nothing is bounded by default.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

from guidedgen.errors import CompileError
from guidedgen.grammars import ir
from guidedgen.grammars.char_emptiness import is_empty
from guidedgen.grammars.json_schema.arrays import ArrayAtoms
from guidedgen.grammars.json_schema.numbers import Bound, NumberAtoms
from guidedgen.grammars.json_schema.strings import StringAtoms, string_texts
from guidedgen.grammars.report import Entry

_DIGIT: Final = ir.ByteSet(sum(1 << byte for byte in b"0123456789"))
_SIGNS: Final = ir.Repeat(ir.ByteSet(sum(1 << byte for byte in b"+-.eE")), 0, None)
_PROOF_STATES: Final = 2_000

_EFFECTS: Final = {
    "whitespace": "runs of flexible whitespace have at most {} characters",
    "digits": "numbers have at most {} digits, more where their bounds need them",
    "string": "strings without maxLength have at most {} characters, more where minLength or a pattern may need them",
    "items": "arrays without maxItems have at most {} items, more where minItems needs them",
}


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The most whitespace characters in a run, digits of a number, characters of a string, items of an array.

    None: as many as the schema allows.
    """

    whitespace: int | None = None
    digits: int | None = None
    string: int | None = None
    items: int | None = None

    def __post_init__(self) -> None:
        """Refuse bounds that leave nothing. Raises CompileError."""
        for entry in fields(self):
            value, least = getattr(self, entry.name), 1 if entry.name == "digits" else 0
            if value is not None and (type(value) is not int or value < least):
                raise CompileError(f"max_{entry.name}={value!r}: give a whole number from {least} up, or None")

    def entries(self) -> list[Entry]:
        """What the report says about them."""
        given = ((entry.name, getattr(self, entry.name)) for entry in fields(self))
        return [
            Entry("", f"max_{name}", "exact", _EFFECTS[name].format(value))
            for name, value in given
            if value is not None
        ]

    def on_strings(self, atoms: StringAtoms) -> StringAtoms:
        """Strings that are not too long; those of a pattern that only has longer ones stay as they are."""
        if self.string is None or atoms.longest is not None:
            return atoms
        shorter = replace(atoms, longest=(max(self.string, atoms.shortest[0]), ""))
        if atoms.expressions and is_empty(string_texts(shorter), states=_PROOF_STATES) is not False:
            return atoms
        return shorter

    def on_numbers(self, numeral: ir.Expression, atoms: NumberAtoms) -> ir.Expression:
        """Numerals that do not have too many digits."""
        if self.digits is None:
            return numeral
        most = max(self.digits, 1 + max(_digits(atoms.low), _digits(atoms.high)))
        one = ir.Concat((_SIGNS, _DIGIT))
        return ir.Intersection((numeral, ir.Concat((ir.Repeat(one, 0, most), _SIGNS))))

    def on_arrays(self, atoms: ArrayAtoms) -> ArrayAtoms:
        """Arrays that do not have too many items."""
        if self.items is None or atoms.most is not None:
            return atoms
        most = max(self.items, atoms.fewest[0])
        return replace(atoms, most=(most, ""), prefix=atoms.prefix[:most])


def _digits(bound: Bound | None) -> int:
    """Digits that it takes to write a bound without an exponent, 0 where there is none."""
    if bound is None:
        return 0
    parts = bound.value.as_tuple()
    return len(parts.digits) + abs(int(parts.exponent))
