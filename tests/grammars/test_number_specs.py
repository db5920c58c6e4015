"""Integers and numbers in ranges, against exact arithmetic."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guidedgen as gg
from guidedgen.errors import CompileError, UnsatisfiableSchema, ValidationFailed
from guidedgen.grammars.compile import compile
from guidedgen.testing import accepts, byte_vocabulary, check_constraint

BYTES = byte_vocabulary()
PIECES = byte_vocabulary([b"10", b"-1", b"99", b".5", b"00", b"0."])


def within(value: Any, ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None) -> bool:
    return (
        (ge is None or value >= ge)
        and (gt is None or value > gt)
        and (le is None or value <= le)
        and (lt is None or value < lt)
    )


RANGES: list[dict[str, int]] = [
    {}, {"ge": 0}, {"ge": -12, "le": 105}, {"gt": 9, "lt": 100}, {"le": -7}, {"ge": 5, "gt": 2, "le": 5},
    {"gt": -3, "lt": 3}, {"ge": -120, "le": -99},
]  # fmt: skip


@pytest.mark.parametrize("bounds", RANGES)
def test_integers_in_a_range(bounds: dict[str, int], kernel: str) -> None:
    spec = gg.Integer(**bounds)
    constraint = compile(spec, BYTES, implementation=kernel)
    wanted = [value for value in range(-130, 131) if within(value, **bounds)]
    assert [value for value in range(-130, 131) if accepts(constraint, str(value))] == wanted
    assert [spec.parse(str(value)) for value in wanted] == wanted
    for text in ("-0", "01", "", "+1", "1.0", "-"):
        assert not accepts(constraint, text)
    check_constraint(compile(spec, PIECES, implementation=kernel), PIECES, walks=3, length=8)


@given(st.integers(), st.integers(), st.integers(), st.booleans())
def test_large_integers(low: int, high: int, value: int, strict: bool) -> None:
    bounds = {"gt": low, "lt": high} if strict else {"ge": low, "le": high}
    if high - low < 2 * strict:
        with pytest.raises(CompileError, match="no integer"):
            gg.Integer(**bounds)
        return
    assert accepts(compile(gg.Integer(**bounds), BYTES), str(value)) == within(value, **bounds)


NUMBERS = [
    f"{sign}{whole}{fraction}"
    for sign in ("", "-")
    for whole in ("0", "1", "2", "9", "10", "12", "99", "007")
    for fraction in ("", ".", ".0", ".00", ".5", ".50", ".25", ".249", ".251", ".9", ".99", ".000")
]


@pytest.mark.parametrize("decimals", [None, 0, 2, (1, 2), (2, 2)])
@pytest.mark.parametrize(
    "bounds",
    [
        {}, {"ge": 0}, {"gt": 0}, {"ge": Decimal("-1.25"), "lt": 10}, {"gt": 1.25, "le": 99}, {"lt": 0},
        {"ge": -12, "le": Decimal("-0.25")}, {"gt": -1, "lt": 1}, {"ge": "9.9"},
    ],
)  # fmt: skip
def test_numbers_in_a_range(bounds: dict[str, Any], decimals: Any, kernel: str) -> None:
    spec = gg.Number(**bounds, decimals=decimals)
    constraint = compile(spec, BYTES, implementation=kernel)
    least, most = (0, decimals) if isinstance(decimals, int) else decimals or (0, 9)
    exact = {name: Decimal(str(bound)) for name, bound in bounds.items()}

    def valid(text: str) -> bool:
        form = re.fullmatch(r"-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?", text)
        places = len(form[1] or "") if form else 0
        minus_zero = text.startswith("-") and form is not None and Decimal(text) == 0
        return form is not None and least <= places <= most and not minus_zero and within(Decimal(text), **exact)

    wanted = [text for text in NUMBERS if valid(text)]
    assert [text for text in NUMBERS if accepts(constraint, text)] == wanted
    assert [spec.parse(text) for text in wanted] == [Decimal(text) for text in wanted]


def test_the_laws_of_constraints(kernel: str) -> None:
    for spec in (gg.Number(ge=-1.5, lt=20, decimals=2), gg.Number(gt=0), gg.Number(le=-3, decimals=(2, 3))):
        check_constraint(compile(spec, PIECES, implementation=kernel), PIECES, walks=4, length=8)


@given(st.decimals(-999, 999, places=3), st.decimals(-999, 999, places=3), st.decimals(-999, 999, places=3))
def test_random_numbers(low: Decimal, high: Decimal, value: Decimal) -> None:
    spec = gg.Number(ge=low, lt=high)
    if low >= high:
        with pytest.raises(UnsatisfiableSchema):
            compile(spec, BYTES)
        return
    text = str(abs(value)) if value == 0 else str(value)
    assert accepts(compile(spec, BYTES), text) == (low <= value < high)


def test_types_of_values() -> None:
    assert gg.Number(float, ge=0).parse("0.1") == 0.1
    assert type(gg.Number(float).parse("1")) is float
    assert gg.Number().parse("0.1") == Decimal("0.1")
    for spec, text in ((gg.Integer(ge=3), "2"), (gg.Integer(), "x"), (gg.Number(lt=3), "3"), (gg.Number(), "x")):
        with pytest.raises(ValidationFailed):
            spec.parse(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gg.Integer(ge=1.5), "must be an int"),  # type: ignore[arg-type]
        (lambda: gg.Integer(ge=2, lt=2), "no integer is from 2 to 1"),
        (lambda: gg.Number(int), "cannot be a"),
        (lambda: gg.Number(ge="a"), "finite number"),
        (lambda: gg.Number(ge=float("inf")), "finite number"),
        (lambda: gg.Number(ge=True), "finite number"),
        (lambda: gg.Number(decimals=(2, 1)), "impossible"),
        (lambda: gg.Number(decimals=-1), "impossible"),
    ],
)
def test_mistakes(make: Any, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        make()
