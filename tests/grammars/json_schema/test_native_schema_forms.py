"""The native schema reader: forms of keywords, values, the report, and hostile schemas."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import CompileError, GrammarSyntaxError, GuidedGenError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars.json_schema.keywords import KEYWORDS
from guidedgen.grammars.json_schema.native_schema import read_native, report_of
from guidedgen.grammars.json_schema.options import Draft, Options
from guidedgen.limits import Limits
from tests.grammars.json_schema.native_nodes import LIMITS, node, nodes, valid

pytest.importorskip("guidedgen.kernel._native")


# --- forms ---


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": []}, "type must be one or several of"),
        ({"type": ["string", "text"]}, "type must be one or several of"),
        ({"enum": 5}, "enum must be a list"),
        ({"minimum": "1"}, "minimum must be a number"),
        ({"minimum": True}, "minimum must be a number"),
        ({"multipleOf": 0}, "multipleOf must be greater than 0"),
        ({"multipleOf": -0.5}, "multipleOf must be greater than 0"),
        ({"minLength": -1}, "minLength must be a non-negative integer"),
        ({"maxItems": 1.5}, "maxItems must be a non-negative integer"),
        ({"pattern": None}, "pattern must be a string"),
        ({"format": ["date"]}, "format must be a string"),
        ({"uniqueItems": 1}, "uniqueItems must be true or false"),
        ({"properties": []}, "properties must be an object whose values are schemas"),
        ({"properties": {"a": None}}, "properties must be an object whose values are schemas"),
        ({"required": "a"}, "required must be a list of strings"),
        ({"required": ["a", "a"]}, "required must be a list of different strings"),
        ({"required": True}, "required must be a list of strings"),
        ({"allOf": []}, "allOf must be a list of at least one schema"),
        ({"anyOf": [5]}, "anyOf must be a list of schemas"),
        ({"not": []}, "not must be a schema"),
        ({"items": "x"}, "items must be a schema"),
        ({"dependencies": {"a": 5}}, "lists of names or schemas"),
        ({"dependentRequired": {"a": {}}}, "lists of names"),
        ({"dependentSchemas": {"a": ["b"]}}, "an object whose values are schemas"),
        ({"minimum": float("nan")}, "minimum: nan is not JSON"),
        ({"minimum": Decimal("1e2000")}, "beyond 10"),
        ({"minimum": 10**5000}, "beyond 10"),
    ],
)
def test_malformed_keywords_are_refused_with_their_place(schema: dict[str, Any], message: str) -> None:
    """As the Python translation does."""
    with pytest.raises(CompileError, match=message) as caught:
        nodes({"properties": {"a/b": schema}})
    keyword = next(iter(schema))
    assert (caught.value.pointer, caught.value.keyword) == (f"/properties/a~1b/{keyword}", keyword)


@pytest.mark.parametrize("schema", [5, None, [], 1.5])
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    """Neither an object nor a boolean."""
    with pytest.raises(CompileError, match="a schema must be an object, true or false"):
        nodes(schema)


def test_other_python_values_are_refused() -> None:
    """Keys that are no texts, and objects of other types."""
    with pytest.raises(CompileError, match="the key 5 is no string"):
        nodes({5: {}})
    with pytest.raises(CompileError, match="an object of type set"):
        nodes({"enum": [{1}]})


def test_texts_are_parsed() -> None:
    """With exact numbers; errors have lines."""
    assert node('{"minimum": 0.1000000000000000000000001}')["minimum"] == "1000000000000000000000001e-25"
    with pytest.raises(GrammarSyntaxError) as caught:
        nodes('{"a":\n oops}')
    assert caught.value.line == 2


def test_false_in_draft_4() -> None:
    """It is a schema in two keywords only."""
    assert not valid({"additionalProperties": False}, {"a": 1}, draft=Draft.D4)
    with pytest.raises(CompileError, match="false is not a schema in draft 4"):
        nodes({"properties": {"a": False}}, draft=Draft.D4)


def test_dependencies_in_all_forms() -> None:
    """A schema, a list, and a single name."""
    schema = {"dependencies": {"a": ["b", "c"], "d": {"required": ["e"]}, "f": "g"}}
    read = node(schema)
    assert read["dependent_required"] == [("a", ["b", "c"]), ("f", ["g"])]
    assert [name for name, _ in read["dependent_schemas"]] == ["d"]


def test_then_without_if_and_counts_without_contains_are_ignored() -> None:
    """2020-12 core, 10.2.2.2 and validation, 6.4.4."""
    assert valid({"then": False, "else": False, "minContains": 5}, [])
    assert valid({"contains": {"type": "null"}, "minContains": 0}, [])


@pytest.mark.parametrize("count", [3, 3.0, Decimal("3"), Decimal("30e-1")])
def test_counts_may_be_written_as_any_number(count: Any) -> None:
    """2020-12 core, 4.2.1."""
    assert node({"minLength": count})["min_length"] == 3


def test_huge_counts_are_the_largest() -> None:
    """Nothing is that long."""
    assert node({"maxLength": 10**400})["max_length"] == 2**31 - 1
    assert node({"maxLength": 1e300})["max_length"] == 2**31 - 1


def test_closed_objects_take_no_other_properties() -> None:
    """What Python types want; an object that declares nothing stays open."""
    assert not valid({"properties": {"a": {}}}, {"b": 1}, closed=True)
    assert valid({"type": "object"}, {"b": 1}, closed=True)
    assert valid({"properties": {"a": {}}, "additionalProperties": True}, {"b": 1}, closed=True)


# --- values ---


def test_values_are_equal_as_json_says() -> None:
    """1 and 1.0, objects in any order; not 1 and true (2020-12 core, 4.2.2)."""
    read = node(
        {"enum": [1, 1.0, True, "1", {"a": 1, "b": [2]}, {"b": [2.0], "a": Decimal("10e-1")}, None, False, 0, -0.0]}
    )
    assert [value[0] for value in read["values"]] == [
        "number",
        "boolean",
        "string",
        "object",
        "null",
        "boolean",
        "number",
    ]


def test_enum_and_const_together() -> None:
    """Both count."""
    assert node({"enum": [1, 2], "const": 2.0})["values"] == [("number", "2")]
    assert node({"enum": [1, 2], "const": 3})["values"] == []


def test_values_that_no_text_spells_are_dropped() -> None:
    """A lone surrogate is not in any UTF-8; a property that cannot be written cannot be required."""
    assert node({"enum": ["\ud800", "a", ["\udfff"], {"\ud800": 1}]})["values"] == [("string", "a")]
    assert node({"const": "\ud800"})["values"] == []
    read = node({"properties": {"\ud800": {}, "b": {}}})
    assert [name for name, _ in read["properties"]] == ["b"]
    assert not valid({"required": ["\ud800"]}, {"a": 1})
    assert not valid({"dependentRequired": {"a": ["\ud800"]}}, {"a": 1})


@settings(max_examples=200)
@given(
    st.one_of(
        st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.decimals(-(10**30), 10**30, places=12)
    )
)
def test_numerals_are_normalised_exactly(number: float | Decimal) -> None:
    """The numeral denotes the number (a float is what its repr says), and has one form."""
    text = node({"const": number})["values"][0][1]
    assert Decimal(text) == Decimal(repr(number) if isinstance(number, float) else number)
    digits, _, power = text.removeprefix("-").partition("e")
    assert digits == "0" or (not digits.startswith("0") and not digits.endswith("0"))
    assert power != "0"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, 2.5]) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100)
@given(JSON, JSON)
def test_const_holds_exactly_for_equal_values(left: Any, right: Any) -> None:
    """Against Python's own equality, with booleans told from numbers."""

    def tagged(value: Any) -> Any:
        if isinstance(value, bool):
            return ("bool", value)
        if isinstance(value, list):
            return [tagged(item) for item in value]
        return {name: tagged(item) for name, item in value.items()} if isinstance(value, dict) else value

    assert bool(node({"const": left, "enum": [right]})["values"]) == (tagged(left) == tagged(right))


