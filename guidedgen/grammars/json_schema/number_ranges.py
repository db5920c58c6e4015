"""Decimal numerals in a range, as expressions over bytes: the digits are compared, so bounds of any size are exact.

A numeral is what RFC 8259, 6 calls a number. "Magnitude" is a numeral without a sign. All functions return expressions
of a size linear in the number of digits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from guidedgen.grammars import ir
from guidedgen.grammars.json_schema.values import plain_decimal


def _digits(low: int, high: int) -> ir.Expression:
    return ir.ByteSet(((1 << (high - low + 1)) - 1) << (0x30 + low))


def _maybe(inner: ir.Expression) -> ir.Expression:
    return ir.Repeat(inner, 0, 1)


DIGIT: Final = _digits(0, 9)
NONZERO: Final = _digits(1, 9)
DIGITS: Final = ir.Repeat(DIGIT, 0, None)
ZEROS: Final = ir.Repeat(ir.Literal(b"0"), 0, None)
MINUS: Final = ir.Literal(b"-")
POINT: Final = ir.Literal(b".")
MAGNITUDE: Final = ir.Union((ir.Literal(b"0"), ir.Concat((NONZERO, DIGITS))))
FRACTION: Final = ir.Concat((POINT, ir.Repeat(DIGIT, 1, None)))
ZERO_FRACTION: Final = ir.Concat((POINT, ir.Repeat(ir.Literal(b"0"), 1, None)))
_E: Final = ir.ByteSet(1 << ord("e") | 1 << ord("E"))
_SIGN: Final = ir.ByteSet(1 << ord("+") | 1 << ord("-"))
_PLUS: Final = _maybe(ir.Literal(b"+"))
EXPONENT: Final = ir.Concat((_E, _maybe(_SIGN), ir.Repeat(DIGIT, 1, None)))
SHORT_EXPONENT: Final = ir.Concat(
    (
        ir.Repeat(ir.ByteSet(sum(1 << byte for byte in b"-.0123456789")), 1, None),
        _maybe(ir.Concat((_E, _maybe(_SIGN), ir.Repeat(DIGIT, 1, 2)))),
    )
)
"""Whatever has no exponent, or one of at most two digits."""
GROWING_EXPONENT: Final = ir.Concat((_E, ir.Union((ir.Concat((_PLUS, ir.Repeat(DIGIT, 1, None))), ir.Literal(b"-0")))))


def _between_wholes(whole: int, digits: int) -> ir.Expression:
    """At most `whole` digits, and a fraction that its first `digits` digits tell from both 0 and 1."""
    near = ir.Repeat(DIGIT, 0, digits - 1)
    not_zero = ir.Concat((near, NONZERO, DIGITS))
    not_one = ir.Union((ir.Repeat(DIGIT, 1, digits), ir.Concat((near, _digits(0, 8), DIGITS))))
    magnitude = ir.Union((ir.Literal(b"0"), ir.Concat((NONZERO, ir.Repeat(DIGIT, 0, whole - 1)))))
    return ir.Concat((magnitude, POINT, ir.Intersection((not_zero, not_one))))


NOT_INTEGRAL: Final = ir.Concat(
    (
        _maybe(MINUS),
        ir.Union(
            (
                _between_wholes(5, 10),
                _between_wholes(10, 4),
                ir.Concat(
                    (
                        *(NONZERO, _maybe(ir.Concat((POINT, ir.Repeat(DIGIT, 1, 15)))), _E, MINUS),
                        ir.Union(
                            (ir.Concat((ZEROS, NONZERO, _maybe(DIGIT))), ir.Concat((_digits(1, 2), DIGIT, DIGIT)))
                        ),
                    )
                ),
            )
        ),
    )
)
"""Numerals that are no integers, neither as they stand nor as the nearest double, which a reader may take instead.

