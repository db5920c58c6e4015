"""Whatever may stand for a tool becomes one, and odd ones are refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field, field_validator

import guidedgen as gg
from guidedgen.grammars.specs import JsonSchema
from guidedgen.grammars.tool_specs import Tool, tool_of, tools_of
from guidedgen.testing import accepts, byte_vocabulary


class Ticket(BaseModel):
    """Open a ticket
    at the help desk."""

    title: str = Field(description="In one line", title="Headline")
    urgent: bool = False


def search(city: str, days: int = 3) -> str:
    """Look up the weather.

    Args:
        city: Where.
    """
    return f"{city} {days}"


DECLARED = {
    "type": "function",
    "function": {
        "name": "find",
        "description": "Find things.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"title": {"type": "string"}, "kind": {"$ref": "#/$defs/kind"}},
            "required": ["title"],
            "$defs": {"kind": {"enum": ["a", "b"]}},
        },
    },
}


def test_a_function() -> None:
    tool = tool_of(search)
    assert tool.declaration == {
        "type": "function",
        "function": {
            "name": "search",
            "description": "Look up the weather.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Where."},
                    "days": {"type": "integer", "default": 3},
                },
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
    jsonschema.Draft202012Validator.check_schema(tool.schema)
    assert tool.run(tool.read('{"city": "Ulm"}')) == "Ulm 3"


def test_a_class_is_a_tool_that_makes_instances() -> None:
    tool = tool_of(Ticket)
    assert (tool.name, tool.description) == ("Ticket", "Open a ticket at the help desk.")
    assert "description" not in tool.schema
    assert tool.read('{"title": "x"}') == Ticket(title="x")

    @dataclass
    class Point:
        x: int

    assert tool_of(Point).read('{"x": 1}') == Point(1)
    assert tool_of(Point).description == ""


def test_titles_go_but_not_properties_and_values_that_are_called_so() -> None:
    class Book(BaseModel):
        title: str
        kind: dict[str, str] = {"title": "x"}

    schema = tool_of(Book).schema
    assert set(schema["properties"]) == {"title", "kind"}
    assert schema["properties"]["title"] == {"type": "string"}
    assert schema["properties"]["kind"]["default"] == {"title": "x"}


def test_openai_json_of_either_interface() -> None:
    tool = tool_of(DECLARED)
    assert tool.declaration == DECLARED
    assert tool_of({"type": "function", **DECLARED["function"]}).declaration == DECLARED
    assert tool_of({"name": "find", "inputSchema": {"type": "object"}}).schema == {"type": "object"}
    assert tool.read('{"title": "x", "kind": "a"}') == {"title": "x", "kind": "a"}


@pytest.mark.parametrize("parameters", [None, {}, {"type": "object", "properties": {}}])
def test_no_arguments(parameters: Any) -> None:
    declared = {"name": "now"} if parameters is None else {"name": "now", "parameters": parameters}
    tool = tool_of({"type": "function", "function": declared})
    assert tool.schema["type"] == "object"
    assert tool.read("{}") == {}


def test_declarations_are_copies() -> None:
    tool = tool_of(DECLARED)
    tool.declaration["function"]["parameters"]["properties"].clear()
    assert tool.schema == DECLARED["function"]["parameters"]


def test_a_tool_by_hand() -> None:
    tool = Tool(name="open", description="Opens.", parameters=Ticket, function=lambda ticket: ticket.title)
    assert tool.run(tool.read('{"title": "x"}')) == "x"
    tool = Tool(
        name="add", parameters=DECLARED["function"]["parameters"], function=lambda title, kind="b": title + kind
    )
    assert tool.run(tool.read('{"title": "x"}')) == "xb"
    tool = Tool(name="weather", function=search)
    assert (tool.name, tool.description, tool.run({"city": "Ulm"})) == ("weather", "Look up the weather.", "Ulm 3")
    assert Tool(description="Other.", function=search).description == "Other."


def test_parameters_may_be_a_schema_with_options() -> None:
    vocabulary = byte_vocabulary()
    schema = {"type": "object", "properties": {"x": {"$ref": "https://example.org/word"}}}
    parameters = JsonSchema(schema, registry={"https://example.org/word": {"enum": ["a", "b"]}})
    tool = Tool(name="f", parameters=parameters, function=lambda x="": x)
    assert tool.declaration["function"]["parameters"] == schema
    assert tool.run(tool.read('{"x": "a"}')) == "a"
    constraint = gg.compile(gg.Tools([tool]), vocabulary)
    assert accepts(constraint, '[{"name": "f", "arguments": {"x": "b"}}]')
    assert not accepts(constraint, '[{"name": "f", "arguments": {"x": "c"}}]')
    with pytest.raises(gg.CompileError, match="tool 'f': the reference"):
        gg.compile(gg.Tools([Tool(name="f", parameters=schema)]), vocabulary)
    assert Tool(name="f", parameters=JsonSchema('{"type": "object"}')).schema == {"type": "object"}


def test_validators_of_types_have_the_last_word() -> None:
    class Even(BaseModel):
        n: int

        @field_validator("n")
        @classmethod
        def even(cls, n: int) -> int:
            if n % 2:
                raise ValueError("odd")
            return n

    tool = tool_of(Even)
    with pytest.raises(gg.ValidationFailed, match=r"the arguments of Even are not valid.*odd"):
        tool.read('{"n": 3}')


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        (3, "3 is not a tool"),
        ("search", "'search' is not a tool"),
        (lambda: 1, "'<lambda>' cannot be the name of a tool"),
        (int, "tool 'int': the parameters are of type 'integer'"),
        (dict[str, int], "is not a tool|no name|cannot be"),
        ({"name": "f", "parameters": {"type": "array"}}, r"tool 'f': the parameters are of type 'array' \(at #/type\)"),
        ({"name": "f", "parameters": ["x"]}, "tool 'f': the parameters are no JSON Schema"),
        ({"name": "two words"}, "'two words' cannot be the name"),
        ({"type": "web_search"}, "does not declare a function"),
        ({"type": "function", "function": {"description": "x"}}, "does not declare a function"),
        ({}, "does not declare a function"),
    ],
)
def test_what_is_no_tool(thing: Any, told: str) -> None:
    with pytest.raises(gg.CompileError, match=told):
        tool_of(thing)


def test_lists_of_tools() -> None:
    assert [tool.name for tool in tools_of([search, Ticket, DECLARED])] == ["search", "Ticket", "find"]
    with pytest.raises(gg.CompileError, match="two tools are called 'search'"):
        tools_of([search, search])
    with pytest.raises(gg.CompileError, match="there are no tools"):
        tools_of([])
    with pytest.raises(gg.CompileError, match="must be a list"):
        tools_of(search)  # type: ignore[arg-type]


def test_objects_that_declare_properties_take_no_others() -> None:
    vocabulary = byte_vocabulary()
    spec = tool_of(DECLARED).spec
    constraint = gg.compile(spec, vocabulary)
    assert accepts(constraint, '{"title": "x", "kind": "b"}')
    assert not accepts(constraint, '{"title": "x", "more": 1}')
    assert accepts(gg.compile(JsonSchema(DECLARED["function"]["parameters"]), vocabulary), '{"title": "x", "more": 1}')
    free = tool_of({"name": "free", "parameters": {"type": "object"}}).spec
    assert accepts(gg.compile(free, vocabulary), '{"more": 1}')


def test_a_choice_is_no_tool() -> None:
    with pytest.raises(gg.CompileError):
        tool_of(Literal["a", "b"])
