"""The native schema reader: what it makes of a schema, checked by validating with the nodes it made."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import CompileError, GrammarSyntaxError, GuidedGenError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars.json_schema.formats import FORMATS, NOT_ENFORCED
from guidedgen.grammars.json_schema.keywords import KEYWORDS
from guidedgen.grammars.json_schema.native_schema import read_native, report_of
from guidedgen.grammars.json_schema.options import Draft, Options
from guidedgen.limits import Limits
from tests.grammars.json_schema.node_evaluator import Evaluator

pytest.importorskip("guidedgen.kernel._native")

DRAFTS = {
    "draft4": Draft.D4,
    "draft6": Draft.D6,
    "draft7": Draft.D7,
    "draft2019-09": Draft.D2019,
    "draft2020-12": Draft.D2020,
}
LIMITS = Limits()


def nodes(schema: Any, *, draft: Draft = Draft.MIXED, limits: Limits = LIMITS, **options: Any) -> list[dict[str, Any]]:
    """What the reader makes of a schema; the root is first."""
    dumped: list[dict[str, Any]] = read_native(schema, Options(**options), limits, draft=draft).dump()  # type: ignore[assignment]
    return dumped


def node(schema: Any, **options: Any) -> dict[str, Any]:
    """The root."""
    return nodes(schema, **options)[0]


def valid(schema: Any, value: Any, **options: Any) -> bool:
    """Whether a value is valid, by the nodes."""
    return Evaluator(nodes(schema, **options)).valid(value)


def exact(text: str) -> Any:
    """JSON with exact numbers."""
    return json.loads(text, parse_float=Decimal)


# --- the official suite ---


def suite_files(shared: Path, draft: str) -> Iterator[Path]:
    """The files of a draft."""
    yield from sorted((shared / "data/json-schema-test-suite/tests" / draft).rglob("*.json"))


def remotes(shared: Path) -> dict[str, Any]:
    """The suite's remote documents."""
    folder = shared / "data/json-schema-test-suite/remotes"
    return {
        f"http://localhost:1234/{path.relative_to(folder)}": exact(path.read_text(encoding="utf-8"))
        for path in folder.rglob("*.json")
    }


# Files about what nodes leave to others: texts of patterns and formats.
_ABOUT_TEXTS = ("format", "ecmascript-regex", "format-assertion")
# Draft 7 lets a validator check encoded content; here it is an annotation, as in later drafts (2019-09 validation, 8).
_CONTENT = "content"


@pytest.mark.parametrize("draft", DRAFTS)
def test_suite_is_right_by_the_nodes(shared: Path, draft: str) -> None:
    """Every schema of the suite is read, and its nodes judge every instance as the suite does."""
    options: dict[str, Any] = {"format": "annotation", "registry": remotes(shared), "draft": DRAFTS[draft]}
    wrong, judged = [], 0
    for path in suite_files(shared, draft):
        for group in exact(path.read_text(encoding="utf-8")):
            evaluator = Evaluator(nodes(group["schema"], **options))
            if path.stem in _ABOUT_TEXTS or path.parent.name == "format":
                continue
            if path.stem == _CONTENT and path.parent.name == "optional":
                continue
            for test in group["tests"]:
                judged += 1
                if evaluator.valid(test["data"]) != test["valid"]:
                    wrong.append((path.name, group["description"], test["description"]))
    assert judged > 500
    assert wrong == []


def test_dialect_with_format_assertion_enforces_formats(shared: Path) -> None:
    """The vocabulary asserts formats whatever the option says (2020-12 validation, 7.2.2)."""
    path = shared / "data/json-schema-test-suite/tests/draft2020-12/optional/format-assertion.json"
    groups = json.loads(path.read_text(encoding="utf-8"))
    for group in groups:
        read = node(group["schema"], format="annotation", registry=remotes(shared))
        assert read["format"] == group["schema"]["format"]
    assert len(groups) == 2


# --- real schemas ---


def real_schemas(shared: Path, step: int) -> Iterator[tuple[str, Any]]:
    """Every step-th file of the collection."""
    for path in sorted((shared / "data/maskbench").glob("*.json"))[::step]:
        yield path.name, json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_real_schemas_are_read(shared: Path, step: int) -> None:
    """No schema of the collection is refused, and what validates by the nodes is what the collection says is valid."""
    formats = frozenset(FORMATS) | NOT_ENFORCED
    count = 0
    for name, file in real_schemas(shared, step):
        schema = read_native(file["schema"], Options(), LIMITS, formats=formats)
        assert schema.nodes >= 1, name
        assert all(line[0].startswith("/") or line[0].startswith("<") for line in schema.report()), name
        count += 1
    assert count > 100


