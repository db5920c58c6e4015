"""`Date`, `Time` and `DateTime` in a range, as ISO 8601 writes them. Years of 365 and 366 days, exact bounds.

A value is a number of equal steps (days, seconds, or parts of a second), and its text has a fixed width, so that texts
compare as values do: a range is a condition on the first place where a text differs from a bound.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar

from guidedgen.errors import CompileError, ValidationFailed
from guidedgen.grammars import ir, regex_text
from guidedgen.grammars.specs import Translated
from guidedgen.grammars.translation import Translation
from guidedgen.limits import Limits

V = TypeVar("V", datetime.date, datetime.time, datetime.datetime)

_EPOCH: Final = datetime.datetime.min
_SECOND: Final = 1_000_000  # microseconds
_FOURTH: Final = "(0[48]|[2468][048]|[13579][26])"  # two digits that four divides, not 00
_LEAP: Final = f"(([0-9][0-9]){_FOURTH}|{_FOURTH}00)"
_ANY_DATE: Final = (
    r"([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
    r"-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    rf"|{_LEAP}-02-29"
)
_ANY_TIME: Final = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_OFFSET: Final = "(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"


@dataclass(frozen=True)
class _Steps(Translated, Generic[V]):
    """What dates and times share: bounds, the language, and how a text is read.

    Args:
        ge: it is not before this.
        gt: it is after this.
        le: it is not after this.
        lt: it is before this.
    """

    ge: V | str | None = field(default=None, kw_only=True)
    gt: V | str | None = field(default=None, kw_only=True)
    le: V | str | None = field(default=None, kw_only=True)
    lt: V | str | None = field(default=None, kw_only=True)

    kind: ClassVar[Any]
    name: ClassVar[str]

    def __post_init__(self) -> None:
        for bound in ("ge", "gt", "le", "lt"):
            given: Any = getattr(self, bound)
            if isinstance(given, str):
                try:
                    given = self.kind.fromisoformat(given)
                except ValueError as error:
                    raise CompileError(f"the bound {bound}={given!r} is no {self.name}: {error}") from None
                object.__setattr__(self, bound, given)
            if given is not None and type(given) is not self.kind:
                raise CompileError(f"the bound {bound}={given!r} is no {self.kind.__name__}")
            if given is not None:
                self._microseconds(given)  # refuses bounds of the wrong kind
        low, high = self._range
        if low > high:
            raise CompileError(f"no {self.name} is in this range", hint="Make the range wider.")

    @cached_property
    def _range(self) -> tuple[int, int]:
        """The first and the last value, in steps."""
        least, most = self._limits
        lows = [least]
        if self.ge is not None:
            lows.append(-(-self._microseconds(self.ge) // self._step))
        if self.gt is not None:
            lows.append(self._microseconds(self.gt) // self._step + 1)
        highs = [most]
        if self.le is not None:
            highs.append(self._microseconds(self.le) // self._step)
        if self.lt is not None:
            highs.append(-(-self._microseconds(self.lt) // self._step) - 1)
        return max(lows), min(highs)

    @property
    def _step(self) -> int:
        """Microseconds between two values."""
        raise NotImplementedError

    @property
    def _limits(self) -> tuple[int, int]:
        """The first and the last value without any bounds, in steps."""
        raise NotImplementedError

    @property
    def _pattern(self) -> str:
        """All values as texts."""
        raise NotImplementedError

    def _microseconds(self, value: Any) -> int:
        raise NotImplementedError

    def _text(self, step: int) -> str:
        """How a value is written."""
        raise NotImplementedError

    def translate(self, limits: Limits) -> Translation:
        """One lexeme."""
        (low, high), (least, most) = self._range, self._limits
        parts = [regex_text.parse(self._pattern, limits=limits)]
        parts += [_not_below(self._text(low))] if low > least else []
        parts += [_not_above(self._text(high))] if high < most else []
        expression = parts[0] if len(parts) == 1 else ir.Intersection(tuple(parts))
        return Translation(grammar=ir.Grammar(start=ir.Terminal(expression, self.name)))

    def parse(self, text: str) -> V:
        """The value. Raises `ValidationFailed` where the text is none, or out of range."""
        try:
            value: V = self.kind.fromisoformat(text)
        except ValueError as error:
            raise ValidationFailed(f"{text!r} is no {self.name}: {error}", raw=text) from None
        if any(bound is not None for bound in (self.ge, self.gt, self.le, self.lt)):
            low, high = self._range
            if not low * self._step <= self._microseconds(value) <= high * self._step:
                raise ValidationFailed(f"{text} is not in the range", raw=text)
        return value

    @property
    def form(self) -> str:
        """The form of the texts, and the range."""
        (low, high), (least, most) = self._range, self._limits
        after = f" from {self._text(low)}" if low > least else ""
        before = f" to {self._text(high)}" if high < most else ""
        return f"a {self.name} ({self._shape}){after}{before}"

    @property
    def _shape(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Date(_Steps[datetime.date]):
    """A date, written 2024-02-29; its value is a `datetime.date`. Bounds are dates or their texts.

    Args:
        ge: it is not before this.
        gt: it is after this.
        le: it is not after this.
        lt: it is before this.

    Raises:
        CompileError: a bound is no date, or no date is in the range.
    """

    kind = datetime.date
    name = "date"
    _step = 24 * 3600 * _SECOND
    _limits = (0, datetime.date.max.toordinal() - 1)
    _pattern = _ANY_DATE
    _shape = "YYYY-MM-DD"

    def _microseconds(self, value: Any) -> int:
        return (int(value.toordinal()) - 1) * self._step

    def _text(self, step: int) -> str:
        return datetime.date.fromordinal(step + 1).isoformat()


@dataclass(frozen=True)
class Time(_Steps[datetime.time]):
    """A time of day, written 23:59:59; its value is a `datetime.time`. Bounds are times without a zone, or texts.

    Args:
        precision: digits of the fraction of a second, 0 to 6.
        ge: it is not before this.
        gt: it is after this.
        le: it is not after this.
        lt: it is before this.

    Raises:
        CompileError: a bound is no time or has a zone, no time is in the range, or an impossible precision.
    """

    precision: int = field(default=0, kw_only=True)

    kind = datetime.time
    name = "time"

    def __post_init__(self) -> None:
        _check_precision(self.precision)
        super().__post_init__()

    @property
    def _step(self) -> int:
        return int(10 ** (6 - self.precision))

    @property
    def _limits(self) -> tuple[int, int]:
        return 0, 24 * 3600 * _SECOND // self._step - 1

    @property
    def _pattern(self) -> str:
        return _ANY_TIME + _fraction(self.precision)

    @property
    def _shape(self) -> str:
        return "HH:MM:SS" + ("." + "s" * self.precision if self.precision else "")

    def _microseconds(self, value: Any) -> int:
        if value.tzinfo is not None:
            raise CompileError(f"the bound {value} has a time zone", hint="Times of day have none here.")
        seconds: int = value.hour * 3600 + value.minute * 60 + value.second
        return seconds * _SECOND + int(value.microsecond)

    def _text(self, step: int) -> str:
        moment = _EPOCH + datetime.timedelta(microseconds=step * self._step)
        return _clock(moment, self.precision)


@dataclass(frozen=True)
class DateTime(_Steps[datetime.datetime]):
    """A date and a time, written 2024-02-29T23:59:59; its value is a `datetime.datetime`.

    Args:
        precision: digits of the fraction of a second, 0 to 6.
        zone: "none" (default; bounds have none either), "utc" (a Z follows; bounds have a zone), or "any": Z or an
            offset follows, and there are no bounds.
        ge: it is not before this.
        gt: it is after this.
        le: it is not after this.
        lt: it is before this.

    Raises:
        CompileError: a bound is no date and time or its zone does not fit, nothing is in the range, or an impossible
            precision.
    """

    precision: int = field(default=0, kw_only=True)
    zone: Literal["none", "utc", "any"] = field(default="none", kw_only=True)

    kind = datetime.datetime
    name = "date and time"

    def __post_init__(self) -> None:
        _check_precision(self.precision)
        if self.zone not in ("none", "utc", "any"):
            raise CompileError(f"the zone {self.zone!r} is not known", hint='Use "none", "utc" or "any".')
        super().__post_init__()

    @property
    def _step(self) -> int:
        return int(10 ** (6 - self.precision))

    @property
    def _limits(self) -> tuple[int, int]:
        return 0, self._plain(datetime.datetime.max) // self._step

    @property
    def _pattern(self) -> str:
        zone = {"none": "", "utc": "Z", "any": _OFFSET}[self.zone]
        return f"({_ANY_DATE})T{_ANY_TIME}{_fraction(self.precision)}{zone}"

    @property
    def _shape(self) -> str:
        fraction = "." + "s" * self.precision if self.precision else ""
        return f"YYYY-MM-DDTHH:MM:SS{fraction}" + {"none": "", "utc": "Z", "any": "+HH:MM"}[self.zone]

    @staticmethod
    def _plain(value: datetime.datetime) -> int:
        return (value - _EPOCH) // datetime.timedelta(microseconds=1)

    def _microseconds(self, value: Any) -> int:
        if self.zone == "any":
            raise CompileError("a range of times in any zone is not supported", hint='Use zone="utc".')
        if (value.tzinfo is not None) != (self.zone == "utc"):
            hint = "Give bounds in a time zone, such as datetime.UTC." if self.zone == "utc" else 'Or use zone="utc".'
            raise CompileError(f"the zone of {value} does not fit zone={self.zone!r}", hint=hint)
        if value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return self._plain(value)

    def _text(self, step: int) -> str:
        moment = _EPOCH + datetime.timedelta(microseconds=step * self._step)
        end = "Z" if self.zone == "utc" else ""
        return f"{moment.date().isoformat()}T{_clock(moment, self.precision)}{end}"


def _clock(moment: datetime.datetime, precision: int) -> str:
    return moment.time().isoformat("microseconds")[: 8 + (precision + 1 if precision else 0)]


def _fraction(precision: int) -> str:
    return rf"\.[0-9]{{{precision}}}" if precision else ""


def _check_precision(precision: object) -> None:
    if type(precision) is not int or not 0 <= precision <= 6:
        raise CompileError(f"precision={precision!r} is impossible", hint="Use 0 to 6 digits.")


def _not_below(bound: str) -> ir.Expression:
    """Texts as long as the bound that do not come before it."""
    return _beside(bound, lambda byte: range(byte + 1, 256))


def _not_above(bound: str) -> ir.Expression:
    """Texts as long as the bound that do not come after it."""
    return _beside(bound, lambda byte: range(byte))


def _beside(bound: str, others: Any) -> ir.Expression:
    """The bound, and the texts that differ from it first at a byte that is one of some others."""
    data, every = bound.encode(), ir.ByteSet((1 << 256) - 1)
    options: list[ir.Expression] = [ir.Literal(data)]
    for place, byte in enumerate(data):
        different = ir.ByteSet(sum(1 << other for other in others(byte)))
        rest = ir.Repeat(every, len(data) - place - 1, len(data) - place - 1)
        options.append(ir.Concat((ir.Literal(data[:place]), different, rest) if place else (different, rest)))
    return ir.Union(tuple(options))
