"""The native kernel's languages of JSON numerals, against exact fractions.

A numeral is in usual form where it is a plain decimal, or scientific with one digit that is not zero before the point,
or a zero. The languages are exact there; among other spellings they hold none whose value says otherwise.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guidedgen.errors import GuidedGenError

if TYPE_CHECKING:
    from guidedgen.kernel import _native
else:
    _native = pytest.importorskip(
        "guidedgen.kernel._native", reason="the native kernel is not built: run `make native`"
    )

NUMERAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
USUAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?|-?0(\.0+)?[eE][+-]?[0-9]+|-?[1-9](\.[0-9]{1,36})?[eE][+-]?[0-9]+")


@dataclass(frozen=True)
class Spec:
    """A conjunction of number keywords; bounds and steps are numerals."""

    integer: bool = False
    fraction: bool = False
    digits_only: bool = False
    low: str | None = None
    high: str | None = None
    low_strict: bool = False
    high_strict: bool = False
    multiples: tuple[str, ...] = ()

    def probe(self) -> _native.NumberProbe:
        given: dict[str, Any] = {key: value for key, value in self.__dict__.items() if value is not None}
        return _native.NumberProbe({**given, "multiples": list(self.multiples)})

    def integral(self, text: str) -> bool:
        if self.digits_only:
            return not set(text) & set(".eE")
        return Fraction(text).denominator == 1

    def allows(self, text: str) -> bool:
        """What the standard says of a numeral."""
        value = Fraction(text)
        if self.low is not None and (value < Fraction(self.low) or (self.low_strict and value == Fraction(self.low))):
            return False
        if self.high is not None and (
            value > Fraction(self.high) or (self.high_strict and value == Fraction(self.high))
        ):
            return False
        if (self.integer and not self.integral(text)) or (self.fraction and self.integral(text)):
            return False
        return all((value / Fraction(step)).denominator == 1 for step in self.multiples)


def small_numerals() -> st.SearchStrategy[str]:
    """All spellings of numbers near zero, with many equal values."""
    whole = st.one_of(st.integers(0, 30), st.sampled_from([99, 100, 101, 120, 999, 1000, 12345])).map(str)
    fraction = st.sampled_from(["", "", "", ".0", ".5", ".50", ".25", ".05", ".1", ".001", ".99", ".000", ".12345"])
    exponent = st.sampled_from(["", "", "", "e0", "e1", "E+1", "e-1", "e2", "E-02", "e5", "e-7", "e+17", "e-0"])
    sign = st.sampled_from(["", "", "-"])
    return st.builds("".join, st.tuples(sign, whole, fraction, exponent))


def numerals() -> st.SearchStrategy[str]:
    """Numerals of any kind, and what serialisers write of integers and floats."""
    digits = st.text("0123456789", min_size=1, max_size=25)
    written = st.one_of(
        st.integers().map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
        st.floats(-1e6, 1e6).map(lambda value: json.dumps(round(value, 2))),
        st.builds("{}{}.{}e{}".format, st.sampled_from(["", "-"]), st.integers(1, 9), digits, st.integers(-30, 30)),
    )
    return st.one_of(small_numerals(), small_numerals(), written)


BOUNDS = st.one_of(
    st.none(),
    st.none(),
    st.sampled_from(["0", "0", "1", "-1", "10", "100", "0.5", "-0.05", "1e2", "1e16", "-1e400", "1e-7", "1000000007"]),
    numerals(),
)
STEPS = st.sampled_from(
    [
        *("1", "2", "3", "7", "10", "100", "25", "0.5", "0.1", "0.01", "0.05", "2.5", "0.25", "1e-8", "12", "86400"),
        *("1e20", "123456789", "0.123456789", "7e3", "1e308", "1.5", "0.015"),
    ]
)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    kind = draw(st.sampled_from(["number", "number", "integer", "integer", "fraction"]))
    steps = draw(st.one_of(st.just([]), st.just([]), st.lists(STEPS, min_size=1, max_size=2)))
    if kind == "fraction":  # see test_what_is_refused
        steps = [step for step in steps if step not in ("0.123456789", "123456789", "86400")]
    return Spec(
        integer=kind == "integer",
        fraction=kind == "fraction",
        digits_only=kind != "number" and draw(st.sampled_from([False, False, False, True])),
        low=draw(BOUNDS),
        high=draw(BOUNDS),
        low_strict=draw(st.booleans()),
        high_strict=draw(st.booleans()),
        multiples=tuple(steps),
    )


def near(spec: Spec) -> list[str]:
    """Numerals at the bounds and at multiples beside them."""
    texts = ["0", "-0", "-0.0", "0e0", "0.00E-5", "1e400", "-1e400", "1e-400", "-1e-400"]
    steps = [Fraction(step) for step in spec.multiples] or [Fraction(1), Fraction(1, 100)]
    for bound in (spec.low or "0", spec.high or "0"):
        value = Fraction(bound)
        texts += [bound, bound.replace("e", "E")]
        if abs(value) > 10**40 or (value and abs(value) < Fraction(1, 10**40)):
            continue
        for step in steps:
            for index in range(-2, 3):
                place = (value // step + index) * step
                texts += [plain(place), plain(place) + ("0" if "." in plain(place) else ".0"), scientific(place)]
    return texts


def plain(value: Fraction) -> str:
    places = next(count for count in range(500) if (value * 10**count).denominator == 1)
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    text = f"{digits[: len(digits) - places]}.{digits[len(digits) - places :]}" if places else digits
    return f"-{text}" if value < 0 else text


def scientific(value: Fraction) -> str:
    if value == 0:
        return "0e+5"
    digits = plain(abs(value)).replace(".", "").lstrip("0").rstrip("0")
    power = 0
    while abs(value) >= Fraction(10) ** (power + 1):
        power += 1
    while abs(value) < Fraction(10) ** power:
        power -= 1
    return f"{'-' if value < 0 else ''}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{power:+03d}"


def in_usual_form(spec: Spec, text: str) -> bool:
    return USUAL.fullmatch(text) is not None


@settings(max_examples=200)
@given(spec=specs(), texts=st.lists(numerals(), max_size=10))
@example(spec=Spec(low="0", high="1"), texts=["1", "1.0", "1e0", "1.0e-0", "10e-1", "1.00000000000000000000001"])
@example(spec=Spec(multiples=("0.01",)), texts=["19.99", "0.07", "1e-2", "1e-3", "0.001"])
@example(spec=Spec(integer=True), texts=["1e+16", "1.2345678901234567e+19", "1.5e0", "1.50e1", "12e3"])
def test_languages_are_exact(spec: Spec, texts: list[str]) -> None:
    probe = spec.probe()
    for text in (*texts, *near(spec)):
        assert NUMERAL.fullmatch(text), text
        holds, fails = probe.matches("holds", text), probe.matches("fails", text)
        if in_usual_form(spec, text):
            assert (holds, fails) == (spec.allows(text), not spec.allows(text)), text
        else:
            assert not (holds and not spec.allows(text)), text
            assert not (fails and spec.allows(text)), text
        assert probe.matches("any", text)
        if not spec.digits_only:
            assert probe.check(text) == spec.allows(text), text


@settings(max_examples=150)
@given(spec=specs(), data=st.data())
def test_walks_never_end_and_end_in_valid_numerals(spec: Spec, data: st.DataObject) -> None:
    probe = spec.probe()
    kind = data.draw(st.sampled_from(["holds", "fails"]))
    text = ""
    if not probe.completes(kind, text):
        return
    for _ in range(data.draw(st.integers(1, 30))):
        following = probe.next_bytes(kind, text)
        if not following:
            break
        text += data.draw(st.sampled_from(following))
    while not probe.matches(kind, text):  # the shortest way out, each step one byte nearer
        left = probe.distance(kind, text)
        text += next(byte for byte in probe.next_bytes(kind, text) if probe.distance(kind, text + byte) == left - 1)
    assert NUMERAL.fullmatch(text)
    if len(re.split("[eE]", text)[-1]) < 5 or not re.search("[eE]", text):
        assert spec.allows(text) == (kind == "holds"), text


@settings(max_examples=200)
@given(spec=specs())
def test_empty_exactly_where_no_number_fits(spec: Spec) -> None:
    assert spec.probe().empty == (not satisfiable(spec))


def satisfiable(spec: Spec) -> bool:
    """By the distance of the bounds, else by trying the first multiples from the lower one on."""
    low, high = (None if bound is None else Fraction(bound) for bound in (spec.low, spec.high))
    steps = [Fraction(step) for step in spec.multiples] + ([Fraction(1)] if spec.integer else [])
    if spec.integer and spec.fraction:
        return False
    if spec.fraction and not spec.digits_only and steps and least_common_multiple(steps).denominator == 1:
        return False
    if low is None or high is None:
        return True
    if not steps:
        if low == high:
            return not (spec.low_strict or spec.high_strict) and (
                not spec.fraction or spec.digits_only or low.denominator != 1
            )
        return low < high
    smallest = least_common_multiple(steps)
    first = -(-low // smallest) * smallest
    candidates = [first + index * smallest for index in range(4)]
    return any(spec.allows(exact_text(value, spec)) for value in candidates if value <= high)


def least_common_multiple(steps: list[Fraction]) -> Fraction:
    result = steps[0]
    for step in steps[1:]:
        both = result * step
        left, right = result, step
        while right:
            left, right = right, left % right
        result = both / left
    return result


def exact_text(value: Fraction, spec: Spec) -> str:
    text = plain(value)
    return text + ".0" if spec.digits_only and spec.fraction and "." not in text else text


@settings(max_examples=150)
@given(value=st.one_of(BOUNDS.filter(bool), numerals()), texts=st.lists(numerals(), max_size=10))
@example(value="12000", texts=["12e3", "1.2e4", "12000.00", "1.2E+04", "120e2"])
@example(value="0", texts=["0", "-0", "0.0", "-0e7", "1e-400"])
def test_values_are_told_apart(value: str, texts: list[str]) -> None:
    probe = _native.NumberProbe({"value": value})
    for text in (value, scientific_of(value), *texts):
        equal, differs, same = (
            probe.matches("equal", text),
            probe.matches("differs", text),
            Fraction(text) == Fraction(value),
        )
        if USUAL.fullmatch(text):
            assert (equal, differs) == (same, not same), text
        assert same if equal else not (differs and same), text
        assert (_native.canonical_number(text) == _native.canonical_number(value)) == same


def scientific_of(text: str) -> str:
    value = Fraction(text)
    return scientific(value) if abs(value) < 10**40 and (value * 10**40).denominator == 1 else text


@settings(max_examples=150)
@given(
    spec=specs(),
    value=st.one_of(st.integers(), st.integers().map(float), st.floats(allow_nan=False, allow_infinity=False)),
)
def test_what_serialisers_write_is_taken(spec: Spec, value: float) -> None:
    probe = spec.probe()
    for text in (json.dumps(value), f"{value:.17g}", f"{value:.16E}", repr(value).replace("e", "E")):
        assert probe.matches("holds", text) == spec.allows(text), text
        assert probe.matches("fails", text) == (not spec.allows(text)), text


@settings(max_examples=25)
@given(
    low=st.integers(-30, 130),
    width=st.integers(0, 60),
    step=st.sampled_from(["0.5", "7", "0.75", "12", "30", "2.5", "0.04"]),
    bits=st.integers(0, 3),
)
def test_no_dead_ends_and_nothing_cut_off(low: int, width: int, step: str, bits: int) -> None:
    """Every prefix of a plain valid numeral is offered, and no plain prefix that none has."""
    spec = Spec(
        low=str(low), high=str(low + width), low_strict=bool(bits & 1), high_strict=bool(bits & 2), multiples=(step,)
    )
    multiples = [Fraction(step) * index for index in range(int(-40 / Fraction(step)), int(200 / Fraction(step)) + 1)]
    valid = {plain(value) for value in multiples if spec.allows(plain(value))} | ({"-0"} if spec.allows("0") else set())
    prefixes = {text[:end] for text in valid for end in range(len(text) + 1)}
    probe = spec.probe()
    for prefix in prefixes:
        assert probe.completes("holds", prefix)
        following = set(probe.next_bytes("holds", prefix)) & set("-0123456789")
        for byte in following - {"0"}:  # zeros may follow a decimal place, and scientific forms of the same values
            assert prefix + byte in prefixes or scientific_prefix(prefix + byte, spec, multiples), prefix + byte


def scientific_prefix(prefix: str, spec: Spec, multiples: list[Fraction]) -> bool:
    texts = (scientific(value) for value in multiples if value and spec.allows(plain(value)))
    padded = prefix.rstrip("0") if "." in prefix else prefix
    return any(text.split("e")[0].startswith(padded) or prefix.startswith(text.split("e")[0]) for text in texts)


@pytest.mark.parametrize(
    "spec",
    [
        Spec(),
        Spec(integer=True, low="0", high="100"),
        Spec(integer=True, low="-5", low_strict=True),
        Spec(low="-90", high="90.25"),
        Spec(multiples=("0.01",), low="-1234567890", high="1234567890"),
        Spec(multiples=("86400",), high="1e12"),
        Spec(low="1e400"),
        Spec(high="1" * 300),
    ],
    ids=str,
)
def test_no_search_is_needed(spec: Spec) -> None:
    probe = spec.probe()
    assert not probe.boolean
    assert probe.size < 4000  # linear in the digits


@pytest.mark.parametrize(
    ("bound", "large"),
    [
        ("1e400", True),
        ("1e5000", True),
        ("1e99999", True),
        ("1e99999999999999999999", True),
        ("1e-400", False),
        ("1e-99999", False),
        ("7." + "7" * 300 + "e+300", True),
        ("3." + "3" * 300 + "e-1", False),
    ],
)
def test_bounds_of_any_size(bound: str, large: bool) -> None:
    above, below = Spec(low=bound).probe(), Spec(high=bound, high_strict=True).probe()
    assert above.matches("holds", bound)
    assert below.matches("fails", bound)
    for text in ("0", "-1e+308"):
        assert (above.matches("fails", text), below.matches("holds", text)) == (True, True), text
    for text in ("1", "1.5e+16", "1" + "0" * 290):
        assert (above.matches("holds", text), below.matches("holds", text)) == (not large, large), text


def test_the_way_to_a_multiple_is_short() -> None:
    """Found by arithmetic: a search would visit millions of remainders."""
    probe = Spec(multiples=("123456789",)).probe()
    assert probe.distance("holds", "1") == len("23456789")
    assert Spec(multiples=("0.123456789",)).probe().distance("holds", "1.2") == len("3456789")
    assert probe.states < 1000


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (Spec(multiples=("1234567890.1234567890",)), "18 digits"),
        (Spec(multiples=("0.123456789",), fraction=True), "no integers"),
        (Spec(multiples=("3",), low="1e6000"), "5000 digits"),
        (Spec(multiples=("0",)), "greater than 0"),
    ],
    ids=str,
)
def test_what_is_refused(spec: Spec, reason: str) -> None:
    with pytest.raises(GuidedGenError, match=reason):
        spec.probe()


SUITE_FILES = [
    "minimum.json", "maximum.json", "exclusiveMinimum.json", "exclusiveMaximum.json", "multipleOf.json",
    "optional/bignum.json", "optional/float-overflow.json", "optional/zeroTerminatedFloats.json",
]  # fmt: skip
KEYWORDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "type", "$schema"}


def of_schema(schema: dict[str, Any], *, draft4: bool) -> Spec:
    kind = schema.get("type", "number")
    spec = Spec(integer=kind == "integer", digits_only=draft4)
    if "multipleOf" in schema:
        spec = replace(spec, multiples=(json.dumps(schema["multipleOf"]),))
    for inclusive, exclusive, low in (("minimum", "exclusiveMinimum", True), ("maximum", "exclusiveMaximum", False)):
        bound = schema.get(inclusive)
        strict = schema.get(exclusive, False)
        if not isinstance(strict, bool):
            bound, strict = strict, True
        if bound is not None:
            text = json.dumps(bound)
            spec = replace(spec, low=text, low_strict=strict) if low else replace(spec, high=text, high_strict=strict)
    return spec


@pytest.mark.parametrize("draft", ["draft4", "draft6", "draft7", "draft2019-09", "draft2020-12"])
def test_official_suite(shared: Path, draft: str) -> None:
    folder = shared / "data" / "json-schema-test-suite" / "tests" / draft
    checked = 0
    for name in SUITE_FILES:
        if not (folder / name).exists():
            continue
        for group in json.loads((folder / name).read_text(encoding="utf-8")):
            schema = group["schema"]
            assert set(schema) <= KEYWORDS, group["description"]
            spec = of_schema(schema, draft4=draft == "draft4")
            for test in group["tests"]:
                if isinstance(test["data"], bool) or not isinstance(test["data"], int | float):
                    continue
                text = json.dumps(test["data"])
                if schema.get("type") == "string":
                    continue
                probe = spec.probe()
                assert probe.matches("holds", text) == test["valid"], (name, test["description"])
                assert probe.matches("fails", text) != test["valid"], (name, test["description"])
                checked += 1
    assert checked >= 20
