"""The page of all keywords is what its script makes of the code's table, and the table is what the code does."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from guidedgen.errors import UnsupportedFeature
from guidedgen.grammars.json_schema import translate_schema
from guidedgen.grammars.json_schema.keywords import KEYWORDS
from guidedgen.grammars.json_schema.options import Draft, Options
from guidedgen.limits import Limits
from tests.docs.scripts import script_named

META_SCHEMAS = {
    Draft.D4: "Draft4Validator",
    Draft.D6: "Draft6Validator",
    Draft.D7: "Draft7Validator",
}
VALUES: dict[str, Any] = {
    "contains": {"const": 1},
    "minContains": 2,
    "maxContains": 2,
    "unevaluatedItems": False,
    "unevaluatedProperties": False,
    "$dynamicRef": "#x",
    "$recursiveRef": "#",
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_named("keyword_table")


def test_the_page_is_up_to_date(script: ModuleType) -> None:
    assert script.page() == script.PAGE.read_text(encoding="utf-8"), "run scripts/keyword_table.py"
    assert script.main(["--check"]) == 0


def test_every_keyword_has_one_row(script: ModuleType) -> None:
    rows = [line.split("|")[1].strip() for line in script.page().splitlines() if line.startswith("| `")]
    assert rows == [f"`{name}`" for name in KEYWORDS]


@pytest.mark.parametrize("draft", META_SCHEMAS)
def test_the_table_has_what_the_meta_schemas_have(draft: Draft) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    declared = set(getattr(jsonschema, META_SCHEMAS[draft]).META_SCHEMA["properties"])
    known = {name for name, keyword in KEYWORDS.items() if keyword.known_in(draft)}
    assert declared - known == set()
    # `$ref` is described in draft 4's core document only, and draft 4's meta-schema leaves out `format` as well
    assert known - declared <= {"$ref", "format", "contentMediaType", "contentEncoding", "readOnly", "writeOnly"}


@pytest.mark.parametrize("name", [name for name, keyword in KEYWORDS.items() if keyword.role == "unsupported"])
def test_what_is_called_refused_is_refused(name: str) -> None:
    schema = {name: VALUES[name], **({"contains": True} if "Contains" in name else {})}
    with pytest.raises(UnsupportedFeature):
        translate_schema(schema, options=Options(), limits=Limits())
