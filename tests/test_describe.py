"""What the model is told about an output type."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from guidedgen.describe import describe_schema


class Item(BaseModel):
    name: str = Field(description="what was\n bought")
    price: float = Field(ge=0)


class Node(BaseModel):
    value: int = Field(ge=0, le=9)
    children: list[Node]


class Order(BaseModel):
    """An order in a shop."""

    buyer: str
    when: date
    status: Literal["open", "closed"]
    items: list[Item] = Field(min_length=3, max_length=3)
    gift: Item | None = None
    counts: dict[str, int]
    pair: tuple[int, str]


def short(output: Any) -> list[str]:
    return describe_schema(TypeAdapter(output).json_schema()).splitlines()


def test_fields_with_types_notes_and_nested_objects() -> None:
    assert short(Order) == [
        "Answer with a JSON object with these fields: (An order in a shop.)",
        "- buyer (string)",
        "- when (date)",
        '- status (one of "open", "closed")',
        "- items (list of 3 object)",
        "  - name (string): what was bought",
        "  - price (number, at least 0)",
        "- gift (object or null, optional)",
        "  - name (string): what was bought",
        "  - price (number, at least 0)",
        "- counts (object whose values are each: integer)",
        "- pair (list of integer, string)",
    ]


def test_lists_of_texts_are_shown_as_they_are_written() -> None:
    assert short(list[str]) == ["Answer with JSON in one line: [string, string, ...], a list of string"]
    assert short(list[date]) == ["Answer with JSON in one line: [date, date, ...], a list of date"]
    assert short(list[int]) == ["Answer with JSON: list of integer"]
    assert short(list[Literal["a", "b"]]) == [
        'Answer with JSON in one line: [string, string, ...], a list of one of "a", "b"'
    ]
    assert short(list[Any]) == ["Answer with JSON: list of value"]


def test_recursive_types_are_listed_once() -> None:
    assert short(Node) == [
        "Answer with a JSON object with these fields:",
        "- value (integer from 0 to 9)",
        "- children (list of object)",
    ]


def test_lists_name_the_fields_of_their_items() -> None:
    assert short(list[Item])[0] == "Answer with JSON: list of object"
    assert short(list[Item])[1:] == ["- name (string): what was bought", "- price (number, at least 0)"]


def test_scalars_and_unions() -> None:
    assert short(int) == ["Answer with JSON: integer"]
    assert short(int | str | None) == ["Answer with JSON: integer or string or null"]
    assert short(Literal["a", 1]) == ['Answer with JSON: one of "a", 1']


def test_any_schema_is_described() -> None:
    for schema in (
        True,
        False,
        {},
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"items": True},
        {"type": ["string", "null"]},
    ):
        assert describe_schema(schema).startswith("Answer with JSON")


def test_the_schema_itself_on_demand() -> None:
    schema = {"type": "object", "properties": {"ä": {"type": "string"}}}
    told = describe_schema(schema, detail="schema")
    assert json.loads(told.split("\n", 1)[1]) == schema


def test_old_style_tuples() -> None:
    assert (
        describe_schema({"items": [{"type": "string"}, {"type": "null"}]}) == "Answer with JSON: list of string, null"
    )


def test_descriptions_stay_readable() -> None:
    wide = {"enum": list(range(1000))}
    deep: dict[str, Any] = {"$defs": {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 50} for n in range(50)}}
    many = {"type": "object", "properties": {f"p{n}": {"type": "null"} for n in range(1000)}}
    for schema in (wide, {**deep, "$ref": "#/$defs/d0"}, many):
        assert len(describe_schema(schema)) < 5000


@pytest.mark.parametrize("start", range(0, 600, 60))
def test_real_schemas_are_described(shared: Path, start: int) -> None:
    files = sorted((shared / "data" / "maskbench").rglob("*.json"))[start::600]
    assert files
    for file in files:
        told = describe_schema(json.loads(file.read_text())["schema"])
        assert told.startswith("Answer with")
        assert len(told) < 60_000
