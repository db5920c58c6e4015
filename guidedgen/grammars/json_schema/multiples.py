"""Numerals that are multiples of a step, within bounds. Written without an exponent.

Three ways, the first that is small enough: a list; the last digits, where the step divides a power of ten; an automaton
over (remainder, comparison with the bounds), written as right-linear rules.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final, TypeAlias

from guidedgen.grammars import ir
from guidedgen.grammars.json_schema import number_ranges as ranges
from guidedgen.grammars.json_schema.values import MAX_EXPONENT

MAX_LISTED: Final = 1000
MAX_STATES: Final = 4000
_MAX_ENDING: Final = 3

Rules: TypeAlias = dict[str, ir.Node]
_State: TypeAlias = tuple[int, int, int, int]  # remainder, digits read, comparison with the lower and the upper bound


def multiples_node(
    step: Fraction, low: int | None, high: int | None, *, within: ir.Expression, rules: Rules, label: str
) -> ir.Node | None:
    """The multiples of `step`.

    Args:
        step: greater than 0.
        low: the smallest valid multiple, in units of `step`; None: no bound.
        high: the greatest.
        within: the numerals without an exponent that are within the bounds.
        rules: where an automaton's rules are added.
        label: of the terminals.

    Returns:
        None where all ways are too large.
    """
    if low is not None and high is not None and high - low < MAX_LISTED:
        texts = [_numeral(index * step) for index in range(low, high + 1)]
        return ir.Terminal(ir.Union(tuple(ir.Literal(text.encode()) for text in texts)), label)
    endings = _endings(step)
    if endings is not None:
        return ir.Terminal(ir.Intersection((within, endings)), label)
    if step.denominator != 1:
        return None
    return _signed(int(step), low, high, rules)


def decimal_places(value: Fraction) -> int | None:
    """The number of places after the point that a number needs; None where it has no end."""
    return next((places for places in range(MAX_EXPONENT) if (value * 10**places).denominator == 1), None)


def _numeral(value: Fraction) -> str:
    places = decimal_places(value)
    assert places is not None
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    text = digits if not places else f"{digits[:-places]}.{digits[-places:]}"
    return f"-{text}" if value < 0 else text


def _endings(step: Fraction) -> ir.Expression | None:
    """Numerals whose last digits make them a multiple, or None where that is not how multiples are recognised."""
    places = decimal_places(step)
    if places is None:
        return None
    whole = int(step * 10**places)
    width = next((count for count in range(_MAX_ENDING + 1) if 10**count % whole == 0), None)
    if width is None or (places and width > places):
        return None
    values = range(0, 10**width, whole)
    minus = ir.Repeat(ranges.MINUS, 0, 1)
    if not places:
        long = [ir.Concat((ranges.DIGITS, ir.Literal(str(value).rjust(width, "0").encode()))) for value in values]
        short = [ir.Literal(str(value).encode()) for value in values]
        return ir.Concat((minus, ir.Union((*long, *short))))
    free = places - width
    tails: list[ir.Expression] = [ir.Repeat(ranges.DIGIT, 1, free)] if free else []
    for value in values:
        ending = (str(value).rjust(width, "0") if width else "").rstrip("0")
        tails.append(ir.Concat((ir.Repeat(ranges.DIGIT, free, free), ir.Literal(ending.encode()), ranges.ZEROS)))
    some = ir.Repeat(ranges.DIGIT, 1, None)
    fraction = ir.Concat((ranges.POINT, ir.Intersection((some, ir.Union(tuple(tails))))))
    return ir.Concat((minus, ranges.MAGNITUDE, ir.Repeat(fraction, 0, 1)))


def _signed(step: int, low: int | None, high: int | None, rules: Rules) -> ir.Node | None:
    """Positive and negative multiples as one automaton each."""
    options: list[ir.Node | None] = []
    if high is None or high >= 0:
        options.append(_automaton(step, max(low or 0, 0) * step, None if high is None else high * step, rules))
    if low is None or low < 0:
        smallest = step * max(1, 1 if high is None else -high)
        below = _automaton(step, smallest, None if low is None else -low * step, rules)
        minus = ir.Terminal(ranges.MINUS, "-")
        options.append(None if below is None else ir.Sequence((minus, below)))
    known = [option for option in options if option is not None]
    return ir.Choice(tuple(known)) if len(known) == len(options) else None


def _automaton(step: int, low: int, high: int | None, rules: Rules) -> ir.Node | None:
    """Magnitudes from `low` to `high` that are multiples of `step`: one rule for each state."""
    lower, upper = str(low), "" if high is None else str(high)
    name = f"multiple of {step} from {low}" + ("" if high is None else f" to {high}")

    def follow(state: _State, digit: int) -> _State | None:
        remainder, count, below, above = state
        if upper and count >= len(upper):
            return None
        below, above = _compare(below, count, lower, digit), _compare(above, count, upper, digit)
        return (10 * remainder + digit) % step, min(count + 1, max(len(lower), len(upper)) + 1), below, above

    def accepts(state: _State) -> bool:
        remainder, count, below, above = state
        long_enough = count > len(lower) or (count == len(lower) and below >= 0)
        short_enough = not upper or count < len(upper) or (count == len(upper) and above <= 0)
        return count > 0 and remainder == 0 and long_enough and short_enough

    options: list[ir.Node] = [ir.Terminal(ir.Literal(b"0"), "0")] if low == 0 else []
    found = _explore(follow)
    if found is None:
        return None
    for state, targets in found.items():
        arms: list[ir.Node] = [
            ir.Sequence((ir.Terminal(ir.ByteSet(mask), "digit"), ir.Reference(f"{name} {target}")))
            for target, mask in targets.items()
        ]
        rules[f"{name} {state}"] = ir.Choice((*arms, ir.Sequence(()))) if accepts(state) else ir.Choice(tuple(arms))
    return ir.Choice((*options, ir.Reference(f"{name} {_START}")))


_START: Final[_State] = (0, 0, 0, 0)


def _compare(so_far: int, count: int, bound: str, digit: int) -> int:
    """Compare one more digit with a bound's; beyond the bound's length the result does not matter any more."""
    if count >= len(bound):
        return 0
    other = int(bound[count])
    return so_far or (digit > other) - (digit < other)


def _explore(follow: Callable[[_State, int], _State | None]) -> dict[_State, dict[_State, int]] | None:
    """All states with the digits (a byte set) that lead to each next one; None where there are too many."""
    found: dict[_State, dict[_State, int]] = {}
    waiting = [_START]
    while waiting:
        state = waiting.pop()
        if state in found:
            continue
        targets: dict[_State, int] = {}
        for digit in range(1 if state is _START else 0, 10):
            target = follow(state, digit)
            if target is not None:
                targets[target] = targets.get(target, 0) | 1 << (0x30 + digit)
        found[state] = targets
        if len(found) > MAX_STATES:
            return None
        waiting.extend(targets)
    return found
