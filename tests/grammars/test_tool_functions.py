"""Signatures and docstrings become schemas; `inspect` and pydantic are the oracles."""

from __future__ import annotations

import asyncio
import functools
import inspect
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

import guidedgen as gg
from guidedgen.grammars.tool_functions import call_with, is_async, signature_of


class Unit(Enum):
    C = "c"
    F = "f"


class Place(BaseModel):
    city: str
    country: str = "DE"


def search(city: str, days: Annotated[int, Field(ge=1, le=7)] = 3, *, unit: Unit = Unit.C) -> str:
    """Look up the weather.

    Rain and wind included.

    Args:
        city: Where, a name
            on a map.
        days: How far ahead.

    Returns:
        A sentence.
    """
    return f"{city} {days} {unit.value}"


def numpy_style(city: str, x: float, y: float) -> None:
    """Look up the weather.

    Parameters
    ----------
    city : str
        Where.
    x, y : float
        Both of them.
    """


def sphinx_style(city: str, days: int) -> None:
    """Look up the weather.

    :param city: Where.
    :type city: str
    :param int days: How far ahead.
    :returns: nothing
    """


def schema(function: Any) -> dict[str, Any]:
    return TypeAdapter(signature_of(function).arguments).json_schema()


def test_a_signature_says_what_the_arguments_are() -> None:
    read = signature_of(search)
    assert (read.name, read.description) == ("search", "Look up the weather.\n\nRain and wind included.")
    told = schema(search)
    assert list(told["properties"]) == list(inspect.signature(search).parameters)
    assert told["required"] == ["city"]
    assert told["additionalProperties"] is False
    days = told["properties"]["days"]
    assert (days["minimum"], days["maximum"], days["default"]) == (1, 7, 3)
    assert told["properties"]["unit"]["default"] == "c"


@pytest.mark.parametrize(
    ("function", "notes"),
    [
        (search, {"city": "Where, a name on a map.", "days": "How far ahead."}),
        (numpy_style, {"city": "Where.", "x": "Both of them.", "y": "Both of them."}),
        (sphinx_style, {"city": "Where.", "days": "How far ahead."}),
    ],
)
def test_docstrings_describe_the_arguments(function: Any, notes: dict[str, str]) -> None:
    told = schema(function)["properties"]
    assert {name: entry["description"] for name, entry in told.items() if "description" in entry} == notes
    assert signature_of(function).description.startswith("Look up the weather.")


def test_a_description_of_the_annotation_wins() -> None:
    def f(x: Annotated[int, Field(description="mine")]) -> None:
        """F.

        Args:
            x: the docstring's
        """

    assert schema(f)["properties"]["x"]["description"] == "mine"


def test_a_docstring_without_structure_is_the_description() -> None:
    def f(x: int) -> None:
        """Does: things: with colons."""

    def g(x: int) -> None: ...

    assert signature_of(f).description == "Does: things: with colons."
    assert signature_of(g).description == ""


@dataclass
class Point:
    x: float
    y: float


class Options(TypedDict, total=False):
    verbose: bool


@pytest.mark.parametrize(
    ("annotation", "valid", "invalid"),
    [
        (int, 3, "3.5"),
        (Literal["a", "b"], "a", "c"),
        (list[int], [1, 2], [1, "x"]),
        (Place, {"city": "Ulm"}, {}),
        (Point, {"x": 1.5, "y": 2}, {"x": 1.5}),
        (Options, {"verbose": True}, {"verbose": "maybe"}),
        (date, "2024-05-01", "2024-13-01"),
        (int | None, None, "x"),
        (dict[str, int], {"a": 1}, {"a": "x"}),
        (Annotated[str, Field(max_length=3)], "abc", "abcd"),
    ],
)
def test_arguments_are_what_pydantic_and_the_schema_both_take(annotation: Any, valid: Any, invalid: Any) -> None:
    def f(value): ...  # type: ignore[no-untyped-def]

    f.__annotations__ = {"value": annotation}
    adapter = TypeAdapter(signature_of(f).arguments)
    told = adapter.json_schema()
    jsonschema.validate({"value": valid}, told)
    assert adapter.validate_python({"value": valid})["value"] == TypeAdapter(annotation).validate_python(valid)
    with pytest.raises(ValidationError):
        adapter.validate_python({"value": invalid})
    with pytest.raises(ValidationError):
        adapter.validate_python({"value": valid, "other": 1})


def test_parameters_may_be_called_like_anything() -> None:
    def f(schema: int, json: str, model_config: bool, _private: int, validate: int = 2) -> list[Any]:
        return [schema, json, model_config, _private, validate]

    arguments = TypeAdapter(signature_of(f).arguments).validate_python(
        {"schema": 1, "json": "x", "model_config": True, "_private": 4}
    )
    assert call_with(f, arguments) == [1, "x", True, 4, 2]


def test_arguments_by_position_only() -> None:
    def f(a: int, b: int = 2, /, c: int = 3, *, d: int = 4) -> list[int]:
        return [a, b, c, d]

    assert call_with(f, {"a": 1}) == [1, 2, 3, 4]
    assert call_with(f, {"a": 1, "c": 9}) == [1, 2, 9, 4]
    assert call_with(f, {"d": 0, "b": 7, "a": 1}) == [1, 7, 3, 0]


class Counter:
    """Not what a call does."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, by: int) -> int:
        """Add to the total."""
        self.total += by
        return self.total

    def __call__(self, by: int) -> int:
        """Take away."""
        return self.add(-by)


def test_methods_partial_functions_and_objects() -> None:
    counter = Counter()
    read = signature_of(counter.add)
    assert (read.name, read.description, list(schema(counter.add)["properties"])) == (
        "add",
        "Add to the total.",
        ["by"],
    )
    assert call_with(counter.add, {"by": 2}) == 2

    bound = functools.partial(search, "Ulm")
    with pytest.raises(gg.CompileError, match="has no name"):
        signature_of(bound)
    read = signature_of(bound, name="ulm")
    assert list(TypeAdapter(read.arguments).json_schema()["properties"]) == ["days", "unit"]
    assert call_with(bound, {"days": 2}) == "Ulm 2 c"

    read = signature_of(counter, name="subtract")
    assert read.description == "Take away."
    assert call_with(counter, {"by": 2}) == 0


def test_async_functions_are_known() -> None:
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return x

    class Callable:
        async def __call__(self, x: int) -> int:
            return x

    assert is_async(later)
    assert is_async(functools.partial(later, 1))
    assert is_async(Callable())
    assert not is_async(search)


def no_type(x): ...  # type: ignore[no-untyped-def]
def collects(*args: int) -> None: ...
def collects_names(**kwargs: int) -> None: ...
def field_default(x: int = Field(3, ge=1)) -> None: ...  # type: ignore[assignment]
def unknown_name(x: NoSuchType) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (no_type, "'no_type': parameter 'x' has no type"),
        (collects, r"\*args cannot be described"),
        (collects_names, r"\*\*kwargs cannot be described"),
        (field_default, "Write name: Annotated"),
        (unknown_name, "annotations cannot be evaluated.*NoSuchType"),
    ],
)
def test_functions_that_cannot_be_described(function: Any, told: str) -> None:
    with pytest.raises(gg.CompileError, match=told):
        signature_of(function)
