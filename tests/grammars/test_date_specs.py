"""Dates, times and date-times in ranges, against Python's `datetime`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guidedgen as gg
from guidedgen.errors import CompileError, ValidationFailed
from guidedgen.grammars.compile import compile
from guidedgen.testing import accepts, byte_vocabulary, check_constraint

BYTES = byte_vocabulary()
PIECES = byte_vocabulary([b"20", b"-0", b"02-", b"29", b":5", b"T1", b"00", b"31"])
EVERY_DATE = compile(gg.Date(), BYTES).start()


def reads(start: Any, text: str) -> bool:
    after = start.advance_bytes(text.encode())
    return after is not None and bool(after.accepting)


def is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("year", [1, 4, 100, 400, 1900, 1999, 2000, 2023, 2024, 2100, 9996, 9999, 0])
def test_the_days_of_a_year(year: int) -> None:
    texts = [f"{year:04}-{month:02}-{day:02}" for month in range(14) for day in range(34)]
    assert [text for text in texts if reads(EVERY_DATE, text)] == [text for text in texts if is_date(text)]


def test_every_leap_day() -> None:
    texts = [f"{year:04}-02-29" for year in range(10_000)]
    assert [text for text in texts if reads(EVERY_DATE, text)] == [text for text in texts if is_date(text)]


@given(st.dates(), st.dates(), st.dates(), st.booleans(), st.booleans())
def test_dates_in_a_range(low: dt.date, high: dt.date, day: dt.date, after: bool, before: bool) -> None:
    bounds: dict[str, Any] = {"gt" if after else "ge": low, "lt" if before else "le": high}
    if (high - low).days < after + before:
        with pytest.raises(CompileError, match="no date"):
            gg.Date(**bounds)
        return
    spec = gg.Date(**bounds)
    start = compile(spec, BYTES).start()
    one = dt.timedelta(days=1)
    near = [
        other for base in (low, high) for other in (base, base + one, base - one) if dt.date.min < base < dt.date.max
    ]
    for value in (day, *near):
        inside = (low < value or (low == value and not after)) and (value < high or (value == high and not before))
        assert reads(start, value.isoformat()) == inside
        if inside:
            assert spec.parse(value.isoformat()) == value
        else:
            with pytest.raises(ValidationFailed):
                spec.parse(value.isoformat())


@given(st.integers(0, 6), st.times(), st.times(), st.times())
def test_times_in_a_range(precision: int, low: dt.time, high: dt.time, time: dt.time) -> None:
    unit = 10 ** (6 - precision)
    value = time.replace(microsecond=time.microsecond // unit * unit)
    try:
        spec = gg.Time(precision=precision, ge=low, lt=high)
    except CompileError:
        assert not low <= value < high
        return
    text = value.isoformat("microseconds")[: 8 + (precision + 1 if precision else 0)]
    assert reads(compile(spec, BYTES).start(), text) == (low <= value < high)
    assert gg.Time(precision=precision).parse(text) == value


@given(st.sampled_from([0, 3]), st.datetimes(), st.datetimes(), st.datetimes(), st.booleans())
def test_date_times_in_a_range(
    precision: int, low: dt.datetime, high: dt.datetime, moment: dt.datetime, utc: bool
) -> None:
    unit = 10 ** (6 - precision)
    value = moment.replace(microsecond=moment.microsecond // unit * unit)
    zone = dt.UTC if utc else None
    try:
        spec = gg.DateTime(
            precision=precision,
            zone="utc" if utc else "none",
            gt=low.replace(tzinfo=zone),
            le=high.replace(tzinfo=zone),
        )
    except CompileError:
        assert not low < value <= high
        return
    text = value.isoformat(timespec="milliseconds" if precision else "seconds") + ("Z" if utc else "")
    assert reads(compile(spec, BYTES).start(), text) == (low < value <= high)
    if low < value <= high:
        assert spec.parse(text) == value.replace(tzinfo=zone)


def test_zones() -> None:
    start = compile(gg.DateTime(zone="any"), BYTES).start()
    for text in ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00+05:30", "2024-02-29T12:00:00-14:59"):
        assert reads(start, text)
        assert gg.DateTime(zone="any").parse(text) == dt.datetime.fromisoformat(text)
    for text in ("2024-02-29T12:00:00", "2023-02-29T12:00:00Z", "2024-02-29T24:00:00Z", "2024-02-29T12:00:00+15:00"):
        assert not reads(start, text)
    noon = dt.datetime(2024, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    utc = compile(gg.DateTime(zone="utc", ge=noon), BYTES).start()
    assert reads(utc, "2024-05-01T10:00:00Z")
    assert not reads(utc, "2024-05-01T09:59:59Z")


SPECS: list[Any] = [
    gg.Date(),
    gg.Date(ge="1999-12-30", le="2024-03-01"),
    gg.Date(ge="2024-02-28", lt="2024-03-02"),
    gg.Time(gt="08:59:58", lt="17:30:00"),
    gg.DateTime(precision=2, ge="2024-02-29T23:59:59.5", le="2024-03-01T00:00:01"),
]


@pytest.mark.parametrize("spec", SPECS)
def test_the_laws_of_constraints(spec: Any, kernel: str) -> None:
    check_constraint(compile(spec, PIECES, implementation=kernel), PIECES, walks=3, length=20)


def test_as_parts_of_combinations() -> None:
    flight = gg.Sequence(
        "from ", gg.Named("day", gg.Date(ge="2024-01-01")), " at ", gg.Named("time", gg.Time()), gg.Maybe(" sharp")
    )
    text = "from 2024-02-29 at 09:30:00"
    assert accepts(compile(flight, BYTES), text)
    assert not accepts(compile(flight, BYTES), "from 2023-02-28 at 09:30:00")
    assert flight.parse(text) == {"day": dt.date(2024, 2, 29), "time": dt.time(9, 30)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gg.Date(ge="2023-02-29"), "ge='2023-02-29' is no date"),
        (lambda: gg.Date(ge=dt.datetime(2024, 1, 1)), "is no date"),
        (lambda: gg.Date(ge="2024-01-02", lt="2024-01-02"), "no date is in this range"),
        (lambda: gg.Time(precision=7), "impossible"),
        (lambda: gg.Time(ge="10:00:00+01:00"), "time zone"),
        (lambda: gg.DateTime(ge="2024-01-01T00:00:00Z"), "does not fit"),
        (lambda: gg.DateTime(ge="2024-01-01T00:00:00", zone="utc"), "does not fit"),
        (lambda: gg.DateTime(ge="2024-01-01T00:00:00Z", zone="any"), "any zone"),
        (lambda: gg.DateTime(zone="local"), "not known"),  # type: ignore[arg-type]
    ],
)
def test_mistakes(make: Any, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        make()