# --- formats and report ---


def test_only_enforced_formats_are_kept() -> None:
    """Unknown ones are annotations, or refused where the caller is strict."""
    assert node({"format": "date"})["format"] == "date"
    assert node({"format": "colour"})["format"] is None
    assert node({"format": "colour"}, formats={"colour": "red|blue"})["format"] == "colour"
    assert node({"format": "date"}, format="annotation")["format"] is None
    with pytest.raises(UnsupportedFeature, match="'colour' is not known"):
        nodes({"format": "colour"}, format="strict")
    with pytest.raises(UnsupportedFeature, match="'regex' is not supported"):
        nodes({"format": "regex"})
    assert node({"format": "regex"}, on_unsupported="relax")["format"] is None


def test_report_lists_every_keyword_of_what_was_read() -> None:
    """In the order of the text, with what a reader should know."""
    schema = {
        "type": "object",
        "title": "t",
        "minLength": 2,
        "properties": {"a/b": {"format": "colour", "then": {}}},
        "additionalPropertys": False,
        "x-mine": 1,
        "x-validated": "what parse checks",
    }
    entries = report_of(read_native(schema, Options(), LIMITS))
    assert [(entry.pointer, entry.treatment, entry.note) for entry in entries] == [
        ("/type", "exact", ""),
        ("/title", "annotation", ""),
        ("/minLength", "annotation", "says nothing about object"),
        ("/properties", "exact", ""),
        ("/additionalPropertys", "annotation", "unknown keyword; did you mean 'additionalProperties'?"),
        ("/x-mine", "annotation", "not a keyword of JSON Schema"),
        ("/x-validated", "validated", "what parse checks"),
        ("/properties/a~1b/format", "annotation", "the format is not known and not enforced"),
        ("/properties/a~1b/then", "annotation", "has no effect here"),
    ]


