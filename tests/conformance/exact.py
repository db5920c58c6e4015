"""Numbers and equality of JSON values, exactly: nothing is rounded to a double. For validators in tests.

2020-12 core, 4.2.2: numbers are equal where their mathematical values are.
"""

from __future__ import annotations

import json
from decimal import Context, Decimal, InvalidOperation
from typing import Any

_EXACT = Context(prec=100_000, Emax=10**17, Emin=-(10**17), traps=[InvalidOperation])
_FAR = 10**16  # exponents beyond are all as good as this one


def read(text: str | bytes) -> Any:
    """JSON with exact numbers: `1e400` and `0.1` stay what they are."""
    return json.loads(text, parse_float=_decimal)


def _decimal(text: str) -> Decimal:
    digits, _, exponent = text.lower().partition("e")
    far = max(-_FAR, min(_FAR, int(exponent or 0)))
    return Decimal(f"{digits}e{far}") if exponent else Decimal(digits)


def names_twice(text: str | bytes) -> bool:
    """Whether an object of a JSON text has a name twice, after unescaping."""
    found = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        made = dict(items)
        found = found or len(made) < len(items)
        return made

    json.loads(text, object_pairs_hook=pairs, parse_float=_decimal)
    return found


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    """Whether a number has no fractional part (2020-12 core, 4.2.1), however it is written."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        return bool(value == 0 or _parts(value)[1] >= 0)
    return isinstance(value, int) and not isinstance(value, bool)


def is_multiple(value: Any, factor: Any) -> bool:
    """Whether value / factor is an integer, also for exponents that no machine could write out."""
    top, shift = _parts(value)
    bottom, other = _parts(factor)
    shift -= other
    if top == 0 or shift >= 0:
        return top * pow(10, max(shift, 0), bottom) % bottom == 0
    return -shift <= len(str(top)) and top % (bottom * 10**-shift) == 0


def _parts(number: Any) -> tuple[int, int]:
    """(digits, exponent) of the absolute value, without zeros at the end of the digits."""
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    _, digits, exponent = exact.normalize(_EXACT).as_tuple()
    assert isinstance(exponent, int)
    return int("".join(map(str, digits))), exponent


def exact(number: Any) -> Any:
    """A number that compares as it is written."""
    return Decimal(repr(number)) if isinstance(number, float) else number


def equal(one: Any, other: Any) -> bool:
    """Equality of JSON values."""
    if is_number(one) and is_number(other):
        return bool(exact(one) == exact(other))
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    return bool(one == other)
