"""The native schema reader: drafts and references, checked by validating with the nodes it makes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from guidedgen.errors import CompileError, UnsupportedFeature
from guidedgen.grammars.json_schema.formats import FORMATS, NOT_ENFORCED
from guidedgen.grammars.json_schema.native_schema import read_native
from guidedgen.grammars.json_schema.options import Draft, Options
from tests.grammars.json_schema.native_nodes import LIMITS, node, nodes, valid
from tests.grammars.json_schema.node_evaluator import Evaluator

pytest.importorskip("guidedgen.kernel._native")

DRAFTS = {
    "draft4": Draft.D4,
    "draft6": Draft.D6,
    "draft7": Draft.D7,
    "draft2019-09": Draft.D2019,
    "draft2020-12": Draft.D2020,
}


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
    schema = read_native({"const": 1, "if": True, "prefixItems": 5}, Options(draft=Draft.D4), LIMITS)
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
