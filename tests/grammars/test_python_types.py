"""Python types as output: values, order, what masks leave to validation, and what is no type."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import typing
import uuid
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar

import attrs
import pytest
import typing_extensions
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator

from guidedgen.errors import CompileError, UnsupportedFeature, ValidationFailed
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import Indent, TypeSpec
from guidedgen.testing import accepts, byte_vocabulary

BYTES = byte_vocabulary()
T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str


class Node(BaseModel):
    value: int = Field(ge=0, le=10)
    children: list[Node] = []


class Box(BaseModel, Generic[T]):
    item: T


class Point(NamedTuple):
    x: int
    y: str = "y"


class Movie(typing_extensions.TypedDict, total=False):
    title: typing_extensions.Required[str]
    year: int


class Plain(typing.TypedDict):
    title: str
    year: typing.NotRequired[int]


@dataclasses.dataclass
class Order:
    b: int
    a: Optional[float] = None  # noqa: UP045 both spellings


@attrs.define
class Part:
    name: str
    count: int = 1
    inner: Part | None = None


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


class Aliased(BaseModel):
    inner: int = Field(alias="outer")


def taken(tp: Any, texts: list[str]) -> list[Any]:
    """The values of those texts that the type's constraint takes."""
    spec: TypeSpec[Any] = TypeSpec(tp)
    constraint = compile(spec, BYTES)
    return [spec.parse(text) for text in texts if accepts(constraint, text)]


@pytest.mark.parametrize(
    ("tp", "texts", "expected"),
    [
        (int, ["3", "-12", "3.0", "1e3", "x", '"3"', "-0"], [3, -12]),
        (float, ["3", "-1.5", "1e5", "1e999", "nan"], [3.0, -1.5, 1e5]),
        (bool, ["true", "false", "1", "True"], [True, False]),
        (None, ["null", "none"], [None]),
        (Literal["a", "b c"], ["a", "b c", '"a"', "c"], ["a", "b c"]),
        (Literal["a", 1, None], ['"a"', "1", "null", "a"], ["a", 1, None]),
        (Literal[1, 2], ["1", "3"], [1]),
        (Colour, ["red", "green", '"red"'], [Colour.RED]),
        (Level, ["1", "3", "LOW"], [Level.LOW]),
        (list[int], ["[]", "[1, 2]", '["a"]'], [[], [1, 2]]),
        (Annotated[list[int], Field(min_length=1, max_length=2)], ["[]", "[1]", "[1, 2, 3]"], [[1]]),
        (tuple[int, str], ['[1, "a"]', "[1]", '[1, "a", 2]'], [(1, "a")]),
        (tuple[int, ...], ["[]", "[1, 2]"], [(), (1, 2)]),
        (set[int], ["[1, 1, 2]"], [{1, 2}]),
        (frozenset[str], ['["a"]'], [frozenset("a")]),
        (dict[str, int], ["{}", '{"a": 1}', '{"a": "x"}'], [{}, {"a": 1}]),
        (dict[Colour, int], ['{"red": 1}', '{"green": 1}'], [{Colour.RED: 1}]),
        (dict[Literal["a", "b"], int], ['{"a": 1, "b": 2}', '{"c": 1}'], [{"a": 1, "b": 2}]),
        (dict[Annotated[str, Field(pattern="^x")], int], ['{"xa": 1}', '{"a": 1}'], [{"xa": 1}]),
        (dict[int, int], ['{"1": 1}', '{"a": 1}'], [{1: 1}]),
        (int | str | None, ["1", '"x"', "null", "[]"], [1, "x", None]),
        (Annotated[int, Field(gt=0, le=20, multiple_of=5)], ["0", "5", "7", "20", "25"], [5, 20]),
        (Annotated[float, Field(ge=0, lt=1)], ["0", "0.5", "1", "-0.1", "5e-1"], [0.0, 0.5, 0.5]),
        (Annotated[str, Field(min_length=2, max_length=3, pattern="^a")], ['"a"', '"ab"', '"bb"', '"abcd"'], ["ab"]),
        (decimal.Decimal, ["1.10", "7"], [decimal.Decimal("1.10"), decimal.Decimal(7)]),
        (Annotated[decimal.Decimal, Field(gt=0, decimal_places=2)], ["0", "0.01", "1.234"], [decimal.Decimal("0.01")]),
        (datetime.date, ['"2024-02-29"', '"2023-02-29"', '"0000-01-01"'], [datetime.date(2024, 2, 29)]),
        (datetime.timedelta, ['"P1DT2H"', '"P1M"'], [datetime.timedelta(days=1, hours=2)]),
        (
            uuid.UUID,
            ['"12345678-1234-1234-1234-123456789abc"', '"x"'],
            [uuid.UUID(int=0x12345678123412341234123456789ABC)],
        ),
        (bytes, ['"abc"'], [b"abc"]),
        (
            Node,
            ['{"value": 3}', '{"value": 11}', '{"value": 3, "children": [{"value": 1}]}', '{"value": 3, "x": 1}'],
            [Node(value=3), Node(value=3, children=[Node(value=1)])],
        ),
        (Box[int], ['{"item": 1}', '{"item": "x"}'], [Box[int](item=1)]),
        (Point, ['[1, "a"]', "[1]", "[]"], [Point(1, "a"), Point(1)]),
        (Movie, ['{"title": "t", "year": 1}', '{"year": 1}', '{"title": "t", "x": 1}'], [{"title": "t", "year": 1}]),
        (Plain, ['{"title": "t"}', '{"year": 1}'], [{"title": "t"}]),
        (Order, ['{"b": 1, "a": null}', '{"a": 1, "b": 1}', '{"b": 1}'], [Order(1, None), Order(1)]),
        (Part, ['{"name": "x", "inner": {"name": "y", "count": 2}}', '{"count": 1}'], [Part("x", 1, Part("y", 2))]),
        (list[Part] | None, ['[{"name": "x"}]', "null"], [[Part("x")], None]),
        (
            Annotated[Cat | Dog, Field(discriminator="kind")],
            ['{"kind": "dog", "name": "x"}', '{"lives": 1}', '{"kind": "cat", "name": "x"}'],
            [Dog(name="x")],
        ),
        (Open, ['{"a": 1, "z": [2]}', '{"z": 1}'], [Open(a=1, z=[2])]),
        (Aliased, ['{"outer": 1}', '{"inner": 1}'], [Aliased(outer=1)]),
    ],
)
def test_values_of_types(tp: Any, texts: list[str], expected: list[Any]) -> None:
    found = taken(tp, texts)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


