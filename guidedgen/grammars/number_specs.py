"""`Integer` and `Number`: numbers in a range, in decimal digits. Bounds are exact, however many digits they have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Generic, TypeVar

from guidedgen.errors import CompileError, ValidationFailed
from guidedgen.grammars import ir, regex_text
from guidedgen.grammars.json_schema.number_ranges import MINUS, decimal_at_least, decimal_at_most, integers
from guidedgen.grammars.specs import Translated
from guidedgen.grammars.translation import Translation
from guidedgen.limits import Limits

N = TypeVar("N", Decimal, float)

_MOST_DECIMALS: Final = 1000


@dataclass(frozen=True)
class Integer(Translated):
    """A whole number in a range, in decimal digits without leading zeros; its value is an `int`.

    Args:
        ge: it is at least this.
        gt: it is greater than this.
        le: it is at most this.
        lt: it is less than this.

    Raises:
        CompileError: a bound is no whole number, or no number is in the range.
    """

    ge: int | None = field(default=None, kw_only=True)
    gt: int | None = field(default=None, kw_only=True)
    le: int | None = field(default=None, kw_only=True)
    lt: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("ge", "gt", "le", "lt"):
            bound: object = getattr(self, name)
            if bound is not None and type(bound) is not int:
                raise CompileError(f"the bound {name}={bound!r} of an Integer must be an int")
        low, high = self.bounds
        if low is not None and high is not None and low > high:
            raise CompileError(f"no integer is from {low} to {high}", hint="Make the range wider.")

    @property
    def bounds(self) -> tuple[int | None, int | None]:
        """The least and the greatest value; None where there is none."""
        lows = [bound for bound in (self.ge, None if self.gt is None else self.gt + 1) if bound is not None]
        highs = [bound for bound in (self.le, None if self.lt is None else self.lt - 1) if bound is not None]
        return max(lows, default=None), min(highs, default=None)

    def translate(self, limits: Limits) -> Translation:
        """One lexeme."""
        low, high = self.bounds
        limits.check("schema_bytes", max(_length(low), _length(high)))
        expression = integers(low, high, negative_zero=False)
        return Translation(grammar=ir.Grammar(start=ir.Terminal(expression, f"integer{_told(low, high)}")))

    @property
    def form(self) -> str:
        """What it is, in words."""
        return f"an integer{_told(*self.bounds)}"

    def parse(self, text: str) -> int:
        """The number. Raises `ValidationFailed` where it is none, or out of range."""
        low, high = self.bounds
        try:
            value = int(text)
        except ValueError:
            raise ValidationFailed(f"{text!r} is no integer", raw=text) from None
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValidationFailed(f"{value} is not in the range{_told(low, high)}", raw=text)
        return value


@dataclass(frozen=True)
class Number(Translated, Generic[N]):
    """A number in a range, in decimal digits without an exponent.

    Args:
        type: what the value is: `Decimal` (exact, the default) or `float`.
        ge: it is at least this. Bounds that are floats mean the decimal number that they print as.
        gt: it is greater than this.
        le: it is at most this.
        lt: it is less than this.
        decimals: how many digits may follow the point at most, or a pair: at least and at most. None: any number.

    Raises:
        CompileError: a bound is no number, or impossible decimals.
    """

    type: Callable[[str], N] = Decimal  # type: ignore[assignment]
    ge: Any = field(default=None, kw_only=True)
    gt: Any = field(default=None, kw_only=True)
    le: Any = field(default=None, kw_only=True)
    lt: Any = field(default=None, kw_only=True)
    decimals: int | tuple[int, int] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.type not in (Decimal, float):
            raise CompileError(f"a Number cannot be a {self.type!r}", hint="Use Decimal or float; gg.Integer for int.")
        for name in ("ge", "gt", "le", "lt"):
            bound = getattr(self, name)
            if bound is not None:
                object.__setattr__(self, name, _decimal(bound, name))
        least, most = self._places
        if not 0 <= least <= (least if most is None else most) <= _MOST_DECIMALS:
            raise CompileError(f"decimals={self.decimals!r} is impossible", hint="Give a number, or (least, most).")

    @property
    def _places(self) -> tuple[int, int | None]:
        if self.decimals is None:
            return 0, None
        return (0, self.decimals) if isinstance(self.decimals, int) else self.decimals

    def translate(self, limits: Limits) -> Translation:
        """One lexeme. Raises `UnsatisfiableSchema` when it is compiled, where no number is in the range."""
        limits.check("schema_bytes", max(_length(bound) for bound in (self.ge, self.gt, self.le, self.lt)))
        least, most = self._places
        places = f"{{{max(least, 1)},{'' if most is None else most}}}"
        point = "" if most == 0 else rf"\.[0-9]{places}" if least else rf"(\.[0-9]{places})?"
        form = regex_text.parse(rf"-?(0|[1-9][0-9]*){point}", limits=limits)
        expression = ir.Intersection((form, _between(*self._bounds)))
        return Translation(grammar=ir.Grammar(start=ir.Terminal(expression, f"number{_told(*self._bounds)}")))

    @property
    def _bounds(self) -> tuple[_Bound | None, _Bound | None]:
        lows = [_Bound(*pair) for pair in ((self.ge, False), (self.gt, True)) if pair[0] is not None]
        highs = [_Bound(*pair) for pair in ((self.le, False), (self.lt, True)) if pair[0] is not None]
        low = max(lows, key=lambda bound: (bound.value, bound.strict), default=None)
        high = min(highs, key=lambda bound: (bound.value, not bound.strict), default=None)
        return low, high

    @property
    def form(self) -> str:
        """What it is, in words."""
        least, most = self._places
        places = (
            ""
            if self.decimals is None
            else f" with {most} decimals"
            if least == most
            else f" with {most} decimals at most"
        )
        return f"a number{places}{_told(*self._bounds)}"

    def parse(self, text: str) -> N:
        """The number. Raises `ValidationFailed` where it is none, or out of range."""
        low, high = self._bounds
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise ValidationFailed(f"{text!r} is no number", raw=text) from None
        too_small = low is not None and (value < low.value or (low.strict and value == low.value))
        if too_small or (high is not None and (value > high.value or (high.strict and value == high.value))):
            raise ValidationFailed(f"{text} is not in the range{_told(low, high)}", raw=text)
        return self.type(text)


@dataclass(frozen=True)
class _Bound:
    value: Decimal
    strict: bool

    def __neg__(self) -> _Bound:
        return _Bound(-self.value, self.strict)

    def __str__(self) -> str:
        return f"{self.value} excluded" if self.strict else str(self.value)


def _between(low: _Bound | None, high: _Bound | None) -> ir.Expression:
    """Numbers without an exponent; zero has no sign."""
    options: list[ir.Expression] = []
    if high is None or high.value >= 0:
        options.append(_magnitudes(low if low is not None and low.value >= 0 else _Bound(Decimal(0), False), high))
    if low is None or low.value < 0:
        least = -high if high is not None and high.value < 0 else _Bound(Decimal(0), True)
        options.append(ir.Concat((MINUS, _magnitudes(least, None if low is None else -low))))
    return options[0] if len(options) == 1 else ir.Union(tuple(options))


def _magnitudes(low: _Bound, high: _Bound | None) -> ir.Expression:
    above = decimal_at_least(low.value, strict=low.strict)
    if high is None:
        return above
    return ir.Intersection((above, decimal_at_most(high.value, strict=high.strict)))


def _decimal(bound: Any, name: str) -> Decimal:
    if isinstance(bound, int | float | Decimal | str) and not isinstance(bound, bool):
        try:
            value = Decimal(str(bound))
        except InvalidOperation:
            value = Decimal("nan")
        if value.is_finite():
            return value
    raise CompileError(f"the bound {name}={bound!r} of a Number must be a finite number", hint="Use int or Decimal.")


def _length(bound: int | Decimal | None) -> int:
    """Digits of a bound when it is written out, about."""
    if isinstance(bound, Decimal):
        return len(bound.as_tuple().digits) + abs(bound.adjusted())
    return 0 if bound is None else bound.bit_length() // 3


def _told(low: object, high: object) -> str:
    parts = [f" from {low}" if low is not None else "", f" to {high}" if high is not None else ""]
    return "".join(parts)