@pytest.mark.parametrize("draft", [draft for draft in Draft if draft])
def test_keyword_tables_agree(draft: Draft) -> None:
    """The native table has each keyword in the drafts of the Python one; `dependencies` is known to later ones too."""
    for name, keyword in KEYWORDS.items():
        try:
            notes = [line[3] for line in read_native({name: None}, Options(draft=draft), LIMITS).report()]
        except CompileError:
            notes = []  # a known keyword whose value is malformed
        foreign = any(note.startswith("not a keyword") for note in notes)
        assert foreign == (not keyword.known_in(draft) and name != "dependencies"), name


# --- hostile ones ---


def nested(depth: int, wrap: Any, inner: Any) -> Any:
    """A value in a value in a value."""
    for _ in range(depth):
        inner = wrap(inner)
    return inner


def test_deep_nesting_reaches_the_limit() -> None:
    """Of schemas and of values, whatever the limit."""
    for schema in (
        nested(20_000, lambda inner: {"not": inner}, {}),
        {"const": nested(20_000, lambda inner: [inner], 1)},
        {"minLength": nested(20_000, lambda inner: [inner], 1), "properties": nested(600, lambda s: {"items": s}, {})},
    ):
        with pytest.raises(GuidedGenError):
            nodes(schema)
    with pytest.raises(LimitExceeded, match="depth"):
        nodes({"const": nested(20_000, lambda inner: [inner], 1)}, limits=Limits(depth=10**9))
    flat = read_native(nested(20_000, lambda inner: {"not": inner}, {}), Options(), Limits(depth=10**9))
    assert flat.nodes == 20_001


def test_objects_that_contain_themselves_reach_a_limit() -> None:
    """JSON has none, Python has."""
    loop: dict[str, Any] = {}
    loop["not"] = loop
    bush: dict[str, Any] = {}
    bush["allOf"] = [bush, bush]
    for schema, limit in ((loop, "depth"), (bush, "schema_bytes")):
        with pytest.raises(LimitExceeded, match=limit):
            nodes(schema)
    loop.clear()
    bush.clear()


def test_size_is_bounded() -> None:
    """By what is read, not by what is there."""
    big = {"enum": [f"value {i}" for i in range(10_000)]}
    with pytest.raises(LimitExceeded, match="schema_bytes"):
        nodes(big, limits=Limits(schema_bytes=50_000))
    assert nodes({"$defs": {"a": big}}, limits=Limits(schema_bytes=50_000))


def test_reference_loops_end() -> None:
    """Whether they make progress is not the reader's business."""
    assert len(nodes({"$ref": "#"})) == 1
    chain = {str(i): {"$anchor": f"a{i}", "$ref": f"#a{(i + 1) % 500}"} for i in range(500)}
    assert len(nodes({"$ref": "#a0", "$defs": chain})) == 501
    dynamic = {str(i): {"$dynamicAnchor": f"a{i}", "$dynamicRef": f"#a{(i + 1) % 500}"} for i in range(500)}
    assert len(nodes({"$dynamicRef": "#a0", "$defs": dynamic})) == 501


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats()
    | st.sampled_from(["", "#", "#/$defs/a", "#a", "a", "http://x/", "http://x/#a", "\ud800", "string", "~", "$id"])
    | st.sampled_from(["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-04/schema#"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYWORDS, "a", "0", "\udfff", "x-validated"]), inner, max_size=5)
    ),
    max_leaves=25,
)


@settings(max_examples=200)
@given(ANYTHING, ANYTHING, st.sampled_from(sorted(Draft)))
def test_nothing_but_typed_errors(schema: Any, document: Any, draft: Draft) -> None:
    """Whatever stands where: a table whose parts can be shown, or an error of this package."""
    try:
        read = read_native(schema, Options(draft=draft, registry={"http://x/": document, "a": schema}), LIMITS)
    except GuidedGenError:
        return
    assert len(read.dump()) == read.nodes
    assert read.memory > 0
    assert all(len(line) == 4 for line in read.report())