def test_declared_order_is_kept() -> None:
    class Ticket(BaseModel):
        zeta: str
        alpha: int
        mid: bool = False

    assert bytes(BYTES.decode_bytes(compile(TypeSpec(Ticket), BYTES).start().shortest())) == b'{"zeta": "", "alpha": 0}'


def test_unions_with_a_callable_discriminator() -> None:
    pet = Annotated[
        Annotated[Cat, Tag("c")] | Annotated[Dog, Tag("d")],
        Discriminator(lambda value: "c" if "lives" in value else "d"),
    ]
    assert taken(pet, ['{"kind": "dog", "name": "x"}', '{"kind": "cat", "lives": 9}']) == [Dog(name="x"), Cat(lives=9)]


def test_msgspec_structs() -> None:
    msgspec = pytest.importorskip("msgspec")
    inner = msgspec.defstruct("Inner", [("x", int)])
    outer = msgspec.defstruct("Outer", [("name", str), ("inner", list[inner], msgspec.field(default_factory=list))])
    assert taken(outer, ['{"name": "a", "inner": [{"x": 1}]}', '{"inner": []}']) == [outer("a", [inner(1)])]
    assert taken(list[inner], ['[{"x": 1}]', '[{"y": 1}]']) == [[inner(1)]]
    with pytest.raises(ValidationFailed):
        TypeSpec(inner).parse('{"x": "a"}')


def test_what_masks_cannot_check_is_reported_and_checked_at_the_end() -> None:
    class Even(BaseModel):
        number: int
        day: Annotated[datetime.date, Field(gt=datetime.date(2020, 1, 1))]

        @field_validator("number")
        @classmethod
        def _even(cls, number: int) -> int:
            if number % 2:
                raise ValueError("odd")
            return number

    spec = TypeSpec(Even)
    report = compile(spec, BYTES).report
    assert [(entry.pointer, entry.note) for entry in report.treated("validated")] == [
        ("/properties/number/x-validated", "a Python validator"),
        ("/properties/day/x-validated", "bounds of a date (gt)"),
    ]
    text = '{"number": 3, "day": "2024-01-01"}'
    with pytest.raises(ValidationFailed, match="number: Value error, odd") as caught:
        spec.parse(text)
    assert caught.value.raw == text


def test_sets_that_need_different_items_say_so() -> None:
    report = compile(TypeSpec(Annotated[set[int], Field(min_length=2)]), BYTES).report
    assert [entry.note for entry in report.treated("validated")] == ["different items in a set"]


@pytest.mark.parametrize("tp", [3, "text", 2.5, b"x", object(), len])
def test_what_is_no_type_is_refused(tp: Any) -> None:
    with pytest.raises(CompileError):
        compile(TypeSpec(tp), BYTES)


@pytest.mark.parametrize("tp", [typing.Callable[[int], int], dict[Level, int]])
def test_types_that_cannot_be_enforced_are_refused(tp: Any) -> None:
    with pytest.raises(UnsupportedFeature):
        compile(TypeSpec(tp), BYTES)


def test_layouts() -> None:
    spec = TypeSpec(Order, whitespace=Indent(2))
    text = json.dumps({"b": 1, "a": 2.5}, indent=2)
    assert accepts(compile(spec, BYTES), text)
    assert spec.parse(text) == Order(1, 2.5)


def test_what_describes_the_type() -> None:
    assert TypeSpec(Colour).json is False
    assert TypeSpec(Colour).options == ("red", "blue")
    assert TypeSpec(Order).json is True
    assert list(TypeSpec(Order).schema["properties"]) == ["b", "a"]
