"""`guidedgen check`: reports, texts explained, and errors with the lines that they are about."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from guidedgen import cli

SCHEMA = """{
  "type": "object",
  "properties": {
    "title": {"type": "string", "maxLength": 9, "requried": 1},
    "tags": {"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 1, "maxItems": 2}
  },
  "required": ["title", "tags"],
  "additionalProperties": false
}
"""
VALID = '{"title": "Fire", "tags": ["x"]}'
Check = Callable[..., Any]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Run `check` on a file with this content."""

    def run(text: str, *arguments: str, name: str = "schema.json") -> Any:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return CliRunner().invoke(cli.app, ["check", str(path), *arguments])

    return run


def told_lines(result: Any) -> list[tuple[int, str]]:
    """The numbered lines in an error, each with what is marked below it."""
    lines = result.stderr.splitlines()
    found: list[tuple[int, str]] = []
    for line, mark in pairwise(lines):
        if " | " in line and set(mark.partition("|")[2].strip()) == {"^"}:
            found.append((int(line.partition("|")[0]), line[mark.index("^") : mark.rindex("^") + 1]))
    return found


def test_without_options_what_needs_attention_and_counts(check: Check) -> None:
    result = check(SCHEMA)
    assert result.exit_code == 0
    assert "/properties/title/requried" in result.stdout
    assert "unknown keyword" in result.stdout
    assert "/properties/title/maxLength" not in result.stdout
    assert "12 keywords: 11 exact, 1 annotation" in result.stdout


def test_the_report_lists_every_keyword_with_its_note(check: Check) -> None:
    result = check(SCHEMA, "--report")
    entries = json.loads(check(SCHEMA, "--json").stdout)["report"]
    assert len(entries) == 12
    assert [entry["pointer"] for entry in entries if entry["pointer"] not in result.stdout] == []
    assert "unknown keyword" in result.stdout


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (VALID, 0, ["text: valid"]),
        ('{"title": "Fire", "tags": ["z"]}', 1, ["28 bytes read", "'z\"]}' does not fit in #/properties/tags/items"]),
        ('{"title": "Fire"', 1, ["the text ends too early", "key 'tags' of #", "expected ,"]),
        (VALID + "}", 1, [f"{len(VALID)} bytes read", "'}' does not fit: expected the end"]),
        ("", 1, ["0 bytes read", "the text ends too early", "expected {"]),
        ('{"title": "éééééééééé"', 1, ["29 bytes read", "#/properties/title"]),
    ],
)
def test_a_text_is_explained(check: Check, text: str, code: int, told: list[str]) -> None:
    result = check(SCHEMA, "--explain", text)
    assert result.exit_code == code
    assert [part for part in told if part not in result.stdout] == []


def test_what_was_read_is_told_piece_by_piece(check: Check) -> None:
    told = json.loads(check(SCHEMA, "--explain", VALID, "--json").stdout)
    steps = told["explain"]["steps"]
    assert "".join(step["text"] for step in steps) == VALID
    assert ["#/properties/title"] in [step["read_as"] for step in steps if step["text"] == '"Fire"']
    assert told["explain"]["stops"] is None
    stops = json.loads(check(SCHEMA, "--explain", '{"title": 3}', "--json").stdout)["explain"]["stops"]
    assert stops["labels"] == ["#/properties/title"]
    assert (stops["offset"], stops["pointers"], stops["expected"]) == (10, ["/properties/title"], '"')
    if stops["instance"] is not None:  # the native kernel
        assert stops["instance"] == "/title"
        assert stops["expectations"] == [{"wanted": "a string", "pointer": "/properties/title/type"}]


def test_texts_of_a_grammar_are_explained(check: Check) -> None:
    grammar = 'start: GREETING " " NAME\nGREETING: "hello"\nNAME: /[a-z]+/'
    result = check(grammar, "--explain", "hello 3", name="g.lark")
    assert result.exit_code == 1
    assert "6 bytes read, then '3' does not fit in NAME: expected a-z" in result.stdout


def test_the_line_of_a_bad_keyword_is_marked(check: Check) -> None:
    result = check(SCHEMA.replace('"maxLength": 9', '"maxLength": "9"'))
    assert (result.exit_code, result.stdout) == (1, "")
    assert told_lines(result) == [(4, '"maxLength"')]


def test_all_lines_of_a_contradiction_are_marked(check: Check) -> None:
    result = check(SCHEMA.replace('"minItems": 1', '"minItems": 3'))
    assert result.exit_code == 1
    assert told_lines(result) == [(5, '"minItems"'), (5, '"maxItems"'), (7, '"tags"')]


def test_a_missing_definition_and_a_bad_pattern_have_their_lines(check: Check) -> None:
    assert told_lines(check('{\n "items": {\n  "$ref": "#/$defs/none"}}')) == [(3, '"$ref"')]
    assert told_lines(check('{"type": "string",\n "pattern": "("}')) == [(2, '"pattern"')]


def test_broken_json_shows_its_line(check: Check) -> None:
    result = check('{"type": "object",\n  "a": tru}')
    assert result.exit_code == 1
    assert "line 2, column 8" in result.stderr
    line, mark = result.stderr.splitlines()[-2:]
    assert line[mark.index("^") :] == "tru}"


def test_a_grammar_that_cannot_be_enforced_shows_the_line(check: Check) -> None:
    result = check('start: A B\nA: "a"\nB: /(b)\\1/\n', name="g.lark")
    assert result.exit_code == 1
    assert told_lines(result) == [(3, "B")]
    result = check("start: A\nA: (\n", name="g.lark")
    assert result.exit_code == 1
    assert "line " in result.stderr


TOOLS = """[
  {"type": "function", "function": {"name": "ok", "parameters": {"properties": {"a": {"type": "integer"}}}}},
  {"type": "function", "function": {
    "name": "odd",
    "parameters": {"properties": {"q": {"type": "string"}}}
  }}
]"""


def test_a_list_is_one_of_tools(check: Check) -> None:
    assert check(TOOLS, "--text", '[{"name": "odd", "arguments": {"q": "x"}}]').stdout.endswith("text: valid\n")
    assert check(TOOLS, "--text", '[{"name": "odd", "arguments": {"q": 3}}]').exit_code == 1


def test_an_odd_tool_is_shown_where_it_stands(check: Check) -> None:
    result = check(TOOLS.replace('"string"', '"strin"'))
    assert result.exit_code == 1
    assert "tool 'odd': type must be one or several of" in result.stderr
    assert told_lines(result) == [(5, '"type"')]
    flat = '[{"name": "ok"},\n{"name": "odd",\n"inputSchema": {"minProperties":\n"x"}}]'
    assert told_lines(check(flat)) == [(3, '"minProperties"')]


@pytest.mark.parametrize(
    ("text", "told"), [("[{]", "is not JSON"), ("[]", "there are no tools"), ("[3]", "is not a tool")]
)
def test_lists_that_hold_no_tools(check: Check, text: str, told: str) -> None:
    result = check(text)
    assert result.exit_code == 1
    assert told in " ".join(result.stderr.split())
