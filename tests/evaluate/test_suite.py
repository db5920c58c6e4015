"""Files of schemas and tests, and the keywords in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.keywords import keywords_of
from guidedgen.evaluate.suite import find_cases, json_text, read_case
from tests.evaluate.samples import DATA, case


def test_folders_files_and_lists(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("b.json", "a.json", "below/c.json"):
        (tmp_path / name).write_text(case({}))
    listed = tmp_path / "some.txt"
    listed.write_text("b.json\n\nbelow/c.json\n")
    assert list(find_cases([tmp_path])) == ["a.json", "b.json", "below/c.json"]
    assert find_cases([listed]) == {"b.json": tmp_path / "b.json", "below/c.json": tmp_path / "below/c.json"}
    assert list(find_cases([tmp_path / "b.json"])) == ["b.json"]
    elsewhere = tmp_path / "below" / "list"
    elsewhere.write_text("a.json")
    assert find_cases([elsewhere], data=tmp_path) == {"a.json": tmp_path / "a.json"}
    with pytest.raises(EvaluationError, match=r"lists 1 files .* first a\.json\. Name their folder with --data"):
        find_cases([elsewhere])


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="does not exist"):
        find_cases([tmp_path / "nothing"])
    with pytest.raises(EvaluationError, match=r"no \.json files"):
        find_cases([tmp_path])
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.json").write_text(case({}))
    with pytest.raises(EvaluationError, match=r"two files are called a\.json"):
        find_cases([tmp_path / "one", tmp_path / "two"])


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '{"tests": []}', '{"schema": {}, "tests": [{"data": 1}]}', "[" * 100_000]
)
def test_files_of_another_format_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=r"file\.json is not a file of schema and tests"):
        read_case(path)


def test_a_case_without_tests(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text('{"schema": true}')
    assert read_case(path).instances == ()


def test_instances_are_written_as_python_writes_json() -> None:
    assert json_text({"ä": [1, 1.5, None]}) == '{"ä": [1, 1.5, null]}'
    assert json_text("\ud800") == '"\\ud800"'
    assert read_case(DATA / "calendar_entry.json").instances[0].text == '{"title": "Zahnärztin", "day": "2024-02-29"}'


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"enum": [{"minimum": 3}], "default": {"pattern": ""}}, {"enum"}),
        ({"properties": {"minimum": {"type": "string"}}}, {"properties", "type"}),
        (
            {"items": [{"not": {"format": "uuid"}}, False]},
            {"items", "not", "format", "format: uuid", "false as a schema"},
        ),
        ({"dependencies": {"a": ["b"], "c": {"$ref": "#"}}}, {"dependencies", "$ref"}),
        ({"additionalProperties": False, "x-own": {"maximum": 3}}, {"additionalProperties"}),
        ({"type": ["string", "null"]}, {"type", "type: [...]"}),
        (True, {"true as a schema"}),
    ],
)
def test_keywords_count_where_schemas_stand(schema: Any, expected: set[str]) -> None:
    assert set(keywords_of(schema)) == expected
