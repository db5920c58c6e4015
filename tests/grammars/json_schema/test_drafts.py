"""`draft=`: the dialect of a schema that names none."""

from __future__ import annotations

from typing import Any

import pytest

from guidedgen.errors import CompileError
from guidedgen.grammars.json_schema.keywords import draft_named
from guidedgen.grammars.json_schema.options import Draft
from tests.grammars.json_schema.feeding import compiled, taken, valid_ones

LISTED = {"items": [{"type": "integer"}], "additionalItems": False}


@pytest.mark.parametrize(
    ("draft", "numerals"),
    [(None, ["1", "1.0"]), (4, ["1"]), ("draft4", ["1"]), (6, ["1", "1.0"]), ("2020-12", ["1", "1.0"])],
)
def test_in_draft_4_an_integer_has_no_fraction(draft: Any, numerals: list[str]) -> None:
    assert taken({"type": "integer"}, ["1", "1.0"], draft=draft) == numerals


def test_keywords_come_and_go() -> None:
    schema = {"$ref": "#/definitions/a", "maxLength": 1, "definitions": {"a": {"type": "string"}}}
    assert valid_ones(schema, ["a", "ab"], draft=7) == ["a", "ab"]  # before 2019-09 siblings of $ref do not count
    assert valid_ones(schema, ["a", "ab"], draft=2019) == ["a"]
    assert valid_ones(schema, ["a", "ab"]) == ["a"]
    assert valid_ones({"const": 1}, [1, 2], draft=4) == [1, 2]
    assert valid_ones({"const": 1}, [1, 2], draft=6) == [1]
    assert compiled({"const": 1}, draft=4).report.warnings[0].note == "not a keyword in draft 4"


def test_lists_of_items_are_malformed_since_2020() -> None:
    assert valid_ones(LISTED, [[1], [1, 2], ["a"]], draft="2019-09") == [[1]]
    with pytest.raises(CompileError, match="prefixItems"):
        compiled(LISTED, draft="2020-12")


def test_what_the_schema_says_wins() -> None:
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}
    assert taken(schema, ["1", "1.0"], draft=7) == ["1"]


def test_documents_of_the_registry_follow() -> None:
    registry = {"urn:x": {"$defs": {"a": {"type": "integer"}}}}
    assert taken({"$ref": "urn:x#/$defs/a"}, ["1", "1.0"], draft=4, registry=registry) == ["1"]


@pytest.mark.parametrize("policy", ["error", "validate"])
def test_finished_values_are_read_alike(policy: Any) -> None:
    schema = {"contains": {"const": 1}, "type": "array", "maxItems": 1}
    assert valid_ones(schema, [[2]], draft=4, on_unsupported=policy) == [[2]]


@pytest.mark.parametrize(
    ("name", "draft"),
    [
        (None, Draft.MIXED),
        (4, Draft.D4),
        ("6", Draft.D6),
        ("Draft7", Draft.D7),
        ("draft-07", Draft.D7),
        (2019, Draft.D2019),
        ("2019-09", Draft.D2019),
        ("draft2020-12", Draft.D2020),
        ("https://json-schema.org/draft/2020-12/schema", Draft.D2020),
    ],
)
def test_names_of_drafts(name: Any, draft: Draft) -> None:
    assert draft_named(name) is draft


@pytest.mark.parametrize("name", [3, 5, "draft3", "", "latest", True, 2012])
def test_other_names_are_refused(name: Any) -> None:
    with pytest.raises(CompileError, match="2020-12"):
        compiled({}, draft=name)