Plain ones with up to ten digits before the point, and those with an exponent below zero in normal form.
"""


def _from(text: str, *, strict: bool) -> list[ir.Expression]:
    """Digit strings as long as `text` that are not below it; more digits may follow the greater ones."""
    options: list[ir.Expression] = []
    for index, digit in enumerate(text):
        if digit != "9":
            rest = ir.Repeat(DIGIT, len(text) - index - 1, len(text) - index - 1)
            options.append(ir.Concat((ir.Literal(text[:index].encode()), _digits(int(digit) + 1, 9), rest)))
    return options if strict else [*options, ir.Literal(text.encode())]


def _to(text: str) -> list[ir.Expression]:
    """Digit strings as long as `text`, without a leading zero, that are not above it."""
    options: list[ir.Expression] = [ir.Literal(text.encode())]
    for index, digit in enumerate(text):
        lowest = 1 if index == 0 and len(text) > 1 else 0
        if int(digit) > lowest:
            rest = ir.Repeat(DIGIT, len(text) - index - 1, len(text) - index - 1)
            options.append(ir.Concat((ir.Literal(text[:index].encode()), _digits(lowest, int(digit) - 1), rest)))
    return options


def at_least(bound: int) -> ir.Expression:
    """Whole magnitudes not below `bound`."""
    if bound <= 0:
        return MAGNITUDE
    text = str(bound)
    longer = ir.Concat((NONZERO, ir.Repeat(DIGIT, len(text), None)))
    return ir.Union((longer, *_from(text, strict=False)))


def at_most(bound: int) -> ir.Expression:
    """Whole magnitudes not above `bound`."""
    if bound < 0:
        return ir.Nothing()
    text = str(bound)
    if len(text) == 1:
        return _digits(0, bound)
    shorter = ir.Concat((NONZERO, ir.Repeat(DIGIT, 0, len(text) - 2)))
    return ir.Union((ir.Literal(b"0"), shorter, *_to(text)))


def _both(left: ir.Expression, right: ir.Expression) -> ir.Expression:
    return ir.Intersection((left, right))


def integers(low: int | None, high: int | None, *, negative_zero: bool) -> ir.Expression:
    """Whole numerals from `low` to `high` (None: no bound)."""
    options: list[ir.Expression] = []
    if high is None or high >= 0:
        above = at_least(max(low or 0, 0))
        options.append(above if high is None else _both(above, at_most(high)))
    smallest = max(0 if high is None else -high, 0 if negative_zero else 1)
    if low is None or -low >= smallest:
        below = at_least(smallest)
        options.append(ir.Concat((MINUS, below if low is None else _both(below, at_most(-low)))))
    return options[0] if len(options) == 1 else ir.Union(tuple(options))


def _split(bound: Decimal) -> tuple[int, str]:
    whole, _, fraction = plain_decimal(bound).partition(".")
    return int(whole), fraction


def _fraction_from(fraction: str, *, strict: bool) -> ir.Expression:
    """What may follow the whole part so that the fraction is not below (strictly: above) `fraction`."""
    if not fraction:
        return ir.Concat((POINT, DIGITS, NONZERO, DIGITS)) if strict else _maybe(FRACTION)
    options: list[ir.Expression] = []
    for index, digit in enumerate(fraction):
        if digit != "9":
            options.append(ir.Concat((ir.Literal(fraction[:index].encode()), _digits(int(digit) + 1, 9), DIGITS)))
    equal = ir.Literal(fraction.encode())
    options.append(ir.Concat((equal, DIGITS, NONZERO, DIGITS) if strict else (equal, DIGITS)))
    return ir.Concat((POINT, ir.Union(tuple(options))))


def _fraction_to(fraction: str, *, strict: bool) -> ir.Expression:
    """What may follow the whole part so that the fraction is not above (strictly: below) `fraction`."""
    if not fraction:
        return ir.Nothing() if strict else _maybe(ZERO_FRACTION)
    options: list[ir.Expression] = []
    for index, digit in enumerate(fraction):
        if digit != "0":
            options.append(ir.Concat((ir.Literal(fraction[:index].encode()), _digits(0, int(digit) - 1), DIGITS)))
        if index:
            options.append(ir.Literal(fraction[:index].encode()))
    if not strict:
        options.append(ir.Concat((ir.Literal(fraction.encode()), ZEROS)))
    return _maybe(ir.Concat((POINT, ir.Union(tuple(options)))))


def decimal_at_least(bound: Decimal, *, strict: bool) -> ir.Expression:
    """Magnitudes without an exponent that are not below (strictly: above) `bound`, which is not negative."""
    whole, fraction = _split(bound)
    above = ir.Concat((at_least(whole + 1), _maybe(FRACTION)))
    return ir.Union((above, ir.Concat((ir.Literal(str(whole).encode()), _fraction_from(fraction, strict=strict)))))


def decimal_at_most(bound: Decimal, *, strict: bool) -> ir.Expression:
    """Magnitudes without an exponent that are not above (strictly: below) `bound`, which is not negative."""
    whole, fraction = _split(bound)
    options: list[ir.Expression] = [
        ir.Concat((ir.Literal(str(whole).encode()), _fraction_to(fraction, strict=strict))),
    ]
    if whole:
        options.append(ir.Concat((at_most(whole - 1), _maybe(FRACTION))))
    return ir.Union(tuple(options))


_MANTISSA: Final = ir.Concat((NONZERO, _maybe(FRACTION)))


def _exponent_at_least(bound: int) -> ir.Expression:
    if bound > 0:
        return ir.Concat((_PLUS, ZEROS, at_least(bound)))
    return ir.Union((ir.Concat((_PLUS, ir.Repeat(DIGIT, 1, None))), ir.Concat((MINUS, ZEROS, at_most(-bound)))))


def _exponent_at_most(bound: int) -> ir.Expression:
    if bound < 0:
        return ir.Concat((MINUS, ZEROS, at_least(-bound)))
    return ir.Union((ir.Concat((MINUS, ir.Repeat(DIGIT, 1, None))), ir.Concat((_PLUS, ZEROS, at_most(bound)))))


def _exponent_equal(bound: int) -> ir.Expression:
    sign = MINUS if bound < 0 else _PLUS if bound > 0 else _maybe(_SIGN)
    return ir.Concat((sign, ZEROS, ir.Literal(str(abs(bound)).encode())))


def _normal_form(bound: Decimal) -> tuple[Decimal, int]:
    _sign, digits, exponent = bound.as_tuple()
    assert isinstance(exponent, int)
    return Decimal((0, digits, 1 - len(digits))), exponent + len(digits) - 1


def scientific_at_least(bound: Decimal, *, strict: bool) -> ir.Expression:
    """Magnitudes d.ddde+n with a leading digit that is not zero, not below (strictly: above) `bound`."""
    if not bound:
        return ir.Concat((_MANTISSA, EXPONENT))
    mantissa, exponent = _normal_form(bound)
    equal = _both(_MANTISSA, decimal_at_least(mantissa, strict=strict))
    return ir.Union(
        (
            ir.Concat((_MANTISSA, _E, _exponent_at_least(exponent + 1))),
            ir.Concat((equal, _E, _exponent_equal(exponent))),
        )
    )


def scientific_at_most(bound: Decimal, *, strict: bool) -> ir.Expression:
    """Magnitudes d.ddde+n with a leading digit that is not zero, not above (strictly: below) `bound`."""
    if not bound:
        return ir.Nothing()
    mantissa, exponent = _normal_form(bound)
    equal = _both(_MANTISSA, decimal_at_most(mantissa, strict=strict))
    return ir.Union(
        (
            ir.Concat((_MANTISSA, _E, _exponent_at_most(exponent - 1))),
            ir.Concat((equal, _E, _exponent_equal(exponent))),
        )
    )