# --- drafts ---


def test_schema_keyword_chooses_the_draft() -> None:
    """`$schema` wins over the default."""
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}
    read = node(schema, draft=Draft.D2020)
    assert (read["minimum"], read["exclusive_minimum"]) == (None, "1")
    with pytest.raises(CompileError, match="exclusiveMinimum must be a number"):
        node({"minimum": 1, "exclusiveMinimum": True}, draft=Draft.D7)


def test_reference_hides_its_siblings_up_to_draft_7() -> None:
    """8.3 of draft 7's core; 2019-09 and schemas without `$schema` count them."""
    schema = {"$ref": "#/definitions/a", "minLength": 2, "definitions": {"a": {"type": "string"}}}
    assert valid(schema, "x", draft=Draft.D7)
    assert not valid(schema, "x", draft=Draft.D2019)
    assert not valid(schema, "x")


def test_keywords_of_other_drafts_are_annotations() -> None:
    """They are listed with the draft that does not have them."""
    schema = read_native({"const": 1, "if": True, "prefixItems": 5}, Options(), LIMITS, draft=Draft.D4)
    assert {line[3] for line in schema.report()} == {"not a keyword in draft 4"}
    assert nodes({"const": 1}, draft=Draft.D4)[0]["always"] == 1


def test_unknown_dialect_is_refused_with_its_place() -> None:
    """Today's behaviour: a dialect that is not known may mean anything."""
    with pytest.raises(UnsupportedFeature, match="is not known") as caught:
        nodes({"$schema": "https://example.com/dialect"})
    assert (caught.value.pointer, caught.value.keyword) == ("/$schema", "$schema")


def test_dialect_with_an_unknown_vocabulary_that_must_be_understood_is_refused() -> None:
    """2020-12 core, 8.1.2.1; the same vocabulary as an option is ignored."""
    for needed in (True, False):
        metaschema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$vocabulary": {
                "https://json-schema.org/draft/2020-12/vocab/validation": True,
                "https://example.com/v": needed,
            },
        }
        schema = {"$schema": "https://example.com/dialect", "type": "null"}
        registry = {"https://example.com/dialect": metaschema}
        if needed:
            with pytest.raises(UnsupportedFeature):
                nodes(schema, registry=registry)
        else:
            assert node(schema, registry=registry)["types"] == 1


# --- references ---


def test_unreferenced_definitions_are_not_read() -> None:
    """They say nothing, so nothing in them is wrong."""
    assert len(nodes({"type": "null", "$defs": {"a": {"type": 5}}, "definitions": 7})) == 1


def test_a_location_is_one_node_however_it_is_reached() -> None:
    """Loops end."""
    schema = {
        "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#/properties/a"}, "c~/%": {"$ref": "#/properties/c~0~1%25"}}
    }
    read = nodes(schema)
    assert [each["pointer"] for each in read] == ["", "/properties/a", "/properties/b", "/properties/c~0~1%"]
    assert [each.get("ref") for each in read[1:]] == [0, 1, 3]


def test_the_same_object_at_two_places_is_two_nodes() -> None:
    """Their pointers, and what is relative to them, differ."""
    inner = {"$ref": "#"}
    schema = {"properties": {"a": {"$id": "http://a/", "items": inner}, "b": {"$id": "http://b/", "items": inner}}}
    read = {each["pointer"]: each for each in nodes(schema)}
    by_index = nodes(schema)
    assert by_index[read["/properties/a/items"]["ref"]]["pointer"] == "/properties/a"
    assert by_index[read["/properties/b/items"]["ref"]]["pointer"] == "/properties/b"


class _Counting(dict[str, Any]):
    """A registry that counts what is asked of it."""

    asked: int = 0

    def __getitem__(self, key: str) -> Any:
        """Count, then look up."""
        self.asked += 1
        return super().__getitem__(key)


def test_a_registry_costs_nothing_until_something_refers_to_it() -> None:
    """Then only what is referred to is taken out of it."""
    registry = _Counting({f"http://x/{i}": {"type": "null"} for i in range(100)})
    nodes({"type": "object", "properties": {"a": {"$ref": "#"}}}, registry=registry)
    assert registry.asked == 0
    read = nodes({"$ref": "http://x/7"}, registry=registry)
    assert registry.asked == 1
    assert read[1]["pointer"] == "<http://x/7>"


