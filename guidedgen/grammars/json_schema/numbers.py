"""Numbers and integers: reading their keywords, combining them, and the expression of the valid numerals.

Without bounds every numeral of RFC 8259 is taken. With bounds, numerals with an exponent are taken in the normal form
that serialisers write (one digit that is not zero before the point); others of the same value are not. Integers may be
written with a fraction of zeros (2020-12 core, 4.2.1). Canonical numbers, which Python types ask for, are stricter:
integers are digits only, and exponents have at most two digits, so that no float is infinite.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, gcd, lcm

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars import ir
from guidedgen.grammars.json_schema import number_ranges as ranges
from guidedgen.grammars.json_schema.multiples import Rules, multiples_node
from guidedgen.grammars.json_schema.options import Draft
from guidedgen.grammars.json_schema.reasons import Reason
from guidedgen.grammars.json_schema.view import View


@dataclass(frozen=True, slots=True)
class Bound:
    """A smallest or greatest value; `strict` excludes the value itself."""

    value: Decimal
    strict: bool
    pointer: str


@dataclass(frozen=True, slots=True)
class NumberAtoms:
    """What a schema says about numbers.

    `integral` is its `type: integer`; `digits_only` that of draft 4, where 1.0 is no integer (draft 4 core, 3.5).
    `fractional` excludes integers; it holds the pointer of the schema that does.
    """

    low: Bound | None = None
    high: Bound | None = None
    multiples: tuple[tuple[Fraction, str], ...] = ()
    integral: bool = False
    digits_only: bool = False
    fractional: str | None = None


def read_numbers(view: View, *, integral: bool) -> NumberAtoms:
    """The number keywords of a location."""
    low = _tighter(_bound(view, "minimum", "exclusiveMinimum"), lower=True)
    high = _tighter(_bound(view, "maximum", "exclusiveMaximum"), lower=False)
    step = view.number("multipleOf")
    if step is not None and step <= 0:
        view.malformed("multipleOf", "greater than 0")
    multiples = () if step is None else ((Fraction(step), view.at("multipleOf")),)
    return NumberAtoms(low, high, multiples, integral, integral and view.draft is Draft.D4)


def _bound(view: View, inclusive: str, exclusive: str) -> list[Bound]:
    """Both spellings: a number since draft 6; in draft 4 a boolean that makes the other one strict."""
    plain = view.number(inclusive)
    strict = False
    bounds: list[Bound] = []
    if view.has(exclusive):
        boolean = isinstance(view.schema[exclusive], bool)
        if boolean and view.draft in (Draft.D4, Draft.MIXED):
            strict = bool(view.flag(exclusive))
        elif view.draft is Draft.D4:
            view.malformed(exclusive, "true or false in draft 4")
        else:
            value = view.number(exclusive)
            assert value is not None
            bounds.append(Bound(Decimal(value), True, view.at(exclusive)))
    if plain is not None:
        bounds.append(Bound(Decimal(plain), strict, view.at(inclusive)))
    return bounds


def _tighter(bounds: Iterable[Bound | None], *, lower: bool) -> Bound | None:
    given = [bound for bound in bounds if bound is not None]
    if not given:
        return None
    if lower:
        return max(given, key=lambda bound: (bound.value, bound.strict))
    return min(given, key=lambda bound: (bound.value, not bound.strict))


def merge_numbers(atoms: Iterable[NumberAtoms]) -> NumberAtoms:
    """All of them at once."""
    parts = list(atoms)
    return NumberAtoms(
        _tighter((part.low for part in parts), lower=True),
        _tighter((part.high for part in parts), lower=False),
        tuple(dict.fromkeys(multiple for part in parts for multiple in part.multiples)),
        any(part.integral for part in parts),
        any(part.digits_only for part in parts),
        next((part.fractional for part in parts if part.fractional is not None), None),
    )


def allows_number(atoms: NumberAtoms, value: int | Decimal) -> bool:
    """Whether a number is valid."""
    exact = Fraction(value)
    low, high = atoms.low, atoms.high
    if low is not None and (exact < Fraction(low.value) or (low.strict and exact == Fraction(low.value))):
        return False
    if high is not None and (exact > Fraction(high.value) or (high.strict and exact == Fraction(high.value))):
        return False
    if (atoms.integral and exact.denominator != 1) or (atoms.fractional is not None and exact.denominator == 1):
        return False
    return all((exact / step).denominator == 1 for step, _ in atoms.multiples)


def _step(atoms: NumberAtoms) -> Fraction | None:
    """What every valid number is a multiple of, or None: the least common multiple of all steps."""
    steps = [step for step, _ in atoms.multiples] + ([Fraction(1)] if atoms.integral else [])
    if not steps:
        return None
    result = steps[0]
    for step in steps[1:]:
        result = Fraction(lcm(result.numerator, step.numerator), gcd(result.denominator, step.denominator))
    return result


def _range(atoms: NumberAtoms, step: Fraction) -> tuple[int | None, int | None]:
    """The smallest and greatest multiple of `step`, in units of `step`."""
    low = high = None
    if atoms.low is not None:
        quotient = Fraction(atoms.low.value) / step
        low = floor(quotient) + 1 if atoms.low.strict else ceil(quotient)
    if atoms.high is not None:
        quotient = Fraction(atoms.high.value) / step
        high = ceil(quotient) - 1 if atoms.high.strict else floor(quotient)
    return low, high


def conflict_of_numbers(atoms: NumberAtoms) -> Reason | None:
    """Why no number is valid, or None."""
    step = _step(atoms)
    if atoms.fractional is not None and step is not None and step.denominator == 1:
        return Reason("no number is an integer and none", (atoms.fractional,))
    low, high = atoms.low, atoms.high
    if low is None or high is None:
        return None
    pointers = (low.pointer, high.pointer)
    if low.value > high.value or (low.value == high.value and (low.strict or high.strict)):
        return Reason(f"no number is at least {_text(low)} and at most {_text(high)}", pointers)
    if step is None:
        return None
    first, last = _range(atoms, step)
    if first is None or last is None or first <= last:
        return None
    what = "integer" if step == 1 else f"multiple of {step}"
    return Reason(
        f"no {what} lies between {_text(low)} and {_text(high)}",
        (*pointers, *(pointer for _, pointer in atoms.multiples)),
    )


def _text(bound: Bound) -> str:
    return f"{bound.value} (exclusive)" if bound.strict else str(bound.value)


def number_node(atoms: NumberAtoms, *, canonical: bool, rules: Rules, label: str) -> ir.Node:
    """The valid numerals; one terminal where possible, else an automaton whose rules are added to `rules`.

    Raises:
        UnsupportedFeature: a `multipleOf` whose automaton would be too large.
    """
    step = _step(atoms)
    if step is None:
        decimals = _decimals(atoms)
        if atoms.fractional is not None:
            decimals = ir.Intersection((decimals, ranges.NOT_INTEGRAL))
        return ir.Terminal(ir.Intersection((decimals, ranges.SHORT_EXPONENT)) if canonical else decimals, label)
    if atoms.fractional is not None:
        raise UnsupportedFeature(
            f"multiples of {step} that are no integers are not supported",
            pointer=atoms.fractional,
            keyword="not",
            hint="Write the values down with enum.",
        )
    low, high = _range(atoms, step)
    if step == 1:
        return ir.Terminal(_integers(low, high, canonical=canonical, digits_only=atoms.digits_only), label)
    whole = step.denominator == 1
    within = _integers_within(atoms) if whole else _decimals(atoms)
    node = multiples_node(step, low, high, within=within, rules=rules, label=label)
    if node is None:
        raise UnsupportedFeature(
            f"multiples of {step} would need an automaton that is too large",
            pointer=atoms.multiples[0][1],
            keyword="multipleOf",
            hint="Use a smaller step or bounds closer together.",
        )
    return node


def _integers_within(atoms: NumberAtoms) -> ir.Expression:
    return ranges.integers(*_range(atoms, Fraction(1)), negative_zero=False)


def _integers(low: int | None, high: int | None, *, canonical: bool, digits_only: bool) -> ir.Expression:
    whole = ranges.integers(low, high, negative_zero=not canonical)
    if canonical or digits_only:
        return whole
    tails: list[ir.Expression] = [ir.Epsilon(), ranges.ZERO_FRACTION]
    if low is None and high is None:
        tails += [ranges.GROWING_EXPONENT, ir.Concat((ranges.ZERO_FRACTION, ranges.GROWING_EXPONENT))]
    return ir.Concat((whole, ir.Union(tuple(tails))))


def _decimals(atoms: NumberAtoms) -> ir.Expression:
    low, high = atoms.low, atoms.high
    if low is None and high is None:
        tail = (ir.Repeat(ranges.FRACTION, 0, 1), ir.Repeat(ranges.EXPONENT, 0, 1))
        return ir.Concat((ir.Repeat(ranges.MINUS, 0, 1), ranges.MAGNITUDE, *tail))
    options: list[ir.Expression] = []
    if high is None or high.value >= 0:
        floor_ = low if low is not None and low.value >= 0 else None
        options.append(_magnitudes(floor_, high))
    if low is None or low.value <= 0:
        flipped_low = Bound(-high.value, high.strict, "") if high is not None and high.value <= 0 else None
        flipped_high = None if low is None else Bound(-low.value, low.strict, "")
        options.append(ir.Concat((ranges.MINUS, _magnitudes(flipped_low, flipped_high))))
    return ir.Union(tuple(options))


def _magnitudes(low: Bound | None, high: Bound | None) -> ir.Expression:
    zero = Bound(Decimal(0), False, "")
    floor_ = low or zero
    plain = ranges.decimal_at_least(floor_.value, strict=floor_.strict)
    scientific = ranges.scientific_at_least(floor_.value, strict=floor_.strict)
    if high is not None:
        plain = ir.Intersection((plain, ranges.decimal_at_most(high.value, strict=high.strict)))
        scientific = ir.Intersection((scientific, ranges.scientific_at_most(high.value, strict=high.strict)))
    return ir.Union((plain, scientific))