def test_documents_are_found_by_what_they_call_themselves() -> None:
    """A registry's key need not be the document's own identifier."""
    registry = {"file:///a.json": {"$id": "http://x/named", "$defs": {"t": {"$anchor": "t", "type": "null"}}}}
    assert not valid({"$ref": "http://x/named#t"}, 1, registry=registry)


def test_a_registry_may_hold_texts() -> None:
    """As `JsonSchema` takes them."""
    assert not valid({"$ref": "http://x/a"}, 1, registry={"http://x/a": '{"type": "null"}'})


@pytest.mark.parametrize("draft", [4, 6, 7])
def test_standard_metaschemas_resolve(draft: int) -> None:
    """Without a registry."""
    schema = {"$ref": f"http://json-schema.org/draft-0{draft}/schema#"}
    assert valid(schema, {"type": "string"}, format="annotation")
    assert not valid(schema, {"type": 5}, format="annotation")


@pytest.mark.parametrize("year", ["2019-09", "2020-12"])
def test_metaschemas_with_dynamic_scopes_resolve(year: str) -> None:
    """Their vocabularies refer back through $recursiveRef and $dynamicRef."""
    schema = {"$ref": f"https://json-schema.org/draft/{year}/schema"}
    assert valid(schema, {"properties": {"a": {"minLength": 1}}}, format="annotation")
    assert not valid(schema, {"properties": {"a": {"minLength": "1"}}}, format="annotation")


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        ("#/nowhere", CompileError, "points to nothing"),
        ("#nowhere", CompileError, "points to nothing"),
        ("#/allOf/7", CompileError, "points to nothing"),
        ("#/allOf/00", CompileError, "points to nothing"),
        ("#/title", CompileError, "must be a reference to a schema"),
        ("http://elsewhere/a", UnsupportedFeature, "leaves the schema"),
        ("other.json#/a", UnsupportedFeature, "leaves the schema"),
        ("http://[", UnsupportedFeature, "leaves the schema"),
        (5, CompileError, "must be a string"),
    ],
)
def test_references_to_nothing(reference: Any, error: type[CompileError], message: str) -> None:
    """Errors name the place and the remedy."""
    with pytest.raises(error, match=message) as caught:
        nodes({"title": "t", "allOf": [{"not": {"$ref": reference}}]})
    assert (caught.value.pointer, caught.value.keyword) == ("/allOf/0/not/$ref", "$ref")
    assert caught.value.hint


def test_identifiers_that_the_dialect_does_not_have_change_nothing() -> None:
    """`id` without `$schema` is a name like any other, also beside an inner `$schema`."""
    inner = {"$schema": "http://json-schema.org/draft-04/schema", "id": "inner", "items": {"$ref": "#/definitions/a"}}
    assert not valid({"definitions": {"a": {"type": "null"}}, "properties": {"b": inner}}, {"b": [1]})


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


@pytest.mark.parametrize("draft", DRAFTS.values())
def test_keyword_tables_agree(draft: Draft) -> None:
    """The native table has each keyword in the drafts of the Python one, but for `dependencies`, which later ones keep."""
    for name, keyword in KEYWORDS.items():
        try:
            notes = [line[3] for line in read_native({name: None}, Options(), LIMITS, draft=draft).report()]
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
        read = read_native(schema, Options(registry={"http://x/": document, "a": schema}), LIMITS, draft=draft)
    except GuidedGenError:
        return
    assert len(read.dump()) == read.nodes
    assert read.memory > 0
    assert all(len(line) == 4 for line in read.report())


@pytest.mark.benchmark
def test_reading_is_fast(shared: Path) -> None:
    """Half a microsecond or so for a location: 50 to 100 locations in less than 50 microseconds."""
    spent = []
    for _, file in real_schemas(shared, 10):
        best, schema = 1.0, None
        for _ in range(3):
            start = time.thread_time()
            schema = read_native(file["schema"], Options(format="annotation"), LIMITS)
            best = min(best, time.thread_time() - start)
        if schema is not None and 50 <= schema.nodes <= 100:
            spent.append(best)
    assert sorted(spent)[len(spent) // 2] < 50e-6
